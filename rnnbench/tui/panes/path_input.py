"""A field for a path: tab writes it on as far as there is only one way."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from rnnbench.errors import RnnbenchError
from rnnbench.tui.background import in_background
from rnnbench.tui.panes.fields import LineInput
from rnnbench.visible import visible
from rnnbench.workspace import from_home

_MOST_LOOKED_AT = 20_000


@dataclass(frozen=True)
class Completion:
    """The text as far as it is certain, and the names that it may go on to."""

    text: str
    names: tuple[str, ...]


def complete(text: str) -> Completion:
    """Complete the last name of a path. Hidden names only for one that begins with a dot. Raises OSError."""
    folder, begun = os.path.split(text)
    names = sorted(_names(str(from_home(folder)) if folder else ".", begun))
    if not names:
        return Completion(text, ())
    common = os.path.commonprefix(names)  # noqa: RUF071 - of characters is what is wanted
    return Completion(text[: len(text) - len(begun)] + common, tuple(names))


def _names(folder: str, begun: str) -> Iterable[str]:
    with os.scandir(folder) as entries:
        for _, entry in zip(range(_MOST_LOOKED_AT), entries, strict=False):
            if entry.name.startswith(begun) and (begun.startswith(".") or not entry.name.startswith(".")):
                yield entry.name + ("/" if entry.is_dir() else "")


def absolute(text: str) -> Path:
    """The path that was typed: `~` is the home folder, links stay as they are named."""
    typed = text.strip().replace("\0", visible("\0"))  # which no path can have in it
    return Path(os.path.abspath(from_home(typed)))  # noqa: PTH100 - resolve() would follow the links


class PathInput(LineInput):
    """A text field whose tab key completes paths; where there is nothing to complete it goes to the next field."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete", show=False)]

    class Candidates(Message):
        """What the path may go on to, where that is not certain."""

        def __init__(self, names: tuple[str, ...]) -> None:
            super().__init__()
            self.names = names

    def action_complete(self) -> None:
        """Write the path on."""
        text = self.value
        if not text:
            self.screen.focus_next()
            return
        in_background(self, partial(complete, text), partial(self._completed, text), self._not_completed)

    def _completed(self, text: str, found: Completion) -> None:
        if self.value != text:
            return  # something was typed meanwhile
        if found.text == text and len(found.names) < 2:
            self.screen.focus_next()
        elif found.text == text:
            self.post_message(self.Candidates(tuple(visible(name) for name in found.names)))
        else:
            self.value = found.text
            self.cursor_position = len(found.text)

    def _not_completed(self, error: RnnbenchError) -> None:
        """No such folder: entering the path says so."""
