"""Runs that wait for a device: one small file each, in the order in which they are to be started."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnbench import config as configuration
from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError, UnavailableError, UsageError
from rnnbench.runs.gpus import device_slot
from rnnbench.runs.store import Run, RunStore, check_name
from rnnbench.workspace import Workspace

WAITING, HELD, STARTING, TAKEN, UNREADABLE = "waiting", "held", "starting", "name taken", "unreadable"
_ENTRY_BYTES = 1 << 20
_COMING_UP_SECONDS = 20.0  # from the folder of a run to its lock: the loading of torch, on a busy machine


@dataclass(frozen=True)
class Entry:
    """A run that waits. `claimed`: a runner has begun to start it. Without a configuration its file is damaged."""

    name: str
    order: int = 0
    added_at: float = 0.0
    claimed: bool = False
    config: RunConfig | None = None

    @property
    def device(self) -> str:
        """The device as it was asked for."""
        return self.config.machine.device if self.config else "-"

    @property
    def slot(self) -> str:
        """The device that it waits for: cpu, cuda:0, cuda:1 ... or mps."""
        return device_slot(self.device)


@dataclass(frozen=True)
class Added:
    """An entry that was added, and how many runs its device is given to before it."""

    entry: Entry
    before: int


@dataclass(frozen=True)
class Queue:
    """The queue of a workspace. Nothing is cached; every change is made under the folder's lock."""

    workspace: Workspace

    @property
    def folder(self) -> Path:
        """Where the entries are."""
        return self.workspace.queue

    @property
    def lock_file(self) -> Path:
        """Held by the process that starts the runs."""
        return self.folder / "lock"

    @property
    def log_file(self) -> Path:
        """What that process says."""
        return self.folder / "runner.log"

    @property
    def is_held(self) -> bool:
        """Whether nothing is to be started for now."""
        return self._held_file.exists()

    @property
    def is_run(self) -> bool:
        """Whether a process starts what waits."""
        return storage.lock_is_held(self.lock_file)

    @property
    def _held_file(self) -> Path:
        return self.folder / "held"

    def _file(self, name: str) -> Path:
        return self.folder / f"{check_name(name)}.json"

    @property
    def _store(self) -> RunStore:
        return RunStore(self.workspace)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else changes the queue while the block lasts."""
        self._make_folder()
        with storage.folder_lock(self.folder):
            yield

    def _make_folder(self) -> None:
        if self.folder.is_symlink():
            raise RnnbenchError(f"{self.folder} is a link; links are not followed", "put a folder in its place")
        storage.make_folder(self.folder)

    # Looking

    def entries(self) -> list[Entry]:
        """What waits, first come first; a file that is damaged is listed too, so that it can be removed."""
        names = []
        with contextlib.suppress(FileNotFoundError):
            names = [path.stem for path in self.folder.iterdir() if path.suffix == ".json"]
        found = [entry for name in names if (entry := self._read(name))]
        return sorted(found, key=lambda entry: (entry.order, entry.added_at, entry.name))

    def _read(self, name: str) -> Entry | None:
        """None when it has gone, or when its name can be no run's."""
        try:
            return _entry(name, storage.read_json(self._file(name), limit=_ENTRY_BYTES))
        except (FileNotFoundError, UsageError):
            return None
        except RnnbenchError:
            return Entry(name)

    def find(self, name: str) -> Entry:
        """The entry of that name. Raises UsageError with the names that wait."""
        entry = self._read(name)
        if entry is None:
            known = ", ".join(other.name for other in self.entries()[:8]) or "nothing"
            raise UsageError(f"{name} is not in the queue", f"waiting: {known}")
        return entry

    def state(self, entry: Entry) -> str:
        """waiting, held, starting, name taken or unreadable."""
        if entry.config is None:
            return UNREADABLE
        if entry.claimed:
            return STARTING
        if os.path.lexists(self._store.run(entry.name).folder):
            return TAKEN
        return HELD if self.is_held else WAITING

    def can_start(self) -> list[Entry]:
        """What a runner would start sooner or later, had it all devices."""
        return [entry for entry in self.entries() if self.state(entry) in (WAITING, STARTING)]

    def occupied(self) -> dict[str, str | None]:
        """The runs that are being trained or come up, and their device; None when that cannot be known yet."""
        slots = {entry.name: entry.slot for entry in self.entries() if entry.config}
        return {run.name: slots.get(run.name) or _slot_of(run) for run in self._store.runs() if is_at_work(run)}

    # Changing

    def add(self, config: RunConfig, name: str) -> Added:
        """Put a run at the end. Raises UsageError when the name is taken."""
        check_name(name)
        with self.changing():
            entries = self.entries()
            if any(entry.name == name for entry in entries):
                raise UsageError(f"{name} is in the queue already", "choose another name")
            if os.path.lexists(self._store.run(name).folder):
                raise UsageError(f"run {name} already exists", "choose another name, or delete it first")
            entry = Entry(name, entries[-1].order + 1 if entries else 1, round(time.time(), 3), config=config)
            self._write(entry)
        before = [other for other in entries if other.config and other.slot == entry.slot and not other.claimed]
        working = [slot for slot in self.occupied().values() if slot in (entry.slot, None)]
        return Added(entry, len(before) + len(working))

    def remove(self, name: str) -> None:
        """Take an entry out. Raises UnavailableError while it is being started."""
        with self.changing():
            if self.find(name).claimed and self.is_run:
                raise UnavailableError(f"{name} is being started", f"stop it with `rnnbench stop {name}`")
            self.drop(name)

    def move(self, name: str, by: int) -> None:
        """Move an entry by so many places; -1 is one nearer the front."""
        with self.changing():
            moved, entries = self.find(name), self.entries()
            here = [entry.name for entry in entries].index(moved.name)
            entries.insert(max(0, here + by), entries.pop(here))
            for order, entry in enumerate(entries, 1):
                if entry.order != order and entry.config is not None:  # a damaged file keeps what it has
                    self._write(replace(entry, order=order))

    def hold(self) -> None:
        """Start nothing until `release`; what runs goes on."""
        with self.changing():
            storage.write_file(self._held_file, b"")

    def release(self) -> None:
        """Start again what waits."""
        with self.changing():
            storage.remove_file(self._held_file)

    # For the runner, under `changing`

    def claim(self, name: str, *, claimed: bool = True) -> bool:
        """Note that the entry is being started, or is not; False when it was removed or the queue is held meanwhile."""
        entry = self._read(name)
        if entry is None or entry.config is None or (claimed and self.is_held):
            return False
        if entry.claimed != claimed:
            self._write(replace(entry, claimed=claimed))
        return True

    def drop(self, name: str) -> None:
        """Forget an entry."""
        storage.remove_file(self._file(name))

    def lock_runner(self) -> int:
        """Become the one process that starts what waits; a descriptor to be closed at the end.

        Raises UnavailableError when there is one.
        """
        self._make_folder()
        descriptor = storage.try_lock(self.lock_file)
        if descriptor is None:
            raise UnavailableError("another process runs the queue already", "see `rnnbench queue list`")
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": round(time.time())}
        storage.replace_contents(descriptor, json.dumps(note).encode())
        return descriptor

    def _write(self, entry: Entry) -> None:
        assert entry.config is not None
        config = json.loads(configuration.to_json(entry.config))
        record = {"order": entry.order, "added_at": entry.added_at, "claimed": entry.claimed, "config": config}
        storage.write_json(self._file(entry.name), record)


def _entry(name: str, record: Any) -> Entry:
    """An entry as its file has it; one without a configuration when that is not to be had."""
    try:
        config = configuration.from_json(json.dumps(record["config"]).encode())
        return Entry(name, int(record["order"]), float(record["added_at"]), record["claimed"] is True, config)
    except (KeyError, TypeError, ValueError, OverflowError, RnnbenchError):
        return Entry(name)


def is_at_work(run: Run) -> bool:
    """Whether a process trains the run, or has just been started to.

    The output of a detached trainer is locked as long as it lives; one in the foreground has locked nothing while it
    loads torch, and is known by a young folder without a log.
    """
    if storage.lock_is_held(run.lock_file) or storage.lock_is_held(run.stderr_file):
        return True
    with contextlib.suppress(OSError):
        if not run.events_file.exists() and not run.stderr_file.exists():
            return time.time() - run.config_file.stat().st_mtime < _COMING_UP_SECONDS
    return False


def _slot_of(run: Run) -> str | None:
    """The device of a run that was started by hand."""
    with contextlib.suppress(OSError, RnnbenchError):
        return device_slot(run.config().machine.device)
    return None
