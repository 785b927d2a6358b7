"""A token stream as (T, B) batches. A batch is a pure function of (seed, step): nothing is kept between steps."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.config import TrainingConfig
from rnnbench.errors import CorpusError


@dataclass(frozen=True)
class Batch:
    """Inputs and targets, each (T, B) int64, time first; `fresh` says that the state starts again from zero."""

    ids_TB: Tensor
    targets_TB: Tensor
    fresh: bool


class Batches(Protocol):
    """All the batches of a run."""

    steps_per_epoch: int

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        ...


@dataclass(frozen=True)
class _Windows:
    """Reads windows of T tokens and their targets out of a stream."""

    ids: NDArray[np.generic]
    batch_size: int
    length: int
    seed: int

    def random(self, epoch: int) -> np.random.Generator:
        """The randomness of one epoch."""
        return np.random.default_rng((self.seed, epoch))

    def read(self, starts: NDArray[np.int64], *, fresh: bool) -> Batch:
        """The windows that begin at `starts`, one for each lane."""
        window = self.ids[starts[None, :] + np.arange(self.length + 1)[:, None]]
        tokens = torch.from_numpy(window.astype(np.int64))
        return Batch(tokens[:-1], tokens[1:], fresh)


class Sequential:
    """B contiguous lanes; the batches of an epoch continue each other, so the state is carried.

    A random offset in [0, T] is dropped at the start of each epoch; tails that fill no window are left out.
    """

    def __init__(self, windows: _Windows) -> None:
        self._windows = windows
        self._lane = (len(windows.ids) - 1 - windows.length) // windows.batch_size
        self.steps_per_epoch = self._lane // windows.length

    def batch(self, step: int) -> Batch:
        """Lane l of step s within the epoch reads [offset + l * lane + s * T, ...)."""
        windows = self._windows
        epoch, index = divmod(step, self.steps_per_epoch)
        offset = int(windows.random(epoch).integers(windows.length + 1))
        starts = offset + np.arange(windows.batch_size) * self._lane + index * windows.length
        return windows.read(starts, fresh=index == 0)


class Random:
    """Non-overlapping windows from a random offset in [0, T-1], shuffled; the state starts from zero each time."""

    def __init__(self, windows: _Windows) -> None:
        self._windows = windows
        self._count = (len(windows.ids) - windows.length) // windows.length
        self.steps_per_epoch = self._count // windows.batch_size
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def batch(self, step: int) -> Batch:
        """The windows of a step: a slice of the epoch's permutation."""
        windows = self._windows
        epoch, index = divmod(step, self.steps_per_epoch)
        chosen = self._starts(epoch)[index * windows.batch_size : (index + 1) * windows.batch_size]
        return windows.read(chosen, fresh=True)

    def _starts(self, epoch: int) -> NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:  # only a cache: the epoch alone decides the order
            random = self._windows.random(epoch)
            offset = int(random.integers(self._windows.length))
            self._order = (epoch, offset + random.permutation(self._count) * self._windows.length)
        return self._order[1]


def make_batches(ids: NDArray[np.generic], training: TrainingConfig) -> Batches:
    """The batches of a training split. Raises CorpusError that names how many tokens are needed at least."""
    check_length(len(ids), training)
    windows = _Windows(ids, training.batch_size, training.steps_per_sequence, training.seed)
    return Sequential(windows) if training.batches == "sequential" else Random(windows)


def check_length(tokens: int, training: TrainingConfig) -> None:
    """Raise CorpusError when so many tokens do not fill a batch; it names how many are needed."""
    size, length = training.batch_size, training.steps_per_sequence
    needed = (size + 1) * length + (1 if training.batches == "sequential" else 0)
    if tokens < needed:
        raise CorpusError(
            f"the training text has {tokens:,} tokens; batches of {size} x {length} need at least {needed:,}",
            "use a longer text, or a smaller --batch-size or --steps-per-sequence",
        )
