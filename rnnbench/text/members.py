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
_END_OF_ZIP = 22  # bytes of its last record, before the archive's comment
_IN_ZIP64 = 0xFFFF
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_LISTED = 8
_BLOCK = 1 << 16
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
            raise self._damaged(error) from None
        except OSError as error:
            if error.errno is None:  # bz2 tells of damage so
                raise self._damaged(error) from None
            raise CorpusError(f"cannot read {visible(self.name)}: {error.strerror or error}") from None

    def _damaged(self, error: Exception) -> CorpusError:
        return CorpusError(f"{visible(self.name)} is damaged: {error}", "unpack it by hand to see what is left")

    def position(self) -> int:
        """Bytes of the file on disk that have been used."""
        return self.below.tell()


class _Streams:
    """Compressed streams one after the other. What follows them and is no stream is damage.

    BZ2File and LZMAFile drop it without a word, and with it every stream after one whose first bytes are damaged.
    """

    def __init__(self, below: BinaryIO, begin: "Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]") -> None:
        self._below, self._begin, self._stream = below, begin, begin()

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        data = b""
        while not data:
            packed = b""
            if self._stream.eof:
                packed = self._next_stream()
                if not packed:
                    return b""
                self._stream = self._begin()
            elif self._stream.needs_input:
                packed = self._below.read(_BLOCK)
                if not packed:
                    raise EOFError("the file ends before its stream does")
            data = self._stream.decompress(packed, size)
        return data

    def _next_stream(self) -> bytes:
        """Its first bytes; zeros before it are padding."""
        packed = self._stream.unused_data.lstrip(b"\0")
        while not packed and (block := self._below.read(_BLOCK)):
            packed = block.lstrip(b"\0")
        return packed

    def close(self) -> None:
        """Nothing of its own is open."""


Stamps = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Container:
    """The members of a path, in name order, and its size on disk in bytes.

    `stamps` are the files' names, inodes, sizes and times of change: another text has others.
    """

    path: Path
    size: int
    members: tuple[Member, ...]
    stamps: Stamps


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
    packed = _first_bytes(path) in (_ZIP, _EMPTY_ZIP)
    members = _zip_members(path, pattern) if packed else (_file_member(path, path.name),)
    return Container(path, status.st_size, members, (_stamp("", status),))


def _stamp(name: str, status: os.stat_result) -> tuple[str, int, int, int]:
    return name, status.st_ino, status.st_size, status.st_mtime_ns


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
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise CorpusError(f"cannot read {visible(str(path))}: {error.strerror}") from None


def _file_member(path: Path, name: str) -> Member:
    def open_file() -> OpenMember:
        below = path.open("rb")
        head = below.read(6)
        below.seek(0)
        stream: object = below
        if head.startswith(_GZIP):
            stream = gzip.GzipFile(fileobj=below)
        elif head.startswith(_BZIP2):
            stream = _Streams(below, bz2.BZ2Decompressor)
        elif head == _XZ:
            stream = _Streams(below, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ))
        elif path.suffix in _PACKED_SUFFIXES:
            below.close()
            raise CorpusError(f"{visible(str(path))} is not a {path.suffix[1:]} file, whatever its name says")
        return OpenMember(cast("BinaryIO", stream), below, str(path))

    return Member(name, open_file)


def _folder(path: Path, pattern: str) -> Container:
    """The texts below a folder, in order of their paths; links are not followed."""
    try:
        found = {item.relative_to(path).as_posix(): (item, item.lstat()) for item in path.rglob("*") if _is_text(item)}
    except OSError as error:
        raise CorpusError(f"cannot read {visible(str(error.filename or path))}: {error.strerror}") from None
    names = sorted(name for name, (_, status) in found.items() if stat.S_ISREG(status.st_mode))
    chosen = [name for name in names if _wanted(name, pattern)]
    if not chosen:
        raise CorpusError(f"{visible(str(path))} is a directory without texts{_asked(pattern, names)}")
    stamps = tuple(_stamp(name, found[name][1]) for name in chosen)
    members = tuple(_file_member(found[name][0], name) for name in chosen)
    return Container(path, sum(found[name][1].st_size for name in chosen), members, stamps)


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
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _count_entries(file, archive)
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CorpusError(f"{visible(str(path))} is a damaged zip archive: {error}") from None
    named = {member_name(info): info for info in infos if _is_member(member_name(info))}
    texts = {name: info for name, info in named.items() if name.lower().endswith(TEXT_SUFFIXES)}  # not packed again
    if not texts:
        raise CorpusError(
            f"{visible(str(path))} holds no texts{_asked('*.txt', [member_name(info) for info in infos])}"
        )
    _refuse_tricks(path, infos)
    chosen = sorted(name for name in texts if _wanted(name, pattern))
    if not chosen:
        raise CorpusError(f"{visible(str(path))} holds no texts{_asked(pattern, sorted(texts))}")
    return tuple(_zip_member(path, name, texts[name]) for name in chosen)


def _count_entries(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Raise BadZipFile when the end of the archive counts other entries: a damaged length hides those after it."""
    file.seek(-(_END_OF_ZIP + len(archive.comment)), os.SEEK_END)
    counted, found = int.from_bytes(file.read(12)[10:], "little"), len(archive.infolist())
    if counted not in {found, _IN_ZIP64}:
        raise zipfile.BadZipFile(f"it holds {found:,} entries and says {counted:,}")


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
        if member_name(info) in seen:
            raise CorpusError(f"{shown}: two members are called {name}")
        if info.header_offset < end:
            raise CorpusError(f"{shown}: member {name} lies over the one before it; this is not an honest archive")
        seen.add(member_name(info))
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
