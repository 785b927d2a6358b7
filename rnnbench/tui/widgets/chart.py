"""The learning curve: perplexity over steps, redrawn only where it changed."""

from dataclasses import replace
from itertools import zip_longest

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.geometry import Region
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from rnnbench.tui.widgets.drawing import MUTED, PLAIN, Look, Row, Rule, Series, draw
from rnnbench.tui.widgets.envelope import Envelope

__all__ = ["RULE_STYLES", "TRAIN_STYLE", "VALIDATION_STYLE", "LearningCurve", "Rule", "Series"]

TRAIN_STYLE = "$text-primary"
VALIDATION_STYLE = "bold $text-warning"
RULE_STYLES = ("$text-success", "$text-error", "$text-secondary")

_AXIS_STYLE = "$foreground 60%"


class LearningCurve(Widget):
    """Curves and rules over an axis of perplexity, logarithmic at first.

    Styles are written as in Textual's markup ("bold $text-warning"), so that they follow the theme.
    """

    DEFAULT_CSS = """
    LearningCurve { height: 1fr; min-height: 3; }
    """

    def __init__(
        self,
        *,
        ascii: bool = False,
        empty: str = "The curve begins with the first steps.",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.look = Look(ascii=ascii)
        self.empty = empty
        self._series: list[Series] = []
        self._rules: list[Rule] = []
        self._envelopes: dict[str, Envelope] = {}
        self._rows: list[Row] = []
        self._styles: dict[str, RichStyle] = {}

    def show(self, series: list[Series], rules: list[Rule], look: Look | None = None) -> None:
        """Draw these, in another look if one is given, and paint the cells that are now different; nothing is painted
        when none is."""
        self.look = look or self.look
        self._series, self._rules = list(series), list(rules)
        known = self._envelopes
        self._envelopes = {item.name: known.get(item.name) or Envelope() for item in series}
        for item in series:
            self._envelopes[item.name].follow(item.steps, item.values)
        self._redraw()

    def toggle_log(self) -> None:
        """Change between a logarithmic and a linear axis of perplexity."""
        self.look = replace(self.look, log=not self.look.log)
        self._redraw()

    def text(self) -> str:
        """The chart as it is drawn, as plain lines."""
        return "\n".join("".join(text for text, _ in row).rstrip() for row in self._rows)

    def render_line(self, y: int) -> Strip:
        """One row as Textual paints it."""
        row = self._rows[y] if y < len(self._rows) else []
        segments = [Segment(text, self._rich(style)) for text, style in row]
        return Strip(segments).adjust_cell_length(self.size.width, self._rich(PLAIN))

    def notify_style_update(self) -> None:
        """The theme or a class changed: look every colour up again."""
        self._styles.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._redraw()

    def _redraw(self) -> None:
        size = self.size
        if not size:
            return
        before = self._rows
        envelopes = [self._envelopes[item.name] for item in self._series]
        self._rows = draw(self._series, envelopes, self._rules, size.width, size.height, self.look, self.empty)
        changed = [
            region for y, rows in enumerate(zip_longest(before, self._rows)) if (region := _difference(y, *rows))
        ]
        if changed:
            self.refresh(*changed)

    def _rich(self, style: str) -> RichStyle:
        found = self._styles.get(style)
        if found is None:
            text = _AXIS_STYLE if style == MUTED else style
            visual = self.visual_style + Style.parse(text) if text else self.visual_style
            found = self._styles[style] = visual.rich_style
        return found


def _difference(y: int, before: Row | None, after: Row | None) -> Region | None:
    """The part of row `y` that has to be painted again, if any."""
    if before == after:
        return None
    old, new = (_cells(row or []) for row in (before, after))
    length = max(len(old), len(new))
    old, new = (cells + [(" ", PLAIN)] * (length - len(cells)) for cells in (old, new))
    different = [index for index in range(length) if old[index] != new[index]]
    if not different:
        return None
    return Region(different[0], y, different[-1] + 1 - different[0], 1)


def _cells(row: Row) -> list[tuple[str, str]]:
    """A row cell by cell; the second cell of a wide character is an empty string."""
    cells: list[tuple[str, str]] = []
    for text, style in row:
        narrow = text.isascii() or cell_len(text) == len(text)
        for character in text:
            cells.append((character, style))
            if not narrow and cell_len(character) == 2:
                cells.append(("", style))
    return cells
