"""Follows a run's event log in a thread and posts what is new."""

import contextlib
import threading
import time
from dataclasses import dataclass

from textual.message import Message

from rnnbench.runs.events import Event, RunContinued, RunFinished, RunPaused, RunResumed, RunStarted
from rnnbench.runs.log import EventFollower, read_end
from rnnbench.runs.narration import last_lines
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.store import CRASHED, Run
from rnnbench.tui.messages import EndGlanced, EventsArrived, StateChanged, Target, post

TICK_SECONDS = 0.25
CHUNK = 1 << 17  # bytes parsed before the interface gets a turn: about 3 ms of work
CHUNKS = 3  # of a history, posted together: more would be in memory twice, as events and as a curve
LONG = 1 << 22  # bytes of a log from where on its end is shown before it is read: half a second of reading
_GLANCE = 1 << 16
_YIELD_SECONDS = 0.0005
_DECISIVE = (RunStarted, RunResumed, RunPaused, RunContinued, RunFinished)  # the events that a run's state depends on


class RunFeed:
    """One run's events and state, posted to `target` at most four times a second; a history as fast as it is taken.

    Starts at the first byte of the log, so attaching to an old run and following a new one are one path. A log that
    is missing or cannot be read posts nothing and is tried again. Where another log has its name the feed says so, in
    its last message.
    """

    def __init__(self, target: Target, run: Run) -> None:
        self.run = run
        self._target = target
        self._follower = EventFollower(run.events_file)
        self._decisive = RunProgress()
        self._pending: list[Event] = []
        self._state = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"feed {run.name}", daemon=True)

    def start(self) -> None:
        """Begin to follow; call it once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, without waiting: it does within a quarter of a second, and posts no more."""
        self._stopping.set()

    @property
    def running(self) -> bool:
        """Whether the thread is still there."""
        return self._thread.is_alive()

    def _glance(self) -> None:
        """Post the end of a log that takes a while to read."""
        with contextlib.suppress(OSError):
            long = self.run.events_file.stat().st_size > LONG
            lines = last_lines(*read_end(self.run.events_file, _GLANCE)) if long else []
            if lines and not self._stopping.is_set():
                post(self._target, EndGlanced(self.run.name, lines))

    def _follow(self) -> None:
        self._glance()
        due, tick, caught_up = time.monotonic(), 0, False
        while not self._stopping.is_set():
            self._read_until(due)
            if self._follower.replaced:
                post(self._target, RunReplaced(self))
                return
            if caught_up:  # a history is read without pause
                self._stopping.wait(max(due - time.monotonic(), 0))
                self._read_until(due)  # what came in the meantime
            due = time.monotonic() + TICK_SECONDS
            at_end = self._follower.at_end
            looks = at_end and (tick % 2 == 0 or not caught_up)
            caught_up = caught_up or at_end
            self._post(self._changed_state() if looks else "", wait=not caught_up)
            tick += 1

    def _read_until(self, deadline: float) -> None:
        """Gather events, a piece of the log at least, up to its end or until it is time to show something."""
        with contextlib.suppress(OSError):
            for _ in range(CHUNKS):
                if self._stopping.wait(_YIELD_SECONDS):
                    return
                events = self._follower.poll(CHUNK)
                self._pending += events
                for event in events:
                    if isinstance(event, _DECISIVE):
                        self._decisive.apply(event)
                if self._follower.at_end or time.monotonic() >= deadline:
                    return

    def _changed_state(self) -> str:
        """The run's state if it is not the one posted last, else an empty string."""
        state = self.run.state(self._decisive)
        if state == CRASHED:  # or its last events were written after we read and before the lock was let go
            self._read_until(time.monotonic() + TICK_SECONDS)
            state = self.run.state(self._decisive)
        changed, self._state = state != self._state, state
        return state if changed else ""

    def _post(self, state: str, *, wait: bool = False) -> None:
        if self._pending and not self._stopping.is_set():
            news = EventsArrived(self.run.name, self._pending)
            self._pending = []
            if post(self._target, news) and wait:
                news.taken.wait(TICK_SECONDS)
        if state and not self._stopping.is_set():
            post(self._target, StateChanged(self.run.name, state))


@dataclass
class RunReplaced(Message):
    """The run that a feed followed was deleted and started again under its name: what was told is not of that one."""

    feed: RunFeed
