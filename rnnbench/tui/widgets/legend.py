"""What stands above a chart: names with their values, the last ones or those under the cross-hair."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.cells import cell_len

from rnnbench.runs.figures import figure
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


def read(series: Series, low: float, high: float) -> Reading | None:
    """What a curve says from step `low` up to before `high`; None where it has not begun.

    The mean is that of the logarithms: of perplexities, the perplexity of the mean loss.
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
    mean = math.exp(fmean(map(math.log, kept))) if len(kept) > 1 else kept[0]
    return Reading(mean, min(kept), max(kept), count, series.steps[end - 1])


def reading_text(reading: Reading | None) -> str:
    """A value; with the range where it is a mean, and with its step where it is older."""
    if reading is None:
        return tr("nothing yet")
    if reading.count > 1:
        return f"{figure(reading.value)} ({figure(reading.low)}..{figure(reading.high)})"
    if reading.count:
        return figure(reading.value)
    return tr("{value} at {step}", value=figure(reading.value), step=step_text(reading.step))


def last_values(series: Sequence[Series], rules: Sequence[Rule], look: Look) -> list[Piece]:
    """The last value of every curve and the value of every rule."""
    found = [
        (look.curve_mark(index), item, figure(item.values[-1])) for index, item in enumerate(series) if item.values
    ]
    curves = [(f"{mark} {_name(item.name)} {value}", item.style) for mark, item, value in found]
    return [*curves, *_rules(rules, look)]


def values_at(series: Sequence[Series], rules: Sequence[Rule], look: Look, low: float, high: float) -> list[Piece]:
    """The value of every curve from step `low` up to before `high`, and that of every rule."""
    curves = [
        (f"{look.curve_mark(index)} {_name(item.name)} {reading_text(read(item, low, high))}", item.style)
        for index, item in enumerate(series)
    ]
    return [*curves, *_rules(rules, look)]


def steps_in(series: Sequence[Series], low: float, high: float) -> str:
    """The steps of the points in a column: 1,201-1,212."""
    spans = [(item, bisect_steps(item, low), bisect_steps(item, high)) for item in series]
    steps = [item.steps[place] for item, begin, end in spans if begin < end for place in (begin, end - 1)]
    first, last = (step_text(step) for step in (min(steps, default=low), max(steps, default=low)))
    return first if first == last else f"{first}-{last}"


def _rules(rules: Sequence[Rule], look: Look) -> list[Piece]:
    return [
        (f"{look.rule_mark(index)} {_name(rule.name)} {figure(rule.value)}", rule.style)
        for index, rule in enumerate(rules)
    ]


def _name(name: str) -> str:
    return visible(name, limit=_NAME_LIMIT)


def legend(pieces: Sequence[Piece], width: int, head: str = "perplexity") -> Row:
    """One line; what does not fit is left out from the end, and so is the word at the head."""
    row, head = lines(pieces, width, 1)[0], tr(head)
    if sum(cell_len(text) + len(_GAP) for text, _ in pieces) + cell_len(head) <= width:
        row = [(head + _GAP, MUTED), *row]
    return row


def lines(pieces: Sequence[Piece], width: int, most: int) -> list[Row]:
    """At most so many lines, at least one; what does not fit is left out."""
    rows: list[Row] = [[]]
    left = width
    for text, style in pieces:
        gap = _GAP if rows[-1] else ""
        if cell_len(gap + text) > left:
            if len(rows) == most or cell_len(text) > width:
                break
            rows, left, gap = [*rows, []], width, ""
        rows[-1] += [(gap, PLAIN), (text, style)] if gap else [(text, style)]
        left -= cell_len(gap + text)
    return rows
