"""Finding a field of the form by its name or by what it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from rnnbench.tui import actions
from rnnbench.tui.cells import cut, padded
from rnnbench.tui.screens.picking import PickScreen, matches
from rnnbench.tui.words import tr
from rnnbench.visible import visible

_NAME_CELLS, _VALUE_CELLS = 28, 12


@dataclass(frozen=True)
class FieldLine:
    """A field as it is listed: its `section.name`, its value, what it means, and whether it was changed."""

    key: str
    value: str
    help: str
    changed: bool


class FindFieldScreen(PickScreen[str]):
    """Lists the fields; closes with the key of one."""

    PLACE = actions.FIELDS
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.FIELDS)

    def __init__(self, fields: Sequence[FieldLine]) -> None:
        super().__init__()
        self._fields = fields
        self._shown: list[FieldLine] = []

    def title_text(self) -> str:
        return tr("Search the fields of the form")

    def placeholder(self) -> str:
        return tr("type a part of a name, or of what it means; 'changed' finds what differs")

    def on_mount(self) -> None:
        """List the fields, and again when it is known how much room there is for what they mean."""
        super().on_mount()
        self.call_after_refresh(lambda: self.searched(self.typed))

    def searched(self, text: str) -> None:
        self._shown = ranked(self._fields, text)
        self.show_lines([self._line(field) for field in self._shown])

    def _line(self, field: FieldLine) -> Content:
        value = padded(cut(visible(field.value), _VALUE_CELLS), _VALUE_CELLS)
        room = max(self.lines_width - _NAME_CELLS - _VALUE_CELLS - 2, 0)
        style = "bold $text-accent" if field.changed else ""
        return Content.assemble(
            padded(field.key, _NAME_CELLS), " ", (value, style), " ", (cut(tr(field.help), room), "dim")
        )

    def pointed_at(self, index: int) -> None:
        self.tell(Content.styled(tr(self._shown[index].help), "dim"))

    def picked(self, index: int) -> None:
        if index >= 0:
            self.dismiss(self._shown[index].key)


def ranked(fields: Sequence[FieldLine], text: str) -> list[FieldLine]:
    """What fits the text: the very name first, then names that begin so, names that have it, and what helps say."""
    found = [field for field in fields if matches(text, *_words(field))]
    return sorted(found, key=lambda field: _rank(field, text.casefold().strip()))


def _rank(field: FieldLine, wanted: str) -> int:
    name, joined = field.key.partition(".")[2], wanted.replace(" ", "_")
    if joined in (name, field.key):
        return 0
    if name.startswith(joined) or field.key.startswith(joined):
        return 1
    return 2 if all(word in field.key for word in wanted.split()) else 3


def _words(field: FieldLine) -> tuple[str, ...]:
    """What a field is found by: its name, and what it means in English and in the language of the interface."""
    changed = ("changed", tr("changed")) if field.changed else ()
    return (field.key, field.key.replace("_", " "), field.help, tr(field.help), *changed)
