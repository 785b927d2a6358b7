"""What can be said of every character of a text: a number each, for a hidden unit to be compared with.

A value belongs to the moment after its character was read. What opens is therefore inside, and what closes outside.
"""

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnbench.errors import UsageError

Values = NDArray[np.float64]  # (C,), one for each character

_LONGEST_PATTERN = 1000
_FARTHEST = 200  # distances are counted so far: a text without line ends would else be one slope
_OPENING, _CLOSING = "([{（［｛【《〈", ")]}）］｝】》〉"
_BRACKETS = re.compile("[" + re.escape(_OPENING + _CLOSING) + "]|\n[^\\S\n]*\n")
_QUOTES = re.compile('["“”„«»「」『』]|\n[^\\S\n]*\n')
_OPEN_QUOTES, _CLOSE_QUOTES = "“„«「『", "”»」』"
_SPEAKER = re.compile(r"(?:\A|\n[^\S\n]*\n)([^\W\d_a-z][^\n.,;:!?]{0,60}):[^\S\n]*(?=\n|\Z)")
_NESTED_REPEAT = re.compile(r"[+*}][^()]*\)[+*{]")


@dataclass(frozen=True, eq=False)
class Property:
    """A name, a sentence that defines it, and its value (C,) after each character."""

    name: str
    meaning: str
    values_C: Values


def inside_quotes(text: str) -> Values:
    """1 from an opening double quotation mark to its closing one; a blank line closes what was left open."""
    open_ = False
    changes = []
    for found in _QUOTES.finditer(text):
        mark = found.group()
        open_ = not open_ if mark == '"' else mark in _OPEN_QUOTES
        changes.append((found.end() - 1, float(open_)))
    return _steps(len(text), changes)


def bracket_depth(text: str) -> Values:
    """How many brackets are open; a blank line closes all."""
    depth, changes = 0, []
    for found in _BRACKETS.finditer(text):
        mark = found.group()
        depth = depth + 1 if mark in _OPENING else max(depth - 1, 0) if mark in _CLOSING else 0
        changes.append((found.end() - 1, float(depth)))
    return _steps(len(text), changes)


def speaker_name(text: str) -> Values:
    """1 inside the name of who speaks, as plays print it.

    That is a line which follows a blank line or begins the text, begins with a letter that is not a small one, ends
    in a colon and has no other punctuation; the colon itself is outside.
    """
    return _spans(len(text), (found.span(1) for found in _SPEAKER.finditer(text)))


def line_position(text: str) -> Values:
    """Characters since the line began, 0 at its end; 200 at most."""
    return _since(_is(text, lambda character: character == "\n"))


def after_newline(text: str) -> Values:
    """1 where a line has just ended."""
    return _is(text, lambda character: character == "\n")


def since_blank(text: str) -> Values:
    """Characters since the last white space; 200 at most."""
    return _since(_is(text, str.isspace))


def digit(text: str) -> Values:
    """1 at a digit."""
    return _is(text, str.isdigit)


def capital(text: str) -> Values:
    """1 at a capital letter."""
    return _is(text, str.isupper)


def inside_word(text: str) -> Values:
    """1 at a letter or digit."""
    return _is(text, str.isalnum)


def matches(text: str, pattern: re.Pattern[str]) -> Values:
    """1 inside the matches of a pattern."""
    return _spans(len(text), (found.span() for found in pattern.finditer(text)))


_ALL: tuple[tuple[str, str, Callable[[str], Values]], ...] = (
    ("inside quotes", "between double quotation marks", inside_quotes),
    ("bracket depth", "how many brackets are open", bracket_depth),
    ("speaker's name", "in a line after a blank one that ends in a colon and has no other punctuation", speaker_name),
    ("position in line", "characters since the line began", line_position),
    ("after newline", "the last character was a line end", after_newline),
    ("distance to blank", "characters since the last white space", since_blank),
    ("digit", "the last character was a digit", digit),
    ("capital letter", "the last character was a capital letter", capital),
    ("inside a word", "the last character was a letter or a digit", inside_word),
)


def find_all(text: str, pattern: re.Pattern[str] | None = None) -> tuple[Property, ...]:
    """Every property of a text, the user's pattern among them. Linear in the text, but for what a pattern costs."""
    found = tuple(Property(name, meaning, function(text)) for name, meaning, function in _ALL)
    if pattern is None:
        return found
    return (*found, Property("pattern", "inside a match of the pattern", matches(text, pattern)))


def read_pattern(written: str) -> re.Pattern[str]:
    """A pattern that a user wrote. Raises UsageError with the place of what is wrong."""
    if len(written) > _LONGEST_PATTERN:
        raise UsageError(f"the pattern has {len(written):,} characters", f"at most {_LONGEST_PATTERN:,} are read")
    try:
        with warnings.catch_warnings(action="ignore"):
            return re.compile(written)
    except re.error as error:
        at = "" if error.pos is None else f" at character {error.pos + 1}"
        raise UsageError(f"the pattern cannot be read: {error.msg}{at}", "it is a Python regular expression") from None
    except (OverflowError, RecursionError):
        raise UsageError("the pattern is too large to be read") from None


def may_take_for_ever(written: str) -> bool:
    """Whether a pattern repeats what is repeated, as (a+)+ does: its time can double with each character."""
    return _NESTED_REPEAT.search(written) is not None


# -- how values are made --------------------------------------------------------------------------------------------


def _is(text: str, test: Callable[[str], bool]) -> Values:
    """1 at the characters that pass; each kind of character is tested once."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds, kind_of = np.unique(points, return_inverse=True)
    passes = np.array([test(chr(point)) for point in kinds.tolist()], dtype=np.float64)
    return np.asarray(passes[kind_of]) if len(text) else np.zeros(0)


def _since(marks_C: Values) -> Values:
    """Characters since the last mark, or since the text began."""
    places = np.arange(len(marks_C))
    last = np.maximum.accumulate(np.where(marks_C > 0, places, -1)) if len(marks_C) else places
    return np.minimum(places - last, _FARTHEST).astype(np.float64)


def _steps(length: int, changes: Iterable[tuple[int, float]]) -> Values:
    """The value of each change, from its place up to the next; 0 before the first."""
    places, values = [0], [0.0]
    for place, value in changes:
        places.append(place)
        values.append(value)
    return np.repeat(values, np.diff([*places, length]))


def _spans(length: int, spans: Iterable[tuple[int, int]]) -> Values:
    return _steps(length, (change for start, stop in spans for change in ((start, 1.0), (stop, 0.0))))
