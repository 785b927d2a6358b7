"""Text coloured by a number for each piece: in 256 colours, or without any as a line of digits below each line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rnnbench.runs.ramp import RAMP, Combine, Scale, ink
from rnnbench.visible import LINE_END, visible


@dataclass(frozen=True)
class Piece:
    """A bit of text and its number."""

    text: str
    value: float


@dataclass(frozen=True)
class Glyphs:
    """What stands in some cells of one line: harmless text, its width in cells, and its level from 0 to 9."""

    text: str
    width: int
    level: int


def lay_out(pieces: Iterable[Piece], scale: Scale, *, width: int, combine: Combine) -> Iterator[list[Glyphs]]:
    """Pieces -> lines of at most `width` cells. A line end is shown as an arrow, and then the line ends.

    What takes no cell of its own, such as a combining mark or the second byte of a character, joins what stands
    before it.
    """
    line: list[Glyphs] = []
    used = 0
    for piece in _joined(pieces, combine):
        level = scale.level(piece.value)
        for part in _parts(piece.text, width):
            cells = _cells(part)
            if used + cells > width and line:
                yield line
                line, used = [], 0
            line.append(Glyphs(LINE_END if part == "\n" else visible(part), cells, level))
            used += cells
            if part == "\n":
                yield line
                line, used = [], 0
    if line:
        yield line


def _joined(pieces: Iterable[Piece], combine: Combine) -> Iterator[Piece]:
    """Pieces that are at least one cell wide, but for a first one that has nothing to join."""
    held: Piece | None = None
    for piece in pieces:
        if held is not None and not _cells(piece.text):
            held = Piece(held.text + piece.text, combine(held.value, piece.value))
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held


def _parts(text: str, width: int) -> Iterator[str]:
    """A piece cut where a line must end: around a line end, and where it is wider than a line."""
    start = cells = 0
    for place, character in enumerate(text):
        size = _cells(character)
        if character == "\n":
            if place > start:
                yield text[start:place]
            yield character
            start, cells = place + 1, 0
            continue
        if cells + size > width and place > start:
            yield text[start:place]
            start, cells = place, 0
        cells += size
    if start < len(text):
        yield text[start:]


def _cells(text: str) -> int:
    """The cells that a text takes when it is shown."""
    from rich.cells import cell_len

    return cell_len(visible(text))


# -- on a terminal --------------------------------------------------------------------------------------------------


def coloured(line: Iterable[Glyphs]) -> str:
    """A line for a terminal with 256 colours; neighbours of one level share their colour's escape sequence."""
    return "".join(f"\x1b[48;5;{RAMP[g.level]};38;5;{ink(g.level)}m{g.text}" for g in runs(line)) + "\x1b[0m"


def with_digits(line: Sequence[Glyphs]) -> tuple[str, str]:
    """A line without colours, and the levels below it, each under the first cell of its piece."""
    digits = "".join(str(glyphs.level).ljust(glyphs.width)[: glyphs.width] for glyphs in line)
    return "".join(glyphs.text for glyphs in line), digits.rstrip()


def runs(line: Iterable[Glyphs]) -> Iterator[Glyphs]:
    """The line with neighbours of one level put together."""
    held: Glyphs | None = None
    for glyphs in line:
        if held is not None and held.level == glyphs.level:
            held = Glyphs(held.text + glyphs.text, held.width + glyphs.width, held.level)
            continue
        if held is not None:
            yield held
        held = glyphs
    if held is not None:
        yield held
