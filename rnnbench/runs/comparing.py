"""What runs are compared by: their figures, their validation curves, and the settings in which they differ."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnnbench import config as configuration
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.metrics import Score
from rnnbench.runs.events import EvaluationDone
from rnnbench.runs.figures import CLOZE, bits_per_character, figure
from rnnbench.runs.narration import duration
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.store import Run

OTHER_TEXTS = "the texts or their tokens differ: compare bits/character, and those only on the same text"
UNKNOWN = "-"


@dataclass(frozen=True)
class Point:
    """One validation: training steps, tokens and seconds so far, and what it found; the perplexity of a cloze run is
    a pseudo-perplexity, which comes without bits per character."""

    step: int
    tokens: int
    seconds: float
    perplexity: float
    bits_per_character: float | None


@dataclass(frozen=True)
class Compared:
    """A run as it is at one moment; a snapshot, so that it may cross threads. No configuration: it was unreadable."""

    name: str
    state: str
    task: str
    step: int
    parameters: int | None
    best: EvaluationDone | None
    test: EvaluationDone | None
    tokens_per_second: float | None
    elapsed_seconds: float
    points: tuple[Point, ...]
    config: RunConfig | None


@dataclass(frozen=True)
class ScoreTexts:
    """A score as texts, "-" for what there is not: a score has a perplexity or a pseudo-perplexity, never both."""

    perplexity: str = UNKNOWN
    pseudo_perplexity: str = UNKNOWN
    bits_per_character: str = UNKNOWN
    loss_nats: str = UNKNOWN
    step: str = UNKNOWN


@dataclass(frozen=True)
class Row:
    """Something of every run, in the order of the runs."""

    label: str
    texts: tuple[str, ...]


def compared(run: Run, progress: RunProgress, state: str, config: RunConfig | None) -> Compared:
    """What a run brings to a comparison."""
    started, task = progress.started, progress.task
    return Compared(
        name=run.name,
        state=state,
        task=task or (config.model.task if config else ""),
        step=progress.step,
        parameters=started.parameters if started else None,
        best=progress.best,
        test=progress.test,
        tokens_per_second=progress.tokens_per_second,
        elapsed_seconds=progress.elapsed_seconds,
        points=_points(progress),
        config=config,
    )


def read(run: Run) -> Compared:
    """The same, from the disk. A run whose configuration cannot be read is compared without its settings."""
    progress = run.progress()
    return compared(run, progress, run.state(progress), readable_config(run))


def readable_config(run: Run) -> RunConfig | None:
    """The run's configuration, if it can be read."""
    with contextlib.suppress(RnnbenchError, OSError):
        return run.config()
    return None


def _points(progress: RunProgress) -> tuple[Point, ...]:
    """The validation curve. Its seconds never go back, whatever a resumed run's clock said."""
    tokens_per_step = progress.started.tokens_per_step if progress.started else 0
    validation = progress.validation
    elapsed = {step: validation.elapsed(place) for place, step in enumerate(validation.steps)}
    points: list[Point] = []
    seconds = 0.0
    for event in progress.evaluations:
        if event.split == "validation":
            score: Score = event.score
            seconds = max(seconds, elapsed.get(event.step, seconds))
            bits = bits_per_character(score, progress.task)
            points.append(Point(event.step, event.step * tokens_per_step, seconds, score.perplexity, bits))
    return tuple(points)


# -- as text -------------------------------------------------------------------------------------------------------


def score_texts(event: EvaluationDone | None, task: str) -> ScoreTexts:
    """A score as the tables show it; a figure that overflowed is none."""
    if event is None:
        return ScoreTexts()
    score = event.score
    shown = figure(score.perplexity) if math.isfinite(score.perplexity) else UNKNOWN
    return ScoreTexts(
        perplexity=UNKNOWN if task == CLOZE else shown,
        pseudo_perplexity=shown if task == CLOZE else UNKNOWN,
        bits_per_character=_decimals(bits_per_character(score, task), 3),
        loss_nats=_decimals(score.loss_nats, 4),
        step=f"{event.step:,}",
    )


def figure_rows(runs: Sequence[Compared]) -> list[Row]:
    """A row for each figure that at least one run has."""
    rows = [
        Row("state", tuple(run.state for run in runs)),
        Row("step", tuple(f"{run.step:,}" for run in runs)),
        Row("parameters", tuple(whole(run.parameters) for run in runs)),
    ]
    for label in ("best validation", "test"):
        scores = [score_texts(run.best if label == "best validation" else run.test, run.task) for run in runs]
        rows += [
            Row(f"{label} perplexity", tuple(score.perplexity for score in scores)),
            Row(f"{label} pseudo-perplexity", tuple(score.pseudo_perplexity for score in scores)),
            Row(f"{label} bits/character", tuple(score.bits_per_character for score in scores)),
            Row(f"{label} loss, nats", tuple(score.loss_nats for score in scores)),
        ]
    times = (duration(run.elapsed_seconds) if run.elapsed_seconds else UNKNOWN for run in runs)
    rows += [Row("tokens/s", tuple(whole(run.tokens_per_second) for run in runs)), Row("trained for", tuple(times))]
    return [row for row in rows if any(text != UNKNOWN for text in row.texts)]


def setting_rows(runs: Sequence[Compared]) -> list[Row]:
    """A row for each setting in which the runs are not all the same; "-" for a run that does not tell its settings."""
    differing = configuration.differences(run.config for run in runs if run.config)
    rows = []
    for key, values in differing.items():
        left = iter(values)
        rows.append(Row(key, tuple(setting_text(next(left)) if run.config else UNKNOWN for run in runs)))
    return rows


def texts_differ(settings: Sequence[Row]) -> bool:
    """Whether the runs' perplexities count different tokens."""
    return any(row.label.startswith(("corpus.", "text.")) for row in settings)


def setting_text(value: Any) -> str:
    """A setting as it is written in a file of settings, without its quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def whole(value: float | None) -> str:
    """A count, its thousands apart."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def _decimals(value: float | None, places: int) -> str:
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.{places}f}"
