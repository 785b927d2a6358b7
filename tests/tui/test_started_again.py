"""A run that is deleted and started again under its name from elsewhere, while it is open or compared."""

import shutil
import threading

import pytest

from rnnbench.runs.events import StepDone
from rnnbench.tui import comparison_feed
from rnnbench.tui.attachment import Attachment
from rnnbench.tui.comparison_feed import ComparisonFeed, RunCompared
from rnnbench.tui.feed import RunFeed, RunReplaced
from rnnbench.tui.messages import StateChanged
from rnnbench.tui.panes.model import ModelPane


@pytest.fixture
def again(make_run):
    """Deletes a run for good and makes another of its name."""

    def make(run, *events, **tables):
        shutil.rmtree(run.folder)
        return make_run(run.name, *events, **tables)

    return make


@pytest.mark.parametrize("steps", [1, 200])
def test_a_feed_ends_with_the_word_that_its_log_is_another_one(make_run, again, script, inbox, steps):
    """Shorter or longer than the old one: none of the new run's events is taken for the old one's."""
    run = make_run("r", script.started(), *map(script.step, range(1, 60)), script.finished(59))
    feed = RunFeed(inbox, run)
    feed.start()
    inbox.until(StateChanged)
    again(run, script.started(), *map(script.step, range(1, steps)))
    assert inbox.until(RunReplaced) == [RunReplaced(feed)]
    feed._thread.join(20)
    assert not feed.running and inbox.messages.empty()


def test_a_deleted_run_is_waited_for_without_a_word(make_run, script, inbox):
    """Its folder may come back from the trash: then the feed goes on where it was."""
    run = make_run("r", script.started(), script.step(1), script.finished(1))
    feed = RunFeed(inbox, run)
    feed.start()
    inbox.until(StateChanged)
    away = run.folder.with_name("away")
    run.folder.rename(away)
    sizes, size = threading.Semaphore(0), feed._follower._size
    feed._follower._size = lambda: (sizes.release(), size())[1]
    assert all(sizes.acquire(timeout=20) for _ in range(3))
    assert feed.running
    away.rename(run.folder)
    script.write(run, script.step(2))
    assert [event.step for event in inbox.events(1) if isinstance(event, StepDone)] == [2]
    feed.stop()


def test_an_attachment_knows_its_own_feed(make_run, script, inbox):
    """What an earlier feed to a run of that name says late is not about this one."""
    run = make_run("r", script.started())
    one, other = Attachment(inbox, run), Attachment(inbox, run)
    assert one.is_fed_by(one._feed) and not one.is_fed_by(other._feed)


async def test_the_open_run_is_read_anew(bench, make_run, again, script):
    """Nothing of the old log stays, and the form keeps what was chosen in it."""
    run = make_run("r", script.started(), *map(script.step, range(1, 60)), script.evaluated(50, 1.5))
    async with bench(script.WIDE) as it:
        await it.until(lambda: it.screen.attachment and it.screen.attachment.state == "crashed")
        form = it.screen.query_one(ModelPane)
        await it.until(lambda: "filled from" in it.screen.status.message)
        form.choose("model.hidden", "12")
        new = again(run, script.started(planned_steps=50), *map(script.step, range(1, 90)), model={"hidden": 77})
        with script.training(new):
            await it.see("r was deleted and started again")
            await it.until(lambda: it.screen.attachment.is_read)
            progress = it.screen.attachment.progress
            assert list(progress.train.steps) == list(range(1, 90)) and not progress.evaluations
            assert progress.started.planned_steps == 50 and it.screen.attachment.state == "running"
        await it.until(lambda: it.screen.attachment.state == "crashed")
        assert form.form.texts["model.hidden"] == "12"


def test_a_compared_run_is_read_anew(make_run, again, script, inbox, monkeypatch):
    """Its curve, its figures and its settings are those of the run that has the name now."""
    monkeypatch.setattr(comparison_feed, "TICK_SECONDS", 0.05)
    scores = [script.evaluated(step, 3.0) for step in range(1, 30)]
    run = make_run("r", script.started(), *scores, script.finished(30), model={"hidden": 77})
    feed = ComparisonFeed(inbox, [run])
    feed.start()
    assert len(inbox.until(RunCompared)[-1].compared.points) == 29
    again(run, script.started(), *[script.evaluated(step, 1.0) for step in range(31, 99)], model={"hidden": 12})
    found = inbox.until(RunCompared)[-1].compared
    while len(found.points) < 68:
        found = inbox.until(RunCompared)[-1].compared
    feed.stop()
    assert [point.step for point in found.points] == list(range(31, 99))
    assert found.config.model.hidden == 12
