"""The log with its two fields: which lines are shown, and what is looked for in them."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.widgets.log_view import LogView
from rnnbench.tui.words import tr

FILTER, SEARCH = "log-filter", "log-search"
KINDS = ("", "validation at step", "sample at step", "checkpoint at step", "warning:")
"""Filters for kinds of lines, in the words that these lines have."""


class LogInput(LineInput):
    """Enter leaves it at once: a key that is typed right after is the log's."""

    async def action_submit(self) -> None:
        """What is in the field stays; the keys are the log's again."""
        self.screen.set_focus(self.screen.query_one(LogView))


class LogField(Horizontal):
    """A text field with a label, and what became of it at its right."""

    def __init__(self, label: str, hint: str, id: str) -> None:
        super().__init__(id=id, classes="log-field")
        self._label, self._hint = label, hint
        self._told = ""

    def compose(self) -> ComposeResult:
        yield Static(self._label, classes="log-label", markup=False)
        yield LogInput(placeholder=self._hint, id=f"{self.id}-text", classes="log-text")
        yield Static("", id=f"{self.id}-count", markup=False)

    @property
    def input(self) -> Input:
        """The field itself."""
        return self.query_one(Input)

    @property
    def is_open(self) -> bool:
        """Whether it is there."""
        return bool(self.display)

    def open(self) -> None:
        """Show it and write into it."""
        self.display = True
        self.screen.set_focus(self.input)

    def close(self) -> None:
        """Take it away with what is in it."""
        self.input.value = ""
        self.display = False

    def tell(self, text: str) -> None:
        """What became of it."""
        if text != self._told:
            self._told = text
            self.query_one(f"#{self.id}-count", Static).update(text)


class LogPanel(Vertical):
    """The log; below it the fields that are open."""

    def compose(self) -> ComposeResult:
        yield LogView()
        yield LogField(tr("filter"), tr("words that must occur; !word must not"), FILTER)
        hint = tr("text to look for; {key[next_hit]} and {key[hit_before]} go from hit to hit")
        yield LogField(tr("search"), hint, SEARCH)

    @property
    def log_view(self) -> LogView:
        """The log itself."""
        return self.query_one(LogView)

    @property
    def searching(self) -> bool:
        """Whether there are hits to go to."""
        return bool(self._field(SEARCH).input.value)

    def _field(self, name: str) -> LogField:
        return self.query_one(f"#{name}", LogField)

    def open_field(self, name: str) -> None:
        """To the field of the filter or of the search."""
        self._field(name).open()

    def close_field(self, *, focused: bool) -> bool:
        """Close the field that is written into, or the search, or the filter; returns whether one was open. With
        `focused`, only a field that is written into."""
        fields = [self._field(name) for name in (SEARCH, FILTER)]
        writing = [field for field in fields if field.input.has_focus]
        found = next(iter(writing or ([] if focused else [field for field in fields if field.is_open])), None)
        if found is None:
            return False
        self.screen.set_focus(self.log_view)
        found.close()
        return True

    @property
    def has_open_field(self) -> bool:
        """Whether there is a field to close."""
        return self._field(SEARCH).is_open or self._field(FILTER).is_open

    def turn_kind(self) -> None:
        """Show the next kind of lines alone: evaluations, samples, checkpoints, warnings, then all again."""
        field = self._field(FILTER)
        place = KINDS.index(field.input.value) if field.input.value in KINDS else 0
        kind = KINDS[(place + 1) % len(KINDS)]
        field.display = bool(kind)
        field.input.value = kind

    @on(Input.Changed, f"#{FILTER}-text")
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.log_view.filter_by(event.value)

    @on(Input.Changed, f"#{SEARCH}-text")
    def _search_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.log_view.search_for(event.value)

    @on(LogView.Counted)
    def _counted(self, event: LogView.Counted) -> None:
        event.stop()
        log = self.log_view
        more = " ..." if log.looking else ""
        shown, total = f"{log.shown_count:,}", f"{log.line_count:,}"
        self._field(FILTER).tell(tr("{shown} of {total} lines", shown=shown, total=total) + more)
        self._field(SEARCH).tell(self._hits() + more if self.searching else "")

    def _hits(self) -> str:
        log = self.log_view
        if not log.hit_count:
            return "" if log.looking else tr("no hit")
        return tr("hit {place} of {count}", place=f"{log.hit_place:,}", count=f"{log.hit_count:,}")
