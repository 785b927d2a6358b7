"""Text coloured by a number for each piece: in 256 colours, or without any as a line of digits below each line."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rnnbench.visible import visible

LEVELS = 10
LINE_END = "↵"  # more fonts draw it than the control picture
# Blue to yellow through grey, each step lighter than the one before: the order survives every kind of colour
# blindness and a black-and-white print (after Nunez, Anderton and Renslow 2018, "cividis"), in the xterm palette.
RAMP = (17, 18, 60, 242, 244, 246, 144, 186, 227, 230)
_WHITE, _BLACK = 231, 16
_CUBE = (0, 95, 135, 175, 215, 255)

Combine = Callable[[float, float], float]


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


@dataclass(frozen=True)
class Scale:
    """Which number is which level: `low` is the bottom of level 0, `step` the size of each.

    What lies beyond either end has the level of that end.
    """

    low: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float]) -> "Scale":
        """The levels spread over all that occurs."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        return cls(low, (high - low) / LEVELS or 1.0)

    def level(self, value: float) -> int:
        """0 to 9."""
        return int(min(max((value - self.low) / self.step, 0), LEVELS - 1))


def add(one: float, other: float) -> float:
    """How surprisals of parts become that of the whole."""
    return one + other


def later(one: float, other: float) -> float:
    """How activations of parts become that of the whole: the last one."""
    return other


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


def ink(level: int) -> int:
    """White or black, whichever reads better on a level's colour: their contrast is at least 4.5 (WCAG 2)."""
    return _BLACK if luminance(RAMP[level]) > 0.179 else _WHITE


def luminance(colour: int) -> float:
    """Relative luminance (WCAG 2) of a colour of the xterm palette from 16 on: 0 for black, 1 for white."""
    parts = [part / 255 for part in rgb(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def rgb(colour: int) -> tuple[int, int, int]:
    """Red, green and blue of a colour of the xterm palette from 16 on: a cube of six levels each, then greys."""
    if colour >= 232:
        grey = 8 + 10 * (colour - 232)
        return grey, grey, grey
    place = colour - 16
    return _CUBE[place // 36], _CUBE[place // 6 % 6], _CUBE[place % 6]
