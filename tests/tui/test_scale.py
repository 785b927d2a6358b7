"""Axes and their round numbers."""

import math
import random
from itertools import pairwise

import pytest

from rnnbench.tui.widgets.scale import (
    Scale,
    axis_of_places,
    label,
    linear_ticks,
    round_up,
    scale_around,
    step_text,
    tick_rows,
)


def _labels(scale, rows, dots=1):
    """What is written beside an axis whose rows have so many dots: row and number, from the top."""
    return sorted(
        tick_rows(scale, rows, lambda value: rows - 1 - round(scale.place(value) * (dots * rows - 1)) // dots).items()
    )


def _axis(scale, rows) -> str:
    """The same as text, row by row."""
    labels = dict(_labels(scale, rows))
    return "\n".join(f"{label(labels[row]) if row in labels else '':>4} |" for row in range(rows))


@pytest.mark.parametrize(
    ("low", "high", "rows", "expected"),
    [
        (3, 120, 14, [100, 50, 20, 10, 5]),
        (3, 120, 8, [100, 10]),
        (3, 120, 4, [100, 10]),
        (8, 70, 4, [50, 10]),
        (20, 90, 5, [50, 20]),
        (1e-250, 1e250, 11, [1e200, 1e100, 1, 1e-100, 1e-200]),
        (1, 1e6, 20, [1_000_000, 100_000, 10_000, 1000, 100, 10, 1]),
        (1, 1e6, 9, [1_000_000, 10_000, 100, 1]),
        (1, 1e6, 4, [10_000, 1]),
        (4.1, 4.5, 11, [4.5, 4.4, 4.3, 4.2, 4.1]),
    ],
)
def test_a_logarithmic_axis_has_round_numbers(low, high, rows, expected):
    """1-2-5 where there is room, powers of ten where not; multiples of a round number within a decade."""
    found = [tick for _, tick in _labels(Scale(low, high, log=True), rows)]
    assert found == pytest.approx(expected)


def test_a_low_chart_has_two_numbers_that_are_expected():
    """From 8 to 70 in four rows: neither 20 and 60 nor one number alone."""
    assert [tick for log in (True, False) for _, tick in _labels(Scale(8, 70, log=log), 4)] == [50, 10, 50, 10]
    assert (
        _axis(Scale(8, 70, log=True), 6)
        == """\
     |
  50 |
     |
     |
  10 |
     |"""
    )


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("rows", [4, 5, 7, 12, 25])
@pytest.mark.parametrize("dots", [1, 4])
def test_every_axis_of_four_rows_has_two_numbers_apart(log, rows, dots):
    """One in the upper half and one in the lower, and none in a row beside another's, whatever the range."""
    source = random.Random(rows)
    for _ in range(100):
        low = 10 ** source.uniform(-2, 4)
        scale = scale_around(low, low * 10 ** source.uniform(0, source.choice([0.01, 0.3, 1, 4])), log=log)
        found = [row for row, _ in _labels(scale, rows, dots)]
        assert len(found) >= 2 and found[0] <= (rows - 1) / 2 <= found[-1], scale
        assert all(other - row >= 2 for row, other in pairwise(found)), scale


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(0, 60, (0, 60)), (1, 3, (0, 3)), (10, 250, (0, 250)), (500, 2000, (500, 2000)), (5230, 9870, (5200, 9900)),
     (99_990, 100_000, (99_990, 100_000)), (70, 70, (0, 70)), (0, 0, (0, 1))],
)  # fmt: skip
def test_an_axis_of_steps_begins_near_the_first(first, last, expected):
    """From 0 where little is wasted by that, else from a round number not after the first."""
    assert axis_of_places(first, last) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [(0, 6000, 7, [0, 1000, 2000, 3000, 4000, 5000, 6000]), (0, 6000, 3, [0, 5000]), (0, 0.3, 4, [0, 0.1, 0.2, 0.3])],
)
def test_a_linear_axis_has_round_numbers(low, high, most, expected):
    """Multiples of 1, 2 or 5 times a power of ten."""
    assert linear_ticks(low, high, most) == expected


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize(("low", "high"), [(4.2, 4.2), (1, 1), (3, 2411), (1e-300, 1e300), (4.2, 4.2000001)])
def test_a_scale_holds_its_values_within(low, high, log):
    """Whatever the range, even none at all, both ends are on the axis, and ticks and places can be computed."""
    scale = scale_around(low, high, log=log)
    assert scale.low <= low <= high <= scale.high
    assert 0 <= scale.place(low) <= scale.place(high) <= 1
    assert all(scale.low <= tick <= scale.high for _, tick in _labels(scale, 16))


def test_an_axis_does_not_move_with_every_value():
    """A noisy lowest value moves the axis rarely: a moving axis repaints the whole chart."""
    lows = {scale_around(4 + i / 1000, 1000, log=True).low for i in range(200)}
    assert len(lows) <= 2


def test_places_are_logarithmic():
    """Equal ratios are equal distances."""
    scale = Scale(1, 10_000, log=True)
    assert [scale.place(value) for value in (1, 10, 100, 10_000)] == pytest.approx([0, 0.25, 0.5, 1])
    assert Scale(0, 10, log=False).place(5) == 0.5


@pytest.mark.parametrize(("value", "expected"), [(0, 1), (7, 7), (99, 99), (101, 110), (1234, 1300), (1300, 1300)])
def test_the_axis_of_steps_ends_at_a_number_of_two_digits(value, expected):
    """It never cuts the last step off, and moves seldom."""
    assert round_up(value) == pytest.approx(expected)
    assert round_up(value) >= value


@pytest.mark.parametrize(
    ("value", "expected"),
    [(4.2, "4.2"), (50, "50"), (1000, "1k"), (1500, "1500"), (2000, "2k"), (15_000, "15k"), (2.5e6, "2.5M"),
     (1e12, "1e+12"), (0, "0")],
)  # fmt: skip
def test_labels_are_short(value, expected):
    """A label takes few cells."""
    assert label(value) == expected


def test_the_largest_numbers_have_an_axis():
    """A loss just below what a double's exponential holds ends no program."""
    for rows in range(4, 31):
        assert all(map(math.isfinite, dict(_labels(scale_around(5.0, 1.5e308, log=False), rows)).values()))


def test_places_between_steps_have_their_decimals():
    """Beyond a thousand, too: never 2e+05."""
    assert [step_text(place) for place in (3.25, 1200, 200_000.5)] == ["3.25", "1,200", "200,000.5"]


def test_labels_of_huge_ranges_exist():
    """A diverging run must not crash its chart."""
    assert all(label(tick) for _, tick in _labels(scale_around(1, 1e308, log=True), 20))
    assert not math.isnan(scale_around(1, 1e308, log=True).high)
