"""Properties of a text: a number after every character, as their definitions say."""

import re

import numpy as np
import pytest

from rnnbench.errors import UsageError
from rnnbench.text import properties


def digits(values):
    """Small values as one digit each, to be read below the text."""
    return "".join(str(int(value)) for value in values)


@pytest.mark.parametrize(("function", "text", "expected"), [
    (properties.inside_quotes, 'a "bc" d', "00111000"),
    (properties.inside_quotes, "他说「好」了", "001100"),
    (properties.inside_quotes, '"open\n\nnew "x"', "11111100000110"),
    (properties.bracket_depth, "a(b[c]d)e)(", "01122110001"),
    (properties.bracket_depth, "((\n\nx", "12200"),
    (properties.speaker_name, "ROMEO:\nWhat: no:\n\nFirst Citizen:\nYes", "111110" + "0" * 12 + "1" * 13 + "00000"),
    (properties.speaker_name, "x\n\nand so I say:\n\nAy, he said:\n", "0" * 31),
    (properties.line_position, "ab\ncde\n", "1201230"),
    (properties.after_newline, "ab\n\nc", "00110"),
    (properties.since_blank, "ab cd\te", "1201201"),
    (properties.digit, "a1b23", "01011"),
    (properties.capital, "Ab É x", "100100"),
    (properties.inside_word, "it's 4 汉", "11010101"),
])  # fmt: skip
def test_each_property_is_what_it_says(function, text, expected):
    """Marks open inside and close outside; distances count from the last mark; blank lines put in order."""
    assert digits(function(text)) == expected


def test_every_property_has_a_value_for_every_character():
    """Also for no text, one character, and characters outside the basic plane; distances stay bounded."""
    for text in ("", "a", "\n", "🙂\ud800x", "x" * 500):
        found = properties.find_all(text, re.compile("x"))
        assert {len(each.values_C) for each in found} == {len(text)}
        assert len({each.name for each in found}) == len(found) == 10
        assert all(each.values_C.dtype == np.float64 and each.values_C.max(initial=0) <= 200 for each in found)


def test_a_pattern_marks_its_matches():
    """The characters of every match are 1, an empty match marks nothing."""
    assert digits(properties.matches("the cat, the dog", re.compile("the |d"))) == "1111000001111100"
    assert digits(properties.matches("abc", re.compile("x*"))) == "000"


@pytest.mark.parametrize(
    ("written", "place"), [("(a", "character 1"), ("a**", "character 3"), ("[z-a]", "character 2")]
)
def test_a_bad_pattern_is_refused_with_its_place(written, place):
    """A usage error, which says where."""
    with pytest.raises(UsageError, match=f"{place} "):
        properties.read_pattern(written)


def test_a_pattern_has_a_length():
    """A thousand characters are read, more are refused; what Python only warns of is no failure."""
    assert properties.read_pattern("[[a]" + "b" * 996)
    with pytest.raises(UsageError, match="1,001"):
        properties.read_pattern("b" * 1001)


def test_patterns_that_may_take_for_ever_are_noticed():
    """A repeat of a repeat is, a plain pattern is not."""
    assert all(map(properties.may_take_for_ever, ["(a+)+b", "(a*)*", "(x{2,})*"]))
    assert not any(map(properties.may_take_for_ever, ["a+b*", "(ab)+", "[a-z]+:"]))
