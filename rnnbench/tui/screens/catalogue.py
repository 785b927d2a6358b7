"""The texts that others publish: what there is, and one of them on its way into the workspace."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content

from rnnbench.errors import RnnbenchError
from rnnbench.runs.narration import duration
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import cell_len, padded, size_text
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.screens.confirm import ConfirmScreen
from rnnbench.tui.screens.picking import PickScreen, matches
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:  # urllib and ssl are not needed for the first screen
    from rnnbench.text.catalogue import Entry
    from rnnbench.text.fetching import Completed, FetchEvent

_DRAWN_SECONDS = 0.25
_BAR_CELLS = 30


@dataclass(frozen=True)
class Fetched:
    """A text that has come. Without `verified` nobody has vouched for what came."""

    path: Path
    name: str
    verified: bool = True
    digest: str = ""


class _Cancelled(RnnbenchError):
    """The user did not want to wait."""


@dataclass
class _Download:
    """One text on its way: written by its thread, drawn by the screen."""

    entry: "Entry"
    cancelled: Event
    done: int = 0
    total: int | None = None
    bytes_per_second: float = 0.0
    note: str = ""

    def check(self) -> None:
        """Raise when it is not wanted any more."""
        if self.cancelled.is_set():
            raise _Cancelled("")

    def follow(self, events: "Generator[FetchEvent, None, None]") -> "Completed":
        """Take what happens, until it has come. Raises what fetching raises."""
        from rnnbench.text import fetching

        with closing(events):
            for event in events:
                match event:
                    case fetching.Fetched():
                        self.done, self.total, self.bytes_per_second = event.done, event.total, event.bytes_per_second
                    case fetching.Resumed():
                        self.done = event.done
                        self.note = tr("going on after the {size} of an earlier attempt", size=size_text(event.done))
                    case fetching.Retried():
                        self.note = tr(
                            "{reason}; attempt {number} follows in {wait}",
                            reason=event.reason,
                            number=event.attempt + 1,
                            wait=duration(event.wait_seconds),
                        )
                    case fetching.Completed():
                        return event
        raise AssertionError("a fetch ends with Completed or an error")


class CatalogueScreen(PickScreen[Fetched]):
    """Lists the catalogue; closes with the text that was fetched, or that is here already."""

    PLACE = actions.CATALOGUE
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.CATALOGUE)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        from rnnbench.text import catalogue

        self._folder = workspace.corpora_folders[0]
        self._entries = catalogue.entries()
        self._shown: list[Entry] = []
        self._download: _Download | None = None

    def title_text(self) -> str:
        return tr("Get a text from the catalogue")

    def placeholder(self) -> str:
        return tr("type to search: a name, a language, a licence")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(_DRAWN_SECONDS, self._draw)

    def on_unmount(self) -> None:
        """What has come is kept; nobody would see the rest come."""
        if self._download is not None:
            self._download.cancelled.set()

    def searched(self, text: str) -> None:
        self._shown = [
            entry
            for entry in self._entries
            if matches(text, entry.name, entry.title, entry.language, entry.licence, entry.note)
        ]
        names = max((cell_len(entry.name) for entry in self._entries), default=0)
        languages = max((cell_len(entry.language) for entry in self._entries), default=0)
        self.show_lines([self._line(entry, names, languages) for entry in self._shown])

    def _line(self, entry: "Entry", names: int, languages: int) -> Content:
        size = f"{'' if entry.sha256 else '~'}{size_text(entry.bytes)}"
        here = padded(tr("here") if self._is_here(entry) else "", 5)
        return Content.assemble(
            (padded(entry.name, names), "bold"),
            f"  {padded(entry.language, languages)} {size:>8}  ",
            (here, "$text-success"),
            (visible(entry.title), "dim"),
        )

    def _target(self, entry: "Entry") -> Path:
        return self._folder / entry.file

    def _is_here(self, entry: "Entry") -> bool:
        try:
            return self._target(entry).exists()
        except OSError:
            return False

    def pointed_at(self, index: int) -> None:
        if self._download is None:
            self._tell_of(self._shown[index])

    def _tell_of(self, entry: "Entry") -> None:
        parts = [
            Content(visible(entry.title)),
            Content.assemble((f"{tr('licence')} ", "dim"), visible(entry.licence)),
            Content.styled(visible(entry.note), "$text-warning" if entry.restricted else "dim"),
            Content.styled(visible(entry.address), "dim"),
        ]
        if entry.holds_pairs:
            parts.insert(1, Content.styled(tr("pairs of lines, for the task seq2seq"), "dim"))
        self.tell(Content("\n").join(part for part in parts if part))

    # Fetching

    def picked(self, index: int) -> None:
        if self._download is not None or index < 0:
            return
        entry = self._shown[index]
        if self._is_here(entry):
            self.dismiss(Fetched(self._target(entry), entry.name))
        elif preferences_of(self).read_only:
            self.complain(tr("this workbench is read-only: nothing is fetched"))
        elif entry.restricted:
            question = tr("{name} is not free. Fetch it?", name=entry.name)
            asked = ConfirmScreen(question, f"{entry.licence}: {entry.note}")
            self.app.push_screen(asked, lambda yes: self._fetch(entry) if yes else None)
        else:
            self._fetch(entry)

    def _fetch(self, entry: "Entry") -> None:
        from rnnbench.text import fetching

        download = self._download = _Download(entry, Event())
        self.complain("")
        self._draw()

        def work() -> "Completed":
            events = fetching.fetch(
                entry, self._folder, accept_restricted=entry.restricted, check=download.check
            )  # asked before
            return download.follow(events)

        in_background(self, work, partial(self._completed, entry), self._failed)

    def _completed(self, entry: "Entry", done: "Completed") -> None:
        self._download = None
        self.dismiss(Fetched(done.path, entry.name, done.verified, done.download_sha256))

    def _failed(self, error: RnnbenchError) -> None:
        download, self._download = self._download, None
        if isinstance(error, _Cancelled):
            kept = tr("cancelled. What has come is kept: enter goes on from there.")
            self.complain(kept if download and download.done else tr("cancelled."))
        else:
            self.complain(tr("{reason}. Enter tries again.", reason=error.message))  # its hint is for a command line
        self.searched(self.typed)

    def action_leave_catalogue(self) -> None:
        """Cancel what is on its way, else close."""
        if self._download is not None:
            self._download.cancelled.set()
        else:
            self.dismiss(None)

    def _draw(self) -> None:
        """The download as it is now; nothing is sent while there is none."""
        if (download := self._download) is not None:
            bar = progress_bar(download.done, download.total, ascii=preferences_of(self).ascii)
            lines = [
                Content.assemble((tr("fetching {name}", name=download.entry.name), "bold")),
                Content.assemble((bar, "$text-accent"), "  ", _figures(download)),
            ]
            self.tell(Content("\n").join([*lines, Content.styled(visible(download.note), "dim")]))


def progress_bar(done: int, total: int | None, *, ascii: bool = False) -> str:
    """A bar of `done` of `total`; an empty one while the total is not known."""
    full, empty = ("#", ".") if ascii else ("━", "─")
    cells = round(_BAR_CELLS * min(done / total, 1.0)) if total else 0
    return full * cells + empty * (_BAR_CELLS - cells)


def _figures(download: _Download) -> str:
    """Bytes so far, rate, time left."""
    of = tr("{done} of {total}", done=size_text(download.done), total=size_text(download.total or 0))
    parts = [of if download.total else size_text(download.done)]
    if download.bytes_per_second:
        parts.append(f"{size_text(int(download.bytes_per_second))}/s")
        if download.total:
            left = (download.total - download.done) / download.bytes_per_second
            parts.append(tr("{time} left", time=duration(left)))
    return "  ".join(parts)
