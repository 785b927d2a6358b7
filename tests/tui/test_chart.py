"""The learning curve, as a picture."""

import math
from array import array

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Region

from rnnbench.tui.widgets.chart import RULE_STYLES, TRAIN_STYLE, VALIDATION_STYLE, LearningCurve, Rule, Series
from rnnbench.tui.widgets.drawing import Chart, Look, Mark, draw, paint
from rnnbench.tui.widgets.envelope import Envelope
from rnnbench.tui.widgets.legend import read
from rnnbench.tui.widgets.window import WHOLE, View, Window

ASCII = Look(ascii=True)
FALLING = [1000 * 0.8**i + 4 for i in range(25)]


def _rows(series, rules=(), width=44, height=11, look=ASCII):
    envelopes = [Envelope() for _ in series]
    for item, envelope in zip(series, envelopes, strict=True):
        envelope.follow(item.steps, item.values)
    return draw(series, envelopes, rules, width, height, look, "nothing yet")


def _picture(*arguments, **options) -> str:
    return "\n".join("".join(text for text, _ in row).rstrip() for row in _rows(*arguments, **options))


def _series(values, name="train", every=10, style="a") -> Series:
    return Series(name, [every * (i + 1) for i in range(len(values))], values, style)


def _art(text: str) -> str:
    return text.strip("\n")


def test_a_falling_perplexity_in_ascii():
    """Legend, logarithmic axis, curves over rules, steps below: the whole picture without braille."""
    series = [_series(FALLING), _series([300.0, 60.0, 20.0], "validation", 80)]
    assert _picture(series, [Rule("uniform", 900.0, "b")]) == _art("""
* train 8.722  o validation 20.00  - uniform
 1k +--***----------------------------------
    |    *****
    |        ****ooo
    |           ***oooo
100 +                *oooooo
    |                    **ooooooooo
    |                         *****ooooooo
    |                             *******
 10 +                                   ****
step 0             100            200
""")


@pytest.mark.parametrize("last", [1, 2, 3, 4, 7])
def test_steps_are_whole_numbers(last):
    """The axis of a run of a few steps names no half steps."""
    steps = _picture([_series([5.0] * last, every=1)], width=90).splitlines()[-1].split()
    assert steps[0] == "step" and steps[1] == "0" and len(steps) > 2
    assert all(text.isdigit() for text in steps[1:])


def test_a_falling_perplexity_in_braille():
    """The same curve with eight dots to a cell."""
    assert _picture([_series(FALLING)], look=Look()) == _art("""
perplexity  ━ train 8.722
 1k ┤ ⠘⠲⢤⣀
    │    ⠈⠙⠦⣄⡀
    │        ⠉⠙⠦⢤⣀
    │            ⠈⠙⠲⢤⣀
100 ┤                ⠈⠓⠦⣄⡀
    │                    ⠉⠓⠦⣄⡀
    │                        ⠉⠓⠲⠤⣄
    │                            ⠈⠉⠓⠲⠤⣄⣀
 10 ┤                                  ⠈⠉⠓⠲⠤
step 0             100            200
""")


def test_a_linear_axis():
    """Without the logarithm equal differences are equal distances."""
    assert _picture([_series([10.0 * i for i in range(1, 11)])], height=8, look=Look(log=False, ascii=True)) == _art("""
perplexity  * train 100.00
100 +                                     **
    |                             *********
    |                      ********
 50 +              *********
    |       ********
    |    ****
step 0                 50                100
""")


def test_values_that_are_no_numbers_are_gaps():
    """A curve is interrupted where it has no value, and goes on after."""
    values = [8.0] * 8 + [math.nan] * 6 + [8.0] * 6 + [math.inf] * 5
    assert _picture([_series(values)], height=6) == _art("""
perplexity  * train inf
8.5 +
    |
    |  ***********          ********
7.5 +
step 0             100            200
""")


def test_a_lone_point_can_be_seen():
    """One evaluation is more than one dot on the screen."""
    lines = _picture([_series([50.0])], height=6, look=Look()).splitlines()[1:-1]
    dots = sum(bin(ord(sign) - 0x2800).count("1") for line in lines for sign in line if 0x2800 < ord(sign) < 0x2900)
    assert dots >= 2


@pytest.mark.parametrize("look", [ASCII, Look(), Look(log=False)])
@pytest.mark.parametrize(
    "values",
    [[], [5.0], [4.2] * 30, [math.nan] * 3, [math.inf], [0.0, -3.0], [1.0, 1e300], [1e-300, 5.0], FALLING],
)
def test_every_row_is_as_wide_as_the_chart_at_most(values, look):
    """Whatever the values and however small the room, a row never overflows, and there are as many as asked for."""
    series = [_series(values, "一个很长的名字")] if values else []
    for width in (1, 5, 19, 20, 33, 80):
        for height in (1, 3, 4, 9):
            rows = _rows(series, [Rule("uniform", 60.0, "b"), Rule("bad", math.nan, "c")], width, height, look)
            assert len(rows) == height
            assert max(cell_len("".join(text for text, _ in row)) for row in rows) <= width


def test_nothing_yet_is_explained():
    """An empty chart says what it waits for; the baselines that are known are in the legend already."""
    picture = _picture([], [Rule("uniform", 60.0, "b")])
    assert "nothing yet" in picture
    assert "uniform 60" in picture


def test_the_legend_tells_the_last_values_also_when_they_are_not_finite():
    """A diverged run shows inf, not the last good value."""
    assert "train inf" in _picture([_series([5.0, 6.0, math.inf])])


def test_names_cannot_drive_the_terminal():
    """A run's name in the legend is shown, not obeyed."""
    assert "\x1b" not in _picture([_series([5.0, 6.0], "\x1b[31mred")])


def test_every_curve_and_rule_keeps_its_style():
    """The later curve is on top; a rule is behind them."""
    rows = _rows([_series([8.0] * 5, every=1), _series([8.0] * 5, "validation", 1, "b")], [Rule("r", 8.0, "c")])
    styles = [style for row in rows[1:-1] for text, style in row[1:] if text.strip()]
    assert "b" in styles
    assert "c" in styles
    assert "a" not in styles


def _head(rules, width=70, view=WHOLE, look=ASCII, values=FALLING) -> str:
    """The legend over a curve and some rules."""
    series, envelope = _series(values), Envelope()
    envelope.follow(series.steps, series.values)
    rows = paint(Chart([series], [envelope], rules, look=look, view=view), width, 11).rows
    return "".join(text for text, _ in rows[0])


def test_the_legend_names_the_rules_that_are_seen():
    """One beyond the axis has an arrow to it in place of its sign, if room is left; rules in one row share a sign;
    where room is short decimals go, not names."""
    rules = [Rule("uniform", 74.0, "b"), Rule("unigram", 7.2, "c"), Rule("5-gram", 2.5, "d")]
    assert _head(rules) == "perplexity  * train 8.722  - uniform 74.00  = unigram 7.200  ~ 5-gram 2.500"[12:]
    late = View(Window(200, 250))
    assert "= unigram 7.200" not in _head(rules, view=late, values=[value + 20 for value in FALLING])
    assert _head(rules[:1], view=late).endswith("* train 8.722  uniform 74 ^")
    assert _head(rules[:1], view=late, look=Look()).endswith("━ train 8.722  uniform 74 ↑")
    assert _head(rules[2:], view=late).endswith("5-gram 2.5 v")
    assert _head(rules[:1], 33, late) == "200-250  * train 8.722"
    assert "~ 5-gram" not in _head([*rules, Rule("bad", math.nan, "e")], view=late)
    near = [Rule("uniform", 100.0, "b"), Rule("unigram", 100.1, "c")]
    assert "= uniform 100.00, unigram 100.10" in _head(near)
    assert _head(rules, 56) == "* train 8.722  - uniform 74  = unigram 7.2  ~ 5-gram 2.5"


def test_the_legend_has_the_dash_of_a_curve():
    """Without colours a curve is told from another by how it is broken up, in ASCII by its mark."""
    dashed = Series("validation", [1, 2], [9.0, 8.0], "a", 2)
    assert "⠠⠄⠠ validation 8.000" in _picture([_series(FALLING), dashed], look=Look(), width=60)
    assert "o validation 8.000" in _picture([_series(FALLING), dashed], width=60)


def test_an_axis_begins_near_the_first_step():
    """A curve that begins late has the whole width."""
    rows = _picture([Series("v", [5000, 5600, 6000], [9.0, 7.0, 6.0], "a")], height=8).splitlines()
    assert rows[-1].split()[:2] == ["step", "5,000"]
    assert rows[1].index("*") == rows[1].index("|") + 1 if "|" in rows[1] else rows[1].index("+") + 2


def test_an_axis_of_time_has_parts():
    """Minutes have numbers between them, steps have none."""
    series = [Series("a", [0.1, 0.2, 0.4, 0.6], [9.0] * 4, "a")]
    minutes = _picture(series, look=Look(ascii=True, across="min", parts=True)).splitlines()[-1].split()
    assert minutes == ["min", "0.2", "0.4", "0.6"]
    assert _picture(series).splitlines()[-1].split() == ["step", "0"]


def test_a_low_chart_has_two_numbers_beside_it():
    """Four rows, two labels, whatever is drawn."""
    assert _picture([_series([70.0, 30.0, 15.0, 9.0])], height=6) == _art("""
perplexity  * train 9.000
    |*******
 50 +      **************
    |                   *************
 10 +                               ********
step             20                       40
""")


def test_many_curves_are_all_told_at_a_step():
    """Names of curves with signs are cut, then left out, before a value is."""
    series = [Series(f"a-long-name-of-a-run-{i}", [1, 2, 3], [9.0, 5.0, 4.0 + i], "a", i, str(i)) for i in range(1, 7)]
    envelopes = [Envelope() for _ in series]
    for item, envelope in zip(series, envelopes, strict=True):
        envelope.follow(item.steps, item.values)
    for width in (60, 80, 200):
        rows = paint(Chart(series, envelopes, view=View(cross=3.0)), width, 12).rows[:2]
        told = "  ".join("".join(text for text, _ in row) for row in rows)
        assert all(f"{i}" in told and f"{4.0 + i:.3f}"[:5] in told for i in range(1, 7)), told
    assert "a-long-name-of-a-run-1" in told


class CountingCurve(LearningCurve):
    """Remembers which regions were to be painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[Region] = []

    def refresh(self, *regions: Region, **options):
        self.painted += regions
        return super().refresh(*regions, **options)


class Curves(App[None]):
    """A chart alone on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.curve = CountingCurve()

    def compose(self) -> ComposeResult:
        yield self.curve


def _growing(length: int) -> Series:
    return Series("train", range(1, length + 1), array("d", [5 + 1000 / (i + 1) for i in range(length)]), TRAIN_STYLE)


async def test_show_paints_only_what_changed():
    """The bytes of a redraw follow the change: the same again is no paint, a new point few cells."""
    rules = [Rule("uniform", 60.0, RULE_STYLES[1])]
    app = Curves()
    async with app.run_test(size=(80, 24)) as pilot:
        app.curve.show([_growing(101)], rules)
        await pilot.pause()
        assert "100" in app.curve.text()
        app.curve.painted.clear()
        app.curve.show([_growing(101)], rules)
        assert app.curve.painted == []
        app.curve.show([_growing(102)], rules)
        assert 0 < sum(region.area for region in app.curve.painted) < 40


async def test_what_is_painted_is_what_was_drawn():
    """Partial paints add up to the whole picture."""
    app = Curves()
    async with app.run_test(size=(80, 24)) as pilot:
        for length in (1, 2, 50, 101, 102, 130):
            app.curve.show([_growing(length)], [])
            await pilot.pause()
        strips = app.curve.render_lines(Region(0, 0, 80, 24))
        assert [strip.text.rstrip() for strip in strips] == app.curve.text().splitlines()


async def test_the_chart_follows_its_size_and_its_axis():
    """A resize and toggle_log() redraw at once."""
    app = Curves()
    async with app.run_test(size=(80, 24)) as pilot:
        app.curve.show([_growing(500)], [])
        await pilot.pause()
        logarithmic = app.curve.text()
        assert len(logarithmic.splitlines()) == 24
        app.curve.toggle_log()
        assert app.curve.text() != logarithmic
        app.curve.toggle_log()
        assert app.curve.text() == logarithmic
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        assert len(app.curve.text().splitlines()) == 12
        assert max(map(len, app.curve.text().splitlines())) <= 40


async def test_colours_follow_the_theme():
    """On a light background the curves are not the colours of the dark one."""
    app = Curves()
    async with app.run_test(size=(60, 12)) as pilot:
        app.curve.show([_growing(50), Series("validation", [50], [9.0], VALIDATION_STYLE)], [])
        await pilot.pause()

        def colours():
            strips = [app.curve.render_line(y) for y in range(12)]
            return {segment.style.color for strip in strips for segment in strip if segment.style}

        dark = colours()
        app.theme = "textual-light"
        await pilot.pause()
        assert len(colours()) >= 3
        assert not dark & colours()


async def test_a_series_that_left_is_not_drawn():
    """Opening another run leaves nothing of the one before."""
    app = Curves()
    async with app.run_test(size=(60, 12)) as pilot:
        app.curve.show([_growing(50)], [])
        await pilot.pause()
        app.curve.show([], [])
        await pilot.pause()
        assert "train" not in app.curve.text()
        assert "begins" in app.curve.text()


class Moving(App[None]):
    """A chart that can have the focus."""

    AUTO_FOCUS = None

    def __init__(self) -> None:
        super().__init__()
        self.curve = LearningCurve(ascii=True, can_focus=True)

    def compose(self) -> ComposeResult:
        yield self.curve

    def head(self) -> str:
        """What stands above the curves."""
        return "\n".join(self.curve.text().splitlines()[:2])

    def labels(self) -> list[str]:
        """The numbers on the axis of steps."""
        return self.curve.text().splitlines()[-1].split()[1:]


def _evaluated(*points: tuple[int, float]) -> Series:
    return Series("validation", [step for step, _ in points], [value for _, value in points], VALIDATION_STYLE)


async def test_the_cross_hair_tells_every_curve_and_level_at_a_step():
    """Mean with its range where a column holds several points, the evaluation before with its step, each baseline."""
    app = Moving()
    async with app.run_test(size=(90, 14)) as pilot:
        train = Series("train", range(1, 801), array("d", [8.0, 2.0] * 400), TRAIN_STYLE)
        rules = [Rule("uniform", 60.0, RULE_STYLES[1])]
        app.curve.show([train, _evaluated((300, 5.0), (700, 4.5))], rules, beside=lambda step: f"beside {step:.0f}")
        await pilot.pause()
        app.curve.focus()
        await pilot.press("left")
        assert "(2.000..8.000)" in app.head()
        assert "validation 4.500 at 700" in app.head() and "uniform 60.00" in app.head()
        assert "beside 7" in app.head()
        before = app.curve.cross_hair
        await pilot.press("shift+left", "left_square_bracket")
        assert before - 230 < app.curve.cross_hair < before - 150
        assert all("|" in line[6:] for line in app.curve.text().splitlines()[3:-1] if "*" not in line[6:])


def test_the_mean_of_a_column_is_that_of_the_losses():
    """Of perplexities the mean is taken of their logarithms, and what cannot be drawn is left out."""
    found = read(_series([8.0, 2.0, math.nan, 4.0, 100.0], every=1), 1, 5)
    assert found is not None and (found.low, found.high, found.count) == (2.0, 8.0, 4)
    assert found.value == pytest.approx(4.0)
    assert read(_series([8.0]), 0, 5) is None
    bits = read(_series([1.0, 4.0], every=1), 1, 5, bits=True)
    assert bits is not None and bits.value == 2.5


async def test_the_cross_hair_goes_from_point_to_point_where_they_are_few():
    """No key press is lost in empty columns, and at either end it stays."""
    app = Moving()
    async with app.run_test(size=(90, 14)) as pilot:
        app.curve.show([_evaluated((100, 9.0), (200, 5.0), (300, 4.0))], [])
        await pilot.pause()
        app.curve.focus()
        seen = []
        for key in ("", "left", "left", "left", "right"):
            if key:
                await pilot.press(key)
            await pilot.pause()
            seen.append(app.head().split("  ")[0])
        assert seen == ["step 300", "step 200", "step 100", "step 100", "step 200"]


async def test_a_window_stays_and_one_that_touches_the_end_follows():
    """New points do not move what somebody looks at, unless it is the end."""
    app = Moving()
    async with app.run_test(size=(90, 14)) as pilot:
        app.curve.show([_growing(1000)], [])
        await pilot.pause()
        app.curve.zoom(0.5)
        assert "following" in app.head() and app.labels()[0] == "500"
        app.curve.show([_growing(2000)], [])
        assert "following" in app.head() and app.labels()[-1] == "2,000"
        app.curve.pan(-1)
        assert "following" not in app.head()
        plot = app.curve.text().splitlines()[1:]
        app.curve.show([_growing(3000)], [])
        assert app.curve.text().splitlines()[1:] == plot
        for _ in range(8):
            app.curve.pan(1)
        assert "following" in app.head()
        assert app.curve.step_back() and app.labels()[0] == "0" and not app.curve.step_back()


@pytest.mark.parametrize("ascii", [True, False])
async def test_zoom_is_about_the_cross_hair_and_the_other_axis_fits(ascii):
    """The step under the cross-hair stays in its column; only what is seen decides the range of perplexities."""
    app = Moving()
    async with app.run_test(size=(90, 14)) as pilot:
        app.curve.show([_growing(1000)], [Rule("uniform", 900.0, RULE_STYLES[1])], Look(ascii=ascii))
        await pilot.pause()
        app.curve.focus()
        await pilot.press(*["shift+left"] * 4)
        step, whole = app.curve.cross_hair, app.curve.text()
        for _ in range(3):
            app.curve.zoom(0.5)
        first, last = (int(label.replace(",", "")) for label in (app.labels()[0], app.labels()[-1]))
        assert first < step < last < first + 130
        assert "1k" in whole and "1k" not in app.curve.text()
        await pilot.press("home")
        assert app.labels()[0] == "0"
        for _ in range(40):
            app.curve.zoom(0.5)
        assert len(app.curve.text().splitlines()) == 14
        for _ in range(40):
            app.curve.zoom(2.0)
        assert app.curve.text() == whole


async def test_the_cross_hair_takes_the_window_along_at_its_edge():
    """Left at the left edge goes on into what came before."""
    app = Moving()
    async with app.run_test(size=(60, 14)) as pilot:
        app.curve.show([_growing(1000)], [])
        await pilot.pause()
        app.curve.focus()
        app.curve.zoom(0.25)
        await pilot.press(*["left_square_bracket"] * 9)
        assert app.curve.cross_hair < 700
        assert int(app.labels()[0].replace(",", "")) < 700


def test_a_line_between_two_evaluations_crosses_a_window_without_any():
    """Zooming in between two points shows the line that joins them."""
    series = [_series([100.0, 1.0], every=1000)]
    envelope = Envelope()
    envelope.follow(series[0].steps, series[0].values)
    picture = paint(Chart(series, [envelope], look=ASCII, view=View(Window(1200, 1300))), 44, 11)
    body = "\n".join("".join(text for text, _ in row) for row in picture.rows[1:-1])
    assert body.count("*") >= 30


def test_marks_stand_on_the_axis_and_their_words_in_the_head():
    """A divergence has its sign at its step, to which the numbers give way, and is said in words."""
    chart_of = [_series(FALLING)]
    envelope = Envelope()
    envelope.follow(chart_of[0].steps, chart_of[0].values)
    mark = Mark(200, "✗", "x", "bad", "diverged at step 200")
    rows = paint(Chart(chart_of, [envelope], marks=[mark], look=ASCII), 60, 11).rows
    assert ("diverged at step 200", "bad") in rows[0]
    assert ("x", "bad") in rows[-1]
    foot = "".join(text for text, _ in rows[-1])
    assert "100" in foot and "200" not in foot


async def test_a_value_that_is_no_number_is_told_with_its_step():
    """A curve that breaks says where, without anybody having said so."""
    app = Moving()
    async with app.run_test(size=(70, 12)) as pilot:
        app.curve.show([_series([5.0] * 20 + [math.nan] + [5.0] * 4, style=TRAIN_STYLE)], [])
        await pilot.pause()
        assert "not finite at step 210" in app.head() and "x" in app.curve.text().splitlines()[-1]
