"""A table that fits its width; the columns that do not are reached one by one with left and right."""

from collections.abc import Callable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static


@dataclass(frozen=True)
class Laid:
    """A table as lines. `most` columns can be left out at the left until the last one is seen."""

    content: Content
    most: int = 0


_Layout = Callable[[int, int], Laid]
"""Lays a table out in so many cells, so many columns after the first left out."""


class ShiftedTable(VerticalScroll):
    """Lines that are scrolled up and down, and shifted sideways by whole columns."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._layout_of: _Layout = _nothing
        self._shift = 0
        self._laid = Laid(Content(""))

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def show(self, layout: _Layout) -> None:
        """Show another table, as far to the side as this one was. An unchanged one costs nothing."""
        self._layout_of = layout
        self._lay()

    def action_scroll_left(self) -> None:
        """The column before."""
        self._shift_to(self._shift - 1)

    def action_scroll_right(self) -> None:
        """The next column."""
        self._shift_to(self._shift + 1)

    def on_resize(self) -> None:
        """Lay out for the new width."""
        self._lay()

    def watch_show_vertical_scrollbar(self) -> None:
        """A scroll bar takes a cell of the width."""
        self.call_after_refresh(self._lay)

    def _shift_to(self, shift: int) -> None:
        self._shift = min(max(shift, 0), self._laid.most)
        self._lay()

    def _lay(self) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        before, self._laid = self._laid, self._layout_of(width, self._shift)
        if self._shift > self._laid.most:
            self._shift = self._laid.most
            self._laid = self._layout_of(width, self._shift)
        if not self._laid.content.is_same(before.content):
            self.query_one(Static).update(self._laid.content)


def _nothing(room: int, shift: int) -> Laid:
    return Laid(Content(""))
