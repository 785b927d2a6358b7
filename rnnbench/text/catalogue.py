"""Named texts that others publish: where each is, how large, under what licence."""

import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, TypeAdapter, ValidationError

from rnnbench.errors import BadDataError, UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[!-~]+")  # printable ASCII without blanks: anything else must be percent-encoded
_SUFFIXES = (".txt", ".tsv")
_LARGEST_BYTES = 10**9

Kind = Literal["text", "zip", "poems", "gutenberg"]
"""What becomes of the download: kept as it is, one member of a zip, JSON of poems as text, licence cut off."""


@dataclass(frozen=True)
class Entry:
    """One text of the catalogue. `bytes` and `sha256` are those of the download, before it is converted.

    Without a `sha256` the size is only about right. `file` is `name` with a suffix, so that the name it is fetched by
    is the name it is trained by. Of a zip, `member` is the wanted file's own name, in whatever folder it lies, and
    `unpacked_bytes` about its size. What is `restricted` is fetched only when asked for twice; its note says why.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    title: str
    language: str
    address: str
    bytes: int
    licence: str
    kind: Kind
    file: str
    sha256: str | None = None
    member: str = ""
    unpacked_bytes: int = 0
    restricted: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for an entry that could not be fetched."""
        check_address(self.address)
        faults = {
            "name": not _NAME.fullmatch(self.name),
            "title, language or licence": not (self.title and self.language and self.licence),
            "bytes": not 0 < self.bytes <= _LARGEST_BYTES,
            "sha256": self.sha256 is not None and not _SHA256.fullmatch(self.sha256),
            "file": self.file not in {self.name + suffix for suffix in _SUFFIXES},
            "member": bool(self.member) != (self.kind == "zip") or "/" in self.member,
            "unpacked_bytes": (self.unpacked_bytes > 0) != (self.kind == "zip"),
            "note": self.restricted and not self.note,
        }
        if wrong := [field for field, is_wrong in faults.items() if is_wrong]:
            raise ValueError(f"{self.name}: wrong {', '.join(wrong)}")

    @property
    def largest_download(self) -> int:
        """Bytes above which the download cannot be this text; a size that is only about right gets more room."""
        return int(self.bytes * (1.1 if self.sha256 else 2))

    @property
    def largest_output(self) -> int:
        """Bytes above which a zip member cannot be this text."""
        return 2 * self.unpacked_bytes

    @property
    def holds_pairs(self) -> bool:
        """Whether each line is a source, a tab and a target."""
        return PurePosixPath(self.file).suffix == ".tsv"


def check_address(address: str) -> None:
    """Raise UsageError for an address that is not plain http or https. No credentials: they would end in messages."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"not an address: {address!r}", "blanks and letters beyond ASCII are written %XX")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise UsageError(f"not an address: {address} ({error})") from None
    if not usable:
        raise UsageError(f"not an address that can be fetched: {address}", "it begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise UsageError("an address with a user name or password in it is not fetched")


def read_entries(toml: str) -> tuple[Entry, ...]:
    """The entries of a catalogue, in its order. Raises BadDataError naming what is wrong."""
    try:
        tables = tomllib.loads(toml)
        found = TypeAdapter(tuple[Entry, ...]).validate_python(tuple(tables.pop("corpus", ())))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadDataError(f"the catalogue is damaged: {place}: {first['msg']}") from None
    except (tomllib.TOMLDecodeError, UsageError, TypeError) as error:
        raise BadDataError(f"the catalogue is damaged: {error}") from None
    names = [entry.name for entry in found]
    if tables or len(set(names)) < len(names):
        raise BadDataError(f"the catalogue is damaged: {', '.join(tables) or 'a name stands twice'}")
    return found


@cache
def entries() -> tuple[Entry, ...]:
    """The catalogue that comes with the package."""
    return read_entries((resources.files("rnnbench.text") / "catalogue.toml").read_text(encoding="utf-8"))


def find(name: str) -> Entry:
    """The entry of that name. Raises UsageError with the nearest names."""
    known = {entry.name: entry for entry in entries()}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name.lower(), known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "rnnbench corpora catalogue lists what there is"
    raise UsageError(f"no text called {name} in the catalogue", hint)
