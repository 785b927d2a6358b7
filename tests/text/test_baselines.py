"""The figures of counting that stand beside every model's."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rnnbench.errors import CorpusError
from rnnbench.metrics import Score
from rnnbench.text import baselines, compression, ngrams
from rnnbench.text.baselines import Baselines, ScoredSplit


def _measured(whole: str, **values: object) -> Baselines:
    characters = sorted(set(whole))
    ids = np.array([characters.index(character) for character in whole], dtype=np.uint8)
    held_out = ScoredSplit("validation", ids[3600:], len(whole) - 3600, text=[whole[3600:]])
    return baselines.measure(ids[:3600], [whole[:3600]], replace(held_out, **values), len(characters))


def test_each_baseline_is_what_its_name_says(english_text: str) -> None:
    """Uniform is ln V, unigram adds one to each count, the 5-gram and xz are those of their modules."""
    found = _measured(english_text)
    train, held_out = english_text[:3600], english_text[3600:]
    kinds = len(set(english_text))
    unigram = [-math.log((train.count(character) + 1) / (len(train) + kinds)) for character in held_out[1:]]
    assert [row.name for row in found.rows] == ["uniform", "unigram", "5-gram", "xz -9"]
    assert (found.split, found.tokens_scored) == ("validation", len(held_out) - 1)
    assert found.uniform.loss_nats == pytest.approx(math.log(kinds))
    assert found.unigram.loss_nats == pytest.approx(math.fsum(unigram) / len(unigram), abs=1e-12)
    assert found.ngram.loss_nats < found.unigram.loss_nats < found.uniform.loss_nats
    assert found.xz is not None
    assert found.xz.loss_nats is None
    assert found.xz.bits_per_character == compression.xz_cost([train], [held_out]).bits_per_character


def test_bits_per_character_are_counted_as_a_models_are(english_text: str) -> None:
    """Spelling costs enter the figure per character as they do in a model's score, and not the nats per token."""
    plain, charged = _measured(english_text), _measured(english_text, spelling_nats=50.0)
    assert charged.ngram.loss_nats == plain.ngram.loss_nats
    score = Score(charged.ngram.loss_nats, 399, 400, characters=400, bytes=400, spelling_nats=50.0)
    assert charged.ngram.bits_per_character == pytest.approx(score.bits_per_character, abs=1e-12)
    assert charged.ngram.bits_per_character > plain.ngram.bits_per_character


def test_figures_that_are_not_known_are_withheld(english_text: str) -> None:
    """Without spelling costs there are no bits per character of predictions; without text there is no xz."""
    found = _measured(english_text, spelling_nats=None, text=None)
    assert [row.bits_per_character for row in found.rows] == [None, None, None]
    assert found.xz is None


def test_what_was_learned_from_is_told() -> None:
    """Where only the end of the training text was used, the figure says so."""
    ids = np.zeros(100, dtype=np.uint8)
    split = ScoredSplit("test", ids[:10], 10, text=["y" * 10])
    found = baselines.measure(ids, ["x" * 100], split, 2, maximum_train_tokens=30, maximum_train_bytes=20)
    assert [(row.unit, row.learned_from, row.train_size) for row in found.rows] == [
        ("tokens", 0, 100),
        ("tokens", 100, 100),
        ("tokens", 30, 100),
        ("bytes", 20, 100),
    ]
    assert found.ngram.loss_nats == ngrams.ngram_score(ids[:30], ids[:10], 2).loss_nats


def test_a_split_of_one_token_is_refused() -> None:
    """Nothing can be predicted after the first token of one."""
    ids = np.zeros(5, dtype=np.uint8)
    with pytest.raises(CorpusError, match="at least 2 tokens"):
        baselines.measure(ids, None, ScoredSplit("test", ids[:1], 1), 2)
    with pytest.raises(CorpusError, match="at least 2 tokens"):
        baselines.unigram_loss_nats(ids, ids[:1], 2)
