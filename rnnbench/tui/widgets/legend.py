"""What stands above a chart: names with their values, the last ones or those under the cross-hair."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rnnbench.runs.figures import figure
from rnnbench.tui.cells import cell_len, cut
from rnnbench.tui.widgets.canvas import sample
from rnnbench.tui.widgets.envelope import drawable
from rnnbench.tui.widgets.parts import MUTED, PLAIN, Look, Row, Rule, Series, bisect_steps
from rnnbench.tui.widgets.scale import step_text
from rnnbench.tui.words import tr
from rnnbench.visible import visible

_NAME_LIMIT = 40
_GAP = "  "
Piece = tuple[str, str]
"""A text that is never broken, and its style."""


@dataclass(frozen=True)
class Reading:
    """The value of a curve in one column of the chart: the mean of `count` points, or the last point before it."""

    value: float
    low: float
    high: float
    count: int
    step: float


@dataclass(frozen=True)
class Brevity:
    """How briefly things are named: the cells for the name of a curve that has a sign; whether a level line has its
    figure, which the axis tells too, and with all decimals."""

    name: int = _NAME_LIMIT
    decimals: bool = True
    figures: bool = True


FULL = Brevity()
_EVER_BRIEFER = (
    FULL,
    Brevity(decimals=False),
    *(Brevity(name, decimals=False, figures=False) for name in (_NAME_LIMIT, 24, 16, 12, 8, 0)),
)


def shortened(told: Callable[[Brevity], list[Piece]], width: int, most: int) -> list[Piece]:
    """What is told, as briefly as it must be to fit into so many lines; else as briefly as it can be."""
    for brief in _EVER_BRIEFER:
        pieces = told(brief)
        if sum(map(len, lines(pieces, width, most, gaps=False))) == len(pieces):
            break
    return pieces


def read(series: Series, low: float, high: float, *, bits: bool = False) -> Reading | None:
    """What a curve says from step `low` up to before `high`; None where it has not begun.

    The mean is that of the logarithms: of perplexities, the perplexity of the mean loss. Not so that of `bits`.
    """
    begin, end = bisect_steps(series, low), bisect_steps(series, high)
    count = end - begin
    if not end:
        return None
    if not count:
        value = float(series.values[end - 1])
        return Reading(value, value, value, 0, series.steps[end - 1])
    values = [float(value) for value in series.values[begin:end]]
    kept = [value for value in values if drawable(value)]
    if not kept:
        return Reading(values[-1], values[-1], values[-1], count, series.steps[end - 1])
    mean = fmean(kept) if bits else math.exp(fmean(map(math.log, kept)))
    return Reading(mean if len(kept) > 1 else kept[0], min(kept), max(kept), count, series.steps[end - 1])


def reading_text(reading: Reading | None) -> str:
    """A value; with the range where it is a mean, and with its step where it is older."""
    if reading is None:
        return tr("nothing yet")
    if reading.count > 1:
        return f"{figure(reading.value)} ({figure(reading.low)}..{figure(reading.high)})"
    if reading.count:
        return figure(reading.value)
    return tr("{value} at {step}", value=figure(reading.value), step=step_text(reading.step))


def last_values(series: Sequence[Series], rules: Sequence[Rule], look: Look, brief: Brevity = FULL) -> list[Piece]:
    """The last value of every curve and the value of every rule."""
    texts = [figure(item.values[-1]) if item.values else "" for item in series]
    curves = named(series, texts, look, brief)
    return [*curves, *((rule_text(rule, look.rule_mark(index), brief), rule.style) for index, rule in enumerate(rules))]


def values_at(series: Sequence[Series], look: Look, low: float, high: float) -> list[str]:
    """What every curve says from step `low` up to before `high`."""
    return [reading_text(read(item, low, high, bits=look.bits)) for item in series]


def named(series: Sequence[Series], texts: Sequence[str], look: Look, brief: Brevity) -> list[Piece]:
    """What every curve says, with its name before it; nothing of one that says nothing."""
    pairs = enumerate(zip(series, texts, strict=True))
    return [(f"{_called(item, index, look, brief)} {text}", item.style) for index, (item, text) in pairs if text]


def rule_text(rule: Rule, mark: str, brief: Brevity) -> str:
    """A rule with its value: ╌ uniform 74.00."""
    value = figure(rule.value) if brief.decimals else f"{rule.value:.3g}"
    return " ".join(filter(None, (mark, _name(rule.name), value if brief.figures else "")))


def steps_in(series: Sequence[Series], low: float, high: float) -> str:
    """The steps of the points in a column: 1,201-1,212."""
    spans = [(item, bisect_steps(item, low), bisect_steps(item, high)) for item in series]
    steps = [item.steps[place] for item, begin, end in spans if begin < end for place in (begin, end - 1)]
    first, last = (step_text(step) for step in (min(steps, default=low), max(steps, default=low)))
    return first if first == last else f"{first}-{last}"


def _called(item: Series, index: int, look: Look, brief: Brevity) -> str:
    """A curve by its sign and as much of its name as there is room for; by its dash, where it has no sign."""
    if not item.sign:
        mark = sample(item.dash, 3) if item.dash and not look.ascii else look.curve_mark(index)
        return f"{mark} {_name(item.name)}"
    return f"{item.sign} {cut(_name(item.name), brief.name)}".rstrip()


def _name(name: str) -> str:
    return visible(name, limit=_NAME_LIMIT)


def legend(pieces: Sequence[Piece], width: int, head: str = "perplexity") -> Row:
    """One line; what does not fit is left out from the end, and so is the word at the head. Empty for nothing."""
    if not pieces:
        return []
    row, head = lines(pieces, width, 1)[0], tr(head)
    if sum(cell_len(text) + len(_GAP) for text, _ in pieces) + cell_len(head) <= width:
        row = [(head + _GAP, MUTED), *row]
    return row


def lines(pieces: Sequence[Piece], width: int, most: int, *, gaps: bool = True) -> list[Row]:
    """At most so many lines, at least one; what does not fit is left out. Without `gaps` only the pieces."""
    rows: list[Row] = [[]]
    left = width
    for text, style in pieces:
        gap = _GAP if rows[-1] else ""
        if cell_len(gap + text) > left:
            if len(rows) == most or cell_len(text) > width:
                break
            rows, left, gap = [*rows, []], width, ""
        rows[-1] += [(gap, PLAIN), (text, style)] if gap and gaps else [(text, style)]
        left -= cell_len(gap + text)
    return rows
