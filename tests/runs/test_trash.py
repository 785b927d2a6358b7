"""Deleting with a way back: a run is at its place or in the trash, whole, whatever happens in between."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs.store import Run, RunStore, bytes_in
from rnnbench.runs.trash import KEPT_DAYS, KEPT_RUNS, Trash
from rnnbench.workspace import Workspace


@pytest.fixture
def store(workspace: Workspace) -> RunStore:
    """The runs of an empty workspace."""
    return RunStore(workspace)


@pytest.fixture
def make(store: RunStore, make_config: Callable[..., RunConfig]) -> Callable[[str], Run]:
    """Makes a run with a log."""

    def create(name: str) -> Run:
        run = store.create(name, make_config())
        run.events_file.write_text(f"history of {name}\n")
        return run

    return create


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run but its lock, which says who held it last."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("lock", None)
    return found


def aged(store: RunStore, name: str, days: float) -> None:
    """As if a run had been deleted so many days ago."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() - days * 86400))
    (entry,) = [entry for entry in store.trash.entries() if entry.name == name]
    entry.folder.rename(store.trash.folder / f"{name}@{stamp}.000Z")


def test_a_deleted_run_comes_back_as_it_was(store: RunStore, make: Callable[[str], Run]) -> None:
    """Every byte; and while it is in the trash it is no run, and its name is free."""
    before = contents(make("one").folder)
    store.delete("one")
    assert store.runs() == [] and not store.exists("one") and store.free_name("one") == "one"
    run = store.undelete("one")
    assert run.name == "one" and contents(run.folder) == before
    assert store.trash.entries() == []


def test_a_name_that_is_taken_by_now_is_not_overwritten(store: RunStore, make: Callable[[str], Run]) -> None:
    """The run comes back under the next free name; the last deletion of a name comes first."""
    name = "n" * 64
    make(name).events_file.write_text("first")
    store.delete(name)
    make(name).events_file.write_text("second")
    store.delete(name)
    assert store.undelete(name).events_file.read_text() == "second"
    back = store.undelete(name)
    assert back.name != name and back.events_file.read_text() == "first"
    assert store.find(name).events_file.read_text() == "second"


def test_what_is_not_in_the_trash(store: RunStore, make: Callable[[str], Run]) -> None:
    """The refusal names what is; no name leads out of the trash."""
    with pytest.raises(UsageError, match="in the trash: nothing"):
        store.undelete("one")
    make("two")
    store.delete("two")
    with pytest.raises(UsageError, match="in the trash: two"):
        store.undelete("one")
    for name in ("../two", "two@x", "", ".trash"):
        with pytest.raises(UsageError, match="not a run name"):
            store.undelete(name)


def test_the_trash_is_no_run(store: RunStore, make: Callable[[str], Run]) -> None:
    """Hidden folders under runs/ are never listed, found or deleted as runs."""
    run = make("one")
    store.delete("one")
    make("two")
    (store.folder / ".hidden").mkdir()
    (store.folder / ".hidden" / "config.json").write_bytes(store.find("two").config_file.read_bytes())
    (store.trash.folder / "config.json").write_text("{}")
    assert [found.name for found in store.runs()] == ["two"]
    with pytest.raises(UsageError, match="no run named one"):
        store.find(run.name)


def test_a_deletion_removes_what_was_deleted_long_ago(store: RunStore, make: Callable[[str], Run]) -> None:
    """Older than a week, or beyond the last twenty; what is no entry of the trash is left alone."""
    for number in range(KEPT_RUNS + 2):
        make(f"r{number}")
        store.delete(f"r{number}")
    assert [entry.name for entry in store.trash.entries()] == [f"r{n}" for n in range(KEPT_RUNS + 1, 1, -1)]
    aged(store, "r5", KEPT_DAYS + 0.1)
    aged(store, "r6", KEPT_DAYS - 0.1)
    (store.trash.folder / "mine").mkdir()
    (store.trash.folder / "x@yesterday").mkdir()
    make("last")
    store.delete("last")
    names = {entry.name for entry in store.trash.entries()}
    assert "r5" not in names and {"r6", "last"} <= names
    assert {"mine", "x@yesterday"} <= {path.name for path in store.trash.folder.iterdir()}


def test_emptying_removes_all_that_was_deleted(store: RunStore, make: Callable[[str], Run], tmp_path: Path) -> None:
    """Nothing else, and nothing through a link; what an earlier removal left half done goes too."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    run = make("one")
    (run.folder / "samples").symlink_to(precious, target_is_directory=True)
    store.delete("one")
    (store.trash.folder / ".going-12").mkdir()
    (store.trash.folder / "mine").mkdir()
    assert store.trash.empty() == 1
    assert [path.name for path in store.trash.folder.iterdir()] == ["mine"]
    assert (precious / "file").read_bytes() == b"x"


def test_a_trash_that_is_a_link_is_refused(store: RunStore, make: Callable[[str], Run], tmp_path: Path) -> None:
    """A planted link does not carry a run away, and nothing is removed through it."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "old@20200101T000000.000Z").mkdir(parents=True)
    (elsewhere / ".going-12").mkdir()
    make("one")
    store.trash.folder.symlink_to(elsewhere)
    with pytest.raises(RnnbenchError, match="is a link"):
        store.delete("one")
    assert store.exists("one") and store.trash.entries() == [] and store.trash.empty() == 0
    assert sorted(path.name for path in elsewhere.iterdir()) == [".going-12", "old@20200101T000000.000Z"]


@pytest.mark.parametrize("nth", range(1, 16))
def test_whichever_call_fails_the_run_is_whole(
    store: RunStore, make: Callable[[str], Run], faulty_os: Callable[..., Any], nth: int
) -> None:
    """Deleting or bringing back on a disk that fails: the run is at its place or in the trash, never in neither."""
    before = contents(make("one").folder)
    faulty_os(nth, fail=errno.EIO)
    with contextlib.suppress(RnnbenchError, OSError):
        store.delete("one")
        store.undelete("one")
    faulty_os()
    if not store.exists("one"):
        store.undelete("one")
    assert contents(store.runs()[0].folder) == before


@pytest.mark.parametrize("nth", range(1, 16))
def test_killed_anywhere_the_run_is_whole(
    store: RunStore, make: Callable[[str], Run], faulty_os: Callable[..., Any], crash: type[BaseException], nth: int
) -> None:
    """A process that dies at any call leaves one whole run, at its place or in the trash, and nothing half."""
    before = contents(make("one").folder)
    faulty_os(nth, crash=True)
    with contextlib.suppress(crash):
        store.delete("one")
        store.undelete("one")
    faulty_os()
    found = store.runs() or [store.undelete("one")]
    assert [contents(run.folder) for run in found] == [before]
    assert store.trash.entries() == []


def test_a_removal_that_was_interrupted_is_no_run(store: RunStore, make: Callable[[str], Run]) -> None:
    """What is being removed for good is renamed first: half of it cannot be brought back as a run."""
    make("one")
    store.delete("one")
    seen: list[list[str]] = []
    trash = store.trash

    class Watching(Trash):
        """Looks at the trash between the rename and the removal."""

        def _going(self) -> list[Path]:
            seen.append([entry.name for entry in self.entries()])
            return []

    Watching(trash.folder)._remove(trash._all())
    assert seen == [[]] and trash.entries() == []
    make("two")
    store.delete("two")
    assert [path.name.partition("@")[0] for path in trash.folder.iterdir()] == ["two"]


def test_the_size_of_a_run(store: RunStore, make: Callable[[str], Run], tmp_path: Path) -> None:
    """All its files; what a link points to is not part of it."""
    run = make("one")
    large = tmp_path / "large"
    large.write_bytes(b"x" * 100_000)
    before = bytes_in(run.folder)
    (run.checkpoints / "link").symlink_to(large)
    (run.checkpoints / "weights").write_bytes(b"x" * 500)
    assert before + 500 <= bytes_in(run.folder) < before + 1000
    assert bytes_in(run.folder / "nowhere") == 0
    assert os.path.lexists(run.checkpoints / "link")
