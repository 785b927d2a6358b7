"""What the outside asks of a run that is going: signals and request files, polled between pieces of work."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from rnnbench.errors import ExitCode, Stopped
from rnnbench.runs import jobs
from rnnbench.runs.store import Run

_SIGNALS = {
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGHUP: ExitCode.HUNG_UP,
}
_POLL_SECONDS = 0.1


class Control:
    """Remembers what was asked until the trainer gets to it. Signal handlers only set a flag here."""

    def __init__(self, run: Run | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stop_code: ExitCode | None = None
        self.save_asked = False
        self._run, self._clock = run, clock
        self._next_look = 0.0

    def stop(self, code: ExitCode = ExitCode.TERMINATED) -> None:
        """Ask for an end after the step that is being made."""
        self.stop_code = code

    def poll(self) -> None:
        """Look for requests, at most ten times a second."""
        if self._run is None or self._clock() < self._next_look:
            return
        self._next_look = self._clock() + _POLL_SECONDS
        for request, _values in jobs.pending(self._run):
            if request == "stop":
                self.stop()
            elif request == "save":
                self.save_asked = True

    @property
    def stopping(self) -> bool:
        """Whether the run should end now."""
        self.poll()
        return self.stop_code is not None

    def check(self) -> None:
        """Raise Stopped when the run should end now: for work that can be left and done again."""
        if self.stopping:
            assert self.stop_code is not None
            raise Stopped(self.stop_code)

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Turn SIGTERM, SIGINT and SIGHUP into a request to stop; a second one ends the process at once."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stop_code is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.stop_code = _SIGNALS[signal.Signals(number)]
