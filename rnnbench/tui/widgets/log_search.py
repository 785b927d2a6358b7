"""Which lines of a log somebody asks for, and looking for them a slice at a time."""

import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass

from rnnbench.tui.widgets.log_lines import LogLines

SLICE_LINES = 8_192
"""Lines that are looked through before the interface gets a turn: some milliseconds."""
_BARRED = "!"


@dataclass(frozen=True)
class Condition:
    """What a line must contain, every one of it, and what it must not contain; case-folded."""

    wanted: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.wanted or self.barred)

    def also(self, other: "Condition") -> "Condition":
        """Both."""
        return Condition(self.wanted + other.wanted, self.barred + other.barred)

    def pick(self, text: str) -> list[int]:
        """Which lines of a text meet it."""
        whole = text.casefold()
        if not all(word in whole for word in self.wanted):
            return []  # most slices lack a rare word, and one look at the whole is cheap
        folded = whole.split("\n")
        found = list(range(len(folded)))
        for word in self.wanted:
            found = [index for index in found if word in folded[index]]
        for word in self.barred:
            found = [index for index in found if word not in folded[index]]
        return found


def words_of(text: str) -> Condition:
    """Plain words that must all occur in a line, in any order; one that begins with an exclamation mark must not."""
    words = text.casefold().split()
    barred = [word[1:] for word in words if word.startswith(_BARRED) and len(word) > 1]
    return Condition(tuple(word for word in words if not word.startswith(_BARRED)), tuple(barred))


def phrase_of(text: str) -> Condition:
    """The text as it is, blanks within it included."""
    return Condition((text.casefold(),)) if text else Condition()


def places(phrase: str, text: str) -> list[tuple[int, int]]:
    """Where a phrase occurs in a text, in upper or lower case, as begin and end in characters."""
    if not phrase:
        return []
    return [found.span() for found in re.finditer(re.escape(phrase), text, re.IGNORECASE)]


class Finder:
    """The numbers of all lines that meet a condition, found from the newest back to the oldest.

    The newest are what is looked at, and they are there after the first slice. `hits` is always in order and lacks
    nothing from line `reached` on.
    """

    def __init__(self, lines: LogLines, condition: Condition) -> None:
        self.condition = condition
        self.hits = array("Q")
        self.reached = lines.end
        self._lines = lines
        self._end = lines.end

    @property
    def done(self) -> bool:
        """Whether every line has been looked at."""
        return self.reached <= self._lines.first

    def look(self, most: int | None = None) -> None:
        """Look through the next slice towards the oldest line."""
        begin = max(self.reached - (most or SLICE_LINES), self._lines.first)
        self.hits[0:0] = self._hits(begin, self.reached)
        self.reached = begin

    def follow(self) -> None:
        """Take in the lines that came at the end, and forget those that were dropped at the beginning."""
        self.hits.extend(self._hits(self._end, self._lines.end))
        self._end = self._lines.end
        del self.hits[: bisect_left(self.hits, self._lines.first)]
        self.reached = max(self.reached, self._lines.first)

    def _hits(self, begin: int, end: int) -> "array[int]":
        begin = max(begin, self._lines.first)
        if begin >= end:
            return array("Q")
        return array("Q", [begin + index for index in self.condition.pick(self._lines.text(begin, end))])
