"""What the outside asks of a run that is going: signals and request files, polled between pieces of work."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType

from rnnbench.errors import ExitCode, Stopped, UsageError
from rnnbench.runs import jobs
from rnnbench.runs.settings import setting
from rnnbench.runs.store import Run

_SIGNALS = {
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGHUP: ExitCode.HUNG_UP,
}
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Change:
    """A setting of training with its new value; None is off."""

    name: str
    value: float | None


class Control:
    """Remembers what was asked until the trainer gets to it. Signal handlers only set a flag here.

    `save_asked` and `sample_asked` are reset by whoever does it; `changes` and `complaints` are taken.
    """

    def __init__(self, run: Run | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stop_code: ExitCode | None = None
        self.save_asked = self.sample_asked = self.paused = False
        self.changes: list[Change] = []
        self.complaints: list[str] = []
        self._run, self._clock = run, clock
        self._next_look = 0.0
        self._signalled = False

    def stop(self, code: ExitCode = ExitCode.TERMINATED) -> None:
        """Ask for an end after the step that is being made."""
        self.stop_code = code

    def poll(self) -> None:
        """Look for requests, at most ten times a second."""
        if self._run is None or self._clock() < self._next_look:
            return
        self._next_look = self._clock() + _POLL_SECONDS
        for request, values in jobs.pending(self._run):
            self._take(request, values)

    def _take(self, request: str, values: Mapping[str, str | float]) -> None:
        if request == "stop":
            self.stop()
        elif request in ("pause", "continue"):
            self.paused = request == "pause"
        elif request == "save":
            self.save_asked = True
        elif request == "sample":
            self.sample_asked = True
        elif request == "set":
            self._change(str(values.get("name")), values.get("value"))
        else:
            self.complaints.append(f"a request was not understood: {request}")

    def _change(self, name: str, value: str | float | None) -> None:
        try:
            self.changes.append(Change(name, setting(name, value)))
        except UsageError as error:
            self.complaints.append(f"not changed: {error}")

    def take_changes(self) -> list[Change]:
        """What is to be changed, each once."""
        taken, self.changes = self.changes, []
        return taken

    def take_complaints(self) -> list[str]:
        """What was asked and cannot be done, each once."""
        taken, self.complaints = self.complaints, []
        return taken

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
    def signals(self, *, then_ignored: bool = False) -> Iterator[None]:
        """Turn SIGTERM, SIGINT and SIGHUP into a request to stop; a second one ends the process at once.

        `then_ignored`: they do nothing after the end, where several processes leave. torchrun sends them to the slower.
        """
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if then_ignored else handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._signalled:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._signalled = True  # a stop that was asked for otherwise is no signal: its checkpoint may be on its way
        self.stop_code = self.stop_code or _SIGNALS[signal.Signals(number)]
