"""Every byte that must survive goes through here: create, write, fsync, rename, verify.

Nothing else in the package opens a file for writing, so a test can fail the Nth system call by replacing `storage.os`.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.errors import BadDataError, RnnbenchError, UnavailableError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o666  # less the umask, as any program's files
TEMPORARY = ".part"
_LOCK_ATTEMPTS = 5  # lock_is_held holds a shared lock for some microseconds; that is not a rival


def explain(error: OSError, action: str, path: Path) -> RnnbenchError:
    """An OSError as a message for a person: full disks can be tried again later, the rest cannot."""
    reason = error.strerror or str(error)
    kind = UnavailableError if error.errno in _NO_SPACE else RnnbenchError
    hint = "free some space and try again" if error.errno in _NO_SPACE else ""
    return kind(f"cannot {action} {path}: {reason}", hint)


def make_folder(path: Path, *, exclusive: bool = False) -> None:
    """Create a folder and its parents. With `exclusive`, FileExistsError when it is already there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=not exclusive)
    except FileExistsError:
        if exclusive:
            raise
        raise RnnbenchError(f"cannot create folder {path}: a file is in the way") from None
    except OSError as error:
        raise explain(error, "create folder", path) from error


def write_file(path: Path, data: bytes) -> None:
    """Replace `path` by `data` whole or not at all, and durably: it has survived a power cut when this returns."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        _write_new(temporary, data)
        _verify(temporary, data)
        os.rename(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise explain(error, "write", path) from error


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, _CREATE, _MODE)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however short the single writes are."""
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)
        if written <= 0:
            raise OSError(errno.EIO, "nothing could be written")
        rest = rest[written:]


def _verify(path: Path, data: bytes) -> None:
    """Read back what was written; a disk that lies is better found now than at the next start."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            if file.read() != data:
                raise OSError(errno.EIO, "read back other bytes than were written")
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make a rename or a new name in the folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented UTF-8 JSON; numbers that are not finite are refused."""
    write_file(path, as_json(value))


def as_json(value: Any) -> bytes:
    """A value as a JSON file holds it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def read_file(path: Path, *, limit: int | None = None) -> bytes:
    """The bytes of a regular file, not followed through a link.

    Raises FileNotFoundError when it is not there, BadDataError when it cannot be read or has more than `limit` bytes.
    """
    try:
        return _read_regular(path, limit)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadDataError(f"{path} is a link; it is not followed", "put the file itself in its place") from None
        raise BadDataError(f"cannot read {path}: {error.strerror or error}") from None


def _read_regular(path: Path, limit: int | None) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadDataError(f"{path} is not a regular file")
        if limit is not None and status.st_size > limit:
            raise BadDataError(f"{path} has {status.st_size:,} bytes, more than the {limit:,} that it may have")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def read_json(path: Path, *, limit: int = 64 << 20) -> Any:
    """The value in a JSON file. Raises BadDataError when it is not JSON, FileNotFoundError when it is not there."""
    try:
        return json.loads(read_file(path, limit=limit))
    except (ValueError, RecursionError) as error:
        raise BadDataError(f"{path} is damaged: {error}") from None


def open_append(path: Path) -> int:
    """A descriptor for appending whole lines."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    except OSError as error:
        raise explain(error, "open", path) from error


def append(descriptor: int, line: bytes, path: Path) -> None:
    """Append one whole line in a single write where the system allows it."""
    try:
        write_all(descriptor, line)
    except OSError as error:
        raise explain(error, "write", path) from error


@dataclass(frozen=True)
class Output:
    """A file that is being made."""

    descriptor: int

    def write(self, data: bytes) -> None:
        """Append every byte."""
        write_all(self.descriptor, data)


@contextlib.contextmanager
def new_file(path: Path, *, durable: bool = True) -> Iterator[Output]:
    """A temporary file that becomes `path` when the block ends without an error, and vanishes otherwise.

    What need not survive a power cut, because it is only read back by this process, is not `durable`.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        # Unbuffered: what is written here comes in large blocks, and a buffer would only copy it once more.
        with os.fdopen(os.open(temporary, _CREATE, _MODE), "wb", buffering=0) as file:
            yield Output(file.fileno())
            if durable:
                os.fsync(file.fileno())
        os.rename(temporary, path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise explain(error, "write", path) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


@dataclass(frozen=True)
class Part:
    """A file that grows over several attempts, held by one process at a time."""

    path: Path
    descriptor: int

    @property
    def size(self) -> int:
        """Bytes so far."""
        return os.fstat(self.descriptor).st_size

    def append(self, data: bytes) -> None:
        """Add every byte. What was there before stays, also when the disk is full."""
        append(self.descriptor, data, self.path)

    def restart(self) -> None:
        """Forget what is there; a part without content vanishes when it is let go."""
        try:
            os.ftruncate(self.descriptor, 0)
        except OSError as error:
            raise explain(error, "empty", self.path) from error

    def become(self, path: Path) -> None:
        """Take the place of `path`, durably."""
        try:
            os.fsync(self.descriptor)
            os.rename(self.path, path)
            sync_folder(path.parent)
        except OSError as error:
            raise explain(error, "write", path) from error


@contextlib.contextmanager
def part_file(path: Path) -> Iterator[Part]:
    """A file to be continued later: it stays when the block ends early, unless nothing is in it.

    Raises UnavailableError while another process holds it.
    """
    part = Part(path, _open_part(path))
    try:
        yield part
    finally:
        with contextlib.suppress(OSError):  # whatever is wrong with the disk has been told by a write
            if part.size == 0 and _is_at(part.descriptor, path):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.close(part.descriptor)


def _open_part(path: Path) -> int:
    """A descriptor for appending that holds the file's lock."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, _MODE)
    except OSError as error:
        raise explain(error, "open", path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, path):  # else its holder finished and renamed it between our two calls
            return descriptor
    except BlockingIOError:
        pass
    except OSError as error:
        os.close(descriptor)
        raise explain(error, "lock", path) from error
    os.close(descriptor)
    raise UnavailableError(f"another process is writing {path}", "wait until it has finished")


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is a regular one and the one that has this name now."""
    try:
        here, there = os.fstat(descriptor), path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(here.st_mode) and (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def rename(path: Path, target: Path) -> None:
    """Give a file another name in its folder, over one that may have it, durably."""
    try:
        os.rename(path, target)
        sync_folder(target.parent)
    except OSError as error:
        raise explain(error, "write", target) from error


def move_folder(path: Path, target: Path) -> None:
    """Give a folder another name, durably. Raises FileExistsError when that name is taken."""
    make_folder(target, exclusive=True)  # claims the name: a rename takes the place of an empty folder only
    try:
        os.rename(path, target)
        sync_folder(target.parent)
        if path.parent != target.parent:
            sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.rmdir(target)  # fails where it is not empty, so nothing of anybody is lost
        raise explain(error, "rename", path) from error


def remove_file(path: Path) -> None:
    """Remove a file that may already be gone."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise explain(error, "remove", path) from error


def remove_folder(path: Path) -> None:
    """Remove a folder and all in it; a link is refused, not followed."""
    if path.is_symlink():
        raise RnnbenchError(f"{path} is a link; nothing was removed")
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise explain(error, "remove", path) from error


def sha256(data: bytes) -> str:
    """The digest of some bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def free_bytes(path: Path) -> int:
    """Space left for an ordinary user on the disk that holds `path`."""
    return shutil.disk_usage(path).free


def try_lock(path: Path) -> int | None:
    """Take the lock file; its descriptor, to be closed to let go, or None while another process holds it.

    The kernel lets go of a flock when its holder dies, however it dies, so nobody has to guess about stale pids.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    except OSError as error:
        raise explain(error, "lock", path) from error
    for attempt in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                raise explain(error, "lock", path) from error
        if attempt + 1 < _LOCK_ATTEMPTS:
            time.sleep(0.02)
    os.close(descriptor)
    return None


def hold(descriptor: int) -> None:
    """Lock an open file for as long as it is open here or in a process that inherits it; where that fails, do not."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def folder_lock(path: Path) -> Iterator[None]:
    """Wait for a folder's lock and hold it; it leaves no file. Where the disk knows no such locks, nobody waits."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise explain(error, "lock", path) from error
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def lock_is_held(path: Path) -> bool:
    """Whether some process holds the lock file; asks for a shared lock, so two askers do not see each other."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def replace_contents(descriptor: int, data: bytes) -> None:
    """Overwrite a small open file, such as the note in a lock."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
