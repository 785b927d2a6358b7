"""Finding a file: folders are walked by typing a few letters of a name and enter."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from rnnbench.errors import RnnbenchError
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import cut, padded, size_text
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.screens.picking import PickScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible

_MOST = 5_000
_MOST_SHOWN = 500


@dataclass(frozen=True)
class Found:
    """Something in a folder. `target` is where a link leads; the size in bytes is 0 for a folder."""

    name: str
    is_folder: bool
    size: int = 0
    target: str = ""


def look_into(folder: Path) -> list[Found]:
    """What is in a folder, folders first, by name. Raises OSError."""
    found = sorted(_entries(folder), key=lambda item: (not item.is_folder, item.name.casefold(), item.name))
    parent = [Found("..", True)] if folder != folder.parent else []
    return parent + found


def _entries(folder: Path) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        for _, entry in zip(range(_MOST), entries, strict=False):
            try:
                target = str(Path(entry.path).readlink()) if entry.is_symlink() else ""
                is_folder = entry.is_dir()
                yield Found(entry.name, is_folder, 0 if is_folder else entry.stat().st_size, target)
            except OSError:  # a link that leads nowhere, or a file that may not even be looked at
                yield Found(entry.name, False)


def fitting(found: list[Found], text: str) -> list[Found]:
    """What fits the letters typed; hidden ones only when they begin with a dot."""
    wanted = text.casefold()
    hidden = wanted.startswith(".") and wanted != ".."
    shown = [item for item in found if item.name == ".." or hidden or not item.name.startswith(".")]
    begun = [item for item in shown if item.name.casefold().startswith(wanted)]
    return begun + [item for item in shown if wanted in item.name.casefold() and item not in begun]


class FileField(LineInput):
    """The field of the dialog: backspace in it, when it is empty, goes to the folder above."""

    def action_delete_left(self) -> None:
        """Delete a letter, or go up."""
        if self.value:
            super().action_delete_left()
        elif isinstance(self.screen, FilesScreen):
            self.screen.go_up()


class FilesScreen(PickScreen[Path]):
    """Walks folders; closes with a file."""

    PLACE = actions.FILES
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.FILES)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._found: list[Found] = []
        self._fitting: list[Found] = []
        self._came_from = ""

    def title_text(self) -> str:
        return tr("Find a file")

    def placeholder(self) -> str:
        return tr("type a few letters of a name; ~ is home, / the root")

    def field(self) -> LineInput:
        return FileField(placeholder=self.placeholder(), id="pick-filter", classes="pick-filter")

    def on_mount(self) -> None:
        super().on_mount()
        self._open(self._folder)

    def searched(self, text: str) -> None:
        if text in ("~", "/"):
            self._open(Path.home() if text == "~" else Path("/"))
            return
        self._fitting = fitting(self._found, text)[:_MOST_SHOWN]
        names = [item.name for item in self._fitting]
        cursor = (
            names.index(self._came_from) if self._came_from in names else int(names[:1] == [".."] and len(names) > 1)
        )
        self.show_lines([self._line(item) for item in self._fitting], cursor)
        self._tell_where()

    def _line(self, item: Found) -> Content:
        size = "" if item.is_folder else size_text(item.size)
        link = f" -> {visible(item.target)}" if item.target else ""
        name = visible(item.name) + ("/" if item.is_folder else "")
        room = self.lines_width - 10
        return Content.assemble(
            (padded(cut(name + link, room), room), "bold" if item.is_folder else ""), (f"{size:>9}", "dim")
        )

    def _open(self, folder: Path) -> None:
        in_background(self, partial(look_into, folder), partial(self._opened, folder), self._not_opened)

    def _opened(self, folder: Path, found: list[Found]) -> None:
        self._came_from = self._folder.name if self._folder.parent == folder else ""
        self._folder, self._found = folder, found
        self.complain("")
        field = self.query_one("#pick-filter", LineInput)
        if field.value:
            field.value = ""  # which searches
        else:
            self.searched("")

    def nothing_text(self) -> str:
        return tr("no name in this folder has these letters") if self.typed else ""

    def _tell_where(self) -> None:
        """The folder, below the list."""
        folder, most = visible(str(self._folder)), f"{_MOST:,}"
        cut_off = len(self._found) >= _MOST
        said = tr("{folder}  (the first {count} names)", folder=folder, count=most) if cut_off else folder
        self.tell(Content.styled(said, "dim"))

    def _not_opened(self, error: RnnbenchError) -> None:
        self.complain(str(error))

    def go_up(self) -> None:
        """To the folder above."""
        self._open(self._folder.parent)

    def picked(self, index: int) -> None:
        if index < 0:
            return
        item = self._fitting[index]
        if item.name == "..":
            self.go_up()
        elif item.is_folder:
            self._open(self._folder / item.name)
        else:
            self.dismiss(self._folder / item.name)
