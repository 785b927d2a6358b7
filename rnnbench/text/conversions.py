"""Downloads that are not yet texts: a zip's member, poems in JSON, a Project Gutenberg edition."""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.errors import CorpusError
from rnnbench.text.catalogue import Entry
from rnnbench.text.sources import CHUNK_BYTES
from rnnbench.visible import visible

# The title between the marks may run over several lines; the marks of the first years have no blank after the stars.
_START = re.compile(r"^\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.{0,400}?\*\*\*[ \t]*$", re.DOTALL | re.M)
_END = re.compile(r"^\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG EBOOK", re.M)
_LAST_WORDS = re.compile(r"\n *End of (?:the |this )?Project Gutenberg[^\n]*\s*\Z", re.IGNORECASE)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Poem:
    """A poem, line by line."""

    title: str
    author: str
    lines: tuple[str, ...]


def converted(entry: Entry, download: Path) -> Iterator[bytes]:
    """The bytes of the text that a download holds, in blocks. Raises CorpusError where it holds something else."""
    if entry.kind == "zip":
        yield from _member(entry, download)
    elif entry.kind == "poems":
        yield poems_text(download.read_bytes()).encode()
    elif entry.kind == "gutenberg":
        yield without_licence(_utf8(download.read_bytes())).encode()
    else:
        with download.open("rb") as file:
            while block := file.read(CHUNK_BYTES):
                yield block


def without_licence(text: str) -> str:
    """What stands between Project Gutenberg's START and END marks, with LF line ends.

    Raises CorpusError when a mark is missing: then the text is cut short, or it is another page altogether.
    """
    text = text.replace("\r\n", "\n")
    start = _START.search(text)
    end = _END.search(text, start.end()) if start else None
    if start is None or end is None:
        missing = "begin" if start is None else "end"
        raise CorpusError(f"what was fetched has no mark where a Project Gutenberg text should {missing}")
    body = _LAST_WORDS.sub("", text[start.end() : end.start()]).strip("\n")
    if not body.strip():
        raise CorpusError("what was fetched has nothing between Project Gutenberg's marks")
    return body + "\n"


def poems_text(document: bytes) -> str:
    """Poems as 《title》author, their lines, and a blank line between poems. Raises CorpusError."""
    try:
        poems = list(_poems(json.loads(_utf8(document))))
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"what was fetched is not JSON of poems: {error}") from None
    if not poems:
        raise CorpusError("what was fetched is JSON without a poem")
    return "\n".join(f"《{poem.title}》{poem.author}\n" + "".join(f"{line}\n" for line in poem.lines) for poem in poems)


def _poems(node: Any) -> Iterator[Poem]:
    """Every poem below a node, in order: chinese-poetry files them in a list or in groups with a `content`."""
    if isinstance(node, list):
        for item in node:
            yield from _poems(item)
    elif isinstance(node, dict) and "paragraphs" in node:
        title = node.get("title") or node.get("chapter") or node.get("rhythmic") or ""
        yield Poem(str(title), str(node.get("author") or ""), tuple(_lines(node["paragraphs"])))
    elif isinstance(node, dict):
        yield from _poems(node.get("content"))


def _lines(paragraphs: Any) -> Iterator[str]:
    if not isinstance(paragraphs, list) or not all(isinstance(line, str) for line in paragraphs):
        raise ValueError("a poem's paragraphs are not a list of lines")
    return (line.strip() for line in paragraphs if line.strip())


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"what was fetched is not UTF-8 from byte {error.start:,} on") from None


def _member(entry: Entry, download: Path) -> Iterator[bytes]:
    """The wanted member, counted as it unpacks: what an archive says of its own sizes proves nothing."""
    produced = 0
    try:
        with zipfile.ZipFile(download) as archive, archive.open(_wanted(entry, archive)) as stream:
            while block := stream.read(CHUNK_BYTES):
                produced += len(block)
                if produced > entry.largest_output:
                    raise CorpusError(
                        f"{entry.member} unpacks to more than {entry.largest_output:,} bytes",
                        f"it should have about {entry.unpacked_bytes:,}",
                    )
                yield block
    except _DAMAGE as error:
        raise CorpusError(f"what was fetched is not a sound zip archive: {error}") from None


def _wanted(entry: Entry, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    names = [info for info in archive.infolist() if not info.is_dir()]
    found = [info for info in names if info.filename.rpartition("/")[2] == entry.member]
    if len(found) != 1:
        listed = ", ".join(visible(info.filename, limit=60) for info in names[:8])
        raise CorpusError(f"the archive should hold {entry.member} once; it holds {listed or 'nothing'}")
    return found[0]
