"""Every run of the workspace, newest first."""

import time
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Static

from rnnbench.errors import UsageError
from rnnbench.runs import wishes
from rnnbench.runs.jobs import Job
from rnnbench.runs.store import CRASHED, FAILED, FINISHED, PAUSED, RUNNING, STOPPED, TRAINED, Run, RunStore
from rnnbench.runs.wishes import Wish
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.run_rows import COLUMNS, RunReader, RunRow
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.compare import MOST_RUNS, CompareScreen
from rnnbench.tui.screens.control import RunControl
from rnnbench.workspace import Workspace

REFRESH_SECONDS = 2.0
_STYLES = {
    RUNNING: "bold green",
    PAUSED: "bold yellow",
    FINISHED: "blue",
    STOPPED: "yellow",
    FAILED: "bold red",
    CRASHED: "bold red",
}
_MARK = "●"
_NUMBERS = {"step", "perplexity", "bits/char", "age", "pseudo-ppl"}


class RunsScreen(PlaceScreen):
    """The list of runs; closes with the name of the run to open, or with None."""

    ABOUT = (
        "Every run of this workspace, the one that changed last on top. The perplexity is the best one on the "
        "validation text. It counts tokens, so it compares only runs with the same tokens; bits per character compare "
        "any two runs on the same text. A cloze model has a pseudo-perplexity (pseudo-ppl) instead, which "
        "compares with no perplexity. Mark two to six runs with space and press c to see their curves on one chart."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.RUNS)

    def __init__(self, workspace: Workspace, open_run: str | None = None) -> None:
        super().__init__()
        self._store = RunStore(workspace)
        self._reader = RunReader(self._store)
        self._control = RunControl(self, workspace)
        self._rows: list[RunRow] = []
        self._cells: dict[str, tuple[str, ...]] = {}
        self._first = open_run
        self._marked: list[str] = []
        self._reading = False

    def compose(self) -> ComposeResult:
        yield Static("Runs", id="runs-title", markup=False)
        yield DataTable(cursor_type="row", zebra_stripes=False, id="runs-table")
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self._table.focus()
        self._read()
        self.set_interval(REFRESH_SECONDS, self._read)

    def places(self) -> tuple[str, ...]:
        return (actions.RUNS,)

    @property
    def run_state(self) -> str:
        row = self._selected_row()
        return row.state if row is not None else ""

    @property
    def _table(self) -> "DataTable[Text]":
        return self.query_one("#runs-table", DataTable)

    def _read(self) -> None:
        if not self._reading:
            self._reading = True
            in_background(self, self._reader.rows, self._show, self.fail)

    def _show(self, rows: list[RunRow]) -> None:
        self._reading = False
        self._fill(rows)

    def _fill(self, rows: list[RunRow]) -> None:
        """Touch only what is different: an unchanged list costs the terminal nothing."""
        self._marked = [name for name in self._marked if any(row.name == name for row in rows)]
        cells = {row.name: self._texts(row) for row in rows}
        if list(cells) != list(self._cells) or _widths(cells) != _widths(self._cells):
            self._refill(cells)
        else:
            for name, texts in cells.items():
                for column, before, after in zip(COLUMNS, self._cells[name], texts, strict=True):
                    if before != after:
                        self._table.update_cell(name, column, _cell(column, after))
        self._rows, self._cells = rows, cells
        count = f"{len(rows):,} runs" if len(rows) != 1 else "1 run"
        self.query_one("#runs-title", Static).update(f"Runs: {count}" if rows else "There are no runs yet.")
        self.show_keys()

    def _texts(self, row: RunRow) -> tuple[str, ...]:
        """The texts of a row; a marked run carries its mark behind its name."""
        name, *rest = row.cells(time.time())
        return (f"{name} {_MARK}" if row.name in self._marked else name, *rest)

    def _refill(self, cells: dict[str, tuple[str, ...]]) -> None:
        """The widths are given: those that a table finds by itself may come after it was drawn."""
        name = self._selected_name() or self._first
        self._table.clear(columns=True)
        for column, width in zip(COLUMNS, _widths(cells), strict=True):
            label = Text(column, justify="right" if column in _NUMBERS else "left")
            self._table.add_column(label, key=column, width=width)
        for row, texts in cells.items():
            self._table.add_row(*(_cell(column, text) for column, text in zip(COLUMNS, texts, strict=True)), key=row)
        if name in cells:
            self._table.move_cursor(row=list(cells).index(name))

    def _selected_name(self) -> str | None:
        row = self._selected_row()
        return row.name if row is not None else None

    def _selected_row(self) -> RunRow | None:
        row = self._table.cursor_row
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def _selected(self) -> Run | None:
        name = self._selected_name()
        if name is None:
            self.fail(UsageError("there are no runs yet"))
            return None
        return self._store.run(name)

    @on(DataTable.RowSelected)
    def _row_selected(self, event: "DataTable.RowSelected") -> None:
        event.stop()
        self.dismiss(self._selected_name())

    @on(DataTable.RowHighlighted)
    def _row_highlighted(self, event: "DataTable.RowHighlighted") -> None:
        event.stop()
        self.show_keys()

    def action_close(self) -> None:
        """Back to the workbench, which keeps its run."""
        self.dismiss(None)

    def action_stop(self) -> None:
        """Stop the selected run."""
        if run := self._selected():
            self._control.stop(run)

    def action_resume(self) -> None:
        """Go on with the selected run."""
        if self.run_state == FINISHED:
            self.nothing(f"{self._selected_name()} has finished: open it (enter) and press u to train on")
        elif self.run_state == PAUSED:
            self.action_go_on()
        elif run := self._selected():
            self._control.resume(run.name, self._resumed)

    def action_pause(self) -> None:
        """Let the selected run save and wait."""
        self._wish(wishes.PAUSE)

    def action_go_on(self) -> None:
        """Let the selected run go on after a pause."""
        self._wish(wishes.CONTINUE)

    def _wish(self, wish: Wish) -> None:
        if (run := self._selected()) is None:
            return
        reason = wishes.refusal(wish, self.run_state) if self.run_state in TRAINED else "is not training"
        if reason:
            self.nothing(f"{run.name} {reason}")
        else:
            self._control.wish(run, wish)

    def _resumed(self, job: Job) -> None:
        self.say(f"resuming {job.run.name}")
        self._read()

    def action_delete(self) -> None:
        """Delete the selected run."""
        if run := self._selected():
            self._control.delete(run, self._read)

    def action_mark(self) -> None:
        """Mark the selected run to be compared, or take its mark away."""
        if (row := self._selected_row()) is None:
            self.nothing("there are no runs yet")
        elif row.name in self._marked:
            self._marked.remove(row.name)
        elif len(self._marked) == MOST_RUNS:
            self.nothing(f"more than {MOST_RUNS} curves cannot be told apart")
        else:
            self._marked.append(row.name)
        self._fill(self._rows)
        self._table.action_cursor_down()

    def action_compare(self) -> None:
        """The marked runs side by side; with one mark, that run and the one under the cursor."""
        names = list(self._marked)
        selected = self._selected_name()
        if len(names) == 1 and selected is not None and selected not in names:
            names.append(selected)
        if len(names) < 2:
            self.nothing("mark two or more runs with space first")
        else:
            self.app.push_screen(CompareScreen(self._store.workspace, [self._store.run(name) for name in names]))


def _widths(cells: dict[str, tuple[str, ...]]) -> list[int]:
    """How many columns of the terminal each column of the list takes."""
    return [max(map(cell_len, texts)) for texts in zip(COLUMNS, *cells.values(), strict=True)]


def _cell(column: str, text: str) -> Text:
    style = _STYLES.get(text, "") if column == "state" else ""
    return Text(text, style=style, justify="right" if column in _NUMBERS else "left", no_wrap=True)
