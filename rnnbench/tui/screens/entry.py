"""A dialog with one line to type, which is checked with every key."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from rnnbench.tui import actions
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.visible import visible

Check = Callable[[str], str]
"""What is wrong with a text, or nothing."""


class EntryInput(LineInput):
    """A text to be changed rather than replaced: its end is seen, and nothing is selected."""

    def __init__(self, value: str, *, id: str, classes: str) -> None:
        super().__init__(value, id=id, classes=classes)
        self.select_on_focus = False
        self.cursor_position = 0

    def on_mount(self) -> None:
        """To the end as soon as there is a width to be scrolled in."""
        self.call_after_refresh(self.action_end)


class EntryScreen(DialogScreen[str]):
    """Closes with the text when it is right, or with None."""

    PLACE = actions.ENTRY
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.ENTRY)

    def __init__(self, title: str, text: str, note: str, check: Check) -> None:
        super().__init__()
        self._title, self._text, self._note, self._check = visible(title), text, visible(note), check

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self._title)
            yield EntryInput(self._text, id="entry", classes="entry-input")
            yield Static(Content.styled(self._note, "dim"), classes="answers", markup=False)
            yield Static("", id="entry-problem", markup=False)
        yield KeyLine()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        problem = self._check(event.value.strip())
        self.query_one("#entry-problem", Static).update(Content.styled(visible(problem), "$text-error"))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if not self._check(text):
            self.dismiss(text)
