"""Talking to other runs, to several at once, and what stands beneath an answer."""

import json

import pytest
from textual.app import App
from textual.widgets import Input

from rnnbench.runs import history
from rnnbench.tui.messages import (
    NoveltyMeasured,
    SampleBegun,
    SampleEnded,
    SamplerFailed,
    SamplerRemarked,
    TokensArrived,
)
from rnnbench.tui.panes import voices
from rnnbench.tui.panes.generate import GeneratePane
from rnnbench.tui.panes.transcript import Transcript
from rnnbench.tui.screens.help import HelpScreen

NOVELTY = NoveltyMeasured(1, 200, 12, "characters", False, (0.0, 0.01, 0.02, 0.1, 0.2, 0.3, 0.4, 0.75))


@pytest.fixture(autouse=True)
def samplers(monkeypatch, fake_sampler):
    """No sampling process; the samplers that were made, in order."""
    monkeypatch.setattr(voices, "Sampler", fake_sampler)
    monkeypatch.setattr(voices, "LET_GO_SECONDS", 60.0)
    fake_sampler.made.clear()
    return fake_sampler.made


@pytest.fixture
def ready(make_run, script):
    """Makes a run with a checkpoint."""

    def make(name, task="language_model"):
        model = {"model": {"task": task}}
        run = make_run(name, script.started(task=task), script.step(60), script.finished(60), **model)
        for step, loss in ((40, 2.0), (60, 2.5)):
            manifest = {"step": step, "loss_nats": loss}
            (run.checkpoints / f"step-{step:08d}.json").write_text(json.dumps(manifest))
        return run

    return make


@pytest.fixture
def talk(bench, ready, script):
    """A workbench with the run `r` open."""

    def open_talk(size=script.WIDE):
        ready("r")
        return bench(size, run="r")

    return open_talk


async def enter(it, text):
    await it.until(lambda: it.screen.attachment is not None)
    it.screen.query_one("#prompt", Input).value = text
    it.screen.query_one("#prompt").focus()
    await it.keys("enter")


def pane(it):
    return it.screen.query_one(GeneratePane)


def transcript(it):
    return it.screen.query_one(Transcript).plain


async def test_another_run_is_asked_and_the_open_one_stays_open(talk, ready, samplers):
    """/run NAME asks it, with its own task, and says so; /run alone goes back; the open run is the same all the time."""
    async with talk() as it:
        ready("filler", "cloze")
        await enter(it, "/run filler")
        await it.see("filler (open: r)", "filler is asked from now on: it fills blanks")
        assert it.screen.attachment.run.name == "r" and samplers[0].closed
        await enter(it, "/fill a _")
        assert (samplers[-1].run_name, samplers[-1].asked[0].record()["prompt"]) == ("filler", "a _")
        await it.keys("escape")
        samplers[-1].say(SamplerFailed("gone", 1))
        await enter(it, "/run")
        await it.see("r is asked from now on: it continues a text")
        await enter(it, "x")
        assert (samplers[-1].run_name, samplers[-1].asked[0].task) == ("r", "language_model")
        samplers[-1].answer("y")
        await enter(it, "/run nowhere")
        await it.see("no run named nowhere")


async def test_an_opened_run_is_the_one_that_is_asked(talk, ready, samplers):
    """Who opens another run talks to that; what is being typed is still there."""
    async with talk() as it:
        ready("other")
        await enter(it, "/run other")
        await it.see("other (open: r)")
        prompt = it.screen.query_one("#prompt", Input)
        prompt.value = "half a li"
        it.screen.open(ready("third"))
        await it.until(lambda: samplers[-1].run_name == "third")
        assert prompt.value == "half a li"
        await it.until(lambda: "open:" not in it.text())


async def test_a_text_is_saved_with_the_run_that_wrote_it(talk, ready, samplers, workspace):
    """Also when another run was opened meanwhile."""
    async with talk() as it:
        await enter(it, "x")
        samplers[-1].answer("y")
        await it.see("10 tokens")
        it.screen.open(ready("other"))
        await it.until(lambda: samplers[-1].run_name == "other")
        await enter(it, "/save")
        await it.until(lambda: "sample-1.txt" in transcript(it))
        assert (workspace.runs / "r" / "samples" / "sample-1.txt").read_text() == "xy\n"
        assert not (workspace.runs / "other" / "samples").exists()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_checkpoints_of_a_run_are_compared(talk, samplers, size):
    """Each of them gets the same prompt and seed, answers under its own name, and its step stands beneath."""
    async with talk(size) as it:
        await it.keys("4")
        await enter(it, "/compare best 40")
        await it.until(lambda: pane(it)._voices is not None)
        await it.see("1 r@best", "2 r@40", "2 compared")
        await enter(it, "The clock")
        first, second = samplers[-2:]
        asked = [one.asked[0] for one in (first, second)]
        assert [one.checkpoint for one in asked] == ["best", "40"]
        assert asked[0].seed == asked[1].seed is not None
        first.say(SampleBegun(1, 60, 5, ()), TokensArrived(1, " A"), SampleEnded(1, 5, -5.0, 9.0, False))
        second.say(SampleBegun(1, 40, 5, ()), TokensArrived(1, " B"), SamplerFailed("died [x]", None))
        await it.see("The clock A", "step 60", "The clock B", "died [x]")
        assert pane(it)._written() == "== r@best\nThe clock A\n\n== r@40\nThe clock B"
        await enter(it, "again")
        assert len(second.asked) == 2
        for one in (first, second):
            one.say(SampleEnded(2, 1, -1.0, 9.0, False))
        await it.until(lambda: not pane(it)._busy)
        await enter(it, "/compare off")
        await it.until(lambda: first.closed and second.closed)
        await enter(it, "x")
        assert samplers[0].asked[-1].prompt == "x"


async def test_help_is_read_from_its_first_line(talk, samplers):
    """It is longer than the pane at 80x24; what is entered next is seen again. In a comparison it is a dialog."""
    async with talk((80, 24)) as it:
        await it.keys("4")
        await enter(it, "/help")
        await it.see("Text is a prompt", "/temp 0.8")
        await enter(it, "x")
        samplers[-1].answer("y")
        await it.see("xy", "10 tokens")
        await enter(it, "/compare best last")
        await it.until(lambda: pane(it)._voices is not None)
        await enter(it, "/help")
        await it.until(lambda: isinstance(it.app.screen, HelpScreen))
        await it.see("Text is a prompt")


async def test_what_cannot_be_compared_is_said(talk, ready):
    """A run that is not there, one alone and too many are refused, and one is asked as before."""
    async with talk() as it:
        await enter(it, "/compare nope")
        await it.see("no run named nope")
        await enter(it, "/compare best")
        await it.see("two or more are needed")
        await enter(it, "/compare 1 2 3 4 5 6 7")
        await it.until(lambda: "more than 6" in transcript(it))
        assert pane(it)._voices is None


async def test_figures_and_novelty_stand_beneath(talk, samplers):
    """Tokens, speed, log-probability, perplexity, seed, step; then what was copied, but not of an earlier answer."""
    async with talk() as it:
        await enter(it, "a")
        assert samplers[-1].asked[0].record()["novelty"] == "auto"
        samplers[-1].answer("b")
        await it.until(lambda: "perplexity 4.482" in transcript(it))
        assert "10 tokens  1,234 tokens/s  -15.0 nats  -1.500 nats/token  perplexity 4.482  seed 7" in transcript(it)
        samplers[-1].say(NOVELTY)
        await it.until(lambda: "copied in one piece: 12 of 200 characters" in transcript(it))
        assert "new: 4-grams 10%, 8-grams 75%" in transcript(it)
        await enter(it, "/novelty off")
        await it.see("novelty off")
        await enter(it, "c")
        assert samplers[-1].asked[1].record()["novelty"] is False
        samplers[-1].say(NOVELTY, SamplerRemarked(1, "late"), SamplerRemarked(2, "the text is not there"))
        await it.until(lambda: "the text is not there" in transcript(it))
        assert transcript(it).count("copied in one piece") == 1 and "late" not in transcript(it)


async def test_what_does_not_stop_is_let_go(talk, samplers, monkeypatch):
    """Esc is obeyed on the screen when the process cannot stop yet, and what it says later is not shown."""
    monkeypatch.setattr(voices, "LET_GO_SECONDS", 0.01)
    async with talk() as it:
        await enter(it, "a")
        await it.keys("escape")
        await it.until(lambda: transcript(it).endswith("stopped"))
        samplers[-1].answer("too late")
        await enter(it, "b")
        samplers[-1].say(TokensArrived(2, " in time"))
        await it.see("b in time")
        assert "too late" not in transcript(it)


async def test_checkpoints_are_listed(talk):
    """/ckpt alone tells the steps that are there, their losses, and which are best and last."""
    async with talk() as it:
        await enter(it, "/ckpt")
        await it.until(lambda: "checkpoints of r:  40 (2.000 nats, best)   60 (2.500 nats, last)" in transcript(it))


async def test_a_prompt_that_nobody_can_answer_stays(bench, make_run, script):
    """Without a checkpoint the line is still in the field, to be sent again."""
    make_run("r", script.started())
    async with bench(script.WIDE) as it:
        await enter(it, "hello")
        await it.see("run r has no checkpoint yet")
        assert it.screen.query_one("#prompt", Input).value == "hello"


async def test_the_cursor_is_where_the_next_character_will_be(talk):
    """A Chinese character takes two cells; an input method opens its window at the real cursor, at the end too."""
    async with talk() as it:
        prompt = it.screen.query_one("#prompt", Input)
        prompt.focus()
        prompt.value = "我有a"
        places = []
        for position in (0, 1, 2, 3):
            prompt.cursor_position = position
            places.append(prompt.cursor_screen_offset.x - prompt.content_region.x)
        assert places == [0, 2, 4, 5]


async def test_history_outlives_the_session(talk, bench, workspace, script):
    """What was entered yesterday comes before what was entered today; control characters in the file do no harm."""
    path = history.history_file(workspace)
    history.append_history(path, "yesterday \x1b[31m")
    async with talk() as it:
        prompt = it.screen.query_one("#prompt", Input)
        await it.until(lambda: prompt._history)
        await enter(it, "/len 7")
        await it.keys("up", "up")
        assert prompt.value == "yesterday ␛[31m"
        await it.until(lambda: history.load_history(path)[1:] == ["/len 7"])


class Page(App):
    """A transcript alone."""

    def compose(self):
        yield Transcript()


async def test_texts_that_become_shorter_are_still_seen():
    """Whoever has scrolled up sees texts, not what lies beyond the end of them."""
    async with Page().run_test(size=(80, 24)) as pilot:
        view = pilot.app.query_one(Transcript)
        await pilot.pause()
        for number in range(100):
            view.add(f"note {number}\n" * 8)
        await pilot.pause()
        view.scroll_to(y=view.max_scroll_y - 5, animate=False, immediate=True)
        view.keep_notes_brief(True)
        await pilot.pause()
        assert view.scroll_offset.y <= view.max_scroll_y
        assert sum("note" in view.render_line(y).text for y in range(view.size.height)) > view.size.height // 2


HOSTILE = ["\x1b]0;x\x07[/b]\x9b", "\u202e\u2066abc", "a" * 3_000_000, "\u0301" * 300_000, "\n" * 300_000, "\ud800\0"]


@pytest.mark.parametrize("text", HOSTILE, ids=["escapes", "bidi", "one word", "no width", "line ends", "surrogate"])
async def test_hostile_texts_are_shown_harmlessly(text):
    """They come in pieces without end: what is shown is bounded, visible, and the note below it can be read."""
    async with Page().run_test(size=(80, 24)) as pilot:
        view = pilot.app.query_one(Transcript)
        await pilot.pause()
        view.begin("p")
        for _ in range(3):
            view.extend(text)
        view.add("the note")
        await pilot.pause()
        assert len(view.plain) <= 310_000 and view.plain.endswith("the note")
        assert not set(view.plain) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\0", "\ud800"}
        assert any("the note" in view.render_line(y).text for y in range(view.size.height))
        assert max(len(line) for block in view._blocks for line in block.lines) <= 8 * 80
