"""A real pseudo-terminal with a terminal emulator behind it: what a person would see, the bytes it took, and when."""

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyte

PATIENCE = 60.0
_OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
_CONTROLLED = (sys.executable, "-I", "-S", "-c", _OWN_TERMINAL)


@dataclass
class Screen:
    """An emulated screen that is fed bytes."""

    columns: int
    rows: int
    emulated: pyte.Screen = field(init=False)

    def __post_init__(self) -> None:
        self.emulated = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.ByteStream(self.emulated)

    def feed(self, data: bytes) -> None:
        """Take bytes as a terminal does."""
        self._stream.feed(data)

    @property
    def text(self) -> str:
        """All rows."""
        return "\n".join(self.emulated.display)

    def cells(self, left: int, right: int) -> tuple[object, ...]:
        """Every cell, its colours too, from column `left` up to `right`."""
        lines = self.emulated.buffer
        return tuple(lines[row][column] for row in range(self.emulated.lines) for column in range(left, right))


class Terminal:
    """A program on a pseudo-terminal. Every wait is for a condition and ends with what the screen showed.

    A thread only takes bytes and notes when they came; they are understood when somebody looks at the screen. As the
    `controlling` terminal it sends a hang-up when it is closed; to become that takes the program some milliseconds.
    """

    def __init__(
        self,
        words: list[str],
        cwd: Path,
        columns: int,
        rows: int,
        environment: dict[str, str],
        *,
        controlling: bool = True,
    ) -> None:
        self.columns, self.rows = columns, rows
        self._shown = Screen(columns, rows)
        self._fed = 0
        self.arrivals: list[tuple[float, bytes]] = []
        self._reading = threading.Event()
        self._reading.set()
        self._master, slave = pty.openpty()
        self._set_size(columns, rows)
        # A size in the environment, as parallel tests have one, would count for more than that of the terminal.
        inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*(_CONTROLLED if controlling else ()), sys.executable, "-m", "rnnbench", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**inherited, **environment, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                self.arrivals.append((time.monotonic(), data))
                self._reading.wait()

    def stall(self) -> None:
        """Read nothing more, so that the line fills up."""
        self._reading.clear()

    def go_on(self) -> None:
        """Read again."""
        self._reading.set()

    def hang_up(self) -> None:
        """Close the other end, as a lost connection does; what comes back from there is nothing."""
        os.close(self._master)
        self._master = -1

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; its emulator starts with a blank screen of that size."""
        self._set_size(columns, rows)
        self.columns, self.rows = columns, rows
        self._fed = len(self.arrivals)
        self._shown = Screen(columns, rows)

    def send(self, keys: str) -> float:
        """Type; returns when that was."""
        now = time.monotonic()
        os.write(self._master, keys.encode())
        return now

    @property
    def received(self) -> bytes:
        """Every byte that came."""
        return b"".join(data for _, data in list(self.arrivals))

    def bytes_since(self, then: float) -> int:
        """How many bytes came after a moment."""
        return sum(len(data) for moment, data in list(self.arrivals) if moment >= then)

    @property
    def screen(self) -> Screen:
        """The screen as it is now."""
        known = len(self.arrivals)
        for _, data in self.arrivals[self._fed : known]:
            self._shown.feed(data)
        self._fed = known
        return self._shown

    @property
    def text(self) -> str:
        """The screen as text."""
        return self.screen.text

    def replay(self) -> "Replay":
        """What came and comes, again from the start; only without a change of size in between."""
        return Replay(Screen(self.columns, self.rows), self.arrivals)

    def wait_for(self, condition: str | Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """Wait until the screen holds a text, or fulfils a condition; the screen then."""
        test = condition if callable(condition) else (lambda text: condition in text)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            if test(text := self.text):
                return text
            if ended:
                raise AssertionError(f"ended with {self.process.returncode} before it was seen: {condition}\n{text}")
            time.sleep(0.05)
        raise AssertionError(f"not seen within {seconds:g} s: {condition}\n{self.text}")

    def settle(self, quiet: float = 0.15) -> None:
        """Wait until nothing has been drawn for a moment."""
        seen = -1
        while seen != len(self.arrivals):
            seen = len(self.arrivals)
            time.sleep(quiet)

    def wait_for_exit(self, seconds: float = PATIENCE) -> int:
        """The exit code."""
        return self.process.wait(seconds)

    def close(self) -> None:
        """End whatever still runs on the terminal and hang it up."""
        self._reading.set()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self._master >= 0:
            with contextlib.suppress(OSError):
                os.close(self._master)


@dataclass
class Replay:
    """A recording, seen piece by piece."""

    screen: Screen
    arrivals: list[tuple[float, bytes]]
    at: int = 0

    def until(self, moment: float) -> None:
        """See what came before a moment."""
        while self.at < len(self.arrivals) and self.arrivals[self.at][0] < moment:
            self.screen.feed(self.arrivals[self.at][1])
            self.at += 1

    def when(self, condition: Callable[[Screen], bool], limit: float = float("inf")) -> float | None:
        """The moment of the next piece after which the condition holds; None when there is none before `limit`."""
        while self.at < len(self.arrivals) and self.arrivals[self.at][0] < limit:
            moment, data = self.arrivals[self.at]
            self.screen.feed(data)
            self.at += 1
            if condition(self.screen):
                return moment
        return None
