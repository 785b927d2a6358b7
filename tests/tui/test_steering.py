"""What is asked of a run while it is going: by key, answered by its log, refused with a reason."""

import pytest
from textual.widgets import Input

from rnnbench.runs import jobs
from rnnbench.runs.events import CheckpointSaved, RunContinued, RunPaused, SampleDrawn, SettingChanged
from rnnbench.tui import actions
from rnnbench.tui.feed import RunFeed
from rnnbench.tui.panes.bars import KeyLine, StatusLine
from rnnbench.tui.panes.model import ModelPane


def keys_shown(it, script):
    """The line of keys of the screen on top."""
    return script.widget_text(it.app.screen.query_one(KeyLine))


async def until_state(it, state):
    """Wait until the open run is in that state."""
    await it.until(lambda: it.screen.attachment and it.screen.attachment.state == state)


async def test_pause_and_continue_share_a_key(bench, make_run, script):
    """`p` asks for what the state allows; the log's answer is told once, and the header and the keys follow."""
    run = make_run("r", script.started(), script.step(3))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await until_state(it, "running")
            await it.keys("3", "p")
            await it.until(lambda: "asked r to pause after its step" in it.screen.status.message)
            await it.until(lambda: list(run.requests.glob("*.json")))
            assert [request for request, _ in jobs.pending(run)] == ["pause"]
            script.write(run, script.saved(3), RunPaused(step=3))
            await it.see("‖ paused", "p Continue", "r: paused at step 3, saved")
            assert "tokens/s   " not in it.text() and " left" not in it.text()
            assert "p Pause" not in keys_shown(it, script)
            await it.keys("p")
            await it.until(lambda: list(run.requests.glob("*.json")))
            assert [request for request, _ in jobs.pending(run)] == ["continue"]
            script.write(run, RunContinued(step=3))
            await it.see("▶ running", "p Pause", "r: goes on from step 3")


async def test_what_happened_before_is_not_an_answer(bench, make_run, script):
    """A pause in the history of a run says nothing in the status line."""
    run = make_run("r", script.started(), script.step(3), RunPaused(step=3))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.see("‖ paused", "paused at step 3, saved")
            assert "paused" not in it.screen.status.message


@pytest.mark.parametrize(
    ("key", "request_", "event", "told"),
    [
        ("w", "save", CheckpointSaved(step=5, best=False, bytes=2_000_000), "r: checkpoint at step 5: 2.0 MB"),
        ("g", "sample", SampleDrawn(step=5, prompt="It ", text="was[/x]"), "r: sample at step 5: It was[/x]"),
    ],
    ids=["save", "sample"],
)
async def test_save_and_sample_now(bench, make_run, script, key, request_, event, told):
    """The request is left, and the event that answers it is told."""
    run = make_run("r", script.started(), script.step(3))
    with script.training(run):
        async with bench(script.NARROW) as it:
            await until_state(it, "running")
            await it.keys("3", key)
            await it.until(lambda: list(run.requests.glob("*.json")))
            assert [request for request, _ in jobs.pending(run)] == [request_]
            script.write(run, event)
            await it.until(lambda: it.screen.status.message == told)


async def test_settings_are_changed_in_a_dialog(bench, make_run, script):
    """It opens with the present values, says what is wrong, and asks only for what is different."""
    changed = SettingChanged(step=2, name="training.learning_rate", value="0.25")
    run = make_run("r", script.started(), script.step(3), changed, training={"clip_norm": "off"})
    with script.training(run):
        async with bench(script.NARROW) as it:
            await until_state(it, "running")
            await it.until(lambda: it.screen.attachment.is_read)
            await it.keys("3", "v")
            await it.see("Settings of r", "0.25", "off", "made with 0.003")
            assert keys_shown(it, script).split() == [
                "enter",
                "Use",
                "tab",
                "Other",
                "field",
                "esc",
                "Leave",
                "as",
                "it",
                "is",
            ]
            await it.keys("enter")
            await it.see("nothing is different yet")
            rate = it.app.screen.query_one("#setting-learning_rate", Input)
            rate.value = "fast[/x]"
            await it.keys("enter")
            await it.see("learning_rate = fast[/x]: should be a number above 0")
            rate.value = "0.125"
            await it.keys("tab")
            it.app.screen.focused.value = "5"
            await it.keys("enter")
            await it.until(lambda: len(list(run.requests.glob("*.json"))) == 2)
            asked = [("set", {"name": "learning_rate", "value": "0.125"}), ("set", {"name": "clip_norm", "value": "5"})]
            assert jobs.pending(run) == asked
            script.write(run, SettingChanged(step=4, name="training.clip_norm", value="5"))
            await it.until(lambda: it.screen.status.message == "r: training.clip_norm is now 5, from step 4")


async def test_without_a_trainer_the_reason_is_told(bench, make_run, script):
    """A run that is over is asked nothing."""
    run = make_run("r", script.started(), script.step(3), script.finished(3, "stopped"))
    async with bench(script.WIDE) as it:
        await until_state(it, "stopped")
        await it.keys("3")
        for key in ("p", "w", "g", "v", "x"):
            it.screen.say("")
            await it.keys(key)
            await it.until(lambda: "no run is training here" in it.screen.status.message)
        assert not list(run.requests.iterdir())


async def test_settings_are_not_shown_before_the_log_is_read(bench, make_run, script, monkeypatch):
    """Their present values stand in it."""
    monkeypatch.setattr(RunFeed, "start", lambda feed: None)
    run = make_run("r", script.started(), script.step(3))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await until_state(it, "running")
            assert not it.screen.attachment.is_read
            await it.keys("3", "v")
            await it.until(lambda: "still being read" in it.screen.status.message)
            assert it.app.screen is it.screen


async def test_what_a_paused_run_cannot_do(bench, make_run, script):
    """It waits, so it neither saves again nor writes; it says so."""
    run = make_run("r", script.started(), script.step(3), RunPaused(step=3))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await until_state(it, "paused")
            await it.keys("3", "w")
            await it.until(lambda: "was saved when it paused" in it.screen.status.message)
            await it.keys("g")
            await it.until(lambda: "writes samples when it goes on" in it.screen.status.message)
            assert not list(run.requests.iterdir())


FOOTERS = {
    "running": ({"p Pause", "x Stop", "v Rate", "w Save"}, {"p Continue", "u Resume", "u Train on"}),
    "paused": ({"p Continue", "x Stop", "v Rate"}, {"p Pause", "w Save", "u Resume", "u Train on"}),
    "stopped": ({"u Resume", "s Start"}, {"p Pause", "p Continue", "x Stop", "v Rate", "u Train on"}),
    "finished": ({"u Train on", "s Start"}, {"p Pause", "p Continue", "x Stop", "v Rate", "u Resume"}),
}


@pytest.mark.parametrize("state", FOOTERS)
async def test_keys_shown_are_those_that_do_something(bench, make_run, script, state):
    """In each state of the open run; and a dialog shows its own only."""
    ends = {"paused": [RunPaused(step=3)], "stopped": [script.finished(3, "stopped")], "finished": [script.finished(3)]}
    run = make_run("r", script.started(), script.step(3), *ends.get(state, []))
    there, gone = FOOTERS[state]

    async def look():
        async with bench(script.WIDE) as it:
            await until_state(it, state)
            await it.keys("3")
            await it.until(lambda: all(text in keys_shown(it, script) for text in there))
            assert not [text for text in gone if text in keys_shown(it, script)]
            await it.keys("question_mark")
            await it.until(
                lambda: keys_shown(it, script).split() == ["↑", "↓", "Scroll", "esc", "?", "q", "enter", "Close"]
            )

    if state in ("running", "paused"):
        with script.training(run):
            await look()
    else:
        await look()


def test_actions_on_one_key_never_apply_together():
    """Whatever the state, a key means one thing in one place."""
    states = ("running", "paused", "finished", "stopped", "failed", "crashed", "starting", "")
    for place in actions.PLACES:
        for state in states:
            found = [a for a in actions.actions_for(place) if a.states and a.applies(state) and not a.built_in]
            keys = [key for action in found for key in action.keys]
            assert len(keys) == len(set(keys)), (place, state, keys)


async def test_a_paused_run_goes_on_by_resume_and_is_not_stopped_silently(bench, make_run, fake_jobs, script):
    """`u` on a paused run asks it to continue; no second process is started."""
    run = make_run("r", script.started(), script.step(3), RunPaused(step=3))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await until_state(it, "paused")
            await it.keys("3", "u")
            await it.until(lambda: list(run.requests.glob("*.json")))
            assert [request for request, _ in jobs.pending(run)] == ["continue"] and not fake_jobs.resumed


async def test_a_run_that_died_while_paused_is_not_paused_when_it_is_resumed(bench, make_run, fake_jobs, script):
    """It starts, whatever the old log says, until its own process has something to say."""
    run = make_run("r", script.started(), script.step(3), RunPaused(step=3))
    async with bench(script.WIDE) as it:
        await until_state(it, "crashed")
        await it.keys("3", "u")
        await until_state(it, "starting")
        with script.training(run):
            await it.until(lambda: it.screen.attachment._derived == "paused")
            assert it.screen.attachment.state == "starting"
            script.write(run, script.started(), script.step(4))
            await until_state(it, "running")


async def test_a_finished_run_is_offered_as_a_new_one(bench, make_run, fake_jobs, script):
    """`u` fills the form from it, to begin with its weights, and goes to the budget; nothing is started."""
    make_run("done", script.started(), script.step(9), script.finished(9), training={"max_steps": 9})
    async with bench(script.WIDE) as it:
        await until_state(it, "finished")
        await it.keys("3", "u")
        form = it.screen.query_one(ModelPane).form
        await it.until(lambda: form.texts.get("training.start_from") == "done")
        row = it.screen.query_one(ModelPane).rows()["training.max_steps"]
        await it.until(lambda: it.screen.focused is row.control)
        assert "this run begins with the weights of done: set a budget, esc, s" in it.screen.status.message
        await it.see("story.txt  from done")
        assert form.name() != "done" and not fake_jobs.started and not fake_jobs.resumed


async def test_the_list_of_runs_pauses_and_continues(bench, make_run, script):
    """`p` works on the selected run, whose state is shown; a finished one is not resumed from there."""
    make_run("over", script.started(), script.finished(1))
    run = make_run("r", script.started(), script.step(3), RunPaused(step=3))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.keys("escape", "r")
            await it.until(lambda: "p Continue" in keys_shown(it, script))
            await it.see("paused")
            await it.keys("p")
            await it.until(lambda: list(run.requests.glob("*.json")))
            assert [request for request, _ in jobs.pending(run)] == ["continue"]
            await it.keys("down", "down")  # the second finds nothing below; one alone was once lost on a busy machine
            await it.until(lambda: "p Continue" not in keys_shown(it, script))
            await it.keys("u")
            await it.until(lambda: "over has finished" in it.app.screen.query_one(StatusLine).message)
            await it.keys("p")
            await it.until(lambda: "over is not training" in it.app.screen.query_one(StatusLine).message)


async def test_samples_are_paged_by_step(bench, make_run, script):
    """The last evaluation first, whole and harmless; left and right turn the page, no further than there are pages."""
    samples = [SampleDrawn(step=step, prompt="It ", text=f"was {step}\n\x1b[2J[/x]" + "y" * 200) for step in (5, 10)]
    run = make_run("r", script.started(), script.step(10))
    async with bench(script.NARROW) as it:
        await until_state(it, "crashed")
        await it.keys("3", "m", "left", "right")
        await it.see("There are no samples yet")
        await it.keys("escape")
        script.write(run, *samples, script.finished(10))
        await until_state(it, "finished")
        await it.keys("m")
        await it.see("Samples at step 10", "2 of 2", "It was 10", "␛[2J[/x]y")
        await it.keys("left", "left", "down")
        await it.see("Samples at step 5", "1 of 2", "It was 5")
        await it.keys("right")
        await it.see("Samples at step 10")
        await it.keys("escape")
        await it.until(lambda: it.app.screen is it.screen)


async def test_what_was_said_is_forgotten(bench, make_run, script, monkeypatch):
    """A message leaves the status line after a while; an error stays longer."""
    from rnnbench.tui.panes import bars

    monkeypatch.setattr(bars, "SAID_SECONDS", 0.05)
    make_run("r", script.started(), script.finished(1))
    async with bench(script.WIDE) as it:
        await until_state(it, "finished")
        it.screen.say("news")
        await it.until(lambda: it.screen.status.message == "")
        for _ in range(20):  # what the workbench says of itself meanwhile takes the place of the error
            it.screen.nothing("an error")
            await it.pilot.pause(0.2)
            if it.screen.status.message == "an error":
                return
        raise AssertionError("the error was forgotten as soon as any message")


async def test_an_answer_to_a_key_goes_with_the_next_key(bench, make_run, script):
    """Why nothing was done is red until another key is pressed; what is wrong with a run stays."""
    from rnnbench.errors import RnnbenchError, UsageError

    make_run("r", script.started(), script.finished(1))
    async with bench(script.WIDE) as it:
        await it.keys("r")
        await it.see("1 run")
        await it.keys("c")
        await it.see("mark two or more runs")
        await it.keys("down")
        assert it.app.screen.status.message == ""
        it.app.screen.fail(UsageError("no such thing"))
        await it.keys("up")
        assert it.app.screen.status.message == ""
        it.app.screen.fail(RnnbenchError("the disk is full"))
        await it.keys("up")
        assert it.app.screen.status.message == "the disk is full"


async def test_help_and_palette_are_in_the_line_of_keys_whatever_else_there_is(bench, make_run, script):
    """Where there is little room other keys give way."""
    run = make_run("r", script.started())
    with script.training(run):
        async with bench(script.NARROW) as it:
            for key in ("1", "3", "r", "k"):
                await it.keys(key)
                await it.until(lambda: it.text().splitlines()[-1].rstrip().endswith("? Help  ^p Palette"))


async def test_an_error_is_told_once(bench, script):
    """In the status line; only where it does not fit also as a note that shows all of it."""
    from textual.widgets._toast import Toast

    from rnnbench.errors import RnnbenchError

    async with bench(script.WIDE) as it:
        it.screen.fail(RnnbenchError("short"))
        await it.see("short")
        assert not it.screen.query(Toast)
        it.screen.fail(RnnbenchError("long " * 40))
        await it.until(lambda: it.screen.query(Toast))


async def test_the_summary_makes_room_for_what_is_said(bench, make_run, script):
    """Beside each other where both fit; else what is said can be read, and the summary comes back after it."""
    make_run("r", script.started(), script.step(3), script.finished(3))
    async with bench(script.NARROW) as it:
        await it.until(lambda: "r finished" in script.widget_text(it.screen.status))
        it.screen.say("short")
        await it.until(lambda: script.widget_text(it.screen.status).split() == ["r", "finished", "step", "3", "short"])
        it.screen.say("long " * 14)
        await it.until(lambda: script.widget_text(it.screen.status).split() == ["long"] * 14)
        it.screen.say("")
        await it.until(lambda: script.widget_text(it.screen.status).split() == ["r", "finished", "step", "3"])
