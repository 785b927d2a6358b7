"""The corpora pane: which texts there are, what is in the one under the cursor, which one is chosen."""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import RnnbenchError
from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import cell_len, cut, padded, size_text
from rnnbench.tui.describer import Described, Describer, Wanted
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.panes.pane import Pane
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:
    from rnnbench.text.descriptions import CorpusDescription

_PREVIEW_CHARACTERS = 1200
_LONGEST_NAME = 32
_ENCODINGS = ("auto", "utf-8", "gb18030", "big5", "utf-16", "latin-1")


class CorporaPane(Pane):
    """Texts of the workspace and texts added by path."""

    NAME = actions.CORPORA
    ABOUT = (
        "The texts that can be trained on: those of the workspace, and any other file added by its path. "
        "The one under the cursor is read and described below; the chosen one, marked with a dot, is what a new run "
        "will learn."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.CORPORA)

    class Chosen(Message):
        """The user chose a text."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    class ReadAs(Message):
        """The user wants the texts read in another way: in an encoding, or with bad bytes replaced."""

        def __init__(self, key: str, value: str) -> None:
            super().__init__()
            self.key = key
            self.value = value

    class Told(Message):
        """What the chosen text holds is known now, or why it cannot be read."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._paths = workspace.corpora()
        self._chosen: Path | None = None
        self._settings = (CorpusConfig(file="?"), TextConfig())
        self._answers: dict[Wanted, Described] = {}
        self._previews: dict[Wanted, str] = {}
        self._describer = Describer(self)

    def compose(self) -> ComposeResult:
        yield OptionList(*self._options(), id="corpus-list", markup=False, compact=True)
        yield LineInput(placeholder="add by path (a)", id="corpus-path")
        yield Paragraph(id="corpus-problem")
        with VerticalScroll(id="corpus-details"):
            yield Paragraph(id="corpus-facts")

    def on_mount(self) -> None:
        self._show_facts()

    def entry(self) -> Widget:
        return self.query_one(OptionList)

    def enter(self) -> None:
        """Take the focus, and look which texts there are by now."""
        known = set(self._paths)
        new = [path for path in self._workspace.corpora() if path not in known]
        if new:
            self._paths += new
            self._redraw_list()
        super().enter()

    # The list

    def _options(self) -> Iterable[Option]:
        names = [cut(visible(path.name), _LONGEST_NAME) for path in self._paths]
        width = max(map(cell_len, names), default=0)
        for path, name in zip(self._paths, names, strict=True):
            chosen = path == self._chosen
            mark = ("● ", "$text-success") if chosen else ("  ", "")
            yield Option(
                Content.assemble(mark, (padded(name, width), "bold" if chosen else ""), ("  " + _size(path), "dim"))
            )

    def _redraw_list(self) -> None:
        options = self.query_one(OptionList)
        highlighted = options.highlighted
        with self.prevent(OptionList.OptionHighlighted):
            options.clear_options()
            options.add_options(self._options())
            options.highlighted = highlighted

    @property
    def highlighted(self) -> Path | None:
        """The text under the cursor."""
        index = self.query_one(OptionList).highlighted
        return self._paths[index] if index is not None and index < len(self._paths) else None

    @property
    def chosen(self) -> Path | None:
        """The text that a new run would learn."""
        return self._chosen

    def mark_chosen(self, path: Path | None) -> None:
        """Mark a text as chosen and put the cursor on it, adding it to the list where it is missing."""
        if path is not None and path not in self._paths:
            self._paths.append(path)
        self._chosen = path
        self._redraw_list()
        if path is not None:
            self.query_one(OptionList).highlighted = self._paths.index(path)
        self._describe()

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._describe()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self.highlighted is not None:
            self._choose(self.highlighted)

    def _choose(self, path: Path) -> None:
        self.mark_chosen(path)
        self.post_message(self.Chosen(path))

    # Adding by path

    def action_add_corpus(self) -> None:
        """Go to the field for a path."""
        self.query_one("#corpus-path", Input).focus()

    @on(Input.Changed, "#corpus-path")
    def _typing_path(self, event: Input.Changed) -> None:
        event.stop()
        self._show_problem("")

    @on(Input.Submitted, "#corpus-path")
    def _path_entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            path = Path(os.path.abspath(Path(event.value.strip()).expanduser()))  # noqa: PTH100 - links stay as named
            in_background(
                self,
                partial(_read_preview, path, self._settings[0]),
                partial(self._path_accepted, path),
                lambda error: self._show_problem(error.message),
            )

    def _path_accepted(self, path: Path, text: str) -> None:
        self._previews[self._wanted(path)] = text
        self.query_one("#corpus-path", Input).value = ""
        self._choose(path)
        self.enter()

    def _show_problem(self, message: str) -> None:
        problem = self.query_one("#corpus-problem", Paragraph)
        problem.show(Content(visible(message)))
        problem.display = bool(message)

    # What the text holds

    def use_settings(self, corpus: CorpusConfig, text: TextConfig) -> None:
        """How texts are cut into splits and tokens, from the form."""
        if (corpus.model_copy(update={"file": "?"}), text) != self._settings:
            self._settings = (corpus.model_copy(update={"file": "?"}), text)
            self._describe()

    @property
    def chosen_description(self) -> "CorpusDescription | None":
        """What the chosen text holds; None until it is known."""
        answer = self._answers.get(self._wanted(self._chosen)) if self._chosen else None
        return answer.description if answer else None

    def _wanted(self, path: Path) -> Wanted:
        return Wanted.of(path, *self._settings)

    def _describe(self) -> None:
        """Ask for what is not known of the text under the cursor and of the chosen one; counting comes last."""
        wanted = [self._wanted(path) for path in (self.highlighted, self._chosen) if path is not None]
        counted = [wanted[-1].with_baselines(self._workspace.root)] if self._chosen is not None else []
        self._describer.want(*(item for item in (*wanted, *counted) if item not in self._answers))
        for item in wanted:
            if item not in self._previews:
                work = partial(_read_preview, item.path, item.corpus)
                in_background(self, work, partial(self._previewed, item), _nothing)
        self._show_facts()
        self.post_message(self.Told())

    def _previewed(self, wanted: Wanted, text: str) -> None:
        self._previews[wanted] = text
        self._show_facts()

    # How it is read

    def action_turn_encoding(self) -> None:
        """The next encoding that the text may be in."""
        now = self._settings[0].encoding
        place = _ENCODINGS.index(now) if now in _ENCODINGS else 0
        self.post_message(self.ReadAs("corpus.encoding", _ENCODINGS[(place + 1) % len(_ENCODINGS)]))

    def action_turn_errors(self) -> None:
        """Refuse bytes that are not text, or replace and count them."""
        strict = self._settings[0].errors == "strict"
        self.post_message(self.ReadAs("corpus.errors", "replace" if strict else "strict"))

    @on(Described)
    def _described(self, event: Described) -> None:
        event.stop()
        self._answers[event.wanted] = event
        self._show_facts()
        self.post_message(self.Told())

    def _show_facts(self) -> None:
        path = self.highlighted
        facts = self.query_one("#corpus-facts", Paragraph)
        if path is None:
            facts.show(Content.styled("No texts here yet. Add one by its path.", "dim"))
            return
        wanted = self._wanted(path)
        counted = self._answers.get(wanted.with_baselines(self._workspace.root))
        answer = self._answers.get(wanted)
        lines = [*_facts(answer), *_baselines(counted, chosen=path == self._chosen), *_contents(answer)]
        facts.show(Content("\n").join([*lines, *_shown_preview(self._previews.get(wanted, ""))]))


def _read_preview(path: Path, corpus: CorpusConfig) -> str:
    from rnnbench.text.sources import preview  # not before the first screen

    return preview(path, _PREVIEW_CHARACTERS, corpus)


def _nothing(error: RnnbenchError) -> None:
    """The description tells what is wrong with the file."""


def _size(path: Path) -> str:
    try:
        return size_text(path.stat().st_size)
    except OSError:
        return "not there"


def _facts(answer: Described | None) -> Iterable[Content]:
    if answer is None:
        yield Content.styled("reading the text ...", "dim")
        return
    if answer.description is None:
        yield Content.styled(visible(answer.problem), "$text-error")
        yield Content.styled("e tries another encoding, b replaces bytes that are not text", "dim")
        return
    facts = answer.description
    sure = "" if facts.encoding_confidence >= 1 else f" ({facts.encoding_confidence:.0%} sure)"
    yield Content.assemble(
        (f"{facts.characters:,}", "bold"),
        " characters  ",
        (f"{facts.lines:,}", "bold"),
        " lines  ",
        facts.encoding,
        sure,
    )
    texts = f"  {len(facts.members):,} texts" if len(facts.members) > 1 else ""
    yield Content.assemble("vocabulary of ", (f"{facts.vocabulary_size:,}", "bold"), f" ({facts.tokenizer}){texts}")
    if facts.switches:
        yield Content.styled(f"changed by {', '.join(facts.switches)} (lossy)", "$text-warning")
    if facts.replaced:
        yield Content.styled(f"{facts.replaced:,} characters replaced: bytes that are not text", "$text-warning")
    yield Content("  ").join(
        Content.assemble((f"{split.name} ", "dim"), f"{split.tokens:,}") for split in facts.splits if split.tokens
    )
    unknown = {split.name: split.out_of_vocabulary_rate for split in facts.splits}.get("validation", 0.0)
    if unknown:
        yield Content.assemble((f"{unknown:.2%}", "$text-warning"), " of the validation tokens are unknown")


def _contents(answer: Described | None) -> Iterable[Content]:
    """How the text is cut and what is frequent in it."""
    facts = answer.description if answer else None
    if facts is None:
        return
    if facts.tokenizer != "character":
        yield Content.assemble(("tokens", "dim"), " ", *_alternating(facts.opening))
    common = " ".join(_symbol(token) for token, _ in facts.most_common[:14])
    yield Content.assemble(("most common", "dim"), f" {common}")


def _alternating(tokens: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Tokens one after the other, every second one underlined, so that their edges show."""
    for number, token in enumerate(tokens):
        yield _symbol(token), "underline" if number % 2 else ""


def _baselines(answer: Described | None, *, chosen: bool) -> Iterable[Content]:
    """What guessing and counting achieve on the chosen text: the figures a network has to beat."""
    if answer is None or not answer.baselines:
        if chosen and answer is None:
            yield Content.styled("counting baselines ...", "dim")
        return
    perplexities = [
        Content.assemble((f"{row.name} ", "dim"), figure(perplexity(row.loss_nats)))
        for row in answer.baselines
        if row.loss_nats is not None and row.name != "uniform"
    ]
    yield Content.assemble(("perplexity of ", "dim"), Content("  ").join(perplexities))
    bits = [
        Content.assemble((f"{row.name} ", "dim"), f"{row.bits_per_character:.2f}")
        for row in answer.baselines
        if row.bits_per_character is not None and row.name not in ("uniform", "unigram")
    ]
    yield Content.assemble(("bits/character ", "dim"), Content("  ").join(bits))


def _symbol(token: str) -> str:
    return {" ": "␣", "\n": "↵"}.get(token, visible(token))


def _shown_preview(text: str) -> Iterable[Content]:
    if text:
        yield Content.styled(visible(text, keep_newlines=True).strip("\n"), "dim")
