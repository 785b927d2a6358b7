"""How long a training would take, from how fast a similar one went. Pure functions: the form asks at every key.

The time of a step goes about as its multiply-adds (sizing.multiply_adds_per_token), so a rate is carried over to a
network of another size by their ratio. That is a guess between sizes far apart, and the nearest rate is taken.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rnnbench import sizing
from rnnbench.config import RunConfig
from rnnbench.runs.narration import duration
from rnnbench.tui.words import tr


@dataclass(frozen=True)
class Kind:
    """What two trainings must have in common for the speed of one to tell that of the other."""

    task: str
    cell: str
    implementation: str
    device: str
    precision: str

    @classmethod
    def of(cls, config: RunConfig) -> "Kind":
        """The kind of a configuration, as it was written: auto is like auto."""
        model, machine = config.model, config.machine
        return cls(model.task, model.cell, model.implementation, machine.device, machine.precision)


@dataclass(frozen=True)
class Rate:
    """Tokens a second of a training with so many multiply-adds for each token. `run` is empty where it was measured.

    Of pairs, whose lengths differ, the tokens of a step and the steps of an epoch are known only to who made them.
    """

    kind: Kind
    batch_size: int
    multiply_adds: int
    tokens_per_second: float
    run: str = ""
    tokens_per_step: int = 0
    steps_per_epoch: int = 0

    def scaled(self, multiply_adds: int) -> float:
        """Tokens a second with so many multiply-adds instead."""
        return self.tokens_per_second * self.multiply_adds / max(multiply_adds, 1)


@dataclass(frozen=True)
class Work:
    """What a budget is counted in: tokens of an update, and of a pass over the training text."""

    tokens_per_update: int
    tokens_per_epoch: int


@dataclass(frozen=True)
class Expectation:
    """What a budget comes to. `by_clock`: the minutes end it."""

    seconds: float
    updates: int
    epochs: float
    by_clock: bool


def nearest(rates: Iterable[Rate], config: RunConfig, multiply_adds: int) -> Rate | None:
    """The rate of the most similar training; the first of several that are alike."""
    kind, batch = Kind.of(config), config.training.batch_size
    alike = [rate for rate in rates if rate.kind == kind and rate.tokens_per_second > 0 and rate.multiply_adds > 0]
    return min(alike, key=lambda rate: _distance(rate, multiply_adds, batch), default=None)


def _distance(rate: Rate, multiply_adds: int, batch: int) -> float:
    return abs(math.log(rate.multiply_adds / max(multiply_adds, 1))) + abs(math.log(rate.batch_size / batch))


def work_of(config: RunConfig, train_tokens: int) -> Work:
    """The work in a training text of so many tokens; not for pairs."""
    training = config.training
    per_batch = training.batch_size * training.steps_per_sequence
    tokens = train_tokens
    if training.batches == "windows" and config.model.task == "language_model":
        windows = max(train_tokens - training.steps_per_sequence, 0) // training.stride
        tokens = windows * training.steps_per_sequence
    return Work(per_batch * training.accumulate, max(tokens, per_batch))


def work_of_pairs(config: RunConfig, rate: Rate) -> Work:
    """The work in the pairs that a rate was measured on."""
    return Work(rate.tokens_per_step * config.training.accumulate, rate.tokens_per_step * rate.steps_per_epoch)


def expect(config: RunConfig, work: Work, tokens_per_second: float) -> Expectation:
    """What the budget comes to at that speed: whatever ends first, steps, epochs or the clock."""
    training = config.training
    tokens = [training.max_steps * work.tokens_per_update] if training.max_steps else []
    tokens += [training.epochs * work.tokens_per_epoch] if training.epochs else []
    limits = [training.minutes * 60 * tokens_per_second] if training.minutes else []
    most = min(tokens + limits)
    return Expectation(
        seconds=most / tokens_per_second,
        updates=max(round(most / work.tokens_per_update), 1),
        epochs=most / work.tokens_per_epoch,
        by_clock=bool(limits) and most == limits[0],
    )


def said(expected: Expectation, rate: Rate) -> str:
    """An expectation as a person says it."""
    values = {
        "steps": _steps(_rounded(expected.updates)),
        "epochs": _epochs(expected.epochs),
        "time": _about(expected.seconds),
        "source": tr("run {name}", name=rate.run) if rate.run else tr("measured"),
    }
    if expected.by_clock:
        return tr("about {steps}, {epochs} in {time} ({source})", **values)
    return tr("about {time}: {steps}, {epochs} ({source})", **values)


def _steps(count: int) -> str:
    return tr("1 step") if count == 1 else tr("{count} steps", count=f"{count:,}")


def _epochs(count: float) -> str:
    shown = f"{count:,.0f}" if count >= 10 else f"{count:.2g}"
    return tr("1 epoch") if shown == "1" else tr("{count} epochs", count=shown)


def _rounded(count: int) -> int:
    """Two digits of a guess are enough, and more would be read as knowledge."""
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return round(count / unit) * unit


def _about(seconds: float) -> str:
    """A time as it can be known: whole minutes above ten of them."""
    return duration(round(seconds / 60) * 60 if seconds >= 600 else seconds).replace(" 00 s", "")


def multiply_adds(config: RunConfig, vocabulary: int) -> int:
    """Of one forward pass for one token."""
    return sizing.multiply_adds_per_token(config.model, vocabulary)
