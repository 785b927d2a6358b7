"""The model pane: the form of a new run, its size while it is typed, and what is wrong with it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget

from rnnbench import sizing
from rnnbench.config import RunConfig, preset_names
from rnnbench.errors import CorpusError, UsageError
from rnnbench.runs.store import RunStore
from rnnbench.tui import actions, expecting
from rnnbench.tui.cells import padded, size_text
from rnnbench.tui.form import BUDGETS, CORPUS, FIELDS, MAIN, RUN_NAME, SECTIONS, START_FROM, Form, FormState, choices
from rnnbench.tui.measuring import SpeedFinder
from rnnbench.tui.panes.field_help import PRESET, field_help, section_title, taken_back
from rnnbench.tui.panes.fields import LABEL_WIDTH, Choice, FieldRow, FormFields
from rnnbench.tui.panes.pane import Pane, Said
from rnnbench.tui.panes.paragraph import Paragraph, filled
from rnnbench.tui.panes.section import SectionTitle
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:
    from rnnbench.text.descriptions import CorpusDescription

_MOST_UNDONE = 100
_FIELD_CELLS = LABEL_WIDTH + 1


class ModelPane(Pane):
    """The form."""

    NAME = actions.MODEL
    ABOUT = (
        "The choices of a new run. Dimmed values are defaults, and some follow other fields; type to change one, "
        "empty it to take the default back. Arrow keys move between fields and change choices. A dot marks what "
        "differs from the preset, the run or the file that the form was filled from. Parameters, memory and time "
        "are worked out as you type; a red line says what is wrong, and nothing can be started before it is right."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.MODEL)

    class Changed(Message):
        """The form is not what it was."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.form = Form(RunStore(workspace))
        self._description: CorpusDescription | None = None
        self._rows: dict[str, FieldRow] = {}
        self._last_row: FieldRow | None = None
        self._undone: list[tuple[str, FormState]] = []
        self._now = self.form.state()
        self._goes_to = ""
        self._speed = SpeedFinder(self, workspace, self._show_time)

    def compose(self) -> ComposeResult:
        yield Paragraph(id="model-corpus")
        with FormFields(id="model-form"):
            self._rows[PRESET] = FieldRow(PRESET, tr("preset"), ("", *preset_names()))
            self._rows[RUN_NAME] = FieldRow(RUN_NAME, tr("run name"), following=self.form.name())
            yield from self._rows.values()
            yield from self._make_rows(MAIN)
            yield from (SectionTitle(section, section_title(section, keys, ())) for section, keys in SECTIONS.items())
        yield Paragraph(id="model-size")
        yield Paragraph(id="model-time")
        yield Paragraph(id="model-help")

    def on_mount(self) -> None:
        self._show_all()
        self._speed.look_again()

    def on_unmount(self) -> None:
        self._speed.close()

    def entry(self) -> Widget:
        """The choice that was used last, else the first: not a text field, which would take the next key as text."""
        last = self._last_row
        known = last is not None and last.display and isinstance(last.control, Choice)
        return (last if last is not None and known else self._rows[PRESET]).control

    def enter(self) -> None:
        """Take the focus, and be scrolled to where it is: a pane that was hidden scrolls only when it is laid out."""
        super().enter()
        self.call_after_refresh(self.entry().scroll_visible, animate=False)

    def rows(self) -> dict[str, FieldRow]:
        """The rows that exist; those of a folded section are made when it is first opened."""
        return {key: row for key, row in self._rows.items() if row.is_mounted}

    def _make_rows(self, keys: Iterable[str]) -> list[FieldRow]:
        following = self.form.following_all()
        made = {key: _row(self.form, key, following) for key in keys}
        self._rows |= made
        return list(made.values())

    @on(SectionTitle.Toggled)
    async def _section_toggled(self, event: SectionTitle.Toggled) -> None:
        event.stop()
        title, keys = event.title, SECTIONS[event.title.section]
        if not title.folded and keys[0] not in self._rows:
            await self.query_one(FormFields).mount_all(self._make_rows(keys), after=title)
            self._show_all()
        rows = [self._rows[key] for key in keys if key in self._rows]
        for row in rows:
            row.display = not title.folded
        if self._goes_to in self.rows():
            self.call_after_refresh(self.rows()[self._goes_to].control.focus)
            self._goes_to = ""
        else:
            self.call_after_refresh(_show_section, title, rows)

    def go_to(self, key: str) -> None:
        """Give a field the focus, opening its section where that is folded."""
        title = next((title for title in self.query(SectionTitle) if key in SECTIONS[title.section]), None)
        if title is not None and title.folded:
            self._goes_to = key
            title.action_open_or_fold()
        elif key in self.rows():
            self.rows()[key].control.focus()

    # Filling

    def choose_corpus(self, path: Path) -> None:
        """Take a text, by its bare name where that finds it."""
        try:
            by_name = self._workspace.find_corpus(path.name) == path
        except CorpusError:
            by_name = False
        self.form.set(CORPUS, path.name if by_name else str(path))
        self._edited()

    def choose(self, key: str, text: str) -> None:
        """Set one field from outside the form."""
        self.form.set(key, text)
        self._edited()

    def fill(self, config: RunConfig, name: str = "") -> None:
        """Take the choices of a run."""
        self.form.fill(config, name)
        self._edited()

    def begin_with(self, config: RunConfig, name: str) -> None:
        """Take the choices of the run that was opened; where nothing had been changed, undoing does not go beyond."""
        untouched = not self._undone
        self.fill(config, name)
        if untouched:
            self._undone.clear()

    def fill_from_file(self, tables: Mapping[str, Mapping[str, Any]], name: str) -> None:
        """Take the choices of a file."""
        self.form.load_tables(tables, name)
        self._edited()

    def reset_all(self) -> None:
        """Take back every change since the form was filled."""
        self.form.reset_all()
        self._edited()

    def fill_to_train_on(self, name: str, config: RunConfig) -> bool:
        """Take the choices of a run, and begin with its weights where that can be; returns whether."""
        self.form.fill(config, name)
        begins = config.model.task != "seq2seq"
        if begins:
            self.form.set(START_FROM, name)
        self._edited()
        return begins

    def enter_budget(self) -> None:
        """Give the budget that is set the focus; without one, the first."""
        key = next((key for key in BUDGETS if key in self.form.texts), BUDGETS[0])
        self.rows()[key].control.focus()

    def corpus_path(self) -> Path | None:
        """Where the chosen corpus is; None when none is chosen or it cannot be found."""
        return self.form.corpus_path()

    def show_description(self, description: "CorpusDescription | None") -> None:
        """What the chosen corpus holds, which the size of the network and the time depend on."""
        if description is not self._description:
            self._description = description
            self._show_size()
            self._find_speed()

    @on(FieldRow.Edited)
    def _field_edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        before = self.form.state()
        if event.key == PRESET:
            if event.text != self.form.preset:
                self.form.load_preset(event.text)
        elif event.key == RUN_NAME:
            self.form.run_name = event.text
        else:
            self.form.set(event.key, event.text)
        if before != self.form.state():
            self._edited(by=event.key)

    @on(FieldRow.Reset)
    def _field_reset(self, event: FieldRow.Reset) -> None:
        event.stop()
        self._reset(event.key)

    def action_reset_field(self) -> None:
        """The field that has the focus back to what the form was filled from."""
        row = self._focused_row()
        if row is not None:
            self._reset(row.key)

    def _reset(self, key: str) -> None:
        if key in FIELDS:
            self.form.reset(key)
        elif key == RUN_NAME:
            self.form.run_name = ""
        if self.form.state() != self._now:
            self._edited()

    def action_undo(self) -> None:
        """Take the last change of the form back; all that was typed in one field in a row is one change."""
        if not self._undone:
            self.post_message(Said(tr("nothing was changed"), error=True))
            return
        before, (_, self._now) = self._now, self._undone.pop()
        self.form.go_back(self._now)
        self.post_message(Said(taken_back(self.form, before)))
        self._show_all()
        self._find_speed()
        self.post_message(self.Changed())

    def _edited(self, by: str = "") -> None:
        before, self._now = self._now, self.form.state()
        if before != self._now and not (by and self._undone and self._undone[-1][0] == by):
            self._undone = [*self._undone[-_MOST_UNDONE:], (by, before)]
        self._show_all(typed_in=by)
        self._find_speed()
        self.post_message(self.Changed())

    # Showing

    def refresh_name(self) -> None:
        """Something has happened to a run: propose a name that is free now, and look at its speed."""
        self._show_name()
        self._speed.look_again()
        self._find_speed()

    def _show_name(self, typed_in: str = "") -> None:
        row = self.rows()[RUN_NAME]
        if typed_in == RUN_NAME:
            row.mark(self.form.run_name)
        else:
            row.show(self.form.run_name, self.form.name())

    def _show_all(self, typed_in: str = "") -> None:
        """Show the form. The field that was typed in is left alone: it may be some keys ahead of the form."""
        rows, problems, following = self.rows(), self.form.problems(), self.form.following_all()
        changed = set(self.form.changed())
        for key, row in rows.items():
            if key in FIELDS and key != typed_in:
                row.show(self.form.texts.get(key, ""), following.get(key, ""))
            elif key in FIELDS:
                row.mark(self.form.texts.get(key, ""))
            row.show_changed(key in changed)
            row.show_problem(problems.get(key, ""))
        for title in self.query(SectionTitle):
            title.show(section_title(title.section, SECTIONS[title.section], changed))
        rows[PRESET].show(self.form.preset, "")
        self._show_name(typed_in)
        self._show_corpus()
        self._show_size({key: message for key, message in problems.items() if key not in rows})
        self._show_time()
        self._show_help()

    def _show_corpus(self) -> None:
        name = self.form.texts.get(CORPUS, "")
        shown = (visible(name), "bold $text-success") if name else (tr("none chosen (pane 1)"), "$text-warning")
        base = self.form.texts.get(START_FROM, "")
        begins = ("  " + tr("from {name}", name=visible(base)) if base else "", "dim")
        label = padded(tr("corpus"), _FIELD_CELLS)
        self.query_one("#model-corpus", Paragraph).show(Content.assemble(label, shown, begins))

    def _show_size(self, problems: dict[str, str] | None = None) -> None:
        """Parameters and memory, or what is wrong where no row says it."""
        if problems is None:
            rows = self.rows()
            problems = {key: message for key, message in self.form.problems().items() if key not in rows}
        others = [message if key == CORPUS else f"{key}: {message}" for key, message in problems.items()]
        config = self.form.resolved()
        wrong = visible("; ".join(others)) or tr("something is wrong, see the red lines")
        if config is None or any(key != CORPUS for key in problems):
            shown = Content.styled(wrong, "$text-error")
        elif others:
            shown = Content.styled(visible(others[0]), "$text-warning")
        elif self._description is None:
            shown = Content.styled(tr("reading the corpus ..."), "dim")
        else:
            shown = _size_of(config, self._description.vocabulary_size)
        self.query_one("#model-size", Paragraph).show(shown)

    def _find_speed(self) -> None:
        """Show the time that is known by now, and have the speed measured where it is not."""
        self._speed.forget_wish()
        config, size = self.form.resolved(), self._description.vocabulary_size if self._description else None
        known = config is None or size is None or self._speed.rate(config, size) is not None
        if not known and not self.form.problems():
            self._speed.wish(self.form.config())
        self._show_time()

    def _show_time(self) -> None:
        config, description = self.form.resolved(), self._description
        text = ""
        if config is not None and description is not None:
            rate = self._speed.rate(config, description.vocabulary_size)
            if rate is not None:
                pairs = config.model.task == "seq2seq"
                tokens = description.splits[0].tokens
                work = expecting.work_of_pairs(config, rate) if pairs else expecting.work_of(config, tokens)
                speed = rate.scaled(expecting.multiply_adds(config, description.vocabulary_size))
                text = expecting.said(expecting.expect(config, work, rate.tokens_per_second if pairs else speed), rate)
            elif self._speed.measuring:
                text = tr("measuring the speed ...")
        shown = self.query_one("#model-time", Paragraph)
        shown.show(Content.styled(visible(text), "dim"))
        shown.display = bool(text)

    def _focused_row(self) -> FieldRow | None:
        focused = self.screen.focused
        nodes = focused.ancestors_with_self if focused is not None else ()
        return next((node for node in nodes if isinstance(node, FieldRow)), None)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the focused field means."""
        row = self._focused_row()
        if row is not None:
            self._last_row = row
        self._show_help()

    def _show_help(self) -> None:
        row, said = self._focused_row(), ""
        if row is not None:
            said = field_help(self.form, row.key)
        elif isinstance(self.screen.focused, SectionTitle):
            said = tr("enter opens and folds the section; {key[find_field]} searches all fields")
        if said:
            self.query_one("#model-help", Paragraph).show(Content.styled(said, "dim"))

    # What would be started

    def request(self) -> tuple[RunConfig, str]:
        """The configuration and the name of the run to start. Raises UsageError that says all that is wrong."""
        problems = self.form.problems()
        if problems:
            raise UsageError("; ".join(_problem(key, message) for key, message in problems.items()))
        return self.form.config(), self.form.name()

    def enter_wrong_field(self) -> None:
        """Give the first wrong field the focus."""
        problems = self.form.problems()
        wrong = next((key for key in (RUN_NAME, *FIELDS) if key in problems), "")
        if wrong and wrong != CORPUS:
            self.go_to(wrong)
        else:
            self.entry().focus()


def _size_of(config: RunConfig, vocabulary: int) -> Content:
    """Parameters and memory. Which of the tokens stand on which side of pairs is not known yet: at most all of them
    on both."""
    own_source = config.model.task == "seq2seq" and not config.text.shared_vocabulary
    sizes = (vocabulary, vocabulary if own_source else None)
    count = f"{sizing.parameters(config.model, *sizes):,}"
    memory = size_text(sizing.training_bytes(config, *sizes))
    known = tr("{count} parameters  about {memory} of memory")
    at_most = tr("at most {count} parameters  about {memory} of memory")
    return filled(at_most if own_source else known, count=(count, "bold"), memory=(memory, "bold"))


def _show_section(title: SectionTitle, rows: list[FieldRow]) -> None:
    """Scroll to as much of an open section as there is room for, and in any case to its title."""
    for widget in (*rows[-1:], title):
        if widget.display:
            widget.scroll_visible(animate=False)


def _problem(key: str, message: str) -> str:
    return message if key == CORPUS else f"{key.partition('.')[2].replace('_', ' ') or key}: {message}"


def _row(form: Form, key: str, following: dict[str, str]) -> FieldRow:
    label = FIELDS[key].name.replace("_", " ")
    text = form.texts.get(key, "")
    return FieldRow(key, label, choices(key), text, following.get(key) or form.following(key))
