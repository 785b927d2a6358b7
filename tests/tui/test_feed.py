"""A run's events and state, as they reach the workbench."""

import os
import time

import pytest
from textual.message import Message

from rnnbench import config as configuration
from rnnbench.runs.events import Event, LogOpened, RunContinued, RunFinished, RunPaused, SettingChanged, Warned, to_line
from rnnbench.runs.log import EventFollower, EventWriter
from rnnbench.runs.store import Run, RunStore
from rnnbench.tui.feed import CHUNK, CHUNKS, LONG, TICK_SECONDS, RunFeed
from rnnbench.tui.messages import EndGlanced, EventsArrived
from rnnbench.workspace import Workspace

PATIENCE = 20.0


@pytest.fixture
def run(tmp_path) -> Run:
    config = configuration.validate({"corpus": {"file": "some.txt"}})
    return RunStore(Workspace(tmp_path)).create("tm", config)


@pytest.fixture
def feed(run, inbox):
    feed = RunFeed(inbox, run)
    yield feed
    feed.stop()


@pytest.fixture
def log(run):
    log = EventWriter(run.events_file)
    yield log
    log.close()


def _numbers(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


def test_what_was_written_before_and_what_comes_after(feed, inbox, log, run):
    """Attaching begins at the first byte and goes on with every new line, each event once and in order."""
    for number in range(3):
        log.append(Warned(message=str(number)))
    feed.start()
    events = inbox.events(4)
    log.append(Warned(message="3"))
    assert _numbers(events + inbox.events(1)) == ["0", "1", "2", "3"]


def test_messages_name_their_run(feed, inbox, log):
    """Whoever watches several runs can tell their events apart."""
    feed.start()
    assert inbox.next().run_name == "tm"


def test_a_log_that_does_not_exist_yet_is_waited_for(feed, inbox, run):
    """A run whose process is still starting has no log; its first events are not missed."""
    feed.start()
    assert inbox.state() == "crashed"
    log = EventWriter(run.events_file)
    log.append(Warned(message="first"))
    log.close()
    assert _numbers(inbox.events(2)) == ["first"]


def test_an_unreadable_log_is_tried_again(feed, inbox, log, monkeypatch):
    """A log that cannot be read for a while ends nothing; its events arrive once it can be."""
    log.append(Warned(message="late"))
    real, refusals = EventFollower.poll, [PermissionError("not now")] * 5

    def poll(self, limit):
        if refusals:
            raise refusals.pop()
        return real(self, limit)

    monkeypatch.setattr(EventFollower, "poll", poll)
    feed.start()
    assert _numbers(inbox.events(2)) == ["late"]
    assert not refusals


def test_a_torn_line_is_not_an_event_until_it_is_whole(feed, inbox, run):
    """A reader that comes in the middle of a write sees the event once, whole."""
    line = to_line(Warned(message="中文"))
    with run.events_file.open("wb", buffering=0) as file:
        file.write(to_line(Warned(message="before")) + line[:-6])
        feed.start()
        assert _numbers(inbox.events(1)) == ["before"]
        file.write(line[-6:])
        assert _numbers(inbox.events(1)) == ["中文"]


def test_a_backlog_comes_in_few_messages(feed, inbox, run):
    """Many megabytes of history are handed over in pieces of several hundred kilobytes, each when the last was taken."""
    line = to_line(SettingChanged(step=1, name="x" * 500, value="y"))
    count = 30_000
    run.events_file.write_bytes(line * count)
    feed.start()
    began = time.monotonic()
    seen = pieces = 0
    while seen < count:
        message = inbox.next()
        if isinstance(message, EventsArrived):
            pieces += 1
            seen += len(message.events)
            message.taken.set()
    assert seen == count
    assert pieces <= 2 + run.events_file.stat().st_size / (CHUNK * CHUNKS) + (time.monotonic() - began) / TICK_SECONDS


def test_the_end_of_a_long_history_comes_first(feed, inbox, run, script):
    """Its last lines are there before anything was read; no more of them than a screen can show many times over."""
    with run.events_file.open("wb") as file:
        file.write(to_line(LogOpened()) + to_line(script.started()))
        for number in range(LONG // 40):
            file.write(to_line(Warned(message=str(number))))
    feed.start()
    message = inbox.next()
    assert isinstance(message, EndGlanced)
    assert message.lines[-1] == f"warning: {number}"
    assert 100 < len(message.lines) < 10_000


def test_the_state_follows_the_lock_and_the_last_event(feed, inbox, run):
    """running while the lock is held, then what the last event says; never crashed in between."""
    states = []
    with run.locked():
        log = EventWriter(run.events_file)
        feed.start()
        states.append(inbox.state())
        log.append(RunFinished(reason="stopped", step=5, elapsed_seconds=1.0))
        log.close()
    states.append(inbox.state())
    with run.locked():
        states.append(inbox.state())
    assert states == ["running", "stopped", "running"]


def test_a_pause_is_a_state(feed, inbox, log, run):
    """It comes and goes with its events, while the lock stays."""
    with run.locked():
        feed.start()
        assert inbox.state() == "running"
        log.append(RunPaused(step=1))
        assert inbox.state() == "paused"
        log.append(RunContinued(step=1))
        assert inbox.state() == "running"


def test_a_run_whose_process_died_has_crashed(feed, inbox, log):
    """A log without an end and a lock that nobody holds: crashed."""
    log.append(Warned(message="last words"))
    feed.start()
    assert inbox.state() == "crashed"


def test_the_end_that_is_written_while_the_lock_is_looked_at_counts(inbox, log, run, monkeypatch):
    """A run that ends between the reading of its log and the look at its lock is not taken for a crash."""
    feed = RunFeed(inbox, run)
    real = Run.state
    ending = [RunFinished(reason="finished", step=9, elapsed_seconds=1.0)]

    def ended_just_before(self, progress):
        if ending:
            log.append(ending.pop())
        return real(self, progress)

    monkeypatch.setattr(Run, "state", ended_just_before)
    feed.start()
    assert inbox.state() == "finished"
    feed.stop()


def test_stop_ends_the_thread_and_the_messages(feed, inbox, log):
    """After stop() the thread goes, and what is written then is not posted."""
    feed.start()
    inbox.events(1)
    feed.stop()
    deadline = time.monotonic() + PATIENCE
    while feed.running and time.monotonic() < deadline:
        os.sched_yield()
    assert not feed.running
    while not inbox.messages.empty():
        inbox.messages.get()
    log.append(Warned(message="too late"))
    assert inbox.messages.empty()


def test_a_target_that_is_gone_does_not_end_the_thread_with_an_error(run, log):
    """An app that has closed its loop loses messages and nothing else."""

    class Gone:
        asked = 0

        def post_message(self, message: Message) -> bool:
            self.asked += 1
            raise RuntimeError("Event loop is closed")

    gone = Gone()
    feed = RunFeed(gone, run)
    feed.start()
    deadline = time.monotonic() + PATIENCE
    while gone.asked < 2 and time.monotonic() < deadline:
        os.sched_yield()
    assert gone.asked >= 2
    assert feed.running
    feed.stop()
