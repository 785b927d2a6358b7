"""All runs as rows of a table. Reading costs a pass over each event log, so a log that did not change is not read."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from rnnbench import storage
from rnnbench.errors import RnnbenchError
from rnnbench.runs.figures import CLOZE, bits_per_character, figure
from rnnbench.runs.store import CRASHED, Run, RunStore
from rnnbench.visible import visible

# The least short is last. A cloze model's pseudo-perplexity shares no column with perplexities.
COLUMNS = ("name", "state", "step", "perplexity", "bits/char", "age", "model", "pseudo-ppl", "corpus")
_NAME_CHARACTERS = 40
_UNKNOWN = "-"

Signature = tuple[int, int, bool]


@dataclass(frozen=True)
class RunRow:
    """What the list of runs says about one."""

    name: str
    state: str = CRASHED
    corpus: str = _UNKNOWN
    model: str = _UNKNOWN
    step: str = _UNKNOWN
    best: str = _UNKNOWN
    pseudo: str = _UNKNOWN
    bits: str = _UNKNOWN
    changed: float = 0.0

    def cells(self, now: float) -> tuple[str, ...]:
        """The row's texts in the order of COLUMNS, safe to show."""
        passed = age(now, self.changed)
        texts = (self.name, self.state, self.step, self.best, self.bits, passed, self.model, self.pseudo, self.corpus)
        return tuple(visible(text, limit=_NAME_CHARACTERS) for text in texts)


def age(now: float, then: float) -> str:
    """How long ago, in one unit."""
    seconds = max(now - then, 0)
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return "now"


class RunReader:
    """Reads the rows, newest first; used by one thread at a time."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._known: dict[str, tuple[Signature, RunRow]] = {}

    def rows(self) -> list[RunRow]:
        """All runs as they are now."""
        runs = self._store.newest(1 << 30)
        self._known = {run.name: self._row(run) for run in runs}
        return [row for _, row in self._known.values()]

    def _row(self, run: Run) -> tuple[Signature, RunRow]:
        signature = _signature(run)
        known = self._known.get(run.name)
        return known if known and known[0] == signature else (signature, read_row(run))


def _signature(run: Run) -> Signature:
    size, changed = 0, 0
    with contextlib.suppress(OSError):
        status = run.events_file.stat()
        size, changed = status.st_size, status.st_mtime_ns
    return size, changed, storage.lock_is_held(run.lock_file)


def read_row(run: Run) -> RunRow:
    """One run; what cannot be read is left open."""
    corpus = model = _UNKNOWN
    with contextlib.suppress(RnnbenchError, OSError):
        config = run.config()
        corpus = Path(config.corpus.file).name
        layers = f" x {config.model.layers}" if config.model.layers > 1 else ""
        model = f"{config.model.cell} {config.model.hidden}{layers}"
    progress = run.progress()
    best = progress.best.score if progress.best else None
    bits = bits_per_character(best, progress.task) if best else None
    shown = figure(best.perplexity) if best else _UNKNOWN
    return RunRow(
        name=run.name,
        state=run.state(progress),
        corpus=corpus,
        model=model,
        step=f"{progress.step:,}",
        best=_UNKNOWN if progress.task == CLOZE else shown,
        pseudo=shown if progress.task == CLOZE else _UNKNOWN,
        bits=f"{bits:.3f}" if bits is not None else _UNKNOWN,
        changed=progress.last_event_at or _created(run),
    )


def _created(run: Run) -> float:
    with contextlib.suppress(OSError):
        return run.folder.stat().st_mtime
    return time.time()
