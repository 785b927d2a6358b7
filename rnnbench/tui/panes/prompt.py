"""The line in which prompts are entered, and what was entered before."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from rnnbench.errors import RnnbenchError
from rnnbench.runs import history
from rnnbench.runs.asking import asking
from rnnbench.tui.background import in_background
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.words import tr
from rnnbench.workspace import Workspace


def placeholder(task: str) -> str:
    """What may be entered for a run of the task."""
    return tr("{hint}, or /help", hint=tr(asking(task).placeholder))


class PromptInput(LineInput):
    """The line being entered, with what was entered before on up and down, in earlier sessions too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(-1)", "Earlier", show=False),
        Binding("down", "recall(1)", "Later", show=False),
    ]

    def __init__(self, workspace: Workspace, placeholder: str = "") -> None:
        super().__init__(placeholder=placeholder, id="prompt")
        self.select_on_focus = False
        self._file = history.history_file(workspace)
        self._kept = True
        self._history: list[str] = []
        self._place = 0
        self._draft = ""

    def on_mount(self) -> None:
        in_background(self, partial(history.load_history, self._file), self._take_earlier, self._not_kept)

    def _take_earlier(self, lines: Sequence[str]) -> None:
        """What was entered in earlier sessions, before what has been entered in this one."""
        self._history[:0] = lines
        self._place += len(lines)

    def remember(self, line: str) -> None:
        """Keep a line that was entered."""
        if not self._history or self._history[-1] != line:
            self._history.append(line)
            self._keep(line)
        self._place, self._draft = len(self._history), ""

    def _keep(self, line: str) -> None:
        if self._kept and not preferences_of(self).read_only:
            in_background(self, partial(history.append_history, self._file, line), lambda _: None, self._not_kept)

    def _not_kept(self, error: RnnbenchError) -> None:
        """A history that cannot be kept is no reason not to talk."""
        self._kept = False

    def action_recall(self, by: int) -> None:
        """Show an earlier or later line; the one being written is kept at the end."""
        if self._place == len(self._history):
            self._draft = self.value
        self._place = min(max(self._place + by, 0), len(self._history))
        self.value = self._draft if self._place == len(self._history) else self._history[self._place]
        self.cursor_position = len(self.value)
