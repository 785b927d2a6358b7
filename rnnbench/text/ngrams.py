"""What counting alone predicts: interpolated n-grams over token ids, smoothed as Witten and Bell do.

    p_n(w | h) = (c(hw) + T(h) p_{n-1}(w | h')) / (c(h) + T(h)),    p_0(w) = 1 / V

c counts in the training text, T(h) is how many kinds of token follow h there, h' is h without its oldest token
(Witten & Bell 1991, method C, in the interpolated form of Jelinek & Mercer 1980). A context that was never followed by
anything leaves p_{n-1} as it is. No parameter has to be tuned, so the figure is the same whoever computes it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench.errors import BadDataError, CorpusError, UsageError

MAXIMUM_TRAIN_TOKENS = 3_000_000  # about 100 bytes a token where every 3-gram is new: below 400 MB at order 5
MAXIMUM_ORDER = 5
_BLOCK = 1 << 18  # held-out tokens scored at a time

Ids = NDArray[Any]  # of any integer type, in memory or mapped
Longs = NDArray[np.int64]
Counts = NDArray[np.int32]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class NgramScore:
    """How well n-grams predict a text: mean nats per token over all tokens but the first, and what they learned from.

    `train_tokens_used` are the last of `train_tokens`.
    """

    order: int
    loss_nats: float
    tokens_scored: int
    train_tokens: int
    train_tokens_used: int


@dataclass(frozen=True)
class _Level:
    """All grams of one length, each numbered by its place in `keys`.

    A key is context x vocabulary + token, where context is the number of the gram without its last token one level
    below. `followed` and `kinds` tell of each context: c(h) and T(h).
    """

    keys: Longs  # (grams,) ascending
    counts: Counts  # (grams,)
    followed: Counts  # (contexts,)
    kinds: Counts  # (contexts,)

    def find(self, keys: Longs) -> Longs:
        """The number of each gram; -1 for those the training text does not hold."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int64)
        places = np.searchsorted(self.keys, keys)
        places[places == len(self.keys)] = 0
        places[self.keys[places] != keys] = -1
        return places


@dataclass(frozen=True)
class NgramModel:
    """Counts of every gram up to `order` tokens, learned from `tokens_used` tokens."""

    order: int
    vocabulary_size: int
    tokens_used: int
    levels: tuple[_Level, ...]

    def probabilities(self, ids: Ids) -> Probabilities:
        """(N,) ids -> (N,) probability of each token given up to order - 1 tokens before it; the first given none."""
        tokens = _checked(ids, self.vocabulary_size)
        chances = np.full(len(tokens), 1.0 / self.vocabulary_size)
        contexts = np.zeros(len(tokens), dtype=np.int64)  # the number of the context before each token; -1: unknown
        for level in self.levels:
            known = np.flatnonzero(contexts >= 0)
            grams = np.full(len(tokens), -1, dtype=np.int64)
            grams[known] = level.find(contexts[known] * self.vocabulary_size + tokens[known])
            chances[known] = _interpolated(level, contexts[known], grams[known], chances[known])
            contexts[1:] = grams[:-1]
            contexts[:1] = -1
        return chances

    def score(self, ids: Ids, check: Callable[[], None] = lambda: None) -> tuple[float, int]:
        """(mean nats per token, tokens scored) over all but the first of (N,) ids.

        Contexts are shorter near the start. `check` is called between blocks and may raise to end the work.
        Raises CorpusError where there are fewer than two tokens.
        """
        if len(ids) < 2:
            raise CorpusError(f"a text of {len(ids)} tokens cannot be scored", "scoring needs at least 2 tokens")
        total = 0.0
        for chances in self._blocks(ids, check):
            total -= float(np.log(chances).sum())
        return total / (len(ids) - 1), len(ids) - 1

    def _blocks(self, ids: Ids, check: Callable[[], None]) -> Iterator[Probabilities]:
        """The probabilities of all tokens but the first, each block read with the contexts that reach into it."""
        for start in range(1, len(ids), _BLOCK):
            check()
            first = max(start - (self.order - 1), 0)
            yield self.probabilities(ids[first : start + _BLOCK])[start - first :]


def train(
    ids: Ids,
    vocabulary_size: int,
    order: int = MAXIMUM_ORDER,
    maximum_tokens: int = MAXIMUM_TRAIN_TOKENS,
    check: Callable[[], None] = lambda: None,
) -> NgramModel:
    """Count the grams of the last `maximum_tokens` of (N,) training ids; time grows as order x tokens x log tokens.

    `check` is called between the steps of each order and may raise to end the work. Raises BadDataError for an id that
    the vocabulary does not hold, UsageError for an order that is not offered.
    """
    if not 1 <= order <= MAXIMUM_ORDER:
        raise UsageError(f"there are no {order}-grams here", f"the order is 1 to {MAXIMUM_ORDER}")
    tokens = _checked(ids[max(len(ids) - maximum_tokens, 0) :], vocabulary_size)
    levels: list[_Level] = []
    contexts = np.zeros(len(tokens), dtype=np.int32)  # of tokens[len(levels):]
    context_count = 1
    while len(levels) < order:
        check()
        level, grams = _count(contexts, context_count, tokens[len(levels) :], vocabulary_size, check)
        levels.append(level)
        contexts, context_count = grams[:-1], len(level.keys)
    return NgramModel(order, vocabulary_size, len(tokens), tuple(levels))


def ngram_score(
    train_ids: Ids,
    split_ids: Ids,
    vocabulary_size: int,
    order: int = MAXIMUM_ORDER,
    maximum_tokens: int = MAXIMUM_TRAIN_TOKENS,
    check: Callable[[], None] = lambda: None,
) -> NgramScore:
    """Learn from the training ids and predict the split's. Raises CorpusError and BadDataError as the two steps do."""
    model = train(train_ids, vocabulary_size, order, maximum_tokens, check)
    loss_nats, scored = model.score(split_ids, check)
    return NgramScore(order, loss_nats, scored, len(train_ids), model.tokens_used)


def _count(
    contexts: Counts, context_count: int, tokens: Ids, vocabulary_size: int, check: Callable[[], None]
) -> tuple[_Level, Counts]:
    """The level of these (context, token) pairs, and for each pair the number of its gram."""
    keys = contexts.astype(np.int64)
    keys *= vocabulary_size
    keys += tokens.astype(np.int64)
    order = np.argsort(keys)
    check()
    keys = keys[order]
    first = np.ones(len(keys), dtype=np.bool_)  # where a new gram begins
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    grams = np.empty(len(keys), dtype=np.int32)
    grams[order] = np.cumsum(first, dtype=np.int32) - 1
    del order
    counts = np.diff(np.append(np.flatnonzero(first), len(keys))).astype(np.int32)
    keys = keys[first]
    owners = keys // vocabulary_size
    followed = np.bincount(owners, weights=counts, minlength=context_count).astype(np.int32)
    kinds = np.bincount(owners, minlength=context_count).astype(np.int32)
    return _Level(keys, counts, followed, kinds), grams


def _interpolated(level: _Level, contexts: Longs, grams: Longs, lower: Probabilities) -> Probabilities:
    """p_n from p_{n-1}, for tokens whose contexts the training text holds."""
    seen = np.where(grams >= 0, level.counts[grams], 0) if len(level.counts) else np.zeros(len(grams))
    kinds, followed = level.kinds[contexts], level.followed[contexts]
    return np.where(kinds > 0, (seen + kinds * lower) / np.maximum(followed + kinds, 1), lower)


def _checked(ids: Ids, vocabulary_size: int) -> Ids:
    if len(ids) and int(ids.max()) >= vocabulary_size:
        raise BadDataError(
            f"token id {int(ids.max())} in a vocabulary of {vocabulary_size} tokens",
            "the ids and the vocabulary belong to different texts",
        )
    return ids
