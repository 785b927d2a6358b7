"""What a chart is made of: curves, level lines, marks, and how they are to look."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from rnnbench.tui.widgets.canvas import ascii_mark
from rnnbench.tui.words import later

Row = list[tuple[str, str]]
"""A line of a drawing: pieces of text, each with the name of its style."""

PLAIN, MUTED = "", "axis"
_ASCII_RULES = "-=~"
_RULES = "╌┈┄"


@dataclass(frozen=True)
class Series:
    """A curve: perplexities over steps. Pass the same growing sequences again and again: only new points are read.

    `dash` numbers a pattern of DASHES, and `sign`, one cell wide, is written on the curve here and there: two ways to
    tell curves apart without colours.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    style: str
    dash: int = 0
    sign: str = ""


def bisect_steps(series: Series, step: float) -> int:
    """How many points lie before a step."""
    return bisect_left(series.steps, step)


@dataclass(frozen=True)
class Rule:
    """A horizontal line, such as the perplexity of a baseline."""

    name: str
    value: float
    style: str


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step: a sign on the axis, in ASCII the plain one; and words for the head, if any."""

    step: float
    sign: str
    plain: str
    style: str
    words: str = ""


@dataclass(frozen=True)
class Look:
    """How to draw: the perplexity axis logarithmic or not, with braille or with ASCII only.

    A `title` stands above the curves in place of their legend; `across` names the axis below them, on which a place
    has `parts` where it is no count, such as minutes. Of values in `bits` the mean is that of themselves.
    """

    log: bool = True
    ascii: bool = False
    title: str = ""
    across: str = later("step")
    parts: bool = False
    bits: bool = False

    def curve_mark(self, index: int) -> str:
        """The legend's sign for a curve; in ASCII also what it is drawn with."""
        return ascii_mark(index) if self.ascii else "━"

    def rule_mark(self, index: int) -> str:
        """What a rule is drawn with."""
        marks = _ASCII_RULES if self.ascii else _RULES
        return marks[index % len(marks)]
