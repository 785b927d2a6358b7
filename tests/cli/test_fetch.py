"""corpora catalogue and corpora get: what a person and a script see."""

import hashlib
import io
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rnnbench.cli import app, output
from rnnbench.text import catalogue, fetching
from rnnbench.text.catalogue import Entry
from rnnbench.workspace import Workspace

TEXT = "".join(f"{n}: the tide came in and the tide went out.\n" for n in range(8000)).encode()


@dataclass
class Shop:
    """A server with one text, and how often it was asked."""

    address: str
    asked: int = 0


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The text under /text; under /cut only its beginning, with the length of the whole."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shop.asked += 1
            self.send_response(200 if self.path in ("/text", "/cut") else 404)
            self.send_header("Content-Length", str(len(TEXT)))
            self.end_headers()
            self.wfile.write(TEXT if self.path == "/text" else TEXT[:70_000])

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *arguments: Any) -> None:
            pass  # a client that has gone

    server = Server(("127.0.0.1", 0), Handler)
    shop = Shop(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield shop
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> Callable[..., Entry]:
    """Make the catalogue hold one entry, `tides`, that the shop has."""

    def put(**values: Any) -> Entry:
        basics: dict[str, Any] = {
            "name": "tides",
            "title": "The Tides",
            "language": "en",
            "address": f"{shop.address}/text",
            "bytes": len(TEXT),
            "licence": "CC0",
            "kind": "text",
            "file": "tides.txt",
            "sha256": hashlib.sha256(TEXT).hexdigest(),
            "note": "written for a test",
        }
        entry = Entry(**{**basics, **values})
        monkeypatch.setattr(catalogue, "entries", lambda: (entry,))
        return entry

    return put


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def rnnbench(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run a command of `rnnbench corpora` in the workspace."""
    monkeypatch.setattr(output.SETTINGS, "quiet", False)  # and back to what it was, whatever the command sets

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["rnnbench", "--workspace", str(workspace.root), "corpora", *words])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


def test_the_catalogue_is_a_table(rnnbench: Callable[..., Said], workspace: Workspace) -> None:
    """Name, language, size and licence of every text, and whether it is here."""
    (workspace.root / "corpora" / "moliere.txt").write_text("x")
    said = rnnbench("catalogue")
    header, *rows = said.out.splitlines()
    assert header.split()[:5] == ["name", "language", "size", "licence", "here"]
    assert len(rows) == len(catalogue.entries())
    (row,) = [row for row in rows if row.startswith("moliere")]
    assert "1.7 MB" in row and "public domain" in row and " yes " in row
    assert not any(" yes " in other for other in rows if other != row)


def test_the_catalogue_in_json(rnnbench: Callable[..., Said]) -> None:
    """Every fact of every entry, and whether it is here."""
    answer = json.loads(rnnbench("catalogue", "--json").out)
    by_name = {record["name"]: record for record in answer["catalogue"]}
    assert answer["schema_version"] == 1
    assert by_name["ptb"]["restricted"] is True and by_name["timemachine"]["restricted"] is False
    assert by_name["timemachine"]["bytes"] == 178_979 and by_name["sanguo"]["sha256"] is None
    assert {record["here"] for record in answer["catalogue"]} == {False}


def test_a_text_is_fetched(
    rnnbench: Callable[..., Said], only: Callable[..., Entry], shop: Shop, workspace: Workspace
) -> None:
    """It lands in the workspace; stdout says where and how to train on it, stderr how it went, in a few lines."""
    only()
    said = rnnbench("get", "tides")
    path = workspace.root / "corpora" / "tides.txt"
    assert (said.code, path.read_bytes()) == (0, TEXT)
    assert said.out == f"{path}   train on it with: rnnbench train --corpus tides\n"
    assert "fetching tides (0.4 MB, CC0)" in said.err and "0.4 MB of 0.4 MB" in said.err
    assert "CC0: written for a test" in said.err
    assert 3 <= len(said.err.splitlines()) <= 8
    assert workspace.find_corpus("tides") == path


def test_pairs_are_trained_on_by_another_task(rnnbench: Callable[..., Said], only: Callable[..., Entry]) -> None:
    """A table of pairs is for an encoder-decoder."""
    only(file="tides.tsv")
    assert rnnbench("get", "tides").out.endswith("rnnbench train --corpus tides --task seq2seq\n")


def test_the_answer_in_json(
    rnnbench: Callable[..., Said], only: Callable[..., Entry], shop: Shop, workspace: Workspace
) -> None:
    """stdout is one JSON object, whatever is said on stderr; asking again fetches nothing."""
    entry = only(sha256=None)
    said = rnnbench("get", "tides", "--json", "--url", f"{shop.address}/text")
    path = str(workspace.root / "corpora" / "tides.txt")
    assert json.loads(said.out) == {
        "schema_version": 1,
        "name": "tides",
        "path": path,
        "bytes": len(TEXT),
        "fetched": True,
        "address": entry.address,
        "download_bytes": len(TEXT),
        "download_sha256": hashlib.sha256(TEXT).hexdigest(),
        "verified": False,
    }
    again = json.loads(rnnbench("get", "tides", "--json").out)
    assert again == {"schema_version": 1, "name": "tides", "path": path, "bytes": len(TEXT), "fetched": False}
    assert shop.asked == 1


def test_an_unverified_text_is_warned_of(rnnbench: Callable[..., Said], only: Callable[..., Entry]) -> None:
    """The digest of what came is told, so that two people can compare."""
    only(sha256=None)
    said = rnnbench("get", "tides")
    assert said.code == 0
    assert (
        f"warning: nobody has vouched for this download; its sha256 is {hashlib.sha256(TEXT).hexdigest()}" in said.err
    )


def test_quiet_is_quiet(rnnbench: Callable[..., Said], only: Callable[..., Entry]) -> None:
    """With -q nothing but the answer."""
    only()
    said = rnnbench("get", "tides", "-q")
    assert (said.code, said.err) == (0, "")
    assert "--corpus tides" in said.out


def test_a_text_that_is_there_is_not_fetched(
    rnnbench: Callable[..., Said], only: Callable[..., Entry], shop: Shop, workspace: Workspace
) -> None:
    """Asking twice does nothing and is no error; --force replaces the file."""
    only()
    path = workspace.root / "corpora" / "tides.txt"
    path.write_text("my own")
    said = rnnbench("get", "tides")
    assert (said.code, shop.asked, path.read_text()) == (0, 0, "my own")
    assert "--force" in said.err and str(path) in said.out
    assert rnnbench("get", "tides", "--force").code == 0
    assert path.read_bytes() == TEXT


def test_an_unknown_name(rnnbench: Callable[..., Said]) -> None:
    """Exit code 2 and the nearest name."""
    said = rnnbench("get", "moliére")
    assert said.code == 2
    assert said.err == "rnnbench: no text called moliére in the catalogue (did you mean moliere?)\n"


def test_a_restricted_text(rnnbench: Callable[..., Said], only: Callable[..., Entry], shop: Shop) -> None:
    """Refused with the reason and nothing asked; accepted, it is fetched under a warning with the same reason."""
    only(restricted=True, note="its owner licenses it")
    said = rnnbench("get", "tides")
    assert (said.code, shop.asked) == (2, 0)
    assert said.err.startswith("rnnbench: tides is not free: its owner licenses it (--accept-restricted")
    accepted = rnnbench("get", "tides", "--accept-restricted")
    assert accepted.code == 0
    assert "warning: tides is not free: its owner licenses it" in accepted.err


def test_what_is_not_there_exits_3(
    rnnbench: Callable[..., Said], only: Callable[..., Entry], shop: Shop, workspace: Workspace
) -> None:
    """404: one line, exit code 3, nothing left behind."""
    only()
    said = rnnbench("get", "tides", "--url", f"{shop.address}/elsewhere", "-q")
    assert said.code == 3
    assert said.err.startswith("rnnbench: cannot fetch tides from 127.0.0.1") and "404" in said.err
    assert said.err.count("\n") == 1
    assert [path.name for path in (workspace.root / "corpora").iterdir()] == ["small.txt"]


def test_a_wrong_checksum_exits_4(rnnbench: Callable[..., Said], only: Callable[..., Entry]) -> None:
    """Both digests are in the line."""
    only(sha256="0" * 64)
    said = rnnbench("get", "tides", "-q")
    assert said.code == 4
    assert "0" * 64 in said.err and hashlib.sha256(TEXT).hexdigest() in said.err


def test_an_interruption_keeps_the_part(
    rnnbench: Callable[..., Said], only: Callable[..., Entry], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control-C ends it with 130 and a word about going on; the next command does go on."""
    only()
    real, calls = output.say, []

    def say(text: str) -> None:
        real(text)
        calls.append(text)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(output, "say", say)
    said = rnnbench("get", "tides")
    assert said.code == 130
    assert "goes on from there" in said.err
    part = workspace.root / "corpora" / "tides.txt.part"
    assert TEXT.startswith(part.read_bytes()) and part.stat().st_size
    monkeypatch.setattr(output, "say", real)
    assert rnnbench("get", "tides").code == 0
    assert not part.exists()


class Terminal(io.StringIO):
    """A stderr that a person looks at."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar(
    rnnbench: Callable[..., Said], only: Callable[..., Entry], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal a bar with the name and the size; what goes wrong on the way stands above it."""
    only()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    hasty = fetching.Patience(timeout_seconds=30, attempts=2, first_wait_seconds=0)
    monkeypatch.setattr(fetching, "Patience", lambda: hasty)
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    said = rnnbench("get", "tides", "--url", f"{shop.address}/cut")
    shown = screen.getvalue()
    assert said.code == 3
    assert "tides" in shown and "━" in shown and "kB" in shown
    assert "cut after 70,000 of" in shown and "attempt 2 follows" in shown
