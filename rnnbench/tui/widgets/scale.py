"""Axes: where a value lies, and which round numbers to write beside it."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

_ROUND = (1, 2, 5)
_STRIDES = (1, 2, 3, 4, 5, 6, 10, 20, 50, 100, 200)
_GRID = 16  # an axis ends on a grid of about this many parts, so that it does not move with every new point
_TALL = 16  # rows, from which on a label in every third is enough
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


def axis_of_places(first: float, last: float, *, parts: bool = False) -> tuple[float, float]:
    """The ends of an axis of steps, tokens or time: from 0 where that wastes at most a tenth of it, or where nothing
    but 0 comes before because places have no `parts`; else from a round number not after the first place. To one not
    before the last."""
    if first <= max(last / 10, 0.0 if parts else 1.0) or first >= last:
        return 0.0, round_up(last)
    unit: float = 10.0 ** (math.floor(math.log10(last - first)) - 1)
    return math.floor(round(first / unit, 9)) * unit, math.ceil(round(last / unit, 9)) * unit


def tick_rows(scale: Scale, rows: int, row_of: Callable[[float], int]) -> dict[int, float]:
    """Round numbers for an axis of so many rows, by the row in which each is written; no two in neighbouring rows.

    The densest set that fits: 1, 2 and 5 times the powers of ten, on a logarithmic axis also powers alone or every
    second, every third ... of them; else multiples of a round number. It has a number near either end, and so at least
    two from four rows on: where no set does, the first and the last of one that nearly does are written.
    """
    sets = [found for found in _tick_sets(scale, rows) if found]
    for share in (0.4, 0.5):
        for found in sets:
            placed = {row_of(tick): tick for tick in found}
            enough = len(placed) == len(found) >= min(3, rows // 4)
            if enough and _are_apart(placed) and _covers(placed, rows, share):
                return placed
    ends = [{row_of(found[-1]): found[-1], row_of(found[0]): found[0]} for found in _any_ticks(scale, rows) if found]
    apart = [placed for placed in ends if _are_apart(placed)]
    covering = (placed for placed in apart if _covers(placed, rows, 0.5))
    return next(covering, max(apart, key=len, default={}))


def _are_apart(rows: Collection[int]) -> bool:
    return not any(row + 1 in rows for row in rows)


def _covers(placed: Collection[int], rows: int, share: float) -> bool:
    """Whether there is a label in such a share of the rows at the top, and another one at the bottom."""
    middle = (rows - 1) * share
    return len(placed) > 1 and min(placed) <= middle and max(placed) >= rows - 1 - middle


def _tick_sets(scale: Scale, rows: int) -> Iterator[list[float]]:
    """What can be written beside an axis, what a reader expects first."""
    if scale.log:
        yield from (found for found in _log_ticks(scale) if len(found) <= rows // 2)
    yield from _multiples(scale, max(rows // 2 if rows < _TALL else rows // 3, 2))


def _any_ticks(scale: Scale, rows: int) -> Iterator[list[float]]:
    """The same without regard to the room, round numbers first."""
    if scale.low > 0:
        dense, *powers = _log_ticks(scale)
        yield from (*powers, dense)
    yield from reversed(list(_multiples(scale, 8 * rows)))


def _log_ticks(scale: Scale) -> Iterator[list[float]]:
    """From dense to sparse: 1-2-5, then every power of ten, every second, every third ..."""
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    yield [tick for power in range(first, last + 1) for tick in _within(scale, _ROUND, power)]
    for stride in (stride for stride in _STRIDES if stride <= max(last - first, 1)):
        powers = [power for power in range(first, last + 1) if power % stride == 0]
        yield [tick for power in powers for tick in _within(scale, (1,), power)]


def _within(scale: Scale, factors: tuple[int, ...], power: int) -> list[float]:
    if power > 307 or power < -307:
        return []
    return [tick for factor in factors if scale.low <= (tick := factor * 10.0**power) <= scale.high]


def _multiples(scale: Scale, most: int) -> Iterator[list[float]]:
    for found in _linear_sets(scale.low, scale.high, most):
        yield [tick for tick in found if scale.low <= tick <= scale.high and (tick > 0 or not scale.log)]


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` multiples of 1, 2 or 5 times a power of ten between `low` and `high`."""
    return next(_linear_sets(low, high, most), [])


def _linear_sets(low: float, high: float, most: int) -> Iterator[list[float]]:
    """Multiples of ever larger round numbers, at most `most` of them, at least one."""
    if most < 1 or not high > low:
        return
    power = math.floor(math.log10((high - low) / most))
    for exponent in range(power, min(power + 3, 308)):  # 10^309 is no number
        for factor in _ROUND:
            step = factor * 10.0**exponent
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if 0 <= last - first < most:
                yield [round(index * step, max(-exponent, 0)) for index in range(first, last + 1)]


def label(value: float) -> str:
    """A tick in few cells: 4.2, 50, 2000, 10k, 1.5M, 1e+09."""
    for unit, suffix in _SUFFIXES:
        if abs(value) >= unit and (suffix != "k" or abs(value) >= 10_000 or value % 1000 == 0):
            return f"{value / unit:g}{suffix}" if suffix else f"{value:.0e}"
    return f"{value:.6g}"


def step_text(step: float) -> str:
    """A place among the steps, whole: 1,200; or 3.25 where it counts hours."""
    if step == int(step):
        return f"{int(step):,}"
    return f"{step:.4g}" if abs(step) < 1000 else f"{step:,.1f}"
