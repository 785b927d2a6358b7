"""A log of any length: only the rows that can be seen are ever rendered."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from rnnbench.tui.widgets.log_lines import LogLines
from rnnbench.tui.widgets.log_search import Condition, Finder, phrase_of, places, words_of
from rnnbench.tui.widgets.virtual_size import fit
from rnnbench.visible import visible

MAX_LINES = 1_000_000
_SLACK = 10_000  # lines are dropped so many at a time


def fitted(line: str, width: int) -> str:
    """An untrusted line made harmless, and cut to `width` cells with an ellipsis where it is longer."""
    text = visible(line, limit=4 * width + 1)  # every cell may carry marks without a width of their own
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def part(line: str, start: int, width: int) -> str:
    """What can be seen of an untrusted line from cell `start` on; an ellipsis stands for what is cut at either end."""
    if not start:
        return fitted(line, width)
    text = visible(line, limit=4 * (start + width) + 1)
    skipped = used = 0
    while used <= start and skipped < len(text):
        used += cell_len(text[skipped])
        skipped += 1
    rest = " " * (used - start - 1) + text[skipped:]  # half a wide character leaves a blank
    return fitted(f"…{rest}", width) if used > start else ""


class Eye(NamedTuple):
    """A line that the reader looks at: its number, and in which row of the screen it is."""

    number: int
    row: int


class LogView(ScrollView, can_focus=True):
    """Plain lines, the newest at the end.

    It follows the end until the user scrolls up, and follows again as soon as the user is back at the end. A filter
    leaves only some of the lines, a search marks a phrase in them; both go on with the lines that come.
    """

    DEFAULT_CSS = """
    LogView { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    LogView > .log-view--hit { text-style: reverse; }
    LogView > .log-view--here { text-style: bold reverse; color: $text-warning; }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log-view--hit", "log-view--here"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "shift(-1)", "Sideways", show=False),
        Binding("right", "shift(1)", "Sideways", show=False),
    ]

    class Counted(Message):
        """How many lines are shown, or how many hits there are, is another number now."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.following = True
        self._lines = LogLines()
        self._start = 0  # the first cell that is seen of each line
        self._end: list[str] = []  # what will be the last lines
        self._filter: Finder | None = None
        self._search: Finder | None = None
        self._phrase = ""
        self._hit: int | None = None  # the line of the hit where the reader is
        self._wanted = 0  # a hit that is asked for and not found yet: the next, or the one before
        self._eye: Eye | None = None  # what stays in its row, and
        self._eye_at = 0  # as long as the user leaves the view there

    @property
    def line_count(self) -> int:
        """How many lines it holds."""
        return len(self._lines)

    @property
    def shown_count(self) -> int:
        """How many of them the filter leaves."""
        return len(self._lines) if self._filter is None else len(self._filter.hits)

    @property
    def hit_count(self) -> int:
        """How many lines hold the phrase that is searched for."""
        return len(self._search.hits) if self._search else 0

    @property
    def hit_place(self) -> int:
        """Which of them the reader is at, from 1; 0 for none."""
        if self._search is None or self._hit is None:
            return 0
        return bisect_right(self._search.hits, self._hit)

    @property
    def looking(self) -> bool:
        """Whether older lines are still to be looked through."""
        return any(not finder.done for finder in self._finders())

    def append(self, lines: Iterable[str]) -> None:
        """Add lines at the end; beyond a million, the oldest go."""
        new = list(lines)
        if not new:
            return
        eye = self._seen()
        self._lines.append(new)
        self._lines.drop(self._excess())
        for finder in self._finders():
            finder.follow()
        self._keep(eye)
        if self._filter or self._search:
            self.post_message(self.Counted())

    def show_end(self, lines: list[str]) -> None:
        """Show these as the last lines, to whoever follows, until the lines before them have come; none ends that."""
        if self._end != lines:
            self._end = lines
            self.refresh()

    def clear(self) -> None:
        """Forget every line, and follow again. A filter and a search stay, for the lines to come."""
        self._lines.clear()
        self._end = []
        self._start, self._hit, self._eye = 0, None, None
        self._filter = Finder(self._lines, self._filter.condition) if self._filter else None
        self._look_for(self._phrase)
        self._fit()
        self.follow()
        self.refresh()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following, self._eye = True, None
        # Forced: a scrollbar that is only about to appear would forbid it.
        self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)

    # Filter and search

    def filter_by(self, text: str) -> None:
        """Show only the lines in which every word occurs, and none that begins with an exclamation mark; an empty
        text shows all. The line that was looked at stays, or the next one that is left."""
        eye, condition = self._seen(), words_of(text)
        self._filter = Finder(self._lines, condition) if condition else None
        self._look_for(self._phrase)
        self._keep(eye)
        self._look()

    def search_for(self, phrase: str) -> None:
        """Mark a phrase wherever it occurs, and go to the nearest place above the end of what is seen."""
        self._end = []  # they are not searched
        eye = self._seen()
        self._phrase, self._hit, self._wanted = phrase, None, -1 if phrase else 0
        self._look_for(phrase)
        if not phrase:
            self._keep(None if self.is_vertical_scroll_end and self._filter is None else eye)
        self.refresh()
        self._look()

    def go_to_hit(self, by: int) -> None:
        """To the hit after this one (by = 1) or before it (by = -1), round and round."""
        if self._search is not None:
            self._wanted = by
            self._try_to_go()

    def _look_for(self, phrase: str) -> None:
        among = self._filter.condition if self._filter else Condition()
        self._search = Finder(self._lines, among.also(phrase_of(phrase))) if phrase else None

    def _finders(self) -> Iterator[Finder]:
        return (finder for finder in (self._filter, self._search) if finder is not None)

    def _look(self) -> None:
        """Look through the newest lines now and through the rest piece by piece."""
        self._look_on()
        if self.looking:
            self.run_worker(self._look_through(), group="log", exclusive=True)

    async def _look_through(self) -> None:
        while self.looking:
            await asyncio.sleep(0)  # keys and paints come first
            self._look_on()

    def _look_on(self) -> None:
        eye, before = self._seen(), (self.shown_count, self.hit_count)
        for finder in self._finders():
            if not finder.done:
                finder.look()
        grown = (self.shown_count, self.hit_count) != before
        if grown:
            self._keep(eye)
        self._try_to_go()
        if grown or not self.looking:
            self.post_message(self.Counted())

    def _try_to_go(self) -> None:
        """Go to the hit that is wanted, if it has been found yet."""
        number = self._nearest(self._wanted) if self._wanted and self._search else None
        if number is not None:
            self._hit, self._wanted, self.following, self._eye = number, 0, False, None
            row, top, height = self._row_of(number), self.scroll_offset.y, self.scrollable_content_region.height
            if not top <= row < top + height:
                self.scroll_to(y=max(row - height // 2, 0), animate=False, immediate=True, force=True)
                self.following = False
            self._bring_into_view(number)
            self.refresh()
            self.post_message(self.Counted())

    def _bring_into_view(self, number: int) -> None:
        """Sideways, as far as the phrase in a line asks for it."""
        line, width = self._lines.line(number), self.scrollable_content_region.width
        cells = [(cell_len(line[:begin]), cell_len(line[:end])) for begin, end in places(self._phrase, line)]
        if cells and not any(self._start < begin + 1 and end < self._start + width for begin, end in cells):
            begin, end = cells[0]
            self._start = 0 if end < width else max(begin - width // 2, 0)

    def _nearest(self, by: int) -> int | None:
        """The hit next to where the reader is; None where there is none, or it is not sure yet which."""
        finder = self._search
        assert finder is not None
        below = self.scroll_offset.y + self.scrollable_content_region.height
        origin = self._number(min(below, self.shown_count)) if self._hit is None else self._hit
        index = bisect_right(finder.hits, origin) if by > 0 else bisect_left(finder.hits, origin) - 1
        inside = 0 <= index < len(finder.hits)
        sure = finder.done or (finder.reached <= origin and inside)
        return finder.hits[index % len(finder.hits)] if sure and finder.hits else None

    # Where the reader is

    def _number(self, row: int) -> int:
        """The line in a row; the one that comes next for the row below the last."""
        if row >= self.shown_count:
            return self._lines.end
        return self._lines.first + row if self._filter is None else self._filter.hits[row]

    def _row_of(self, number: int) -> int:
        """The row of a line, or of the next one that is shown."""
        return max(number - self._lines.first, 0) if self._filter is None else bisect_left(self._filter.hits, number)

    def _seen(self) -> Eye | None:
        """What must stay where it is: the hit, else the first line that is seen; None for a view that follows."""
        top = self.scroll_offset.y
        if self.following:
            return None
        if self._eye is not None and self._eye_at == top:
            return self._eye
        hit = self._row_of(self._hit) - top if self._hit is not None else -1
        row = hit if 0 <= hit < self.scrollable_content_region.height else 0
        return Eye(self._number(top + row), row)

    def _keep(self, eye: Eye | None) -> None:
        """Show what is there now with the same line before the reader's eye, or the end."""
        self._fit()
        if eye is None:
            self.follow()
        else:
            row = max(self._row_of(eye.number) - eye.row, 0)
            self.scroll_to(y=row, animate=False, immediate=True, force=True)
            self.following, self._eye, self._eye_at = False, eye, self.scroll_offset.y
        self.refresh()

    def _excess(self) -> int:
        excess = len(self._lines) - MAX_LINES
        return excess + _SLACK if excess > 0 else 0

    def _fit(self) -> None:
        """Tell Textual the size of it all."""
        fit(self, Size(self.scrollable_content_region.width, self.shown_count))

    def action_scroll_end(self) -> None:
        """To the end at once: an animation would never catch up with a growing log."""
        self.follow()

    def action_shift(self, by: int) -> None:
        """Half a width to the side, no further than to the end of the longest line that is seen."""
        width = self.scrollable_content_region.width
        seen = [self._line_at(y) for y in range(self.scrollable_content_region.height)]
        most = max((cell_len(line) for line in seen), default=0) - width
        start = self._start + by * max(width // 2, 1)
        self._start = max(min(start, max(most, 0) if by > 0 else start), 0)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Let go of the end when the user leaves it, take hold again when the user comes back."""
        super().watch_scroll_y(old_value, new_value)
        self.following = self.is_vertical_scroll_end

    def on_resize(self) -> None:
        """Draw for the new size."""
        following = self.following
        self._fit()
        if following:
            self.follow()

    # Painting

    def _line(self, row: int) -> str:
        return self._lines.line(self._number(row)) if row < self.shown_count else ""

    @property
    def _shows_end(self) -> bool:
        return bool(self._end) and self.following and self._filter is None

    def _line_at(self, y: int) -> str:
        """The line in a row of the view."""
        if not self._shows_end:
            return self._line(self.scroll_offset.y + y)
        index = len(self._end) - self.scrollable_content_region.height + y
        return self._end[index] if index >= 0 else ""

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width, style = self.scrollable_content_region.width, self.rich_style
        row, line = self.scroll_offset.y + y, self._line_at(y)
        text = part(line, self._start, width) if line else ""
        if self._shows_end:
            return Strip([Segment(text, style)]).adjust_cell_length(width, style)
        strip = Strip(_segments(text, style, list(self._marked(text, row)))).adjust_cell_length(width, style)
        return strip.apply_offsets(self._start, row)

    def _marked(self, text: str, row: int) -> Iterator[tuple[int, int, Style]]:
        """The parts of a row that stand out, as begin and end in characters and their style, the upper ones last."""
        here = row < self.shown_count and self._number(row) == self._hit
        kind = "log-view--here" if here else "log-view--hit"
        for begin, end in places(self._phrase, text):
            yield begin, end, self.get_component_rich_style(kind, partial=True)
        selection = self.text_selection
        span = selection.get_span(row) if selection else None
        if span is not None:
            start, end = span[0], len(text) + self._start if span[1] == -1 else span[1]
            marked = self.screen.get_component_rich_style("screen--selection")
            yield max(start - self._start, 0), max(end - self._start, 0), marked

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as it is shown."""
        first = selection.start.y if selection.start else 0
        last = selection.end.y if selection.end else self.shown_count - 1
        text = "\n".join(self._line(row) for row in range(first, last + 1))
        start = Offset(selection.start.x, 0) if selection.start else None
        end = Offset(selection.end.x, last - first) if selection.end else None
        return Selection(start, end).extract(text), "\n"


def _segments(text: str, style: Style, marked: list[tuple[int, int, Style]]) -> list[Segment]:
    """A text with some parts in another style on top of its own."""
    cuts = sorted({0, len(text), *(min(place, len(text)) for begin, end, _ in marked for place in (begin, end))})
    segments = []
    for begin, end in pairwise(cuts):
        over = [mark for low, high, mark in marked if low <= begin and end <= high]
        segments.append(Segment(text[begin:end], sum(over, style)))
    return segments or [Segment("", style)]
