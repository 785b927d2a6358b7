"""Text measured in terminal cells: a Chinese character takes two."""

import re
from collections.abc import Iterable

from rich.cells import cell_len, chop_cells, set_cell_size

__all__ = ["cell_len", "cut", "flow", "padded", "size_text", "wrap"]

_WIDE = r"\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe6f\uff00-\uffef"
_PIECE = re.compile(rf"[^\S\n]+|[{_WIDE}]|[^\s{_WIDE}]+")


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken at spaces and between wide characters where possible."""
    width = max(width, 2)
    return [line for paragraph in text.split("\n") for line in _wrap_paragraph(paragraph, width)]


def _wrap_paragraph(paragraph: str, width: int) -> list[str]:
    if cell_len(paragraph) <= width:
        return [paragraph]
    lines, line, used = [], "", 0
    for piece in _PIECE.findall(paragraph):
        size = cell_len(piece)
        if used + size > width and line:
            lines += [line.rstrip()] if line.strip() else []  # an indentation that leaves no room for a word is dropped
            line, used = "", 0
            piece = piece.lstrip()  # noqa: PLW2901 - a line does not begin with the space it was broken at
            size = cell_len(piece)
        if size > width:
            *whole, piece = chop_cells(piece, width)  # noqa: PLW2901 - a word longer than a line
            lines += whole
            size = cell_len(piece)
        line, used = line + piece, used + size
    return [*lines, line]


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells; a cut is marked by an ellipsis."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """The text in exactly `width` cells."""
    return set_cell_size(cut(text, width), width)


def flow(items: Iterable[str], width: int, gap: str = "   ") -> list[list[str]]:
    """Items laid side by side into as few lines as they need, none of them broken."""
    lines: list[list[str]] = [[]]
    used = 0
    for item in items:
        size = cell_len(item)
        if lines[-1] and used + len(gap) + size > width:
            lines.append([])
            used = 0
        used += size + (len(gap) if lines[-1] else 0)
        lines[-1].append(item)
    return lines


def size_text(count: int) -> str:
    """Bytes as a person reads them."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
