"""What can happen to a run, as frozen dataclasses; each is one JSON line.

Names are past tense, units are in the field names. A view can show nothing that is not an event.
"""

import json
import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pydantic_core import from_json

from rnnbench.metrics import Score

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Event:
    """Anything that happened. `at` is seconds since 1970, set when the event is written."""

    at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LogOpened(Event):
    """The first line of an event log."""

    version: int = FORMAT_VERSION


@dataclass(frozen=True, kw_only=True)
class Prepared(Event):
    """A long phase before the first step moved on, such as encoding the text: `done` of `total` bytes or tokens."""

    phase: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """Everything that is known before the first step. Baselines are losses on the validation split.

    `planned_steps` is None when only the wall clock ends the run. `lossy` names the switches that changed the text,
    `replaced_characters` counts the marks that stand for bytes which were not text. Losses of runs with
    the same `tokens_digest` are of the same tokens; it is empty in older logs. Written again when resumed.
    """

    device: str
    threads: int
    torch_version: str
    implementation: str
    parameters: int
    planned_steps: int | None
    planned_seconds: float | None
    steps_per_epoch: int
    tokens_per_step: int
    steps_per_loss: int
    corpus_digest: str
    corpus_characters: int
    corpus_tokens: int
    vocabulary_size: int
    validation_tokens: int
    uniform_loss_nats: float
    unigram_loss_nats: float
    ngram_loss_nats: float | None = None
    task: str = "language_model"
    encoding: str = ""
    lossy: str = ""
    replaced_characters: int = 0
    tokens_digest: str = ""
    precision: str = "float32"


@dataclass(frozen=True, kw_only=True)
class RunResumed(Event):
    """Training goes on from the checkpoint at `step`: whatever the log holds beyond it did not happen."""

    step: int
    exact: bool = True


@dataclass(frozen=True, kw_only=True)
class StepDone(Event):
    """Training reached `step`. Written about four times a second and at the round steps that the log shows.

    `losses_nats` holds the mean loss of every `steps_per_loss` steps since the last StepDone, the last one ending
    at `step`, so the history is complete and does not depend on the clock. `loss_nats` is the last of them.
    The rate counts training tokens per second of wall clock, evaluation and checkpoints left out.
    """

    step: int
    epoch: float
    loss_nats: float
    losses_nats: tuple[float, ...]
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    elapsed_seconds: float


@dataclass(frozen=True, kw_only=True)
class EvaluationDone(Event):
    """A split was scored with frozen weights: all its tokens but those given, such as the first of a stream.

    `figures` holds what a task measures besides the loss, by name: an accuracy, a BLEU.
    """

    step: int
    split: str
    loss_nats: float
    tokens_scored: int
    tokens_total: int
    characters: int
    bytes: int
    unknown_tokens: int
    spelling_nats: float | None
    seconds: float
    best: bool
    tokens_given: int = 1
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> Score:
        """The sums, from which every figure follows."""
        names = {part.name for part in fields(Score)}
        return Score(**{name: value for name, value in asdict(self).items() if name in names})


@dataclass(frozen=True, kw_only=True)
class SampleDrawn(Event):
    """The model wrote something."""

    step: int
    prompt: str
    text: str


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """A checkpoint is on disk, verified."""

    step: int
    best: bool
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """Something the user should know; the run goes on."""

    message: str


@dataclass(frozen=True, kw_only=True)
class SettingChanged(Event):
    """A setting was changed while the run was going."""

    step: int
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class RunPaused(Event):
    """Training waits, saved, until it is asked to go on; the wait does not count as elapsed time."""

    step: int


@dataclass(frozen=True, kw_only=True)
class RunContinued(Event):
    """A paused run goes on."""

    step: int


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The last event: `reason` is finished, stopped or failed."""

    reason: str
    step: int
    elapsed_seconds: float
    message: str = ""


KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        LogOpened, Prepared, RunStarted, RunResumed, StepDone, EvaluationDone, SampleDrawn, CheckpointSaved, Warned,
        SettingChanged, RunPaused, RunContinued, RunFinished,
    )
}  # fmt: skip


def to_line(event: Event) -> bytes:
    """One UTF-8 JSON line. Raises ValueError for a number that is not finite."""
    record = {"event": type(event).__name__, **asdict(event)}
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def from_line(line: bytes) -> Event | None:
    """The event on a line; None for a kind this version does not know and for a damaged line."""
    try:
        record: Any = from_json(line)  # a third of the time that json.loads takes, which a long history is worth
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    kind = KINDS.get(str(record.pop("event", "")))
    return _build(kind, record) if kind else None


def _build(kind: type[Event], record: dict[str, Any]) -> Event | None:
    """The event, when every value is of the declared type: a log may have been edited by hand."""
    accepted, values = _ACCEPTED[kind], {}
    for name, value in record.items():
        types = accepted.get(name)
        if types is None:
            continue  # a field of a newer version
        if type(value) not in types or not _storable(value):
            return None
        values[name] = value
    if not (_all_numbers(values.get("losses_nats", ())) and _all_numbers(values.get("figures", {}).values())):
        return None
    if kind is StepDone:
        values["losses_nats"] = tuple(values.get("losses_nats", ()))
    try:
        return kind(**values)
    except TypeError:
        return None


def _storable(value: Any) -> bool:
    """Whether a number is finite and fits into 64 bits, as every number that `to_line` wrote; text always is."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is not int or -_LARGEST <= value <= _LARGEST


def _all_numbers(values: Collection[Any]) -> bool:
    if set(map(type, values)) == {float} and math.isfinite(sum(values)):
        return True  # where one is not finite, the sum is not
    return all(type(value) in _NUMBER and _storable(value) for value in values)


_LARGEST = 2**63 - 1
_NUMBER: tuple[type, ...] = (int, float)
_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": _NUMBER, "bool": (bool,), "dict": (dict,)}


def _accepted(kind: type[Event]) -> dict[str, tuple[type, ...]]:
    """The types that JSON may give for each field."""
    found: dict[str, tuple[type, ...]] = {}
    for part in fields(kind):
        declared = part.type.__name__ if isinstance(part.type, type) else str(part.type)
        types = _TYPES.get(declared.partition(" ")[0].partition("[")[0], (list,))
        found[part.name] = (*types, type(None)) if "None" in declared else types
    return found


_ACCEPTED = {kind: _accepted(kind) for kind in KINDS.values()}
