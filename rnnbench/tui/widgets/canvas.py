"""Dots in cells: braille, or one ASCII character a cell."""

from collections.abc import Iterator
from itertools import cycle

_LEFT_DOTS, _RIGHT_DOTS = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)  # from the lowest dot to the highest
DOTS_UP = 4  # of a braille character; an ASCII character is one dot
_ASCII_CURVES = "*o+x#%@&"
DASHES = ("1", "11111000", "1100", "111110011100", "100000", "111111111100")
"""How curves are broken up, dot by dot; the first is not."""


def ascii_mark(number: int) -> str:
    """What a curve is drawn with in ASCII."""
    return _ASCII_CURVES[number % len(_ASCII_CURVES)]


def _braille(left: int, right: int) -> str:
    dots = sum(_LEFT_DOTS[bit] for bit in range(4) if left >> bit & 1)
    return chr(0x2800 + dots + sum(_RIGHT_DOTS[bit] for bit in range(4) if right >> bit & 1))


_BRAILLE = [[_braille(left, right) for right in range(16)] for left in range(16)]


class Canvas:
    """Dots, each column of them one integer whose lowest bit is the lowest dot."""

    def __init__(self, width: int, height: int, *, ascii: bool = False, mark: str = "", dash: int = 0) -> None:
        self.width, self.height = width, height
        self._ascii, self._mark = ascii, mark
        self._dash = DASHES[0 if ascii else dash % len(DASHES)]
        self.dots_across, self.dots_up = (width, height) if ascii else (2 * width, DOTS_UP * height)
        self._bits = [0] * self.dots_across

    def fill(self, column: int, one: int, other: int) -> None:
        """Set the dots of a column from `one` to `other`, both included."""
        low, high = (one, other) if one <= other else (other, one)
        self._bits[column] |= ((2 << (high - low)) - 1) << low

    def join(self, left: int, here: int, right: int, there: int) -> None:
        """A line of dots without holes from dot `here` in column `left` to dot `there` in column `right`."""
        at = here
        for column in range(left, right):
            following = here + round((there - here) * (column + 1 - left) / (right - left))
            middle = (at + following) // 2
            self.fill(column, at, middle)
            self.fill(column + 1, middle, following)
            at = following

    def cells(self) -> Iterator[tuple[int, int, str]]:
        """Every cell with a dot in it: row from the top, column, character."""
        across, up = self.dots_across // self.width, self.dots_up // self.height
        bits = [column & mask for column, mask in zip(self._bits, cycle(self._masks()))]
        for column in range(self.width):
            left, right = bits[column * across], bits[column * across + across - 1]
            rest, row = left | right, self.height - 1
            while rest:  # no further up than the highest dot: most of a chart is empty
                if rest & (1 << up) - 1:
                    shift = up * (self.height - 1 - row)
                    yield row, column, self._character(left >> shift & 15, right >> shift & 15)
                rest, row = rest >> up, row - 1

    def _masks(self) -> list[int]:
        """The dots that a dashed curve may have, column by column until they repeat. They run along falling lines as
        well as along level ones, so that a steep curve is dashed and does not vanish."""
        period = len(self._dash)
        return [
            sum(1 << dot for dot in range(self.dots_up) if self._dash[(column - dot) % period] == "1")
            for column in range(period)
        ]

    def signs(self, first: int, every: int) -> Iterator[tuple[int, int]]:
        """Row and column of cells on the curve, one in `every` columns; the last one of a curve too short for that."""
        across, up = self.dots_across // self.width, self.dots_up // self.height
        bits = [self._bits[at] | self._bits[at + across - 1] for at in range(0, self.dots_across, across)]
        drawn = [column for column, dots in enumerate(bits) if dots]
        for column in [column for column in drawn if column % every == first % every] or drawn[-1:]:
            yield self.height - 1 - (bits[column].bit_length() - 1) // up, column

    def _character(self, left: int, right: int) -> str:
        return self._mark if self._ascii else _BRAILLE[left][right]


def sample(dash: int, width: int, *, ascii: bool = False) -> str:
    """A piece of a curve with that dash, as it is drawn; in ASCII a curve has a mark of its own and no dash."""
    if ascii:
        return ascii_mark(dash) * width
    canvas = Canvas(width, 1, dash=dash)
    for column in range(canvas.dots_across):
        canvas.fill(column, 1, 1)
    row = [" "] * width
    for _, column, character in canvas.cells():
        row[column] = character
    return "".join(row)
