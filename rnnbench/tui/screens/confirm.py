"""A question that is answered yes or no before something is done that cannot be undone at once."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from rnnbench.visible import visible


class ConfirmScreen(ModalScreen[bool]):
    """Asks; only `y` means yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", show=False),
        Binding("n,escape,q", "dismiss(False)", "No", show=False),
    ]

    def __init__(self, question: str, consequence: str = "") -> None:
        super().__init__()
        self.question = visible(question)
        self._consequence = visible(consequence)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self.question, "bold"), markup=False)
            if self._consequence:
                yield Static(Content.styled(self._consequence, "dim"), markup=False)
            yield Static(_ANSWERS, markup=False, classes="answers")


_ANSWERS = Content.assemble(("y", "bold $text-accent"), " yes     ", ("n", "bold $text-accent"), " or esc  no")
