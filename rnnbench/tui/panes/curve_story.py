"""What happened to a run on its way, for its curve: where it diverged, went back, was resumed; and when a step was."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from rnnbench.runs.narration import duration
from rnnbench.runs.progress import RunProgress
from rnnbench.tui.widgets.chart import BROKEN_STYLE, Mark
from rnnbench.tui.widgets.scale import step_text
from rnnbench.tui.words import tr

_WENT_BACK = re.compile(r"not finite at step (\d{1,18})\b.*; back to step (\d{1,18}), attempt", re.DOTALL)
"""A warning of the trainer about a loss that had no place in the log, which holds finite numbers only."""
_WARNING_STYLE, _RESUMED_STYLE = "bold $text-warning", "$text-accent"


def marks(progress: RunProgress) -> list[Mark]:
    """Signs for the axis of steps, later ones on top, and words for the last divergence."""
    return [*_resumed(progress), *_went_back(progress), *_diverged(progress)]


def _resumed(progress: RunProgress) -> Iterator[Mark]:
    for step in sorted(set(progress.resumed_at)):
        yield Mark(step, "↑", "^", _RESUMED_STYLE)


def _went_back(progress: RunProgress) -> Iterator[Mark]:
    """Divergences after which the run went on from an earlier checkpoint."""
    found = [match for warning in progress.warnings if (match := _WENT_BACK.search(warning.message))]
    told = progress.diverged_at is None
    for count, match in enumerate(found, 1):
        step, back = int(match[1]), int(match[2])
        words = _words(count, step, back) if told and count == len(found) else ""
        yield Mark(step, "✗", "x", _WARNING_STYLE, words)


def _words(count: int, step: int, back: int) -> str:
    if count == 1:
        return tr("diverged at step {step}, went back to {back}", step=step_text(step), back=step_text(back))
    return tr(
        "diverged {count} times, last at step {step}, went back to {back}",
        count=count,
        step=step_text(step),
        back=step_text(back),
    )


def _diverged(progress: RunProgress) -> Iterator[Mark]:
    step = progress.diverged_at
    if step is not None:
        yield Mark(step, "✗", "x", BROKEN_STYLE, tr("diverged at step {step}", step=step_text(step)))


def when(progress: RunProgress, step: float) -> str:
    """The epoch of a step, and how long the run had been trained by then."""
    parts = []
    if progress.started is not None and progress.started.steps_per_epoch:
        parts.append(tr("epoch {epoch}", epoch=f"{step / progress.started.steps_per_epoch:.2f}"))
    place = bisect_right(progress.train.steps, step)
    if place:
        parts.append(duration(progress.train.elapsed(place - 1)))
    return "  ".join(parts)
