"""Content that is scrolled and often exchanged, such as what is said about the text under the cursor."""

from textual.content import Content
from textual.events import Resize
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from rnnbench.tui.widgets.virtual_size import fit


class ScrolledContent(ScrollView, can_focus=True):
    """Plain content, never markup. Another content is another picture, not another layout of the screen, unless the
    scroll bar comes or goes; what is sent are the rows that differ."""

    DEFAULT_CSS = """
    ScrolledContent { overflow-x: hidden; overflow-y: auto; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._content = Content("")
        self._rows: list[Strip] = []
        self._due = False

    def show(self, content: Content) -> None:
        """Show this; from where it was scrolled to, as far as it goes. What the key itself changed is painted first."""
        if not content.is_same(self._content):
            self._content = content
            if not self._due:
                self._due = True
                self.call_after_refresh(self._wrap)

    def on_resize(self, event: Resize) -> None:
        self._wrap()

    def watch_show_vertical_scrollbar(self) -> None:
        """The rows have another width where a scroll bar stands beside them."""
        self.call_after_refresh(self._wrap)

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        super().notify_style_update()
        self._wrap()

    def _wrap(self) -> None:
        self._due = False
        width = self.scrollable_content_region.width
        if not width:
            return
        before, self._rows = self._rows, Visual.to_strips(self, self._content, width, None, self.visual_style)
        scrolled = self.scroll_offset.y
        fit(self, Size(width, len(self._rows)))
        if scrolled != self.scroll_offset.y:
            return  # scrolled back to where there is something: all of it is painted
        after = self._rows
        for y in range(scrolled, min(max(len(before), len(after)), scrolled + self.size.height)):
            if before[y : y + 1] != after[y : y + 1]:
                self.refresh(Region(0, y - scrolled, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        row, width, style = y + self.scroll_offset.y, self.size.width, self.rich_style
        if row >= len(self._rows):
            return Strip.blank(width, style)
        return self._rows[row].adjust_cell_length(width, style)
