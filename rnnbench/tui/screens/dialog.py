"""What dialogs have in common: they lie over a screen, and only their own keys are shown while they are open."""

from typing import ClassVar, TypeVar

from textual import on
from textual.dom import DOMNode
from textual.screen import ModalScreen

from rnnbench.tui.actions import Action
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.screens.styled import StyledScreen

Result = TypeVar("Result")


class DialogScreen(ModalScreen[Result], StyledScreen[Result]):
    """A dialog. Its `compose` yields a KeyLine beside its box: that covers the line of the screen below."""

    PLACE: ClassVar[str] = ""

    def on_mount(self) -> None:
        """Show the keys."""
        self.query_one(KeyLine).show_dialog(self.PLACE)

    @property
    def run_state(self) -> str:
        """No action of a dialog depends on the state of a run."""
        return ""

    def places(self) -> tuple[str, ...]:
        """Only the dialog: what lies below it waits."""
        return (self.PLACE,)

    def performer(self, action: Action) -> DOMNode:
        """The dialog does what can be done in it."""
        return self

    @on(KeyLine.Picked)
    async def _key_picked(self, event: KeyLine.Picked) -> None:
        event.stop()
        if event.action.built_in:
            self.app.simulate_key(event.action.keys[0])
        else:
            await self.app.run_action(event.action.call, self)
