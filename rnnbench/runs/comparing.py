"""What runs are compared by: their figures, their validation curves, and the settings in which they differ."""

import contextlib
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rnnbench import config as configuration
from rnnbench.config import RunConfig, as_written, value_of
from rnnbench.errors import RnnbenchError
from rnnbench.metrics import Score
from rnnbench.runs.events import EvaluationDone, RunStarted, SettingChanged
from rnnbench.runs.figures import CLOZE, bits_per_character, figure
from rnnbench.runs.narration import duration
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.settings import CHANGEABLE
from rnnbench.runs.store import Run

OTHER_TEXTS = "the texts or their tokens differ: compare bits/character, and those only on the same text"
UNKNOWN = "-"
_NO_TOKENS = ("corpus.file", "corpus.encoding", "corpus.errors", "corpus.maximum_gigabytes")
"""Settings that say how a text is found and read, not what is in it."""


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
    """A run as it is at one moment; a snapshot, so that it may cross threads. No configuration: it was unreadable.

    `started` is None before it has begun; `changes` are those of its settings while it was going, in order.
    """

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
    started: RunStarted | None = None
    changes: tuple[SettingChanged, ...] = ()


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
        started=started,
        changes=tuple(progress.settings),
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
    """A row for each setting in which the runs are not all the same; "-" for a run that does not tell its settings.

    A setting that was changed while a run was going tells what it was, what it is and since when.
    """
    configs = [run.config for run in runs if run.config]
    differing = configuration.differences(configs)
    changed = {event.name for run in runs for event in run.changes}
    for key in (f"training.{name}" for name in CHANGEABLE):
        if key in changed and key not in differing:
            differing[key] = [as_written(value_of(config, key)) for config in configs]
    rows = []
    for key, values in differing.items():
        left = iter(values)
        texts = tuple(_course(setting_text(next(left)), key, run) if run.config else UNKNOWN for run in runs)
        rows += [Row(key, texts)] if len(set(texts)) > 1 else []
    return rows


def _course(begun: str, key: str, run: Compared) -> str:
    """A setting of a run, from what it was begun with to what it is."""
    changes = [event for event in run.changes if event.name == key]
    if not changes:
        return begun
    last = changes[-1]
    more = f", last of {len(changes)} changes" if len(changes) > 1 else ""
    return f"{begun}, then {last.value} (step {last.step:,}{more})"


def texts_differ(runs: Iterable[Compared]) -> bool:
    """Whether the runs' perplexities count different tokens."""
    return any(_count_different(one, other) for one, other in itertools.combinations(runs, 2))


def _count_different(one: Compared, other: Compared) -> bool:
    """By what they have read; by their settings too where that is not known exactly, as of older runs."""
    if one.started and other.started:
        if one.started.tokens_digest and other.started.tokens_digest:
            return one.started.tokens_digest != other.started.tokens_digest
        if _read(one.started) != _read(other.started):
            return True
    elif one.config and other.config and _file(one.config) != _file(other.config):
        return True
    differing = configuration.differences(run.config for run in (one, other) if run.config)
    return any(key.startswith(("corpus.", "text.")) and key not in _NO_TOKENS for key in differing)


def _read(started: RunStarted) -> tuple[object, ...]:
    """What a run told of its text when it began."""
    sizes = started.corpus_characters, started.corpus_tokens, started.vocabulary_size, started.validation_tokens
    return started.corpus_digest, started.encoding, started.lossy, started.replaced_characters, *sizes


def _file(config: RunConfig) -> str:
    """A text by the name under which a workspace knows it."""
    return PurePath(config.corpus.file).stem


def setting_text(value: Any) -> str:
    """A setting as it is written in a file of settings, without its quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def whole(value: float | None) -> str:
    """A count, its thousands apart."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def _decimals(value: float | None, places: int) -> str:
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.{places}f}"
