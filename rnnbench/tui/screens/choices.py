"""All words of a choice, listed beside the field that has them."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.css.scalar import ScalarOffset
from textual.events import Click, Key, Resize
from textual.geometry import Region, Size
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rnnbench.tui import actions
from rnnbench.tui.cells import cell_len
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.fields import Choice
from rnnbench.tui.screens.dialog import DialogScreen

_LEAST_CELLS, _MOST_LINES = 24, 12
_FRAME = 2
_BAR = 1


class ChoicesScreen(DialogScreen[int]):
    """Lies over a screen without hiding it; closes with the index of the word that was chosen, or with None."""

    PLACE = actions.CHOICES
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.CHOICES)

    def __init__(self, field: Choice) -> None:
        super().__init__()
        self._field = field
        self._words = field.labels()

    def compose(self) -> ComposeResult:
        yield OptionList(*(Option(Content(word)) for word in self._words), id="choices", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        super().on_mount()
        self._field.opened()
        self._place()
        self._list.highlighted = self._field.index()
        self.set_focus(self._list)

    def on_resize(self, event: Resize) -> None:
        """The screen below is laid out anew, and the field may be elsewhere then."""
        self._field.screen.call_after_refresh(self.call_later, self._place)

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    def _place(self) -> None:
        if not self.is_attached:
            return
        width = max(_LEAST_CELLS, *map(cell_len, self._words)) + _FRAME + _BAR
        wanted = Size(width, min(len(self._words), _MOST_LINES) + _FRAME)
        region = place_beside(self._field.region, wanted, Size(self.app.size.width, self.app.size.height - 1))
        styles = self._list.styles
        styles.width, styles.height = region.width, region.height
        styles.offset = ScalarOffset.from_offset(region.offset)

    def on_key(self, event: Key) -> None:
        """A letter goes to the next word that begins with it."""
        leaves = actions.key_map_of(self).keys(actions.by_id("leave_choices"))
        if event.key not in leaves and event.character is not None and event.is_printable:
            event.stop()
            event.prevent_default()
            found = next_beginning(self._words, self._list.highlighted, event.character)
            if found is not None:
                self._list.highlighted = found

    def on_click(self, event: Click) -> None:
        """Beside the list: leave it."""
        if event.widget is self:
            self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_index)


def place_beside(field: Region, wanted: Size, room: Size) -> Region:
    """Where a list of that size stands: below the field, else above it, else as low as there is room for; in cells."""
    width, height = min(wanted.width, room.width), min(wanted.height, room.height)
    above, lowest = field.y - height, max(room.height - height, 0)
    y = field.bottom if field.bottom <= lowest else above if above >= 0 else lowest
    return Region(max(min(field.x, room.width - width), 0), max(y, 0), width, height)


def next_beginning(words: Sequence[str], after: int | None, letter: str) -> int | None:
    """The index of the next word, round and round, that begins with the letter, whatever its case; None when none."""
    first = 0 if after is None else after + 1
    order = ((first + step) % len(words) for step in range(len(words)))
    return next((index for index in order if words[index].casefold().startswith(letter.casefold())), None)
