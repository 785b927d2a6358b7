"""The list of texts as lines: as many columns as there is room for. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from rnnbench.tui.cells import cell_len, cut, padded
from rnnbench.tui.words import tr
from rnnbench.visible import visible

_LONGEST_NAME, _SHORTEST_NAME, _FAIR_NAME = 32, 12, 20
_MARK = 2
_GAP = " "


@dataclass(frozen=True)
class TextRow:
    """What is known of a text; what is not known yet is empty."""

    name: str
    size: str
    encoding: str = ""
    language: str = ""
    symbols: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Columns:
    """How wide the columns are; one that does not fit is not shown. The order is that of importance."""

    name: int
    size: int = 0
    encoding: int = 0
    symbols: int = 0
    language: int = 0


def columns(names: Sequence[str], width: int) -> Columns:
    """The columns for a list that is so many cells wide."""
    longest = max((cell_len(visible(name)) for name in names), default=0)
    wanted = max(min(longest, _LONGEST_NAME), _SHORTEST_NAME)
    room = width - _MARK - min(wanted, _FAIR_NAME)
    found = []
    for needed in (7, 10, 7, 4):
        fits = needed + len(_GAP) <= room
        room -= needed + len(_GAP) if fits else room
        found.append(needed if fits else 0)
    used = _MARK + sum(each + len(_GAP) for each in found if each)
    return Columns(max(min(wanted, width - used), 4), *found)


def header(shown: Columns) -> Content:
    """The names of the columns."""
    row = TextRow(tr("text"), tr("size"), tr("encoding"), tr("lang"), tr("symbols"))
    return Content.styled("".join((" " * _MARK, padded(row.name, shown.name), _rest(row, shown))), "dim")


def line(row: TextRow, shown: Columns) -> Content:
    """One text; a dot marks the chosen one."""
    name = padded(cut(visible(row.name), shown.name), shown.name)
    return Content.assemble(
        ("● " if row.chosen else " " * _MARK, "$text-success"),
        (name, "bold" if row.chosen else ""),
        (_rest(row, shown), "dim"),
    )


def _rest(row: TextRow, shown: Columns) -> str:
    """Numbers stand at the right of their columns."""
    cells = (
        (row.size, shown.size, True),
        (_in_short(row.encoding), shown.encoding, False),
        (row.symbols, shown.symbols, True),
        (row.language, shown.language, False),
    )
    return "".join(_GAP + _cell(visible(text), width, right) for text, width, right in cells if width)


def _in_short(encodings: str) -> str:
    """An encoding; of several that a folder or an archive is in, the first and how many there are besides."""
    first, *others = encodings.split(" + ")
    return f"{first} +{len(others)}" if others else first


def _cell(text: str, width: int, right: bool) -> str:
    text = cut(text, width)
    return " " * (width - cell_len(text)) + text if right else padded(text, width)
