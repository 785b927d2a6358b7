"""Checkpoints that verify themselves: safetensors bytes, and a manifest with size and SHA-256 that is the commit point.

Nothing is ever unpickled. The manifest is written after the tensors and read before them, so a crash at any
moment leaves either a whole checkpoint or none.
"""

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from rnnbench import storage
from rnnbench.errors import BadDataError, CheckpointError, RnnbenchError

VERSION = 1
_NAME = re.compile(r"step-(\d{8,})\.json")
_MANIFEST_LIMIT = 1 << 20


@dataclass(frozen=True)
class Position:
    """Where training stands, besides the tensors: everything the next step and the next report depend on.

    `next_evaluation` is the elapsed second of the next score in a run that only the clock ends; the last one was at
    `evaluated_step` and found `evaluated_loss_nats`, which is None in older checkpoints. `pending_nats` and
    `pending_steps` are the part of a recorded loss that is not complete yet. `waited` counts the evaluations since the
    last improvement, `drops` those of the learning rate that evaluations have led to. `learning_rate` and `clip_norm`
    replace the configuration's where somebody changed them on the way (0 clips nothing); `rollbacks` counts how often
    training went back to a checkpoint because it diverged.
    """

    step: int = 0
    elapsed_seconds: float = 0.0
    next_evaluation: float = 0.0
    evaluated_step: int = -1
    best_loss_nats: float | None = None
    best_step: int | None = None
    pending_nats: float = 0.0
    pending_steps: int = 0
    waited: int = 0
    drops: int = 0
    learning_rate: float | None = None
    clip_norm: float | None = None
    rollbacks: int = 0
    evaluated_loss_nats: float | None = None

    @property
    def loss_nats(self) -> float | None:
        """The validation loss of exactly this step; None where it was not scored."""
        if self.step == self.evaluated_step and self.evaluated_loss_nats is not None:
            return self.evaluated_loss_nats
        return self.best_loss_nats if self.step == self.best_step else None


@dataclass(frozen=True)
class Origin:
    """What a checkpoint belongs to and was made with."""

    corpus_digest: str
    ids_digest: str
    vocabulary_digest: str
    model: str
    torch_version: str
    device: str
    threads: int
    processes: int = 1


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name (`model.*`, `optimizer.*`, `state`, `random.*`), position, origin."""

    tensors: dict[str, Tensor]
    position: Position
    origin: Origin


@dataclass(frozen=True)
class Manifest:
    """What is known of a checkpoint without reading its tensors."""

    path: Path
    step: int
    bytes: int
    sha256: str
    loss_nats: float | None
    record: dict[str, Any]

    @property
    def tensor_file(self) -> Path:
        """The file the manifest vouches for."""
        return self.path.with_suffix(".safetensors")


def save(folder: Path, checkpoint: Checkpoint, loss_nats: float | None) -> Manifest:
    """Write a checkpoint durably. `loss_nats` is the validation loss at its step, when that was taken.

    Raises RnnbenchError, before anything is written, when a weight is not finite.
    """
    for name, tensor in checkpoint.tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise RnnbenchError(
                f"not saved: {name} holds numbers that are not finite; the last checkpoint was kept",
                "lower --learning-rate or set training.clip_norm, and start again",
            )
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()})
    path = folder / f"step-{checkpoint.position.step:08d}.json"
    record = {
        "version": VERSION,
        "step": checkpoint.position.step,
        "bytes": len(data),
        "sha256": storage.sha256(data),
        "loss_nats": loss_nats,
        "position": asdict(checkpoint.position),
        "origin": asdict(checkpoint.origin),
    }
    tensor_file = path.with_suffix(".safetensors")
    if not _holds(tensor_file, data):  # a step saved again, such as after its evaluation, is never without a manifest
        storage.remove_file(path)  # a manifest must never vouch for tensors other than its own
        storage.write_file(tensor_file, data)
    storage.write_json(path, _sealed(record))
    return _manifest(path, record)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return storage.read_file(path, limit=len(data)) == data
    except (OSError, BadDataError):
        return False


def _sealed(record: dict[str, Any]) -> dict[str, Any]:
    """The record with a digest of itself: the manifest's own numbers are load-bearing too."""
    content = json.dumps(record, sort_keys=True, ensure_ascii=False)
    return {**record, "seal": storage.sha256(content.encode())}


def manifests(folder: Path) -> list[Manifest]:
    """Every manifest that can be read, oldest step first. Their tensors have not been verified."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name):
                with contextlib.suppress(CheckpointError, OSError):
                    found.append(read_manifest(path))
    return sorted(found, key=lambda manifest: manifest.step)


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises CheckpointError when it is damaged."""
    try:
        record = json.loads(storage.read_file(path, limit=_MANIFEST_LIMIT))
        seal = record.pop("seal")
        if _sealed(record)["seal"] != seal:
            raise CheckpointError(f"{path} was changed since it was written")
        return _manifest(path, record)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    except BadDataError as error:
        raise CheckpointError(error.message, error.hint) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{path} is damaged") from None


def _manifest(path: Path, record: dict[str, Any]) -> Manifest:
    if record["version"] != VERSION:
        raise CheckpointError(f"{path} has format {record['version']}; this version reads {VERSION}")
    return Manifest(path, int(record["step"]), int(record["bytes"]), record["sha256"], record["loss_nats"], record)


def load(manifest: Manifest) -> Checkpoint:
    """The checkpoint, every byte verified before it is used. Raises CheckpointError."""
    path = manifest.tensor_file
    try:
        data = storage.read_file(path, limit=manifest.bytes)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    except BadDataError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    if len(data) != manifest.bytes or storage.sha256(data) != manifest.sha256:
        raise CheckpointError(f"{path} is damaged: its digest is not the one in its manifest")
    try:
        tensors = safetensors.torch.load(data)
        position, origin = Position(**manifest.record["position"]), Origin(**manifest.record["origin"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a checkpoint of this version: {error}") from None
    return Checkpoint(tensors, position, origin)


def load_latest(folder: Path, report: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that verifies; each damaged one is reported and passed over. None when there are none.

    Raises CheckpointError when there are checkpoints but not one is whole: a run never starts over silently.
    """
    names = _names(folder)
    for path in reversed(names):
        try:
            return load(read_manifest(path))
        except CheckpointError as error:
            report(f"{error}; going back to the checkpoint before it")
    if names:
        raise CheckpointError(f"no checkpoint in {folder} is whole", "the run cannot be continued from here")
    return None


def _names(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=_step_of)
    return []


def _step_of(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match.group(1)) if match else -1


def choose(folder: Path, which: str) -> Manifest:
    """The manifest of `best` (lowest validation loss), `last`, or a step. Raises CheckpointError with what there is."""
    found = manifests(folder)
    if not found:
        raise CheckpointError(f"there is no checkpoint in {folder} yet")
    if which == "last":
        return found[-1]
    if which == "best":
        scored = [manifest for manifest in found if manifest.loss_nats is not None]
        return min(scored, key=lambda manifest: manifest.loss_nats or 0.0) if scored else found[-1]
    for manifest in found:
        if which == str(manifest.step):
            return manifest
    known = ", ".join(str(manifest.step) for manifest in found)
    raise CheckpointError(f"no checkpoint at step {which}", f"best, last, or one of {known}")


def choose_trained(folder: Path, which: str) -> Manifest:
    """`choose`, for text to be written from: the untrained network of step 0 is not the best while there is another.

    Before the first evaluation of a run the best is the last.
    """
    chosen = choose(folder, which)
    return choose(folder, "last") if which == "best" and chosen.step == 0 else chosen


def prune(folder: Path, keep: int) -> None:
    """Remove all but the last `keep` checkpoints and the best; leftovers of interrupted saves go too."""
    found = manifests(folder)
    if not found:
        return
    kept = {manifest.step for manifest in found[-keep:]} | {choose(folder, "best").step}
    for manifest in found:
        if manifest.step not in kept:
            storage.remove_file(manifest.path)  # the commit point first: no manifest without its tensors
            storage.remove_file(manifest.tensor_file)
    for path in folder.iterdir():
        orphan = path.suffix == ".safetensors" and not path.with_suffix(".json").exists()
        if orphan or path.suffix == storage.TEMPORARY:
            storage.remove_file(path)
