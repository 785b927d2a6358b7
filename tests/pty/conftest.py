"""A real pseudo-terminal with a terminal emulator behind it: what a person would see, and the bytes it took."""

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
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

PATIENCE = 60.0


class Terminal:
    """A program on a pseudo-terminal. Every wait is for a condition and ends with what the screen showed."""

    def __init__(self, words: list[str], cwd: Path, columns: int, rows: int, environment: dict[str, str]) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self.received = bytearray()
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rnnbench", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**os.environ, **environment, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                with self._lock:
                    self.received += data
                    self._stream.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with self._lock:
            self.screen.resize(rows, columns)

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    @property
    def text(self) -> str:
        """The screen as text."""
        with self._lock:
            return "\n".join(self.screen.display)

    def wait_for(self, condition: str | Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """Wait until the screen holds a text, or fulfils a condition; the screen then."""
        test = condition if callable(condition) else (lambda text: condition in text)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if test(text := self.text):
                return text
            time.sleep(0.05)
        raise AssertionError(f"not seen within {seconds:g} s: {condition}\n{self.text}")

    def settle(self, quiet: float = 0.15) -> None:
        """Wait until nothing has been drawn for a moment."""
        seen = -1
        while seen != len(self.received):
            seen = len(self.received)
            time.sleep(quiet)

    def wait_for_exit(self, seconds: float = PATIENCE) -> int:
        """The exit code."""
        return self.process.wait(seconds)

    def close(self) -> None:
        """End whatever still runs on the terminal and hang it up."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)


Start = Callable[..., Terminal]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with one short text of its own."""
    folder = tmp_path / "corpora"
    folder.mkdir()
    lines = [
        f"Line {n}: the quick keeper of clock number {n * 7 % 13} winds it at {n * 5 % 12} o'clock.\n"
        for n in range(1500)
    ]
    (folder / "alarm.txt").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def start(workspace: Path) -> Iterator[Start]:
    """Starts the workbench on a terminal; everything that was started, trainers too, is ended afterwards."""
    terminals: list[Terminal] = []

    def begin(*words: str, columns: int = 120, rows: int = 40) -> Terminal:
        environment = {"RNNBENCH_HOME": str(workspace), "XDG_CONFIG_HOME": str(workspace / "settings")}
        terminals.append(Terminal(list(words), workspace, columns, rows, environment))
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.close()
    _end_trainers(workspace)


def _end_trainers(workspace: Path) -> None:
    from rnnbench.runs import jobs
    from rnnbench.runs.store import RunStore
    from rnnbench.workspace import Workspace

    for run in RunStore(Workspace(workspace)).running():
        jobs.ask(run, "stop")
        jobs.wait_until_idle(run, 30)
