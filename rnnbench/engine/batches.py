"""A token stream as (T, B) batches. A batch is a pure function of (seed, step): nothing is kept between steps."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.config import TrainingConfig
from rnnbench.engine.permutations import permuted
from rnnbench.errors import CorpusError

_SHORT_SHARE = 0.05  # of random lengths are around T / 2 (Merity et al. 2018, section 4.1)
_DEVIATION = 5 / 70  # of random lengths, as a share of T: the paper's 5 tokens around 70
_LENGTHS = 1  # keeps the random numbers of the lengths apart from those of the epoch's offset


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
        return _as_batch(self.ids[starts[None, :] + np.arange(self.length + 1)[:, None]], fresh=fresh)


def _as_batch(window_TB: NDArray[np.generic], *, fresh: bool) -> Batch:
    """T inputs and T targets from T + 1 tokens of each lane."""
    tokens = torch.from_numpy(window_TB.astype(np.int64, order="C"))
    return Batch(tokens[:-1], tokens[1:], fresh)


class Sequential:
    """B contiguous lanes; the batches of an epoch continue each other, so the state is carried.

    A random offset in [0, T] is dropped at the start of each epoch; tails that fill no window are left out.
    """

    def __init__(self, windows: _Windows) -> None:
        self._windows = windows
        self._lane = (len(windows.ids) - 1 - windows.length) // windows.batch_size
        self.steps_per_epoch = self._lane // windows.length
        self._ids_LB: tuple[int, NDArray[np.generic]] | None = None

    def batch(self, step: int) -> Batch:
        """Lane l of step s within the epoch reads [offset + l * lane + s * T, ...)."""
        return self.stretch(step, 1)

    def stretch(self, step: int, most: int) -> Batch:
        """The batches of at most so many steps as one long one (steps * T, B); fewer where the epoch ends."""
        epoch, index = divmod(step, self.steps_per_epoch)
        length, steps = self._windows.length, min(most, self.steps_per_epoch - index)
        return _as_batch(self._lanes(epoch)[index * length : (index + steps) * length + 1], fresh=index == 0)

    def _lanes(self, epoch: int) -> NDArray[np.generic]:
        """The lanes of an epoch side by side, (lane + 1, B), read where they lie: each ends with the next one's first.

        Drawing an offset and indexing cost more than a whole update of a tiny network, a slice of this costs little.
        """
        if self._ids_LB is None or self._ids_LB[0] != epoch:  # only a cache: the epoch alone decides the offset
            windows = self._windows
            offset = int(windows.random(epoch).integers(windows.length + 1))
            lanes_BL = np.lib.stride_tricks.sliding_window_view(np.asarray(windows.ids)[offset:], self._lane + 1)
            self._ids_LB = (epoch, lanes_BL[:: self._lane][: windows.batch_size].T)
        return self._ids_LB[1]


class RandomLengths(Sequential):
    """Batches that continue each other, their lengths drawn around T: the gradient is cut at ever other places.

    As Merity et al. (2018), section 4.1: a batch lasts about normal(T, T / 14) tokens, or one time in twenty half of
    that, and its learning rate is to be scaled by `share_of_length`, else the tokens of short batches would count more.
    The lengths of an epoch are drawn from (seed, epoch) and brought to the sum of the lane: there are as many batches
    as without, and they read each token of a lane exactly once.
    """

    def __init__(self, windows: _Windows) -> None:
        super().__init__(windows)
        self._edges: tuple[int, NDArray[np.int64]] | None = None

    def batch(self, step: int) -> Batch:
        """The tokens of each lane between two edges of the epoch, (length, B)."""
        start, stop = self._reach(step)
        epoch, index = divmod(step, self.steps_per_epoch)
        return _as_batch(self._lanes(epoch)[start : stop + 1], fresh=index == 0)

    def share_of_length(self, step: int) -> float:
        """The length of a step's batch as a share of T."""
        start, stop = self._reach(step)
        return (stop - start) / self._windows.length

    def _reach(self, step: int) -> tuple[int, int]:
        """Where in its lane the batch of a step begins and ends."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if self._edges is None or self._edges[0] != epoch:  # only a cache: (seed, epoch) alone decides
            self._edges = (epoch, self._draw(np.random.default_rng((self._windows.seed, epoch, _LENGTHS))))
        edges = self._edges[1]
        return int(edges[index]), int(edges[index + 1])

    def _draw(self, random: np.random.Generator) -> NDArray[np.int64]:
        """The edges of all batches of an epoch, from 0 to the end of the lane."""
        steps = self.steps_per_epoch
        means = np.where(random.random(steps) < _SHORT_SHARE, 0.5, 1.0)
        weights = np.maximum(means + _DEVIATION * random.standard_normal(steps), _DEVIATION)
        # Each batch has one token for itself, and of the others a part by its weight: none is empty, the sum is exact.
        parts = np.concatenate(([0.0], np.cumsum(weights) / weights.sum()))
        edges: NDArray[np.int64] = np.arange(steps + 1) + np.rint(parts * (self._lane - steps)).astype(np.int64)
        return edges


class Overlapping:
    """Every window that begins at a multiple of the stride, shuffled; the state starts from zero each time.

    At stride 1 these are N - T - 1 windows. The order of an epoch is computed where it is needed and stored nowhere:
    100 million windows take no more memory than ten.
    """

    def __init__(self, windows: _Windows, stride: int) -> None:
        self._windows, self._stride = windows, stride
        self._count = (len(windows.ids) - windows.length - 2) // stride + 1
        self.steps_per_epoch = self._count // windows.batch_size

    def batch(self, step: int) -> Batch:
        """The windows of a step: a slice of the epoch's permutation."""
        windows = self._windows
        epoch, index = divmod(step, self.steps_per_epoch)
        places = np.arange(index * windows.batch_size, (index + 1) * windows.batch_size)
        return windows.read(permuted(places, self._count, windows.random(epoch)) * self._stride, fresh=True)


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
    if training.batches == "windows":
        return Overlapping(windows, training.stride)
    if training.batches == "random":
        return Random(windows)
    return RandomLengths(windows) if training.random_lengths else Sequential(windows)


def check_length(tokens: int, training: TrainingConfig) -> None:
    """Raise CorpusError when so many tokens do not fill a batch; it names how many are needed."""
    size, length = training.batch_size, training.steps_per_sequence
    needed = (size + 1) * length + (1 if training.batches == "sequential" else 0)
    if training.batches == "windows":
        needed = (size - 1) * training.stride + length + 2
    if tokens < needed:
        raise CorpusError(
            f"the training text has {tokens:,} tokens; batches of {size} x {length} need at least {needed:,}",
            "use a longer text, or a smaller --batch-size or --steps-per-sequence",
        )
