"""The corpora pane: which texts there are, what is in the one under the cursor, which one is chosen."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import RnnbenchError
from rnnbench.tui import actions, added_texts
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import size_text
from rnnbench.tui.describer import Described, Describer, Reading, Wanted
from rnnbench.tui.panes import corpus_facts, corpus_rows
from rnnbench.tui.panes.corpus_rows import TextRow
from rnnbench.tui.panes.pane import Pane, Said
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.path_input import PathInput, absolute
from rnnbench.tui.panes.scrolled import ScrolledContent
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.widgets.option_lines import exchange
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:
    from rnnbench.text.descriptions import CorpusDescription
    from rnnbench.text.glancing import Glance

_ENCODINGS = ("auto", "utf-8", "gb18030", "big5", "utf-16", "latin-1")

Complain = Callable[[str], object]
Then = Callable[[], object]


class CorporaPane(Pane):
    """Texts of the workspace and texts added by path."""

    NAME = actions.CORPORA
    ABOUT = (
        "The texts that can be trained on: those of the workspace, others fetched from the catalogue, and any other "
        "file, found or added by its path. The one under the cursor is read and described below; the chosen one, "
        "marked with a dot, is what a new run will learn."
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
        self._paths = _listed(workspace)
        self._chosen: Path | None = None
        self._settings = (CorpusConfig(file="?"), TextConfig())
        self._answers: dict[Wanted, Described] = {}
        self._readings: dict[Wanted, Reading] = {}
        self._glances: dict[Wanted, Glance | None] = {}
        self._glancing: set[Wanted] = set()
        self._describer = Describer(self)
        self._width = 0

    def compose(self) -> ComposeResult:
        yield Paragraph(id="corpus-header")
        yield OptionList(*self._lines(), id="corpus-list", markup=False, compact=True)
        yield PathInput(placeholder=tr("add by path ({key[add_corpus]})"), id="corpus-path")
        yield Paragraph(id="corpus-problem")
        yield ScrolledContent(id="corpus-details")

    def on_mount(self) -> None:
        self._show_facts()
        self._glance_on()

    def on_unmount(self) -> None:
        self._describer.close()

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._redraw_list()
            self._show_facts()

    def entry(self) -> Widget:
        return self.query_one(OptionList)

    def enter(self) -> None:
        """Take the focus, and look which texts there are by now."""
        self._look_again()
        super().enter()

    def _look_again(self) -> None:
        known = set(self._paths)
        new = [path for path in self._workspace.corpora() if path not in known]
        if new:
            self._paths += new
            self._redraw_list()
            self._glance_on()

    # The list

    def _lines(self) -> Iterator[Content]:
        shown = corpus_rows.columns([path.name for path in self._paths], self._list_width)
        return (corpus_rows.line(self._row(path), shown) for path in self._paths)

    @property
    def _list_width(self) -> int:
        seen = self.content_size.width or self._width - self.gutter.width  # behind another pane it has none
        return max(seen - 1, 20)  # a scroll bar may come

    def _row(self, path: Path) -> TextRow:
        glance = self._glances.get(self._glance_key(path))
        chosen = path == self._chosen
        if glance is None:
            return TextRow(path.name, _size(path), self._why_unread(path), chosen=chosen)
        symbols = f"{glance.symbols:,}{'' if glance.whole else '+'}"
        return TextRow(path.name, _size(path), glance.encoding, glance.language, symbols, chosen)

    def _why_unread(self, path: Path) -> str:
        """Nothing is known of a text: its turn has not come, or what was chosen does not read it."""
        if self._glance_key(path) not in self._glances:
            return tr("reading")
        return {None: "", 0: tr("empty")}.get(_size_of(path), tr("unreadable"))

    def _redraw_list(self) -> None:
        exchange(self.query_one(OptionList), list(self._lines()))
        shown = corpus_rows.columns([path.name for path in self._paths], self._list_width)
        self.query_one("#corpus-header", Paragraph).show(corpus_rows.header(shown) if self._paths else Content(""))

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
        self._chosen = path
        if path is None:
            self._redraw_list()
            self._describe()
        else:
            self.point_at(path)

    def point_at(self, path: Path) -> None:
        """Put the cursor on a text, adding it to the list where it is missing."""
        if path not in self._paths:
            self._paths.append(path)
        self._redraw_list()
        self.query_one(OptionList).highlighted = self._paths.index(path)
        self._describe()
        self._glance_on()

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

    # Adding by path, and taking off

    def action_add_corpus(self) -> None:
        """Go to the field for a path."""
        self.query_one("#corpus-path", Input).focus()

    @on(Input.Changed, "#corpus-path")
    def _typing_path(self, event: Input.Changed) -> None:
        event.stop()
        self._show_problem("")

    @on(PathInput.Candidates)
    def _path_is_open(self, event: PathInput.Candidates) -> None:
        event.stop()
        self._show_problem("  ".join(event.names[:40]), style="dim")

    @on(Input.Submitted, "#corpus-path")
    def _path_entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.add(absolute(event.value), self._show_problem)

    def add(self, path: Path, failed: Complain) -> None:
        """List and choose a text, and remember it; say why not where it cannot be read."""
        key = self._glance_key(path)
        in_background(
            self,
            partial(_glance, key),
            partial(self._path_accepted, path, key),
            lambda error: failed(error.message),
        )

    def _path_accepted(self, path: Path, key: Wanted, glance: "Glance") -> None:
        self._glances[key] = glance
        self.query_one("#corpus-path", Input).value = ""
        if path not in self._workspace.corpora() and not preferences_of(self).read_only:
            in_background(self, partial(added_texts.remember, self._workspace, path), lambda _: None, self._say_error)
        self._choose(path)
        self.enter()

    def action_forget_corpus(self) -> None:
        """Take an added text off the list; its file stays."""
        path = self.highlighted
        if path is None:
            return
        if path in self._workspace.corpora():
            self.post_message(Said(tr("it lies in the workspace: only added texts are taken off"), error=True))
        elif path == self._chosen:
            self.post_message(Said(tr("it is the chosen text: choose another one first"), error=True))
        else:
            if not preferences_of(self).read_only:
                in_background(self, partial(added_texts.forget, self._workspace, path), lambda _: None, self._say_error)
            self._paths.remove(path)
            self._redraw_list()
            self._describe()
            self.post_message(Said(tr("{name} is off the list; the file stays", name=path.name)))

    def _say_error(self, error: RnnbenchError) -> None:
        self.post_message(Said(str(error), error=True))

    def _show_problem(self, message: str, style: str = "$text-error") -> None:
        problem = self.query_one("#corpus-problem", Paragraph)
        problem.show(Content.styled(visible(message), style))
        problem.display = bool(message)

    # What the text holds

    def use_settings(self, corpus: CorpusConfig, text: TextConfig) -> None:
        """How texts are cut into splits and tokens, from the form."""
        if (corpus.model_copy(update={"file": "?"}), text) != self._settings:
            self._settings = (corpus.model_copy(update={"file": "?"}), text)
            self._describe()
            self._glance_on()

    @property
    def chosen_description(self) -> "CorpusDescription | None":
        """What the chosen text holds; None until it is known."""
        answer = self._answers.get(self._wanted(self._chosen)) if self._chosen else None
        return answer.description if answer else None

    def _wanted(self, path: Path) -> Wanted:
        return Wanted.of(path, *self._settings)

    def _glance_key(self, path: Path) -> Wanted:
        """What a glance depends on: not on splits and tokenizers."""
        kept = {"encoding", "errors", "members", "maximum_gigabytes", "first_characters"}
        chosen = {name: value for name, value in self._settings[0] if name in kept}
        return Wanted.of(path, CorpusConfig(file="?").model_copy(update=chosen), TextConfig())

    def _describe(self) -> None:
        """Ask for what is not known of the text under the cursor and of the chosen one; counting comes last."""
        wanted = [self._wanted(path) for path in (self.highlighted, self._chosen) if path is not None]
        counted = [wanted[-1].with_baselines(self._workspace.root)] if self._chosen is not None else []
        self._describer.want(*(item for item in (*wanted, *counted) if item not in self._answers))
        if self.highlighted is not None:
            self._glance_at(self._glance_key(self.highlighted))
        self._show_facts()
        self.post_message(self.Told())

    def _glance_on(self) -> None:
        """Glance at the next text that was not seen yet; they are seen one after the other."""
        keys = map(self._glance_key, self._paths)
        unseen = next((key for key in keys if key not in self._glances and key not in self._glancing), None)
        if unseen is not None:
            self._glance_at(unseen, then=self._glance_on)

    def _glance_at(self, key: Wanted, then: Then = lambda: None) -> None:
        if key in self._glances or key in self._glancing:
            return

        def seen(glance: "Glance | None") -> None:
            self._glancing.discard(key)
            self._glances[key] = glance
            self._redraw_list()
            self._show_facts()
            then()

        self._glancing.add(key)
        in_background(self, partial(_glance, key), seen, lambda _: seen(None))  # the description tells what is wrong

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

    @on(Reading)
    def _reading(self, event: Reading) -> None:
        event.stop()
        self._readings[event.wanted] = event
        self._show_facts()

    @on(Described)
    def _described(self, event: Described) -> None:
        event.stop()
        self._answers[event.wanted] = event
        self._readings.pop(event.wanted, None)
        self._redraw_list()
        self._show_facts()
        self.post_message(self.Told())

    def _show_facts(self) -> None:
        path = self.highlighted
        shown = self.query_one(ScrolledContent)
        if path is None:
            empty = tr(
                "No texts here yet. {key[get_corpus]} gets one from the catalogue, {key[find_file]} finds a file, "
                "{key[add_corpus]} adds one by its path."
            )
            shown.show(Content.styled(empty if not self._paths else "", "dim"))
            return
        wanted = self._wanted(path)
        counting = wanted.with_baselines(self._workspace.root)
        counted, answer, chosen = self._answers.get(counting), self._answers.get(wanted), path == self._chosen
        glance = self._glances.get(self._glance_key(path))
        width = max(self._list_width, 1)
        lines = [
            *corpus_facts.facts(answer, self._readings.get(wanted), width),
            *corpus_facts.baselines(counted, self._readings.get(counting), width, chosen=chosen),
            *corpus_facts.contents(answer),
            *corpus_facts.opening(glance.opening if glance else ""),
        ]
        shown.show(Content("\n").join(lines))


def _listed(workspace: Workspace) -> list[Path]:
    return list(dict.fromkeys([*workspace.corpora(), *added_texts.remembered(workspace)]))


def _glance(key: Wanted) -> "Glance":
    from rnnbench.text.glancing import glance  # not before the first screen

    return glance(key.path, key.corpus)


def _size(path: Path) -> str:
    size = _size_of(path)
    return tr("not there") if size is None else size_text(size)


def _size_of(path: Path) -> int | None:
    """Bytes; None where there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return None
