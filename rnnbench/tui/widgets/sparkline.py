"""The history of the perplexity in one line."""

import math
from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from rnnbench.runs.figures import figure
from rnnbench.tui.widgets.envelope import Envelope
from rnnbench.tui.widgets.scale import round_up
from rnnbench.tui.words import tr

_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=+*%#"
_LABEL = "perplexity"


def bars(levels: Sequence[float | None], *, ascii: bool = False) -> str:
    """One character for each level, the lowest to the highest on a logarithmic scale; None is a blank."""
    signs = _ASCII_BARS if ascii else _BARS
    logs = [None if level is None else math.log(level) for level in levels]
    known = [value for value in logs if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or math.inf
    top = len(signs) - 1
    return "".join(" " if value is None else signs[round((value - low) / span * top)] for value in logs)


def levels(envelope: Envelope, points: int, width: int) -> list[float | None]:
    """The middle of the lowest and the highest value in each part of the history, in at most `width` parts.

    The last parts may be still to come: parts whose ends moved with every point would make the line flicker.
    """
    end = max(points, 1) if points <= width else round_up(points)
    found: list[float | None] = []
    for index, column in envelope.columns(0, max(end - 1, 1), min(width, points)):
        found += [None] * (index - len(found))
        found.append(None if column.is_gap else math.sqrt(column.low) * math.sqrt(column.high))
    return found


class PerplexitySparkline(Widget):
    """`perplexity █▇▅▃▂▁ 4.31`: the whole history, however long, and the last value."""

    DEFAULT_CSS = """
    PerplexitySparkline { height: 1; }
    """

    def __init__(
        self, *, ascii: bool = False, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.ascii = ascii
        self.label = ""
        self.text = ""
        self._values: Sequence[float] = ()
        self._envelope = Envelope()

    def show(self, values: Sequence[float], label: str = _LABEL) -> None:
        """Show a history of perplexities, or of what the label says; without a label an empty one is an empty line.
        Pass the same growing sequence again: only new points are read."""
        self._values, self.label = values, label
        self._envelope.follow(range(len(values)), values)
        self._redraw()

    def render_line(self, y: int) -> Strip:
        """The line."""
        style = self.rich_style
        return Strip([Segment(self.text if y == 0 else "", style)]).adjust_cell_length(self.size.width, style)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._redraw()

    def _redraw(self) -> None:
        before, self.text = self.text, self._line(self.size.width)
        if before != self.text:
            self.refresh()

    def _line(self, width: int) -> str:
        points = len(self._values)
        if not points:
            return tr("{name}: no steps yet", name=self.label) if self.label else ""
        value = f" {figure(self._values[-1])}"
        room = width - cell_len(self.label) - 1 - len(value)
        if room < 1:
            return self.label + value
        return f"{self.label} " + bars(levels(self._envelope, points, room), ascii=self.ascii) + value
