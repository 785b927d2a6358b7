"""About so many paints a second, and never a lost last one."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.timer import Timer

from rnnbench.tui.preferences import preferences_of


@dataclass(frozen=True)
class Pace:
    """Seconds from one paint of something that changes all the time to the next: of words and figures, of the lines of
    a log, of curves. A curve that grows moves everywhere, which is many bytes, and a second is nothing to it."""

    words: float
    log: float
    curves: float


ORDINARY = Pace(words=0.25, log=0.25, curves=1.0)
SLOW = Pace(words=1.0, log=2.0, curves=10.0)


def pace_of(node: DOMNode) -> Pace:
    """How often the line to the user's terminal lets things be painted."""
    return SLOW if preferences_of(node).slow_link else ORDINARY


class Throttle:
    """Calls `paint` when it is touched: at once, or as soon as the last call lies `seconds` back.

    Throttles that are `beside` one another paint together, some a little early: each time that anything is painted,
    all of the screen around it is looked through.
    """

    def __init__(self, pump: MessagePump, seconds: float, paint: Callable[[], None]) -> None:
        self._pump = pump
        self._seconds = seconds
        self._paint = paint
        self._painted_at = 0.0
        self._due: Timer | None = None
        self.beside: tuple[Throttle, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether a paint is still to come."""
        return self._due is not None

    @property
    def _wait(self) -> float:
        return self._painted_at + self._seconds - monotonic()

    def touch(self) -> None:
        """Something changed."""
        if self._due is None:
            wait = self._wait
            if wait <= 0:
                self.now()
            else:
                self._due = self._pump.set_timer(wait, self.now)

    def now(self) -> None:
        """Paint without waiting; a paint that was to come is done with."""
        if self._due is not None:
            self._due.stop()
        self._due, self._painted_at = None, monotonic()
        self._paint()
        for other in self.beside:
            if other.pending and other._wait <= min(self._seconds, other._seconds) / 2:
                other.now()
