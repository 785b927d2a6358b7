"""Checkpoints: what was saved comes back bit by bit, and what was damaged never does."""

import json
import os
import pickle  # noqa: TID251 - to make the thing that must not be read
from dataclasses import replace

import pytest
import torch

from rnnbench import storage
from rnnbench.engine import checkpoints
from rnnbench.engine.checkpoints import Checkpoint, Origin, Position, choose, load, load_latest, prune, read_manifest
from rnnbench.errors import BadDataError, CheckpointError, ExitCode, RnnbenchError, UnavailableError

ORIGIN = Origin("corpus", "ids", "vocabulary", '{"cell":"rnn"}', "2.0", "cpu", 1)


def make(step=3, **tensors):
    """A small checkpoint."""
    values = {
        "model.weight": torch.tensor([[0.5, -1.0], [2.0, 0.25]]),
        "random.cpu": torch.arange(6, dtype=torch.uint8),
    }
    position = Position(step=step, elapsed_seconds=1.5, best_loss_nats=2.5, pending_nats=0.75)
    return Checkpoint(values | tensors, position, ORIGIN)


def save(folder, *steps, losses=None):
    """Save checkpoints of these steps; with `losses`, those are scored."""
    folder.mkdir(exist_ok=True)
    return [checkpoints.save(folder, make(step), (losses or {}).get(step)) for step in steps]


def same(one, other):
    """Whether two checkpoints are equal in every bit."""
    return (
        (one.position, one.origin) == (other.position, other.origin)
        and one.tensors.keys() == other.tensors.keys()
        and all(t.dtype == other.tensors[n].dtype and torch.equal(t, other.tensors[n]) for n, t in one.tensors.items())
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_round_trip(tmp_path):
    """Tensors of every kind and shape, numbers, position and origin come back as they were."""
    tensors = {
        "double": torch.tensor([0.1, -0.0, 1e-310], dtype=torch.float64),
        "scalar": torch.tensor(7.0),
        "empty": torch.zeros(0, 3),
        "whole": torch.tensor([-(2**40)]),
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "transposed": torch.arange(6.0).view(2, 3).T,
    }
    saved = make(12345, **tensors)
    manifest = checkpoints.save(tmp_path, saved, 1.25)
    assert manifest == read_manifest(manifest.path) and manifest.loss_nats == 1.25
    assert same(load(manifest), saved)
    assert names(tmp_path) == ["step-00012345.json", "step-00012345.safetensors"]


def test_positions_keep_every_digit(tmp_path):
    """Numbers in the manifest are exact: a resumed run adds to what was really there."""
    position = Position(step=1, elapsed_seconds=0.1 + 0.2, pending_nats=1 / 3, best_loss_nats=2**-1074)
    manifest = checkpoints.save(tmp_path, replace(make(), position=position), None)
    assert load(manifest).position == position


def damage_is_found(file, damaged, before):
    """Whether the checkpoint is refused when the file holds these bytes, and loads again when it is put right."""
    file.write_bytes(damaged)
    with pytest.raises(CheckpointError):
        load(read_manifest(before))


@pytest.mark.parametrize("bits", [1, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_one_flipped_bit_in_any_byte_is_found(tmp_path, suffix, bits):
    """Every byte of both files is load-bearing: one bit of each, a different one in turn; slowly, every bit."""
    (manifest,) = save(tmp_path, 3)
    file = manifest.path.with_suffix(suffix)
    whole = file.read_bytes()
    for index in range(len(whole)):
        for bit in range(bits):
            flipped = bytearray(whole)
            flipped[index] ^= 1 << (index + bit) % 8
            damage_is_found(file, bytes(flipped), manifest.path)
    file.write_bytes(whole)
    assert same(load(read_manifest(manifest.path)), make(3))


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_truncation_at_any_length_is_found(tmp_path, suffix):
    """However much of a file is missing, nothing of it is used; nor when something was added."""
    (manifest,) = save(tmp_path, 3)
    file = manifest.path.with_suffix(suffix)
    whole = file.read_bytes()
    end = len(whole) - (1 if suffix == ".json" else 0)  # the last byte of a manifest is a line end
    for length in range(end):
        damage_is_found(file, whole[:length], manifest.path)
    damage_is_found(file, whole + b"x", manifest.path)


def spoil_tensors(path):
    file = path.with_suffix(".safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")


def lengthen_tensors(path):
    with path.with_suffix(".safetensors").open("ab") as file:
        file.write(b"\0" * 4096)


def remove_tensors(path):
    path.with_suffix(".safetensors").unlink()


def empty_manifest(path):
    path.write_bytes(b"")


def huge_manifest(path):
    path.write_bytes(b" " * (2 << 20))


def deep_manifest(path):
    path.write_bytes(b"[" * 100_000)


def foreign_manifest(path):
    path.write_text("[1, 2]")


def newer_manifest(path):
    record = json.loads(path.read_bytes()) | {"version": 99}
    record.pop("seal")
    path.write_text(json.dumps(checkpoints._sealed(record)))


def linked_manifest(path):
    elsewhere = path.with_name(f"{path.name}.moved")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def folder_for_tensors(path):
    path.with_suffix(".safetensors").unlink()
    path.with_suffix(".safetensors").mkdir()


DAMAGES = [
    spoil_tensors, lengthen_tensors, remove_tensors, empty_manifest, huge_manifest, deep_manifest, foreign_manifest,
    newer_manifest, linked_manifest, folder_for_tensors,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_takes_the_place_of_a_damaged_one(tmp_path, damage):
    """The newest whole checkpoint is loaded, and each one passed over is named."""
    save(tmp_path, 3, 8, 20)
    damage(tmp_path / "step-00000020.json")
    told = []
    assert same(load_latest(tmp_path, told.append), make(8))
    assert len(told) == 1 and "step-00000020" in told[0]


@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_is_started_over_silently(tmp_path, damage):
    """When every checkpoint is damaged the run is refused, with each named; an empty folder is a fresh run."""
    assert load_latest(tmp_path, pytest.fail) is None
    assert load_latest(tmp_path / "absent", pytest.fail) is None
    save(tmp_path, 3, 8)
    damage(tmp_path / "step-00000003.json")
    damage(tmp_path / "step-00000008.json")
    told = []
    with pytest.raises(CheckpointError, match="no checkpoint in .* is whole") as refusal:
        load_latest(tmp_path, told.append)
    assert refusal.value.exit_code == ExitCode.BAD_DATA
    assert len(told) == 2


def test_swapped_tensors_are_found(tmp_path):
    """A manifest vouches for its own tensors only, even when those of another step are whole too."""
    first, second = save(tmp_path, 3), checkpoints.save(tmp_path, make(8, extra=torch.ones(1)), None)
    first[0].tensor_file.write_bytes(second.tensor_file.read_bytes())
    with pytest.raises(CheckpointError):
        load(first[0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_weights_that_are_not_finite_are_never_saved(tmp_path, value, dtype):
    """The refusal names the tensor and comes before anything is written; it is a failed run, not bad data."""
    save(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RnnbenchError, match=r"not saved: model\.bias .*not finite") as refusal:
        checkpoints.save(tmp_path, make(3, **{"model.bias": torch.tensor([1.0, value], dtype=dtype)}), None)
    assert refusal.value.exit_code == ExitCode.FAILED
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_pruning_keeps_the_last_ones_and_the_best(tmp_path, keep):
    """The last N and the one of lowest validation loss stay, with their tensors; orphans and leftovers go."""
    save(tmp_path, 5, 10, 15, 20, 25, losses={5: 3.0, 10: 1.5, 20: 2.0})
    for leftover in ("step-00000030.safetensors", "step-00000030.json.ab12.part"):
        (tmp_path / leftover).write_bytes(b"of an interrupted save")
    prune(tmp_path, keep)
    steps = sorted({10, *[15, 20, 25][-keep:]})
    assert names(tmp_path) == sorted(f"step-{step:08d}{end}" for step in steps for end in (".json", ".safetensors"))
    assert all(same(load(manifest), make(manifest.step)) for manifest in checkpoints.manifests(tmp_path))


def test_pruning_an_empty_folder_does_nothing(tmp_path):
    """No checkpoint, nothing to remove; a stranger's file is not touched."""
    (tmp_path / "notes.txt").write_text("mine")
    prune(tmp_path, 1)
    save(tmp_path, 3)
    prune(tmp_path, 1)
    assert names(tmp_path) == ["notes.txt", "step-00000003.json", "step-00000003.safetensors"]


def test_choosing(tmp_path):
    """best is the lowest validation loss, last the latest step, a number that step; others are named with what is."""
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        choose(tmp_path, "best")
    save(tmp_path, 5, 10, 15, losses={5: 1.0, 10: 0.0})
    assert [choose(tmp_path, which).step for which in ("best", "last", "5", "15")] == [10, 15, 5, 15]
    with pytest.raises(CheckpointError, match="no checkpoint at step 7.*5, 10, 15"):
        choose(tmp_path, "7")


def test_without_a_score_the_last_is_the_best(tmp_path):
    """A run that has not been evaluated yet can be asked too."""
    save(tmp_path, 5, 10)
    assert choose(tmp_path, "best").step == 10


def test_steps_are_ordered_as_numbers(tmp_path):
    """A step of nine digits comes after one of eight."""
    save(tmp_path, 99_999_999, 100_000_000)
    assert choose(tmp_path, "last").step == 100_000_000
    assert load_latest(tmp_path, pytest.fail).position.step == 100_000_000


class Failing:
    """The os module, in which the n-th call of the named functions fails, as when the process is killed there."""

    def __init__(self, count):
        self.count = count

    def __getattr__(self, name):
        found = getattr(os, name)
        if name not in ("open", "write", "fsync", "rename", "unlink"):
            return found

        def counted(*arguments, **options):
            self.count -= 1
            if self.count < 0:
                raise KeyboardInterrupt
            return found(*arguments, **options)

        return counted


@pytest.mark.parametrize("again", ["same", "scored", "other weights"])
def test_saving_a_step_again_never_loses_it(tmp_path, monkeypatch, again):
    """Cut off before any system call of a second save of the same step, a whole checkpoint of it or before it stays.

    The only checkpoint of a run is saved again when its step has been evaluated, or when it is resumed and ends there.
    """
    weights = torch.ones(1) if again == "other weights" else torch.zeros(1)
    later = make(3, more=weights)
    for cut in range(1000):
        folder = tmp_path / str(cut)
        folder.mkdir()
        save(folder, 1)
        checkpoints.save(folder, make(3, more=torch.zeros(1)), None)
        with monkeypatch.context() as patch:
            patch.setattr(storage, "os", Failing(cut))
            try:
                checkpoints.save(folder, later, 1.5 if again == "scored" else None)
                finished = True
            except KeyboardInterrupt:
                finished = False
        found = load_latest(folder, pytest.fail)
        if again != "other weights":
            assert found.position.step == 3, f"cut at call {cut}"
        if finished:
            assert same(found, later) and cut > 3
            return
    pytest.fail("the save never came to its end")


@pytest.mark.parametrize("kind", [OSError(28, "No space left on device"), OSError(5, "Input/output error")])
def test_a_save_that_fails_leaves_the_last_checkpoint(tmp_path, monkeypatch, kind):
    """Whichever write of a save fails, the checkpoint before it verifies, and a full disk is told as one."""
    save(tmp_path, 3)
    real, count = os.write, 0

    def fail_at(n):
        nonlocal count
        count = 0

        def write(descriptor, data):
            nonlocal count
            count += 1
            if count == n:
                raise kind
            return real(descriptor, data)

        return write

    for n in (1, 2):  # the tensors, the manifest
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail_at(n))
            with pytest.raises(UnavailableError if kind.errno == 28 else RnnbenchError, match="cannot write"):
                checkpoints.save(tmp_path, make(8), None)
        assert same(load_latest(tmp_path, pytest.fail), make(3))
    prune(tmp_path, 2)
    assert names(tmp_path) == ["step-00000003.json", "step-00000003.safetensors"]


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    """A checkpoint is saved and loaded while every way to pickle and unpickle fails."""

    def refuse(*arguments, **options):
        raise AssertionError("a pickle")

    for module, names_ in (
        (pickle, ("dump", "dumps", "load", "loads", "Pickler", "Unpickler")),
        (torch, ("load", "save")),
    ):
        for name in names_:
            monkeypatch.setattr(module, name, refuse)
    (manifest,) = save(tmp_path, 3)
    assert same(load(manifest), make(3))


def test_a_pickle_in_disguise_is_refused(tmp_path):
    """A pickle with a manifest that vouches for it is still no checkpoint, and what it asks for is not done."""

    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    (manifest,) = save(tmp_path, 3)
    data = pickle.dumps(Payload())
    manifest.tensor_file.write_bytes(data)
    record = {**manifest.record, "bytes": len(data), "sha256": storage.sha256(data)}
    manifest.path.write_text(json.dumps(checkpoints._sealed(record)))
    with pytest.raises(BadDataError):
        load(read_manifest(manifest.path))
    assert not (tmp_path / "touched").exists()
