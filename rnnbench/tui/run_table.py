"""The rows of the list of runs as a table: which columns how wide, which marks, which colours."""

import time
from collections.abc import Callable, Collection, Sequence

from rnnbench.runs.queue import HELD, TAKEN, UNREADABLE
from rnnbench.tui.cells import cell_len, cut
from rnnbench.tui.panes.training import STATE_STYLES
from rnnbench.tui.run_order import Order
from rnnbench.tui.run_rows import AGE, COLUMNS, NAME, NUMBERS, STATE, TAGS, RunRow
from rnnbench.tui.widgets.line_table import Cell, Column, Row
from rnnbench.tui.words import tr

_OF_QUEUE = {HELD: "$text-warning", TAKEN: "bold $text-error", UNREADABLE: "bold $text-error"}
_MARK = "●"
_BESIDE_NAME = COLUMNS[1 : COLUMNS.index(AGE) + 1]  # what an 80-column terminal shows with the name
_LEAST_NAME = 16
_MOST = {TAGS: 24}
_UPWARDS, _DOWNWARDS = " ▲", " ▼"


def widest(rows: Sequence[RunRow]) -> list[int]:
    """How many terminal cells the widest text of each column takes."""
    now = time.time()
    texts = [_shown(row.cells(now)) for row in rows]
    return [max(map(cell_len, column), default=0) for column in zip(*texts, strict=True)] or [0] * len(COLUMNS)


def columns(widths: Sequence[int], order: Order, room: int) -> list[Column]:
    """The columns of a table of `room` cells. Names are cut where the columns up to the age need the room."""
    found = []
    for title, width in zip(COLUMNS, widths, strict=True):
        arrow = _DOWNWARDS if order.descends else _UPWARDS
        shown = tr(title) + (arrow if title == order.column else "")
        fitted = max(min(width, _MOST.get(title, width)), cell_len(shown), _least(title))
        found.append(Column(shown, fitted, title in NUMBERS))
    beside = sum(column.width + 2 for column, title in zip(found, COLUMNS, strict=True) if title in _BESIDE_NAME)
    with_mark = found[0].width + 2
    found[0] = Column(found[0].title, max(min(with_mark, room - beside - 3), _LEAST_NAME))
    return found


def _least(title: str) -> int:
    """An age grows by itself, and the width of its column need not follow."""
    return {NAME: _LEAST_NAME, AGE: cell_len(tr("{count} min", count=59))}.get(title, 0)


def _shown(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of a row with its state in the user's language."""
    return tuple(tr(text) if title == STATE else text for title, text in zip(COLUMNS, texts, strict=True))


def row_maker(rows: Sequence[RunRow], marked: Collection[str], name_width: int) -> Callable[[int], Row]:
    """Makes the row at a place when it is seen; its age is that of the moment, and a mark is never cut off."""

    def make(index: int) -> Row:
        row = rows[index]
        name, *rest = row.cells(time.time())
        cells = [Cell(_marked(name, name_width) if row.name in marked else name)]
        return cells + [_cell(title, text) for title, text in zip(COLUMNS[1:], rest, strict=True)]

    return make


def _marked(name: str, width: int) -> str:
    return f"{cut(name, max(width - 2, 1))} {_MARK}"


def _cell(title: str, text: str) -> Cell:
    return state_cell(text) if title == STATE else Cell(text)


def state_cell(state: str) -> Cell:
    """The state of a run, or of what waits in the queue, as it looks everywhere."""
    return Cell(tr(state), STATE_STYLES.get(state, _OF_QUEUE.get(state, "")))
