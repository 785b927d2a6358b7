"""The event log: append a line; follow a file and return whole new events."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from rnnbench import storage
from rnnbench.runs.events import Event, LogOpened, from_line, to_line

_CHUNK = 1 << 20
_FURTHEST = 1 << 28  # bytes: read in 60 ms from memory, in some seconds from a slow disk
_START = b'\n{"event":"RunStarted"'  # as events.to_line writes it
_KNOWN = 512  # bytes before the place that was read up to: an event or two, so there is a time among them
MAX_LINE = 16 << 20  # a line longer than this is damage, not an event


class EventWriter:
    """The one writer of a run's log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = storage.open_append(path)
        if os.fstat(self._descriptor).st_size == 0:
            self.append(LogOpened())
        elif not _ends_with_newline(path):
            storage.append(self._descriptor, b"\n", path)  # a crash tore the last line; do not glue to it

    def append(self, event: Event) -> Event:
        """Write the event with the time of now; returns it as written."""
        stamped = replace(event, at=round(time.time(), 3))
        storage.append(self._descriptor, to_line(stamped), self.path)
        return stamped

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


class EventFollower:
    """Reads what is new in a log that another process is writing.

    Works in bytes and keeps the remainder: text is cut inside characters all the time.

    A file that does not go on from what was read is another log, of a run that was deleted and started again: then
    `replaced` is true, and nothing more comes until the follower begins anew. Its bytes tell it, not its number on the
    disk, which the next file often gets.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begin_anew()

    def begin_anew(self) -> None:
        """Read from the first byte of whatever file has the name."""
        self.skipped = 0
        self.replaced = False
        self._offset = 0
        self._last = b""  # what was read last: it lies before the offset
        self._remainder = b""

    def poll(self, limit: int = _CHUNK) -> list[Event]:
        """The whole events among the next `limit` bytes of the file; empty when there is nothing new yet."""
        data = self._read(limit)
        *lines, self._remainder = (self._remainder + data).split(b"\n")
        if len(self._remainder) > MAX_LINE:
            self._remainder, self.skipped = b"", self.skipped + 1
        events = [from_line(line) for line in lines if line]
        self.skipped += events.count(None)
        return [event for event in events if event is not None]

    def drain(self) -> Iterator[Event]:
        """All events that are in the file now."""
        while True:
            before = self._offset
            yield from self.poll()
            if self._offset == before:
                return

    @property
    def at_end(self) -> bool:
        """Whether everything in the file has been read, or it is another one."""
        return self.replaced or self._size() <= self._offset

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def _read(self, limit: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset - len(self._last))
                self.replaced = self.replaced or file.read(len(self._last)) != self._last
                data = b"" if self.replaced else file.read(limit)
        except FileNotFoundError:
            return b""
        self._offset += len(data)
        self._last = (self._last + data[-_KNOWN:])[-_KNOWN:]
        return data


def read_end(path: Path, limit: int) -> tuple[Event | None, list[Event]]:
    """The whole events among the last `limit` bytes of a log, and the last start of the run before them (None where
    there is none near enough), which says what they are about. Raises OSError for a log that cannot be read."""
    with path.open("rb") as file:
        begin = max(file.seek(0, os.SEEK_END) - limit, 0)
        file.seek(begin)
        lines = file.read(limit).split(b"\n")[1:-1]
        started = _last_line(file, begin, _START)
    return from_line(started) if started else None, [event for event in map(from_line, lines) if event is not None]


def _last_line(file: BinaryIO, end: int, opening: bytes) -> bytes:
    """The last line that begins with `opening`, a line end and some text, before byte `end`; empty for none near it."""
    first = end - _FURTHEST
    while end > max(first, 0):
        begin = max(end - _CHUNK, 0)
        file.seek(begin)
        found = file.read(end - begin + len(opening) - 1).rfind(opening)
        if found >= 0:
            file.seek(begin + found + 1)
            return file.readline(MAX_LINE).rstrip(b"\n")
        end = begin
    return b""


def read_events(path: Path) -> Iterator[Event]:
    """Every event of a log, oldest first; nothing for a log that is not there."""
    yield from EventFollower(path).drain()
