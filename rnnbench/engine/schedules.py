"""The learning rate of a step: a pure function of the step, the share of the budget used, and the drops so far."""

import math

from rnnbench.config import TrainingConfig

_CYCLE_START = 1 / 25  # one_cycle begins at this share of the rate, and is at its top after this share of the budget;
_CYCLE_RISE = 0.3  # both are the usual values of Smith and Topin's method


def learning_rate(training: TrainingConfig, step: int, fraction_done: float, drops: int = 0) -> float:
    """The rate of a step counted from 0: what the schedule says, times a linear warm-up over `warmup_steps`.

    `fraction_done` is the share of the budget used, by steps or by the clock; `drops` counts those of `plateau`.
    """
    rate = training.learning_rate
    if training.schedule != "constant":
        rate *= _share(training, min(max(fraction_done, 0.0), 1.0), drops)
    if step < training.warmup_steps:
        rate *= (step + 1) / training.warmup_steps
    return rate


def _share(training: TrainingConfig, done: float, drops: int) -> float:
    """What the schedule multiplies the rate with, `done` of the budget being used."""
    match training.schedule:
        case "step":
            return math.pow(training.drop_factor, min(int(done * (training.drops + 1)), training.drops))
        case "exponential":
            return math.pow(training.final_share, done)
        case "cosine":  # Loshchilov and Hutter (2017), without restarts; an end at zero would waste the last steps
            return _half_wave(1.0, training.final_share, done)
        case "one_cycle":  # Smith and Topin (2018), with cosines for its lines; the momentum stays as it is
            if done < _CYCLE_RISE:
                return _half_wave(_CYCLE_START, 1.0, done / _CYCLE_RISE)
            return _half_wave(1.0, training.final_share, (done - _CYCLE_RISE) / (1 - _CYCLE_RISE))
        case _:
            return math.pow(training.drop_factor, drops)


def _half_wave(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine, level at both."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))
