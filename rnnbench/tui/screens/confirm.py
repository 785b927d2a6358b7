"""A question that is answered yes or no before something is done that cannot be undone at once."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from rnnbench.tui import actions
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible


class ConfirmScreen(DialogScreen[bool]):
    """Asks; only `y` means yes."""

    PLACE = actions.CONFIRM
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.CONFIRM)

    def __init__(self, question: str, consequence: str = "") -> None:
        super().__init__()
        self.question = visible(question)
        self._consequence = visible(consequence)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self.question, "bold"), markup=False)
            if self._consequence:
                yield Static(Content.styled(self._consequence, "dim"), markup=False)
            yield Static(_answers(), markup=False, classes="answers")
        yield KeyLine()


def _answers() -> Content:
    key = "bold $text-accent"
    return Content.assemble(("y", key), f" {tr('yes')}     ", ("n", key), f" {tr('or esc  no')}")
