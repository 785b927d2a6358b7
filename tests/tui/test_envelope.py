"""The down-sampling of long series."""

import math
import random
from array import array

import pytest

from rnnbench.tui.widgets.envelope import CAPACITY, Envelope, window_columns, window_extremes


def _columns(envelope: Envelope, left: float, right: float, count: int):
    return dict(envelope.columns(left, right, count))


def _followed(values, steps=None) -> Envelope:
    envelope = Envelope()
    envelope.follow(steps or range(len(values)), values)
    return envelope


def test_a_short_series_loses_nothing():
    """Up to the capacity, with a column for each point, every value is there again."""
    values = [random.Random(3).uniform(1, 100) for _ in range(300)]
    found = _columns(_followed(values), 0, 299, 300)
    assert {index: column.low for index, column in found.items()} == dict(enumerate(values))
    assert all(column.low == column.high == column.first == column.last for column in found.values())


def test_a_column_keeps_both_extremes():
    """A single spike among many points is still there after down-sampling."""
    values = array("d", [10.0]) * 1000
    values[503], values[507] = 9000.0, 0.5
    middle = _columns(_followed(values), 0, 999, 3)[1]
    assert (middle.low, middle.high) == (0.5, 9000.0)


@pytest.mark.parametrize("length", [CAPACITY - 1, CAPACITY, CAPACITY + 1, 5 * CAPACITY + 7, 100_003])
def test_growing_piece_by_piece_gives_the_same_as_all_at_once(length):
    """What is drawn depends on the points, not on how many calls brought them, and few buckets are kept."""
    source = random.Random(length)
    values = array("d", [source.uniform(1, 50) for _ in range(length)])
    grown, end = Envelope(), 0
    while end < length:
        end = min(end + source.randint(1, length // 20), length)
        grown.follow(range(end), values[:end])
    whole = _followed(values)
    assert len(grown) == len(whole) <= CAPACITY
    assert list(grown.columns(0, length, 400)) == list(whole.columns(0, length, 400))
    assert (whole.low, whole.high) == (min(values), max(values))


def test_a_series_that_was_cut_back_is_read_again():
    """A resumed run forgets its last points: nothing of them stays in the picture."""
    steps, values = array("q", range(100)), array("d", [5.0] * 60 + [9000.0] * 40)
    envelope = Envelope()
    envelope.follow(steps, values)
    assert envelope.high == 9000
    del steps[60:], values[60:]
    envelope.follow(steps, values)
    assert envelope.high == 5
    values.extend([6.0] * 40)
    steps.extend(range(60, 100))
    envelope.follow(steps, values)
    assert envelope.high == 6


def test_another_series_of_the_same_length_is_read_again():
    """The envelope shows the values it was given last."""
    envelope = _followed([3.0] * 50)
    envelope.follow(range(50), [4.0] * 50)
    assert envelope.low == envelope.high == 4


def test_what_was_read_is_not_read_again():
    """Adding a point to a long series costs a look at that point, not at all of them."""

    class Counting(list):
        taken = 0

        def __getitem__(self, key):
            found = super().__getitem__(key)
            self.taken += len(found) if isinstance(key, slice) else 1
            return found

    values = Counting([2.0] * 50_000)
    envelope = _followed(values)
    values.taken = 0
    values.append(3.0)
    envelope.follow(range(len(values)), values)
    assert envelope.high == 3
    assert values.taken < 50


def test_values_without_a_logarithm_are_gaps():
    """NaN, infinities, zero and negative values are never drawn, wherever they stand, and hide no other value."""
    bad = [math.nan, math.inf, -math.inf, 0.0, -1.0]
    for value in bad:
        envelope = _followed([value, 2.0, value, 3.0, value])
        assert (envelope.low, envelope.high) == (2.0, 3.0)
        assert [column.is_gap for _, column in envelope.columns(0, 4, 5)] == [True, False, True, False, True]
    assert math.isinf(_followed(bad).low)


def test_gaps_survive_the_joining_of_buckets():
    """A long stretch of NaN in a very long series is still a gap."""
    values = [2.0] * (4 * CAPACITY)
    values[CAPACITY : 2 * CAPACITY] = [math.nan] * CAPACITY
    found = _columns(_followed(values), 0, len(values), 8)
    assert [index for index in range(8) if found[index].is_gap] == [3]


def test_points_outside_of_the_range_are_left_out():
    """A part of a series can be drawn alone."""
    assert [column.low for _, column in _followed([float(i + 1) for i in range(10)]).columns(3, 5, 3)] == [4, 5, 6]


def test_an_empty_series_has_no_columns():
    """Nothing in, nothing out."""
    assert list(_followed([]).columns(0, 1, 10)) == []


@pytest.mark.parametrize("length", [500, 50_000, 400_000])
def test_a_window_of_a_long_series_is_as_exact_as_a_short_one(length):
    """Few points are looked at one by one, however many there are around them; many by their buckets."""
    values = array("d", [5.0 + index % 7 for index in range(length)])
    steps, middle = range(length), length // 2
    envelope = _followed(values)
    found = dict(window_columns(envelope, steps, values, middle, middle + 99, 100, log=True))
    assert [found[index].low for index in range(100)] == list(values[middle : middle + 100])
    assert window_extremes(envelope, steps, values, middle, middle + 99, log=True) == (5.0, 11.0)
    wide = window_columns(envelope, steps, values, 0, length, 50, log=True)
    assert len(wide) == 50 and all((column.low, column.high) == (5.0, 11.0) for _, column in wide[1:-1])


def test_a_curve_passes_through_a_window_between_its_points():
    """Both ends hold the value of the line there, on either axis; nothing is invented before the first or after the
    last point, nor across a gap."""
    steps, values = [0, 100, 200], [1.0, 100.0, math.nan]
    envelope = _followed(values, steps)
    ends = [window_columns(envelope, steps, values, 25, 50, 3, log=log) for log in (False, True)]
    assert [[(index, round(column.low, 3)) for index, column in found] for found in ends] == [
        [(0, 25.75), (2, 50.5)],
        [(0, 3.162), (2, 10.0)],
    ]
    assert window_columns(envelope, steps, values, 120, 150, 3, log=True) == []
    assert window_columns(envelope, steps, values, 300, 400, 3, log=True) == []


def test_the_first_value_that_is_not_finite_is_known():
    """Also deep inside a bucket of a long series, and not any more when the series was cut back before it."""
    values = array("d", [2.0]) * (3 * CAPACITY)
    values[CAPACITY + 77] = math.inf
    envelope = _followed(values)
    assert envelope.broken_at == CAPACITY + 77
    envelope.follow(range(50), values[:50])
    assert envelope.broken_at is None
