"""The run folder: names, create, list, find, lock, derived state."""

import contextlib
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnbench import config as configuration
from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError, UnavailableError, UsageError
from rnnbench.runs.log import read_events
from rnnbench.runs.progress import RunProgress, fold
from rnnbench.runs.trash import Trash, Trashed, holds_run
from rnnbench.workspace import TEXT_SUFFIXES, Workspace

_NAME = re.compile(r"[A-Za-z0-9_\u3400-\u4dbf\u4e00-\u9fff][A-Za-z0-9._\-\u3400-\u4dbf\u4e00-\u9fff]{0,63}")
_FAULTS_NAMED = 4
_TAIL_BYTES = 4096
RUNNING, PAUSED, FINISHED, STOPPED, FAILED, CRASHED = "running", "paused", "finished", "stopped", "failed", "crashed"
TRAINED = (RUNNING, PAUSED)
"""The states in which a process holds the run."""


def check_name(name: str) -> str:
    """The name, when it can be a run's. Raises UsageError."""
    if not _NAME.fullmatch(name):
        allowed = "1 to 64 letters, digits, '.', '_' or '-', not beginning with '.' or '-'"
        raise UsageError(f"not a run name: {name[:80]!r}", f"{_name_fault(name)}; {allowed}")
    return name


def _name_fault(name: str) -> str:
    """What keeps a text from being a run's name: the characters that cannot be in it, its beginning, or its length."""
    wrong = [character for character in dict.fromkeys(name) if not _NAME.fullmatch(f"_{character}")]
    if wrong:
        named = ["a blank" if character == " " else repr(character) for character in wrong[:_FAULTS_NAMED]]
        return f"{', '.join(named)} cannot be in it"
    if not name:
        return "it is empty"
    return f"it has {len(name)} characters" if _NAME.match(name) else f"it begins with {name[0]!r}"


@dataclass(frozen=True)
class Run:
    """One run's folder. Nothing is cached: every answer is read from the disk."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name is the run's."""
        return self.folder.name

    @property
    def config_file(self) -> Path:
        """The resolved configuration, written once."""
        return self.folder / "config.json"

    @property
    def vocabulary_file(self) -> Path:
        """Tokens, tokenizer and the corpus digest."""
        return self.folder / "vocabulary.json"

    @property
    def source_vocabulary_file(self) -> Path:
        """The tokens of the source lines of a seq2seq run, where they have a vocabulary of their own."""
        return self.folder / "source_vocabulary.json"

    @property
    def events_file(self) -> Path:
        """The event log."""
        return self.folder / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.folder / "checkpoints"

    @property
    def requests(self) -> Path:
        """Where another process leaves requests for the trainer."""
        return self.folder / "requests"

    @property
    def stderr_file(self) -> Path:
        """What a detached trainer printed; evidence after a crash."""
        return self.folder / "stderr.log"

    @property
    def lock_file(self) -> Path:
        """Held while training."""
        return self.folder / "lock"

    @property
    def is_there(self) -> bool:
        """Whether there is a configuration, or what a trainer printed, and it may be looked at."""
        return holds_run(self.folder)

    def config(self) -> RunConfig:
        """The stored configuration."""
        return configuration.from_json(storage.read_file(self.config_file, limit=1 << 20))

    def progress(self) -> RunProgress:
        """Where the run stands."""
        return fold(read_events(self.events_file))

    def state(self, progress: RunProgress) -> str:
        """running, paused, finished, stopped, failed or crashed: derived from the lock and the events, never stored."""
        if storage.lock_is_held(self.lock_file):
            return PAUSED if progress.paused else RUNNING
        reason = progress.finished.reason if progress.finished else CRASHED
        return reason if reason in (FINISHED, STOPPED, FAILED) else CRASHED

    def has_checkpoint(self) -> bool:
        """Whether a checkpoint was ever finished here; it may still be damaged."""
        with contextlib.suppress(OSError), os.scandir(self.checkpoints) as items:
            return any(item.name.startswith("step-") and item.name.endswith(".json") for item in items)
        return False

    def stderr_tail(self) -> str:
        """The end of what the trainer printed."""
        with contextlib.suppress(OSError), self.stderr_file.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
        return ""

    def holder(self) -> str:
        """Who holds the lock, as written by the holder: for a person to read, not to rely on."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            note = json.loads(self.lock_file.read_bytes())
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note["since"]))
            return f"process {note['pid']} on {note['host']} since {since}"
        return "another process"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for writing. Raises UnavailableError that names the holder."""
        descriptor = storage.try_lock(self.lock_file)
        if descriptor is None:
            raise UnavailableError(
                f"run {self.name} is being trained by {self.holder()}", "stop it, or wait for its end"
            )
        try:
            note = {"pid": os.getpid(), "host": socket.gethostname(), "since": round(time.time())}
            storage.replace_contents(descriptor, json.dumps(note).encode())
            yield
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class RunStore:
    """The runs of a workspace."""

    workspace: Workspace

    @property
    def folder(self) -> Path:
        """The folder of all runs."""
        return self.workspace.runs

    def run(self, name: str) -> Run:
        """The folder of that name, existing or not."""
        return Run(self.folder / check_name(name))

    def exists(self, name: str) -> bool:
        """Whether a run of that name has been created."""
        run = self.run(name)
        return run.is_there and run.config_file.is_file() and not run.folder.is_symlink()

    def find(self, name: str) -> Run:
        """An existing run. Raises UsageError with the names that exist."""
        run = self.run(name)
        if run.folder.is_symlink():
            raise UsageError(f"run {name} is a link; links are not followed")
        if not run.is_there:
            known = ", ".join(other.name for other in self.newest(8)) or "none yet"
            raise UsageError(f"no run named {name} in {self.folder}", f"known: {known}")
        return run

    def create(self, name: str, config: RunConfig) -> Run:
        """Make the folder of a new run and store its configuration. Nothing that exists is ever overwritten.

        A folder without a configuration was only reserved by `reserve`, and is taken over.
        """
        run = self.run(name)
        if run.folder.is_symlink():
            raise UsageError(f"run {name} is a link; links are not followed")
        if run.config_file.exists():
            raise self._taken(run)
        storage.make_folder(run.folder)
        with run.locked():
            if run.config_file.exists():
                raise self._taken(run)
            storage.make_folder(run.checkpoints)
            storage.make_folder(run.requests)
            storage.write_file(run.config_file, configuration.to_json(config))
        return run

    def _taken(self, run: Run) -> RnnbenchError:
        if storage.lock_is_held(run.lock_file):
            return UnavailableError(f"run {run.name} is being trained by {run.holder()}", "choose another --run name")
        hint = f"choose another name, continue it with `rnnbench resume {run.name}`, or delete it first"
        return UsageError(f"run {run.name} already exists", hint)

    def lasting(self, config: RunConfig, path: Path) -> RunConfig:
        """The configuration with the whole path of its text, which is at `path`; a name in a corpora folder stays one.

        What is kept has to mean the same text when it is read from another folder.
        """
        names = [f"{config.corpus.file}{end}" for end in ("", *TEXT_SUFFIXES)]
        if path.name in names and path.parent in self.workspace.corpora_folders:
            return config
        return configuration.validate(configuration.merge(config.model_dump(), {"corpus": {"file": str(path)}}))

    def reserve(self, name: str) -> Run:
        """Make an empty folder for a run that a child process will create. Raises UsageError when it is taken."""
        run = self.run(name)
        try:
            storage.make_folder(run.folder, exclusive=True)
        except FileExistsError:
            raise self._taken(run) from None
        return run

    def remove_reserved(self, run: Run) -> None:
        """Take back a folder in which no run was created."""
        if not run.config_file.exists():
            storage.remove_folder(run.folder)

    def rename(self, name: str, new: str) -> Run:
        """Give a run another name. Raises UnavailableError while it is being trained, UsageError for a name in use."""
        run, renamed = self.find(name), self.run(new)
        with run.locked():
            try:
                storage.move_folder(run.folder, renamed.folder)
            except FileExistsError:
                raise UsageError(f"{new} is taken", "choose another name, or delete that run first") from None
        return renamed

    @property
    def trash(self) -> Trash:
        """The deleted runs."""
        return Trash(self.folder / ".trash")

    def delete(self, name: str) -> Trashed:
        """Move a run to the trash, and remove for good what has been there too long; `undelete` brings it back.

        Raises UnavailableError while it is being trained.
        """
        run = self.find(name)
        if not run.config_file.exists() and storage.lock_is_held(run.stderr_file):
            raise UnavailableError(f"run {name} is just being started", "wait a moment, and stop it")
        with run.locked():
            entry = self.trash.take(run.folder)
        with contextlib.suppress(RnnbenchError):
            self.trash.prune()
        return entry

    def discard(self, name: str) -> None:
        """Remove a run for good, such as one that was refused before its first step.

        Raises UnavailableError while it is being trained.
        """
        run = self.find(name)
        with run.locked():
            storage.remove_folder(run.folder)

    def undelete(self, name: str) -> Run:
        """Bring back the last deleted run of that name, under the next free name where it is taken by now.

        Raises UsageError, with the names that are there, when there is none.
        """
        check_name(name)
        entries = self.trash.entries()
        entry = next((entry for entry in entries if entry.name == name), None)
        if entry is None:
            known = ", ".join(dict.fromkeys(entry.name for entry in entries)) or "nothing"
            raise UsageError(f"no deleted run named {name}", f"in the trash: {known}")
        while True:
            run = self.run(self.free_name(name) if os.path.lexists(self.folder / name) else name)
            try:
                self.trash.give_back(entry, run.folder)
            except FileExistsError:
                continue  # somebody took the name just now
            return run

    def runs(self) -> list[Run]:
        """Every run, by name."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            names = [item.name for item in entries if item.is_dir(follow_symlinks=False) and _NAME.fullmatch(item.name)]
            return [run for name in sorted(names) if (run := Run(self.folder / name)).is_there]
        return []

    def newest(self, count: int) -> list[Run]:
        """The runs that something happened to most recently, newest first."""
        return sorted(self.runs(), key=_last_change, reverse=True)[:count]

    def running(self) -> list[Run]:
        """The runs being trained now, newest first."""
        return [run for run in self.newest(1 << 30) if storage.lock_is_held(run.lock_file)]

    def free_name(self, stem: str) -> str:
        """`stem`, or `stem-2`, `stem-3` ...: the first that no run has and none that waits will have."""
        stem = re.sub(r"[^A-Za-z0-9._\-\u3400-\u4dbf\u4e00-\u9fff]+", "-", stem).strip(".-")[:48] or "run"
        name, number = stem, 1
        while os.path.lexists(self.folder / name) or self.workspace.is_queued(name):
            number += 1
            name = f"{stem}-{number}"
        return name


def _last_change(run: Run) -> float:
    for path in (run.events_file, run.stderr_file, run.config_file):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def bytes_in(folder: Path) -> int:
    """The size of all files in a folder; links are not followed, and what vanishes meanwhile counts nothing."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as items:
        for item in items:
            with contextlib.suppress(OSError):
                inside = item.is_dir(follow_symlinks=False)
                total += bytes_in(Path(item.path)) if inside else item.stat(follow_symlinks=False).st_size
    return total


def space_left(folder: Path) -> int:
    """Free bytes on the disk of a folder that may not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
