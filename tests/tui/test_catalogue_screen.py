"""Getting a text from the catalogue: listed, fetched, cancelled, gone on with, refused. The server is this machine."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from textual.widgets import OptionList

from rnnbench.text import catalogue, fetching
from rnnbench.text.catalogue import Entry
from rnnbench.tui.panes.corpora import CorporaPane
from rnnbench.tui.screens.catalogue import CatalogueScreen, progress_bar

TEXT = "".join(f"{n}: the tide came in and the tide went out.\n" for n in range(8000)).encode()


@pytest.fixture
def shop(monkeypatch):
    """A server: /text is whole at once, /slow stops half-way until it is told to go on, once."""
    monkeypatch.setenv("no_proxy", "*")
    going_on = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            start = int(self.headers.get("Range", "bytes=0-")[6:-1])
            known = self.path in ("/text", "/slow")
            self.send_response((206 if start else 200) if known else 404)
            self.send_header("Content-Length", str(len(TEXT) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(TEXT) - 1}/{len(TEXT)}")
            self.end_headers()
            if self.path == "/slow" and not start:
                self.wfile.write(TEXT[:200_000])
                self.wfile.flush()
                going_on.wait()
            elif known:
                self.wfile.write(TEXT[start:])

        def log_message(self, *arguments):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *arguments):
            pass  # a client that has gone

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def entry(name, path="/text", **values):
        known = {
            "title": f"The {name}",
            "language": "en",
            "address": f"http://127.0.0.1:{server.server_address[1]}{path}",
            "bytes": len(TEXT),
            "licence": "public domain",
            "kind": "text",
            "file": f"{name}.txt",
            "sha256": hashlib.sha256(TEXT).hexdigest(),
        }
        return Entry(name=name, **(known | values))

    entries = (
        entry("tides"),
        entry("ebb", "/slow"),
        entry("gone", "/nowhere"),
        entry("closed", licence="research only", restricted=True, note="ask the publisher"),
        entry("story", language="de"),
    )
    monkeypatch.setattr(catalogue, "entries", lambda: entries)
    monkeypatch.setattr(fetching, "Patience", lambda: PATIENCE)
    yield going_on
    going_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


PATIENCE = fetching.Patience(timeout_seconds=20, attempts=2, first_wait_seconds=0)


async def test_text_of_the_catalogue_is_listed_and_fetched(bench, workspace, shop, script):
    """What there is is told with its licence; enter fetches it, and then the cursor is on it."""
    async with bench(script.NARROW) as it:
        await it.keys("1", "g")
        await it.see("tides", "367 kB", "public domain", "story", "here")
        await it.type("tides")
        await it.keys("enter")
        pane = it.screen.query_one(CorporaPane)
        fetched = workspace.root / "corpora" / "tides.txt"
        await it.until(lambda: pane.highlighted == fetched)
        await it.see("tides is here", "the tide came in")
        assert fetched.read_bytes() == TEXT
        await it.keys("g")
        await it.type("story")
        await it.keys("enter")
        await it.until(lambda: pane.highlighted is not None and pane.highlighted.name == "story.txt")


async def test_download_is_cancelled_and_gone_on_with(bench, workspace, shop, script):
    """esc ends a download and keeps what has come; enter goes on from there."""
    async with bench(script.NARROW) as it:
        await it.keys("1", "g")
        await it.type("ebb")
        await it.keys("enter")
        await it.see("fetching ebb", "of 367 kB", "━")
        await it.until(lambda: "200 kB" in it.text())
        await it.keys("escape")
        shop.set()
        await it.see("cancelled", "is kept")
        assert not (workspace.root / "corpora" / "ebb.txt").exists()
        await it.keys("enter")
        await it.until(lambda: not isinstance(it.app.screen, CatalogueScreen))
        assert (workspace.root / "corpora" / "ebb.txt").read_bytes() == TEXT


async def test_text_that_is_not_free_is_asked_about(bench, workspace, shop, script):
    """The licence is shown and nothing is fetched before yes."""
    async with bench(script.NARROW) as it:
        await it.keys("1", "g")
        await it.type("closed")
        await it.keys("enter")
        await it.see("closed is not free", "research only: ask the publisher")
        await it.keys("n")
        assert isinstance(it.app.screen, CatalogueScreen)
        await it.keys("enter", "y")
        await it.until((workspace.root / "corpora" / "closed.txt").exists)


async def test_server_that_refuses_is_told_in_the_dialog(bench, shop, script):
    """What went wrong stands below the list, and the dialog stays for another try."""
    async with bench(script.NARROW) as it:
        await it.keys("1", "g")
        await it.type("gone")
        await it.keys("enter")
        await it.see("the server answered 404", "Enter tries again")
        assert it.app.screen.query_one(OptionList).option_count == 1
        await it.keys("escape")
        assert not isinstance(it.app.screen, CatalogueScreen)


def test_bar_shows_the_share_that_has_come():
    """Half a bar is half of the text; without a total the bar is empty."""
    assert progress_bar(50, 100).count("━") == 15
    assert progress_bar(50, None).count("━") == 0
    assert progress_bar(200, 100, ascii=True) == "#" * 30
