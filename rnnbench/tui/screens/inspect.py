"""Inside a run's model: a text coloured by surprisal or by a hidden unit, units that follow something, gates."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.runs.store import Run
from rnnbench.tui import actions, inspect_texts, inspector
from rnnbench.tui.background import in_background
from rnnbench.tui.inspector import Activity, Gates, Inspected, Inspector, Question, Reading, Search, beside
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.screens import inspect_drawing as drawing
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.inspect_drawing import GATES, TEXT, UNITS
from rnnbench.tui.screens.looking import why_not_of_task
from rnnbench.tui.widgets.coloured_text import ColouredText
from rnnbench.tui.words import later, tr
from rnnbench.workspace import Workspace

_WAIT = later("something is being computed; {key[leave_inspect]} stops it")


class InspectScreen(PlaceScreen):
    """One text at a time; what is shown of it comes from a child process, one question after the other."""

    ABOUT = (
        "What the model makes of a text. Surprisal: each token in the colour of how little the model expected it; "
        "below, the token under the cursor and what was expected instead. Units: hidden units that follow a property "
        "of a text (the file, or else the validation text); Enter on one colours the text by it. Gates: how open they "
        "are. A line end is ↵ in the field."
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
        self._wished: Callable[[], None] | None = None  # what was entered before the run was read
        self._typed_before: tuple[str | None, str] | None = None  # when that was asked
        self._excerpt = -1  # the part of the validation text that was looked at last

    def compose(self) -> ComposeResult:
        yield Static("", id="inspect-title", markup=False)
        with Horizontal(classes="inspect-row"):
            yield Static(tr("text"), classes="inspect-label", markup=False)
            yield LineInput(placeholder=tr("a text to look at; enter reads it"), id="inspect-text")
        with Horizontal(classes="inspect-row"):
            yield Static(tr("file"), classes="inspect-label", markup=False)
            hint = tr("or a file, whose opening is read and in which units are sought")
            yield LineInput(placeholder=hint, id="inspect-file")
        yield Static("", id="inspect-guide", markup=False)
        yield ColouredText(id="inspect-coloured")
        yield DataTable(cursor_type="row", zebra_stripes=False, id="inspect-table")
        yield Static("", id="inspect-legend", markup=False)
        yield Static("", id="inspect-detail", markup=False)
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self._coloured.focus()
        self._put("#inspect-guide", drawing.guide())
        self._show()
        in_background(self, self._run.config, self._opened, self.fail)

    def on_unmount(self) -> None:
        self._inspector.cancel()

    def places(self) -> tuple[str, ...]:
        return (actions.INSPECT,)

    run_state = ""

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
        if self._wished is not None:
            self._wished()
        elif self._offered:
            self._offer(self._turn, self._offered)
        else:
            self._excerpt = 0
            read = partial(inspect_texts.excerpt, self._workspace, config, self._excerpt)
            refused = partial(self._if_still, self._turn, self._nothing_to_offer)
            in_background(self, read, partial(self._offer, self._turn), refused)

    def _is_language_model(self) -> bool:
        """Whether there is something to look into; says so where there is not."""
        reason = why_not_of_task(self._run.name, self._config.model.task) if self._config is not None else ""
        if reason:
            self.nothing(reason)
        return self._config is not None and not reason

    def _offer(self, turn: int, text: str) -> None:
        """Put a text into an empty field, and read it unless something else was asked for in the meantime."""
        if not self._field.value:
            self._fill(text)
            if turn == self._turn:
                self._read(text)
                self._typed_before = None  # nobody asked for it: who types goes on typing

    def _nothing_to_offer(self, error: RnnbenchError) -> None:
        self._field.focus()
        self.fail(error)

    def _fill(self, text: str) -> None:
        self._offered = text
        self._field.value = inspect_texts.on_one_line(text)
        self.call_after_refresh(self._field.action_home)

    def _entered(self) -> str:
        """What the field stands for."""
        value = self._field.value
        offered = value == inspect_texts.on_one_line(self._offered)
        return self._offered if offered else inspect_texts.from_one_line(value)

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
        if text:
            self._fill(text)
        self._read(text)

    def _read(self, text: str) -> None:
        if len(text) > inspect_texts.COLOURED:
            self.say(tr("only the first {count} characters are read", count=f"{inspect_texts.COLOURED:,}"))
        self._ask_of(inspector.SURPRISAL, text[: inspect_texts.COLOURED])

    # Questions and answers

    def _ask(self, question: Question) -> None:
        if self._config is None:
            self._wished = partial(self._ask, question)
        elif self._is_language_model():
            self._set_busy(tr(drawing.BUSY[question.what]))
            self._asked, self._typed_before = question, self._typed
            self._inspector.ask(question)

    def _fetch(self, work: Callable[[], str], done: Callable[[str], None]) -> None:
        """Read a text elsewhere, then go on with it, unless something else was begun."""
        if self._config is None:
            self._wished = partial(self._fetch, work, done)
        elif self._is_language_model():
            self._stop()
            self._set_busy(tr("reading ...  ({key[leave_inspect]} stops it)"))
            turn = self._turn
            in_background(self, work, partial(self._if_still, turn, done), partial(self._if_still, turn, self.fail))

    def _stop(self) -> None:
        self._inspector.cancel()
        self._asked = None

    def _if_still(self, turn: int, done: Callable[..., None], found: object) -> None:
        if turn == self._turn:
            self._set_busy("")
            done(found)

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
                drawing.fill_table(self._table, drawing.UNIT_COLUMNS, drawing.unit_rows(event.answer))
            case Gates():
                self._gates = event.answer
                drawing.fill_table(self._table, drawing.GATE_COLUMNS, drawing.gate_rows(event.answer))
            case None:
                self._show()
                self.fail(RnnbenchError(event.problem))
                return
        self._show()
        if self._typed in (None, self._typed_before):  # else the next text is typed already
            self._focus_view()
        if event.remarks:
            self.say(event.remarks)

    @property
    def _typed(self) -> tuple[str | None, str] | None:
        """The field that has the focus, and what is in it."""
        return (self.focused.id, self.focused.value) if isinstance(self.focused, Input) else None

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
            drawing.fill_table(self._table, drawing.UNIT_COLUMNS, drawing.unit_rows(self._search))
        elif self._config is not None:
            self._table.clear(columns=True)
            path = self.query_one("#inspect-file", Input).value.strip()
            read = partial(inspect_texts.searched, self._workspace, self._config, path)
            self._fetch(read, partial(self._ask_of, inspector.UNITS))

    def _show_gates(self) -> None:
        if self._gates is not None:
            drawing.fill_table(self._table, drawing.GATE_COLUMNS, drawing.gate_rows(self._gates))
            return
        self._table.clear(columns=True)
        self._ask_of(inspector.GATES, (self._text or self._entered())[: inspect_texts.COLOURED])

    def _ask_of(self, what: str, text: str) -> None:
        if text:
            self._ask(Question(what, text))
        else:
            self.nothing(tr("there is no text to look at"))

    def _focus_view(self) -> None:
        (self._coloured if self._view == TEXT else self._table).focus()
        self.show_keys()

    def _show(self) -> None:
        """Everything as it is now."""
        self._table.display = self._view != TEXT
        self._coloured.display = self._view == TEXT
        self.query_one("#inspect-guide").display = self._view == TEXT and self._reading is None
        if self._reading is not None and self._view == TEXT:
            coloured = drawing.by_activity(self._activity) if self._activity else drawing.by_surprisal(self._reading)
            self._coloured.show(coloured)
        title = drawing.title(self._run.name, self._view, self._activity, self._reading, self.size.width - 2)
        self._put("#inspect-title", title)
        self._put("#inspect-legend", Content(self._busy) if self._busy else self._legend())
        self._put("#inspect-detail", self._detail())

    def on_resize(self) -> None:
        """Other figures have room."""
        self._show()

    def _put(self, selector: str, content: Content) -> None:
        self.query_one(selector, Static).update(content, layout=False)

    def _legend(self) -> Content:
        if self._view == UNITS and self._search is not None:
            return Content(tr("enter colours the text"))
        if self._view == TEXT and self._reading is not None:
            return drawing.legend(self._activity, digits=self._coloured.digits)
        return Content("")

    def _detail(self) -> Content:
        if self._view == TEXT and self._reading is not None:
            return drawing.detail(self._reading, self._coloured.cursor, self._activity, self.size.width)
        if self._view == UNITS and self._search is not None:
            in_file = bool(self.query_one("#inspect-file", Input).value.strip())
            return drawing.unit_detail(self._search, self._table.cursor_row, self.size.width - 2, in_file=in_file)
        if self._view == GATES and self._gates is not None:
            return Content(tr("the mean of each gate over the text; how often it is below 0.1 and above 0.9"))
        return Content("")

    @on(ColouredText.Moved)
    @on(DataTable.RowHighlighted)
    def _moved(self, event: Message) -> None:
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
            self.nothing(tr("read a text first ({key[edit_text]}, enter); then it can be coloured by a unit"))
        else:
            self._ask(Question(inspector.UNIT, self._text, unit))

    def action_turn_unit(self, by: int) -> None:
        """The unit beside the one that colours the text, round and round its layer; the first one where none does."""
        pending = self._asked.unit if self._asked is not None else ""
        if self._busy and not pending:
            self.nothing(tr(_WAIT))
        elif self._config is not None:
            unit = pending or (self._activity.unit if self._activity else "")  # keys may come faster than answers
            self._follow(beside(unit, by, self._config.model.hidden))

    # In and out

    def action_look(self) -> None:
        """Read what stands in the text field, from the coloured text too."""
        if self._busy:
            self.nothing(tr(_WAIT))
        else:
            self._read(self._entered())

    def action_take_excerpt(self) -> None:
        """Read the next part of the text that the run is validated on."""
        if self._config is not None:
            number = self._excerpt + 1
            read = partial(inspect_texts.excerpt, self._workspace, self._config, number)
            self._fetch(read, partial(self._excerpt_read, number))

    def _excerpt_read(self, number: int, text: str) -> None:
        self._excerpt = number
        self._file_read(text)

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
        elif isinstance(self.focused, Input):
            self._focus_view()
        else:
            self.dismiss(None)
