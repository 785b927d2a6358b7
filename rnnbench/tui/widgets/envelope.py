"""A long series in a few thousand buckets, kept up to date as it grows."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CAPACITY = 8192  # buckets: several for each dot of the widest chart
_EXACT = 4 * CAPACITY  # so many points are looked at one by one where only a part of a series is seen


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


def drawable(value: float) -> bool:
    """Whether a value has a place on a logarithmic axis."""
    return 0 < value < math.inf


def column_of(values: Sequence[float]) -> Column:
    """The column of neighbouring points, at least one."""
    low, high = min(values), max(values)
    if not (low > 0 and high < math.inf and math.isfinite(sum(values))):  # min() and max() do not see every NaN
        kept = [value for value in values if drawable(value)]
        low, high = min(kept, default=math.inf), max(kept, default=-math.inf)
    first, last = values[0], values[-1]
    return Column(first if drawable(first) else math.nan, low, high, last if drawable(last) else math.nan)


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
        self._broken_at: float | None = None

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

    @property
    def broken_at(self) -> float | None:
        """The first step with a value that is not a finite number; None where there is none."""
        return self._broken_at

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
            self._add(steps, values, start, start + self._size)
        self._taken, self._partial = whole, whole < count
        if self._partial:
            self._add(steps, values, whole, count)
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

    def _add(self, steps: Sequence[float], values: Sequence[float], begin: int, end: int) -> None:
        first, low, high, last = column_of(piece := values[begin:end])
        if self._broken_at is None and not math.isfinite(sum(piece)):
            at = next((index for index, value in enumerate(piece) if not math.isfinite(value)), None)
            self._broken_at = None if at is None else steps[begin + at]
        self._starts.append(steps[begin])
        self._firsts.append(first)
        self._lasts.append(last)
        self._lows.append(low)
        self._highs.append(high)

    def between(self, left: float, right: float) -> Column:
        """All that lies between two steps, as one column; by whole buckets, at least one."""
        begin = max(bisect_right(self._starts, left) - 1, 0)
        end = max(bisect_right(self._starts, right), begin + 1)
        low, high = min(self._lows[begin:end]), max(self._highs[begin:end])
        return Column(self._firsts[begin], low, high, self._lasts[end - 1])

    def columns(self, left: float, right: float, count: int) -> Iterator[tuple[int, Column]]:
        """The columns, of `count` between the steps `left` and `right`, that have points; their middles are exact."""
        pitch = (right - left) / max(count - 1, 1) or 1.0
        end = bisect_left(self._starts, left - pitch / 2)
        for index in range(count):
            begin, end = end, bisect_left(self._starts, left + (index + 0.5) * pitch, end)
            if begin < end:
                low, high = min(self._lows[begin:end]), max(self._highs[begin:end])
                yield index, Column(self._firsts[begin], low, high, self._lasts[end - 1])


def window_columns(
    envelope: Envelope,
    steps: Sequence[float],
    values: Sequence[float],
    left: float,
    right: float,
    count: int,
    *,
    log: bool,
) -> list[tuple[int, Column]]:
    """The columns of a part of a series that the envelope follows: exact where it has few points. Where the curve goes
    on beyond an end of the part, that end's column holds the value with which it passes there.
    """
    pitch = (right - left) / max(count - 1, 1) or 1.0
    begin, end = bisect_left(steps, left - pitch / 2), bisect_left(steps, right + pitch / 2)
    if end - begin > _EXACT:
        found = list(envelope.columns(left, right, count))
    else:
        found = list(_exact(steps, values, left, pitch, begin, count))
    if begin and (not found or found[0][0] > 0):
        found[:0] = _passing(steps, values, begin, left, 0, log=log)
    if end < len(steps) and (not found or found[-1][0] < count - 1):
        found += _passing(steps, values, end, right, count - 1, log=log)
    return found


def window_extremes(
    envelope: Envelope, steps: Sequence[float], values: Sequence[float], left: float, right: float, *, log: bool
) -> tuple[float, float]:
    """The lowest and the highest value in a part of a series; +inf and -inf where nothing can be drawn."""
    begin, end = bisect_left(steps, left), bisect_right(steps, right)
    inside = [envelope.between(left, right)] if end - begin > _EXACT else []
    inside += [column_of(values[begin:end])] if 0 < end - begin <= _EXACT else []
    passing = [*_passing(steps, values, begin, left, 0, log=log), *_passing(steps, values, end, right, 0, log=log)]
    columns = [*inside, *(column for _, column in passing)]
    return min((item.low for item in columns), default=math.inf), max(
        (item.high for item in columns), default=-math.inf
    )


def _exact(
    steps: Sequence[float], values: Sequence[float], left: float, pitch: float, begin: int, count: int
) -> Iterator[tuple[int, Column]]:
    for index in range(count):
        end = bisect_left(steps, left + (index + 0.5) * pitch, begin)
        if begin < end:
            yield index, column_of(values[begin:end])
        begin = end


def _passing(
    steps: Sequence[float], values: Sequence[float], after: int, step: float, index: int, *, log: bool
) -> Iterator[tuple[int, Column]]:
    """The value of a straight line from the point before `after` to that point at a step between them, if there is."""
    if not 0 < after < len(steps):
        return
    one, other = values[after - 1], values[after]
    if drawable(one) and drawable(other):
        share = (step - steps[after - 1]) / (steps[after] - steps[after - 1] or 1.0)
        value = one * (other / one) ** share if log else one + (other - one) * share
        yield index, Column(value, value, value, value)
