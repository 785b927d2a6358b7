"""The training pane: where the open run stands, its curves and its log."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from rnnbench.metrics import perplexity
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
from rnnbench.tui.attachment import STARTING, Attachment
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import cut, flow
from rnnbench.tui.panes.pane import Pane
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.throttle import Throttle
from rnnbench.tui.widgets.chart import RULE_STYLES, TRAIN_STYLE, VALIDATION_STYLE, LearningCurve, Rule, Series
from rnnbench.tui.widgets.log_view import LogView
from rnnbench.tui.widgets.sparkline import PerplexitySparkline
from rnnbench.visible import visible

WORDS_SECONDS = 0.25
CURVES_SECONDS = 1.0  # a curve that grows moves everywhere, which is many bytes, and a second is nothing to it
_TAIL_LINES = 6
STATE_STYLES = {
    RUNNING: "bold $text-success",
    PAUSED: "bold $text-warning",
    STARTING: "bold $text-warning",
    FINISHED: "bold $text-primary",
    STOPPED: "bold $text-warning",
    FAILED: "bold $text-error",
    CRASHED: "bold $text-error",
}
_NOTHING = "No run is open. Choose a text (1), look over the model (2) and press s to start; r lists earlier runs."


class TrainingPane(Pane):
    """The open run: its words at most four times a second, its curves once, however fast it goes."""

    NAME = actions.TRAINING
    ABOUT = (
        "The open run: how far it is, how well it predicts, and what it says. Perplexity is the number of symbols the "
        "model hesitates between; the two level lines are what a uniform guess and the frequencies alone would reach. "
        "The log follows the run until you scroll up; go to its end to follow again. Quitting does not end a training."
    )
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.TRAINING)

    def __init__(self) -> None:
        super().__init__()
        self._attachment: Attachment | None = None
        self._lines: list[str] = []
        self._tail_of = ""
        self._drawn = False
        self.words = Throttle(self, WORDS_SECONDS, self._show_words)
        self.curves = Throttle(self, CURVES_SECONDS, self._show_curves)

    def compose(self) -> ComposeResult:
        yield Paragraph(Content.styled(_NOTHING, "dim"), id="training-head")
        yield Paragraph(id="training-problem")
        yield PerplexitySparkline()
        yield LearningCurve()
        yield LogView()

    def entry(self) -> Widget:
        return self.query_one(LogView)

    def attach(self, attachment: Attachment | None) -> None:
        """Show another run, or none."""
        self._attachment, self._lines = attachment, []
        self._tail_of, self._drawn = "", False
        self.query_one(LogView).clear()
        self._show_problem("")
        self.words.now()
        self.curves.now()

    def touch(self, lines: list[str]) -> None:
        """The run moved on."""
        self._lines += lines
        self.words.touch()
        if self._attachment is not None and not self._drawn and len(self._attachment.training.steps):
            self._drawn = True
            self.curves.now()  # a run that was opened is seen at once
        else:
            self.curves.touch()

    def action_toggle_log(self) -> None:
        """Switch the scale of the curve."""
        self.query_one(LearningCurve).toggle_log()

    def on_resize(self) -> None:
        self._show_head()

    def _show_words(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            log = self.query_one(LogView)
            log.append(lines)
            if log.following:
                log.scroll_end(animate=False, immediate=True, force=True, x_axis=False)  # no scroll bar yet: forced
        self._show_head()
        self._show_crash()

    def _show_head(self) -> None:
        head = self.query_one("#training-head", Paragraph)
        if self._attachment is None:
            head.show(Content.styled(_NOTHING, "dim"))
        else:
            head.show(headline(self._attachment, self.content_size.width))

    def _show_curves(self) -> None:
        if self._attachment is None:
            self.query_one(LearningCurve).show([], [])
            self.query_one(PerplexitySparkline).show([])
            return
        training, validation = self._attachment.training, self._attachment.validation
        series = [
            Series("train", training.steps, training.values, TRAIN_STYLE),
            Series("validation", validation.steps, validation.values, VALIDATION_STYLE),
        ]
        self.query_one(LearningCurve).show(
            [item for item in series if len(item.steps)], list(_rules(self._attachment.progress))
        )
        self.query_one(PerplexitySparkline).show(training.values, perplexity_name(self._attachment.progress.task))

    def _show_crash(self) -> None:
        """A trainer that died without a word has left its last words in a file."""
        attachment = self._attachment
        if attachment is None or attachment.state != CRASHED:
            self._tail_of = ""
            self._show_problem("")
        elif self._tail_of != attachment.run.name:
            self._tail_of = attachment.run.name
            in_background(self, attachment.run.stderr_tail, self._show_tail, lambda _: None)

    def _show_tail(self, tail: str) -> None:
        if self._tail_of:
            lines = [cut(visible(line), self.content_size.width) for line in tail.splitlines() if line.strip()]
            told = lines[-_TAIL_LINES:] or ["it printed nothing"]
            self._show_problem("\n".join(["The trainer ended without saying why. Its last output:", *told]))

    def _show_problem(self, text: str) -> None:
        problem = self.query_one("#training-problem", Paragraph)
        problem.show(Content(text))
        problem.display = bool(text)


def _rules(progress: RunProgress) -> Iterator[Rule]:
    """What counting achieves; no 5-gram beside a cloze model, which has read both sides of what it predicts."""
    if progress.started is not None:
        yield Rule("unigram", perplexity(progress.started.unigram_loss_nats), RULE_STYLES[0])
        if progress.started.ngram_loss_nats is not None and progress.task != CLOZE:
            yield Rule("5-gram", perplexity(progress.started.ngram_loss_nats), RULE_STYLES[2])
        yield Rule("uniform", perplexity(progress.started.uniform_loss_nats), RULE_STYLES[1])


def headline(attachment: Attachment, width: int) -> Content:
    """Name, state and figures of a run, in as many lines as the width asks for."""
    items = dict(_items(attachment))
    lines = flow(items, width)
    return Content("\n").join(Content("   ").join(Content.styled(item, items[item]) for item in line) for line in lines)


def _items(attachment: Attachment) -> Iterator[tuple[str, str]]:
    """What there is to say, most important first, each with its style."""
    progress, state = attachment.progress, attachment.state
    yield visible(attachment.run.name), "bold"
    yield _SYMBOLS.get(state, "") + state, STATE_STYLES.get(state, "bold")
    if attachment.is_training and progress.preparing is not None:
        yield _preparing(progress), "$text-warning"
    if progress.started is not None:
        yield _steps(progress), ""
    if progress.last_step is not None:
        yield f"epoch {progress.epoch:.2f}", ""
        if progress.tokens_per_second is not None:
            yield f"{progress.tokens_per_second:,.0f} tokens/s", ""
        yield duration(progress.elapsed_seconds), ""
    if attachment.is_training and progress.seconds_left is not None:
        yield f"{duration(progress.seconds_left)} left", "bold"
    yield from _scores(progress)


_SYMBOLS = {RUNNING: "▶ ", PAUSED: "‖ ", STARTING: "… ", FINISHED: "✓ ", STOPPED: "■ ", FAILED: "✗ ", CRASHED: "✗ "}


def _preparing(progress: RunProgress) -> str:
    event = progress.preparing
    assert event is not None
    share = f" {event.done / event.total:.0%}" if event.total else ""
    return f"{visible(event.phase)}{share}"


def _steps(progress: RunProgress) -> str:
    planned = progress.started.planned_steps if progress.started else None
    share = f" ({progress.fraction_done:.0%})" if progress.fraction_done is not None else ""
    return f"step {progress.step:,}" + (f"/{planned:,}" if planned else "") + share


def _scores(progress: RunProgress) -> Iterator[tuple[str, str]]:
    for name, event in (("best validation", progress.best), ("test", progress.test)):
        if event is not None:
            bits, style = bits_per_character(event.score, progress.task), "bold $text-primary"
            last = progress.latest if event is progress.best else None
            beside = f", last {figure(last.score.perplexity)}" if last is not None else ""
            yield f"{name} {long_perplexity_name(progress.task)} {figure(event.score.perplexity)}{beside}", style
            short = name.removesuffix(" validation")
            if bits is not None:
                yield f"{short} {bits:.3f} bits/character", style
            for text in figure_texts(event.figures):
                yield f"{short} {text}", style
