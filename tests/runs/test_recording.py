"""A run being written: locked, each event on disk before anyone sees it, its end always told."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import ExitCode, RnnbenchError, Stopped, UnavailableError
from rnnbench.runs.events import Event, LogOpened, Prepared, RunFinished, RunStarted, StepDone, Warned
from rnnbench.runs.log import read_events
from rnnbench.runs.recording import record
from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace


@pytest.fixture
def run(workspace: Workspace, make_config: Callable[..., RunConfig]) -> Run:
    """A run that nobody trains."""
    return RunStore(workspace).create("one", make_config())


@pytest.fixture
def story(make_event: Callable[..., Any]) -> list[Event]:
    """A short training."""
    return [
        make_event(Prepared),
        make_event(RunStarted),
        make_event(StepDone, step=7, elapsed_seconds=1.5),
        make_event(Warned, message="slow disk"),
    ]


def told(events: list[Event], end: BaseException | None = None) -> Iterator[Event]:
    """The events, and how it ends."""
    yield from events
    if end is not None:
        raise end


def logged(run: Run) -> list[Event]:
    """What the log holds, without its first line and times."""
    first, *rest = read_events(run.events_file)
    assert isinstance(first, LogOpened)
    return rest


def test_each_event_is_on_disk_before_it_is_seen(run: Run, story: list[Event]) -> None:
    """Whoever sees an event can find it in the log, as it is, while the lock is held."""
    seen = []
    for event in record(run, told(story)):
        seen.append(event)
        assert logged(run) == seen
        assert storage.lock_is_held(run.lock_file)
        assert event.at > 0
    assert [type(event) for event in seen] == [type(event) for event in story]
    assert not storage.lock_is_held(run.lock_file)


def test_nothing_begins_before_the_lock_is_held(
    run: Run, story: list[Event], held_elsewhere: Callable[[Path], contextlib.AbstractContextManager[int]]
) -> None:
    """A run trained elsewhere is not touched: no work, no event."""
    begun = []

    def training() -> Iterator[Event]:
        begun.append(True)
        yield from story

    with held_elsewhere(run.folder), pytest.raises(UnavailableError, match="run one is being trained by process"):
        next(record(run, training()))
    assert not begun
    assert not run.events_file.exists()


def test_a_stop_is_the_last_event_and_goes_on_up(run: Run, story: list[Event]) -> None:
    """The log says where it stopped; who called learns with which exit code."""
    seen: list[Event] = []
    with pytest.raises(Stopped) as caught:
        seen.extend(record(run, told(story, Stopped(ExitCode.INTERRUPTED))))
    assert caught.value.exit_code == ExitCode.INTERRUPTED
    end = logged(run)[-1]
    assert isinstance(end, RunFinished)
    assert (end.reason, end.step, end.elapsed_seconds, end.message) == ("stopped", 7, 1.5, "")
    assert run.state(run.progress()) == "stopped"


def test_a_stop_before_training_says_so(run: Run, story: list[Event]) -> None:
    """Stopped while the text was encoded: step 0, and the message tells why there is nothing."""
    with pytest.raises(Stopped):
        list(record(run, told(story[:1], Stopped())))
    end = logged(run)[-1]
    assert isinstance(end, RunFinished)
    assert (end.reason, end.step) == ("stopped", 0)
    assert "before training began" in end.message


@pytest.mark.parametrize(
    "error", [RnnbenchError("the loss is not finite", "a smaller rate"), MemoryError("big")], ids=str
)
def test_a_failure_is_the_last_event_and_goes_on_up(run: Run, story: list[Event], error: Exception) -> None:
    """What went wrong stands in the log with its step, is seen, and is raised."""
    seen: list[Event] = []

    def watch() -> None:
        for event in record(run, told(story, error)):
            seen.append(event)

    with pytest.raises(type(error)):
        watch()
    end = logged(run)[-1]
    assert isinstance(end, RunFinished)
    assert (end.reason, end.step, end.message) == ("failed", 7, str(error))
    assert seen[-1] == end
    assert run.state(run.progress()) == "failed"
    assert not storage.lock_is_held(run.lock_file)


def test_a_mistake_in_the_program_is_a_crash(run: Run, story: list[Event]) -> None:
    """An exception that nobody foresaw is no ordinary end: no end is written, and the lock is let go."""
    with pytest.raises(ZeroDivisionError):
        list(record(run, told(story, ZeroDivisionError())))
    assert len(logged(run)) == len(story)
    assert run.state(run.progress()) == "crashed"


def test_a_watcher_who_leaves_lets_go_of_the_run(run: Run, story: list[Event]) -> None:
    """Closing the stream closes the log and frees the lock; the run can be gone on with."""
    events = record(run, told(story))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert not storage.lock_is_held(run.lock_file)
    assert len(list(record(run, told(story)))) == len(story)
    assert len(logged(run)) == 1 + len(story)


def test_a_full_disk_ends_the_run_with_an_error(run: Run, story: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    """When even the log cannot be written, the error reaches the person, and the lock is free."""
    events = record(run, told(story))
    next(events)

    def full(descriptor: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_all", full)
    with pytest.raises(UnavailableError, match="No space left on device"):
        next(events)
    assert not storage.lock_is_held(run.lock_file)
