"""The open run: header, curve, log, states and failures."""

import dataclasses
import math
import time

import pytest

from rnnbench.runs.events import Prepared, RunResumed, SampleDrawn, Warned
from rnnbench.runs.progress import Curve, RunProgress
from rnnbench.tui.attachment import GrowingPerplexity
from rnnbench.tui.cells import flow
from rnnbench.tui.messages import EventsArrived
from rnnbench.tui.panes.throttle import ORDINARY
from rnnbench.tui.panes.training import TrainingPane
from rnnbench.tui.widgets.chart import LearningCurve
from rnnbench.tui.widgets.log_view import LogView
from rnnbench.tui.widgets.sparkline import PerplexitySparkline


def shown(it, script, kind):
    """What a widget of the training pane shows."""
    return script.widget_text(it.screen.query_one(TrainingPane).query_one(kind))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_arriving_events_move_header_curve_and_log(bench, make_run, script, size):
    """Events that a trainer writes while the workbench looks on appear in every part of the pane."""
    run = make_run("r", script.started())
    with script.training(run):
        async with bench(size) as it:
            await it.keys("f3")
            await it.see("▶ running")
            empty = shown(it, script, LearningCurve)
            script.write(run, *(script.step(number, 3.0 - number / 50) for number in range(1, 61)))
            script.write(run, script.evaluated(60, math.log(4.5)))
            await it.see("step 60/100 (60%)", "epoch 6.00", "4,321 tokens/s", "1 min 00 s", "40 s left")
            await it.see("best validation perplexity 4.500", "best 2.148 bits/character", "validation at step 60")
            await it.until(lambda: "validation 4.500" in shown(it, script, LearningCurve))
            curve = shown(it, script, LearningCurve)
            assert curve != empty and "unigram 12" in curve and "uniform 20" in curve
            assert "█" in shown(it, script, PerplexitySparkline)


async def test_the_last_validation_stands_beside_the_best(bench, make_run, script):
    """A run that gets worse says so in its header."""
    make_run("r", script.started(), script.evaluated(1, math.log(4.5)), script.evaluated(2, math.log(6)))
    async with bench(script.WIDE) as it:
        await it.see("best validation perplexity 4.500, last 6.000")


async def test_finished_run_shows_its_whole_history(bench, make_run, script):
    """Opening a run that is over folds its log from the first byte, and the log ends at its end."""
    events = [script.step(number, 2.0) for number in range(1, 301)]
    make_run("r", script.started(planned_steps=300), *events, script.finished(300))
    async with bench(script.WIDE) as it:
        await it.see("✓ finished", "step 300/300 (100%)", "finished at step 300")
        assert it.screen.query_one(LogView).line_count > 10
        assert len(it.screen.attachment.training.steps) == 300


async def test_preparation_is_shown(bench, make_run, script):
    """While the text is encoded, the phase and its share are told."""
    run = make_run("r", Prepared(phase="writing ids [x]", done=25, total=100))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.see("▶ running", "writing ids [x] 25%")


@pytest.mark.parametrize(
    "events,state",
    [(("finished", ""), "✓ finished"), (("stopped", ""), "■ stopped"), (("failed", "loss is not finite"), "✗ failed")],
)
async def test_how_a_run_ended_is_told_in_words(bench, make_run, script, events, state):
    """Each end has its word, and a failure its reason in the log."""
    make_run("r", script.started(), script.step(1), script.finished(1, *events))
    async with bench(script.WIDE) as it:
        await it.see(state, events[1])


async def test_crash_shows_what_the_trainer_printed(bench, make_run, script):
    """A run without an end and without a process is crashed; the tail of its output is shown, harmless."""
    run = make_run("r", script.started(), script.step(1))
    run.stderr_file.write_text("Traceback [/x]\nMemoryError: \x1b[31mno\n")
    async with bench(script.WIDE) as it:
        await it.see("✗ crashed", "Its last output", "Traceback [/x]", "MemoryError: ␛[31mno")


async def test_start_that_fails_before_any_event_is_told(bench, fake_jobs, script):
    """A trainer that dies at once leaves its words in red, not an endless "starting"."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter", "s")
        await it.see("… starting")
        it.screen.attachment.run.stderr_file.write_text("rnnbench: no such device [cuda]\n")
        fake_jobs.leave(3)
        await it.see("✗ crashed", "rnnbench: no such device [cuda]")
        await it.until(lambda: it.screen.status.message == "no such device [cuda]")


async def test_hostile_events_are_shown_as_text(bench, make_run, script):
    """Markup and ESC in samples, warnings and reasons reach the screen as characters."""
    make_run(
        "r",
        script.started(),
        SampleDrawn(step=1, prompt="[bold", text="\x1b[2J[/red]"),
        Warned(message="[@click=app.quit]\x9b31m"),
        script.finished(1, "failed", "[red]bad\x1b]0;title\x07"),
    )
    async with bench(script.WIDE) as it:
        await it.see("[bold␛[2J[/red]", "[@click=app.quit]\\x9b31m", "[red]bad␛]0;title␇")
        assert "\x1b" not in it.text()


async def test_hostile_run_name_is_shown_as_text(bench, make_run, script, monkeypatch):
    """A name that looks like markup breaks neither the header, nor the status line, nor a question."""
    from rnnbench.runs import store

    monkeypatch.setattr(store, "check_name", lambda name: name)
    run = make_run("[b]x[y", script.started(), script.step(1))
    with script.training(run):
        async with bench(script.WIDE) as it:
            it.screen.open(run)
            await it.see("[b]x[y   ▶ running")
            await it.keys("escape", "x")
            await it.see("Stop training [b]x[y?")
            await it.keys("n")
            await it.pilot.resize_terminal(*script.NARROW)
            await it.keys("1")
            await it.see("[b]x[y running")


async def test_many_events_are_painted_a_few_times_a_second(bench, make_run, script, monkeypatch):
    """However many batches arrive, the words are drawn at most four times a second, and the last is not lost."""
    make_run("r", script.started(), script.finished(0))
    async with bench(script.WIDE) as it:
        await it.see("finished")
        pane = it.screen.query_one(TrainingPane)
        paints, began = [], time.monotonic()
        original = pane.words._paint
        monkeypatch.setattr(pane.words, "_paint", lambda: (paints.append(1), original()))
        for number in range(1, 41):
            it.screen.post_message(EventsArrived("r", [script.step(number)]))
        await it.until(lambda: it.screen.attachment.progress.step == 40)
        await it.until(lambda: not pane.words.pending)
        assert 1 <= len(paints) <= 2 + (time.monotonic() - began) / ORDINARY.words
        assert len(paints) < 20
        assert "step 40/100" in it.text()


async def test_log_scale_can_be_switched(bench, make_run, script):
    """`l` in the pane changes the axis of the curve."""
    make_run("r", script.started(), *(script.step(number, 7.0 / number) for number in range(1, 30)))
    async with bench(script.WIDE) as it:
        await it.see("step 29/100")
        before = shown(it, script, LearningCurve)
        await it.keys("3", "l")
        assert shown(it, script, LearningCurve) != before


async def test_a_cloze_run_has_no_perplexity(bench, make_run, script):
    """Its figure is named pseudo-perplexity everywhere, accuracies stand beside it, and no 5-gram is drawn."""
    score = dataclasses.replace(script.evaluated(60, math.log(4.5)), figures={"accuracy_at_1": 0.612})
    begun = script.started(task="cloze", ngram_loss_nats=math.log(6))
    sample = SampleDrawn(step=60, prompt="a_c", text="\nabc  (51.0%)")
    make_run("r", begun, *(script.step(number, 2.0) for number in range(1, 61)), score, sample, script.finished(60))
    async with bench(script.WIDE) as it:
        await it.see("best validation pseudo-perplexity 4.500", "best accuracy at 1 61.2%", "a_c -> abc")
        head = script.widget_text(it.screen.query_one("#training-head"))
        assert "bits/character" not in head and "5-gram 6" not in shown(it, script, LearningCurve)
        assert shown(it, script, PerplexitySparkline).startswith("pseudo-perplexity ")


async def test_answers_are_set_off_from_their_lines(bench, make_run, script):
    """Samples of a seq2seq run read source -> answer; its perplexity says which tokens it counts."""
    score = dataclasses.replace(script.evaluated(60, math.log(4.5)), figures={"bleu": 23.14})
    sample = SampleDrawn(step=60, prompt="雲", text="雪")
    make_run("r", script.started(task="seq2seq"), script.step(60), score, sample, script.finished(60))
    async with bench(script.WIDE) as it:
        await it.see("best validation perplexity per target token 4.500", "best BLEU 23.1", "雲 -> 雪")


def test_running_perplexity_after_a_resume_shows_each_step_once():
    """Points beyond a resume are dropped, and the mean does not remember them."""
    progress, curve = RunProgress(), GrowingPerplexity(2)
    for number, loss in enumerate((1.0, 2.0, 9.0, 9.0), 1):
        progress.train.add(number, loss, 0.0)
    curve.update(progress.train, progress.resumed_at)
    progress.apply(RunResumed(step=2))
    progress.train.add(3, 4.0, 0.0)
    curve.update(progress.train, progress.resumed_at)
    assert list(curve.steps) == [1, 2, 3]
    assert [round(math.log(value), 6) for value in curve.values] == [1.0, 1.5, 3.0]
    curve.update(Curve(), [])


def test_point_taken_again_at_the_same_step_replaces_the_old():
    """An evaluation that is repeated at its step is shown with its new value, without a resume between."""
    curve, shown_curve = Curve(), GrowingPerplexity()
    curve.add(1, 1.0, 0.0)
    shown_curve.update(curve, [])
    curve.drop_beyond(0)
    curve.add(1, 2.0, 0.0)
    shown_curve.update(curve, [])
    assert [round(math.log(value), 6) for value in shown_curve.values] == [2.0]


def test_header_items_flow_into_lines_unbroken():
    """Figures are never cut in the middle: what does not fit goes to the next line."""
    assert flow(["abc", "de", "f"], 8, gap=" ") == [["abc", "de", "f"]]
    assert flow(["abc", "de", "f"], 6, gap=" ") == [["abc", "de"], ["f"]]
    assert flow(["abcdefgh", "i"], 4) == [["abcdefgh"], ["i"]]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_cross_hair_is_reached_moved_and_left_by_keys(bench, make_run, script, size):
    """`h` goes to the curve and tells step, epoch and values; +, 0 and esc zoom, unzoom and leave, level by level."""
    steps = [script.step(number, 3.0 - number / 50) for number in range(1, 61)]
    make_run("r", script.started(), *steps, script.evaluated(30, math.log(4.5)), script.finished(60))
    async with bench(size) as it:
        await it.keys("3")
        await it.see("step 60/100")
        await it.until(lambda: "train" in shown(it, script, LearningCurve))
        await it.keys("h", "plus", "left")
        told = shown(it, script, LearningCurve)
        assert "step 59" in told and "epoch 5.90" in told and "59 s" in told and "following" in told
        assert "validation 4.500" in told and "unigram 12" in told and "uniform 20" in told
        await it.keys("escape")
        assert it.screen.query_one(LogView).has_focus and "following" in shown(it, script, LearningCurve)
        await it.keys("escape")
        assert "following" not in shown(it, script, LearningCurve)


async def test_filter_and_search_of_the_log_by_keys(bench, make_run, script):
    """f and / open their fields with their counts, enter goes back to the log, n goes on, esc closes one by one."""
    steps = [script.step(number, 2.0) for number in range(1, 301)]
    make_run("r", script.started(planned_steps=300), *steps, script.evaluated(300, 1.0), script.finished(300))
    async with bench(script.NARROW) as it:
        await it.keys("3")
        await it.see("finished at step 300")
        await it.keys("f")
        await it.type("step")
        await it.keys("space", *"/300", "enter")
        log = it.screen.query_one(LogView)
        await it.until(lambda: 10 < log.shown_count < log.line_count)
        await it.see(f"{log.shown_count} of {log.line_count} lines")
        await it.keys("slash", *"20/", "enter")
        await it.see("hit 3 of 3")
        await it.keys("n")
        await it.see("hit 1 of 3")
        await it.keys("escape")
        await it.until(lambda: "hit 1" not in it.text() and log.shown_count < log.line_count)
        await it.keys("escape")
        await it.until(lambda: log.shown_count == log.line_count)
        await it.keys("F")
        await it.see("1 of", "validation at step 300")


@pytest.mark.parametrize(("reason", "told"), [("", "went back to 20"), ("failed", "diverged at step 35")])
async def test_a_divergence_is_told_in_the_curve(bench, make_run, script, reason, told):
    """Where the loss was not finite is written and marked; a run that went back and on says that instead."""
    went_back = "the loss or gradient is not finite at step 30 (loss nan, gradient norm 1, learning rate 0.1)"
    failure = "the loss or gradient is not finite at step 35 (loss inf)"
    events = [
        *(script.step(number, 2.0) for number in range(1, 30)),
        Warned(message=f"{went_back}; back to step 20, attempt 1"),
        RunResumed(step=20, exact=False),
        *(script.step(number, 2.0) for number in range(21, 35)),
        *([script.finished(35, reason, failure)] if reason else []),
    ]
    run = make_run("r", script.started(), *events)
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.until(lambda: told in shown(it, script, LearningCurve))
            foot = shown(it, script, LearningCurve).splitlines()[-1]
            assert foot.count("✗") == (2 if reason else 1) and foot.count("↑") == 1


def test_the_mean_of_losses_that_have_no_sum():
    """Huge losses and such as are no numbers spoil their own window, not the curve after it."""
    losses = [1.0, 2.0, 1e308, 1e308, 3.0, 5.0, math.nan, 1.0, 1.0]
    curve, grown = Curve(), GrowingPerplexity(2)
    curve.extend(range(1, 10), losses, 0.0)
    grown.update(curve, [])
    found = [math.log(value) if value > 0 else value for value in grown.values]
    assert found[:2] == [1.0, 1.5] and found[5] == pytest.approx(4.0) and found[8] == 1.0
    assert [math.isfinite(value) for value in found] == [True] * 2 + [False] * 3 + [True] + [False] * 2 + [True]
