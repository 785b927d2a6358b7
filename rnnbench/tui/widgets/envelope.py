"""A long series in a few thousand buckets, kept up to date as it grows."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CAPACITY = 8192  # buckets: several for each dot of the widest chart


class Column(NamedTuple):
    """What one column of a chart shows; a column of gaps has no low that is finite."""

    first: float
    low: float
    high: float
    last: float

    @property
    def is_gap(self) -> bool:
        """Whether no value in it can be drawn."""
        return math.isinf(self.low)


class Envelope:
    """The first, lowest, highest and last value of every bucket of neighbouring points.

    Up to CAPACITY points a bucket is one point and nothing is lost. Beyond, buckets are joined two by two, so adding
    points costs what the new points cost, and drawing costs the same for 10^4 and for 10^6 points. Values that are
    not finite or not positive have no place on a logarithmic axis: they are gaps (NaN first and last, low +inf,
    high -inf).
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._size = 1
        self._taken = 0
        self._partial = False
        self._probes: list[tuple[int, float, float]] = []
        self._starts: list[float] = []
        self._firsts: list[float] = []
        self._lows: list[float] = []
        self._highs: list[float] = []
        self._lasts: list[float] = []

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def low(self) -> float:
        """The lowest value that can be drawn; +inf when there is none."""
        return min(self._lows, default=math.inf)

    @property
    def high(self) -> float:
        """The highest value that can be drawn; -inf when there is none."""
        return max(self._highs, default=-math.inf)

    def follow(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Take in a series whose steps never decrease. What was taken before is not read again if it is a prefix."""
        count = min(len(steps), len(values))
        if self._partial:
            self._cut(len(self) - 1)
        if not self._is_prefix_of(steps, values, count):
            self._forget()
        while count > CAPACITY * self._size:
            self._halve()
        whole = count - count % self._size
        for start in range(self._taken, whole, self._size):
            self._add(steps[start], values[start : start + self._size])
        self._taken, self._partial = whole, whole < count
        if self._partial:
            self._add(steps[whole], values[whole:count])
        places = {0, whole // 2, whole - 1} if whole else set()
        self._probes = [(index, steps[index], values[index]) for index in places]

    def _is_prefix_of(self, steps: Sequence[float], values: Sequence[float], count: int) -> bool:
        """Whether the points taken so far are still where they were: a resumed run forgets its last points."""
        return self._taken <= count and all(
            steps[index] == step and (values[index] == value or math.isnan(value))
            for index, step, value in self._probes
        )

    def _halve(self) -> None:
        pairs = len(self) // 2 * 2
        self._cut(pairs)
        self._taken = pairs * self._size
        self._size *= 2
        self._starts, self._firsts, self._lasts = self._starts[::2], self._firsts[::2], self._lasts[1::2]
        self._lows = list(map(min, self._lows[::2], self._lows[1::2]))
        self._highs = list(map(max, self._highs[::2], self._highs[1::2]))

    def _cut(self, length: int) -> None:
        self._partial = False
        for column in (self._starts, self._firsts, self._lows, self._highs, self._lasts):
            del column[length:]

    def _add(self, start: float, values: Sequence[float]) -> None:
        low, high = min(values), max(values)
        if not (low > 0 and high < math.inf and math.isfinite(sum(values))):  # min() and max() do not see every NaN
            drawable = [value for value in values if 0 < value < math.inf]
            low, high = min(drawable, default=math.inf), max(drawable, default=-math.inf)
        first, last = values[0], values[-1]
        self._starts.append(start)
        self._firsts.append(first if 0 < first < math.inf else math.nan)
        self._lasts.append(last if 0 < last < math.inf else math.nan)
        self._lows.append(low)
        self._highs.append(high)

    def columns(self, left: float, right: float, count: int) -> Iterator[tuple[int, Column]]:
        """The columns, of `count` between the steps `left` and `right`, that have points; their middles are exact."""
        pitch = (right - left) / max(count - 1, 1) or 1.0
        end = bisect_left(self._starts, left - pitch / 2)
        for index in range(count):
            begin, end = end, bisect_left(self._starts, left + (index + 0.5) * pitch, end)
            if begin < end:
                low, high = min(self._lows[begin:end]), max(self._highs[begin:end])
                yield index, Column(self._firsts[begin], low, high, self._lasts[end - 1])
