"""corpora catalogue, corpora get: the texts that others publish."""

import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnbench.cli import output
from rnnbench.errors import ExitCode, Stopped
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:  # urllib and ssl would slow the start of every command
    from rich.progress import Progress

    from rnnbench.text.catalogue import Entry
    from rnnbench.text.fetching import Completed, Fetched, FetchEvent, Resumed, Retried

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
_LINES = 5  # of progress, where there is no terminal
_LINE_BYTES = 10_000_000  # between two of them, where the size is not known


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(catalogue)
    app.command()(get)


def catalogue(context: typer.Context, json: Json = False) -> None:
    """The texts that `get` can fetch."""
    from rnnbench.text import catalogue as texts

    rows = [(entry, _is_here(entry, context.obj)) for entry in texts.entries()]
    if json:
        output.json_data({"catalogue": [_entry_record(entry, here) for entry, here in rows]})
        return
    header = ["name", "language", "size", "licence", "here", "title"]
    output.table(header, [[e.name, e.language, _size(e), e.licence, _yes(here), e.title] for e, here in rows])


def _is_here(entry: "Entry", workspace: Workspace) -> bool:
    return (workspace.corpora_folders[0] / entry.file).exists()


def _yes(here: bool) -> str:
    return "yes" if here else ""


def _size(entry: "Entry") -> str:
    return f"{'' if entry.sha256 else '~'}{_megabytes(entry.bytes)}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _entry_record(entry: "Entry", here: bool) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "language": entry.language,
        "address": entry.address,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "licence": entry.licence,
        "kind": entry.kind,
        "file": entry.file,
        "restricted": entry.restricted,
        "note": entry.note,
        "here": here,
    }


def get(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name in the catalogue.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    accept_restricted: Annotated[
        bool, typer.Option("--accept-restricted", help="Fetch a text whose licence forbids free use.")
    ] = False,
    url: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Fetch it from a mirror.")] = None,
    json: Json = False,
) -> None:
    """Fetch a text into corpora/, or go on with one that was cut."""
    from rnnbench.text import catalogue as texts
    from rnnbench.text.fetching import fetch

    entry, workspace = texts.find(name), context.obj
    folder = workspace.corpora_folders[0]
    if not force and _is_here(entry, workspace):
        _answer_here(entry, workspace, json)
        return
    if accept_restricted and entry.restricted:
        output.say(f"warning: {entry.name} is not free: {entry.note}")
    events = fetch(entry, folder, address=url, force=force, accept_restricted=accept_restricted)
    _answer(entry, url or entry.address, _told(entry, events), json)


def _answer_here(entry: "Entry", workspace: Workspace, json: bool) -> None:
    """Asking twice is no mistake: a script may begin with it."""
    path = workspace.corpora_folders[0] / entry.file
    if json:
        output.json_data({"name": entry.name, "path": str(path), "bytes": path.stat().st_size, "fetched": False})
        return
    output.say(f"nothing was fetched: {entry.file} is already there; --force replaces it")
    output.data(_how_to_train(entry, str(path)))


def _answer(entry: "Entry", address: str, done: "Completed", json: bool) -> None:
    if not done.verified:
        output.say(f"warning: nobody has vouched for this download; its sha256 is {done.download_sha256}")
    if entry.note and not entry.restricted:
        output.say(f"{entry.licence}: {entry.note}")
    if not json:
        output.data(_how_to_train(entry, str(done.path)))
        return
    output.json_data(
        {
            "name": entry.name,
            "path": str(done.path),
            "bytes": done.bytes,
            "fetched": True,
            "address": address,
            "download_bytes": done.download_bytes,
            "download_sha256": done.download_sha256,
            "verified": done.verified,
        }
    )


def _how_to_train(entry: "Entry", path: str) -> str:
    task = " --task seq2seq" if entry.holds_pairs else ""
    return f"{visible(path)}   train on it with: rnnbench train --corpus {entry.name}{task}"


def _told(entry: "Entry", events: "Generator[FetchEvent, None, None]") -> "Completed":
    """Show what happens on stderr; the last event."""
    from rnnbench.text.fetching import Completed, Fetched, Resumed, Retried

    try:
        with closing(events), _display(entry) as display:
            for event in events:
                match event:
                    case Fetched():
                        display.fetched(event)
                    case Resumed() | Retried():
                        display.note(_sentence(event))
                    case Completed():
                        return event
    except KeyboardInterrupt:
        output.say("\ninterrupted; what has come is kept, and the same command goes on from there")
        raise Stopped(ExitCode.INTERRUPTED) from None
    raise AssertionError("a fetch ends with Completed or an error")


def _sentence(event: "Resumed | Retried") -> str:
    from rnnbench.text.fetching import Resumed

    if isinstance(event, Resumed):
        return f"going on after the {event.done:,} bytes of an earlier attempt"
    return f"{event.reason}; attempt {event.attempt + 1} follows in {event.wait_seconds:g} s"


@contextmanager
def _display(entry: "Entry") -> "Iterator[_Lines | _Bar]":
    """A bar where a person is looking at stderr, else a few lines."""
    if not sys.stderr.isatty() or output.SETTINGS.quiet:
        yield _Lines(entry)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, no_color=not output.colours(), highlight=False)
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(entry, progress)


class _Lines:
    """Progress for a file or a pipe: a line at the beginning and a few on the way."""

    def __init__(self, entry: "Entry") -> None:
        self._next = 0
        output.say(f"fetching {entry.name} ({_size(entry)}, {entry.licence})")

    def fetched(self, event: "Fetched") -> None:
        """A line each time enough has come since the last one."""
        step = max(event.total // _LINES, 1) if event.total else _LINE_BYTES
        self._next = self._next or step
        if event.done < self._next:
            return
        self._next = (event.done // step + 1) * step
        share = f" of {_megabytes(event.total)}" if event.total else ""
        output.say(f"{_megabytes(event.done)}{share}, {event.bytes_per_second / 1e6:.1f} MB/s")

    def note(self, text: str) -> None:
        """Something that happened on the way."""
        output.say(text)


class _Bar:
    """Progress for a terminal."""

    def __init__(self, entry: "Entry", progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task(entry.name, total=None)

    def fetched(self, event: "Fetched") -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=event.done, total=event.total)

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(visible(text), markup=False)
