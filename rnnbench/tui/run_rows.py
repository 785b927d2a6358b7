"""What the list of runs says about one run: the figures as numbers, to be sorted, and the texts made of them."""

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path

from rnnbench.errors import RnnbenchError
from rnnbench.metrics import perplexity
from rnnbench.runs.figures import CLOZE, bits_per_character, figure
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.skimming import skim
from rnnbench.runs.store import CRASHED, Run
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible

# The least short is last. A cloze model's pseudo-perplexity shares no column with perplexities.
NAME, STATE, STEP, PERPLEXITY = later("name"), later("state"), later("step"), later("perplexity")
BITS, AGE, TAGS, MODEL = later("bits/char"), later("age"), later("tags"), later("model")
PSEUDO, CORPUS = later("pseudo-ppl"), later("corpus")
COLUMNS = (NAME, STATE, STEP, PERPLEXITY, BITS, AGE, TAGS, MODEL, CORPUS, PSEUDO)
NUMBERS = frozenset({STEP, PERPLEXITY, BITS, AGE, PSEUDO})
UNKNOWN = "-"
_CELL_CHARACTERS = 64
_AGES = ((later("{count} d"), 86400), (later("{count} h"), 3600), (later("{count} min"), 60))


@dataclass(frozen=True)
class RunRow:
    """A run at one moment. `changed` and `started` are seconds since 1970, 0 when nothing tells them.

    Figures of the best validation: the loss in nats a token, and bits per character. `message` are the last words of a
    run that ended badly, `changes` the settings that were changed on the way, each as it is now: a setting, its value
    and the step, with blanks between them.
    """

    name: str
    state: str = CRASHED
    corpus: str = UNKNOWN
    model: str = UNKNOWN
    task: str = ""
    step: int = 0
    best_loss_nats: float | None = None
    bits: float | None = None
    changed: float = 0.0
    started: float = 0.0
    elapsed_seconds: float = 0.0
    seed: int | None = None
    message: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    changes: tuple[str, ...] = ()

    @property
    def perplexity(self) -> float | None:
        """That of the best validation; a cloze model has none."""
        return None if self.best_loss_nats is None or self.task == CLOZE else perplexity(self.best_loss_nats)

    @property
    def pseudo_perplexity(self) -> float | None:
        """That of the best validation of a cloze model."""
        return perplexity(self.best_loss_nats) if self.best_loss_nats is not None and self.task == CLOZE else None

    def cells(self, now: float) -> tuple[str, ...]:
        """The row's texts in the order of COLUMNS, safe to show."""
        texts = (
            self.name,
            self.state,
            f"{self.step:,}",
            _figure(self.perplexity),
            f"{self.bits:.3f}" if self.bits is not None else UNKNOWN,
            age(now, self.changed),
            " ".join(self.tags) or UNKNOWN,
            self.model,
            self.corpus,
            _figure(self.pseudo_perplexity),
        )
        return tuple(visible(text, limit=_CELL_CHARACTERS) for text in texts)


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else figure(value)


def age(now: float, then: float) -> str:
    """How long ago, in one unit."""
    seconds = max(now - then, 0)
    for words, size in _AGES:
        if seconds >= size:
            return tr(words, count=f"{seconds / size:.0f}")
    return tr("now")


def read_row(run: Run) -> RunRow:
    """One run without its tags and note; what cannot be read is left open."""
    corpus = model = UNKNOWN
    seed, task = None, ""
    with contextlib.suppress(RnnbenchError, OSError):
        config = run.config()
        corpus = Path(config.corpus.file).name
        model = config.model.in_short
        seed, task = config.training.seed, config.model.task
    progress = skim(run.events_file)
    best = progress.best.score if progress.best else None
    bits = bits_per_character(best, progress.task) if best else None
    return RunRow(
        name=run.name,
        state=run.state(progress),
        corpus=corpus,
        model=model,
        task=progress.task or task,
        step=progress.step,
        best_loss_nats=best.loss_nats if best else None,
        bits=bits if bits is not None and math.isfinite(bits) else None,
        changed=progress.last_event_at or _created(run),
        started=_created(run),
        elapsed_seconds=progress.elapsed_seconds,
        seed=seed,
        message=progress.finished.message[:2000] if progress.finished else "",
        changes=_changes(progress),
    )


def _changes(progress: RunProgress) -> tuple[str, ...]:
    last = {event.name: event for event in progress.settings}
    return tuple(f"{event.name} {event.value} {event.step}" for event in last.values())


def _created(run: Run) -> float:
    """When the run's configuration, or else its folder, was written; neither is touched again by training."""
    for path in (run.config_file, run.folder):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0
