"""Ten levels in colours that keep their order for every eye, and which number has which level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LEVELS = 10
# Blue to yellow through grey, each step lighter than the one before: the order survives every kind of colour
# blindness and a black-and-white print (after Nunez, Anderton and Renslow 2018, "cividis"), in the xterm palette.
RAMP = (17, 18, 60, 242, 244, 246, 144, 186, 227, 230)
_WHITE, _BLACK = 231, 16
_CUBE = (0, 95, 135, 175, 215, 255)

Combine = Callable[[float, float], float]


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
