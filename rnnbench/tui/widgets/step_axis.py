"""The axis below a chart: its name, round numbers, and marks where something happened."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from rnnbench.tui.widgets import scale as axes
from rnnbench.tui.widgets.parts import MUTED, PLAIN, Look, Mark, Row
from rnnbench.tui.widgets.window import Window
from rnnbench.tui.words import tr

_EACH, _AROUND = 10, 6  # cells for a number and what is around it; in a window no digit may be left out


def step_axis(look: Look, window: Window, across: int, indent: int, marks: Sequence[Mark]) -> Row:
    """One line: the name under the other axis' labels, numbers centred below their places, and the marks, to which
    the numbers give way."""
    name = tr(look.across)
    signs: dict[int, tuple[str, str]] = {}
    for mark in marks:
        if window.left <= mark.step <= window.right:
            signs[indent + _place(mark.step, window, across)] = (mark.plain if look.ascii else mark.sign, mark.style)
    line = set_cell_size(name, indent)[: indent - 1].rstrip()
    line = line + " " * (indent - cell_len(line))
    shift = cell_len(line) - len(line)
    each = max(_EACH, len(axes.step_text(window.right)) + _AROUND if window.left else 0)
    for value in axes.linear_ticks(window.left, window.right, max(across // each, 2)):
        text = axes.step_text(value) if window.left else axes.label(value)
        middle = indent + _place(value, window, across)
        start = min(max(middle - len(text) // 2, indent), indent + across - len(text))
        free = not any(start - 1 <= place <= start + len(text) for place in signs)
        if (look.parts or value == int(value)) and free and start - shift > len(line.rstrip()):
            line = line.rstrip().ljust(start - shift) + text
    return _with_signs(line, shift, signs)


def _place(step: float, window: Window, across: int) -> int:
    return round((step - window.left) / (window.right - window.left) * (across - 1))


def _with_signs(line: str, shift: int, signs: dict[int, tuple[str, str]]) -> Row:
    row: Row = []
    at = 0
    for place, sign in sorted(signs.items()):
        before = line[at : place - shift].ljust(place - shift - at)
        row += [(before, MUTED if before.strip() else PLAIN), sign]
        at = place - shift + 1
    rest = line[at:].rstrip() if signs else line
    return [*row, (rest, MUTED)] if rest else row
