"""Axes: where a value lies, and which round numbers to write beside it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

_ROUND = (1, 2, 5)
_GRID = 16  # an axis ends on a grid of about this many parts, so that it does not move with every new point
_SUFFIXES = ((1e9, ""), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, logarithmic or not."""

    low: float
    high: float
    log: bool

    def place(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`, held within."""
        low, high, at = (self._axis(number) for number in (self.low, self.high, value))
        return min(max((at - low) / (high - low), 0.0), 1.0)

    def _axis(self, value: float) -> float:
        return math.log(value) if self.log else value


def scale_around(low: float, high: float, *, log: bool) -> Scale:
    """A scale with a little room around the values, whose ends stay where they are while the values move a little."""
    if log:
        ends = _widened(math.log2(low), math.log2(high), 0.1)
        return Scale(2.0 ** max(ends[0], -1000.0), 2.0 ** min(ends[1], 1020.0), log)
    return Scale(*_widened(low, high, max(abs(high) * 0.05, 1e-9)), log)


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    """The range widened to a grid of powers of two; a range of nothing gets `least` on either side."""
    if high - low < least:
        low, high = low - least, high + least
    grid = 2.0 ** math.floor(math.log2((high - low) / _GRID))
    return math.floor(low / grid) * grid, math.ceil(high / grid) * grid


def round_up(value: float) -> float:
    """The next number of two digits: an axis of steps ends there, and moves ten times for each doubling at most."""
    if value <= 0:
        return 1.0
    unit: float = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(round(value / unit, 9)) * unit


def ticks(scale: Scale, most: int) -> list[float]:
    """At most `most` round numbers inside the scale: 1, 2 and 5 times a power of ten, or fewer of those."""
    if scale.log:
        for found in _log_ticks(scale):
            if min(3, most) <= len(found) <= most:
                return found
    return [tick for tick in linear_ticks(scale.low, scale.high, most) if tick > 0 or not scale.log]


def _log_ticks(scale: Scale) -> Iterator[list[float]]:
    """From dense to sparse: 1-2-5, then every power of ten, every second, every third ..."""
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    yield [tick for power in range(first, last + 1) for tick in _within(scale, _ROUND, power)]
    for stride in range(1, last - first + 1):
        powers = [power for power in range(first, last + 1) if power % stride == 0]
        yield [tick for power in powers for tick in _within(scale, (1,), power)]


def _within(scale: Scale, factors: tuple[int, ...], power: int) -> list[float]:
    if power > 307 or power < -307:
        return []
    return [tick for factor in factors if scale.low <= (tick := factor * 10.0**power) <= scale.high]


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` multiples of 1, 2 or 5 times a power of ten between `low` and `high`."""
    if most < 1 or not high > low:
        return []
    power = math.floor(math.log10((high - low) / most))
    for exponent in (power, power + 1):
        for factor in _ROUND:
            step = factor * 10.0**exponent
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if last - first + 1 <= most:
                return [round(index * step, max(-exponent, 0)) for index in range(first, last + 1)]
    return []


def label(value: float) -> str:
    """A tick in few cells: 4.2, 50, 2000, 10k, 1.5M, 1e+09."""
    for unit, suffix in _SUFFIXES:
        if abs(value) >= unit and (suffix != "k" or abs(value) >= 10_000 or value % 1000 == 0):
            return f"{value / unit:g}{suffix}" if suffix else f"{value:.0e}"
    return f"{value:.6g}"


def step_text(step: float) -> str:
    """A place among the steps, whole: 1,200; or 3.25 where it counts hours."""
    return f"{int(step):,}" if step == int(step) else f"{step:,.4g}"
