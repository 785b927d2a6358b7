"""Interpolated n-grams: the equations, checked against a dictionary, and bounds on memory and time to cancel."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.errors import BadDataError, CorpusError, Stopped, UsageError
from rnnbench.text import ngrams


class SlowNgrams:
    """The recursion of Witten and Bell on dictionaries of tuples, one token at a time."""

    def __init__(self, train: Sequence[int], vocabulary_size: int, order: int) -> None:
        self.vocabulary_size, self.order = vocabulary_size, order
        self.followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for place, token in enumerate(train):
            for length in range(min(order - 1, place) + 1):
                self.followers[tuple(train[place - length : place])][token] += 1

    def probability(self, history: tuple[int, ...], token: int) -> float:
        lower = self.probability(history[1:], token) if history else 1 / self.vocabulary_size
        if history not in self.followers:
            return lower
        counts = self.followers[history]
        return (counts[token] + len(counts) * lower) / (counts.total() + len(counts))

    def loss_nats(self, ids: Sequence[int]) -> float:
        costs = [
            -math.log(self.probability(tuple(ids[max(place - self.order + 1, 0) : place]), ids[place]))
            for place in range(1, len(ids))
        ]
        return math.fsum(costs) / len(costs)


def _ids(text: str) -> np.ndarray:
    characters = sorted(set(text))
    return np.array([characters.index(character) for character in text], dtype=np.uint16)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_the_loss_is_that_of_a_slow_dictionary(order: int, english_text: str) -> None:
    """Every order gives the mean nats of the textbook recursion, to 1e-9."""
    ids = _ids(english_text)
    train, held_out = ids[:3600], ids[3600:]
    score = ngrams.ngram_score(train, held_out, 60, order)
    assert score.loss_nats == pytest.approx(
        SlowNgrams(train.tolist(), 60, order).loss_nats(held_out.tolist()), abs=1e-9
    )
    assert (score.tokens_scored, score.train_tokens_used) == (len(held_out) - 1, 3600)


@given(
    st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), min_size=2, max_size=20), st.integers(1, 5)
)
def test_any_small_text_agrees_with_the_dictionary(train: list[int], held_out: list[int], order: int) -> None:
    """Empty and one-token texts, contexts seen only at the very end, unseen tokens: the same figure."""
    score = ngrams.ngram_score(np.array(train, dtype=np.uint8), np.array(held_out, dtype=np.uint8), 4, order)
    assert score.loss_nats == pytest.approx(SlowNgrams(train, 4, order).loss_nats(held_out), abs=1e-9)


def test_probabilities_sum_to_one(english_text: str) -> None:
    """After any context, known, unknown or cut short, the probabilities of all tokens sum to 1."""
    ids = _ids(english_text)
    model = ngrams.train(ids, 40)
    for context in ([], [3], ids[100:104].tolist(), [39, 39, 39, 39], ids[-4:].tolist()):
        chances = [model.probabilities(np.array([*context, token]))[-1] for token in range(40)]
        assert sum(chances) == pytest.approx(1.0, abs=1e-12)
        assert min(chances) > 0


def test_blocks_do_not_show_in_the_score(english_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring in blocks carries contexts across them: the figure is that of one block."""
    ids = _ids(english_text)
    model = ngrams.train(ids[:3000], 60)
    whole = model.score(ids[3000:])
    monkeypatch.setattr(ngrams, "_BLOCK", 7)
    assert model.score(ids[3000:]) == (pytest.approx(whole[0], abs=1e-12), whole[1])


def test_only_the_last_training_tokens_are_used(english_text: str) -> None:
    """A cap on memory uses the end of the training text, and says how much of it."""
    ids = _ids(english_text)
    score = ngrams.ngram_score(ids[:3000], ids[3000:], 60, maximum_tokens=500)
    assert (score.train_tokens, score.train_tokens_used) == (3000, 500)
    assert score.loss_nats == pytest.approx(ngrams.ngram_score(ids[2500:3000], ids[3000:], 60).loss_nats, abs=1e-12)


def test_the_same_ids_in_any_type_and_from_disk(tmp_path: Path, english_text: str) -> None:
    """Small unsigned ids do not overflow, and memory-mapped ones need not be read first."""
    ids = _ids(english_text)
    expected = ngrams.ngram_score(ids[:3000].astype(np.int64), ids[3000:].astype(np.int64), 60)
    ids.astype(np.uint8).tofile(tmp_path / "ids.bin")
    mapped = np.memmap(tmp_path / "ids.bin", dtype=np.uint8, mode="r")
    assert ngrams.ngram_score(mapped[:3000], mapped[3000:], 60) == expected


def test_a_large_vocabulary_does_not_overflow() -> None:
    """Keys are context x vocabulary + token: 2^32 - 1 tokens still fit."""
    size = 2**32 - 1
    ids = np.array([size - 1, 0, size - 1, 0, size - 2] * 3, dtype=np.uint32)
    slow = SlowNgrams(ids.tolist(), size, 5)
    assert ngrams.ngram_score(ids, ids, size).loss_nats == pytest.approx(slow.loss_nats(ids.tolist()), abs=1e-9)


@pytest.mark.parametrize("calls", [1, 3, 8, 11])
def test_work_can_be_cancelled(calls: int, english_text: str) -> None:
    """What `check` raises ends training or scoring."""
    left = [calls]

    def check() -> None:
        left[0] -= 1
        if not left[0]:
            raise Stopped

    ids = _ids(english_text)
    with pytest.raises(Stopped):
        ngrams.ngram_score(ids[:3000], ids[3000:], 60, check=check)


def test_what_cannot_be_scored_is_refused() -> None:
    """One token has nothing to be predicted from; an id outside the vocabulary is not counted as another."""
    with pytest.raises(CorpusError, match="at least 2 tokens"):
        ngrams.ngram_score(np.array([0, 1]), np.array([0]), 2)
    for train, held_out in (([0, 2], [0, 1]), ([0, 1], [0, 2])):
        with pytest.raises(BadDataError, match="token id 2 in a vocabulary of 2"):
            ngrams.ngram_score(np.array(train), np.array(held_out), 2)


@pytest.mark.parametrize("order", [0, 6])
def test_only_offered_orders_are_counted(order: int) -> None:
    """Longer grams would outgrow the stated memory."""
    with pytest.raises(UsageError, match="the order is 1 to 5"):
        ngrams.train(np.array([0, 1]), 2, order)


def test_tiny_shakespeare_falls_with_the_order(shared_corpus: Callable[[str], Path]) -> None:
    """On a million characters each longer context helps, and five characters of context come to 2.4 bits."""
    text = shared_corpus("tinyshakespeare.txt").read_bytes()
    ids = np.unique(np.frombuffer(text, dtype=np.uint8), return_inverse=True)[1].astype(np.uint8)
    cut = len(ids) * 9 // 10
    bits = [ngrams.ngram_score(ids[:cut], ids[cut:], 65, order).loss_nats / math.log(2) for order in range(1, 6)]
    assert bits == sorted(bits, reverse=True)
    assert 2.3 < bits[-1] < 2.5
