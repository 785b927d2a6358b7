"""Reads the rows of all runs. A log that did not change is not read again, not even by the next program."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rnnbench import storage
from rnnbench.errors import UsageError
from rnnbench.runs.notes import notes_file, read_notes
from rnnbench.runs.store import TRAINED, Run, RunStore, check_name
from rnnbench.tui import run_cache
from rnnbench.tui.run_cache import Known, Signature
from rnnbench.tui.run_rows import RunRow, read_row

_ABSENT = (-1, -1)
_READING_SHARE = 20  # a long log that grows is read again only after so many times as long as reading it took


@dataclass(frozen=True)
class Rows:
    """The rows that are known, in no order, and whether those are all."""

    rows: tuple[RunRow, ...]
    whole: bool


class RunReader:
    """Used by one thread at a time."""

    def __init__(self, store: RunStore, *, cached: bool = True) -> None:
        self._store = store
        self._cache = store.workspace.cache / "rows.json" if cached else None
        self._known: dict[str, Known] | None = None
        self._waiting: list[tuple[str, Signature]] = []
        self._due: dict[str, float] = {}  # when the log of a run may be read again
        self._news = False  # rows that the cache has not
        self.seconds = 0.0  # what the last look at every run took

    def rows(self) -> list[RunRow]:
        """All runs as they are now, newest first."""
        return sorted(self.read(float("inf")).rows, key=lambda row: (-row.changed, row.name))

    def read(self, seconds: float) -> Rows:
        """Go on reading for about so long; when everything had been read, look again at what has changed.

        The first answer holds whatever the cache knows.
        """
        until = time.monotonic() + seconds
        if self._known is None:
            self._known = run_cache.read(self._cache) if self._cache else {}
        if not self._waiting:
            self._look()
        while self._waiting:
            self._read_one(*self._waiting.pop())
            if time.monotonic() > until:
                break
        whole = not self._waiting
        return Rows(tuple(known.row for known in self._known.values()), whole)

    def keep(self) -> None:
        """Write down what was read, for the next time."""
        if self._cache and self._known and self._news and not self._waiting:
            run_cache.write(self._cache, self._known)
            self._news = False

    def _look(self) -> None:
        """Find what has changed: some calls to the system for each run, and no log is opened."""
        begun = time.perf_counter()
        assert self._known is not None
        found: dict[str, Known] = {}
        waiting: list[tuple[int, str, Signature]] = []
        for name, signature in self._signatures():
            known = self._known.get(name)
            if known and (known.signature == signature or self._can_wait(known.signature, signature, name)):
                found[name] = known
            else:
                if known:
                    found[name] = known  # what was true a moment ago, until it is read again
                waiting.append((signature.log[1], name, signature))
        self._news |= len(found) < len(self._known)
        self._known = found
        self._waiting = [(name, signature) for _, name, signature in sorted(waiting)]
        self.seconds = time.perf_counter() - begun

    def _can_wait(self, before: Signature, now: Signature, name: str) -> bool:
        """Whether no more has happened than that a log grew which takes long to read."""
        grew = before.held and now.held and before.notes == now.notes
        return grew and time.monotonic() < self._due.get(name, 0.0)

    def _read_one(self, name: str, signature: Signature) -> None:
        assert self._known is not None
        begun = time.monotonic()
        run, known = Run(self._store.folder / name), self._known.get(name)
        fresh = known.row if known and known.signature.same_run(signature) else read_row(run)
        notes = read_notes(run.folder)
        self._known[name] = Known(signature, replace(fresh, tags=notes.tags, note=notes.text))
        self._news |= fresh.state not in TRAINED
        self._due[name] = time.monotonic() + _READING_SHARE * (time.monotonic() - begun)

    def _signatures(self) -> Iterator[tuple[str, Signature]]:
        """Every run by its name with what tells whether it changed."""
        with contextlib.suppress(OSError), os.scandir(self._store.folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and _is_name(entry.name)]
            with _folder(self._store.folder) as folder:
                for name in names:
                    log = _status(f"{name}/events.jsonl", folder)
                    if log != _ABSENT or Run(self._store.folder / name).is_there:
                        yield name, self._signature(name, log, folder)

    def _signature(self, name: str, log: tuple[int, int], folder: int) -> Signature:
        """Whoever takes a lock writes into it: only a lock that was written, or was held, is tried."""
        assert self._known is not None
        known = self._known.get(name)
        lock = _status(f"{name}/lock", folder)
        before = known.signature if known else None
        idle = before is not None and (before.log, before.lock, before.held) == (log, lock, False)
        held = False if idle else storage.lock_is_held(Run(self._store.folder / name).lock_file)
        return Signature(log, lock, _status(f"{name}/{_NOTES}", folder), held)


_NOTES = notes_file(Path()).name


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except UsageError:
        return False
    return True


def _status(path: str, folder: int) -> tuple[int, int]:
    """Bytes and time of a change; the same pair for whatever cannot be looked at."""
    try:
        status = os.stat(path, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return _ABSENT
    return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    """A folder, open: names within it are found faster than by their whole paths."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
