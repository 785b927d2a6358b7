"""When a run is scored: at steps that the configuration alone decides, so that equal runs have equal histories."""

import math

from rnnbench.config import EvaluationConfig
from rnnbench.runs import narration

_INTERVALS = 10  # of a run, where the configuration does not say
_EARLY = (2, 4, 8)  # the first interval is divided, so that the first minutes show more than the untrained network
_FEWEST_BETWEEN = 5  # steps between two evaluations that nobody asked for
_LONGEST_BETWEEN = 120.0  # seconds between two evaluations of a run that only the clock ends
_EVALUATION_SHARE = 20  # evaluations take at most a twentieth of such a run


def decided_by_steps(evaluation: EvaluationConfig, planned_steps: int | None) -> bool:
    """Whether `is_due` answers; else only the clock ends the run, and `seconds_until_next` does."""
    chosen = evaluation.every_steps is not None or evaluation.every_epochs is not None
    return chosen or planned_steps is not None


def is_due(step: int, evaluation: EvaluationConfig, planned_steps: int | None, steps_per_epoch: int) -> bool:
    """Whether a run is scored before its update `step`, counted from 0."""
    every, epochs = evaluation.every_steps, evaluation.every_epochs
    if every is None and epochs is None:
        return planned_steps is not None and _is_chosen(step, planned_steps)
    by_steps = every is not None and step % every == 0
    return by_steps or (epochs is not None and _is_multiple(step, epochs * steps_per_epoch))


def _is_chosen(step: int, planned_steps: int) -> bool:
    every = max(narration.round_number(planned_steps / _INTERVALS), _FEWEST_BETWEEN)
    early = (narration.round_number(every / part) for part in _EARLY)
    return step % every == 0 or (step >= _FEWEST_BETWEEN and step in early)


def _is_multiple(step: int, spacing: float) -> bool:
    """Whether some multiple of `spacing` steps, rounded, is this step."""
    return spacing <= 1 or math.floor(round(step / spacing) * spacing + 0.5) == step


def seconds_until_next(budget_seconds: float, elapsed_seconds: float, evaluation_seconds: float) -> float:
    """How long a run that only the clock ends trains before it is scored again: at first as long as it has trained."""
    full = min(budget_seconds / _INTERVALS, _LONGEST_BETWEEN)
    early = min(max(elapsed_seconds, full / max(_EARLY)), full)
    return max(early, evaluation_seconds * _EVALUATION_SHARE)
