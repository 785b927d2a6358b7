"""What a path holds: one or several streams of bytes, read and never extracted to disk.

A plain file, a compressed one (gzip, bzip2, xz), the texts of a zip archive, or the texts of a folder. What a file
is, is read from its first bytes, not from its name.
"""

import bz2
import fnmatch
import gzip
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from rnnbench.errors import CorpusError
from rnnbench.visible import visible

TEXT_SUFFIXES = (".txt", ".tsv")
_PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
_GZIP, _BZIP2, _XZ, _ZIP, _EMPTY_ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04", b"PK\x05\x06"
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_LISTED = 8
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)

Opener = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Member:
    """One stream of bytes. `position` tells how far into the file on disk an open stream has come."""

    name: str
    open: Callable[[], "OpenMember"]


@dataclass(frozen=True)
class OpenMember:
    """An open stream and the file below it."""

    stream: BinaryIO
    below: BinaryIO
    name: str

    def read(self, size: int) -> bytes:
        """The next bytes. Raises CorpusError when the packed data is damaged."""
        try:
            return self.stream.read(size)
        except _DAMAGE as error:
            raise CorpusError(
                f"{visible(self.name)} is damaged: {error}", "unpack it by hand to see what is left"
            ) from None
        except OSError as error:
            raise CorpusError(f"cannot read {visible(self.name)}: {error.strerror or error}") from None

    def position(self) -> int:
        """Bytes of the file on disk that have been used."""
        return self.below.tell()


@dataclass(frozen=True)
class Container:
    """The members of a path, in name order, and its size on disk in bytes."""

    path: Path
    size: int
    members: tuple[Member, ...]


@contextmanager
def opened(member: Member) -> Iterator[OpenMember]:
    """The member's stream, closed afterwards. Raises CorpusError when it cannot be opened, or has gone since."""
    try:
        stream = member.open()
    except OSError as error:
        raise CorpusError(f"cannot read {visible(member.name)}: {error.strerror or error}") from None
    try:
        yield stream
    finally:
        stream.stream.close()
        stream.below.close()


def look_into(path: Path, pattern: str = "") -> Container:
    """The texts in a path; `pattern` chooses among the members of an archive or a folder. Raises CorpusError."""
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        return _folder(path, pattern)
    if not stat.S_ISREG(status.st_mode):
        raise CorpusError(
            f"{visible(str(path))} is not a regular file; a corpus is a text, an archive of texts or a folder"
        )
    if _first_bytes(path) in (_ZIP, _EMPTY_ZIP):
        return Container(path, status.st_size, _zip_members(path, pattern))
    return Container(path, status.st_size, (_file_member(path, path.name),))


def _status(path: Path) -> os.stat_result:
    try:
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except FileNotFoundError:
        raise CorpusError(f"corpus not found: {visible(str(path))}") from None
    except OSError as error:
        raise CorpusError(f"cannot read {visible(str(path))}: {error.strerror}") from None
    return status


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _file_member(path: Path, name: str) -> Member:
    def open_file() -> OpenMember:
        below = path.open("rb")
        head = below.read(6)
        below.seek(0)
        stream: object = below
        if head.startswith(_GZIP):
            stream = gzip.GzipFile(fileobj=below)
        elif head.startswith(_BZIP2):
            stream = bz2.BZ2File(below)
        elif head == _XZ:
            stream = lzma.LZMAFile(below)  # noqa: SIM115
        elif path.suffix in _PACKED_SUFFIXES:
            raise CorpusError(f"{visible(str(path))} is not a {path.suffix[1:]} file, whatever its name says")
        return OpenMember(cast("BinaryIO", stream), below, str(path))

    return Member(name, open_file)


def _folder(path: Path, pattern: str) -> Container:
    """The texts below a folder, in order of their paths; links are not followed."""
    found = sorted(
        (item for item in path.rglob("*") if _is_text(item) and item.is_file() and not item.is_symlink()),
        key=lambda item: item.relative_to(path).as_posix(),
    )
    names = [item.relative_to(path).as_posix() for item in found]
    chosen = [(item, name) for item, name in zip(found, names, strict=True) if _wanted(name, pattern)]
    if not chosen:
        raise CorpusError(f"{visible(str(path))} is a directory without texts{_asked(pattern, names)}")
    size = sum(item.stat().st_size for item, _ in chosen)
    return Container(path, size, tuple(_file_member(item, name) for item, name in chosen))


def _is_text(path: Path) -> bool:
    name = path.name.lower()
    for suffix in _PACKED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name.endswith(TEXT_SUFFIXES) and not name.startswith(".")


def _wanted(name: str, pattern: str) -> bool:
    return not pattern or fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.rpartition("/")[2], pattern)


def _asked(pattern: str, names: list[str]) -> str:
    if not names:
        return f" ({', '.join(TEXT_SUFFIXES)})"
    listed = ", ".join(visible(name, limit=60) for name in names[:_LISTED])
    return f" that match {visible(pattern)!r}; it holds {listed}{' ...' if len(names) > _LISTED else ''}"


def _zip_members(path: Path, pattern: str) -> tuple[Member, ...]:
    """The texts of a zip archive, in name order. Nothing is extracted; names are only shown and matched."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CorpusError(f"{visible(str(path))} is a damaged zip archive: {error}") from None
    named = {member_name(info): info for info in infos if _is_member(member_name(info))}
    texts = {name: info for name, info in named.items() if _is_text(Path(name))}
    if not texts:
        raise CorpusError(
            f"{visible(str(path))} holds no texts{_asked('*.txt', [member_name(info) for info in infos])}"
        )
    _refuse_tricks(path, infos)
    chosen = sorted(name for name in texts if _wanted(name, pattern))
    if not chosen:
        raise CorpusError(f"{visible(str(path))} holds no texts{_asked(pattern, sorted(texts))}")
    return tuple(_zip_member(path, name, texts[name]) for name in chosen)


def _is_member(name: str) -> bool:
    return not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")


def member_name(info: zipfile.ZipInfo) -> str:
    """The name as its author wrote it: flagged UTF-8, or unflagged UTF-8 or GBK as Chinese archivers write it."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    try:
        raw = info.filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _refuse_tricks(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    """Encrypted members, two of one name, and members that lie over each other are refused by name."""
    shown, seen, end = visible(str(path)), set[str](), -1
    for info in sorted(infos, key=lambda item: item.header_offset):
        name = visible(member_name(info), limit=80)
        if info.flag_bits & _ENCRYPTED:
            raise CorpusError(f"{shown}: member {name} is encrypted", "unpack it and give the text itself")
        if info.filename in seen:
            raise CorpusError(f"{shown}: two members are called {name}")
        if info.header_offset < end:
            raise CorpusError(f"{shown}: member {name} lies over the one before it; this is not an honest archive")
        seen.add(info.filename)
        end = info.header_offset + info.compress_size


def _zip_member(path: Path, name: str, info: zipfile.ZipInfo) -> Member:
    def open_member() -> OpenMember:
        shown = f"{path}:{name}"
        below = path.open("rb")
        try:
            stream = zipfile.ZipFile(below).open(info)  # noqa: SIM115
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
            below.close()
            raise CorpusError(f"{visible(shown)} is damaged: {error}") from None
        return OpenMember(cast("BinaryIO", stream), below, shown)

    return Member(name, open_member)
