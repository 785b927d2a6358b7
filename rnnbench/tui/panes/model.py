"""The model pane: the form of a new run, its size while it is typed, and what is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Collapsible, Static

from rnnbench import sizing
from rnnbench.config import RunConfig, preset_names
from rnnbench.errors import CorpusError, UsageError
from rnnbench.runs.store import RunStore
from rnnbench.tui import actions
from rnnbench.tui.cells import size_text
from rnnbench.tui.form import BUDGETS, CORPUS, FIELDS, MAIN, MORE, RUN_NAME, START_FROM, Form, choices
from rnnbench.tui.panes.fields import Choice, FieldRow
from rnnbench.tui.panes.pane import Pane
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

PRESET = "preset"
_HELP = {
    PRESET: "A ready-made experiment: sets the whole form",
    RUN_NAME: "The folder of the run; empty: the name shown here",
}


class ModelPane(Pane):
    """The form."""

    NAME = actions.MODEL
    ABOUT = (
        "The choices of a new run. Dimmed values are defaults, and some follow other fields; type to change one, "
        "empty it to take the default back. Arrow keys move between fields and change choices. Parameters and memory "
        "are worked out as you type; a red line says what is wrong, and nothing can be started before it is right."
    )

    class Changed(Message):
        """The form is not what it was."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.form = Form(RunStore(workspace))
        self._vocabulary: int | None = None
        self._last_field: Widget | None = None

    def compose(self) -> ComposeResult:
        yield Paragraph(id="model-corpus")
        with VerticalScroll(id="model-form", can_focus=False):
            yield FieldRow(PRESET, "preset", ("", *preset_names()))
            yield FieldRow(RUN_NAME, "run name", following=self.form.name())
            following = self.form.following_all()
            yield from (_row(self.form, key, following) for key in MAIN)
            yield Collapsible(title="more", id="model-more")
        yield Paragraph(id="model-size")
        yield Paragraph(id="model-help")

    def on_mount(self) -> None:
        self._show_all()

    def entry(self) -> Widget:
        """The choice that was used last, else the first: not a text field, which would take the next key as text."""
        last = self._last_field
        return last if isinstance(last, Choice) and last.is_attached and last.display else self.rows()[PRESET].control

    def rows(self) -> dict[str, FieldRow]:
        """The rows that exist; those under "more" are made when it is first opened."""
        return {row.key: row for row in self.query(FieldRow) if row.is_mounted}

    @on(Collapsible.Expanded)
    async def _open_more(self, event: Collapsible.Expanded) -> None:
        event.stop()
        contents = self.query_one("#model-more", Collapsible).query_one(Collapsible.Contents)
        if not contents.children:
            await contents.mount_all(_more_rows(self.form))
            self._show_all()

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

    def fill(self, config: RunConfig) -> None:
        """Take the choices of a run."""
        self.form.fill(config)
        self._edited()

    def fill_to_train_on(self, name: str, config: RunConfig) -> bool:
        """Take the choices of a run, and begin with its weights where that can be; returns whether."""
        self.form.fill(config)
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
        try:
            return self._workspace.find_corpus(self.form.texts[CORPUS])
        except (KeyError, CorpusError):
            return None

    def show_vocabulary(self, size: int | None) -> None:
        """The size of the chosen corpus's vocabulary, which the number of parameters depends on."""
        if size != self._vocabulary:
            self._vocabulary = size
            self._show_size()

    @on(FieldRow.Edited)
    def _field_edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        before = (dict(self.form.texts), self.form.run_name, self.form.preset)
        if event.key == PRESET:
            if event.text != self.form.preset:
                self.form.load_preset(event.text)
        elif event.key == RUN_NAME:
            self.form.run_name = event.text
        else:
            self.form.set(event.key, event.text)
        if before != (self.form.texts, self.form.run_name, self.form.preset):
            self._edited(by=event.key)

    def _edited(self, by: str = "") -> None:
        self._show_all(typed_in=by)
        self.post_message(self.Changed())

    # Showing

    def refresh_name(self, typed_in: str = "") -> None:
        """Propose a name that is free now."""
        row = self.rows()[RUN_NAME]
        if typed_in == RUN_NAME:
            row.mark(self.form.run_name)
        else:
            row.show(self.form.run_name, self.form.name())

    def _show_all(self, typed_in: str = "") -> None:
        """Show the form. The field that was typed in is left alone: it may be some keys ahead of the form."""
        rows, problems, following = self.rows(), self.form.problems(), self.form.following_all()
        for key, row in rows.items():
            if key in FIELDS and key != typed_in:
                row.show(self.form.texts.get(key, ""), following.get(key, ""))
            elif key in FIELDS:
                row.mark(self.form.texts.get(key, ""))
            row.show_problem(problems.get(key, ""))
        rows[PRESET].show(self.form.preset, "")
        self.refresh_name(typed_in)
        self._show_corpus()
        self._show_size({key: message for key, message in problems.items() if key not in rows})

    def _show_corpus(self) -> None:
        name = self.form.texts.get(CORPUS, "")
        shown = (visible(name), "bold $text-success") if name else ("none chosen (pane 1)", "$text-warning")
        base = self.form.texts.get(START_FROM, "")
        begins = (f"  from {visible(base)}" if base else "", "dim")
        self.query_one("#model-corpus", Paragraph).show(Content.assemble(f"{'corpus':<20}", shown, begins))

    def _show_size(self, problems: dict[str, str] | None = None) -> None:
        """Parameters and memory, or what is wrong where no row says it."""
        if problems is None:
            rows = self.rows()
            problems = {key: message for key, message in self.form.problems().items() if key not in rows}
        others = [message if key == CORPUS else f"{key}: {message}" for key, message in problems.items()]
        config = self.form.resolved()
        if config is None or any(key != CORPUS for key in problems):
            shown = Content.styled(visible("; ".join(others)) or "something is wrong, see the red lines", "$text-error")
        elif self._vocabulary is None:
            shown = Content.styled(others[0] if others else "reading the corpus ...", "dim")
        else:
            # Which of the tokens stand on which side of pairs is not known yet: at most all of them on both.
            own_source = config.model.task == "seq2seq" and not config.text.shared_vocabulary
            sizes = (self._vocabulary, self._vocabulary if own_source else None)
            count = sizing.parameters(config.model, *sizes)
            memory = size_text(sizing.training_bytes(config, *sizes))
            most = "at most " if own_source else ""
            shown = Content.assemble(
                most, (f"{count:,}", "bold"), " parameters  about ", (memory, "bold"), " of memory"
            )
        self.query_one("#model-size", Paragraph).show(shown)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the focused field means."""
        row = next((node for node in event.widget.ancestors_with_self if isinstance(node, FieldRow)), None)
        if row is not None:
            self._last_field = row.control
            self.query_one("#model-help", Paragraph).show(Content.styled(_help(row.key), "dim"))

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
        wrong = next((row for key, row in self.rows().items() if key in problems), None)
        (wrong.control if wrong is not None else self.entry()).focus()


def _problem(key: str, message: str) -> str:
    return message if key == CORPUS else f"{key.partition('.')[2].replace('_', ' ') or key}: {message}"


def _help(key: str) -> str:
    return _HELP[key] if key in _HELP else FIELDS[key].help


def _row(form: Form, key: str, following: dict[str, str]) -> FieldRow:
    label = FIELDS[key].name.replace("_", " ")
    text = form.texts.get(key, "")
    return FieldRow(key, label, choices(key), text, following.get(key) or form.following(key))


def _more_rows(form: Form) -> Iterator[Widget]:
    following = form.following_all()
    section = ""
    for key in MORE:
        if FIELDS[key].section != section:
            section = FIELDS[key].section
            yield Static(Content.styled(section, "bold dim"), classes="section")
        yield _row(form, key, following)
