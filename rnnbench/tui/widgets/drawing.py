"""Curves as rows of characters: braille dots, or plain ASCII."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from rich.cells import cell_len, set_cell_size

from rnnbench.runs.figures import figure
from rnnbench.tui.widgets import scale as axes
from rnnbench.tui.widgets.envelope import Envelope
from rnnbench.tui.widgets.scale import Scale
from rnnbench.visible import visible

Row = list[tuple[str, str]]
"""A line of a drawing: pieces of text, each with the name of its style."""

PLAIN, MUTED = "", "axis"
_LEFT_DOTS, _RIGHT_DOTS = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)  # from the lowest dot to the highest
_ASCII_CURVES, _ASCII_RULES = "*o+x#%@&", "-=~"
_RULES = "╌┈┄"
DASHES = ("1", "11111000", "1100", "111110011100", "100000", "111111111100")
"""How curves are broken up, dot by dot; the first is not."""
_SIGN_EVERY, _SIGN_FIRST = 24, 4  # columns
_NAME_LIMIT = 40
_NARROWEST_LABELS = 3
_SMALLEST_WIDTH, _SMALLEST_HEIGHT = 20, 4


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


@dataclass(frozen=True)
class Rule:
    """A horizontal line, such as the perplexity of a baseline."""

    name: str
    value: float
    style: str


@dataclass(frozen=True)
class Look:
    """How to draw: the perplexity axis logarithmic or not, with braille or with ASCII only.

    A `title` stands above the curves in place of their legend; `across` names the axis below them.
    """

    log: bool = True
    ascii: bool = False
    title: str = ""
    across: str = "step"

    def curve_mark(self, index: int) -> str:
        """The legend's sign for a curve; in ASCII also what it is drawn with."""
        return _ASCII_CURVES[index % len(_ASCII_CURVES)] if self.ascii else "━"

    def rule_mark(self, index: int) -> str:
        """What a rule is drawn with."""
        marks = _ASCII_RULES if self.ascii else _RULES
        return marks[index % len(marks)]


def _braille(left: int, right: int) -> str:
    dots = sum(_LEFT_DOTS[bit] for bit in range(4) if left >> bit & 1)
    return chr(0x2800 + dots + sum(_RIGHT_DOTS[bit] for bit in range(4) if right >> bit & 1))


_BRAILLE = [[_braille(left, right) for right in range(16)] for left in range(16)]


class Canvas:
    """Dots, each column of them one integer whose lowest bit is the lowest dot."""

    def __init__(self, width: int, height: int, look: Look, mark: str, dash: int = 0) -> None:
        self.width, self.height = width, height
        self._look, self._mark = look, mark
        self._dash = DASHES[0 if look.ascii else dash % len(DASHES)]
        self.dots_across, self.dots_up = (width, height) if look.ascii else (2 * width, 4 * height)
        self._bits = [0] * self.dots_across

    def fill(self, column: int, one: int, other: int) -> None:
        """Set the dots of a column from `one` to `other`, both included."""
        low, high = (one, other) if one <= other else (other, one)
        self._bits[column] |= ((2 << (high - low)) - 1) << low

    def join(self, left: int, here: int, right: int, there: int) -> None:
        """A line of dots without holes from dot `here` in column `left` to dot `there` in column `right`."""
        at = here
        for column in range(left, right):
            following = here + round((there - here) * (column + 1 - left) / (right - left))
            middle = (at + following) // 2
            self.fill(column, at, middle)
            self.fill(column + 1, middle, following)
            at = following

    def cells(self) -> Iterator[tuple[int, int, str]]:
        """Every cell with a dot in it: row from the top, column, character."""
        across, up = self.dots_across // self.width, self.dots_up // self.height
        bits = [column & mask for column, mask in zip(self._bits, cycle(self._masks()))]
        for column in range(self.width):
            left, right = bits[column * across], bits[column * across + across - 1]
            rest, row = left | right, self.height - 1
            while rest:  # no further up than the highest dot: most of a chart is empty
                if rest & (1 << up) - 1:
                    shift = up * (self.height - 1 - row)
                    yield row, column, self._character(left >> shift & 15, right >> shift & 15)
                rest, row = rest >> up, row - 1

    def _masks(self) -> list[int]:
        """The dots that a dashed curve may have, column by column until they repeat. They run along falling lines as
        well as along level ones, so that a steep curve is dashed and does not vanish."""
        period = len(self._dash)
        return [
            sum(1 << dot for dot in range(self.dots_up) if self._dash[(column - dot) % period] == "1")
            for column in range(period)
        ]

    def signs(self, first: int, every: int) -> Iterator[tuple[int, int]]:
        """Row and column of cells on the curve, one in `every` columns; the last one of a curve too short for that."""
        across, up = self.dots_across // self.width, self.dots_up // self.height
        bits = [self._bits[at] | self._bits[at + across - 1] for at in range(0, self.dots_across, across)]
        drawn = [column for column, dots in enumerate(bits) if dots]
        for column in [column for column in drawn if column % every == first % every] or drawn[-1:]:
            yield self.height - 1 - (bits[column].bit_length() - 1) // up, column

    def _character(self, left: int, right: int) -> str:
        return self._mark if self._look.ascii else _BRAILLE[left][right]


def trace(canvas: Canvas, envelope: Envelope, left: float, right: float, scale: Scale) -> None:
    """Draw an envelope: every column from its lowest to its highest value, neighbours joined, gaps left open."""
    columns = list(envelope.columns(left, right, canvas.dots_across))
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


def sample(dash: int, width: int) -> str:
    """A piece of a curve with that dash, as it is drawn."""
    canvas = Canvas(width, 1, Look(), "", dash)
    for column in range(canvas.dots_across):
        canvas.fill(column, 1, 1)
    row = [" "] * width
    for _, column, character in canvas.cells():
        row[column] = character
    return "".join(row)


def legend(series: Sequence[Series], rules: Sequence[Rule], width: int, look: Look) -> Row:
    """One line with the last value of every curve and the value of every rule; what does not fit is left out."""
    entries = [
        (look.curve_mark(i), item.name, item.values[-1], item.style) for i, item in enumerate(series) if item.values
    ]
    entries += [(look.rule_mark(i), rule.name, rule.value, rule.style) for i, rule in enumerate(rules)]
    texts = [f"{mark} {visible(name, limit=_NAME_LIMIT)} {figure(value)}" for mark, name, value, _ in entries]
    row: Row = []
    left = width
    for text, (*_, style) in zip(texts, entries, strict=True):
        gap = 2 if row else 0
        if cell_len(text) + gap > left:
            break
        row += [(" " * gap, PLAIN), (text, style)]
        left -= cell_len(text) + gap
    if sum(cell_len(text) + 2 for text in texts) + 10 <= width:
        row = [("perplexity  ", MUTED), *row]
    return row


def draw(
    series: Sequence[Series],
    envelopes: Sequence[Envelope],
    rules: Sequence[Rule],
    width: int,
    height: int,
    look: Look,
    empty: str,
) -> list[Row]:
    """The whole chart in `height` rows: legend, curves with the perplexity axis at their left, steps below.

    The text `empty` takes the place of the curves as long as there is none.
    """
    head = [(set_cell_size(look.title, width).rstrip(), MUTED)] if look.title else legend(series, rules, width, look)
    plot_height = height - 2
    lows, highs = [item.low for item in envelopes], [item.high for item in envelopes]
    if math.isinf(min(lows, default=math.inf)) or width < _SMALLEST_WIDTH or height < _SMALLEST_HEIGHT:
        return _without_curves(head, width, height, empty if math.isinf(min(lows, default=math.inf)) else "")
    levels = [rule.value for rule in rules if 0 < rule.value < math.inf]
    scale = axes.scale_around(min(lows + levels), max(highs + levels), log=look.log)
    gutter = _gutter(scale, plot_height, look)
    across = width - cell_len(gutter[0])
    left, right = _step_range(series)
    canvases = []
    for index, envelope in enumerate(envelopes):
        canvas = Canvas(across, plot_height, look, look.curve_mark(index), series[index].dash)
        trace(canvas, envelope, left, right, scale)
        canvases.append((canvas, series[index]))
    rows = _layered(_rule_rows(rules, scale, plot_height, look), canvases, across)
    body = [[(text, MUTED), *row] for text, row in zip(gutter, rows, strict=True)]
    foot: Row = [(_step_labels(look.across, left, right, across, width - across), MUTED)]
    return [head, *body, foot]


def _without_curves(head: Row, width: int, height: int, text: str) -> list[Row]:
    rows: list[Row] = [[] for _ in range(height)]
    if height:
        rows[0] = head
        shown = set_cell_size(text, width).rstrip() if cell_len(text) > width else text
        rows[min(height // 2, height - 1)] = [(" " * ((width - cell_len(shown)) // 2), PLAIN), (shown, MUTED)]
        rows[0] = rows[0] or head
    return rows


def _gutter(scale: Scale, height: int, look: Look) -> list[str]:
    """The labels of the perplexity axis, one string for each row, all of the same width, the axis itself included."""
    corner, tick = ("|", "+") if look.ascii else ("│", "┤")
    labels: dict[int, str] = {}
    for value in axes.ticks(scale, max(height // 2, 2)):
        row = height - 1 - round(scale.place(value) * (height - 1))
        if not {row - 1, row, row + 1} & labels.keys():
            labels[row] = axes.label(value)
    wide = max(_NARROWEST_LABELS, len(look.across) - 1, *map(len, labels.values()))  # the name below needs the room
    return [f"{labels.get(row, ''):>{wide}} {tick if row in labels else corner}" for row in range(height)]


def _step_range(series: Sequence[Series]) -> tuple[float, float]:
    """From step 0 to a round number not before the last."""
    return 0.0, axes.round_up(max(item.steps[-1] for item in series if item.steps))


def _step_labels(name: str, left: float, right: float, across: int, indent: int) -> str:
    """The axis of steps: its name below the other axis' labels, and whole numbers centred below their places."""
    line = name[:indent].ljust(indent)
    for value in (tick for tick in axes.linear_ticks(left, right, max(across // 10, 2)) if tick == int(tick)):
        text = axes.label(value)
        middle = indent + round((value - left) / (right - left) * (across - 1))
        start = min(max(middle - len(text) // 2, indent), indent + across - len(text))
        if start > len(line.rstrip()):
            line = line.rstrip().ljust(start) + text
    return line


_Cell = tuple[str, str]


def _rule_rows(rules: Sequence[Rule], scale: Scale, height: int, look: Look) -> list[_Cell]:
    """What each row is filled with where no curve passes."""
    fills: list[_Cell] = [(" ", PLAIN)] * height
    for index, rule in enumerate(rules):
        if 0 < rule.value < math.inf:
            fills[height - 1 - round(scale.place(rule.value) * (height - 1))] = (look.rule_mark(index), rule.style)
    return fills


def _layered(fills: list[_Cell], canvases: list[tuple[Canvas, Series]], across: int) -> Iterator[Row]:
    """The rows with the curves over them, the later curve on top, and the signs of all over the curves."""
    touched: list[dict[int, _Cell]] = [{} for _ in fills]
    for canvas, series in canvases:
        for row, column, character in canvas.cells():
            touched[row][column] = character, series.style
    for index, (canvas, series) in enumerate(canvases):
        first = _SIGN_FIRST + index * _SIGN_EVERY // max(len(canvases), 1)
        for row, column in canvas.signs(first, _SIGN_EVERY) if series.sign else ():
            touched[row][column] = series.sign, series.style
    return (_joined(fill, cells, across) for fill, cells in zip(fills, touched, strict=True))


def _joined(fill: _Cell, cells: dict[int, _Cell], across: int) -> Row:
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
