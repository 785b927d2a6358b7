"""Leaving because of a signal or of a line that was lost; by force where the orderly way out is blocked.

Textual writes from a thread with a short queue: on a terminal that takes nothing the message loop waits for it, and
once the terminal is gone nobody empties it. Its reader spins on the end of the input. Neither may outlive the user.
"""

import asyncio
import contextlib
import os
import select
import signal
import termios
from collections.abc import Callable
from threading import Thread, Timer
from types import FrameType
from typing import Any

from rnnbench.errors import ExitCode

SIGNALS = {signal.SIGTERM: ExitCode.TERMINATED, signal.SIGHUP: ExitCode.HUNG_UP}
PATIENCE_SECONDS = 2.0
_INPUT, _OUTPUT = 0, 1
# Mouse, paste and focus reports off, the keyboard's extras off, the cursor shown, the alternate screen left.
_MODES_BACK = b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[<u\x1b[?25h\x1b[?1049l"


class Leaving:
    """Calls `leave` with an exit code when the workbench is asked to go; ends the process when that does not help."""

    def __init__(self, leave: Callable[[ExitCode], None]) -> None:
        self._leave = leave
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._asked = False
        self._modes: list[Any] | None = None
        self._on_terminal = False

    def remember_modes(self) -> None:
        """Note how the terminal is before anything is drawn on it."""
        with contextlib.suppress(termios.error, OSError):
            self._modes = termios.tcgetattr(_INPUT)

    def watch(self, *, on_terminal: bool) -> None:
        """Take the signals, from inside the running loop; and look for a lost line, where there is a terminal."""
        self._loop, self._on_terminal = asyncio.get_running_loop(), on_terminal
        for number in SIGNALS:
            with contextlib.suppress(ValueError):  # only the main thread may
                self._before[number] = signal.signal(number, self._signalled)
        if on_terminal:
            Thread(target=self._wait_for_the_end_of_the_line, name="line", daemon=True).start()

    def give_back(self) -> None:
        """Let the signals do what they did before."""
        if not (self._asked and self._on_terminal):  # on the way out a second one must not tear the screen half down
            for number, before in self._before.items():
                signal.signal(number, before)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        # A handler of the loop would wait for the loop, which may be waiting for the terminal.
        self._ask(SIGNALS[signal.Signals(number)])

    def _wait_for_the_end_of_the_line(self) -> None:
        line = select.poll()
        line.register(_INPUT, 0)
        if any(what & select.POLLHUP for _, what in line.poll()):
            self._ask(ExitCode.HUNG_UP)

    def _ask(self, code: ExitCode) -> None:
        if self._asked or self._loop is None:
            return
        self._asked = True
        if self._on_terminal:
            last = Timer(PATIENCE_SECONDS, self._force, (code,))
            last.daemon = True
            last.start()
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._leave, code)

    def _force(self, code: ExitCode) -> None:
        """Give the terminal back as far as it takes anything, and end."""
        with contextlib.suppress(termios.error, OSError):
            termios.tcflush(_OUTPUT, termios.TCOFLUSH)
            os.set_blocking(_OUTPUT, False)
            os.write(_OUTPUT, _MODES_BACK)
        with contextlib.suppress(termios.error, OSError):
            os.set_blocking(_OUTPUT, True)
            if self._modes is not None:
                termios.tcsetattr(_INPUT, termios.TCSANOW, self._modes)
        os._exit(code)
