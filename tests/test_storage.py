"""What must survive survives: whole files or none, one holder of a lock, and no link followed."""

import contextlib
import errno
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnbench import storage
from rnnbench.errors import BadDataError, ExitCode, RnnbenchError, UnavailableError

OLD, NEW = b"old content\n" * 3, b"the new content, longer than the old\n" * 50
Install = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the old content, alone in its folder."""
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def until_nothing_fails(install: Install, **options: Any) -> Iterator[Any]:
    """A faulty os that fails call 1, 2, 3 ... and ends after the one that was not reached any more."""
    for nth in itertools.count(1):
        faulty = install(nth, **options)
        yield faulty
        if not faulty.reached:
            assert nth > 3
            return


def replaced_through_new_file(path: Path, data: bytes) -> None:
    """The other way to write a whole file: piece by piece."""
    with storage.new_file(path) as output:
        output.write(data[:10])
        output.write(data[10:])


WRITERS = pytest.mark.parametrize("write", [storage.write_file, replaced_through_new_file], ids=["whole", "pieces"])


@WRITERS
def test_a_file_is_replaced_whole(file: Path, write: Callable[[Path, bytes], None]) -> None:
    """New content, nothing left beside it; a name that was not there before works too."""
    write(file, NEW)
    write(file.with_name("another"), NEW)
    assert file.read_bytes() == file.with_name("another").read_bytes() == NEW
    assert sorted(os.listdir(file.parent)) == ["another", "file"]


@WRITERS
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=["ENOSPC", "EIO", "EDQUOT"])
def test_whichever_call_fails_the_file_is_old_or_new(
    file: Path, write: Callable[[Path, bytes], None], error: int, faulty_os: Install
) -> None:
    """Fail system call 1, 2, 3 ...: the error is told, the file is never a mixture, and no litter stays."""
    for faulty in until_nothing_fails(faulty_os, fail=error):
        file.write_bytes(OLD)
        try:
            write(file, NEW)
        except RnnbenchError as told:
            assert str(file) in told.message
            expected = ExitCode.FAILED if error == errno.EIO else ExitCode.UNAVAILABLE
            assert told.exit_code == expected
            assert file.read_bytes() == (NEW if "rename" in faulty.calls[: faulty.nth - 1] else OLD)
        else:
            assert file.read_bytes() == NEW
        assert os.listdir(file.parent) == ["file"]


@WRITERS
def test_a_crash_at_any_call_leaves_old_or_new(
    file: Path, write: Callable[[Path, bytes], None], faulty_os: Install, crash: type[BaseException]
) -> None:
    """Die at system call 1, 2, 3 ...: the file is whole, and what is left beside it is marked as temporary."""
    for faulty in until_nothing_fails(faulty_os, crash=True):
        file.write_bytes(OLD)
        with contextlib.suppress(crash):
            write(file, NEW)
        assert file.read_bytes() in {OLD, NEW}
        assert (file.read_bytes() == NEW) == ("rename" in faulty.calls[: faulty.nth - 1] or not faulty.reached)
        for name in set(os.listdir(file.parent)) - {"file"}:
            assert name.endswith(storage.TEMPORARY)
            (file.parent / name).unlink()


@pytest.mark.parametrize("longest", [1, 7, 1000])
def test_short_writes_are_gone_on_with(file: Path, longest: int, faulty_os: Install) -> None:
    """A system that takes only some bytes at a time still gets all of them."""
    faulty = faulty_os(longest_write=longest)
    storage.write_file(file, NEW)
    assert file.read_bytes() == NEW
    assert faulty.calls.count("write") == -(-len(NEW) // longest)


def test_a_short_write_and_then_a_full_disk_keep_the_old_file(file: Path, faulty_os: Install) -> None:
    """Half of the bytes were taken before the disk was full: the old content stays."""
    for _ in until_nothing_fails(faulty_os, fail=errno.ENOSPC, longest_write=len(NEW) // 3):
        file.write_bytes(OLD)
        with contextlib.suppress(UnavailableError):
            storage.write_file(file, NEW)
        assert file.read_bytes() in {OLD, NEW}
        assert os.listdir(file.parent) == ["file"]


def test_a_write_that_takes_nothing_is_an_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No endless loop where a system accepts zero bytes again and again."""
    names = {name: getattr(os, name) for name in dir(os)} | {"write": lambda descriptor, data: 0}
    monkeypatch.setattr(storage, "os", types.SimpleNamespace(**names))
    with pytest.raises(RnnbenchError, match="nothing could be written"):
        storage.write_file(file, NEW)
    assert file.read_bytes() == OLD


def test_a_disk_that_stores_other_bytes_is_found_out(file: Path, faulty_os: Install) -> None:
    """What was written is read back before the old file is given up."""
    faulty_os().corrupt = True
    with pytest.raises(RnnbenchError, match="read back other bytes"):
        storage.write_file(file, NEW)
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["file"]


@WRITERS
def test_content_is_durable_before_the_name_and_the_name_before_the_return(
    file: Path, write: Callable[[Path, bytes], None], faulty_os: Install
) -> None:
    """fsync of the file, then rename, then fsync of the folder: a power cut finds old or new."""
    faulty = faulty_os()
    write(file, NEW)
    steps = [name for name in faulty.calls if name in {"fsync", "rename"}]
    assert steps == ["fsync", "rename", "fsync"]


def test_a_block_that_fails_leaves_the_old_file(file: Path) -> None:
    """new_file becomes the file only when its block ends well."""
    with pytest.raises(KeyError), storage.new_file(file) as output:
        output.write(NEW)
        raise KeyError
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["file"]


@WRITERS
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_files_have_the_rights_that_the_umask_leaves(
    file: Path, write: Callable[[Path, bytes], None], mask: int
) -> None:
    """As any program's files: no wider and no narrower."""
    before = os.umask(mask)
    try:
        write(file.with_name("another"), NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.with_name("another").stat().st_mode) == 0o666 & ~mask


@WRITERS
def test_a_planted_link_is_replaced_and_not_written_through(
    file: Path, write: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    """A link where the file should be points to somebody's file; that one stays as it is."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    file.unlink()
    file.symlink_to(victim)
    write(file, NEW)
    assert victim.read_bytes() == b"precious"
    assert file.read_bytes() == NEW
    assert not file.is_symlink()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    with pytest.raises(RnnbenchError, match=r"cannot write .*absent/file: No such file"):
        storage.write_file(tmp_path / "absent" / "file", NEW)


# -- reading -----------------------------------------------------------------------------------------------------------


def test_json_goes_round(file: Path) -> None:
    """What is written as JSON is read as the same value, readable as text."""
    value = {"name": "山中", "numbers": [1, 2.5, None], "nested": {"a": True}}
    storage.write_json(file, value)
    assert storage.read_json(file) == value
    assert "山中" in file.read_text(encoding="utf-8")


def test_json_that_is_not_finite_is_refused_before_anything_is_written(file: Path) -> None:
    """NaN is no JSON; the old file stays."""
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            storage.write_json(file, {"loss": value})
    assert file.read_bytes() == OLD


DAMAGE = [b"", b"{", b"\xff\xfe", b'{"a": 1', b"[" * 200_000, b"nul", b"9" * 5000]


@pytest.mark.parametrize("damage", DAMAGE, ids=["empty", "torn", "bytes", "cut", "deep", "word", "number"])
def test_damaged_json_is_bad_data(file: Path, damage: bytes) -> None:
    """Whatever stands in the file, the answer is a message that names it."""
    file.write_bytes(damage)
    with pytest.raises(BadDataError, match="folder/file is damaged"):
        storage.read_json(file)


def test_a_file_larger_than_it_may_be_is_not_read(file: Path) -> None:
    """The limit is the size that is still accepted."""
    assert storage.read_file(file, limit=len(OLD)) == OLD
    with pytest.raises(BadDataError, match="36 bytes, more than the 35"):
        storage.read_file(file, limit=len(OLD) - 1)


def test_a_missing_file_is_told_apart_from_a_damaged_one(tmp_path: Path) -> None:
    """Callers ask whether a file is there by reading it."""
    with pytest.raises(FileNotFoundError):
        storage.read_json(tmp_path / "absent")


def next_descriptor() -> int:
    """The number that the next open file would get."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A FIFO does not make the reader wait; no descriptor is left open."""
    path = tmp_path / "odd"
    make(path)
    before = next_descriptor()
    with pytest.raises(BadDataError, match="not a regular file"):
        storage.read_file(path)
    assert next_descriptor() == before


def test_a_link_is_not_read(file: Path) -> None:
    """A link planted in a run folder does not show what it points to."""
    link = file.with_name("link")
    link.symlink_to(file)
    with pytest.raises(BadDataError, match="link is a link; it is not followed"):
        storage.read_file(link)


# -- appending ---------------------------------------------------------------------------------------------------------


def test_lines_are_appended_by_several_writers_without_mixing(tmp_path: Path) -> None:
    """Two descriptors on one log: every line is whole, wherever each of them was opened."""
    path = tmp_path / "log"
    first, second = storage.open_append(path), storage.open_append(path)
    for number in range(50):
        storage.append(first, b"first %d\n" % number, path)
        storage.append(second, b"second %d\n" % number, path)
    os.close(first)
    os.close(second)
    lines = path.read_bytes().splitlines()
    assert lines == [b"%s %d" % (word, number) for number in range(50) for word in (b"first", b"second")]


def test_a_log_that_is_a_link_is_not_opened(file: Path) -> None:
    """Appending never follows a planted link."""
    link = file.with_name("log")
    link.symlink_to(file)
    with pytest.raises(RnnbenchError, match="cannot open"):
        storage.open_append(link)
    assert file.read_bytes() == OLD


def test_a_full_disk_while_appending_is_told_as_such(tmp_path: Path, faulty_os: Install) -> None:
    """Whoever trains can keep the run and try again later."""
    path = tmp_path / "log"
    descriptor = storage.open_append(path)
    faulty_os(1, fail=errno.ENOSPC)
    with pytest.raises(UnavailableError, match=r"cannot write .*log: .* \(free some space"):
        storage.append(descriptor, b"line\n", path)
    os.close(descriptor)


# -- folders -----------------------------------------------------------------------------------------------------------


def test_a_folder_is_made_with_its_parents_and_once(tmp_path: Path) -> None:
    """An exclusive folder is made by exactly one; otherwise being there is enough."""
    folder = tmp_path / "a" / "b"
    storage.make_folder(folder, exclusive=True)
    storage.make_folder(folder)
    with pytest.raises(FileExistsError):
        storage.make_folder(folder, exclusive=True)


def test_a_file_in_the_way_of_a_folder_is_told(file: Path) -> None:
    """As the folder itself and as one of its parents."""
    with pytest.raises(RnnbenchError, match="a file is in the way"):
        storage.make_folder(file)
    with pytest.raises(RnnbenchError, match="cannot create folder"):
        storage.make_folder(file / "below" / "it")


def test_removing_does_not_follow_links(tmp_path: Path) -> None:
    """A link to a folder is refused; a link inside a folder goes, what it points to stays."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(OLD)
    link = tmp_path / "link"
    link.symlink_to(precious, target_is_directory=True)
    with pytest.raises(RnnbenchError, match="is a link; nothing was removed"):
        storage.remove_folder(link)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside").symlink_to(precious, target_is_directory=True)
    storage.remove_folder(folder)
    assert not folder.exists()
    assert (precious / "file").read_bytes() == OLD


def test_removing_what_is_gone(tmp_path: Path) -> None:
    """A file that is already gone is fine; a folder in place of a file, and one that is not there, are told."""
    storage.remove_file(tmp_path / "absent")
    with pytest.raises(RnnbenchError, match="cannot remove"):
        storage.remove_file(tmp_path)
    with pytest.raises(RnnbenchError, match="cannot remove"):
        storage.remove_folder(tmp_path / "absent")


# -- locks -------------------------------------------------------------------------------------------------------------

HOLD = """
import pathlib, sys
from rnnbench import storage
descriptor = storage.try_lock(pathlib.Path(sys.argv[1]))
print("held" if descriptor is not None else "refused", flush=True)
sys.stdin.read()
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """A second taker gets nothing until the first lets go."""
    lock = tmp_path / "lock"
    first = storage.try_lock(lock)
    assert first is not None
    assert storage.lock_is_held(lock)
    assert storage.try_lock(lock) is None
    os.close(first)
    assert not storage.lock_is_held(lock)
    again = storage.try_lock(lock)
    assert again is not None
    os.close(again)


def test_the_lock_counts_between_processes_and_ends_with_its_holder(tmp_path: Path, other_process: Install) -> None:
    """Held elsewhere it is refused here; kill -9 of the holder frees it, without anybody guessing about pids."""
    lock = tmp_path / "lock"
    holder = other_process(HOLD, lock)
    assert holder.stdout.readline() == "held\n"
    assert storage.lock_is_held(lock)
    assert storage.try_lock(lock) is None
    rival = other_process(HOLD, lock)
    assert rival.stdout.readline() == "refused\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not storage.lock_is_held(lock)
    mine = storage.try_lock(lock)
    assert mine is not None
    os.close(mine)


def test_of_many_takers_at_once_one_gets_the_lock(tmp_path: Path, other_process: Install) -> None:
    """Four processes start together: one holds it, three are refused."""
    lock = tmp_path / "lock"
    takers = [other_process(HOLD, lock) for _ in range(4)]
    answers = [taker.stdout.readline() for taker in takers]
    assert sorted(answers) == ["held\n", "refused\n", "refused\n", "refused\n"]


def test_a_child_program_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A program started while the lock is held, with all descriptors that it may inherit, does not hold it."""
    lock = tmp_path / "lock"
    descriptor = storage.try_lock(lock)
    assert descriptor is not None
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        os.close(descriptor)
        assert not storage.lock_is_held(lock)
        child.communicate()


def test_asking_does_not_create_or_take_the_lock(tmp_path: Path) -> None:
    """A question leaves no file behind, and two who ask do not see each other."""
    lock = tmp_path / "lock"
    assert not storage.lock_is_held(lock)
    assert not lock.exists()
    lock.touch()
    asker = os.open(lock, os.O_RDONLY)
    storage.fcntl.flock(asker, storage.fcntl.LOCK_SH)
    assert not storage.lock_is_held(lock)
    os.close(asker)


def test_one_who_only_asks_is_no_rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A taker who meets the short shared lock of an asker tries again and gets it."""
    lock = tmp_path / "lock"
    lock.touch()
    asker = os.open(lock, os.O_RDONLY)
    storage.fcntl.flock(asker, storage.fcntl.LOCK_SH)
    waits: list[float] = []

    def asker_goes(seconds: float) -> None:
        waits.append(seconds)
        os.close(asker)

    monkeypatch.setattr(storage, "time", types.SimpleNamespace(sleep=asker_goes))
    taken = storage.try_lock(lock)
    assert taken is not None
    assert len(waits) == 1
    os.close(taken)


def test_a_lock_that_is_a_link_or_cannot_be_made_is_told(file: Path) -> None:
    """A planted link is not opened, and a missing folder is a message."""
    link = file.with_name("lock")
    link.symlink_to(file)
    with pytest.raises(RnnbenchError, match="cannot lock"):
        storage.try_lock(link)
    with pytest.raises(RnnbenchError, match="cannot lock"):
        storage.try_lock(file.parent / "absent" / "lock")
    assert file.read_bytes() == OLD


def test_the_note_in_a_lock_is_replaced_whole(file: Path) -> None:
    """A shorter note leaves nothing of a longer one behind it."""
    descriptor = os.open(file, os.O_RDWR)
    storage.replace_contents(descriptor, json.dumps({"pid": 1}).encode())
    os.close(descriptor)
    assert json.loads(file.read_bytes()) == {"pid": 1}


def test_a_digest_and_the_free_space(tmp_path: Path) -> None:
    """sha256 of nothing is the known one; the disk of the test has room."""
    assert storage.sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert storage.free_bytes(tmp_path) > 0
