"""Deleted runs, kept for a while: a deletion is a rename, and so is bringing a run back."""

import calendar
import contextlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from rnnbench import storage
from rnnbench.errors import RnnbenchError

KEPT_DAYS, KEPT_RUNS = 7, 20
_ENTRY = re.compile(r"([^@]+)@(\d{8}T\d{6})\.(\d{3})Z")
_FORMAT = "%Y%m%dT%H%M%S"
_GOING = ".going-"  # what a removal was interrupted in is never taken for a run


@dataclass(frozen=True)
class Trashed:
    """A run in the trash: the name it had, and when it was deleted, in seconds since 1970."""

    folder: Path
    name: str
    at: float


@dataclass(frozen=True)
class Trash:
    """The folder of deleted runs, `runs/.trash`; an entry is called NAME@TIME, in UTC."""

    folder: Path

    def entries(self) -> list[Trashed]:
        """What can be brought back, the last deletion first."""
        found = [item for item in self._all() if holds_run(item.folder)]
        return sorted(found, key=lambda item: (item.at, item.name), reverse=True)

    def _all(self) -> list[Trashed]:
        return [entry for folder in self._folders() if (entry := _entry(folder))]

    def _folders(self) -> list[Path]:
        """The folders in the trash; none where the trash is a link, through which nothing is removed."""
        with contextlib.suppress(OSError), os.scandir(self.folder) as items:
            if not self.folder.is_symlink():
                return [Path(item.path) for item in items if item.is_dir(follow_symlinks=False)]
        return []

    def take(self, folder: Path) -> Trashed:
        """Move a run's folder here, durably: it is at its place or here, whole, whenever the machine stops."""
        self._refuse_link()
        storage.make_folder(self.folder)
        while True:
            at = time.time()
            target = self.folder / f"{folder.name}@{_stamp(at)}"
            try:
                storage.move_folder(folder, target)
            except FileExistsError:
                time.sleep(0.001)  # the same name, deleted within one millisecond
            else:
                return Trashed(target, folder.name, at)

    def give_back(self, entry: Trashed, target: Path) -> None:
        """Move an entry to where it is a run again. Raises FileExistsError when that name is taken."""
        self._refuse_link()
        storage.move_folder(entry.folder, target)

    def prune(self) -> None:
        """Remove what was deleted longer ago than KEPT_DAYS, or is not among the last KEPT_RUNS."""
        oldest = time.time() - KEPT_DAYS * 86400
        entries = sorted(self._all(), key=lambda item: item.at, reverse=True)
        self._remove([entry for place, entry in enumerate(entries) if place >= KEPT_RUNS or entry.at < oldest])

    def empty(self) -> int:
        """Remove everything for good; returns how many runs that were."""
        entries, going = self._all(), self._going()
        self._remove(entries)
        left = [entry for entry in self._all() if entry in entries]
        if left or any(path.exists() for path in going):
            raise RnnbenchError(f"not everything in {self.folder} could be removed", "see who may write there")
        return len(entries)

    def _remove(self, entries: list[Trashed]) -> None:
        """One rename first: what is half removed when the machine stops is not offered as a run."""
        for entry in entries:
            with contextlib.suppress(RnnbenchError):  # another process may be removing it as well
                storage.rename(entry.folder, self.folder / f"{_GOING}{secrets.token_hex(8)}")
        for path in self._going():
            with contextlib.suppress(RnnbenchError):
                storage.remove_folder(path)

    def _going(self) -> list[Path]:
        return [folder for folder in self._folders() if folder.name.startswith(_GOING)]

    def _refuse_link(self) -> None:
        if self.folder.is_symlink():
            raise RnnbenchError(f"{self.folder} is a link; links are not followed", "remove the link")


def holds_run(folder: Path) -> bool:
    """Whether a folder is a run's: it has a configuration, or the last words of a trainer that came to write none.

    One that may not be looked into, such as another user's, is no run.
    """
    try:
        return (folder / "config.json").is_file() or (folder / "stderr.log").is_file()
    except OSError:
        return False


def _stamp(at: float) -> str:
    return f"{time.strftime(_FORMAT, time.gmtime(at))}.{int(at * 1000) % 1000:03d}Z"


def _entry(folder: Path) -> Trashed | None:
    """The entry that a folder's name tells of; None for whatever else lies here."""
    match = _ENTRY.fullmatch(folder.name)
    if match is None:
        return None
    try:
        seconds = calendar.timegm(time.strptime(match[2], _FORMAT))
    except ValueError:
        return None
    return Trashed(folder, match[1], seconds + int(match[3]) / 1000)
