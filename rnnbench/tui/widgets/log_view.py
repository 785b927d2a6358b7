"""A log of any length: only the rows that can be seen are ever rendered."""

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

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


class LogView(ScrollView, can_focus=True):
    """Plain lines, the newest at the end.

    It follows the end until the user scrolls up, and follows again as soon as the user is back at the end.
    """

    DEFAULT_CSS = """
    LogView { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "shift(-1)", "Sideways", show=False),
        Binding("right", "shift(1)", "Sideways", show=False),
    ]

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.following = True
        self._lines: list[str] = []
        self._start = 0  # the first cell that is seen of each line

    @property
    def line_count(self) -> int:
        """How many lines it holds."""
        return len(self._lines)

    def append(self, lines: Iterable[str]) -> None:
        """Add lines at the end; beyond a million, the oldest go."""
        before = len(self._lines)
        self._lines.extend(lines)
        if len(self._lines) == before:
            return
        dropped = self._drop_oldest()
        self._fit()
        if self.following:
            self.follow()
        elif dropped:
            self.scroll_to(y=max(self.scroll_offset.y - dropped, 0), animate=False, force=True)
        self.refresh()

    def clear(self) -> None:
        """Forget every line, and follow again."""
        self._lines.clear()
        self._start = 0
        self._fit()
        self.follow()
        self.refresh()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        # Forced: a scrollbar that is only about to appear would forbid it.
        self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)

    def _drop_oldest(self) -> int:
        excess = len(self._lines) - MAX_LINES
        if excess <= 0:
            return 0
        dropped = min(excess + _SLACK, len(self._lines))
        del self._lines[:dropped]
        return dropped

    def _fit(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines))

    def action_scroll_end(self) -> None:
        """To the end at once: an animation would never catch up with a growing log."""
        self.follow()

    def action_shift(self, by: int) -> None:
        """Half a width to the side, no further than to the end of the longest line that is seen."""
        width, top = self.scrollable_content_region.width, self.scroll_offset.y
        seen = self._lines[top : top + self.scrollable_content_region.height]
        most = max((cell_len(visible(line)) for line in seen), default=0) - width
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

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width, style = self.scrollable_content_region.width, self.rich_style
        row = self.scroll_offset.y + y
        text = part(self._lines[row], self._start, width) if row < len(self._lines) else ""
        strip = Strip(self._segments(text, row)).adjust_cell_length(width, style)
        return strip.apply_offsets(self._start, row)

    def _segments(self, text: str, row: int) -> list[Segment]:
        style, selection = self.rich_style, self.text_selection
        span = selection.get_span(row) if selection else None
        if span is None:
            return [Segment(text, style)]
        start, end = span[0], len(text) + self._start if span[1] == -1 else span[1]
        start, end = (max(place - self._start, 0) for place in (start, end))
        marked = style + self.screen.get_component_rich_style("screen--selection")
        return [Segment(text[:start], style), Segment(text[start:end], marked), Segment(text[end:], style)]

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as it is shown."""
        text = "\n".join(visible(line) for line in self._lines)
        return selection.extract(text), "\n"
