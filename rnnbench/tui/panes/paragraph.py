"""Text that changes often and its height seldom: the screen is laid out again only when it must be."""

from textual.content import Content
from textual.widgets import Static


class Paragraph(Static):
    """Plain content, never markup. Showing what is shown already costs nothing."""

    def __init__(self, content: Content | None = None, *, id: str) -> None:
        super().__init__(content or Content(""), id=id, markup=False)
        self._shown = content or Content("")

    def show(self, content: Content) -> None:
        """Show this; lay out only when it takes more or fewer lines than before."""
        if content.is_same(self._shown):
            return
        before, self._shown = self._height(self._shown), content
        self.update(content, layout=self._height(content) != before)

    def _height(self, content: Content) -> int:
        return content.get_height({}, self.size.width) if self.size.width else 0
