"""Every run of the workspace: sorted, filtered, with what is known of the selected one below."""

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Key, Resize
from textual.timer import Timer
from textual.widgets import Input, Static

from rnnbench.errors import RnnbenchError
from rnnbench.runs.queue import Queue
from rnnbench.tui import actions, run_table
from rnnbench.tui.background import in_background
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.run_details import Details, read_details, strip_lines
from rnnbench.tui.run_order import Filter, Order
from rnnbench.tui.run_reader import Rows, RunReader
from rnnbench.tui.run_rows import RunRow
from rnnbench.tui.screens.compare import MOST_RUNS, CompareScreen
from rnnbench.tui.screens.run_actions import RunActionsScreen
from rnnbench.tui.widgets.line_table import LineTable
from rnnbench.tui.words import tr
from rnnbench.workspace import Workspace

REFRESH_SECONDS = 2.0
_IDLE_SHARE = 800  # looking at every run takes about this part of the time: 0.13 %
_LONGEST_WAIT = 10.0
_BATCH_SECONDS = 0.1  # the first rows are shown after so long, and more after each further stretch
_SETTLE_SECONDS = 0.15  # a cursor that is still moving asks for no details

_HIGH = 32  # rows of a terminal that has more room for the details


class RunsScreen(RunActionsScreen):
    """The list of runs; closes with the name of the run to open, or with None. The names in `marked` are marked, and
    it is that list which is changed."""

    ABOUT = (
        "Every run of this workspace, the one that changed last on top; {key[sort_runs]} sorts by another column, "
        "{key[find_runs]} leaves only the runs with some words. The perplexity is the best one on the validation text. "
        "It counts tokens, so it compares only runs with the same tokens; bits per character compare any two runs on "
        "the same text. A cloze model has a pseudo-perplexity (pseudo-ppl) instead, which compares with no "
        "perplexity. Mark two to six runs with {key[mark]} and press {key[compare]} to see their curves on one chart. "
        "A deleted run stays in the trash for a week, and {key[undelete]} brings the last one back."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.RUNS)

    def __init__(self, workspace: Workspace, open_run: str | None = None, marked: list[str] | None = None) -> None:
        super().__init__(workspace)
        self._reader = RunReader(self._store)
        self._all: tuple[RunRow, ...] = ()
        self._rows: list[RunRow] = []  # those that the filter leaves, in order
        self._widths = run_table.widest(())
        self._order, self._filter = Order(), Filter()
        self._open_run, self._wanted = open_run, open_run
        self._marked = marked if marked is not None else []
        self._hidden: str | None = None  # where the cursor was when a filter took that row away
        self._reading, self._whole, self._keeps = False, False, False
        self._look_again = False  # something was done since the present look began
        self._next_look: Timer | None = None
        self._settles: Timer | None = None
        self._details: tuple[RunRow, Details] | None = None
        self._queued = 0

    def compose(self) -> ComposeResult:
        yield Paragraph(id="runs-title")
        yield LineInput(placeholder=tr("words, #tag, !without   enter: the list, esc: every run"), id="runs-filter")
        yield LineTable(id="runs-table")
        yield Static("", id="runs-details", markup=False)
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self._keeps = not preferences_of(self).read_only
        self._filter_field.display = False
        self._table.focus()
        self.read_again()

    def places(self) -> tuple[str, ...]:
        return (actions.RUNS,)

    @property
    def _table(self) -> LineTable:
        return self.query_one("#runs-table", LineTable)

    @property
    def _filter_field(self) -> LineInput:
        return self.query_one("#runs-filter", LineInput)

    # Reading

    def read_again(self) -> None:
        """Look at the disk; a look that is under way may have missed what was done, and is followed by another."""
        if self._next_look is not None:
            self._next_look.stop()
        if self._reading:
            self._look_again = True
        else:
            self._reading = True
            in_background(self, self._read, self._show, self._read_failed)

    def _read(self) -> tuple[Rows, int]:
        rows = self._reader.read(_BATCH_SECONDS)
        if rows.whole and self._keeps:
            self._reader.keep()
        return rows, _queued(Queue(self._store.workspace))

    def _show(self, found: tuple[Rows, int]) -> None:
        self._reading = False
        rows, self._queued = found
        self._whole = rows.whole
        if rows.rows != self._all:
            self._all, self._widths = rows.rows, run_table.widest(rows.rows)
        if self._complete:
            names = {row.name for row in self._all}
            self._marked[:] = [name for name in self._marked if name in names]
        self._list()
        if self._complete:
            seconds = min(max(REFRESH_SECONDS, self._reader.seconds * _IDLE_SHARE), _LONGEST_WAIT)
            self._next_look = self.set_timer(seconds, self.read_again)
        else:
            self._look_again &= not self._whole  # until a look was ended, going on with it begins no other
            self.read_again()

    @property
    def _complete(self) -> bool:
        """Whether the rows are all that there are, as far as anybody here knows."""
        return self._whole and not self._look_again

    def _read_failed(self, error: RnnbenchError) -> None:
        self._reading = False
        self.fail(error)
        self._next_look = self.set_timer(REFRESH_SECONDS, self.read_again)

    # Showing

    def _list(self) -> None:
        """Show what the filter leaves, in order; the cursor stays on its run, or comes back to it with the row."""
        candidates = (self._wanted, self._hidden, self._selected_name())
        self._rows = self._order.apply(self._filter.apply(self._all))
        names = [row.name for row in self._rows]
        cursor = next((names.index(name) for name in candidates if name in names), self._table.cursor)
        self._wanted = None if self._wanted in names or self._complete else self._wanted
        self._draw(cursor)

    def _empty_text(self) -> str:
        """Why no run is listed, and what to do about it."""
        if not self._whole:
            return ""
        if self._all:
            return tr("No run has all of these words; {key[close]} shows every run again.")
        return tr(
            "No runs yet. {key[close]} leads back to the workbench: choose a text (1), look over the model (2), and "
            "{key[start]} starts a run.\nIt is listed here from then on, also when it has ended."
        )

    def _draw(self, cursor: int) -> None:
        columns = run_table.columns(self._widths, self._order, max(self.size.width, 1))
        maker = run_table.row_maker(self._rows, self._marked, columns[0].width)
        self._table.tell_when_empty(self._empty_text())
        self._table.fill(columns, len(self._rows), maker, cursor)
        self._draw_title()
        self._selection_changed()

    def _draw_title(self) -> None:
        count = len(self._all)
        counted = tr("1 run") if count == 1 else tr("{count} runs", count=f"{count:,}")
        parts = [tr("Runs: {counted}", counted=counted) if count else tr("Runs")]
        if self._filter.text:
            parts.append(tr("{count} with {words}", count=f"{len(self._rows):,}", words=self._filter.text))
        parts += [tr("{count} marked", count=len(self._marked))] if self._marked else []
        parts += [tr("{count} in the queue", count=self._queued)] if self._queued else []
        parts += [] if self._whole else [tr("reading ...")]
        if count or self._whole:
            self.query_one("#runs-title", Paragraph).show(Content("   ".join(parts)))

    def on_resize(self, event: Resize) -> None:
        """The columns make room for the name, and a high terminal has room for all of the details."""
        self.query_one("#runs-details").set_class(self.size.height >= _HIGH, "-high")
        self._draw(self._table.cursor)

    def _selected_name(self) -> str | None:
        row = self.selected_row()
        return row.name if row is not None else None

    def selected_row(self) -> RunRow | None:
        row = self._table.cursor
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def known_tags(self) -> list[str]:
        return sorted({tag for row in self._all for tag in row.tags})

    @on(LineTable.Chosen)
    def _row_chosen(self, event: LineTable.Chosen) -> None:
        event.stop()
        if name := self._selected_name():
            self.dismiss(name)

    @on(LineTable.Moved)
    def _row_moved(self, event: LineTable.Moved) -> None:
        event.stop()
        self._wanted = self._hidden = None
        self._selection_changed()

    def _selection_changed(self) -> None:
        self.show_keys()
        row = self.selected_row()
        self._draw_details()
        if row is not None and (self._details is None or self._details[0] != row):
            if self._settles is not None:
                self._settles.stop()
            self._settles = self.set_timer(_SETTLE_SECONDS, self._ask_details)

    def _ask_details(self) -> None:
        if (row := self.selected_row()) is not None:
            work = partial(read_details, self._store.run(row.name), row)
            in_background(self, work, partial(self._take_details, row), self.fail)

    def _take_details(self, row: RunRow, details: Details) -> None:
        self._details = (row, details)
        self._draw_details()

    def _draw_details(self) -> None:
        strip, row = self.query_one("#runs-details", Static), self.selected_row()
        known = self._details
        details = known[1] if known and row and known[0].name == row.name else None
        size = strip.content_size
        lines = strip_lines(row, details, size.width, size.height) if row and size.height else []
        shown = Content("\n").join(lines)
        if not (isinstance(strip.content, Content) and shown.is_same(strip.content)):
            strip.update(shown, layout=False)

    # Sorting and filtering

    def action_sort_runs(self) -> None:
        """By the next column, from the top."""
        self._sort(self._order.turned())

    def action_reverse_runs(self) -> None:
        """The other way round, from the top."""
        self._sort(self._order.reversed())

    def _sort(self, order: Order) -> None:
        self._order = order
        self._list()
        self._table.move_cursor(0)

    def action_find_runs(self) -> None:
        """To the field of the filter."""
        self._filter_field.display = True
        self._filter_field.focus()

    @on(Input.Changed, "#runs-filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        event.stop()
        self._hidden = self._hidden or self._selected_name()
        self._filter = Filter(event.value)
        self._list()

    @on(Input.Submitted, "#runs-filter")
    def _filter_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._hidden = None if self._rows else self._hidden  # what is listed now has the cursor
        self._leave_filter()

    def on_key(self, event: Key) -> None:
        """Down leads from the filter into the list."""
        if event.key == "down" and self._filter_field.has_focus:
            event.stop()
            self._leave_filter()

    def _leave_filter(self) -> None:
        self._table.focus()
        self._filter_field.display = bool(self._filter.text)

    def action_close(self) -> None:
        """Out of the filter; else back to the workbench, which keeps its run, under its new name if it has one."""
        if self._filter_field.has_focus or self._filter.text:
            self._filter_field.value = ""
            self._filter = Filter()
            self._leave_filter()
            self._list()
        else:
            self.dismiss(self._reopened)

    def action_leave_field(self) -> None:
        """Out of the filter."""
        self.action_close()

    @property
    def _reopened(self) -> str | None:
        return self._open_run if self._open_was_renamed else None

    _open_was_renamed = False

    def renamed(self, old: str, new: str) -> None:
        """The cursor, the mark and the workbench follow a run to its new name."""
        self._marked[:] = [new if name == old else name for name in self._marked]
        self.select(new)
        if old == self._open_run:
            self._open_run, self._open_was_renamed = new, True

    def select(self, name: str) -> None:
        self._wanted = name

    # Comparing

    def action_show_queue(self) -> None:
        """What waits; comes back with the name of a run to open."""
        from rnnbench.tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen(self._store.workspace), self._queue_closed)

    def _queue_closed(self, name: str | None) -> None:
        if name is not None:
            self.dismiss(name)

    def action_show_machine(self) -> None:
        """What the machine does."""
        from rnnbench.tui.screens.machine import MachineScreen

        self.app.push_screen(MachineScreen(self._store.workspace))

    def action_mark(self) -> None:
        """Mark the selected run to be compared, or take its mark away."""
        if (row := self.selected_row()) is None:
            self.nothing(tr("there are no runs yet"))
            return
        if row.name in self._marked:
            self._marked.remove(row.name)
        elif len(self._marked) == MOST_RUNS:
            self.nothing(tr("more than {count} curves cannot be told apart", count=MOST_RUNS))
        else:
            self._marked.append(row.name)
        self._draw(self._table.cursor)
        self._table.action_move(1)

    def action_compare(self) -> None:
        """The marked runs side by side; with one mark, that run and the one under the cursor."""
        names = list(self._marked)
        selected = self._selected_name()
        if len(names) == 1 and selected is not None and selected not in names:
            names.append(selected)
        if len(names) < 2:
            self.nothing(tr("mark two or more runs with space first"))
        else:
            self.app.push_screen(CompareScreen(self._store.workspace, [self._store.run(name) for name in names]))


def _queued(queue: Queue) -> int:
    """How many runs wait to be started; a queue that cannot be read is another screen's matter."""
    try:
        return len(queue.entries())
    except (RnnbenchError, OSError):
        return 0
