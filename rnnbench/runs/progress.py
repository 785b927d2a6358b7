"""Where a run stands: a pure fold over its events, shared by every view, so that no two can disagree."""

import bisect
import math
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rnnbench.metrics import LossReducer
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

RUNNING_WINDOW = 50
KEPT_WARNINGS = 1000  # the last ones: a run that warns at every step is not kept in memory twice
_GOING_ON = (RunPaused, RunContinued, RunStarted, RunResumed, Prepared, StepDone, RunFinished)  # or waiting


@dataclass
class Curve:
    """Values over steps, in order.

    Of the training seconds at each point only those are kept that an event told; the points of one event lie evenly
    between them.
    """

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    _told_at: "array[int]" = field(default_factory=lambda: array("q"))  # of each told time, how many points it covers
    _told: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, step: int, value: float, elapsed: float) -> None:
        """Append one point."""
        self.extend((step,), (value,), elapsed)

    def extend(self, steps: Iterable[int], values: Sequence[float], elapsed: float) -> None:
        """Append points, as many values as steps; the last of them is reached after so many seconds."""
        self.steps.extend(array("q", steps))  # all of them, or none where one does not fit
        self.values.extend(array("d", values))
        if values:
            self._told_at.append(len(self.steps))
            self._told.append(elapsed)

    def elapsed(self, place: int) -> float:
        """Training seconds at the point of that place, counted from 0."""
        told = bisect.bisect_right(self._told_at, place)
        first, before = (self._told_at[told - 1], self._told[told - 1]) if told else (0, 0.0)
        return before + (self._told[told] - before) * (place + 1 - first) / (self._told_at[told] - first)

    def drop_beyond(self, step: int) -> None:
        """Forget the points after `step`."""
        keep = bisect.bisect_right(self.steps, step)
        if keep == len(self.steps):
            return
        last = self.elapsed(keep - 1) if keep else 0.0
        covered = bisect.bisect_left(self._told_at, keep)
        for column in (self._told_at, self._told):
            del column[covered:]
        for points in (self.steps, self.values):
            del points[keep:]
        if keep:
            self._told_at.append(keep)
            self._told.append(last)


@dataclass
class RunProgress:
    """The state of a run as its events tell it. Losses are in nats."""

    started: RunStarted | None = None
    preparing: Prepared | None = None
    last_step: StepDone | None = None
    finished: RunFinished | None = None
    paused: bool = False
    step: int = 0
    train: Curve = field(default_factory=Curve)
    validation: Curve = field(default_factory=Curve)
    evaluations: list[EvaluationDone] = field(default_factory=list)
    samples: list[SampleDrawn] = field(default_factory=list)
    checkpoints: list[CheckpointSaved] = field(default_factory=list)
    warnings: deque[Warned] = field(default_factory=lambda: deque(maxlen=KEPT_WARNINGS))
    settings: list[SettingChanged] = field(default_factory=list)
    resumed_at: list[int] = field(default_factory=list)
    last_event_at: float = 0.0

    def apply(self, event: Event) -> None:
        """Take one event into account."""
        self.last_event_at = max(self.last_event_at, event.at)
        if isinstance(event, _GOING_ON):
            self.paused = isinstance(event, RunPaused)
        match event:
            case RunStarted():
                self.started, self.finished = event, None
            case Prepared():
                self.preparing = event
            case StepDone():
                self._apply_step(event)
            case EvaluationDone():
                self._apply_evaluation(event)
            case SampleDrawn():
                self.samples.append(event)
            case CheckpointSaved():
                self.checkpoints.append(event)
                self.step = max(self.step, event.step)  # it may stand between two recorded losses
            case Warned():
                self.warnings.append(event)
            case SettingChanged():
                self.settings.append(event)
            case RunResumed():
                self._go_back_to(event.step)
            case RunFinished():
                self.finished = event
            case _:
                pass

    def _apply_step(self, event: StepDone) -> None:
        stride = max(self.started.steps_per_loss, 1) if self.started else 1
        first = event.step - (len(event.losses_nats) - 1) * stride
        if min(first, event.step) < 0:
            return  # nobody made such steps, and they need not fit into a curve
        self.train.extend(range(first, event.step + 1, stride), event.losses_nats, event.elapsed_seconds)
        self.finished, self.preparing = None, None
        self.last_step, self.step = event, event.step

    def _apply_evaluation(self, event: EvaluationDone) -> None:
        self._drop_repeated(event)
        self.evaluations.append(event)
        if event.split == "validation":
            self.validation.add(event.step, event.loss_nats, self.elapsed_seconds)

    def _drop_repeated(self, event: EvaluationDone) -> None:
        """A run that ended before it could save an evaluation takes it again at the same step when it is resumed."""
        kept = [other for other in self.evaluations if (other.step, other.split) != (event.step, event.split)]
        if len(kept) < len(self.evaluations) and event.split == "validation":
            self.validation.drop_beyond(event.step - 1)
            self.samples = [sample for sample in self.samples if sample.step != event.step]
        self.evaluations = kept

    def _go_back_to(self, step: int) -> None:
        """A resumed run repeats the steps after its checkpoint: the history shows each step once."""
        self.step, self.finished = step, None
        self.train.drop_beyond(step)
        self.validation.drop_beyond(step)
        self.evaluations = [event for event in self.evaluations if event.step <= step]
        self.samples = [event for event in self.samples if event.step <= step]
        self.checkpoints = [event for event in self.checkpoints if event.step <= step]
        self.settings = [event for event in self.settings if event.step <= step]
        if self.last_step and self.last_step.step > step:
            self.last_step = None
        self.resumed_at.append(step)

    @property
    def task(self) -> str:
        """What the model predicts; empty before the run has said it."""
        return self.started.task if self.started else ""

    @property
    def running_loss_nats(self) -> float | None:
        """Mean training loss of the last steps, with weights that were moving; None before the first step."""
        recent = self.train.values[-RUNNING_WINDOW:]
        reducer = LossReducer()
        for loss in recent:
            reducer.add(loss, 1)
        return reducer.loss_nats if recent else None

    @property
    def latest(self) -> EvaluationDone | None:
        """The last validation."""
        return next((event for event in reversed(self.evaluations) if event.split == "validation"), None)

    @property
    def best(self) -> EvaluationDone | None:
        """The validation with the lowest loss."""
        found = [event for event in self.evaluations if event.split == "validation"]
        return min(found, key=lambda event: event.loss_nats, default=None)

    @property
    def frozen(self) -> EvaluationDone | None:
        """The last score of training text with the weights of a validation."""
        return next((event for event in reversed(self.evaluations) if event.split == "train"), None)

    @property
    def test(self) -> EvaluationDone | None:
        """The score on the test split, taken once, at the end."""
        return next((event for event in reversed(self.evaluations) if event.split == "test"), None)

    @property
    def elapsed_seconds(self) -> float:
        """Seconds of training so far, over all resumes."""
        if self.last_step:
            return self.last_step.elapsed_seconds
        return self.train.elapsed(len(self.train) - 1) if self.train else 0.0  # resumed, and no step made since

    @property
    def tokens_per_second(self) -> float | None:
        """Training tokens per second of wall clock, as last reported; None while it waits."""
        return self.last_step.tokens_per_second if self.last_step and not self.paused else None

    @property
    def epoch(self) -> float:
        """Passes over the training text."""
        return self.last_step.epoch if self.last_step else 0.0

    @property
    def fraction_done(self) -> float | None:
        """How much of the budget is used, by steps or by the clock, whichever is nearer its end."""
        if self.started is None:
            return None
        if self.finished is not None and self.finished.reason == "finished":
            return 1.0  # a clock leaves room for the last scores, and early stopping for nothing
        parts = []
        if self.started.planned_steps:
            parts.append(self.step / self.started.planned_steps)
        if self.started.planned_seconds:
            parts.append(self.elapsed_seconds / self.started.planned_seconds)
        return min(max(parts), 1.0) if parts else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the budget is used, at the pace so far; None before there is one, and while it waits."""
        done = self.fraction_done
        if not done or not self.elapsed_seconds or self.paused:
            return None
        left = self.elapsed_seconds * (1 - done) / done
        return left if math.isfinite(left) else None

    @property
    def diverged_at(self) -> int | None:
        """The step at which a run failed because its loss was not finite any more."""
        failed = self.finished if self.finished and self.finished.reason == "failed" else None
        return failed.step if failed and "finite" in failed.message else None


def fold(events: Iterable[Event]) -> RunProgress:
    """The progress after all the events."""
    progress = RunProgress()
    for event in events:
        progress.apply(event)
    return progress
