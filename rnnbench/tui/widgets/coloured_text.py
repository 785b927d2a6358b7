"""A text whose tokens are coloured by numbers, with a cursor; without colours, a line of digits below each line."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rnnbench.runs import ramp
from rnnbench.runs.ramp import Combine, Scale
from rnnbench.visible import LINE_END, visible

_POORER = (None, "standard")  # colour systems in which some levels would look the same
_LINES = re.compile(r"\n|[^\n]+")
_MARK = Style(color=Color.from_rgb(0, 0, 0), bgcolor=Color.from_rgb(255, 95, 175), bold=True, underline=True)
_PLAIN_MARK = Style(reverse=True)


def level_style(level: int) -> Style:
    """The colours of a level; all are in the palette of 256."""
    ink, paper = ramp.ink(level), ramp.RAMP[level]
    return Style(color=Color.from_rgb(*ramp.rgb(ink)), bgcolor=Color.from_rgb(*ramp.rgb(paper)))


_STYLES = tuple(level_style(level) for level in range(ramp.LEVELS))


@dataclass(frozen=True)
class Coloured:
    """Tokens, a number for each, what levels the numbers have, and how those of parts become that of the whole."""

    tokens: Sequence[str]
    values: Sequence[float]
    scale: Scale
    combine: Combine


@dataclass(frozen=True)
class Cells:
    """What stands in some cells of one line: harmless text, its width, the number of its first token, its level."""

    text: str
    width: int
    token: int
    level: int


def lay_out(coloured: Coloured, width: int) -> list[list[Cells]]:
    """Lines of at most `width` cells, of which every one holds something; a line end is shown as an arrow."""
    lines: list[list[Cells]] = [[]]
    used = 0
    for cells in _pieces(coloured, max(width, 2)):
        if lines[-1] and (used + cells.width > width or lines[-1][-1].text == LINE_END):
            lines.append([])
            used = 0
        lines[-1].append(cells)
        used += cells.width
    return lines if lines[0] else []


def _pieces(coloured: Coloured, width: int) -> Iterator[Cells]:
    """Tokens cut at their line ends, and where they are wider than a line."""
    for token, text, value in _joined(coloured):
        level = coloured.scale.level(value)
        for part in _LINES.findall(text):
            shown = LINE_END if part == "\n" else visible(part)
            for piece in chop_cells(shown, width):
                yield Cells(piece, cell_len(piece), token, level)


def _joined(coloured: Coloured) -> Iterator[tuple[int, str, float]]:
    """Tokens with their numbers; one that takes no cell, such as a combining mark, joins the one before it."""
    held: tuple[int, str, float] | None = None
    for token, (text, value) in enumerate(zip(coloured.tokens, coloured.values, strict=True)):
        if held is not None and not cell_len(visible(text)):
            held = (held[0], held[1] + text, coloured.combine(held[2], value))
            continue
        if held is not None:
            yield held
        held = (token, text, value)
    if held is not None:
        yield held


class ColouredText(ScrollView, can_focus=True):
    """Arrows move the cursor from token to token and from line to line."""

    DEFAULT_CSS = """
    ColouredText { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("up", "climb(-1)", show=False),
        Binding("down", "climb(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "go(0)", show=False),
        Binding("end", "go(-1)", show=False),
        Binding("enter", "screen.look", show=False),
    ]

    class Moved(Message):
        """The cursor is at another token."""

        def __init__(self, token: int) -> None:
            super().__init__()
            self.token = token

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self._coloured: Coloured | None = None
        self._lines: list[list[Cells]] = []
        self._tokens: list[int] = []  # what every Cells shows, in order
        self._places: list[tuple[int, int]] = []  # and where: its line, and the cell where it begins

    @property
    def digits(self) -> bool:
        """Whether levels are shown as digits: the terminal has too few colours, or is not to use them."""
        return self.app.no_color or self.app.console.color_system in _POORER

    def show(self, coloured: Coloured) -> None:
        """Show this; the cursor stays where it was in the same tokens."""
        if self._coloured is None or list(self._coloured.tokens) != list(coloured.tokens):
            self.cursor = 0
            self.scroll_to(y=0, animate=False, force=True)
        self._coloured = coloured
        self._fit()

    def on_resize(self) -> None:
        """Lay out for the new width."""
        self._fit()

    def _fit(self) -> None:
        width = self.scrollable_content_region.width
        if self._coloured is None or width < 1:
            return
        self._lines = lay_out(self._coloured, width)
        self._tokens = [cells.token for line in self._lines for cells in line]
        self._places = [place for number, line in enumerate(self._lines) for place in _places(number, line)]
        self.virtual_size = Size(width, len(self._lines) * self._rows)
        self._see_cursor()
        self.refresh()

    @property
    def _rows(self) -> int:
        """Rows of the screen that a line takes."""
        return 2 if self.digits else 1

    # The cursor

    def action_go(self, token: int) -> None:
        """To a token; -1 is the last one."""
        count = len(self._coloured.tokens) if self._coloured else 0
        token = max(count - 1, 0) if token < 0 else min(token, max(count - 1, 0))
        if token != self.cursor:
            self.cursor = token
            self._see_cursor()
            self.refresh()
            self.post_message(self.Moved(token))

    def action_step(self, by: int) -> None:
        """Some tokens on or back."""
        self.action_go(max(self.cursor + by, 0))

    def action_climb(self, by: int) -> None:
        """Some lines up or down, to what stands below or above the cursor."""
        if not self._lines:
            return
        line, left = self._place()
        target = min(max(line + by, 0), len(self._lines) - 1)
        if target == line:
            self.action_go(0 if by < 0 else -1)
        else:
            self.action_go(_token_at(self._lines[target], left))

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_climb(by * max(self.scrollable_content_region.height // self._rows - 1, 1))

    def on_click(self, event: Click) -> None:
        """To the token under the mouse."""
        line = (event.y + self.scroll_offset.y) // self._rows
        if line < len(self._lines):
            self.action_go(_token_at(self._lines[line], event.x))

    @property
    def _marked(self) -> int:
        """The token whose cells show the cursor: its own, or those of the one it has joined."""
        return self._tokens[max(bisect_right(self._tokens, self.cursor) - 1, 0)] if self._tokens else 0

    def _place(self) -> tuple[int, int]:
        """The line of the cursor, and the cell where it begins."""
        return self._places[bisect_left(self._tokens, self._marked)]

    def _see_cursor(self) -> None:
        if not self._lines:
            return
        top, height = self._place()[0] * self._rows, self.scrollable_content_region.height
        first = self.scroll_offset.y
        if top < first:
            self.scroll_to(y=top, animate=False, force=True)
        elif top + self._rows > first + height:
            self.scroll_to(y=top + self._rows - height, animate=False, force=True)

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width, base = self.scrollable_content_region.width, self.rich_style
        place, below = divmod(y + self.scroll_offset.y, self._rows)
        line = self._lines[place] if place < len(self._lines) else []
        marked = self._marked
        segments = [self._digit(cells, base) if below else self._segment(cells, base, marked) for cells in line]
        return Strip(segments).adjust_cell_length(width, base)

    def _segment(self, cells: Cells, base: Style, marked: int) -> Segment:
        if cells.token == marked:
            return Segment(cells.text, base + _PLAIN_MARK if self.digits else _MARK)
        return Segment(cells.text, base if self.digits else _STYLES[cells.level])

    def _digit(self, cells: Cells, base: Style) -> Segment:
        return Segment(str(cells.level).ljust(cells.width)[: cells.width], base)


def _places(number: int, line: Sequence[Cells]) -> Iterator[tuple[int, int]]:
    left = 0
    for cells in line:
        yield number, left
        left += cells.width


def _token_at(line: Sequence[Cells], column: int) -> int:
    """The token in that cell of a line, or the last one before it."""
    found, left = line[0].token, 0
    for cells in line:
        if left > column:
            break
        found, left = cells.token, left + cells.width
    return found
