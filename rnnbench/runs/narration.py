"""One event as one plain line: the headless log, `runs show --follow` and the live log all read alike."""

import math
from collections.abc import Iterable, Iterator

from rnnbench.metrics import perplexity
from rnnbench.runs.events import (
    CheckpointSaved,
    EvaluationDone,
    Event,
    Prepared,
    RunContinued,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    SampleDrawn,
    SettingChanged,
    StepDone,
    Warned,
)
from rnnbench.runs.figures import (
    CLOZE,
    SEQ2SEQ,
    baselines_text,
    figure,
    figure_texts,
    long_perplexity_name,
    perplexity_name,
    score_text,
)
from rnnbench.visible import LINE_END, visible

_LINES_PER_RUN = 30
_LONGEST_INTERVAL = 100
_SAMPLE_CHARACTERS = 4000
_LONGEST_SECONDS = 1e13  # 300,000 years: no clock told more
TOKEN_PHASES = ("counting tokens", "writing ids")


def round_number(value: float) -> int:
    """The largest of 1, 2, 5, 10, 20, 50 ... that is not above `value`; at least 1."""
    scale = 1
    while scale * 10 <= value:
        scale *= 10
    return max((step * scale for step in (1, 2, 5) if step * scale <= value), default=1)


def line_interval(planned_steps: int | None) -> int:
    """Steps between two lines of the log; the trainer reports at these steps, so that every figure is of that step."""
    return min(round_number((planned_steps or 10**9) / _LINES_PER_RUN), _LONGEST_INTERVAL)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 48 s, 3 min 05 s, 2 h 10 min; "?" for what is no time, such as infinity."""
    if not abs(seconds) <= _LONGEST_SECONDS:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def preparing_text(began: Prepared, now: Prepared) -> str:
    """A long phase as text: how much of it is done, at which rate, and the time left."""
    text = f"{now.phase}: {now.done / max(now.total, 1):.0%}"
    seconds, done = now.at - began.at, now.done - began.done
    if seconds <= 0 or done <= 0:
        return text
    unit = "tokens" if now.phase in TOKEN_PHASES else "bytes"
    left = (now.total - now.done) * seconds / done
    return f"{text}, {done / seconds / 1e6:.1f} M{unit}/s, {duration(left)} left"


class Narrator:
    """Turns events into lines. Step lines come at round steps, so two equal runs tell equal stories."""

    def __init__(self, every_steps: int | None = None) -> None:
        self._chosen = every_steps
        self._every = every_steps or _LONGEST_INTERVAL
        self._stride = 1
        self._epoch = 1
        self._planned: int | None = None
        self._task = ""
        self._losses: list[float] = []
        self._phase = Prepared(phase="", done=0, total=0)
        self._tenth = 0

    def tell(self, event: Event) -> list[str]:
        """The lines for one event; often none, for a StepDone sometimes several. No line acts on a terminal."""
        return [visible(line) for line in self._lines(event)]

    def _lines(self, event: Event) -> list[str]:
        match event:
            case Prepared():
                return self._preparing(event)
            case RunStarted():
                return self._started(event)
            case StepDone():
                return list(self._steps(event))
            case EvaluationDone():
                return [self._evaluated(event)]
            case RunResumed(step=step, exact=exact):
                self._losses = []
                inexact = "" if exact else " (not exact: machine, threads, processes or learning rate differ)"
                return [f"resumed at step {step}{inexact}"]
            case _:
                return _plain(event, self._task)

    def _preparing(self, event: Prepared) -> list[str]:
        """A line when a phase begins, and one for every tenth of it that took a while."""
        tenth = event.done * 10 // max(event.total, 1)
        if event.phase != self._phase.phase:
            self._phase, self._tenth = event, tenth
            return [f"{event.phase} ..."]
        if tenth == self._tenth:
            return []
        self._tenth = tenth
        return [preparing_text(self._phase, event)]

    def _started(self, event: RunStarted) -> list[str]:
        self._stride, self._planned = max(event.steps_per_loss, 1), event.planned_steps
        self._every = max(self._chosen or line_interval(event.planned_steps), self._stride)
        self._epoch, self._task = max(event.steps_per_epoch, 1), event.task
        budget = [f"{event.planned_steps:,} steps"] if event.planned_steps else []
        budget += [duration(event.planned_seconds)] if event.planned_seconds else []
        counted = "perplexity" if event.task == CLOZE else long_perplexity_name(event.task)  # counting reads one side
        return [
            f"{event.parameters:,} parameters ({event.implementation}) on {event.device}, {event.threads} "
            f"{'thread' if event.threads == 1 else 'threads'}, "
            f"{_unusual(event.precision)}for {' or '.join(budget)}; {event.steps_per_epoch:,} steps an epoch",
            f"text: {event.corpus_characters:,} characters, {event.corpus_tokens:,} tokens, vocabulary "
            f"{event.vocabulary_size:,}; {counted} on validation of {self._counted(event)}",
            *([f"the text was changed before training: {event.lossy} (lossy)"] if event.lossy else []),
            *([f"{event.replaced_characters:,} characters replaced"] if event.replaced_characters else []),
        ]

    def _counted(self, event: RunStarted) -> str:
        return baselines_text(event.uniform_loss_nats, event.unigram_loss_nats, event.ngram_loss_nats, event.task)

    def _steps(self, event: StepDone) -> Iterator[str]:
        count, told = len(event.losses_nats), 0
        while told < count:
            step = event.step - (count - 1 - told) * self._stride
            past = step % self._every  # the round step that is next to be told lies so many losses on
            index = told + (-(-(self._every - past) // self._stride) if past >= self._stride else 0)
            self._losses += event.losses_nats[told : index + 1]
            if index < count:
                yield self._step_line(event.step - (count - 1 - index) * self._stride, event)
                self._losses = []
            told = index + 1

    def _step_line(self, step: int, event: StepDone) -> str:
        loss = _sum(self._losses) / len(self._losses)
        epoch = event.epoch if step == event.step else step / self._epoch
        of = f"/{self._planned}" if self._planned else ""
        return (
            f"step {step}{of}  epoch {epoch:.2f}  loss {loss:.4f} nats  "
            f"{perplexity_name(self._task)} {figure(perplexity(loss))} (running)  lr {event.learning_rate:.3g}  "
            f"|g| {event.gradient_norm:.3g}  {event.tokens_per_second:,.0f} tokens/s"
        )

    def _evaluated(self, event: EvaluationDone) -> str:
        score = event.score
        covered = "" if score.coverage >= 1 else f"  coverage {score.coverage:.1%}"
        best = "  best so far" if event.best else ""
        unknown = f"  unknown {score.out_of_vocabulary_rate:.2%}" if score.unknown_tokens else ""
        figures = "".join(f"  {text}" for text in figure_texts(event.figures))
        split = "train (frozen weights)" if event.split == "train" else event.split
        return f"{split} at step {event.step}: {score_text(score, self._task)}{figures}{unknown}{covered}{best}"


def _sum(losses: list[float]) -> float:
    """The same however the events were cut; infinite where it does not fit into a double."""
    try:
        return math.fsum(losses)
    except OverflowError:
        return sum(losses)


def last_lines(started: Event | None, ending: Iterable[Event]) -> list[str]:
    """What the end of a log says, word for word as a `Narrator` tells it that has read all of the log.

    `started` is the last start of the run before `ending`, without which nothing is told; between them there may be
    any number of events.
    """
    narrator, lines, sure, phase = Narrator(), list[str](), False, ""
    if started is not None:
        narrator.tell(started)
    for event in ending:
        told = narrator.tell(event)
        if isinstance(event, RunStarted):
            started = event
        if isinstance(event, Prepared) and event.done and not lines:
            phase = event.phase  # began before: how long ago is not known
        if isinstance(event, StepDone) and told and not sure:
            lines, sure = [], True  # a mean of losses that were not all read
        elif started is not None and not (isinstance(event, Prepared) and event.phase == phase):
            lines += told
        sure = sure or isinstance(event, RunResumed)
    return lines


def _unusual(precision: str) -> str:
    """The precision where it is worth a word."""
    return "" if precision == "float32" else f"{precision}, "


def _stood(event: CheckpointSaved | RunPaused | RunContinued) -> str:
    """What a run did without making a step."""
    match event:
        case RunPaused(step=step):
            return f"paused at step {step}, saved"
        case RunContinued(step=step):
            return f"goes on from step {step}"
        case CheckpointSaved(step=step, best=best, bytes=size):
            return f"checkpoint at step {step}: {size / 1e6:.1f} MB{', best' if best else ''}"


def _plain(event: Event, task: str) -> list[str]:
    match event:
        case SampleDrawn(step=step, prompt=prompt, text=text):
            if task in (CLOZE, SEQ2SEQ):  # a filled text, or an answer, does not go on from its prompt
                text = f" -> {text.lstrip()}"
            written = (prompt + text).replace("\n", LINE_END)
            return [f"sample at step {step}: {visible(written, limit=_SAMPLE_CHARACTERS)}"]
        case CheckpointSaved() | RunPaused() | RunContinued():
            return [_stood(event)]
        case Warned(message=message):
            return [f"warning: {visible(message)}"]
        case SettingChanged(step=step, name=name, value=value):
            return [f"{visible(name)} is now {visible(value)}, from step {step}"]
        case RunFinished(reason=reason, step=step, elapsed_seconds=elapsed, message=message):
            text = f"{reason} at step {step} after {duration(elapsed)} of training"
            return [f"{text}: {visible(message)}" if message else text]
        case _:
            return []
