"""Pairs as padded batches of sources of one length. A batch is a pure function of (seed, step)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.engine.encoder_decoder import IGNORED
from rnnbench.errors import CorpusError
from rnnbench.text.pair_corpus import BOS, EOS, PAD, Lines, PairSplit

Places = NDArray[np.int64]


@dataclass(frozen=True)
class PairBatch:
    """Sources of one length S, and targets as long as the longest with its <eos>; all int64, time first.

    `inputs_TB` begin with <bos>, `targets_TB` end with <eos> and are IGNORED behind it; `tokens` counts the targets
    that are not. `places` (B,) say which pairs of the split these are.
    """

    source_SB: Tensor
    inputs_TB: Tensor
    targets_TB: Tensor
    tokens: int
    places: Places


class PairBatches:
    """Every pair once an epoch, in batches drawn anew for each: shuffled within a length, then the batches themselves.

    The last batch of a length may be small; none is left out and no source is padded.
    """

    def __init__(self, split: PairSplit, batch_size: int, seed: int) -> None:
        if not len(split):
            raise CorpusError(f"the {split.name} split holds no pairs", "use a text with more pairs")
        self._split, self._batch_size, self._seed = split, batch_size, seed
        self._by_length = by_source_length(split)
        self.steps_per_epoch = sum(-(-len(places) // batch_size) for places in self._by_length)
        self.tokens_per_step = max(1, round(split.target_tokens / self.steps_per_epoch))
        self._order: tuple[int, list[Places]] | None = None

    def batch(self, step: int) -> PairBatch:
        """The batch of a step, counted from 0."""
        epoch, index = divmod(step, self.steps_per_epoch)
        return read_batch(self._split, self._batches(epoch)[index])

    def _batches(self, epoch: int) -> list[Places]:
        if self._order is None or self._order[0] != epoch:  # only a cache: the epoch alone decides the order
            random = np.random.default_rng((self._seed, epoch))
            batches = [
                batch for places in self._by_length for batch in _cut(random.permutation(places), self._batch_size)
            ]
            self._order = (epoch, [batches[index] for index in random.permutation(len(batches))])
        return self._order[1]


def by_source_length(split: PairSplit, places: Places | None = None) -> list[Places]:
    """The pairs of each source length, short sources first, in the split's order; of all pairs, or of some places."""
    chosen = np.arange(len(split)) if places is None else places
    lengths = split.sources.lengths[chosen]
    return [chosen[lengths == length] for length in np.unique(lengths)]


def in_order(split: PairSplit, numbers: int, places: Places | None = None) -> Iterator[PairBatch]:
    """The pairs once each, by length; a batch has at most `numbers` tokens, padding counted, where it can."""
    for group in by_source_length(split, places):
        source, target = split.sources.lengths[group[0]], split.targets.lengths[group] + 1
        lanes = int(max(1, numbers // (source + target.max())))
        yield from (read_batch(split, part) for part in _cut(group, lanes))


def read_batch(split: PairSplit, places: Places) -> PairBatch:
    """The pairs at these places, whose sources have one length."""
    source_SB, _ = _padded(split.sources, places, PAD)
    target_TB, lengths = _padded(split.targets, places, IGNORED)
    targets_TB = np.concatenate((target_TB, np.full((1, len(places)), IGNORED)))
    targets_TB[lengths, np.arange(len(places))] = EOS
    targets = torch.from_numpy(targets_TB)
    return PairBatch(torch.from_numpy(source_SB), inputs_of(targets), targets, int(lengths.sum()) + len(places), places)


def inputs_of(targets_TB: Tensor) -> Tensor:
    """What the decoder reads while it predicts these targets: <bos> and then each of them, one step later."""
    inputs_TB = torch.cat((torch.full_like(targets_TB[:1], BOS), targets_TB[:-1]))
    return inputs_TB.masked_fill(inputs_TB == IGNORED, PAD)


def _padded(lines: Lines, places: Places, padding: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some lines (T, B), padded to the longest of them, and their lengths (B,)."""
    lengths = lines.lengths[places]
    steps = np.arange(lengths.max())[:, None]
    positions = np.minimum(lines.offsets[places] + steps, len(lines.ids) - 1)
    return np.where(steps < lengths, lines.ids[positions].astype(np.int64), padding), lengths


def _cut(places: Places, size: int) -> list[Places]:
    return [places[start : start + size] for start in range(0, len(places), size)]
