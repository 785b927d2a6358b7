"""Several runs on one chart, their figures below it, and the settings in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from rnnbench.runs import comparing
from rnnbench.runs.comparing import Compared, Point
from rnnbench.runs.figures import CLOZE, perplexity_name
from rnnbench.runs.store import Run
from rnnbench.tui import actions, comparison_table
from rnnbench.tui.comparison_feed import ComparisonFeed, RunCompared
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.throttle import Throttle, pace_of
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.widgets.chart import LearningCurve, Series
from rnnbench.tui.widgets.curve_keys import CurveKeys
from rnnbench.tui.widgets.drawing import Look
from rnnbench.tui.widgets.shifted_table import ShiftedTable
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

MOST_RUNS = len(comparison_table.STYLES)
_STEPS, _TOKENS, _TIME = "step", "tokens", "time"
_ACROSS = {_STEPS: later("steps"), _TOKENS: later("tokens"), _TIME: later("time")}
_UNITS = ((later("s"), 1.0, 180.0), (later("min"), 60.0, 180.0 * 60))
"""Seconds, then minutes, while an axis of them has whole numbers enough; then hours."""
_HOUR = 3600.0


@dataclass(frozen=True)
class _View:
    """How the curves are shown: what lies below them, and bits per character or perplexity at their left."""

    across: str = _STEPS
    bits: bool = False
    log: bool = True


class CompareScreen(PlaceScreen, CurveKeys):
    """Two to six runs; follows those that are being trained."""

    ABOUT = (
        "The validation curves of the marked runs. Every run has a number, a colour and a dash of its own, on the "
        "chart and in the table. A perplexity counts tokens: between runs with different tokens compare bits per "
        "character ({key[turn_up]}), and those only on the same text. The cross-hair ({key[toggle_cross_hair]}) says "
        "what the curves were at a place; {key[zoom_in]} and {key[zoom_out]} zoom about it. The table ends with the "
        "settings in which the runs differ."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.COMPARE)

    def __init__(self, workspace: Workspace, runs: Sequence[Run]) -> None:
        super().__init__()
        self._workspace = workspace
        self._names = [run.name for run in runs]
        self._found: dict[str, Compared] = {}
        self._view = _View()
        self._feed = ComparisonFeed(self, runs)
        self._painting = Throttle(self, pace_of(self).curves, self._paint)

    def compose(self) -> ComposeResult:
        look = preferences_of(self).ascii
        yield LearningCurve(id="compare-chart", ascii=look, empty=tr("The runs are being read."), can_focus=True)
        yield Paragraph(id="compare-note")
        yield ShiftedTable(id="compare-table")
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self.enter()
        self.show_keys()
        self._feed.start()

    def on_unmount(self) -> None:
        self._feed.stop()

    def enter(self) -> None:
        """The focus to the table: its arrow keys scroll."""
        self.query_one(ShiftedTable).focus()

    def places(self) -> tuple[str, ...]:
        return (actions.COMPARE,)

    @property
    def run_state(self) -> str:
        """Nothing is done to a run here."""
        return ""

    @on(RunCompared)
    def _run_compared(self, event: RunCompared) -> None:
        event.stop()
        self._found[event.compared.name] = event.compared
        if self._is_whole:
            self._painting.touch()
        else:
            self._paint()  # each of them is seen as soon as it has been read

    @property
    def _is_whole(self) -> bool:
        """Whether all of them have been read."""
        return len(self._found) == len(self._names)

    @property
    def _runs(self) -> list[Compared]:
        """Those that have been read, in the order in which they were marked."""
        return [self._found[name] for name in self._names if name in self._found]

    def _paint(self) -> None:
        runs = self._runs
        settings = comparing.setting_rows(runs)
        self._draw(runs)
        self.query_one(ShiftedTable).show(
            partial(comparison_table.table, runs, settings, ascii=preferences_of(self).ascii)
        )
        self._show_note(" ".join(self._notes(runs, comparing.texts_differ(runs))))

    def _draw(self, runs: list[Compared]) -> None:
        chart = self.query_one(LearningCurve)
        kind, unit, name = self._kind(runs), *_time_unit(runs)
        across = name if self._view.across == _TIME else self._view.across
        series = []
        for index, run in enumerate(runs):
            points = [point for point in run.points if _height(point, self._view) is not None]
            if points and (self._view.bits or perplexity_name(run.task) == kind):
                places = [_place(point, self._view, unit) for point in points]
                heights = [_height(point, self._view) or 0.0 for point in points]
                style = comparison_table.STYLES[index]
                series.append(Series(run.name, places, heights, style, index, comparison_table.sign(index)))
        title = _title(self._view, kind)
        chart.empty = tr("None of these runs has a curve to show yet.") if self._is_whole else chart.empty
        timed = self._view.across == _TIME
        chart.show(series, [], Look(self._view.log, preferences_of(self).ascii, title, across, timed, self._view.bits))

    def _kind(self, runs: list[Compared]) -> str:
        """What stands at the left: perplexities, or the pseudo-perplexities of runs that have nothing else."""
        kinds = [perplexity_name(run.task) for run in runs if run.points]
        return perplexity_name("") if not kinds or perplexity_name("") in kinds else kinds[0]

    def _notes(self, runs: list[Compared], other_texts: bool) -> list[str]:
        kind = self._kind(runs)
        without = [
            run.name for run in runs if run.task == CLOZE and (self._view.bits or kind != perplexity_name(CLOZE))
        ]
        notes = []
        if other_texts and not self._view.bits:
            notes.append(
                tr("The texts or their tokens differ: compare bits/character ({key[turn_up]}), on the same text only.")
            )
        if without:
            names = ", ".join(visible(name) for name in without)
            notes.append(tr("Not drawn: {names} (pseudo-perplexity).", names=names))
        return notes

    def _show_note(self, text: str) -> None:
        note = self.query_one("#compare-note", Paragraph)
        note.display = bool(text)
        note.show(Content(text))

    def action_leave(self) -> None:
        """Out of the cross-hair, then out of the zoom, then back to the list."""
        curve = self.query_one(LearningCurve)
        if not curve.step_back():
            self.dismiss(None)
        elif curve.has_focus:
            self.enter()

    def action_turn_across(self) -> None:
        """Steps, tokens, time."""
        axes = tuple(_ACROSS)
        place = (axes.index(self._view.across) + 1) % len(axes)
        self._change(replace(self._view, across=axes[place]))

    def action_turn_up(self) -> None:
        """Perplexity or bits per character."""
        self._change(replace(self._view, bits=not self._view.bits))

    def action_toggle_scale(self) -> None:
        """Logarithmic or not."""
        self._change(replace(self._view, log=not self._view.log))

    def action_talk(self) -> None:
        """The same prompt for all of them."""
        from rnnbench.tui.screens.together import TogetherScreen

        if self._is_whole:
            self.app.push_screen(TogetherScreen(self._workspace, self._runs))
        else:
            self.nothing(tr("the runs are still being read"))

    def _change(self, view: _View) -> None:
        self._view = view
        self._painting.now()


def _time_unit(runs: Sequence[Compared]) -> tuple[float, str]:
    """Seconds in a unit of the axis of time, and its name."""
    longest = max((run.points[-1].seconds for run in runs if run.points), default=0.0)
    for name, seconds, most in _UNITS:
        if longest < most:
            return seconds, name
    return _HOUR, later("h")


def _title(view: _View, kind: str) -> str:
    """What is drawn over what, and how."""
    shown, below = tr("bits/character") if view.bits else tr(kind), tr(_ACROSS[view.across])
    if view.log:
        return tr("validation {kind} over {below}, logarithmic", kind=shown, below=below)
    return tr("validation {kind} over {below}, linear", kind=shown, below=below)


def _place(point: Point, view: _View, unit: float) -> float:
    if view.across == _TIME:
        return point.seconds / unit
    return point.tokens if view.across == _TOKENS else point.step


def _height(point: Point, view: _View) -> float | None:
    """What is drawn of a validation; None where the run has no such figure."""
    return point.bits_per_character if view.bits else point.perplexity
