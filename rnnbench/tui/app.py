"""The workbench as a program: its themes, its signals, how it opens and how it leaves."""

import asyncio
import signal
import sys
from contextlib import suppress
from typing import ClassVar

from textual.command import Provider
from textual.events import DescendantFocus
from textual.widgets import Input

from rnnbench.errors import ExitCode
from rnnbench.runs.store import PAUSED, Run, RunStore
from rnnbench.tui.actions.palette import ActionProvider
from rnnbench.tui.keys import OrderedKeys
from rnnbench.tui.preferences import DEFAULTS, Preferences
from rnnbench.tui.screens.workbench import WorkbenchScreen
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_SIGNALS = {signal.SIGTERM: ExitCode.TERMINATED, signal.SIGHUP: ExitCode.HUNG_UP}
STYLES = ("base", "corpora", "model", "training", "generate", "runs", "compare", "inspect", "dialogs")
DARK, LIGHT = "textual-dark", "textual-light"


class WorkbenchApp(OrderedKeys[int]):
    """Four panes around the runs of one workspace. Leaving it ends nothing that trains."""

    CSS_PATH: ClassVar = [f"styles/{name}.tcss" for name in STYLES]
    TITLE = "rnnbench"
    COMMANDS: ClassVar[set[type[Provider]]] = {ActionProvider}  # type: ignore[assignment]

    def __init__(self, workspace: Workspace, run: str | None = None, preferences: Preferences = DEFAULTS) -> None:
        super().__init__()
        self.preferences = preferences
        self.animation_level = "none"  # every frame of an animation would travel over SSH
        self._workspace = workspace
        self._run = run

    def get_default_screen(self) -> WorkbenchScreen:
        """The workbench is the first screen: nothing is drawn before it."""
        return WorkbenchScreen(self._workspace, self._run)

    def on_mount(self) -> None:
        """Leave the screen in order when asked to from outside: otherwise the terminal stays in raw mode."""
        loop = asyncio.get_running_loop()
        for number, code in _SIGNALS.items():
            with suppress(ValueError, RuntimeError):  # only the main thread may
                loop.add_signal_handler(number, self._leave, code)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """No cursor blinks, that of the palette neither: an idle screen sends nothing."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    def on_unmount(self) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            with suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(number)

    def _leave(self, code: ExitCode) -> None:
        self.exit(int(code))

    def action_toggle_theme(self) -> None:
        """Dark or light."""
        self.theme = LIGHT if self.theme == DARK else DARK


def run_workbench(workspace: Workspace, run: str | None = None) -> int:
    """Show the workbench until the user leaves it; returns the exit code. Raises UsageError for an unknown run."""
    store = RunStore(workspace)
    if run is not None:
        store.find(run)
    app = WorkbenchApp(workspace, run)
    code = app.run() or app.return_code or int(ExitCode.DONE)
    with suppress(OSError):  # after a hang-up there is no terminal to write to
        sys.stdout.write(farewell(store))
        sys.stdout.flush()
    return code


def _named(run: Run) -> str:
    return visible(run.name) + (" (paused)" if run.state(run.progress()) == PAUSED else "")


def farewell(store: RunStore) -> str:
    """What goes on after the workbench is left."""
    names = [_named(run) for run in store.running()]
    if not names:
        return ""
    goes = "goes on" if len(names) == 1 else "go on"
    return f"Training {goes} in the background: {', '.join(names)}. Open the workbench again to watch.\n"
