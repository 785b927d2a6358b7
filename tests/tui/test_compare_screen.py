"""Several runs side by side: the marks in the list, the chart, the table, and what cannot be compared."""

import math

import pytest

from rnnbench.runs.comparing import Compared, Row
from rnnbench.runs.events import RunResumed
from rnnbench.tui import comparison_feed, comparison_table
from rnnbench.tui.cells import cell_len
from rnnbench.tui.comparison_feed import ComparisonFeed, RunCompared
from rnnbench.tui.messages import (
    AnswerArrived,
    AnswersEnded,
    FillingArrived,
    SampleBegun,
    SampleEnded,
    SamplerFailed,
    TokensArrived,
)
from rnnbench.tui.panes import voices
from rnnbench.tui.screens.compare import CompareScreen
from rnnbench.tui.widgets.chart import LearningCurve
from rnnbench.tui.widgets.drawing import DASHES, Look, Series, draw, sample
from rnnbench.tui.widgets.envelope import Envelope
from rnnbench.tui.widgets.line_table import LineTable


@pytest.fixture(autouse=True)
def quick_feed(monkeypatch):
    """No test waits a second for what is new."""
    monkeypatch.setattr(comparison_feed, "TICK_SECONDS", 0.05)


@pytest.fixture
def trained(make_run, script):
    """A finished run with three validations whose loss falls to `loss` at step 20."""

    def make(name, loss=1.0, task="language_model", **tables):
        start = script.started(task=task)
        scores = [script.evaluated(0, 3.0), script.step(10), script.evaluated(10, 2.0), script.step(20)]
        return make_run(name, start, *scores, script.evaluated(20, loss), script.finished(20), **tables)

    return make


async def compare(it, *names):
    """Mark the runs in the list, in that order, and compare them."""
    await it.keys("escape", "r")
    await it.until(lambda: it.app.screen.query(LineTable) and it.app.screen.query_one(LineTable).row_count)
    await mark(it, *names)
    await it.keys("c")


async def mark(it, *names):
    """Mark the runs in the list, or take their marks away."""
    for name in names:
        await it.until(lambda name=name: name in [row.name for row in it.app.screen._rows])
        rows = [row.name for row in it.app.screen._rows]
        it.app.screen.query_one(LineTable).move_cursor(row=rows.index(name))
        await it.keys("space")


def chart(it):
    """The chart as text."""
    return it.app.screen.query_one(LearningCurve).text()


def line(it, *beginnings):
    """The words of the first line of the screen that begins with these words."""
    found = [text.split() for text in it.text().splitlines() if text.split()[: len(beginnings)] == list(beginnings)]
    return found[0] if found else []


async def test_marked_runs_are_drawn_with_their_figures_and_what_differs(bench, trained, script):
    """Numbers on the curves lead to the lines of the table; below stand the settings in which the runs differ."""
    trained("low", 1.0, training={"learning_rate": 0.01})
    trained("high", 1.5, training={"learning_rate": 0.001})
    trained("other", 1.2)
    async with bench(script.WIDE) as it:
        await compare(it, "low", "high")
        await it.see("validation perplexity over steps, logarithmic", "1 ⠤⠤⠤⠤⠤ low", "2 ⠠⠤⠤ ⠠ high")
        assert line(it, "1")[2:] == ["low", "finished", "2.718", "1.428", "20", "1,000", "4,321"]
        assert line(it, "2")[-6:] == ["finished", "4.482", "2.142", "20", "1,000", "4,321"]
        assert line(it, "settings", "that", "differ")[-2:] == ["1", "2"]
        assert line(it, "training.learning_rate")[1:] == ["0.01", "0.001"]
        assert "model.cell" not in it.text() and "other" not in it.text()
        drawn = chart(it).splitlines()[1:-1]
        assert max(y for y, row in enumerate(drawn) if "1" in row[6:]) > max(
            y for y, row in enumerate(drawn) if "2" in row[6:]
        )


async def test_the_axes_turn(bench, trained, script):
    """64 tokens a step, a second a step: the same curves over 20 steps, 1,280 tokens, 20 seconds; in perplexity or
    bits, logarithmic or not. The title says what is seen."""
    trained("a")
    trained("b", 2.0)
    async with bench(script.WIDE) as it:
        await compare(it, "a", "b")
        await it.see("validation perplexity over steps, logarithmic")
        for name, title, end in (("step", "steps", "20"), ("tokens", "tokens", "1200"), ("s", "time", "20")):
            foot = chart(it).splitlines()[-1].split()
            assert (foot[0], foot[-1]) == (name, end) and f"over {title}," in chart(it)
            await it.keys("a")
        pictures = [chart(it).partition("\n")[2]]
        for key, title in (("l", "perplexity over steps, linear"), ("y", "bits/character over steps, linear")):
            await it.keys(key)
            assert title in chart(it)
            pictures.append(chart(it).partition("\n")[2])
        assert len(set(pictures)) == 3


@pytest.fixture
def evaluated_often(make_run, script):
    """A finished run of 100 steps, a validation after every fifth; its perplexity is `high` minus a hundredth of the
    step."""

    def make(name, high):
        places = range(0, 105, 5)
        told = [(script.step(at), script.evaluated(at, math.log(high - at / 100))) for at in places]
        return make_run(name, script.started(), *(event for pair in told for event in pair), script.finished(100))

    return make


def foot(it):
    """The axis below the chart: its name and its numbers."""
    return chart(it).splitlines()[-1].split()


async def test_the_cross_hair_and_the_zoom(bench, evaluated_often, script):
    """The keys of the Training pane: the values of every run at a place, a part of the axis that begins where the
    window does; esc leaves one after the other, and another axis is seen whole."""
    evaluated_often("low", 3.0)
    evaluated_often("high", 5.0)
    async with bench(script.NARROW) as it:
        await compare(it, "low", "high")
        await it.see("validation perplexity over steps")
        await it.keys("h", "left")
        await it.until(lambda: "step 95  1 low 2.050  2 high 4.050" in chart(it))
        await it.keys("right", "plus")
        assert "step 100  following  1 low 2.000  2 high 4.000" in chart(it) and foot(it)[:2] == ["step", "50"]
        await it.keys("comma")
        assert foot(it)[:2] == ["step", "30"] and "following" not in chart(it)
        await it.keys("0", "plus", "a")
        assert foot(it)[:2] == ["tokens", "0"] and "tokens 6,400  1 low 2.000  2 high 4.000" in chart(it)
        await it.keys("plus", "escape")
        assert "validation perplexity" in chart(it) and foot(it)[1] == "3,500"
        assert it.app.screen.focused.id == "compare-table"
        await it.keys("escape")
        assert foot(it)[1] == "0"
        await it.keys("escape")
        await it.until(lambda: not isinstance(it.app.screen, CompareScreen))


async def test_runs_go_on_while_they_are_compared(bench, make_run, script):
    """What a trainer writes meanwhile is drawn, and its end changes the state, without a key."""
    run = make_run("going", script.started(), script.evaluated(0, 3.0), script.step(3))
    make_run("new", script.started())
    with script.training(run):
        async with bench(script.WIDE) as it:
            await compare(it, "going", "new")
            await it.see("going  running")
            script.write(run, script.step(50), script.evaluated(50, math.log(7)), script.finished(50))
            await it.until(lambda: "7.000" in line(it, "1"))
            assert chart(it).splitlines()[-1].split()[-1] == "50"


async def test_a_pseudo_perplexity_is_drawn_beside_no_perplexity(bench, trained, script):
    """A cloze run has a column of its own and is named as not drawn; among cloze runs its curve is."""
    trained("plain")
    trained("gaps", task="cloze", model={"task": "cloze"})
    trained("holes", task="cloze", model={"task": "cloze"})
    async with bench(script.WIDE) as it:
        await compare(it, "plain", "gaps")
        await it.see("pseudo-ppl", "Not drawn: gaps")
        assert line(it, "2")[-6:-3] == ["-", "2.718", "-"]
        assert "2" not in "".join(row[6:] for row in chart(it).splitlines()[1:-1])
        await it.keys("escape")
        await it.until(lambda: not isinstance(it.app.screen, CompareScreen))
        await mark(it, "plain", "holes")
        await it.keys("c")
        await it.see("validation pseudo-perplexity over steps")
        assert "Not drawn" not in it.text()
        await it.keys("y")
        await it.see("None of these runs has a curve", "Not drawn: gaps, holes")


async def test_other_tokens_are_pointed_out(bench, trained, script):
    """Perplexities that count different tokens are not set side by side without a word; bits are."""
    trained("letters")
    trained("words", text={"tokenizer": "word"})
    async with bench(script.WIDE) as it:
        await compare(it, "letters", "words")
        await it.see("their tokens differ: compare bits/character (y)", "text.tokenizer")
        await it.keys("y")
        await it.until(lambda: "tokens differ" not in it.text())


async def test_six_runs_fit_a_small_terminal(bench, trained, script):
    """At 80x24 the chart keeps seven lines, every run a line, and the rest of the table can be scrolled to."""
    names = [f"r{number}" for number in range(1, 7)]
    for number, name in enumerate(names):
        choices = {"max_steps": 10 + number, "batch_size": 10 + number, "learning_rate": 0.01 + number / 100}
        trained(name, 1.0 + number / 4, model={"hidden": 16 + number}, training=choices)
    async with bench(script.NARROW) as it:
        await compare(it, *names)
        await it.until(lambda: line(it, "6"))
        assert it.app.screen.query_one(LearningCurve).size.height >= 7
        assert "training.max_steps " not in it.text()
        await it.keys("end")
        await it.see("training.max_steps ")
        assert line(it, "training.max_steps")[1:] == ["10", "11", "12", "13", "14", "15"]


async def test_the_table_fits_a_small_terminal(bench, trained, script):
    """At 80 columns long names give way to the figures, no bar for going sideways is there; where even that is too
    little, left and right go by whole columns."""
    for number in (1, 2):
        trained(f"a-run-with-a-rather-long-name-{number}", corpus={"file": f"folder/of/texts/number-{number}.txt"})
    async with bench(script.NARROW) as it:
        await compare(it, "a-run-with-a-rather-long-name-1", "a-run-with-a-rather-long-name-2")
        await it.until(lambda: line(it, "2"))
        table = it.app.screen.query_one("#compare-table")
        assert line(it, "2")[-6:] == ["finished", "2.718", "1.428", "20", "1,000", "4,321"]
        assert "…" in it.text() and "▸" not in it.text() and not table.show_horizontal_scrollbar
        await it.pilot.resize_terminal(50, 24)
        await it.until(lambda: "▸" in it.text())
        assert "tokens/s" not in it.text() and line(it, "run")[:2] == ["run", "state"]
        await it.keys("right")
        await it.until(lambda: line(it, "run")[:2] == ["run", "perplexity"])
        await it.keys(*["right"] * 9)
        await it.until(lambda: line(it, "run")[-2:] == ["tokens/s", "◂"])
        await it.pilot.resize_terminal(*script.WIDE)
        await it.until(
            lambda: line(it, "run")[:2] == ["run", "state"] and "a-run-with-a-rather-long-name-1" in it.text()
        )


async def test_marks_in_the_list(bench, trained, script):
    """space marks and takes away; one mark compares with the cursor's run, none says what to do, seven are too many."""
    for number in range(8):
        trained(f"r{number}")
    async with bench(script.WIDE) as it:
        await compare(it)
        await it.see("mark two or more runs with space first")
        await it.keys("ctrl+home", *["space"] * 7)
        await it.see("more than 6 curves cannot be told apart")
        assert it.text().count("●") == 6
        await it.keys("ctrl+home", *["space"] * 5)
        assert it.text().count("●") == 1
        await it.keys("ctrl+home", "c")
        await it.until(lambda: isinstance(it.app.screen, CompareScreen))
        assert len(it.app.screen._names) == 2


async def test_leaving_ends_the_reading(bench, trained, script):
    """esc goes back to the list, whose marks are still there, and no thread is left."""
    trained("a")
    trained("b")
    async with bench(script.WIDE) as it:
        await compare(it, "a", "b")
        await it.see("1 ⠤⠤⠤⠤⠤ a")
        feed = it.app.screen._feed
        await it.keys("escape")
        await it.see("a ●", "b ●")
        await it.until(lambda: not feed.running)


async def test_hostile_or_damaged_runs_are_compared_with_what_they_have(bench, trained, script):
    """A configuration that cannot be read leaves gaps, and control characters of a setting stay harmless."""
    trained("good", corpus={"file": "\x1b[31mred[/x].txt"})
    trained("other", corpus={"file": "story.txt"})
    trained("bad").config_file.write_text("{")
    async with bench(script.WIDE) as it:
        await compare(it, "good", "bad", "other")
        await it.until(lambda: line(it, "corpus.file"))
        assert "\x1b" not in it.text() and "red[/x].txt" in it.text()
        assert line(it, "corpus.file")[-2:] == ["-", "story.txt"]


async def test_one_prompt_and_seed_for_all(bench, trained, script, monkeypatch, fake_sampler):
    """Every run gets the same line, seed and settings; each answers under its name; esc stops, then goes back."""
    monkeypatch.setattr(voices, "Sampler", fake_sampler)
    monkeypatch.setattr(voices, "LET_GO_SECONDS", 60.0)
    trained("a")
    trained("b", task="cloze", model={"task": "cloze"})
    async with bench(script.NARROW) as it:
        await compare(it, "a", "b")
        await it.until(lambda: line(it, "2"))
        await it.keys("g")
        await it.type("/temp 0.5")
        await it.keys("enter")
        await it.see("temp 0.5", "seed 1")
        await it.type("The _")
        await it.keys("enter")
        await it.until(lambda: len(fake_sampler.made) >= 2 and all(x.asked for x in fake_sampler.made[-2:]))
        first, second = fake_sampler.made[-2:]
        assert [(x.run_name, x.asked[0].prompt, x.asked[0].seed) for x in (first, second)] == [
            ("a", "The _", 1),
            ("b", "The _", 1),
        ]
        assert first.asked[0].record()["temperature"] == 0.5 and "seed" not in second.asked[0].record()
        first.say(SampleBegun(1, 60, 1, ("_",)), TokensArrived(1, "clock\x1b[31m"), SampleEnded(1, 5, -5.0, 9.0, False))
        await it.see("The _clock", "perplexity 2.718  not in the vocabulary: _  step 60")
        await it.keys("escape")
        assert (first.cancelled, second.cancelled) == (0, 1) and "\x1b" not in it.text()
        second.say(FillingArrived(1, "cat", 0.25), AnswersEnded(1, 1, 0.5, True))
        await it.see("25.0%  cat", "stopped")
        assert (
            len({text.index(name) for text in it.text().splitlines() for name in ("1 a", "2 b") if name in text}) == 1
        )
        await it.type("again")
        await it.keys("enter")
        first.say(SamplerFailed("no checkpoint[/x]", 2))
        second.say(AnswerArrived(2, "yes", 1, -1.0), AnswersEnded(2, 1, 0.5, False))
        await it.see("no checkpoint[/x]", "-> yes")
        await it.keys("escape")
        await it.until(lambda: isinstance(it.app.screen, CompareScreen))
        assert first.closed and second.closed


def test_a_resumed_run_is_told_once(make_run, script, inbox):
    """The steps after the checkpoint did not happen, and time does not go back; an unchanged run is not told again."""
    first = [script.started(), script.step(5), script.evaluated(5, 2.0), script.step(9), script.evaluated(9, 1.0)]
    run = make_run("r", *first, RunResumed(step=5), script.step(8), script.evaluated(8, 1.5), script.finished(8))
    feed = ComparisonFeed(inbox, [run])
    feed.start()
    found = inbox.until(RunCompared)[-1].compared
    assert [(point.step, point.tokens) for point in found.points] == [(5, 320), (8, 512)]
    assert [point.seconds for point in found.points] == sorted(point.seconds for point in found.points)
    script.write(run, script.started())
    assert isinstance(inbox.next(), RunCompared) and inbox.messages.empty()
    feed.stop()


def test_every_run_has_a_dash_of_its_own():
    """Six patterns that differ within the cells of the legend and on."""
    assert len({sample(index, 12) for index in range(len(DASHES))}) == len(DASHES) == 6
    assert sample(0, 3) == "⠤⠤⠤"
    assert len({sample(index, 3, ascii=True) for index in range(6)}) == 6


def test_curves_without_colours():
    """Dashes and numbers tell the curves apart, below a title, over an axis that is named."""
    falling = Series("a", range(0, 110, 10), [100 * 0.7**i + 4 for i in range(11)], "", 1, "1")
    level = Series("b", range(0, 60, 10), [20.0] * 6, "", 2, "2")
    envelopes = [Envelope(), Envelope()]
    for series, envelope in zip((falling, level), envelopes, strict=True):
        envelope.follow(series.steps, series.values)
    rows = draw([falling, level], envelopes, [], 44, 8, Look(title="two curves", across="tokens"), "")
    picture = "\n".join("".join(text for text, _ in row).rstrip() for row in rows)
    assert (
        picture
        == """\
two curves
  100 ┤⠙⠂⢠⣀1
      │     ⠒⠲ ⣀⡀
      │         ⠉ ⠲⠤ ⣀⡀
      │⠠⠄⠠⠄⠠⠄⠠⠄⠠⠄⠠⠄⠠⠄⠠⠄2⠄⠠ ⣀⡀
      │                     ⠉ ⠒⠲ ⣀⣀1
   10 ┤                             ⠈⠓⠂⠠⠤⠤ ⣀
tokens 0                50               100"""
    )


@pytest.mark.parametrize("room", [40, 60, 77, 78, 118, 198])
def test_no_line_of_the_table_is_too_wide(room):
    """Whatever the width and the columns left out; a number among the settings is never cut."""
    names = [f"{'名' * number}-a-name-of-some-length-{number}" for number in range(1, 7)]
    runs = [Compared(name, "finished", "", 20, 1_234_567, None, None, 98_765.0, 1.0, (), None) for name in names]
    numbers = tuple(f"0.00012{number}" for number in range(6))
    settings = [Row("training.learning_rate", numbers), Row("corpus.file", tuple(f"a/long/{name}" for name in names))]
    most = comparison_table.table(runs, settings, room).most
    assert (most == 0) == (room >= 77)
    for shift in range(most + 1):
        lines = comparison_table.table(runs, settings, room, shift).content.plain.splitlines()
        assert max(map(cell_len, lines)) <= room
        rates = lines[-2].split()
        assert set(rates[1:]) <= set(numbers) and len(rates) > 1
    assert lines[1].endswith("98,765") and lines[-2].split()[-1] == numbers[-1]
