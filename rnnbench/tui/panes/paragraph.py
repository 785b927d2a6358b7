"""Text that changes often and its height seldom: the screen is laid out again only when it must be."""

from itertools import zip_longest
from string import Formatter

from rich.cells import cell_len
from rich.style import Style
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

Part = str | tuple[str, str] | Content


def filled(said: str, **values: Part) -> Content:
    """A sentence with its {names} filled in by parts that have styles: text, text with its style, or content."""
    content = Content("")
    for text, name, _, _ in Formatter().parse(said):
        content = Content.assemble(content, text, values[name] if name else "")
    return content


class Paragraph(Widget):
    """Plain content, never markup. Showing what is shown already costs nothing, and showing something else sends the
    cells that are different: of a line of figures that is a third."""

    DEFAULT_CSS = """
    Paragraph { height: auto; }
    """

    def __init__(self, content: Content | None = None, *, id: str) -> None:
        super().__init__(id=id)
        self._shown = content or Content("")
        self._width = 0  # when it was last seen: behind another pane it has none

    def render(self) -> Content:
        """The content."""
        return self._shown

    def show(self, content: Content) -> None:
        """Show this; lay out only when it takes more or fewer lines than before."""
        before, self._shown = self._shown, content
        if content.is_same(before):
            return
        is_seen = self.size.width > 0
        self._width = self.size.width or self._width
        if self._height(before) != self._height(content):
            self.refresh(layout=True)
        elif not is_seen:
            self.refresh()  # what was painted before it was hidden must not come back
        elif regions := self._differences(before, content):
            self.refresh(*regions)

    def _height(self, content: Content) -> int:
        least = self.styles.min_height
        rows = content.get_height({}, self._width) if self._width else 0
        return max(rows, int(least.value) if least is not None and least.is_cells else 0)

    def _differences(self, before: Content, after: Content) -> list[Region]:
        """The part of each row in which the two differ."""
        rows = zip_longest(self._cells(before), self._cells(after))
        return [region for y, (old, new) in enumerate(rows) if (region := _difference(y, old or [], new or []))]

    def _cells(self, content: Content) -> list[list["_Cell"]]:
        width = self.content_size.width
        strips = Visual.to_strips(self, content, width, None, self.visual_style) if width else []
        return [_cells(strip) for strip in strips]


_Cell = tuple[str, Style | None]


def _cells(strip: Strip) -> list[_Cell]:
    """A row cell by cell; the second cell of a wide character is an empty string."""
    cells: list[_Cell] = []
    for segment in strip:
        for sign in segment.text:
            width = cell_len(sign)
            if not width and cells:  # a mark belongs to the letter before it
                cells[-1] = (cells[-1][0] + sign, cells[-1][1])
            cells += [(sign, segment.style), ("", segment.style)][:width]
    return cells


def _difference(y: int, old: list[_Cell], new: list[_Cell]) -> Region | None:
    length = max(len(old), len(new))
    old, new = (cells + [(" ", None)] * (length - len(cells)) for cells in (old, new))
    places = [place for place in range(length) if old[place] != new[place]]
    return Region(places[0], y, places[-1] + 1 - places[0], 1) if places else None
