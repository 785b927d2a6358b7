"""Jump by letter: a label over everything that can have the focus; its letters lead there."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.css.scalar import ScalarOffset
from textual.events import Key, Resize
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widgets import Static

from rnnbench.tui import actions
from rnnbench.tui.jump import Spot, labels
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.styled import StyledScreen


class JumpScreen(ModalScreen[Spot], StyledScreen[Spot]):
    """Lies over a screen without hiding it; closes with the spot that was chosen, or with None."""

    PLACE = actions.JUMP
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.JUMP)

    def __init__(self, below: PlaceScreen) -> None:
        super().__init__()
        self._below = below
        self._spots: dict[str, Spot] = {}
        self._typed = ""

    def compose(self) -> ComposeResult:
        yield from self._labels()

    @property
    def shown(self) -> tuple[str, ...]:
        """The labels that can still be meant."""
        return tuple(label for label in self._spots if label.startswith(self._typed))

    def on_resize(self, event: Resize) -> None:
        """The screen below is laid out anew: look again when it has been."""
        self._below.call_after_refresh(self.call_later, self._look_again)

    async def _look_again(self) -> None:
        if self.is_attached and self.is_current:
            await self.query(Static).remove()
            await self.mount(*self._labels())

    def _labels(self) -> list[Static]:
        spots = list(self._below.spots())
        self._spots = dict(zip(labels(len(spots)), spots, strict=False))
        return [self._label(name, self._spots[name]) for name in self.shown]

    def _label(self, name: str, spot: Spot) -> Static:
        text = Content.assemble((name[: len(self._typed)], "dim"), name[len(self._typed) :])
        label = Static(text, classes="jump-label", markup=False)
        right = max(self._below.size.width - len(name), 0)
        label.styles.offset = ScalarOffset.from_offset(Offset(min(spot.at.x, right), spot.at.y))
        return label

    async def on_key(self, event: Key) -> None:
        """A letter of a label, or else the end of it."""
        if event.key in actions.key_map_of(self).keys(actions.by_id("leave_jump")):
            return
        event.stop()
        event.prevent_default()
        self._typed += (event.character or "?").lower()
        if self._typed in self._spots:
            self.dismiss(self._spots[self._typed])
        elif self.shown:
            await self._look_again()
        else:
            self.dismiss(None)
