"""The history of the perplexity in one line."""

import math
from array import array

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from rnnbench.tui.widgets.sparkline import PerplexitySparkline, bars


class OneLine(App[None]):
    """A sparkline alone on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.line = PerplexitySparkline()

    def compose(self) -> ComposeResult:
        yield self.line


def test_bars_are_logarithmic():
    """Halving the perplexity is one equal step down, wherever it happens."""
    assert bars([128, 64, 32, 16, 8, 4, 2, 1]) == "█▇▆▅▄▃▂▁"
    assert bars([128, 64, 32, 16, 8, 4, 2, 1], ascii=True) == "#%*+=-._"


def test_bars_of_nothing_and_of_equal_levels():
    """Gaps are blank, a flat line is flat."""
    assert bars([]) == ""
    assert bars([None, 3.0, 3.0, None]) == " ▁▁ "


@pytest.mark.parametrize("width", [80, 40])
async def test_the_whole_history_fits_the_line(width):
    """A long history is squeezed into the width, first and last levels at its ends, the last value after them."""
    app = OneLine()
    async with app.run_test(size=(width, 3)) as pilot:
        app.line.show(array("d", [4 + 1000 * 0.999**i for i in range(9_990)]))
        await pilot.pause()
        text = app.line.text
        assert text.startswith("perplexity █")
        assert text.endswith("▁ 4.046")
        assert 0.9 * width <= cell_len(text) <= width


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "perplexity: no steps yet"),
        ([5.0], "perplexity ▁ 5.000"),
        ([math.nan], "perplexity   nan"),
        ([8.0, math.nan, 2.0], "perplexity █ ▁ 2.000"),
        ([2.0, 8.0, math.inf], "perplexity ▁█  inf"),
        ([1.0, 1e300], "perplexity ▁█ 1.00e+300"),
    ],
)
async def test_odd_histories(values, expected):
    """No history raises, and a run that diverged says so."""
    app = OneLine()
    async with app.run_test(size=(60, 3)) as pilot:
        app.line.show(values)
        await pilot.pause()
        assert app.line.text == expected


async def test_a_narrow_line_keeps_the_value():
    """Where there is no room for bars the last value stays."""
    app = OneLine()
    async with app.run_test(size=(17, 3)) as pilot:
        app.line.show([9.0, 5.0])
        await pilot.pause()
        assert app.line.text == "perplexity 5.000"
        await pilot.resize_terminal(40, 3)
        await pilot.pause()
        assert app.line.text == "perplexity █▁ 5.000"


async def test_what_is_shown_is_what_is_painted():
    """The line on the screen is the text, and a resumed run's history is drawn anew."""
    app = OneLine()
    async with app.run_test(size=(40, 3)) as pilot:
        app.line.show([9.0, 5.0, 900.0])
        app.line.show([9.0, 5.0])
        await pilot.pause()
        assert app.line.render_line(0).text.rstrip() == app.line.text == "perplexity █▁ 5.000"


async def test_a_longer_history_changes_only_the_end_of_the_line():
    """Bars that are drawn stay where they are while new ones come."""
    app = OneLine()
    values = [4 + 1000 * 0.99**i for i in range(5000)]
    async with app.run_test(size=(80, 3)) as pilot:
        app.line.show(values)
        await pilot.pause()
        before = app.line.text.split(" ")[1]
        app.line.show(values + [4.0] * 90)
        assert app.line.text.split(" ")[1].startswith(before)
