"""Inside a run's model: a text coloured by surprisal or by a hidden unit, units that follow something, gates."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import DataTable, Input, Static

from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.runs.store import Run
from rnnbench.tui import actions, inspect_texts, inspector
from rnnbench.tui.background import in_background
from rnnbench.tui.inspector import Activity, Gates, Inspected, Inspector, Question, Reading, Search
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.screens import inspect_drawing as drawing
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.widgets.coloured_text import ColouredText
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_LANGUAGE_MODEL = "language_model"
TEXT, UNITS, GATES = "text", "units", "gates"
_VIEWS = {TEXT: later("1 Text"), UNITS: later("2 Units"), GATES: later("3 Gates")}
_UNIT = re.compile(r"(\d+):(\d+)(:c)?", re.ASCII)
_WAIT = later("something is being computed; esc stops it")
_BUSY = {
    inspector.SURPRISAL: later("reading the text ...  (esc stops it)"),
    inspector.UNIT: later("following the unit ...  (esc stops it)"),
    inspector.UNITS: later("looking for units that follow something ...  (esc stops it)"),
    inspector.GATES: later("measuring the gates ...  (esc stops it)"),
}


class InspectScreen(PlaceScreen):
    """One text at a time; what is shown of it comes from a child process, one question after the other."""

    ABOUT = (
        "What the model makes of a text. 1: every token in the colour of its surprisal, how unlikely it was when it "
        "came; below, the token under the cursor and what was expected instead. 2: hidden units that follow a property "
        "of a text (the file, or else the validation text); Enter on one colours the text by it. 3: the gates. A line "
        "end is ↵ in the field."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.INSPECT)

    def __init__(self, workspace: Workspace, run: Run, text: str = "") -> None:
        super().__init__()
        self._workspace, self._run = workspace, run
        self._inspector = Inspector(self, workspace, run.name)
        self._config: RunConfig | None = None
        self._offered = text  # what the field stands for as long as it is not edited
        self._view = TEXT
        self._text = ""
        self._reading: Reading | None = None
        self._activity: Activity | None = None
        self._search: Search | None = None
        self._gates: Gates | None = None
        self._busy = ""
        self._asked: Question | None = None
        self._turn = 0

    def compose(self) -> ComposeResult:
        yield Static("", id="inspect-title", markup=False)
        with Horizontal(classes="inspect-row"):
            yield Static(tr("text"), classes="inspect-label", markup=False)
            yield LineInput(placeholder=tr("a text to look at; enter reads it"), id="inspect-text")
        with Horizontal(classes="inspect-row"):
            yield Static(tr("file"), classes="inspect-label", markup=False)
            hint = tr("or a file, whose opening is read and in which units are sought")
            yield LineInput(placeholder=hint, id="inspect-file")
        yield ColouredText(id="inspect-coloured")
        yield DataTable(cursor_type="row", zebra_stripes=False, id="inspect-table")
        yield Static("", id="inspect-legend", markup=False)
        yield Static("", id="inspect-detail", markup=False)
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self._field.focus()
        self._show()
        in_background(self, self._run.config, self._opened, self.fail)

    def on_unmount(self) -> None:
        self._inspector.cancel()

    def places(self) -> tuple[str, ...]:
        return (actions.INSPECT,)

    @property
    def run_state(self) -> str:
        return ""

    @property
    def _field(self) -> Input:
        return self.query_one("#inspect-text", Input)

    @property
    def _coloured(self) -> ColouredText:
        return self.query_one(ColouredText)

    @property
    def _table(self) -> "DataTable[Text]":
        return self.query_one("#inspect-table", DataTable)

    # The text

    def _opened(self, config: RunConfig) -> None:
        self._config = config
        if not self._is_language_model():
            return
        if self._offered:
            self._offer(self._offered)
        else:
            read = partial(inspect_texts.validation_text, self._workspace, config, inspect_texts.OPENING)
            in_background(self, read, self._offer, self.fail)

    def _is_language_model(self) -> bool:
        """Whether there is something to look into; says so where there is not."""
        if self._config is None or self._config.model.task == _LANGUAGE_MODEL:
            return self._config is not None
        name, kind = self._run.name, self._config.model.task.replace("_", " ")
        self.nothing(tr("{name} is a {kind} run; only language models can be looked into", name=name, kind=kind))
        return False

    def _offer(self, text: str) -> None:
        """Put a text into the field, unless the user was there first."""
        if not self._field.value:
            self._fill(text)

    def _fill(self, text: str) -> None:
        self._offered = text
        self._field.value = inspect_texts.on_one_line(text)
        self.call_after_refresh(self._field.action_home)

    def _entered(self) -> str:
        """What the field stands for."""
        value = self._field.value
        return (
            self._offered if value == inspect_texts.on_one_line(self._offered) else inspect_texts.from_one_line(value)
        )

    @on(Input.Submitted, "#inspect-text")
    def _text_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._read(self._entered())

    @on(Input.Submitted, "#inspect-file")
    def _file_entered(self, event: Input.Submitted) -> None:
        event.stop()
        if path := event.value.strip():
            self._search = None
            self._fetch(partial(inspect_texts.beginning, Path(path), inspect_texts.COLOURED), self._file_read)

    @on(Input.Changed, "#inspect-file")
    def _file_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._search = None  # it was made in another text

    def _file_read(self, text: str) -> None:
        self._fill(text)
        self._read(text)

    def _read(self, text: str) -> None:
        if not text:
            self.nothing(tr("there is no text to look at"))
            return
        if len(text) > inspect_texts.COLOURED:
            self.say(tr("only the first {count} characters are read", count=f"{inspect_texts.COLOURED:,}"))
        self._ask(Question(inspector.SURPRISAL, text[: inspect_texts.COLOURED]))

    # Questions and answers

    def _ask(self, question: Question) -> None:
        if self._is_language_model():
            self._set_busy(tr(_BUSY[question.what]))
            self._asked = question
            self._inspector.ask(question)

    def _fetch(self, work: Callable[[], str], done: Callable[[str], None]) -> None:
        """Read a text elsewhere, then go on with it, unless something else was begun."""
        if self._is_language_model():
            self._stop()
            self._set_busy(tr("reading ...  (esc stops it)"))
            turn = self._turn
            in_background(self, work, partial(self._if_still, turn, done), partial(self._if_still, turn, self._failed))

    def _stop(self) -> None:
        self._inspector.cancel()
        self._asked = None

    def _if_still(self, turn: int, done: Callable[..., None], found: object) -> None:
        if turn == self._turn:
            done(found)

    def _failed(self, error: RnnbenchError) -> None:
        self._set_busy("")
        self.fail(error)

    def _set_busy(self, busy: str) -> None:
        self._turn += 1
        self._busy = busy
        self._show()

    @on(Inspected)
    def _inspected(self, event: Inspected) -> None:
        event.stop()
        if event.question is not self._asked:
            return  # it was on its way when it was stopped
        self._busy, self._asked = "", None
        match event.answer:
            case Reading():
                self._take_reading(event.answer, event.question.text)
            case Activity():
                self._activity, self._view = event.answer, TEXT
            case Search():
                self._search = event.answer
                self._fill_table(drawing.UNIT_COLUMNS, drawing.unit_rows(event.answer))
            case Gates():
                self._gates = event.answer
                self._fill_table(drawing.GATE_COLUMNS, drawing.gate_rows(event.answer))
            case None:
                self._show()
                self.fail(RnnbenchError(event.problem))
                return
        self._show()
        self._focus_view()
        if event.remarks:
            self.say(event.remarks)

    def _take_reading(self, reading: Reading, text: str) -> None:
        self._text = text
        self._reading, self._activity, self._gates = reading, None, None
        self._view = TEXT

    # The views

    def action_view(self, view: str) -> None:
        """The coloured text, the units, or the gates; what is not known yet is asked for."""
        if self._busy:
            self.nothing(tr(_WAIT))
            return
        self._view = view
        if view == TEXT:
            self._activity = None
        elif view == UNITS:
            self._show_units()
        else:
            self._show_gates()
        self._show()
        self._focus_view()

    def _show_units(self) -> None:
        if self._search is not None:
            self._fill_table(drawing.UNIT_COLUMNS, drawing.unit_rows(self._search))
        elif self._config is not None:
            self._table.clear(columns=True)
            self._fetch(self._searched_text(self._config), lambda text: self._ask(Question(inspector.UNITS, text)))

    def _searched_text(self, config: RunConfig) -> Callable[[], str]:
        path = self.query_one("#inspect-file", Input).value.strip()
        if path:
            return partial(inspect_texts.beginning, Path(path), inspect_texts.SEARCHED)
        return partial(inspect_texts.validation_text, self._workspace, config, inspect_texts.SEARCHED)

    def _show_gates(self) -> None:
        if self._gates is not None:
            self._fill_table(drawing.GATE_COLUMNS, drawing.gate_rows(self._gates))
            return
        self._table.clear(columns=True)
        if text := self._text or self._entered():
            self._ask(Question(inspector.GATES, text[: inspect_texts.COLOURED]))
        else:
            self.nothing(tr("there is no text to look at"))

    def _fill_table(self, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
        """The widths are given: those that a table finds by itself may come after it was drawn."""
        lines, table = [tuple(map(tr, columns)), *rows], self._table
        table.clear(columns=True)
        for place, (label, *cells) in enumerate(zip(*lines, strict=True)):
            width = max(map(cell_len, (label, *cells)))
            table.add_column(Text(label, justify="right" if place > 1 else "left"), width=width)
        for line in lines[1:]:
            table.add_row(*(Text(cell, justify="right" if place > 1 else "left") for place, cell in enumerate(line)))

    def _focus_view(self) -> None:
        (self._coloured if self._view == TEXT else self._table).focus()
        self.show_keys()

    def _show(self) -> None:
        """Everything as it is now."""
        self._coloured.display, self._table.display = self._view == TEXT, self._view != TEXT
        if self._reading is not None and self._view == TEXT:
            coloured = drawing.by_activity(self._activity) if self._activity else drawing.by_surprisal(self._reading)
            self._coloured.show(coloured)
        views = [(f" {tr(name)} ", "reverse bold" if view == self._view else "") for view, name in _VIEWS.items()]
        title = Content.assemble((tr("Inspect {name}", name=visible(self._run.name)), "bold"), "  ", *views, "  ")
        self._put("#inspect-title", title + Content(drawing.summary(self._reading)))
        self._put("#inspect-legend", Content(self._busy) if self._busy else self._legend())
        self._put("#inspect-detail", self._detail())

    def _put(self, selector: str, content: Content) -> None:
        self.query_one(selector, Static).update(content, layout=False)

    def _legend(self) -> Content:
        if self._view == UNITS and self._search is not None:
            gone = drawing.absent(self._search)
            never = tr("nothing can follow, for it never changes: {properties}", properties=gone)
            return Content(never if gone else tr("enter colours the text"))
        if self._view == TEXT and self._reading is not None:
            return drawing.legend(self._activity, digits=self._coloured.digits)
        return Content("")

    def _detail(self) -> Content:
        if self._view == TEXT and self._reading is not None:
            return drawing.detail(self._reading, self._coloured.cursor, self._activity, self.size.width)
        if self._view == UNITS and self._search is not None:
            return self._unit_detail(self._search)
        if self._view == GATES and self._gates is not None:
            return Content(tr("the mean of each gate over the text; how often it is below 0.1 and above 0.9"))
        return Content("")

    def _unit_detail(self, search: Search) -> Content:
        in_file = bool(self.query_one("#inspect-file", Input).value.strip())
        return drawing.unit_detail(search, self._table.cursor_row, in_file=in_file)

    @on(ColouredText.Moved)
    def _moved(self, event: ColouredText.Moved) -> None:
        event.stop()
        self._put("#inspect-detail", self._detail())

    @on(DataTable.RowHighlighted)
    def _row_highlighted(self, event: "DataTable.RowHighlighted") -> None:
        event.stop()
        self._put("#inspect-detail", self._detail())

    @on(DataTable.RowSelected)
    def _row_selected(self, event: "DataTable.RowSelected") -> None:
        event.stop()
        if self._view == UNITS and self._search is not None and not self._busy:
            self._follow(drawing.found_units(self._search)[event.cursor_row][1].unit)

    # Units

    def _follow(self, unit: str) -> None:
        """Colour the text by a unit; a text that was not read yet has to be."""
        if self._reading is None:
            self.nothing(tr("read a text first (e, enter); then it can be coloured by a unit"))
        else:
            self._ask(Question(inspector.UNIT, self._text, unit))

    def action_turn_unit(self, by: int) -> None:
        """The unit beside the one that colours the text, round and round its layer; the first one where none does."""
        pending = self._asked.unit if self._asked is not None else ""
        if self._busy and not pending:
            self.nothing(tr(_WAIT))
        elif self._config is not None:
            unit = pending or (self._activity.unit if self._activity else "")  # keys may come faster than answers
            self._follow(_beside(unit, by, self._config.model.hidden))

    # In and out

    def action_edit_text(self) -> None:
        """To the text field."""
        self._field.focus()

    def action_edit_file(self) -> None:
        """To the file field."""
        self.query_one("#inspect-file", Input).focus()

    def action_leave(self) -> None:
        """Stop what is being computed; or out of a field; or back to the workbench."""
        if self._busy:
            self._stop()
            self._set_busy("")
            self.say(tr("stopped"))
        elif isinstance(self.focused, Input) and self._reading is not None:
            self._focus_view()
        else:
            self.dismiss(None)


def _beside(unit: str, by: int, hidden: int) -> str:
    """The name of the unit that many places further in its layer; its memory where that was named."""
    match = _UNIT.fullmatch(unit)
    if match is None:
        return "1:1"
    layer, number, memory = match.groups()
    return f"{layer}:{(int(number) - 1 + by) % hidden + 1}{memory or ''}"
