"""The checkpoints that a run keeps, told without reading a tensor: their steps and their validation losses."""

import contextlib
import re
from dataclasses import dataclass

from rnnbench import storage
from rnnbench.errors import RnnbenchError
from rnnbench.runs.store import Run

_MANIFEST = re.compile(r"step-(\d{8,})\.json")
_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Kept:
    """A checkpoint as its manifest tells it; no loss: it was saved between two evaluations."""

    step: int
    loss_nats: float | None


def kept(run: Run) -> list[Kept]:
    """Every checkpoint whose manifest can be read, oldest step first. Whether it is whole is found when it is asked."""
    found = []
    with contextlib.suppress(OSError):
        for path in run.checkpoints.iterdir():
            if _MANIFEST.fullmatch(path.name):
                with contextlib.suppress(OSError, RnnbenchError, KeyError, TypeError, ValueError):
                    record = storage.read_json(path, limit=_LIMIT_BYTES)
                    loss = record["loss_nats"]
                    found.append(Kept(int(record["step"]), None if loss is None else float(loss)))
    return sorted(found, key=lambda one: one.step)


def kept_text(run: Run) -> str:
    """The checkpoints of a run in a line: steps, losses, and which of them `best` and `last` mean now."""
    found = kept(run)
    if not found:
        return f"run {run.name} has no checkpoint yet"
    best = _best(found)
    return f"checkpoints of {run.name}:  " + "   ".join(
        _text(one, best=one is best, last=one is found[-1]) for one in found
    )


def _best(found: list[Kept]) -> Kept:
    """The lowest loss; the untrained network of step 0 is not the best while there is another."""
    scored = [(one.loss_nats, one.step) for one in found if one.loss_nats is not None and one.step]
    return next((one for one in found if scored and (one.loss_nats, one.step) == min(scored)), found[-1])


def _text(one: Kept, *, best: bool, last: bool) -> str:
    loss = [] if one.loss_nats is None else [f"{one.loss_nats:.3f} nats"]
    beside = ", ".join([*loss, *["best"] * best, *["last"] * last])
    return f"{one.step} ({beside})" if beside else str(one.step)
