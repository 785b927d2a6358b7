"""At most so many paints a second, and never a lost last one."""

from collections.abc import Callable
from time import monotonic

from textual.message_pump import MessagePump
from textual.timer import Timer


class Throttle:
    """Calls `paint` when it is touched: at once, or as soon as the last call lies `seconds` back."""

    def __init__(self, pump: MessagePump, seconds: float, paint: Callable[[], None]) -> None:
        self._pump = pump
        self._seconds = seconds
        self._paint = paint
        self._painted_at = 0.0
        self._due: Timer | None = None

    @property
    def pending(self) -> bool:
        """Whether a paint is still to come."""
        return self._due is not None

    def touch(self) -> None:
        """Something changed."""
        if self._due is None:
            wait = self._painted_at + self._seconds - monotonic()
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
