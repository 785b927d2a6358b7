"""The machine: what it has, what it does, and what the runs take of it."""

from threading import Event, Thread
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from rnnbench.errors import RnnbenchError
from rnnbench.runs.machine import History, Machine, MachineState
from rnnbench.runs.store import RunStore
from rnnbench.tui import actions
from rnnbench.tui.machine_lines import machine_lines, title_line
from rnnbench.tui.messages import Target, post
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.words import tr
from rnnbench.workspace import Workspace

LOOK_SECONDS, SLOW_SECONDS = 1.5, 10.0
_FIRST_SECONDS = 0.3  # the first look compares with the opening of the screen
_COUNT_EVERY = 20  # looks between two counts of the bytes of the runs


class Looked(Message):
    """The machine was looked at."""

    def __init__(self, state: MachineState) -> None:
        super().__init__()
        self.state = state


class LookFailed(Message):
    """It could not be."""

    def __init__(self, error: RnnbenchError) -> None:
        super().__init__()
        self.error = error


class Looker:
    """Looks at the machine from time to time on a daemon thread, until it is closed."""

    def __init__(self, target: Target, store: RunStore, seconds: float) -> None:
        self._target, self._store, self._seconds = target, store, seconds
        self._wake = Event()
        self._count_now = False
        self._closed = False
        Thread(target=self._run, name="machine", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wake.set()

    def look_now(self) -> None:
        """Do not wait for the next look; count the bytes too."""
        self._count_now = True
        self._wake.set()

    def _run(self) -> None:
        machine, looks = Machine(self._store), 0
        self._wake.wait(_FIRST_SECONDS)
        while not self._closed:
            self._wake.clear()
            counts, self._count_now = self._count_now or looks % _COUNT_EVERY == 1, False
            try:
                heard = post(self._target, Looked(machine.look(count_bytes=counts)))
            except (RnnbenchError, OSError) as error:
                heard = post(self._target, LookFailed(RnnbenchError(str(error))))
            if not heard:
                break
            looks += 1
            self._wake.wait(_FIRST_SECONDS if looks == 1 else self._seconds)
        machine.close()


class MachineScreen(PlaceScreen):
    """The machine, looked at only while this is open."""

    ABOUT = (
        "What this machine has and does. CPU bars are the cores that may be used here. The CPU of a run is counted in "
        "cores: 150% are one and a half. Its memory is what it has in memory now. Of GPUs the driver is asked; a MIG "
        "slice has no utilisation of its own, which is shown as n/a. Runs on another machine show its name for a "
        "process id."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.MACHINE)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._store = RunStore(workspace)
        self._history = History()
        self._state: MachineState | None = None
        self._shown: list[Content] = []
        self._looker: Looker | None = None

    def compose(self) -> ComposeResult:
        yield Paragraph(Content(tr("Machine")), id="machine-title")
        yield VerticalScroll(id="machine-body")
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self._body.focus()
        self._looker = Looker(self, self._store, SLOW_SECONDS if preferences_of(self).slow_link else LOOK_SECONDS)

    def on_unmount(self) -> None:
        """Look no more."""
        if self._looker is not None:
            self._looker.close()

    def places(self) -> tuple[str, ...]:
        return (actions.MACHINE,)

    @property
    def run_state(self) -> str:
        return ""

    @property
    def _body(self) -> VerticalScroll:
        return self.query_one("#machine-body", VerticalScroll)

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        event.stop()
        self._state = event.state
        self._history.add(event.state.processors.mean)
        self._draw()

    @on(LookFailed)
    def _failed(self, event: LookFailed) -> None:
        event.stop()
        self.fail(event.error)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        """Touch only the lines that are different."""
        if self._state is None or not self.is_mounted:
            return
        self.query_one("#machine-title", Paragraph).show(Content(title_line(self._state)))
        lines = machine_lines(self._state, self._history.values, self._body.content_size.width)
        rows = list(self._body.query(Static))
        for row, line, before in zip(rows, lines, self._shown, strict=False):
            if not line.is_same(before):
                row.update(line, layout=False)
        for row in rows[len(lines) :]:
            row.remove()
        if new := lines[len(rows) :]:
            self._body.mount(*(Static(line, classes="machine-line", markup=False) for line in new))
        self._shown = lines

    def action_leave_machine(self) -> None:
        """Back."""
        self.dismiss(None)

    def action_measure_now(self) -> None:
        """Look again now."""
        if self._looker is not None:
            self._looker.look_now()
