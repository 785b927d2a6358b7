"""Downloads come whole and verified, or say why not and keep what can be gone on with. The server is this machine."""

import errno
import hashlib
import io
import json
import re
import threading
import urllib.request
import urllib.response
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rnnbench import storage
from rnnbench.errors import CorpusError, ExitCode, RnnbenchError, UnavailableError, UsageError
from rnnbench.text import web
from rnnbench.text.catalogue import Entry
from rnnbench.text.fetching import Completed, Fetched, FetchEvent, Patience, Resumed, Retried, fetch

TEXT = "".join(f"{n}: the tide came in and the tide went out.\n" for n in range(8000)).encode()
PATIENCE = Patience(timeout_seconds=30, attempts=3, first_wait_seconds=0)
TAG = '"first edition"'


@dataclass
class Answer:
    """What the server does with one request."""

    body: bytes = TEXT
    status: int = 200
    cut_after: int | None = None
    ranges: bool = True
    says_length: bool = True
    drip: bool = False
    hang_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    shifted: int = 0  # the range that is answered begins so much later than the one asked for


class Site:
    """A server whose answers are written down beforehand, the last one for ever; it remembers the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[dict[str, str]] = []
        self.closing = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}})
                answers = site.answers[self.path]
                site.serve(self, answers.pop(0) if len(answers) > 1 else answers[0])

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *arguments: Any) -> None:
                pass  # a client that has gone

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def address(self, path: str = "/text") -> str:
        """Where a path is."""
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def will(self, *answers: Answer, path: str = "/text") -> None:
        """Write down the answers."""
        self.answers[path] = list(answers)

    def serve(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        start = self._start(handler, answer)
        handler.send_response(206 if start else answer.status)
        body = answer.body[start:]
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}")
        if answer.says_length:
            handler.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if answer.drip:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                if self.closing.wait(0.001):
                    return
        stop = answer.hang_after if answer.hang_after is not None else answer.cut_after
        handler.wfile.write(body[:stop])
        if answer.hang_after is not None:
            self.closing.wait()

    @staticmethod
    def _start(handler: BaseHTTPRequestHandler, answer: Answer) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        wanted = handler.headers.get("If-Range", answer.headers.get("ETag"))
        if not (asked and answer.ranges and answer.status == 200 and wanted == answer.headers.get("ETag")):
            return 0
        return int(asked[1]) + answer.shifted

    def close(self) -> None:
        """Let every answer end."""
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine; no proxy comes between."""
    monkeypatch.setenv("no_proxy", "*")
    site = Site()
    yield site
    site.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where texts go; it is not there yet."""
    return tmp_path / "corpora"


@pytest.fixture
def make_entry(site: Site) -> Callable[..., Entry]:
    """An entry for what the server has under /text; digest and size are TEXT's unless given."""

    def make(**values: Any) -> Entry:
        basics: dict[str, Any] = {
            "name": "tides",
            "title": "The Tides",
            "language": "en",
            "address": site.address(),
            "bytes": len(TEXT),
            "licence": "CC0",
            "kind": "text",
            "file": "tides.txt",
            "sha256": hashlib.sha256(TEXT).hexdigest(),
        }
        return Entry(**{**basics, **values})

    return make


@pytest.fixture
def entry(make_entry: Callable[..., Entry]) -> Entry:
    """The plain case."""
    return make_entry()


def run(entry: Entry, folder: Path, **options: Any) -> list[FetchEvent]:
    """All that happens."""
    return list(fetch(entry, folder, patience=options.pop("patience", PATIENCE), **options))


def names(folder: Path) -> list[str]:
    """What lies in the folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_good_file(site: Site, entry: Entry, folder: Path) -> None:
    """It is put in place whole and verified, nothing else is left, and progress rises to the total."""
    site.will(Answer())
    *progress, done = run(entry, folder)
    assert done == Completed(folder / "tides.txt", len(TEXT), len(TEXT), str(entry.sha256), verified=True)
    assert (folder / "tides.txt").read_bytes() == TEXT
    assert names(folder) == ["tides.txt"]
    sizes = [event.done for event in progress if isinstance(event, Fetched)]
    assert sizes == sorted(set(sizes)) and sizes[-1] == len(TEXT)
    assert {event.total for event in progress if isinstance(event, Fetched)} == {len(TEXT)}
    assert all(event.bytes_per_second > 0 for event in progress if isinstance(event, Fetched))


def test_the_program_names_itself(site: Site, entry: Entry, folder: Path) -> None:
    """Some hosts refuse the library's default name; nothing is asked for packed."""
    site.will(Answer())
    run(entry, folder)
    assert site.requests[0]["user-agent"].startswith("rnnbench/")
    assert site.requests[0]["accept-encoding"] == "identity"


def test_a_length_need_not_be_told(site: Site, entry: Entry, folder: Path) -> None:
    """Without Content-Length the total is unknown, and the digest still decides."""
    site.will(Answer(says_length=False))
    events = run(entry, folder)
    assert isinstance(events[-1], Completed)
    assert {event.total for event in events if isinstance(event, Fetched)} == {None}


def test_an_unknown_digest_is_told_not_trusted(site: Site, make_entry: Callable[..., Entry], folder: Path) -> None:
    """Without a digest in the catalogue the file is accepted as not verified, and its digest is in the event."""
    site.will(Answer())
    done = run(make_entry(sha256=None), folder)[-1]
    assert isinstance(done, Completed)
    assert (done.verified, done.download_sha256) == (False, hashlib.sha256(TEXT).hexdigest())


def test_a_wrong_checksum_removes_the_file(site: Site, entry: Entry, folder: Path) -> None:
    """Both digests are shown, and neither file nor part is left."""
    wrong = TEXT[:-2] + b"!\n"
    site.will(Answer(wrong))
    with pytest.raises(CorpusError) as told:
        run(entry, folder)
    assert str(entry.sha256) in str(told.value) and hashlib.sha256(wrong).hexdigest() in str(told.value)
    assert names(folder) == []


def test_a_cut_connection_is_continued(site: Site, entry: Entry, folder: Path) -> None:
    """The second connection asks only for the rest, and the whole is right."""
    site.will(Answer(cut_after=100_000), Answer())
    events = run(entry, folder)
    assert (folder / "tides.txt").read_bytes() == TEXT
    assert [event.done for event in events if isinstance(event, Retried | Resumed)] == [100_000, 100_000]
    assert [request.get("range") for request in site.requests] == [None, "bytes=100000-"]


def test_a_cut_connection_is_begun_again_where_ranges_are_unknown(site: Site, entry: Entry, folder: Path) -> None:
    """A server that sends everything once more is taken at its word: nothing stands twice in the file."""
    site.will(Answer(cut_after=100_000), Answer(ranges=False))
    events = run(entry, folder)
    assert (folder / "tides.txt").read_bytes() == TEXT
    assert not [event for event in events if isinstance(event, Resumed)]


def test_another_range_than_asked_for_is_not_used(site: Site, entry: Entry, folder: Path) -> None:
    """A piece that begins elsewhere would leave a hole; the download begins again."""
    site.will(Answer(cut_after=100_000), Answer(shifted=7), Answer())
    run(entry, folder)
    assert (folder / "tides.txt").read_bytes() == TEXT
    assert [request.get("range") for request in site.requests] == [None, "bytes=100000-", None]


def test_a_range_that_is_not_there_is_begun_again(site: Site, entry: Entry, folder: Path) -> None:
    """A server that answers 416 has another file now."""
    site.will(Answer(cut_after=100_000), Answer(b"", status=416), Answer())
    run(entry, folder)
    assert (folder / "tides.txt").read_bytes() == TEXT


def test_what_was_kept_is_used_by_the_next_command(site: Site, entry: Entry, folder: Path) -> None:
    """After as many cuts as patience allows the part stays, the error says so, and a new fetch goes on from it."""
    site.will(Answer(cut_after=50_000))
    with pytest.raises(UnavailableError, match="150,000 bytes are kept") as told:
        run(entry, folder)
    assert told.value.exit_code == ExitCode.UNAVAILABLE
    assert names(folder) == ["tides.txt.part", "tides.txt.part.json"]
    site.will(Answer())
    assert Resumed(150_000) in run(entry, folder)
    assert (folder / "tides.txt").read_bytes() == TEXT
    assert names(folder) == ["tides.txt"]


def kept(entry: Entry, site: Site, folder: Path, **headers: str) -> None:
    """Leave a part of 100,000 bytes behind."""
    site.will(Answer(cut_after=100_000, headers=headers))
    with pytest.raises(UnavailableError):
        run(entry, folder, patience=replace(PATIENCE, attempts=1))


def test_without_a_digest_only_the_same_edition_is_continued(
    site: Site, make_entry: Callable[..., Entry], folder: Path
) -> None:
    """The server's tag is sent along; when the file has changed since, it comes anew and whole."""
    entry, other = make_entry(sha256=None), b"second edition\n" * 20_000
    kept(entry, site, folder, ETag=TAG)
    site.will(Answer(headers={"ETag": TAG}))
    assert Resumed(100_000) in run(entry, folder)
    assert site.requests[-1]["if-range"] == TAG
    kept(make_entry(sha256=None, name="waves", file="waves.txt"), site, folder, ETag=TAG)
    site.will(Answer(other, headers={"ETag": '"second edition"'}))
    run(make_entry(sha256=None, name="waves", file="waves.txt"), folder)
    assert (folder / "waves.txt").read_bytes() == other


@pytest.mark.parametrize("case", ["no tag", "weak tag", "other address", "damaged note"])
def test_what_cannot_be_told_apart_is_begun_again(
    site: Site, make_entry: Callable[..., Entry], folder: Path, case: str
) -> None:
    """Without a digest, and nothing by which the server could tell two editions apart, no range is asked for."""
    entry = make_entry(sha256=None)
    kept(entry, site, folder, **({} if case == "no tag" else {"ETag": 'W/"x"' if case == "weak tag" else TAG}))
    if case == "damaged note":
        (folder / "tides.txt.part.json").write_text("[1")
    site.will(Answer())
    site.will(Answer(), path="/mirror")
    run(entry, folder, address=site.address("/mirror") if case == "other address" else None)
    assert "range" not in site.requests[-1]
    assert (folder / "tides.txt").read_bytes() == TEXT


def test_a_part_that_is_already_whole_is_not_fetched_again(site: Site, entry: Entry, folder: Path) -> None:
    """A process that died before its last step leaves nothing to download."""
    folder.mkdir()
    (folder / "tides.txt.part").write_bytes(TEXT)
    assert [type(event) for event in run(entry, folder)] == [Completed]
    assert site.requests == []


@pytest.mark.parametrize(("status", "connections"), [(404, 1), (403, 1), (410, 1), (204, 1), (500, 3), (503, 3)])
def test_a_refusal_is_one_clear_line(site: Site, entry: Entry, folder: Path, status: int, connections: int) -> None:
    """What will not change is not asked for again; the message has the status, and nothing is left behind."""
    site.will(Answer(b"", status=status))
    with pytest.raises(UnavailableError) as told:
        run(entry, folder)
    assert str(status) in str(told.value) and "\n" not in str(told.value)
    assert told.value.exit_code == ExitCode.UNAVAILABLE
    assert len(site.requests) == connections
    assert names(folder) == []


def test_a_server_that_recovers(site: Site, entry: Entry, folder: Path) -> None:
    """A 500 and then the file: fetched, and the retry was told."""
    site.will(Answer(b"oops", status=500), Answer())
    events = run(entry, folder)
    assert [event.reason for event in events if isinstance(event, Retried)] == [
        "the server answered 500 Internal Server Error"
    ]
    assert (folder / "tides.txt").read_bytes() == TEXT


def test_waits_grow(site: Site, entry: Entry, folder: Path) -> None:
    """Each wait between two attempts is twice the one before."""
    site.will(Answer(b"", status=502))
    waits = []
    with pytest.raises(UnavailableError):
        for event in fetch(entry, folder, patience=Patience(30, attempts=4, first_wait_seconds=0.002)):
            waits.append(event.wait_seconds if isinstance(event, Retried) else None)
    assert waits == [0.002, 0.004, 0.008]


def test_a_host_that_does_not_answer(site: Site, entry: Entry, folder: Path) -> None:
    """Nobody listens there: one line with the host, at once."""
    address = site.address()
    site.close()
    events = fetch(replace(entry, address=address), folder, patience=PATIENCE)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1") as told:
        list(events)
    assert told.value.exit_code == ExitCode.UNAVAILABLE


def test_a_stalled_server_is_left(site: Site, entry: Entry, folder: Path) -> None:
    """No byte within the time limit counts as a cut, and the rest is fetched over another connection."""
    site.will(Answer(hang_after=100_000), Answer())
    events = run(entry, folder, patience=Patience(timeout_seconds=2, attempts=5, first_wait_seconds=0))
    assert any("no answer in time" in event.reason for event in events if isinstance(event, Retried))
    assert (folder / "tides.txt").read_bytes() == TEXT


class Cancelled(Exception):
    """What the check of a face raises."""


def test_a_slow_download_can_be_cancelled(site: Site, entry: Entry, folder: Path) -> None:
    """The check's own exception comes out, and what came stays for the next time."""
    site.will(Answer(drip=True))
    part = folder / "tides.txt.part"

    def check() -> None:
        if part.exists() and part.stat().st_size >= 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(entry, folder, check=check)
    assert TEXT.startswith(part.read_bytes()) and part.stat().st_size >= 5
    site.will(Answer())
    run(entry, folder)
    assert (folder / "tides.txt").read_bytes() == TEXT


def test_a_wait_can_be_cancelled(site: Site, entry: Entry, folder: Path) -> None:
    """Nobody has to sit through a long wait between two attempts."""
    site.will(Answer(b"", status=503))
    waiting = False

    def check() -> None:
        if waiting:
            raise Cancelled

    with pytest.raises(Cancelled):
        for _ in fetch(entry, folder, check=check, patience=Patience(30, 2, first_wait_seconds=3600)):
            waiting = True


@pytest.mark.parametrize("says_length", [True, False])
def test_too_many_bytes_are_refused(site: Site, entry: Entry, folder: Path, says_length: bool) -> None:
    """Announced or not, far more than the catalogue knows is not written to the disk."""
    site.will(Answer(TEXT * 4, says_length=says_length))
    largest = 0
    with pytest.raises(CorpusError, match=f"should have {len(TEXT):,}"):
        for event in fetch(entry, folder, patience=PATIENCE):
            largest = max(largest, getattr(event, "done", 0))
    assert largest <= entry.largest_download
    assert names(folder) == []


def test_redirects_are_followed(site: Site, entry: Entry, folder: Path) -> None:
    """A file that has moved is found; the range is still asked for."""
    site.will(Answer(cut_after=100_000), Answer(), path="/new")
    site.will(Answer(b"gone", status=302, headers={"Location": "/new"}))
    run(entry, folder)
    assert (folder / "tides.txt").read_bytes() == TEXT
    assert site.requests[-1]["range"] == "bytes=100000-"


@pytest.mark.parametrize(
    "place", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,hello", "http://user:secret@127.0.0.1/x", "/text"]
)
def test_redirects_that_lead_astray(site: Site, entry: Entry, folder: Path, place: str) -> None:
    """Out of http, with a password, or in a circle: refused in one line."""
    site.will(Answer(b"", status=302, headers={"Location": place}))
    with pytest.raises(UnavailableError):
        run(entry, folder)
    assert names(folder) == []


def test_the_body_of_a_redirect_is_not_waited_for(site: Site, entry: Entry, folder: Path) -> None:
    """It may be endless; only the address in the header matters."""
    site.will(Answer(status=302, hang_after=10, headers={"Location": "/new"}))
    site.will(Answer(), path="/new")
    run(entry, folder, patience=replace(PATIENCE, attempts=1))
    assert (folder / "tides.txt").read_bytes() == TEXT


class Body(io.BytesIO):
    """As the bodies of http.client: closed, it is merely empty."""

    def read(self, size: int | None = -1) -> bytes:
        return b"" if self.closed else super().read(size)


class OtherHttps(urllib.request.BaseHandler):
    """Stands in for every https server: redirects to one place."""

    handler_order = 100

    def __init__(self, place: str) -> None:
        self.place = place

    def https_open(self, request: urllib.request.Request) -> urllib.response.addinfourl:
        headers = Message()
        status = 302 if request.full_url.endswith("/old") else 200
        if status == 302:
            headers["Location"] = self.place
        answer = urllib.response.addinfourl(Body(b"the text"), headers, request.full_url, status)
        answer.msg = "Found"  # type: ignore[attr-defined]
        return answer


def test_a_redirect_never_leads_from_https_down_to_http(site: Site) -> None:
    """What was asked for under encryption is not then taken in the open; https to https is fine."""
    site.will(Answer())
    for place, allowed in (("https://other.example/new", True), (site.address(), False)):
        opener = web.make_opener()
        opener.add_handler(OtherHttps(place))
        if allowed:
            with opener.open("https://texts.example/old") as response:
                assert response.read() == b"the text"
        else:
            with pytest.raises(UnavailableError, match="https down to"):
                opener.open("https://texts.example/old")
    assert site.requests == []


def test_a_packed_answer_is_refused(site: Site, entry: Entry, folder: Path) -> None:
    """Sizes and digests are those of the plain file; a server that insists on packing it is told apart."""
    site.will(Answer(headers={"Content-Encoding": "gzip"}))
    with pytest.raises(UnavailableError, match="packed"):
        run(entry, folder)


def test_control_characters_of_a_server_stay_out_of_messages(site: Site, entry: Entry, folder: Path) -> None:
    """A redirect to an address with an escape sequence cannot drive the terminal."""
    site.will(Answer(b"", status=302, headers={"Location": "gopher://x/\x1b[2J"}))
    with pytest.raises(UnavailableError) as told:
        run(entry, folder)
    assert "\x1b" not in str(told.value)


def test_nothing_is_overwritten_without_force(site: Site, entry: Entry, folder: Path) -> None:
    """A file that is there is left alone before anything is asked; --force replaces it."""
    folder.mkdir()
    (folder / "tides.txt").write_text("my own")
    site.will(Answer())
    with pytest.raises(UsageError, match="--force"):
        fetch(entry, folder)
    assert (folder / "tides.txt").read_text() == "my own"
    assert site.requests == []
    run(entry, folder, force=True)
    assert (folder / "tides.txt").read_bytes() == TEXT


def test_a_file_that_came_meanwhile_is_kept(site: Site, entry: Entry, folder: Path) -> None:
    """What somebody puts there during the download is not overwritten, and the download is not lost."""
    site.will(Answer())
    with pytest.raises(UsageError, match="--force"):
        for _ in fetch(entry, folder, patience=PATIENCE):
            (folder / "tides.txt").write_text("my own")
    assert (folder / "tides.txt").read_text() == "my own"
    run(entry, folder, force=True)
    assert len(site.requests) == 1


def test_a_failed_replacement_keeps_the_old_file(site: Site, entry: Entry, folder: Path) -> None:
    """--force replaces only by something verified."""
    folder.mkdir()
    (folder / "tides.txt").write_text("my own")
    site.will(Answer(TEXT[::-1]))
    with pytest.raises(CorpusError):
        run(entry, folder, force=True)
    assert names(folder) == ["tides.txt"]
    assert (folder / "tides.txt").read_text() == "my own"


def test_links_are_not_followed(site: Site, entry: Entry, folder: Path, tmp_path: Path) -> None:
    """A link planted where the part or the text goes does not lead the download elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder.mkdir()
    (folder / "tides.txt").symlink_to(victim)
    site.will(Answer())
    run(entry, folder, force=True)
    assert victim.read_text() == "precious" and not (folder / "tides.txt").is_symlink()
    for place in (victim, tmp_path / "nowhere"):
        (folder / "tides.txt.part").symlink_to(place)
        with pytest.raises(RnnbenchError):
            run(entry, folder, force=True)
        (folder / "tides.txt.part").unlink()
    assert victim.read_text() == "precious" and not (tmp_path / "nowhere").exists()


def test_a_restricted_text_is_refused(site: Site, make_entry: Callable[..., Entry], folder: Path) -> None:
    """Nothing is asked of the server unless the licence was accepted; the message says why."""
    entry = make_entry(restricted=True, note="its owner licenses it")
    site.will(Answer())
    with pytest.raises(UsageError, match=r"its owner licenses it.*--accept-restricted"):
        fetch(entry, folder)
    assert site.requests == []
    assert isinstance(run(entry, folder, accept_restricted=True)[-1], Completed)


def test_a_mirror_is_verified_too(site: Site, entry: Entry, folder: Path) -> None:
    """Another address changes where it comes from, not what it has to be."""
    site.will(Answer(TEXT[::-1]), path="/mirror")
    with pytest.raises(CorpusError, match="expected"):
        run(entry, folder, address=site.address("/mirror"))
    with pytest.raises(UsageError, match="address"):
        fetch(entry, folder, address="file:///etc/passwd")


def test_a_zip_member_is_unpacked(site: Site, make_entry: Callable[..., Entry], folder: Path) -> None:
    """The member becomes the file, the archive vanishes, and the digest is the archive's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/pairs.txt", "in\tout\n")
        archive.writestr("folder/about.txt", "read me")
    data = buffer.getvalue()
    entry = make_entry(
        kind="zip", file="tides.tsv", member="pairs.txt", unpacked_bytes=7, bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )  # fmt: skip
    site.will(Answer(data))
    done = run(entry, folder)[-1]
    assert isinstance(done, Completed)
    assert (done.bytes, done.download_bytes, done.verified) == (7, len(data), True)
    assert (folder / "tides.tsv").read_text() == "in\tout\n"
    assert names(folder) == ["tides.tsv"]


def test_a_gutenberg_text_loses_its_licence(site: Site, make_entry: Callable[..., Entry], folder: Path) -> None:
    """Only the text is kept; a page without the marks is refused and removed, and the file that was there stays."""
    marks = "*** {} OF THE PROJECT GUTENBERG EBOOK TIDES ***"
    page = f"\ufeffheader\r\n{marks.format('START')}\r\n\r\n潮來潮去\r\n\r\n{marks.format('END')}\r\nlicence".encode()
    entry = make_entry(kind="gutenberg", bytes=len(page), sha256=None)
    site.will(Answer(page))
    run(entry, folder)
    assert (folder / "tides.txt").read_text(encoding="utf-8") == "潮來潮去\n"
    site.will(Answer(b"<html>please log in</html>"))
    with pytest.raises(CorpusError, match="Project Gutenberg"):
        run(entry, folder, force=True)
    assert names(folder) == ["tides.txt"]
    assert (folder / "tides.txt").read_text(encoding="utf-8") == "潮來潮去\n"


def test_poems_become_text(site: Site, make_entry: Callable[..., Entry], folder: Path) -> None:
    """JSON from the server, plain text on the disk."""
    page = json.dumps([{"rhythmic": "潮", "author": "甲", "paragraphs": ["潮來。"]}]).encode()
    site.will(Answer(page))
    run(make_entry(kind="poems", bytes=len(page), sha256=None), folder)
    assert (folder / "tides.txt").read_text(encoding="utf-8") == "《潮》甲\n潮來。\n"


def test_an_empty_answer_is_no_text(site: Site, make_entry: Callable[..., Entry], folder: Path) -> None:
    """Zero bytes do not become a corpus."""
    site.will(Answer(b""))
    with pytest.raises(CorpusError, match="without content"):
        run(make_entry(sha256=None), folder)
    assert names(folder) == []


def test_a_full_disk_is_told_and_keeps_what_came(
    site: Site, entry: Entry, folder: Path, faulty_os: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever storage call fails, the file is not there or whole, and trying again ends well."""
    site.will(Answer(ranges=False))
    for nth in range(1, 60):
        faulty = faulty_os(nth, fail=errno.ENOSPC)
        try:
            run(entry, folder, force=True)
        except RnnbenchError as told:
            assert told.exit_code == ExitCode.UNAVAILABLE
            if (folder / "tides.txt").exists():
                assert (folder / "tides.txt").read_bytes() == TEXT
        except OSError:
            assert faulty.calls[nth - 1] == "unlink"  # tidying up when all else is done
        monkeypatch.undo()
        monkeypatch.setenv("no_proxy", "*")
        if not faulty.reached:
            break
    assert not faulty.reached and nth > 8
    assert (folder / "tides.txt").read_bytes() == TEXT


def test_two_processes_do_not_write_one_part(site: Site, entry: Entry, folder: Path) -> None:
    """While one fetches, another is told so; the first one's part is not touched."""
    site.will(Answer())
    folder.mkdir()
    with storage.part_file(folder / "tides.txt.part") as part:
        part.append(b"mine")
        with pytest.raises(UnavailableError, match="another process"):
            run(entry, folder)
        assert part.path.read_bytes() == b"mine"


def test_a_part_stays_unless_it_is_empty(tmp_path: Path) -> None:
    """What was appended survives an error and is continued; emptied or renamed, nothing of that name remains."""
    path = tmp_path / "a.part"
    with pytest.raises(Cancelled), storage.part_file(path) as part:
        part.append(b"one ")
        raise Cancelled
    with storage.part_file(path) as part:
        assert part.size == 4
        part.append(b"two")
    assert path.read_bytes() == b"one two"
    with storage.part_file(path) as part:
        part.become(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"one two" and not path.exists()
    with storage.part_file(path) as part:
        part.append(b"three")
        part.restart()
    assert names(tmp_path) == ["a"]


def test_a_part_is_a_regular_file(tmp_path: Path) -> None:
    """A folder or a pipe in its place is refused, without waiting for somebody at the pipe's other end."""
    import os

    (tmp_path / "folder.part").mkdir()
    os.mkfifo(tmp_path / "pipe.part")
    for name in ("folder.part", "pipe.part"):
        with pytest.raises(RnnbenchError, match=name), storage.part_file(tmp_path / name):
            pytest.fail("it was opened")
