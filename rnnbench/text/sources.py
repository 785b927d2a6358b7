"""Files, archives and folders -> text, streamed: strict about bytes, indifferent to line ends, bounded in memory."""

import codecs
import contextlib
import hashlib
import io
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rnnbench.config import CorpusConfig
from rnnbench.errors import CorpusError
from rnnbench.text import encodings, members
from rnnbench.text.descriptions import MemberFacts
from rnnbench.text.encodings import Detection
from rnnbench.text.members import Container, Member, OpenMember
from rnnbench.visible import visible

CHUNK_BYTES = 1 << 20
_GIGABYTE = 10**9
_REPLACEMENT = "\ufffd"
_SHOWN_BYTES = 16

Report = Callable[[str, int, int], None]
"""Called with (phase, bytes done, bytes in all); may raise to end the work early."""


def silent(phase: str, done: int, total: int) -> None:
    """A report that tells nobody."""


@dataclass
class Source:
    """The text that a path holds, read once from start to end.

    Line ends become LF, byte order marks are dropped, members follow each other on a new line; nothing else is
    changed. The counts and `sha256`, which covers the unpacked bytes, tell of what has been read so far.
    """

    path: Path
    first_characters: int | None = None
    encoding: str = "auto"
    errors: str = "strict"
    pattern: str = ""
    maximum_bytes: int = 4 * _GIGABYTE
    characters: int = 0
    lines: int = 0
    bytes_read: int = 0
    hashing: bool = True
    facts: list[MemberFacts] = field(default_factory=list)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)
    _ends_open: bool = False
    _container: Container | None = None

    @classmethod
    def of(cls, path: Path, corpus: CorpusConfig) -> "Source":
        """The source that a configuration describes."""
        maximum = int(corpus.maximum_gigabytes * _GIGABYTE)
        return cls(path, corpus.first_characters, corpus.encoding, corpus.errors, corpus.members, maximum)

    @property
    def container(self) -> Container:
        """What the path holds. Raises CorpusError when it cannot be read."""
        if self._container is None:
            self._container = members.look_into(self.path, self.pattern)
        return self._container

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.container.size

    @property
    def sha256(self) -> str:
        """Digest of the unpacked bytes that were read."""
        return self._digest.hexdigest()

    def check(self) -> int:
        """The size on disk in bytes. Raises CorpusError when there is nothing that can be read."""
        return self.size

    def raw(self, report: Report = silent) -> str:
        """The digest of all unpacked bytes, without decoding them."""
        for member in self.container.members:
            with members.opened(member) as stream:
                while block := self._read(stream):
                    report("checking the text", stream.position(), self.size)
                    self._digest.update(block)
        return self.sha256

    def chunks(self, report: Report = silent) -> Iterator[str]:
        """The text, about a megabyte at a time. Raises CorpusError with the place of a byte that is not text."""
        before = 0
        for member in self.container.members:
            if self._ends_open:
                yield from self._told("\n")
            with members.opened(member) as stream, contextlib.closing(self._decoded(member, stream)) as texts:
                for text in texts:
                    report("reading the text", before + stream.position(), self.size)
                    yield from self._told(text)
                    if self.characters == self.first_characters:
                        break
                before += stream.position() if len(self.container.members) > 1 and self.path.is_dir() else 0
            if self.characters == self.first_characters:
                break
        self.lines += self._ends_open
        if not self.characters:
            raise CorpusError(f"{visible(str(self.path))} is empty", "a corpus needs at least a few hundred characters")

    def _told(self, text: str) -> Iterator[str]:
        if self.first_characters is not None:
            text = text[: self.first_characters - self.characters]
        if text:
            self.characters += len(text)
            self.lines += text.count("\n")
            self._ends_open = not text.endswith("\n")
            yield text

    def _decoded(self, member: Member, stream: OpenMember) -> Generator[str, None, None]:
        head = self._read(stream)
        while head and len(head) < encodings.SAMPLE_BYTES and (more := self._read(stream)):
            head += more  # what is detected must not depend on the size of the chunks
        detection = self._detect(stream.name, head)
        first = self.lines
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        decoder = _Decoder(stream, detection, self.errors, lambda: self.lines - first, newlines)
        raw = head
        try:
            while True:
                if self.hashing:
                    self._digest.update(raw)
                text = newlines.decode(decoder.decode(raw), final=not raw)
                if text:
                    yield text
                if not raw:
                    break
                raw = self._read(stream)
        finally:  # also when enough characters have been read
            self.facts.append(MemberFacts(member.name, detection.encoding, detection.confidence, decoder.replaced))

    def _read(self, stream: OpenMember) -> bytes:
        raw = stream.read(CHUNK_BYTES)
        self.bytes_read += len(raw)
        if self.bytes_read > self.maximum_bytes:
            raise CorpusError(
                f"{visible(stream.name)} unpacks to more than {self.maximum_bytes / _GIGABYTE:g} GB",
                "raise corpus.maximum_gigabytes if it really is that long",
            )
        return raw

    def _detect(self, name: str, head: bytes) -> Detection:
        if self.encoding != "auto":
            encoding = encodings.known(self.encoding)
            marked = encodings.mark_of(head)
            if marked and encoding in {"utf-16", "utf-32", marked[0]}:
                return Detection(marked[0], 1.0, marked[1])
            return Detection({"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding), 1.0)
        sample = head[: encodings.SAMPLE_BYTES]
        detection = encodings.detect(sample, whole=len(head) < encodings.SAMPLE_BYTES)
        if detection.confidence < encodings.SURE:
            if self.errors == "replace" and (_is_nearly_utf8(sample) or not detection.candidates):
                return Detection("utf-8", 0.0)
            raise self._unsure(name, sample, detection)
        return detection

    def _unsure(self, name: str, sample: bytes, detection: Detection) -> CorpusError:
        """A file that is nearly UTF-8 has bad bytes; any other has an encoding to be chosen."""
        if _is_nearly_utf8(sample):
            try:
                sample.decode("utf-8")
            except UnicodeDecodeError as error:
                return bad_bytes(
                    name, "utf-8", error.start, sample[: error.start].count(b"\n") + 1, sample[error.start :]
                )
        return encodings.unsure(name, detection)


def _is_nearly_utf8(sample: bytes) -> bool:
    text = sample.decode("utf-8", "replace")
    return text.count(_REPLACEMENT) * 20 < len(text)


class _Decoder:
    """Decodes a stream and knows where it is: offset in bytes, line, how often it replaced bytes that are not text."""

    def __init__(
        self,
        stream: OpenMember,
        detection: Detection,
        errors: str,
        lines_before: Callable[[], int],
        newlines: io.IncrementalNewlineDecoder,
    ) -> None:
        self.replaced, self._newlines = 0, newlines
        self._stream, self._encoding, self._errors = stream, detection.encoding, errors
        self._lines_before = lines_before
        make = codecs.getincrementaldecoder(detection.encoding)
        self._decoder, self._ignoring = make(errors), make("ignore")
        self._mark, self._offset = detection.mark, 0

    def decode(self, raw: bytes) -> str:
        """The text of the next bytes; none of them means the end. Raises CorpusError at the first bad byte."""
        mark, self._mark = self._mark, 0
        start = self._offset + mark
        self._offset += len(raw)
        state = self._decoder.getstate()
        pending = state[0]
        try:
            text = self._decoder.decode(raw[mark:], final=not raw)
        except UnicodeDecodeError as error:
            data = pending + raw[mark:]
            before = self._newlines.decode(data[: error.start].decode(self._encoding, "replace"), final=True)
            line = self._lines_before() + before.count("\n") + 1
            offset = start - len(pending) + error.start
            raise bad_bytes(self._stream.name, self._encoding, offset, line, self._shown(data[error.start :])) from None
        if self._errors == "replace" and (marks := text.count(_REPLACEMENT)):
            # A file may hold U+FFFD itself; read again with bad bytes left out, only those marks remain.
            self._ignoring.setstate(state)
            self.replaced += marks - self._ignoring.decode(raw[mark:], final=not raw).count(_REPLACEMENT)
        return text

    def _shown(self, data: bytes) -> bytes:
        """The bad bytes and those after them, also where the chunk ends."""
        with contextlib.suppress(CorpusError):  # the rest is damaged too: the first fault is told
            while len(data) < _SHOWN_BYTES and (more := self._stream.read(_SHOWN_BYTES - len(data))):
                data += more
        return data


def bad_bytes(name: str, encoding: str, offset: int, line: int, data: bytes) -> CorpusError:
    """What to say of bytes that are not text."""
    return CorpusError(
        f"{visible(name)} is not {encoding}: byte {offset:,}, line {line:,}, bytes {data[:_SHOWN_BYTES].hex(' ')}",
        "give the right corpus.encoding, or corpus.errors replace to read on with marks in their place",
    )


def preview(path: Path, characters: int = 4000, corpus: CorpusConfig | None = None) -> str:
    """The first characters of a text, at once however long it is. Raises CorpusError."""
    source = Source.of(path, corpus) if corpus is not None else Source(path)
    source.first_characters = characters
    return "".join(source.chunks())
