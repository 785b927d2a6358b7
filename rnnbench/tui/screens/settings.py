"""The settings that a run takes while it is going, with their present values, to be changed."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from rnnbench.errors import UsageError
from rnnbench.runs.settings import Setting, setting
from rnnbench.tui import actions
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.fields import LABEL_WIDTH, LineInput
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible

Changes = tuple[Setting, ...]


class SettingsScreen(DialogScreen[Changes]):
    """Asks for other values; closes with those that are different."""

    PLACE = actions.SETTINGS
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.SETTINGS)

    def __init__(self, run_name: str, present: Changes, rate_now: float | None) -> None:
        super().__init__()
        self._run_name = run_name
        self._present = present
        self._rate_now = rate_now

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = tr("Settings of {name}", name=visible(self._run_name))
            for item in self._present:
                with Horizontal(classes="field"):
                    yield Static(f"{item.title:<{LABEL_WIDTH}}", classes="setting-label", markup=False)
                    yield LineInput(item.text, id=f"setting-{item.name}", classes="setting-input")
            yield Static(Content.styled(self._note(), "dim"), classes="answers", markup=False)
            yield Static("", id="setting-problem", markup=False)
        yield KeyLine()

    def _note(self) -> str:
        """What the numbers mean where that is not plain."""
        goes_on = tr("The schedule goes on: it scales the learning rate. The clipping can be off.")
        if self._rate_now is None:
            return goes_on
        return f"{goes_on} " + tr("The last step was made with {rate}.", rate=f"{self._rate_now:.3g}")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            changes = self._changes()
        except UsageError as error:
            self._complain(str(error))
        else:
            if changes:
                self.dismiss(changes)
            else:
                self._complain(tr("nothing is different yet"))

    def _changes(self) -> Changes:
        """What was changed. Raises UsageError for a value that cannot be."""
        found = []
        for item in self._present:
            text = self.query_one(f"#setting-{item.name}", Input).value.strip()
            if setting(item.name, text) != setting(item.name, item.text):
                found.append(Setting(item.name, text))
        return tuple(found)

    def _complain(self, message: str) -> None:
        self.query_one("#setting-problem", Static).update(Content.styled(visible(message), "$text-error"))
