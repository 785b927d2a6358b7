"""Windows with something to read on both sides of what is scored: the batches of the cloze task."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.config import TrainingConfig
from rnnbench.errors import CorpusError

_UNKNOWN = 0
_BLANKS = 1  # names the second stream of random numbers beside that of the order


@dataclass(frozen=True)
class WindowBatch:
    """Windows (margin + T + margin, B) int64: what is read, and what stands there; `inside` are the T scored rows."""

    ids_TB: Tensor
    targets_TB: Tensor
    inside: slice


class WindowBatches:
    """Windows whose inner parts do not overlap, from a random offset in [0, T-1], shuffled each epoch.

    A batch is a pure function of (seed, step). A share of the inputs is read as <unk>, drawn for each step: several
    neighbouring blanks then make sense to the model. The targets are always the text.
    """

    def __init__(self, ids: NDArray[np.generic], training: TrainingConfig) -> None:
        self._ids, self._training = ids, training
        _check_length(len(ids), training)
        length = training.steps_per_sequence
        self._count = (len(ids) - 2 * training.margin - (length - 1)) // length
        self.steps_per_epoch = self._count // training.batch_size
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def batch(self, step: int) -> WindowBatch:
        """The batch of a step, counted from 0."""
        training = self._training
        epoch, index = divmod(step, self.steps_per_epoch)
        starts = self._starts(epoch)[index * training.batch_size : (index + 1) * training.batch_size]
        rows = np.arange(training.steps_per_sequence + 2 * training.margin)
        window = self._ids[starts[None, :] + rows[:, None]].astype(np.int64)
        inside = slice(training.margin, training.margin + training.steps_per_sequence)
        return WindowBatch(torch.from_numpy(self._with_blanks(window, step)), torch.from_numpy(window), inside)

    def _with_blanks(self, window: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        random = np.random.default_rng((self._training.seed, step, _BLANKS))
        return np.where(random.random(window.shape) < self._training.blank_share, _UNKNOWN, window)

    def _starts(self, epoch: int) -> NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:  # only a cache: the epoch alone decides the order
            random, length = np.random.default_rng((self._training.seed, epoch)), self._training.steps_per_sequence
            offset = int(random.integers(length))
            self._order = (epoch, offset + random.permutation(self._count) * length)
        return self._order[1]


def _check_length(tokens: int, training: TrainingConfig) -> None:
    size, length, margin = training.batch_size, training.steps_per_sequence, training.margin
    needed = (size + 1) * length - 1 + 2 * margin
    if tokens < needed:
        raise CorpusError(
            f"the training text has {tokens:,} tokens; batches of {size} x {length} with {margin} more on each side "
            f"need at least {needed:,}",
            "use a longer text, or a smaller --batch-size, --steps-per-sequence or training.margin",
        )
