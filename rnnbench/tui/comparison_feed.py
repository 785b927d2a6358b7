"""Follows several runs in one thread and posts what they have come to."""

import contextlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from textual.message import Message

from rnnbench.config import RunConfig
from rnnbench.runs import comparing
from rnnbench.runs.comparing import Compared
from rnnbench.runs.log import EventFollower
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.store import CRASHED, Run
from rnnbench.tui.messages import Target, post

TICK_SECONDS = 1.0
_CHUNK = 1 << 15  # bytes parsed before the interface gets a turn: about 3 ms of work
_YIELD_SECONDS = 0.0005


@dataclass
class RunCompared(Message):
    """A run is another than before: its figures and its curve as they are now."""

    compared: Compared


class ComparisonFeed:
    """The runs as snapshots, each posted to `target` when its log has been read and whenever it changed since, at most
    once a second. The events are folded in the thread: six long logs would hold the keys up."""

    def __init__(self, target: Target, runs: Iterable[Run]) -> None:
        self._target = target
        self._stopping = threading.Event()
        self._followed = [_Followed(run, self._stopping) for run in runs]
        self._thread = threading.Thread(target=self._follow, name="comparison", daemon=True)

    def start(self) -> None:
        """Begin to follow; call it once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, without waiting; it posts no more."""
        self._stopping.set()

    @property
    def running(self) -> bool:
        """Whether the thread is still there."""
        return self._thread.is_alive()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            for followed in self._followed:
                changed = followed.look()
                if changed is not None and not self._stopping.is_set():
                    post(self._target, RunCompared(changed))
            self._stopping.wait(TICK_SECONDS)


class _Followed:
    """One of the runs."""

    def __init__(self, run: Run, stopping: threading.Event) -> None:
        self._run = run
        self._stopping = stopping
        self._follower = EventFollower(run.events_file)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Know nothing of the run: it is new, or was deleted and started again under its name."""
        self._follower.begin_anew()
        self._progress = RunProgress()
        self._config: RunConfig | None = None
        self._state = ""

    def look(self) -> Compared | None:
        """Read what is new; a snapshot if there is any, or another state."""
        grown, state = self._read(), self._run.state(self._progress)
        if state == CRASHED:  # or its last events were written after we read and before the lock was let go
            grown = self._read() or grown
            state = self._run.state(self._progress)
        if not grown and state == self._state:
            return None
        self._state = state
        if self._config is None:  # a run that was only reserved gets one later
            self._config = comparing.readable_config(self._run)
        return comparing.compared(self._run, self._progress, state, self._config)

    def _read(self) -> bool:
        """Take the log in up to its end; whether there was anything."""
        grown = False
        with contextlib.suppress(OSError):
            while not self._stopping.wait(_YIELD_SECONDS):
                for event in self._follower.poll(_CHUNK):
                    self._progress.apply(event)
                    grown = True
                if self._follower.replaced:
                    self._begin_anew()
                    grown = True
                elif self._follower.at_end:
                    break
        return grown
