"""The queue on the screen: what it shows, and what can be done from it."""

import os

import pytest

from rnnbench.config import validate
from rnnbench.errors import RnnbenchError
from rnnbench.runs import queue_runner
from rnnbench.runs.events import RunPaused
from rnnbench.runs.queue import Queue
from rnnbench.runs.store import Run, RunStore
from rnnbench.tui.app import farewell
from rnnbench.tui.preferences import Preferences
from rnnbench.tui.queue_rows import read_queue
from rnnbench.tui.run_reader import RunReader
from rnnbench.tui.screens import queue as screen

QUEUED = validate({"corpus": {"file": "story.txt"}, "machine": {"device": "cpu"}})


@pytest.fixture
def queue(workspace, monkeypatch):
    """The queue; nobody starts what waits."""
    monkeypatch.setattr(queue_runner, "keep_going", lambda workspace: 0)
    return Queue(workspace)


@pytest.fixture
def waiting(queue):
    """Three runs that wait."""
    for name in ("a", "b", "山中"):
        queue.add(QUEUED, name)
    return queue


def names(queue):
    """What waits, in order."""
    return [entry.name for entry in queue.entries()]


async def open_queue(it, *texts):
    """Go to the queue and wait until it can be read."""
    await it.keys("k")
    await it.see("place", *texts)


async def test_the_queue_shows_what_is_trained_and_what_waits(bench, waiting, make_run, script):
    """Running runs on top without a place, then the entries in order; enter opens the one that is trained."""
    run = make_run("now", script.started(), script.step(3))
    with script.training(run):
        async with bench(script.NARROW) as it:
            await open_queue(it, "Queue: 3 waiting", "now", "山中", "story.txt", "lstm 256")
            rows = [line.split()[:3] for line in it.text().splitlines()[2:6]]
            assert rows[0][:2] == ["now", "running"]
            assert rows[1:] == [["1", "a", "waiting"], ["2", "b", "waiting"], ["3", "山中", "waiting"]]
            await it.keys("down", "enter")
            await it.see("a has not begun")
            await it.keys("up", "enter")
            await it.until(lambda: it.app.screen is it.screen)
            assert it.screen.attachment.run.name == "now" and it.focused_in("training")


async def test_entries_are_moved_removed_and_held_by_key(bench, waiting, script):
    """The cursor stays on the entry that moves; removing asks by name; h holds and lets go."""
    async with bench(script.WIDE) as it:
        await open_queue(it, "山中")
        await it.keys("down", "down", "u")
        await it.until(lambda: names(waiting) == ["a", "山中", "b"])
        await it.until(lambda: it.app.screen._selected().name == "山中" and it.app.screen._selected().place == 2)
        await it.keys("n")
        await it.until(lambda: names(waiting) == ["a", "b", "山中"])
        await it.until(lambda: it.app.screen._selected().place == 3)
        await it.keys("d")
        await it.see("Take 山中 out of the queue?")
        await it.keys("n")
        assert names(waiting) == ["a", "b", "山中"]
        await it.keys("d", "y")
        await it.see("山中 does not wait any more", "2 waiting")
        await it.keys("h")
        await it.see("2 waiting, held")
        assert waiting.is_held
        await it.keys("h")
        await it.until(lambda: not waiting.is_held)


async def test_the_form_is_added_under_a_free_name_each_time(bench, queue, script):
    """What the form says waits at the end; what is wrong with the form is said instead."""
    async with bench(script.WIDE) as it:
        await open_queue(it, "nothing waits")
        await it.keys("a")
        await it.see("no corpus is chosen")
        await it.keys("escape")
        await it.see("story.txt")
        await it.keys("1", "enter")
        await it.see("is chosen")
        await open_queue(it)
        await it.keys("a")
        await it.see("0 before it", "1 waiting")
        await it.keys("a")
        await it.see("1 before it", "2 waiting")
        first, second = names(queue)
        assert second == f"{first}-2"


async def test_a_second_run_can_wait_for_the_first(bench, queue, make_run, script, fake_jobs):
    """The question that is asked while a run trains has three answers: beside it, after it, and no."""
    run = make_run("now", script.started(), script.step(3), training={"max_steps": 5})
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.see("the form is filled")
            await it.keys("1", "escape", "s")
            await it.see("Start story-lstm beside it?", "queue it after that")
            await it.keys("n")
            await it.until(lambda: it.app.screen is it.screen)
            await it.keys("s")
            await it.see("queue it after that")
            await it.keys("k")
            await it.see("queued story-lstm, 1 before it")
            assert (names(queue), fake_jobs.started) == (["story-lstm"], [])
            assert queue.find("story-lstm").config.training.max_steps == 5


async def test_opening_the_workbench_lets_the_queue_go_on(bench, queue, script, monkeypatch):
    """Where runs wait and nobody starts them, the first screen does, and says so; a read-only one does not."""
    asked = []
    monkeypatch.setattr(queue_runner, "keep_going", lambda workspace: asked.append(workspace) or 3)
    async with bench(script.NARROW) as it:
        await it.see("the queue goes on: 3 waiting")
    assert asked == [queue.workspace]
    from rnnbench.tui.app import WorkbenchApp

    app = WorkbenchApp(queue.workspace, None, Preferences(read_only=True))
    async with app.run_test() as pilot:
        await pilot.pause()
    assert len(asked) == 1


async def test_a_queue_that_changes_elsewhere_is_followed(bench, waiting, script, monkeypatch):
    """An entry that another process adds, or that has a damaged file, is seen without a key."""
    from rnnbench.tui.screens import queue as screen

    monkeypatch.setattr(screen, "REFRESH_SECONDS", 0.05)
    async with bench(script.NARROW) as it:
        await open_queue(it, "3 waiting")
        (waiting.folder / "odd.json").write_text("{")
        await it.see("odd", "unreadable", "4 waiting")


async def test_a_look_that_fails_is_not_the_last(bench, waiting, script, monkeypatch):
    """What cannot be read is told, and read again."""
    from rnnbench.tui.screens import queue as screen

    def fail(queue):
        monkeypatch.setattr(screen, "read_queue", read_queue)
        raise RnnbenchError("the disk is away")

    monkeypatch.setattr(screen, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(screen, "read_queue", fail)
    async with bench(script.NARROW) as it:
        await open_queue(it, "the disk is away", "3 waiting")


async def test_two_quick_presses_hold_and_let_go(bench, waiting, script, monkeypatch):
    """The second undoes the first, though the screen has not seen that yet; each says what it did."""
    async with bench(script.NARROW) as it:
        await open_queue(it, "3 waiting")
        said = []
        monkeypatch.setattr(it.app.screen, "say", said.append)
        it.app.screen.action_hold_queue()
        it.app.screen.action_hold_queue()
        await it.until(lambda: len(said) == 2)
        assert not waiting.is_held
        assert sorted(said) == ["the queue goes on", "the queue is held: h lets it go on"]


def test_no_whole_log_is_read_to_know_what_is_paused(queue, make_run, script, monkeypatch):
    """A look every two seconds, and the farewell, take a glance at a log that may have grown long."""
    run = make_run("r", script.started(), script.step(3), RunPaused(step=3))
    monkeypatch.setattr(Run, "progress", lambda run: pytest.fail("the log was read"))
    with script.training(run):
        assert [row.state for row in read_queue(queue).rows] == ["paused"]
        assert "r (paused)" in farewell(queue.workspace)


def test_a_folder_of_somebody_else_hides_no_run(queue, make_run, script, monkeypatch):
    """What may not be looked into is no run; the others are listed, and the queue goes on."""
    for name in ("mine", "theirs"):
        make_run(name, script.started()).events_file.unlink()
    real = os.stat

    def stat(path, *arguments, **options):
        if "theirs/" in os.fsdecode(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    store = RunStore(queue.workspace)
    assert [run.name for run in store.runs()] == ["mine"] == [row.name for row in RunReader(store).rows()]
    assert "theirs" not in queue.occupied()


async def test_a_held_queue_says_so_also_when_nothing_waits(bench, waiting, script):
    """Whoever queues a run for the night sees that nothing would start it."""
    for name in names(waiting):
        waiting.remove(name)
    waiting.hold()
    async with bench(script.NARROW) as it:
        await it.keys("k")
        await it.see("Queue: nothing waits, held")


async def test_nobody_is_said_to_start_only_when_nobody_came(bench, waiting, script, monkeypatch):
    """A process that starts what waits needs a moment to be there: until then no advice is given."""
    monkeypatch.setattr(screen, "REFRESH_SECONDS", 0.05)
    async with bench(script.WIDE) as it:
        await open_queue(it, "Queue: 3 waiting")
        assert "nobody starts them" not in it.text()
        monkeypatch.setattr(screen, "STARTING_SECONDS", 0.0)
        await it.see("3 waiting, nobody starts them: h twice lets it go on")
