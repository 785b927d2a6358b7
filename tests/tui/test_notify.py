"""Word that a run has ended: who is told of, in which words, and what reaches the terminal."""

import pytest

from rnnbench.runs.events import RunResumed
from rnnbench.runs.progress import fold
from rnnbench.runs.store import RunStore
from rnnbench.tui import notifying
from rnnbench.tui.app import WorkbenchApp
from rnnbench.tui.notifying import RunEnded, RunWatch, outcome, terminal_signal
from rnnbench.tui.preferences import Preferences

NOT_FINITE = "the loss is not finite any more"


@pytest.mark.parametrize(
    "state,reason,message,words",
    [
        ("finished", "finished", "", "finished: best perplexity 4.300 at step 2,000"),
        ("stopped", "stopped", "", "stopped at step 3,000: best perplexity 4.300 at step 2,000"),
        ("failed", "failed", NOT_FINITE, "diverged at step 3,000"),
        ("failed", "failed", "disk\x1b full", "failed at step 3,000: disk␛ full"),
        ("crashed", "", "", "crashed: the trainer ended without saying why"),
    ],
)
def test_outcome_in_words(script, state, reason, message, words):
    """How a run ended is said in a line, with the figure that counts and without anything that drives a terminal."""
    events = [script.started(), script.evaluated(2000, 1.458615), script.evaluated(3000, 1.6)]
    if reason:
        events.append(script.finished(3000, reason, message))
    assert outcome(state, fold(events)) == words


def test_every_run_that_was_seen_training_is_told_of_once(make_run, script, workspace, inbox):
    """The watch finds runs by itself, of those that end it tells one by one, and of those that were over it is silent."""
    make_run("over", script.started(), script.finished(1))
    one = make_run("one", script.started(), script.evaluated(7, 1.0))
    two = make_run("two", script.started(), script.step(3))
    watch = RunWatch(inbox, RunStore(workspace), look_seconds=0.02)
    with script.training(one):
        with script.training(two):
            watch.start()
            while set(watch._training) != {"one", "two"}:
                watch._stopping.wait(0.01)
            script.write(two, script.finished(3, "failed", NOT_FINITE))
        told = inbox.next()
        assert told == RunEnded("two", "failed", "diverged at step 3") and list(watch._training) == ["one"]
        script.write(one, script.finished(9))
    assert inbox.next() == RunEnded("one", "finished", "finished: best perplexity 2.718 at step 7")
    with script.training(two):
        watch.see(two)
        while "two" not in watch._training:
            watch._stopping.wait(0.01)
        script.write(two, RunResumed(step=3, exact=True))
    assert inbox.next() == RunEnded("two", "crashed", "crashed: the trainer ended without saying why")
    watch.stop()


@pytest.mark.parametrize(
    "environment,sent",
    [
        ({"TERM": "xterm-256color"}, "\a\x1b]9;rnnbench: r: done\x1b\\"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, "\a\x1b]777;notify;rnnbench: r;done\x1b\\"),
        ({"TERM": "tmux-256color", "TMUX": "/x"}, "\a\x1bPtmux;\x1b\x1b]9;rnnbench: r: done\x1b\x1b\\\x1b\\"),
        ({"TERM": "screen"}, "\a"),
        ({"TERM": "linux"}, "\a"),
        ({}, "\a"),
    ],
)
def test_terminal_is_told_in_its_own_way(environment, sent):
    """The bell everywhere; a notification only where its escape does no harm, in an envelope inside tmux."""
    assert terminal_signal("r", "done", environment) == sent


def test_nothing_in_the_words_drives_the_terminal():
    """Whatever a name or an error message holds, one escape is sent and it ends where it should."""
    hostile = "a\x1b]52;c;eA==\a\x9c\u202e;b\r\n" + "x" * 900
    for environment in ({"TERM": "xterm"}, {"TERM": "foot"}, {"TERM": "tmux", "TMUX": "/x"}):
        sent = terminal_signal(hostile, hostile, environment)
        assert sum(not character.isprintable() for character in sent) == sum(
            not character.isprintable() for character in terminal_signal("r", "done", environment)
        )
        assert len(sent) < 600


@pytest.mark.parametrize("wanted", [True, False])
async def test_toast_bell_and_escape(bench, make_run, script, monkeypatch, wanted):
    """A run that ends is told by a toast; bell and escape only where the user wants them."""
    monkeypatch.setattr(WorkbenchApp.__init__, "__defaults__", (None, Preferences(notify=wanted)))
    monkeypatch.setattr(notifying.RunWatch.__init__, "__defaults__", (0.05,))
    run = make_run("r-1", script.started(), script.evaluated(2000, 1.458615))
    async with bench(script.WIDE) as it:
        written = []
        monkeypatch.setattr(it.app._driver, "write", written.append)
        with script.training(run):
            await it.until(lambda: "r-1" in it.app._watch._training)
            script.write(run, script.finished(3000))
        await it.see("best perplexity 4.300 at step 2,000")
        await it.until(lambda: any("\a" in text for text in written) == wanted)
        assert [text for text in written if "\a" in text] == (
            [notifying.present_signal("r-1", "finished: best perplexity 4.300 at step 2,000")] if wanted else []
        )
