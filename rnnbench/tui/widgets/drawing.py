"""A chart as rows of characters: legend, curves over level lines between two axes."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.cells import cell_len, set_cell_size

from rnnbench.tui.cells import cut
from rnnbench.tui.widgets import scale as axes
from rnnbench.tui.widgets.canvas import DASHES, DOTS_UP, Canvas, sample
from rnnbench.tui.widgets.envelope import Column, Envelope, window_columns, window_extremes
from rnnbench.tui.widgets.legend import (
    Brevity,
    Piece,
    last_values,
    legend,
    lines,
    named,
    shortened,
    steps_in,
    values_at,
)
from rnnbench.tui.widgets.parts import MUTED, PLAIN, Look, Mark, Row, Rule, Series
from rnnbench.tui.widgets.rules import RulesIn, all_seen, rules_in, seen_rules, unseen_rules
from rnnbench.tui.widgets.scale import Scale, step_text
from rnnbench.tui.widgets.step_axis import step_axis
from rnnbench.tui.widgets.window import WHOLE, View, Window
from rnnbench.tui.words import tr

__all__ = ["DASHES", "MUTED", "PLAIN", "Look", "Mark", "Picture", "Row", "Rule", "Series", "draw", "paint", "sample"]

CROSS = "$text-accent"
_SIGN_EVERY, _SIGN_FIRST = 24, 4  # columns
_NARROWEST_LABELS = 3
_SMALLEST_WIDTH, _SMALLEST_HEIGHT = 20, 4
_COARSE = 10  # steps: a narrower window is told with parts of them
_PLAINLY, _NOTHING = Look(), Window(0.0, 1.0)
_TALL = 8  # rows, from which on there is room for a second line of values


@dataclass(frozen=True)
class Chart:
    """What is to be drawn: curves with their envelopes, level lines, and marks.

    `view` says which part, `follows` that this part keeps to the end, `beside` what else there is to say of the step
    under the cross-hair; `empty` takes the place of the curves as long as there is none.
    """

    series: Sequence[Series]
    envelopes: Sequence[Envelope]
    rules: Sequence[Rule] = ()
    marks: Sequence[Mark] = ()
    look: Look = _PLAINLY
    view: View = WHOLE
    follows: bool = False
    beside: str = ""
    empty: str = ""

    @property
    def whole(self) -> Window:
        """All there is: from step 0, or from near the first that is told, to a round number not before the last."""
        told = [item.steps for item in self.series if item.steps]
        first, last = min((steps[0] for steps in told), default=0.0), max((steps[-1] for steps in told), default=0.0)
        return Window(*axes.axis_of_places(first, last, parts=self.look.parts))

    @property
    def window(self) -> Window:
        """The steps that are seen."""
        return self.view.shown(self.whole)


@dataclass(frozen=True)
class Picture:
    """A drawn chart. `columns` cells of it are for curves, the first of them in cell `indent`; none without curves."""

    rows: list[Row]
    indent: int = 0
    columns: int = 0
    dots: int = 1
    window: Window = _NOTHING

    @property
    def pitch(self) -> float:
        """Steps from one cell to the next."""
        return self.window.width / max(self.columns * self.dots - 1, 1) * self.dots

    def column(self, step: float) -> int:
        """The column that a step is in; also one that is not seen."""
        return math.floor((step - self._begin) / self.pitch)

    def span(self, column: int) -> tuple[float, float]:
        """The first step of a column, and the first of the next."""
        return self._begin + column * self.pitch, self._begin + (column + 1) * self.pitch

    @property
    def _begin(self) -> float:
        return self.window.left - self.pitch / self.dots / 2


def trace(canvas: Canvas, columns: list[tuple[int, Column]], scale: Scale) -> None:
    """Draw a curve: every column from its lowest to its highest value, neighbours joined, gaps left open."""
    if len(columns) == 1:
        columns = [(index, columns[0][1]) for index in _around(columns[0][0], canvas.dots_across)]
    top = canvas.dots_up - 1
    before: tuple[int, float] | None = None
    for index, column in columns:
        if not column.is_gap:
            low, high = round(scale.place(column.low) * top), round(scale.place(column.high) * top)
            canvas.fill(index, low, high)
        if before and not math.isnan(before[1]) and not math.isnan(column.first):
            ends = round(scale.place(before[1]) * top), round(scale.place(column.first) * top)
            canvas.join(before[0], ends[0], index, ends[1])
        before = index, column.last


def _around(index: int, count: int) -> range:
    """A lone point is drawn three dots wide: one dot is easily overlooked."""
    return range(max(index - 1, 0), min(index + 2, count))


def draw(
    series: Sequence[Series],
    envelopes: Sequence[Envelope],
    rules: Sequence[Rule],
    width: int,
    height: int,
    look: Look,
    empty: str,
) -> list[Row]:
    """The whole of some curves in `height` rows: legend, curves with the perplexity axis at their left, steps below."""
    return paint(Chart(series, envelopes, rules, look=look, empty=empty), width, height).rows


def paint(chart: Chart, width: int, height: int) -> Picture:
    """The chart in `height` rows of at most `width` cells."""
    lowest = min((item.low for item in chart.envelopes), default=math.inf)
    if math.isinf(lowest) or width < _SMALLEST_WIDTH or height < _SMALLEST_HEIGHT:
        head = _head(chart, width, all_seen(chart.rules))
        return Picture(_without_curves(head, width, height, chart.empty if math.isinf(lowest) else ""))
    heads = 2 if chart.view.cross is not None and height >= _TALL else 1
    scale, rows = _scale(chart), height - heads - 1
    row_of = partial(_row_of, scale=scale, height=rows, look=chart.look)
    gutter, rules = _gutter(scale, rows, row_of, chart.look), rules_in(chart.rules, scale, row_of)
    indent, dots = cell_len(gutter[0]), 1 if chart.look.ascii else 2
    picture = Picture([], indent, width - indent, dots, chart.window)
    top = _heads_at(chart, picture, width, heads, rules) if chart.view.cross is not None else []
    foot = step_axis(chart.look, chart.window, picture.columns, indent, _marks(chart))
    return replace(
        picture, rows=[*(top or [_head(chart, width, rules)]), *_body(chart, picture, scale, gutter, rules), foot]
    )


def _marks(chart: Chart) -> list[Mark]:
    """The marks; what happened after the last point of all stands where that ends."""
    end = chart.window.right
    at_end = end >= max((item.steps[-1] for item in chart.series if item.steps), default=0.0)
    return [replace(mark, step=min(mark.step, end)) if at_end else mark for mark in chart.marks]


def _head(chart: Chart, width: int, rules: RulesIn) -> Row:
    """What there is to say of the curves while nothing is looked at closely."""
    look = chart.look
    words = [(mark.words, mark.style) for mark in chart.marks if mark.words]
    words += [(_seen(chart.window, follows=chart.follows), "bold")] if chart.view.window else []
    if look.title:
        room = width - sum(cell_len(text) + 2 for text, _ in words)
        return lines([*words, (cut(look.title, room), MUTED)] if room > 1 else words, width, 1)[0]

    def told(brief: Brevity) -> list[Piece]:
        return [*words, *last_values(chart.series, (), look, brief), *seen_rules(chart.rules, rules, look, brief)]

    return legend([*shortened(told, width, 1), *unseen_rules(chart.rules, rules, look)], width)


def _seen(window: Window, *, follows: bool) -> str:
    ends = [f"{round(end):,}" if window.width >= _COARSE else step_text(end) for end in (window.left, window.right)]
    return tr("{first}-{last}, following", first=ends[0], last=ends[1]) if follows else "-".join(ends)


def _heads_at(chart: Chart, picture: Picture, width: int, count: int, rules: RulesIn) -> list[Row]:
    """The values under the cross-hair, in so many lines."""
    assert chart.view.cross is not None
    look, (low, high) = chart.look, picture.span(picture.column(chart.view.cross))
    name, number = tr(look.across), steps_in(chart.series, low, high)
    place: list[Piece] = [(f"{number} {name}" if look.parts else f"{name} {number}", "bold")]
    place += [(tr("following"), "bold")] if chart.follows else []
    place += [(chart.beside, MUTED)] if chart.beside else []

    values = values_at(chart.series, look, low, high)

    def told(brief: Brevity) -> list[Piece]:
        curves = named(chart.series, values, look, brief)
        return [*place, *curves, *seen_rules(chart.rules, rules, look, brief)]

    rows = lines([*shortened(told, width, count), *unseen_rules(chart.rules, rules, look)], width, count)
    return [*rows, *([] for _ in range(count - len(rows)))]


def _columns(chart: Chart, count: int) -> list[list[tuple[int, Column]]]:
    """Every curve in so many columns."""
    left, right, log = chart.window.left, chart.window.right, chart.look.log
    if chart.view.window is None:
        return [list(envelope.columns(left, right, count)) for envelope in chart.envelopes]
    return [
        window_columns(envelope, item.steps, item.values, left, right, count, log=log)
        for item, envelope in zip(chart.series, chart.envelopes, strict=True)
    ]


def _body(chart: Chart, picture: Picture, scale: Scale, gutter: list[str], rules: RulesIn) -> list[Row]:
    """The curves over the level lines, the labels of the axis at their left."""
    canvases, look = [], chart.look
    for index, columns in enumerate(_columns(chart, picture.columns * picture.dots)):
        series = chart.series[index]
        mark = look.curve_mark(series.dash if series.sign else index)  # of a sign, also where not all are drawn
        canvas = Canvas(picture.columns, len(gutter), ascii=look.ascii, mark=mark, dash=series.dash)
        trace(canvas, columns, scale)
        canvases.append((canvas, series))
    cross = picture.column(chart.view.cross) if chart.view.cross is not None else -1
    below: _Cells = {cross: ("|" if look.ascii else "│", CROSS)} if 0 <= cross < picture.columns else {}
    rows = _layered(_rule_rows(chart.rules, rules, len(gutter), look), below, canvases, picture.columns)
    return [[(text, MUTED), *row] for text, row in zip(gutter, rows, strict=True)]


def _scale(chart: Chart) -> Scale:
    """The perplexity axis: around all there is, or around what is seen of it in a window."""
    levels = [rule.value for rule in chart.rules if 0 < rule.value < math.inf]
    if chart.view.window is None:
        lows, highs = ([getattr(item, end) for item in chart.envelopes] + levels for end in ("low", "high"))
    else:
        left, right, log = chart.window.left, chart.window.right, chart.look.log
        ends = [
            window_extremes(envelope, item.steps, item.values, left, right, log=log)
            for item, envelope in zip(chart.series, chart.envelopes, strict=True)
        ]
        lows, highs = ([end[side] for end in ends if math.isfinite(end[side])] for side in (0, 1))
    return axes.scale_around(min(lows or levels or [1.0]), max(highs or levels or [10.0]), log=chart.look.log)


def _without_curves(head: Row, width: int, height: int, text: str) -> list[Row]:
    rows: list[Row] = [[] for _ in range(height)]
    if height:
        rows[0] = head
        shown = set_cell_size(text, width).rstrip() if cell_len(text) > width else text
        rows[min(height // 2, height - 1)] = [(" " * ((width - cell_len(shown)) // 2), PLAIN), (shown, MUTED)]
        rows[0] = rows[0] or head
    return rows


def _gutter(scale: Scale, height: int, row_of: Callable[[float], int], look: Look) -> list[str]:
    """The labels of the perplexity axis, one string for each row, all of the same width, the axis itself included."""
    corner, tick = ("|", "+") if look.ascii else ("│", "┤")
    labels = {row: axes.label(value) for row, value in axes.tick_rows(scale, height, row_of).items()}
    wide = max(
        _NARROWEST_LABELS, cell_len(tr(look.across)) - 1, *map(len, labels.values())
    )  # the name below needs the room
    return [f"{labels.get(row, ''):>{wide}} {tick if row in labels else corner}" for row in range(height)]


_Cell = tuple[str, str]
_Cells = dict[int, _Cell]


def _row_of(value: float, scale: Scale, height: int, look: Look) -> int:
    """The row in which a curve has a value: a rule beside it must not seem to lie on its other side."""
    dots = 1 if look.ascii else DOTS_UP
    return height - 1 - round(scale.place(value) * (dots * height - 1)) // dots


def _rule_rows(rules: Sequence[Rule], placed: RulesIn, height: int, look: Look) -> list[_Cell]:
    """What each row is filled with where no curve passes."""
    fills: list[_Cell] = [(" ", PLAIN)] * height
    for row, indices in placed.rows.items():
        fills[row] = (look.rule_mark(indices[-1]), rules[indices[-1]].style)
    return fills


def _layered(fills: list[_Cell], below: _Cells, canvases: list[tuple[Canvas, Series]], across: int) -> Iterator[Row]:
    """The rows, with what is below the curves in each of them, the later curve on top, and the signs of all over the
    curves."""
    touched: list[_Cells] = [dict(below) for _ in fills]
    for canvas, series in canvases:
        for row, column, character in canvas.cells():
            touched[row][column] = character, series.style
    for index, (canvas, series) in enumerate(canvases):
        first = _SIGN_FIRST + index * _SIGN_EVERY // max(len(canvases), 1)
        for row, column in canvas.signs(first, _SIGN_EVERY) if series.sign else ():
            touched[row][column] = series.sign, series.style
    return (_joined(fill, cells, across) for fill, cells in zip(fills, touched, strict=True))


def _joined(fill: _Cell, cells: _Cells, across: int) -> Row:
    """One row, neighbours of one style joined: long runs cost the terminal, and us, least."""
    row: Row = []
    at = 0
    for column, (character, style) in [*sorted(cells.items()), (across, fill)]:
        if column > at:
            row.append((fill[0] * (column - at), fill[1]))
        if column < across:
            joins = bool(row) and row[-1][1] == style
            row.append((row.pop()[0] + character if joins else character, style))
        at = column + 1
    return row
