"""The workbench as a program: its themes, its signals, how it opens and how it leaves."""

import gc
import sys
from contextlib import suppress
from typing import ClassVar

from textual import on
from textual.command import Provider
from textual.events import DescendantFocus
from textual.notifications import SeverityLevel
from textual.widgets import Input

from rnnbench.errors import ExitCode
from rnnbench.runs.queue import Queue
from rnnbench.runs.skimming import skim
from rnnbench.runs.store import CRASHED, FAILED, PAUSED, Run, RunStore
from rnnbench.tui.actions.palette import ActionProvider
from rnnbench.tui.leaving import Leaving
from rnnbench.tui.looks import Looks
from rnnbench.tui.notifying import RunEnded, RunWatch, SeenTraining, present_signal
from rnnbench.tui.panes.fields import Choice
from rnnbench.tui.preferences import DEFAULTS, Preferences
from rnnbench.tui.screens.workbench import WorkbenchScreen
from rnnbench.tui.settings_file import Asked, resolve
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

STYLES = (
    *("base", "corpora", "model", "training", "generate", "runs", "compare", "inspect", "dialogs", "jump", "looks"),
    *("queue", "machine"),
)
_NOTHING_ASKED = Asked()


class WorkbenchApp(Looks):
    """Four panes around the runs of one workspace. Leaving it ends nothing that trains."""

    CSS_PATH: ClassVar = [f"styles/{name}.tcss" for name in STYLES]
    TITLE = "rnnbench"
    COMMANDS: ClassVar[set[type[Provider]]] = {ActionProvider}  # type: ignore[assignment]

    def __init__(self, workspace: Workspace, run: str | None = None, preferences: Preferences = DEFAULTS) -> None:
        super().__init__(preferences)
        self.animation_level = "none"  # every frame of an animation would travel over SSH
        self._workspace = workspace
        self._run = run
        self._leaving = Leaving(self._leave)
        self._leaving.remember_modes()
        self._watch = RunWatch(self, RunStore(workspace))
        if preferences.read_only:
            self.title = f"{self.TITLE} ({tr('read-only')})"

    def get_default_screen(self) -> WorkbenchScreen:
        """The workbench is the first screen: nothing is drawn before it."""
        return WorkbenchScreen(self._workspace, self._run)

    async def action_list_choices(self) -> None:
        """List all words of the choice that has the focus. The next key is for the list, however soon it comes: the
        list has to be there when this is done."""
        from rnnbench.tui.screens.choices import ChoicesScreen

        if isinstance(self.focused, Choice):
            await self.push_screen(ChoicesScreen(self.focused), self.focused.closed)

    def on_mount(self) -> None:
        """Leave the screen in order when asked to from outside: otherwise the terminal stays in raw mode."""
        self._leaving.watch(on_terminal=not self.is_headless)
        self.call_after_refresh(self.tell_problem)
        self.call_after_refresh(self._watch.start)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """No cursor blinks, that of the palette neither: an idle screen sends nothing."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    def on_unmount(self) -> None:
        """Give the signals back."""
        self._watch.stop()
        self._leaving.give_back()

    @on(SeenTraining)
    def _seen_training(self, event: SeenTraining) -> None:
        self._watch.see(event.run)

    @on(RunEnded)
    def _run_ended(self, event: RunEnded) -> None:
        severity: SeverityLevel = "error" if event.state in (FAILED, CRASHED) else "information"
        self.notify(event.words, title=visible(event.run_name), severity=severity, markup=False)
        if self.preferences.notify and self._driver is not None:
            self._driver.write(present_signal(event.run_name, event.words))

    def _leave(self, code: ExitCode) -> None:
        self.exit(int(code))


def run_workbench(workspace: Workspace, run: str | None = None, asked: Asked = _NOTHING_ASKED) -> int:
    """Show the workbench until the user leaves it; returns the exit code.

    Raises UsageError for an unknown run, or a theme that was asked for and is none.
    """
    store = RunStore(workspace)
    if run is not None:
        store.find(run)
    _collect_rarely()
    app = WorkbenchApp(workspace, run, resolve(asked))
    code = app.run() or app.return_code or int(ExitCode.DONE)
    with suppress(OSError):  # after a hang-up there is no terminal to write to
        sys.stdout.write(farewell(workspace))
        sys.stdout.flush()
    return code


def _collect_rarely() -> None:
    """Let the garbage collector leave alone what was imported, and look at the rest less often: an interface makes
    many small objects, and a fifth of the time to the first screen went into looking at them."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def _named(run: Run) -> str:
    return visible(run.name) + (" (paused)" if run.state(skim(run.events_file)) == PAUSED else "")


def farewell(workspace: Workspace) -> str:
    """What goes on after the workbench is left."""
    names = [_named(run) for run in RunStore(workspace).running()]
    waiting = len(Queue(workspace).entries())
    if not names and not waiting:
        return ""
    goes = "goes on" if len(names) == 1 else "go on"
    parts = [f"Training {goes} in the background: {', '.join(names)}."] if names else []
    if waiting:
        parts.append(f"{waiting} {'waits' if waiting == 1 else 'wait'} in the queue.")
    return f"{' '.join(parts)} Open the workbench again to watch.\n"
