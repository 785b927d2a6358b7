"""The queue as rows of a table: what is trained now, then what waits."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.runs.gpus import device_slot
from rnnbench.runs.queue import Entry, Queue
from rnnbench.runs.skimming import skim
from rnnbench.runs.store import PAUSED, RUNNING, Run, RunStore
from rnnbench.tui.run_rows import age
from rnnbench.tui.words import later
from rnnbench.visible import visible

STATE = later("state")
COLUMNS = (*(later("place"), later("name"), STATE, later("device"), later("corpus"), later("model"), later("added")),)
_CHARACTERS = 40
_UNKNOWN = "-"


@dataclass(frozen=True)
class QueueRow:
    """A run that is trained, or an entry; only an entry has a place."""

    name: str
    state: str
    place: int | None
    device: str = _UNKNOWN
    corpus: str = _UNKNOWN
    model: str = _UNKNOWN
    added_at: float = 0.0

    def cells(self, now: float) -> tuple[str, ...]:
        """The row's texts in the order of COLUMNS, safe to show."""
        place = str(self.place) if self.place else ""
        added = age(now, self.added_at) if self.added_at else _UNKNOWN
        texts = (place, self.name, self.state, self.device, self.corpus, self.model, added)
        return tuple(visible(text, limit=_CHARACTERS) for text in texts)


@dataclass(frozen=True)
class QueueView:
    """The whole queue at one moment."""

    is_held: bool
    is_run: bool
    rows: tuple[QueueRow, ...]

    @property
    def waiting(self) -> list[QueueRow]:
        """The entries."""
        return [row for row in self.rows if row.place]


def read_queue(queue: Queue) -> QueueView:
    """The queue as it is now, below the runs that are trained."""
    trained = [_running_row(run) for run in RunStore(queue.workspace).running()]
    begun = {row.name for row in trained}
    waiting = [entry for entry in queue.entries() if entry.name not in begun]
    rows = [*trained, *(_entry_row(queue, place, entry) for place, entry in enumerate(waiting, 1))]
    return QueueView(queue.is_held, queue.is_run, tuple(rows))


def _running_row(run: Run) -> QueueRow:
    config = None
    with contextlib.suppress(RnnbenchError, OSError):
        config = run.config()
    begun = 0.0
    with contextlib.suppress(OSError):
        begun = run.config_file.stat().st_mtime
    device, corpus, model = _described(config)
    state = PAUSED if skim(run.events_file).paused else RUNNING
    return QueueRow(run.name, state, None, device, corpus, model, begun)


def _entry_row(queue: Queue, place: int, entry: Entry) -> QueueRow:
    device, corpus, model = _described(entry.config)
    return QueueRow(entry.name, queue.state(entry), place, device, corpus, model, entry.added_at or time.time())


def _described(config: RunConfig | None) -> tuple[str, str, str]:
    """The device, the name of the text, and the model."""
    if config is None:
        return _UNKNOWN, _UNKNOWN, _UNKNOWN
    return device_slot(config.machine.device), Path(config.corpus.file).name, config.model.in_short
