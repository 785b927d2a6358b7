"""The training pane: where the open run stands, its curves and its log."""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from rnnbench.metrics import perplexity
from rnnbench.runs.events import EvaluationDone
from rnnbench.runs.figures import (
    CLOZE,
    bits_per_character,
    figure,
    figure_texts,
    long_perplexity_name,
    perplexity_name,
)
from rnnbench.runs.narration import duration
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.store import CRASHED, FAILED, FINISHED, PAUSED, RUNNING, STOPPED
from rnnbench.tui import actions
from rnnbench.tui.attachment import READING, STARTING, Attachment
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import cut, flow
from rnnbench.tui.panes import curve_story
from rnnbench.tui.panes.log_panel import FILTER, SEARCH, LogPanel
from rnnbench.tui.panes.pane import Pane
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.throttle import Throttle, pace_of
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.terms import measured
from rnnbench.tui.widgets.chart import RULE_STYLES, TRAIN_STYLE, VALIDATION_STYLE, LearningCurve, Rule, Series
from rnnbench.tui.widgets.curve_keys import CurveKeys
from rnnbench.tui.widgets.log_view import LogView
from rnnbench.tui.widgets.sparkline import PerplexitySparkline
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible

_TAIL_LINES = 6
STATE_STYLES = {
    RUNNING: "bold $text-success",
    PAUSED: "bold $text-warning",
    STARTING: "bold $text-warning",
    READING: "dim",
    FINISHED: "bold $text-primary",
    STOPPED: "bold $text-warning",
    FAILED: "bold $text-error",
    CRASHED: "bold $text-error",
}
_NOTHING = later(
    "No run is open. Choose a text (1), look over the model (2) and press {key[start]} to start; {key[show_runs]} "
    "lists earlier runs."
)


class TrainingPane(Pane, CurveKeys):
    """The open run: its words about four times a second, its curves once, however fast it goes."""

    NAME = actions.TRAINING
    ABOUT = (
        "The open run: how far it is, how well it predicts, and what it says. Perplexity is the number of symbols the "
        "model hesitates between; the level lines are what a uniform guess, the frequencies alone and counts of five "
        "symbols would reach. "
        "The cross-hair ({key[toggle_cross_hair]}) says what the curves were at a step; {key[zoom_in]} and "
        "{key[zoom_out]} zoom about it. The log follows the run until you scroll up; go to its end to follow again. A "
        "filter ({key[filter_log]}) leaves only some of its lines, a search ({key[search_log]}) marks a text in them. "
        "Quitting does not end a training."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.TRAINING)

    def __init__(self) -> None:
        super().__init__()
        self._attachment: Attachment | None = None
        self._lines: list[str] = []
        self._tail_of = ""
        self._drawn = False
        pace = pace_of(self)
        self.words = Throttle(self, pace.words, self._show_words)
        self.log_lines = Throttle(self, pace.log, self._show_lines)
        self.curves = Throttle(self, pace.curves, self._show_curves)
        together = self.words, self.log_lines, self.curves
        for throttle in together:
            throttle.beside = tuple(other for other in together if other is not throttle)

    def compose(self) -> ComposeResult:
        yield Paragraph(Content.styled(tr(_NOTHING), "dim"), id="training-head")
        yield Paragraph(id="training-problem")
        yield PerplexitySparkline()
        yield LearningCurve(ascii=preferences_of(self).ascii, can_focus=True)
        yield LogPanel()

    def entry(self) -> Widget:
        return self.query_one(LogView)

    def attach(self, attachment: Attachment | None) -> None:
        """Show another run, or none."""
        self._attachment, self._lines = attachment, []
        self._tail_of, self._drawn = "", False
        self.query_one(LogView).clear()
        self.query_one(LearningCurve).reset()
        self._show_problem("")
        self.words.now()
        self.curves.now()

    def touch(self, lines: list[str]) -> None:
        """The run moved on."""
        self._lines += lines
        self.words.touch()
        if lines:
            self.log_lines.touch()
        if self._attachment is not None and not self._drawn and len(self._attachment.training.steps):
            self._drawn = True
            self.curves.now()  # a run that was opened is seen at once
        else:
            self.curves.touch()

    def show_end(self, lines: list[str]) -> None:
        """Show the end of a long log until the log has been read."""
        self.query_one(LogView).show_end(lines)

    def show_now(self) -> None:
        """Show everything as it is, however short ago it was painted: the whole of a run that was opened, its end."""
        for paced in (self.words, self.log_lines, self.curves):
            paced.now()
        self.query_one(LogView).show_end([])

    def action_toggle_log(self) -> None:
        """Switch the scale of the curve."""
        self.query_one(LearningCurve).toggle_log()

    # Finding lines in the log

    def action_filter_log(self) -> None:
        """Show only some lines."""
        self.query_one(LogPanel).open_field(FILTER)

    def action_search_log(self) -> None:
        """Look for a text."""
        self.query_one(LogPanel).open_field(SEARCH)

    def action_turn_kind(self) -> None:
        """Show another kind of lines."""
        self.query_one(LogPanel).turn_kind()

    def action_go_to_hit(self, by: int) -> None:
        """The next place where the text is, or the one before."""
        self.query_one(LogView).go_to_hit(by)

    def action_step_back(self) -> None:
        """Out of what is closest: the field, on the curve its cross-hair, the search, the filter, the zoom."""
        panel, curve = self.query_one(LogPanel), self.query_one(LearningCurve)
        if panel.close_field(focused=True):
            return
        if curve.has_focus and curve.step_back():
            self.enter()
        elif not panel.close_field(focused=False):
            curve.step_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are left to whoever has a use for them."""
        if not self.is_mounted:
            return True
        if action == "go_to_hit":
            return self.query_one(LogPanel).searching
        if action == "step_back":
            return self.query_one(LogPanel).has_open_field or self.query_one(LearningCurve).is_moved_in
        return True

    def on_resize(self) -> None:
        self._show_head()

    def _show_words(self) -> None:
        self._show_head()
        self._show_crash()

    def _show_lines(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            log = self.query_one(LogView)
            log.append(lines)
            if log.following:
                log.scroll_end(animate=False, immediate=True, force=True, x_axis=False)  # no scroll bar yet: forced

    def _show_head(self) -> None:
        head = self.query_one("#training-head", Paragraph)
        if self._attachment is None:
            head.show(Content.styled(tr(_NOTHING), "dim"))
        else:
            head.show(headline(self._attachment, self.content_size.width))

    def _show_curves(self) -> None:
        if self._attachment is None:
            self.query_one(LearningCurve).show([], [])
            self.query_one(PerplexitySparkline).show([], "")
            return
        training, validation = self._attachment.training, self._attachment.validation
        series = [
            Series(tr("train"), training.steps, training.values, TRAIN_STYLE),
            Series(tr("validation"), validation.steps, validation.values, VALIDATION_STYLE, dash=2 * self.app.no_color),
        ]
        progress = self._attachment.progress
        self.query_one(LearningCurve).show(
            [item for item in series if len(item.steps)],
            list(_rules(progress)),
            marks=curve_story.marks(progress),
            beside=partial(curve_story.when, progress),
        )
        self.query_one(PerplexitySparkline).show(training.values, tr(perplexity_name(progress.task)))

    def _show_crash(self) -> None:
        """A trainer that died without a word has left its last words in a file."""
        attachment = self._attachment
        if attachment is None or attachment.state != CRASHED:
            self._tail_of = ""
            self._show_problem("")
        elif self._tail_of != attachment.run.name:
            self._tail_of = attachment.run.name
            show = partial(self._show_tail, attachment.run.name)
            in_background(self, attachment.run.stderr_tail, show, lambda _: None)

    def _show_tail(self, name: str, tail: str) -> None:
        if self._tail_of == name:
            width = self.content_size.width or self.screen.size.width - 4  # in a tab that is not seen yet
            lines = [cut(visible(line), width) for line in tail.splitlines() if line.strip()]
            told = lines[-_TAIL_LINES:] or [tr("it printed nothing")]
            self._show_problem("\n".join([tr("The trainer ended without saying why. Its last output:"), *told]))

    def _show_problem(self, text: str) -> None:
        problem = self.query_one("#training-problem", Paragraph)
        problem.show(Content(text))
        problem.display = bool(text)


def _rules(progress: RunProgress) -> Iterator[Rule]:
    """What counting achieves; no 5-gram beside a cloze model, which has read both sides of what it predicts."""
    if progress.started is not None:
        yield Rule(tr("unigram"), perplexity(progress.started.unigram_loss_nats), RULE_STYLES[0])
        if progress.started.ngram_loss_nats is not None and progress.task != CLOZE:
            yield Rule(tr("5-gram"), perplexity(progress.started.ngram_loss_nats), RULE_STYLES[2])
        yield Rule(tr("uniform"), perplexity(progress.started.uniform_loss_nats), RULE_STYLES[1])


def headline(attachment: Attachment, width: int) -> Content:
    """Name, state and figures of a run, in as many lines as the width asks for."""
    items = dict(_items(attachment))
    lines = flow(items, width)
    return Content("\n").join(Content("   ").join(Content.styled(item, items[item]) for item in line) for line in lines)


def _items(attachment: Attachment) -> Iterator[tuple[str, str]]:
    """What there is to say, most important first, each with its style."""
    progress, state = attachment.progress, attachment.state
    yield visible(attachment.run.name), "bold"
    yield _SYMBOLS.get(state, "") + tr(state), STATE_STYLES.get(state, "bold")
    if attachment.is_training and progress.preparing is not None:
        yield _preparing(progress), "$text-warning"
    if progress.started is not None:
        yield _steps(progress), ""
    if progress.last_step is not None:
        yield tr("epoch {epoch}", epoch=f"{progress.epoch:.2f}"), ""
        if progress.tokens_per_second is not None:
            yield tr("{n} tokens/s", n=f"{progress.tokens_per_second:,.0f}"), ""
        yield duration(progress.elapsed_seconds), ""
    if attachment.is_training and progress.seconds_left is not None:
        yield tr("{time} left", time=duration(progress.seconds_left)), "bold"
    yield from _scores(progress)


_SYMBOLS = {
    RUNNING: "▶ ",
    PAUSED: "‖ ",
    STARTING: "… ",
    READING: "… ",
    FINISHED: "✓ ",
    STOPPED: "■ ",
    FAILED: "✗ ",
    CRASHED: "✗ ",
}


def _preparing(progress: RunProgress) -> str:
    event = progress.preparing
    assert event is not None
    share = f" {event.done / event.total:.0%}" if event.total else ""
    return f"{visible(tr(event.phase))}{share}"


def _steps(progress: RunProgress) -> str:
    planned = progress.started.planned_steps if progress.started else None
    share = f" ({progress.fraction_done:.0%})" if progress.fraction_done is not None else ""
    return tr("step {n}", n=f"{progress.step:,}" + (f"/{planned:,}" if planned else "")) + share


def _scores(progress: RunProgress) -> Iterator[tuple[str, str]]:
    style, task = "bold $text-primary", progress.task
    name = tr(long_perplexity_name(task))
    if (best := progress.best) is not None:
        value, last = figure(best.score.perplexity), progress.latest
        if last is None:
            yield tr("best validation {name} {value}", name=name, value=value), style
        else:
            now = figure(last.score.perplexity)
            yield tr("best validation {name} {value}, last {last}", name=name, value=value, last=now), style
        yield from ((tr("best {figure}", figure=text), style) for text in _beside(best, task))
    if (test := progress.test) is not None:
        yield tr("test {name} {value}", name=name, value=figure(test.score.perplexity)), style
        yield from ((tr("test {figure}", figure=text), style) for text in _beside(test, task))


def _beside(event: EvaluationDone, task: str) -> Iterator[str]:
    """The figures beside the perplexity."""
    bits = bits_per_character(event.score, task)
    if bits is not None:
        yield tr("{n} bits/character", n=f"{bits:.3f}")
    yield from map(measured, figure_texts(event.figures))
