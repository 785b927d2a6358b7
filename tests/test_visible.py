"""Nothing that a file contains may drive the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.visible import visible

ANY_TEXT = st.text(st.characters(categories=None), max_size=200)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain text, 山中邮局, é", "plain text, 山中邮局, é"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x00\x07\x7f", "␀␇␡"),
        ("a\tb\nc\r", "a␉b␊c␍"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("\u2066x\u2069\u200f\u061c", "\\u2066x\\u2069\\u200f\\u061c"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud800", "\ufffd"),
        ("", ""),
    ],
)
def test_what_could_drive_a_terminal_is_shown_as_a_picture(given: str, shown: str) -> None:
    """C0, DEL, C1, bidirectional controls, separators and surrogates each have a harmless form; text stays."""
    assert visible(given) == shown


@given(ANY_TEXT)
def test_nothing_that_acts_comes_through(text: str) -> None:
    """Whatever goes in, no control character, no surrogate and no line or direction control comes out."""
    shown = visible(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in shown} & {
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    shown.encode("utf-8")


@given(ANY_TEXT)
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    """Text that has been through the gate once is not changed by going through again."""
    assert visible(visible(text)) == visible(text)


def test_newlines_can_be_kept() -> None:
    """With keep_newlines only the newline acts; tabs become blanks and the carriage return stays a picture."""
    assert visible("a\n\tb\r\n\x1b", keep_newlines=True) == "a\n    b␍\n␛"


@pytest.mark.parametrize(("limit", "shown"), [(5, "abcde"), (4, "abc…"), (1, "…"), (None, "abcde")])
def test_a_long_text_is_cut_and_says_so(limit: int | None, shown: str) -> None:
    """The limit counts characters, the ellipsis included; a text that just fits is not cut."""
    assert visible("abcde", limit=limit) == shown
