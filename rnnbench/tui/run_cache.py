"""The rows of the list of runs on disk: a thousand logs need not be read to show what has not changed."""

import contextlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rnnbench import storage
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs.store import TRAINED, check_name
from rnnbench.tui.run_rows import RunRow

_VERSION = 2
_LARGEST = 32 << 20
_LARGEST_NUMBER = 2**63 - 1
_LATEST = 4e9  # seconds since 1970: the year 2096
_LISTS = ("tags", "changes")  # of texts
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "state", "corpus", "model", "task", "message", "note"), (str,)),
    **dict.fromkeys(("changed", "started", "elapsed_seconds"), (float, int)),
    **dict.fromkeys(("best_loss_nats", "bits"), (float, int, type(None))),
    "step": (int,),
    "seed": (int, type(None)),
    **dict.fromkeys(_LISTS, (list,)),
}
_TIMES = ("changed", "started")


@dataclass(frozen=True)
class Signature:
    """What tells whether a run has changed: size and time of its log, its lock and its notes, and a held lock."""

    log: tuple[int, int]
    lock: tuple[int, int]
    notes: tuple[int, int]
    held: bool

    def same_run(self, other: "Signature") -> bool:
        """Whether at most the notes differ."""
        return (self.log, self.held) == (other.log, other.held)


@dataclass(frozen=True)
class Known:
    """A row, and the signature that the run had when it was read."""

    signature: Signature
    row: RunRow


def read(path: Path) -> dict[str, Known]:
    """The rows of the last time by name; none when there is no such file, and none that is not what it should be."""
    try:
        value = storage.read_json(path, limit=_LARGEST)
    except (OSError, RnnbenchError):
        return {}
    if not isinstance(value, dict) or value.get("version") != _VERSION or not isinstance(value.get("runs"), list):
        return {}
    found = [known for record in value["runs"] if (known := _known(record))]
    return {known.row.name: known for known in found}


def _known(record: Any) -> Known | None:
    if not isinstance(record, dict):
        return None
    row, marks = record.get("row"), record.get("signature")
    if not isinstance(row, dict) or not isinstance(marks, list) or [type(mark) for mark in marks] != [int] * 6:
        return None
    if set(row) != set(_TYPES) or not all(_fits(row[name], types) for name, types in _TYPES.items()):
        return None
    texts = all(type(text) is str for name in _LISTS for text in row[name])
    if not texts or not all(0 <= row[time] <= _LATEST for time in _TIMES):
        return None
    try:
        check_name(row["name"])
    except UsageError:
        return None
    signature = Signature((marks[0], marks[1]), (marks[2], marks[3]), (marks[4], marks[5]), held=False)
    return Known(signature, RunRow(**(row | {name: tuple(row[name]) for name in _LISTS})))


def _fits(value: Any, types: tuple[type, ...]) -> bool:
    """Whether a value is of one of the types; a number is finite and no larger than any that an event may tell."""
    if isinstance(value, float):
        return float in types and math.isfinite(value)
    return type(value) in types and not (isinstance(value, int) and abs(value) > _LARGEST_NUMBER)


def write(path: Path, known: dict[str, Known]) -> None:
    """Keep the rows of runs that do not train. A disk that is full or may not be written costs only time."""
    record = {"version": _VERSION, "runs": [_record(item) for item in known.values() if item.row.state not in TRAINED]}
    with contextlib.suppress(RnnbenchError, OSError, ValueError):  # text that no file can hold is a ValueError
        storage.make_folder(path.parent)
        data = storage.as_json(record)
        if not path.is_symlink():
            with storage.new_file(path, durable=False) as file:
                file.write(data)


def _record(item: Known) -> dict[str, Any]:
    marks = item.signature
    return {"signature": [*marks.log, *marks.lock, *marks.notes], "row": asdict(item.row)}
