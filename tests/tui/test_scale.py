"""Axes and their round numbers."""

import math

import pytest

from rnnbench.tui.widgets.scale import Scale, label, linear_ticks, round_up, scale_around, ticks


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (3, 120, 6, [5, 10, 20, 50, 100]),
        (3, 120, 4, [50, 100]),
        (3, 120, 2, [10, 100]),
        (1e-250, 1e250, 5, [1e-168, 1e-84, 1, 1e84, 1e168]),
        (1, 1e6, 8, [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]),
        (1, 1e6, 5, [1, 100, 10_000, 1_000_000]),
        (4.1, 4.5, 5, [4.1, 4.2, 4.3, 4.4, 4.5]),
    ],
)
def test_a_logarithmic_axis_has_round_numbers(low, high, most, expected):
    """1-2-5 where there is room, powers of ten where not, and never more than asked for."""
    found = ticks(Scale(low, high, log=True), most)
    assert len(found) <= most
    assert found == pytest.approx(expected)
    assert all(low <= tick <= high for tick in found)


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
    assert all(scale.low <= tick <= scale.high for tick in ticks(scale, 8))


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


def test_labels_of_huge_ranges_exist():
    """A diverging run must not crash its chart."""
    assert all(label(tick) for tick in ticks(scale_around(1, 1e308, log=True), 10))
    assert not math.isnan(scale_around(1, 1e308, log=True).high)
