"""Texts of the catalogue, over http and into a folder, as a generator of what happens.

The standard library does the talking. pooch, the usual choice, neither continues a download that was cut nor tells its
progress otherwise than through a bar of its own, and those two are most of what is wanted here; what is left of it,
a checksum and a rename, is a few lines.

What has come so far lies beside the target, as `<file>.part`, and stays there when a download is cut or cancelled. It
is continued (RFC 9110, sections 13.1.5 and 14.2) where the digest of the whole is known or the server can tell whether
the file is still the same one; `<file>.part.json` remembers what the server said. Otherwise it is begun again.
Proxies are taken from the environment, and certificates are checked as the system's defaults have it.
"""

import hashlib
import http.client
import re
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from rnnbench import __version__, storage
from rnnbench.errors import CorpusError, RnnbenchError, UnavailableError, UsageError
from rnnbench.storage import Part
from rnnbench.text.catalogue import Entry, check_address
from rnnbench.text.conversions import converted
from rnnbench.text.web import make_opener, validator_of, words_for
from rnnbench.visible import visible

_BLOCK_BYTES = 1 << 16
_WAITING_STEP_SECONDS = 0.1  # how soon a cancellation is noticed while nothing is done
_NOTE_LIMIT = 1 << 16
_OK, _PARTIAL, _NO_SUCH_RANGE = 200, 206, 416
_WORTH_ANOTHER_TRY = {408, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")

Check = Callable[[], None]
"""Called often; raises to end the work early."""


@dataclass(frozen=True)
class Fetched:
    """Bytes so far, and in all where the server has said. The speed is that of this connection."""

    done: int
    total: int | None
    bytes_per_second: float


@dataclass(frozen=True)
class Resumed:
    """An earlier download goes on from `done` bytes."""

    done: int


@dataclass(frozen=True)
class Retried:
    """A connection failed after `done` bytes; the next attempt begins after a wait."""

    reason: str
    done: int
    attempt: int
    wait_seconds: float


@dataclass(frozen=True)
class Completed:
    """The text is in place. The digest is that of the download; without `verified` nobody has vouched for it."""

    path: Path
    bytes: int
    download_bytes: int
    download_sha256: str
    verified: bool


FetchEvent = Fetched | Resumed | Retried | Completed


@dataclass(frozen=True)
class Patience:
    """How long a server is put up with: seconds without an answer, connections in all, first wait between two.

    Each wait is twice the one before.
    """

    timeout_seconds: float = 20.0
    attempts: int = 5
    first_wait_seconds: float = 1.0


class _Cut(Exception):
    """A connection that failed in a way that another one may not."""

    def __init__(self, reason: str, *, reached: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reached = reached


@dataclass(frozen=True)
class _Note:
    """Where a part came from and by what the server tells whether its file is still the same."""

    address: str = ""
    validator: str = ""


def keep_going() -> None:
    """A check that never ends the work."""


def target_of(entry: Entry, folder: Path) -> Path:
    """The file that an entry becomes."""
    return folder / entry.file


def fetch(
    entry: Entry,
    folder: Path,
    *,
    address: str | None = None,
    force: bool = False,
    accept_restricted: bool = False,
    check: Check = keep_going,
    patience: Patience | None = None,
) -> Generator[FetchEvent, None, None]:
    """Fetch a text into a folder; the last event is Completed. `address` takes the place of the entry's own.

    Raises at once UsageError for a restricted text that was not accepted, an address that cannot be fetched, and a
    file that is there without `force`. On the way, UnavailableError when the server cannot be reached or does not have
    it, CorpusError for other content than the catalogue knows, and whatever `check` raises. Closing the generator
    cancels it too; until it is closed or at its end, nobody else can fetch this text.
    """
    address = entry.address if address is None else address
    check_address(address)
    _permit(entry, accept_restricted)
    target = target_of(entry, folder)
    _refuse_overwriting(target, force)
    return _events(entry, address, target, force, check, patience or Patience())


def _events(
    entry: Entry, address: str, target: Path, force: bool, check: Check, patience: Patience
) -> Generator[FetchEvent, None, None]:
    storage.make_folder(target.parent)
    part_path = target.with_name(target.name + storage.TEMPORARY)
    try:
        with storage.part_file(part_path) as part:
            yield from _Transfer(entry, address, part, check, patience).events()
            digest, size = _verified_digest(entry, part), part.size
            check()
            _refuse_overwriting(target, force)  # something may have come there meanwhile
            _put_in_place(entry, part, target)
    finally:
        if not part_path.exists():
            storage.remove_file(_note_path(part_path))
    yield Completed(target, target.stat().st_size, size, digest, entry.sha256 is not None)


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _permit(entry: Entry, accepted: bool) -> None:
    if entry.restricted and not accepted:
        raise UsageError(
            f"{entry.name} is not free: {entry.note}", "--accept-restricted fetches it for those who have a licence"
        )


def _refuse_overwriting(target: Path, force: bool) -> None:
    if target.is_dir():
        raise UsageError(f"{visible(str(target))} is a folder")
    if not force and (target.exists() or target.is_symlink()):
        raise UsageError(f"{visible(str(target))} is already there", "--force fetches it again and replaces it")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified_digest(entry: Entry, part: Part) -> str:
    """The digest of what lies on the disk. Raises CorpusError, and removes it, when it is not the catalogue's."""
    digest = _digest(part.path)
    if entry.sha256 not in (None, digest):
        part.restart()
        raise CorpusError(
            f"{entry.name} came with other content than the catalogue knows: sha256 {digest}, expected {entry.sha256};"
            " it was removed",
            "try again, or from another address with --url",
        )
    return digest


def _put_in_place(entry: Entry, part: Part, target: Path) -> None:
    """Make the text out of the download; a download of which none can be made is removed."""
    if entry.kind == "text":
        if not part.size:
            raise CorpusError(f"{entry.name} came without content", "try another address with --url")
        part.become(target)
        return
    try:
        with storage.new_file(target) as output:
            for block in converted(entry, part.path):
                output.write(block)
    except CorpusError:
        part.restart()
        raise
    part.restart()


@dataclass(frozen=True)
class _Transfer:
    """One download: as many connections as patience allows, into one part."""

    entry: Entry
    address: str
    part: Part
    check: Check
    patience: Patience
    opener: urllib.request.OpenerDirector = field(default_factory=make_opener)

    def events(self) -> Iterator[Fetched | Resumed | Retried]:
        """Fetch until everything is there. Raises UnavailableError, CorpusError, and what the check raises."""
        if self._is_complete():
            return
        for attempt in range(1, self.patience.attempts + 1):
            self.check()
            before = self.part.size
            try:
                yield from self._connect()
                return
            except _Cut as cut:
                reason, reached = cut.reason, cut.reached or self.part.size > before or attempt > 1
            if not reached or attempt == self.patience.attempts:
                raise self._given_up(reason)
            wait = self.patience.first_wait_seconds * 2 ** (attempt - 1)
            yield Retried(reason, self.part.size, attempt, wait)
            self._wait(wait)

    def _is_complete(self) -> bool:
        """Whether an earlier attempt was ended just before its last step."""
        return self.part.size > 0 and self.entry.sha256 is not None and _digest(self.part.path) == self.entry.sha256

    def _given_up(self, reason: str) -> UnavailableError:
        kept = f"; {self.part.size:,} bytes are kept" if self.part.size else ""
        hint = "the same command goes on from there" if kept else "look at the network, or give a mirror with --url"
        return UnavailableError(f"cannot fetch {self.entry.name} from {self._host}: {reason}{kept}", hint)

    @property
    def _host(self) -> str:
        return visible(urlsplit(self.address).netloc)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _WAITING_STEP_SECONDS))

    def _connect(self) -> Iterator[Fetched | Resumed]:
        """One connection to its end. Raises _Cut where another may do better."""
        with closing(self._open()) as response:
            start = self._begin(response)
            if start:
                yield Resumed(start)
            announced = response.length
            total = None if announced is None else start + announced
            self._bound(total or 0)
            began = time.monotonic()
            while block := _read(response):
                self.check()
                self._bound(self.part.size + len(block))
                self.part.append(block)
                size = self.part.size
                yield Fetched(size, total, (size - start) / max(time.monotonic() - began, 1e-9))
        if total is not None and self.part.size < total:
            raise _Cut(f"the connection was cut after {self.part.size:,} of {total:,} bytes")

    def _bound(self, size: int) -> None:
        """Refuse what cannot be the text before it fills the disk."""
        largest = self.entry.largest_download
        if size > largest:
            self.part.restart()
            raise CorpusError(
                f"{self._host} sends at least {size:,} bytes for {self.entry.name}, which should have"
                f" {self.entry.bytes:,}; nothing was kept",
                "try another address with --url",
            )

    def _open(self) -> http.client.HTTPResponse:
        request = urllib.request.Request(self.address, headers=self._headers())
        try:
            response: http.client.HTTPResponse = self.opener.open(request, timeout=self.patience.timeout_seconds)
        except HTTPError as error:
            error.close()
            raise self._refusal(error.code, error.reason) from None
        except URLError as error:
            raise _Cut(words_for(error.reason), reached=False) from None
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(words_for(error)) from None
        return response

    def _headers(self) -> dict[str, str]:
        """Ask for the rest of what is there, where it is certain to be a rest of the same file."""
        headers = {"User-Agent": f"rnnbench/{__version__}", "Accept-Encoding": "identity"}
        if self.part.size:
            note = self._note()
            validator = note.validator if note.address == self.address else ""
            if validator or self.entry.sha256:
                headers["Range"] = f"bytes={self.part.size}-"
            if validator:
                headers["If-Range"] = validator
        return headers

    def _refusal(self, code: int, reason: str) -> Exception:
        told = f"the server answered {code} {visible(str(reason), limit=80)}".rstrip()
        if code == _NO_SUCH_RANGE and self.part.size:
            self.part.restart()
            return _Cut(f"{told}, so it is begun again")
        return _Cut(told) if code in _WORTH_ANOTHER_TRY else self._given_up(told)

    def _begin(self, response: http.client.HTTPResponse) -> int:
        """Make the part ready for what is coming; the place in the file where that begins."""
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._given_up("the server sends it packed, which was not asked for")
        if response.status == _PARTIAL:
            matched = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
            if matched and int(matched[1]) == self.part.size > 0:
                return self.part.size
            self.part.restart()
            raise _Cut("the server sent another piece than was asked for, so it is begun again")
        if response.status != _OK:
            raise self._given_up(f"the server answered {response.status}")
        self.part.restart()
        note = _Note(self.address, validator_of(response.headers))
        storage.write_json(_note_path(self.part.path), asdict(note))
        return 0

    def _note(self) -> _Note:
        try:
            return _Note(**storage.read_json(_note_path(self.part.path), limit=_NOTE_LIMIT))
        except (OSError, RnnbenchError, TypeError):
            return _Note()  # a part without a sound note is continued only where its digest is known


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next bytes, as soon as there are some; none at the end."""
    try:
        return response.read1(_BLOCK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"the connection was cut ({words_for(error)})") from None
