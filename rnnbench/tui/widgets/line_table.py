"""A table of any length: only the rows that can be seen are ever made into text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from rnnbench.tui.cells import cell_len, cut, padded, wrap

_GAP = "  "
_LEAST = 6  # cells of a text that tell something with the rest cut off
_MORE = "→"


@dataclass(frozen=True)
class Column:
    """A column of a table, `width` terminal cells wide; numbers stand at the right."""

    title: str
    width: int
    right: bool = False


@dataclass(frozen=True)
class Cell:
    """A text that is safe to show, and how: a style of the theme, such as bold $text-error."""

    text: str
    style: str = ""


Row = Sequence[Cell]


class LineTable(ScrollView, can_focus=True):
    """Rows with a cursor. The first column stays where it is; left and right shift the others."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-table--header", "line-table--cursor"}
    DEFAULT_CSS = """
    LineTable { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    LineTable > .line-table--header { text-style: bold; color: $text-primary; }
    LineTable > .line-table--cursor { background: $block-cursor-blurred-background; text-style: bold; }
    LineTable:focus > .line-table--cursor { background: $primary; color: $text; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "turn_page(-1)", show=False),
        Binding("pagedown", "turn_page(1)", show=False),
        Binding("home,ctrl+home", "move_to_end(False)", show=False),
        Binding("end,ctrl+end", "move_to_end(True)", show=False),
        Binding("left", "shift(-1)", show=False),
        Binding("right", "shift(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row."""

    class Chosen(Message):
        """Enter was pressed on a row, or the row under the cursor was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self._columns: Sequence[Column] = ()
        self._count = 0
        self._row: Callable[[int], Row] = lambda _: ()
        self._shifted = 0  # cells of the later columns that are out of sight at the left
        self._seen: list[Row] = []
        self._empty = ""

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return self._count

    def fill(self, columns: Sequence[Column], count: int, row: Callable[[int], Row], cursor: int) -> None:
        """Other rows; `row` makes one when it is seen. What looks the same as before is not sent again."""
        before = (self._columns, self._count, self.cursor, self._seen)
        self._columns, self._count, self._row = columns, count, row
        self.cursor = min(max(cursor, 0), max(count - 1, 0))
        self._shifted = self._nearest_stop()
        self._fit()
        self._show_cursor()
        self._seen = self._visible()
        if before != (self._columns, self._count, self.cursor, self._seen):
            self.refresh()

    def tell_when_empty(self, text: str) -> None:
        """What stands below the titles while there are no rows."""
        if text != self._empty:
            self._empty = text
            self.refresh()

    def move_cursor(self, row: int) -> None:
        """Put the cursor on a row."""
        row = min(max(row, 0), max(self._count - 1, 0))
        if row != self.cursor:
            self.cursor = row
            self._show_cursor()
            self._seen = self._visible()
            self.refresh()
            self.post_message(self.Moved())

    def _visible(self) -> list[Row]:
        top = self.scroll_offset.y
        return [self._row(index) for index in range(top, min(top + self._page, self._count))]

    @property
    def _page(self) -> int:
        """Rows that can be seen below the header."""
        return max(self.scrollable_content_region.height - 1, 1)

    def _fit(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, self._count + 1)

    def _show_cursor(self) -> None:
        top = self.scroll_offset.y
        wanted = min(max(top, self.cursor - self._page + 1), self.cursor)
        wanted = max(min(wanted, self._count - self._page), 0)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._fit()
        self._shifted = self._nearest_stop()
        self._show_cursor()

    def action_move(self, by: int) -> None:
        """A row up or down."""
        self.move_cursor(self.cursor + by)

    def action_turn_page(self, by: int) -> None:
        """A screen up or down."""
        self.move_cursor(self.cursor + by * self._page)

    def action_move_to_end(self, last: bool) -> None:
        """To the first or the last row."""
        self.move_cursor(self._count - 1 if last else 0)

    def action_shift(self, by: int) -> None:
        """The later columns about half a screen to the side, so that a column begins beside the first."""
        half = (self.scrollable_content_region.width - self._first_width()) // 2
        stops = self._stops()
        if by > 0:
            ahead = [stop for stop in stops if stop > self._shifted]
            wanted = [stop for stop in ahead if stop <= self._shifted + half][-1:] or ahead[:1]
        else:
            behind = [stop for stop in stops if stop < self._shifted]
            wanted = [stop for stop in behind if stop >= self._shifted - half][:1] or behind[-1:]
        if wanted:
            self._shifted = wanted[0]
            self.refresh()

    def action_choose(self) -> None:
        """Tell that the row under the cursor is meant."""
        self.post_message(self.Chosen())

    def on_click(self, event: Click) -> None:
        """Go to a row; a second click chooses it."""
        row = self.scroll_offset.y + event.y - 1
        if event.y < 1 or row >= self._count:
            return
        if row == self.cursor:
            self.action_choose()
        else:
            self.move_cursor(row)

    def _first_width(self) -> int:
        return self._columns[0].width + 1 if self._columns else 0

    def _most_shifted(self) -> int:
        later = sum(column.width + len(_GAP) for column in self._columns[1:])
        return max(self._first_width() + later + 1 - self.scrollable_content_region.width, 0)

    def _nearest_stop(self) -> int:
        """Where the columns are, or would be with these widths."""
        return min(self._stops(), key=lambda stop: abs(stop - self._shifted))

    def _stops(self) -> list[int]:
        """How many cells can be out of sight: whole columns, but for a last one that is wider than the room."""
        starts = accumulate((column.width + len(_GAP) for column in self._columns[1:]), initial=0)
        most, found = self._most_shifted(), []
        for start in list(starts)[:-1] or [0]:
            found.append(start)
            if start >= most:
                return found
        return [*found, most]

    def render_line(self, y: int) -> Strip:
        """The header, or one visible row."""
        width, style = self.scrollable_content_region.width, self.rich_style
        if y == 0:
            style += self.get_component_rich_style("line-table--header", partial=True)
            return self._header(style, width)
        index = self.scroll_offset.y + y - 1
        if index >= self._count:
            told = wrap(self._empty, width - 2) if not self._count else []
            line = told[index - 1] if 0 < index <= len(told) else ""
            return Strip([Segment(f" {line}", style)]).adjust_cell_length(width, style)
        if index == self.cursor:
            style += self.get_component_rich_style("line-table--cursor", partial=True)
        return self._strip(self._row(index), style, width)

    def _strip(self, row: Row, style: RichStyle, width: int) -> Strip:
        first = self._segments(row[:1], self._columns[:1], " ", style)
        room = max(width - first.cell_length, 0)
        later = self._segments(row[1:], self._fitting(room), _GAP, style)
        shown = later.crop(self._shifted, self._shifted + room)
        return Strip.join([first, shown]).adjust_cell_length(width, style)

    def _header(self, style: RichStyle, width: int) -> Strip:
        """The titles; an arrow at the end where columns are out of sight there."""
        strip = self._strip([Cell(column.title) for column in self._columns], style, width)
        if self._fitting(width - self._first_width()) == list(self._columns[1:]):
            return strip
        return Strip.join([strip.crop(0, width - 1), Strip([Segment(_MORE, style)])])

    def _fitting(self, room: int) -> list[Column]:
        """The later columns up to the last that is seen: a number is shown whole or not at all, a text may be cut."""
        found: list[Column] = []
        at, end = 0, self._shifted + room - 1
        for column in self._columns[1:]:
            left = end - at - len(_GAP)
            if left < column.width and at > self._shifted:
                return [*found, replace(column, width=left)] if left >= _LEAST and not column.right else found
            found.append(column)
            at += column.width + len(_GAP)
            if at >= end:
                break
        return found

    def _segments(self, cells: Row, columns: Sequence[Column], gap: str, style: RichStyle) -> Strip:
        segments = []
        for cell, column in zip(cells, columns, strict=False):
            text = _aligned(cell.text, column)
            own = style + Style.parse(cell.style).rich_style if cell.style else style
            segments += [Segment(gap, style), Segment(text, own)]
        return Strip(segments)


def _aligned(text: str, column: Column) -> str:
    """The text in exactly the column's width."""
    if not column.right:
        return padded(text, column.width)
    text = cut(text, column.width)
    return " " * (column.width - cell_len(text)) + text
