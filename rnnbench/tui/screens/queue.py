"""The queue: what is trained now, and what waits for its turn."""

import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs import queue_runner
from rnnbench.runs.queue import Added, Queue
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import cell_len
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.queue_rows import COLUMNS, STATE, QueueRow, QueueView, read_queue
from rnnbench.tui.run_table import state_cell
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.confirm import ConfirmScreen
from rnnbench.tui.screens.queueing import queued_text
from rnnbench.tui.widgets.line_table import Cell, Column, LineTable
from rnnbench.tui.words import later, tr
from rnnbench.workspace import Workspace

REFRESH_SECONDS, SLOW_SECONDS = 2.0, 10.0
STARTING_SECONDS = 4.0  # a process that starts what waits is there by then
_NARROWEST = 6
Offer = Callable[[], tuple[RunConfig, str]]


class QueueScreen(PlaceScreen):
    """What waits; closes with the name of the run to open, or with None."""

    ABOUT = (
        "Runs that wait for their device: one is trained at a time on each (the CPU counts as one), also when another "
        "was started by hand. They go on without the workbench and without this terminal. A run that fails stops "
        "nothing: it leaves the queue and shows its error in the list of runs. Held, nothing more is started, and what "
        "is being trained goes on."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.QUEUE)

    def __init__(self, workspace: Workspace, offer: Offer | None = None) -> None:
        super().__init__()
        self._queue = Queue(workspace)
        self._offer = offer
        self._view = QueueView(False, False, ())
        self._follows = ""
        self._reading = False
        self._unattended_since: float | None = None
        self._turning = Lock()  # of two presses of h the second sees what the first has done

    def compose(self) -> ComposeResult:
        yield Paragraph(id="queue-title")
        yield LineTable(id="queue-table")
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self._table.focus()
        self._read()
        self.set_interval(SLOW_SECONDS if preferences_of(self).slow_link else REFRESH_SECONDS, self._read)

    def places(self) -> tuple[str, ...]:
        return (actions.QUEUE,)

    @property
    def run_state(self) -> str:
        row = self._selected()
        return row.state if row is not None else ""

    @property
    def _table(self) -> LineTable:
        return self.query_one("#queue-table", LineTable)

    def _read(self) -> None:
        if not self._reading:
            self._reading = True
            in_background(self, partial(read_queue, self._queue), self._show, self._read_failed)

    def _read_failed(self, error: RnnbenchError) -> None:
        """The next look may find it mended."""
        self._reading = False
        self.fail(error)

    def _show(self, view: QueueView) -> None:
        """Touch only what is different; the cursor stays on its run."""
        self._reading = False
        selected = self._selected()
        wanted = self._follows or (selected.name if selected is not None else "")
        self._view, self._follows = view, ""
        now = time.time()
        titles, cells = [tr(title) for title in COLUMNS], [_cells(row, now) for row in view.rows]
        widths = [max(cell_len(cell.text) for cell in found) for found in zip(map(Cell, titles), *cells, strict=True)]
        columns = [Column(title, max(width, _NARROWEST)) for title, width in zip(titles, widths, strict=True)]
        names = [row.name for row in view.rows]
        cursor = names.index(wanted) if wanted in names else self._table.cursor
        self._table.tell_when_empty(self._empty_text())
        self._table.fill(columns, len(cells), lambda index: cells[index], cursor)
        self.query_one("#queue-title", Paragraph).show(Content.styled(self._title(view), "bold"))
        self.show_keys()

    def _title(self, view: QueueView) -> str:
        """How many wait, and whether anybody starts them; a process that is about to is given its time."""
        unattended = bool(view.waiting) and not view.is_held and not view.is_run
        now = time.monotonic()
        self._unattended_since = (self._unattended_since or now) if unattended else None
        is_starting = unattended and now - (self._unattended_since or now) < STARTING_SECONDS
        return _title(view, is_starting=is_starting)

    def _empty_text(self) -> str:
        """How a run gets into the queue."""
        here = tr("{key[queue_form]} puts the run of the form into the queue.")
        there = tr(
            "Opened on the workbench ({key[show_queue]}), the queue takes the run of the form ({key[queue_form]})."
        )
        rule = tr("One device trains one run at a time: {key[start]} on the workbench asks while one trains.")
        return f"{here if self._offer is not None else there}\n{rule}"

    def _selected(self) -> QueueRow | None:
        rows, cursor = self._view.rows, self._table.cursor
        return rows[cursor] if 0 <= cursor < len(rows) else None

    def _entry(self) -> QueueRow | None:
        """The selected row where it is an entry; else the reason is told why nothing is done."""
        row = self._selected()
        if row is None:
            self.nothing(tr("nothing waits"))
        elif row.place is None:
            said = later("{name} is being trained: {key[stop]} in the list of runs ({key[show_runs]}) stops it")
            self.nothing(tr(said, name=row.name))
        else:
            return row
        return None

    def _work(self, work: Callable[[], object], said: str = "") -> None:
        """Change the queue, say so, and look again."""
        in_background(self, work, lambda _: self._worked(said), self.fail)

    def _worked(self, said: str) -> None:
        if said:
            self.say(said)
        self._reading = False  # a look that is under way saw what was before
        self._read()

    @on(LineTable.Moved)
    def _moved(self, event: LineTable.Moved) -> None:
        event.stop()
        self.show_keys()

    @on(LineTable.Chosen)
    def _chosen(self, event: LineTable.Chosen) -> None:
        event.stop()
        row = self._selected()
        if row is not None and row.place is None:
            self.dismiss(row.name)
        elif row is not None:
            self.nothing(tr("{name} has not begun", name=row.name))

    def action_leave_queue(self) -> None:
        """Back."""
        self.dismiss(None)

    def action_queue_form(self) -> None:
        """Put what the form says at the end."""
        if self._offer is None:
            self.nothing(tr("the form is on the workbench: open the queue from there"))
            return
        try:
            config, name = self._offer()
        except UsageError as error:
            self.fail(error)
            return
        in_background(self, lambda: queue_runner.add(self._queue.workspace, config, name), self._added, self.fail)

    def _added(self, added: Added) -> None:
        self._follows = added.entry.name
        self._work(lambda: None, queued_text(added))

    def action_unqueue(self) -> None:
        """Take the selected entry out, after asking."""
        if (row := self._entry()) is None:
            return
        said = tr("{name} does not wait any more", name=row.name)

        def answered(yes: bool | None) -> None:
            if yes:
                self._work(lambda: self._queue.remove(row.name), said)

        question = tr("Take {name} out of the queue?", name=row.name)
        self.app.push_screen(ConfirmScreen(question, tr("Its settings are kept nowhere else.")), answered)

    def action_move_entry(self, by: int) -> None:
        """Move the selected entry."""
        if (row := self._entry()) is not None:
            self._follows = row.name
            self._work(lambda: self._queue.move(row.name, by))

    def action_hold_queue(self) -> None:
        """Start nothing more, or go on: whichever the queue does not do now, whatever was seen of it last."""
        in_background(self, self._turn, self._worked, self.fail)

    def _turn(self) -> str:
        """Hold the queue, or let it go on; what was done."""
        with self._turning:
            if self._queue.is_held:
                queue_runner.release(self._queue.workspace)
                return tr("the queue goes on")
            self._queue.hold()
            return tr("the queue is held: {key[hold_queue]} lets it go on")


def _cells(row: QueueRow, now: float) -> list[Cell]:
    return [
        state_cell(text) if title == STATE else Cell(text) for title, text in zip(COLUMNS, row.cells(now), strict=True)
    ]


def _title(view: QueueView, *, is_starting: bool) -> str:
    count = len(view.waiting)
    if view.is_held:
        return tr("Queue: {count} waiting, held", count=count) if count else tr("Queue: nothing waits, held")
    if not count:
        return tr("Queue: nothing waits")
    if not view.is_run and not is_starting:
        return tr("Queue: {count} waiting, nobody starts them: {key[hold_queue]} twice lets it go on", count=count)
    return tr("Queue: {count} waiting", count=count)
