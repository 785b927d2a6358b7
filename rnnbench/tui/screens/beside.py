"""What to do with a new run while another is being trained: both at once, one after the other, or nothing."""

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

START, QUEUE = "start", "queue"


class BesideScreen(DialogScreen[str]):
    """Asks; answers START, QUEUE or nothing."""

    PLACE = actions.BESIDE
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.BESIDE)

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self._question = visible(question)
        self._consequence = visible(consequence)

    def compose(self) -> ComposeResult:
        key = "bold $text-accent"
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self._question, "bold"), markup=False)
            yield Static(Content.styled(self._consequence, "dim"), markup=False)
            yield Static(
                Content.assemble(
                    *(("y", key), f" {tr('yes, beside it')}     ", ("k", key), f" {tr('queue it after that')}     "),
                    *(("n", key), f" {tr('or esc  no')}"),
                ),
                markup=False,
                classes="answers",
            )
        yield KeyLine()
