"""Files -> clean text, streamed: strict about bytes, indifferent to line ends, bounded in memory."""

import codecs
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rnnbench.errors import CorpusError
from rnnbench.visible import visible

CHUNK_BYTES = 1 << 20
ENCODING = "utf-8"
_BOM = codecs.BOM_UTF8

Report = Callable[[str, int, int], None]
"""Called with (phase, bytes done, bytes in all); may raise to end the work early."""


def silent(phase: str, done: int, total: int) -> None:
    """A report that tells nobody."""


@dataclass
class Source:
    """A UTF-8 text file, read once from start to end.

    CRLF becomes LF and a byte order mark is dropped; nothing else is changed. `sha256` and the counts cover what
    has been read so far.
    """

    path: Path
    first_characters: int | None = None
    characters: int = 0
    lines: int = 0
    bytes_read: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)
    _ends_open: bool = False

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    @property
    def sha256(self) -> str:
        """Digest of the bytes read."""
        return self._digest.hexdigest()

    def chunks(self, report: Report = silent) -> Iterator[str]:
        """The text, about a megabyte at a time. Raises CorpusError with the place of a byte that is not text."""
        size = self.check()
        decoder = codecs.getincrementaldecoder(ENCODING)("strict")
        held = ""  # a final \r waits for the \n that may follow in the next chunk
        with self.path.open("rb") as file:
            while True:
                raw = file.read(CHUNK_BYTES)
                report("reading the text", self.bytes_read, size)
                text = held + self._decode(decoder, raw)
                held = "\r" if text.endswith("\r") and raw else ""
                text = self._limit(
                    text.removesuffix(held).replace("\r\n", "\n") if held else text.replace("\r\n", "\n")
                )
                if text:
                    self._count(text)
                    yield text
                if not raw or self.characters == self.first_characters:
                    break
        self.lines += self._ends_open
        if not self.characters:
            raise CorpusError(f"{visible(str(self.path))} is empty", "a corpus needs at least a few hundred characters")

    def check(self) -> int:
        """The size in bytes. Raises CorpusError when the path is not a readable regular file."""
        shown = visible(str(self.path))
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
                raise CorpusError(f"{shown} is {kind}; a corpus is a text file")
            os.close(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            raise CorpusError(f"corpus not found: {shown}") from None
        except OSError as error:
            raise CorpusError(f"cannot read {shown}: {error.strerror}") from None
        return status.st_size

    def _decode(self, decoder: codecs.IncrementalDecoder, raw: bytes) -> str:
        pending = decoder.getstate()[0]
        self._digest.update(raw)
        start, self.bytes_read = self.bytes_read, self.bytes_read + len(raw)
        if start == 0 and raw.startswith(_BOM):
            raw, start = raw[len(_BOM) :], len(_BOM)
        try:
            return decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            raise self._bad_bytes(start - len(pending), pending + raw, error) from None

    def _bad_bytes(self, start: int, data: bytes, error: UnicodeDecodeError) -> CorpusError:
        line = self.lines + 1 + data[: error.start].count(b"\n")
        return CorpusError(
            f"{visible(str(self.path))} is not UTF-8: byte {start + error.start:,}, line {line:,}, "
            f"bytes {data[error.start : error.start + 16].hex(' ')}",
            "convert the file to UTF-8, for example with iconv",
        )

    def _limit(self, text: str) -> str:
        if self.first_characters is None:
            return text
        return text[: self.first_characters - self.characters]

    def _count(self, text: str) -> None:
        self.characters += len(text)
        self.lines += text.count("\n")
        self._ends_open = not text.endswith("\n")


def preview(path: Path, characters: int = 4000) -> str:
    """The first characters of a text, at once however long it is. Raises CorpusError."""
    return "".join(Source(path, first_characters=characters).chunks())
