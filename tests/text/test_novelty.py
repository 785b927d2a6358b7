"""Novelty: what a sample copies from the text it was trained on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.text import novelty

TEXT = "the keeper watched the harbour at dawn and a gull forgot seven boats "
SMALL = st.lists(st.integers(0, 3), min_size=1, max_size=24)


def ids(text):
    """One id for each character."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def measured(sample, train=TEXT):
    """The novelty of a text."""
    return novelty.measure(ids(sample), ids(train))


def test_a_copied_span_is_found_with_its_place():
    """The longest piece that stands in the training text, wherever in the sample it begins."""
    found = measured("xxx" + TEXT[10:40] + "yyy")
    assert (found.copied, found.copied_at) == (30, 3)


def test_a_sample_that_is_the_text_is_not_novel():
    """All of it is copied, and no n-gram is new."""
    found = measured(TEXT)
    assert found.copied == len(TEXT) == found.tokens
    assert found.novel_shares == (0.0,) * novelty.LONGEST_NGRAM


def test_what_was_never_read_is_wholly_novel():
    """Nothing is copied, and every n-gram is new."""
    found = measured("漢字漢語")
    assert found.copied == 0 and found.novel_shares == (1.0, 1.0, 1.0, 1.0)


def test_an_empty_sample_has_no_figures():
    """Nothing to look at is no error."""
    assert measured("") == novelty.Novelty(0, 0, 0, ())
    assert measured("ab", "").copied == 0


@given(SMALL, st.lists(st.integers(0, 3), max_size=60))
def test_figures_follow_from_their_definitions(sample, train):
    """Compared with looking for every span and every n-gram one by one."""
    found = novelty.measure(np.array(sample, dtype=np.uint8), np.array(train, dtype=np.uint16))
    spans = {tuple(train[a:b]) for a in range(len(train)) for b in range(a + 1, len(train) + 1)}
    copied = [b - a for a in range(len(sample)) for b in range(a + 1, len(sample) + 1) if tuple(sample[a:b]) in spans]
    assert found.copied == max(copied, default=0)
    assert tuple(sample[found.copied_at : found.copied_at + found.copied]) in spans | {()}
    for n, share in enumerate(found.novel_shares, 1):
        grams = {tuple(sample[at : at + n]) for at in range(len(sample) - n + 1)}
        assert share == pytest.approx(sum(gram not in spans for gram in grams) / len(grams))


def test_a_span_across_two_blocks_of_the_text_is_found(monkeypatch):
    """A long text is searched in parts that overlap by the sample's length."""
    monkeypatch.setattr(novelty, "_BLOCK", 16)
    assert measured(TEXT[5:45]).copied == 40


def test_only_the_first_tokens_of_a_long_sample_are_looked_at():
    """How many is told."""
    found = measured("z" * 3000)
    assert found.tokens == novelty.MAXIMUM_TOKENS


def test_ids_where_characters_have_gaps_are_kept_apart():
    """A vocabulary may be larger than the numbers below the surrogates."""
    train = np.array([0xD7FF, 0xD800, 0xDFFF, 0xE000], dtype=np.uint32)
    assert novelty.measure(train, train).copied == 4
    assert novelty.measure(np.array([0xE000, 0xD800], dtype=np.uint32), train).copied == 1


def test_looking_can_be_stopped():
    """The work asks now and then whether it should go on."""

    def stop():
        raise TimeoutError

    with pytest.raises(TimeoutError):
        novelty.measure(ids("some text"), ids(TEXT), stop)


def test_a_long_copied_span_is_memorised_and_frequent_letters_are_not():
    """What a network that knows its text by heart writes is flagged; letters drawn by their frequency are not."""
    random = np.random.default_rng(1)
    text = "".join(random.choice(list("abcdefgh "), 4000))
    assert measured(text[700:800], text).memorised
    drawn = "".join(random.permutation(list(text))[:600])
    assert not measured(drawn, text).memorised and measured(drawn, text).copied < 12
