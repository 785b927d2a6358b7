"""A scrolling transcript: finished blocks are wrapped once, only the last line of the open one is live."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.segment import Segment
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rnnbench.tui.cells import cut, wrap
from rnnbench.tui.fitting import GAP, as_many, hanging
from rnnbench.tui.widgets.virtual_size import fit
from rnnbench.tui.words import tr
from rnnbench.visible import visible

TEXT, NOTE, WRONG = "text", "note", "wrong"
_PIECE, _LONGEST = 100_000, 500_000
"""Characters that are shown of one piece, which takes some 40 ms to wrap, and of one text; /save keeps the others."""
_KEPT = 1_000_000  # characters of all texts, the oldest are let go first: a resize wraps all of them
_BEFORE = 2  # figures that are more important than what is found out later
_DENSE = 8  # characters to a cell that a line may have: marks without a width would never fill it


@dataclass(eq=False)
class _Block:
    """One piece of the transcript. The first `prompt` characters are the user's own.

    Where there is little room, the most important of the `parts` stand in one line in place of the text; None means
    that the text is shown as it is. From `column` on, an indented line that is too long goes on below itself.
    """

    kind: str
    text: str
    prompt: int = 0
    parts: tuple[str, ...] | None = None
    column: int = 0
    lines: list[str] = field(default_factory=list)
    own: list[int] = field(default_factory=list)  # of each of the first lines, how many characters are the user's

    def wrap(self, width: int, *, brief: bool) -> None:
        if brief and self.parts is not None:
            self.lines = [cut(GAP.join(as_many(self.parts, width)), width)] if self.parts else []
        elif self.column:
            self.lines = hanging(self.text, width, self.column)
        else:
            self.lines = _wrapped(self.text, width)
        self._mark_own()

    def extend(self, text: str, width: int) -> None:
        """Append text. Greedy breaking never changes a line that is already full, so only the last is made anew."""
        self.text += text
        self.lines[-1:] = _wrapped(self.lines[-1] + text, width)
        if len(self.own) >= len(self.lines) - 1:
            self._mark_own()

    def _mark_own(self) -> None:
        self.own, position = [], 0
        for line in self.lines:
            position = max(self.text.find(line, position), position)
            if position >= self.prompt:
                return
            self.own.append(min(self.prompt - position, len(line)))
            position += len(line)


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most that many cells, and of not too many characters."""
    most = _DENSE * width
    return [line[at : at + most] for line in wrap(text, width) for at in range(0, max(len(line), 1), most)]


class Transcript(ScrollView, can_focus=True):
    """Text that grows at its end. Follows the end until it is scrolled up."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--text",
        "transcript--prompt",
        "transcript--note",
        "transcript--wrong",
    }

    def __init__(self) -> None:
        super().__init__()
        self._blocks: list[_Block] = []
        self._rows: list[tuple[_Block, int]] = []
        self._open: _Block | None = None
        self._width = 0
        self._brief = False
        self._note: _Block | None = None

    @property
    def plain(self) -> str:
        """Everything, as text."""
        return "\n".join(block.text for block in self._blocks)

    def add(self, text: str, kind: str = NOTE) -> None:
        """Append a finished block."""
        self._append(_Block(kind, visible(text, keep_newlines=True, limit=_PIECE)))

    def add_table(self, text: str, column: int) -> None:
        """Append lines of which the indented ones hang from a column, and show them from the first on."""
        self._append(_Block(NOTE, visible(text, keep_newlines=True, limit=_PIECE), column=column))
        first = len(self._rows) - len(self._blocks[-1].lines)
        self.scroll_to(y=min(first, self.max_scroll_y), animate=False, immediate=True, force=True)

    def follow(self) -> None:
        """Go to the end, and stay there as the text grows."""
        self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def add_note(self, text: str, parts: Sequence[str]) -> None:
        """Append figures: all of them, or where there is little room the first of the parts in one line."""
        self._note = _Block(NOTE, visible(text, limit=_PIECE), parts=tuple(map(visible, parts)))
        self._append(self._note)

    def add_to_note(self, text: str, parts: Sequence[str]) -> None:
        """Append what was found out later; where there is little room it joins the figures in their line."""
        if self._note is not None and self._note.parts is not None:
            self._note.parts = (*self._note.parts[:_BEFORE], *map(visible, parts), *self._note.parts[_BEFORE:])
        self._append(_Block(NOTE, visible(text, limit=_PIECE), parts=()))
        if self._brief:
            self._wrap_all()

    def keep_notes_brief(self, brief: bool) -> None:
        """Whether figures take one line only."""
        if brief != self._brief:
            self._brief = brief
            if self._blocks:
                self._wrap_all()

    def begin(self, prompt: str) -> None:
        """Open a block with the user's prompt; `extend` writes on."""
        own = visible(prompt, keep_newlines=True, limit=_PIECE)
        self._open = _Block(TEXT, own, prompt=len(own))
        self._append(self._open)

    def extend(self, text: str) -> None:
        """Write on in the open block, even when a note has been added below it."""
        if self._open is None:
            return
        block, before = self._open, len(self._open.lines)
        room = min(_PIECE, _LONGEST - len(block.text))
        if room <= 0:
            return
        block.extend(visible(text[:room], keep_newlines=True), self._wrap_width)
        if len(text) > room:
            block.extend(f" [{tr('more was written: /save keeps it')}]", self._wrap_width)
        below = sum(len(other.lines) for other in self._blocks[self._blocks.index(block) + 1 :])
        end = len(self._rows) - below
        self._rows[end:end] = [(block, index) for index in range(before, len(block.lines))]
        self._grown()

    def clear(self) -> None:
        """Forget everything."""
        self._blocks, self._rows, self._open, self._note = [], [], None, None
        self._grown()

    @property
    def _wrap_width(self) -> int:
        return max(self._width, 10)

    def _append(self, block: _Block) -> None:
        block.wrap(self._wrap_width, brief=self._brief)
        self._blocks.append(block)
        self._let_go()
        self._rows += [(block, index) for index in range(len(block.lines))]
        self._grown()

    def _let_go(self) -> None:
        """Forget the oldest texts when there are too many; never the one that is being written, nor the last."""
        total = sum(len(block.text) for block in self._blocks)
        while total > _KEPT and len(self._blocks) > 1 and self._blocks[0] is not self._open:
            gone = self._blocks.pop(0)
            total -= len(gone.text)
            del self._rows[: len(gone.lines)]

    def _grown(self) -> None:
        follow = self.scroll_offset.y >= self.max_scroll_y - 1
        fit(self, Size(self._width, len(self._rows)))
        if follow:
            self.follow()
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        width = self.scrollable_content_region.width
        if width == self._width or not width:
            return
        self._width = width
        self._wrap_all()

    def _wrap_all(self) -> None:
        for block in self._blocks:
            block.wrap(self._wrap_width, brief=self._brief)
        self._rows = [(block, index) for block in self._blocks for index in range(len(block.lines))]
        self._grown()

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        width, base = self.size.width, self.rich_style
        row = y + self.scroll_offset.y
        if row >= len(self._rows):
            return Strip.blank(width, base)
        block, index = self._rows[row]
        line, own = block.lines[index], block.own[index] if index < len(block.own) else 0
        segments = [
            Segment(line[:own], base + self.get_component_rich_style("transcript--prompt")),
            Segment(line[own:], base + self.get_component_rich_style(f"transcript--{block.kind}")),
        ]
        return Strip([segment for segment in segments if segment.text]).adjust_cell_length(width, base)
