"""The learning curve: perplexity over steps, to be moved in, redrawn only where it changed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from rnnbench.tui.widgets.drawing import MUTED, PLAIN, Chart, Look, Mark, Picture, Row, Rule, Series, paint
from rnnbench.tui.widgets.envelope import Envelope
from rnnbench.tui.widgets.parts import bisect_steps
from rnnbench.tui.widgets.scale import step_text
from rnnbench.tui.widgets.window import WHOLE
from rnnbench.tui.words import tr

__all__ = ["RULE_STYLES", "TRAIN_STYLE", "VALIDATION_STYLE", "LearningCurve", "Mark", "Rule", "Series"]

TRAIN_STYLE = "$text-primary"
VALIDATION_STYLE = "bold $text-warning"
RULE_STYLES = ("$text-success", "$text-error", "$text-secondary")

BROKEN_STYLE = "bold $text-error"
FAR = 10  # columns

_AXIS_STYLE = "$foreground 68%"


class LearningCurve(Widget):
    """Curves and rules over an axis of perplexity, logarithmic at first.

    Styles are written as in Textual's markup ("bold $text-warning"), so that they follow the theme. Where it can have
    the focus, a cross-hair moves along the drawn columns.
    """

    DEFAULT_CSS = """
    LearningCurve { height: 1fr; min-height: 3; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Earlier", show=False),
        Binding("right", "move(1)", "Later", show=False),
        Binding("shift+left", f"move({-FAR})", "Much earlier", show=False),
        Binding("shift+right", f"move({FAR})", "Much later", show=False),
        Binding("left_square_bracket", f"stride({-FAR})", "Much earlier", show=False),
        Binding("right_square_bracket", f"stride({FAR})", "Much later", show=False),
        Binding("home", "whole", "Whole", show=False),
    ]

    def __init__(
        self,
        *,
        ascii: bool = False,
        empty: str = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
        can_focus: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.can_focus = can_focus
        self.look = Look(ascii=ascii)
        self.empty = empty or tr("The curve begins with the first steps.")
        self._chart = Chart([], [])
        self._beside: Callable[[float], str] = _nothing
        self._envelopes: dict[str, Envelope] = {}
        self._picture = Picture([])
        self._styles: dict[str, RichStyle] = {}

    def show(
        self,
        series: list[Series],
        rules: list[Rule],
        look: Look | None = None,
        marks: Sequence[Mark] = (),
        beside: Callable[[float], str] | None = None,
    ) -> None:
        """Draw these, in another look if one is given, and paint the cells that are now different; nothing is painted
        when none is. `beside` tells more about a step than the curves do, for the cross-hair. Over another axis the
        whole is seen again."""
        turned = look is not None and look.across != self.look.across
        if turned:
            self.reset()
        self.look = look or self.look
        self._beside = beside or _nothing
        known = self._envelopes
        self._envelopes = {item.name: known.get(item.name) or Envelope() for item in series}
        for item in series:
            self._envelopes[item.name].follow(item.steps, item.values)
        envelopes = list(self._envelopes.values())
        broken = _broken(envelopes) if not any(mark.words for mark in marks) else []
        before = self._chart
        self._chart = replace(before, series=list(series), envelopes=envelopes, rules=rules, marks=[*marks, *broken])
        self._go_on()
        self._redraw()
        if turned and self.has_focus:
            self.toggle_cross_hair()

    def toggle_log(self) -> None:
        """Change between a logarithmic and a linear axis of perplexity."""
        self.look = replace(self.look, log=not self.look.log)
        self._redraw()

    # Moving in it

    @property
    def cross_hair(self) -> float | None:
        """The step under the cross-hair; None where there is none."""
        return self._chart.view.cross

    def reset(self) -> None:
        """The whole, without a cross-hair: another run is shown."""
        self._chart = replace(self._chart, view=WHOLE, follows=False)

    def toggle_cross_hair(self) -> bool:
        """Show the cross-hair at the newest step that is seen, or take it away; returns whether it is there now."""
        if self.cross_hair is not None or not self._picture.columns:
            self._set_cross(None)
        else:
            self._set_cross(self._last_seen())
        return self.cross_hair is not None

    def action_move(self, by: int) -> None:
        """The cross-hair so many columns on, or to the next point beyond where those are empty; at the edge of a window
        the window moves along."""
        picture = self._picture
        if not picture.columns:
            return
        if self.cross_hair is None:
            self._set_cross(self._last_seen())
            return
        target = self._point_near(picture.column(self.cross_hair) + by, forward=by > 0)
        beyond = min(picture.column(target), 0) or max(picture.column(target) - picture.columns + 1, 0)
        view = self._chart.view.panned(self._chart.whole, beyond * picture.pitch)
        self._look_at(replace(self._chart, view=replace(view, cross=target)))

    def action_stride(self, by: int) -> None:
        """The same, on keys that are others' while there is no cross-hair."""
        self.action_move(by)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are left to whoever has a use for them."""
        return action != "stride" or self.cross_hair is not None

    def on_focus(self) -> None:
        """The cross-hair shows where the focus is."""
        if self.cross_hair is None:
            self.toggle_cross_hair()

    @property
    def is_moved_in(self) -> bool:
        """Whether there is a cross-hair or a window to leave."""
        return self._chart.view != WHOLE

    def zoom(self, factor: float) -> None:
        """Show fewer steps (below 1) or more, about the cross-hair or the right end."""
        chart = self._chart
        if self._picture.columns:
            self._look_at(replace(chart, view=chart.view.zoomed(chart.whole, factor, self._least_width())))

    def pan(self, halves: int) -> None:
        """Half a window to the side; nothing where the whole is seen. A cross-hair stays on the screen."""
        picture, before = self._picture, self._chart.window
        view = self._chart.view.panned(self._chart.whole, halves * before.width / 2)
        if view.cross is not None and picture.columns and view.window is not None:
            place = picture.column(view.cross + view.window.left - before.left)
            view = replace(view, cross=self._point_near(place, forward=halves > 0))
        self._look_at(replace(self._chart, view=view))

    def action_whole(self) -> None:
        """Show all steps."""
        self._look_at(replace(self._chart, view=replace(self._chart.view, window=None)))

    def step_back(self) -> bool:
        """Leave the cross-hair, or else the window; returns whether there was anything to leave."""
        view = self._chart.view
        if view.cross is not None:
            self._set_cross(None)
        elif view.window is not None:
            self.action_whole()
        else:
            return False
        return True

    def on_click(self, event: Click) -> None:
        """The cross-hair goes where the mouse points."""
        column = event.x - self._picture.indent
        if self.can_focus and 0 <= column < self._picture.columns:
            self._set_cross(self._point_near(column, forward=False))

    def _set_cross(self, step: float | None) -> None:
        self._look_at(replace(self._chart, view=replace(self._chart.view, cross=step)))

    def _look_at(self, chart: Chart) -> None:
        window = chart.view.window
        self._chart = replace(chart, follows=window is not None and window.right >= self._last())
        self._redraw()

    def _go_on(self) -> None:
        """A window that kept to the end keeps to it."""
        view = self._chart.view
        if self._chart.follows and view.window is not None:
            self._chart = replace(self._chart, view=replace(view, window=view.window.following(self._last())))

    def _last(self) -> float:
        return max((item.steps[-1] for item in self._chart.series if item.steps), default=0.0)

    def _last_seen(self) -> float:
        return self._point_near(self._picture.columns - 1, forward=False)

    def _point_near(self, column: int, *, forward: bool) -> float:
        """The middle of a column if there are points in it, else the next point behind it or before it, else the last
        or the first there is."""
        low, high = self._picture.span(column)
        series = [item for item in self._chart.series if item.steps]
        places = [(item.steps, bisect_steps(item, low), bisect_steps(item, high)) for item in series]
        inside = [step for steps, begin, end in places if begin < end for step in (steps[begin], steps[end - 1])]
        if inside:
            return (min(inside) + max(inside)) / 2
        after = [steps[end] for steps, _, end in places if end < len(steps)]
        before = [steps[begin - 1] for steps, begin, _ in places if begin]
        if forward:
            return min(after) if after else max(before, default=low)
        return max(before) if before else min(after, default=low)

    def _least_width(self) -> float:
        """The steps that the four densest points take."""
        series = [item.steps for item in self._chart.series if len(item.steps) > 1]
        return 4 * min(((steps[-1] - steps[0]) / (len(steps) - 1) for steps in series), default=1.0)

    def text(self) -> str:
        """The chart as it is drawn, as plain lines."""
        return "\n".join("".join(text for text, _ in row).rstrip() for row in self._picture.rows)

    def render_line(self, y: int) -> Strip:
        """One row as Textual paints it."""
        rows = self._picture.rows
        row = rows[y] if y < len(rows) else []
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
        before, cross = self._picture.rows, self.cross_hair
        beside = self._beside(cross) if cross is not None else ""
        self._chart = replace(self._chart, look=self.look, beside=beside, empty=self.empty)
        self._picture = paint(self._chart, size.width, size.height)
        changed = [
            region
            for y, rows in enumerate(zip_longest(before, self._picture.rows))
            if (region := _difference(y, *rows))
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


def _nothing(step: float) -> str:
    return ""


def _broken(envelopes: Sequence[Envelope]) -> list[Mark]:
    """Where a curve has a value that is no finite number, the first such step of all."""
    steps = [envelope.broken_at for envelope in envelopes if envelope.broken_at is not None]
    if not steps:
        return []
    words = tr("not finite at step {step}", step=step_text(min(steps)))
    return [Mark(min(steps), "✗", "x", BROKEN_STYLE, words)]


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
