"""What prediction without a network achieves on a split: the figures that every model's figure stands beside."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench.errors import CorpusError
from rnnbench.metrics import bits_per_unit
from rnnbench.text.compression import MAXIMUM_TRAIN_BYTES, XzCost, xz_cost
from rnnbench.text.ngrams import MAXIMUM_ORDER, MAXIMUM_TRAIN_TOKENS, NgramScore, ngram_score

_BLOCK = 1 << 20

Ids = NDArray[Any]  # of any integer type, in memory or mapped


@dataclass(frozen=True)
class ScoredSplit:
    """The text that is predicted: (N,) ids, what it weighs, and its text in pieces for a compressor.

    `spelling_nats` is the cost of spelling its unknown tokens. None where that is not known: then the figures per
    character are withheld.
    """

    name: str
    ids: Ids
    characters: int
    spelling_nats: float | None = 0.0
    text: Iterable[str] | None = None


@dataclass(frozen=True)
class Baseline:
    """One way of predicting: nats per token where it predicts tokens, bits per character where these are known.

    `learned_from` of the `train_size` tokens or bytes of the training text, the last ones, were used.
    """

    name: str
    loss_nats: float | None
    bits_per_character: float | None
    unit: str
    learned_from: int
    train_size: int


@dataclass(frozen=True)
class Baselines:
    """All baselines of one split, over its tokens but the first. `xz` is None where no text was given to compress."""

    split: str
    tokens_scored: int
    uniform: Baseline
    unigram: Baseline
    ngram: Baseline
    xz: Baseline | None

    @property
    def rows(self) -> tuple[Baseline, ...]:
        """The baselines that there are, from the weakest idea to the strongest."""
        return tuple(row for row in (self.uniform, self.unigram, self.ngram, self.xz) if row is not None)


def uniform_loss_nats(vocabulary_size: int) -> float:
    """Nats per token of a guess among all tokens of the vocabulary."""
    return math.log(vocabulary_size)


def unigram_loss_nats(
    train_ids: Ids, split_ids: Ids, vocabulary_size: int, check: Callable[[], None] = lambda: None
) -> float:
    """Mean nats per token after the first, under the training text's frequencies with one added to each count.

    Raises CorpusError where the split has fewer than two tokens.
    """
    if len(split_ids) < 2:
        raise CorpusError(f"a text of {len(split_ids)} tokens cannot be scored", "scoring needs at least 2 tokens")
    train = _count(train_ids, vocabulary_size, check) + 1
    scored = _count(split_ids[1:], vocabulary_size, check)
    return float(-(scored @ np.log(train / train.sum())) / scored.sum())


def measure(
    train_ids: Ids,
    train_text: Iterable[str] | None,
    split: ScoredSplit,
    vocabulary_size: int,
    order: int = MAXIMUM_ORDER,
    maximum_train_tokens: int = MAXIMUM_TRAIN_TOKENS,
    maximum_train_bytes: int = MAXIMUM_TRAIN_BYTES,
    check: Callable[[], None] = lambda: None,
) -> Baselines:
    """All baselines of a split. `check` is called between pieces of work and may raise to end it.

    Raises CorpusError where the split has fewer than two tokens, BadDataError for ids outside the vocabulary.
    """
    counted = ngram_score(train_ids, split.ids, vocabulary_size, order, maximum_train_tokens, check)
    unigram = unigram_loss_nats(train_ids, split.ids, vocabulary_size, check)
    xz = None
    if train_text is not None and split.text is not None:
        xz = _compressed(xz_cost(train_text, split.text, maximum_train_bytes, check))
    return Baselines(
        split.name,
        counted.tokens_scored,
        _predicted("uniform", uniform_loss_nats(vocabulary_size), split, 0, len(train_ids)),
        _predicted("unigram", unigram, split, len(train_ids), len(train_ids)),
        _ngram(counted, split),
        xz,
    )


def _predicted(name: str, loss_nats: float, split: ScoredSplit, learned_from: int, train_size: int) -> Baseline:
    bits = None
    if split.spelling_nats is not None:
        bits = bits_per_unit(loss_nats * (len(split.ids) - 1) + split.spelling_nats, split.characters)
    return Baseline(name, loss_nats, bits, "tokens", learned_from, train_size)


def _ngram(score: NgramScore, split: ScoredSplit) -> Baseline:
    name = f"{score.order}-gram"
    return _predicted(name, score.loss_nats, split, score.train_tokens_used, score.train_tokens)


def _compressed(cost: XzCost) -> Baseline:
    return Baseline("xz -9", None, cost.bits_per_character, "bytes", cost.train_bytes_used, cost.train_bytes)


def _count(ids: Ids, vocabulary_size: int, check: Callable[[], None]) -> NDArray[np.int64]:
    counts = np.zeros(vocabulary_size, dtype=np.int64)
    for start in range(0, len(ids), _BLOCK):
        check()
        counts += np.bincount(ids[start : start + _BLOCK].astype(np.int64), minlength=vocabulary_size)
    return counts
