"""One reducer, one perplexity: figures against hand calculations."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.metrics import LossReducer, Score, bits_per_unit, perplexity


def score(**values: float) -> Score:
    """A score of 100 of 101 tokens, one byte and one character each."""
    plain = {"loss_nats": 1.5, "tokens_scored": 100, "tokens_total": 101, "characters": 101, "bytes": 101}
    return Score(**(plain | values))  # type: ignore[arg-type]


def test_perplexity_is_the_exponential_of_the_mean() -> None:
    """exp of nats per token, e.g. exp(0.2065) = 1.23; beyond a double it is infinite, not an exception."""
    assert perplexity(0.2065) == pytest.approx(1.2294, abs=1e-4)
    assert perplexity(0.0) == 1.0
    assert perplexity(1e6) == math.inf


def test_a_short_last_batch_does_not_weigh_as_much_as_a_full_one() -> None:
    """The mean is weighted by tokens: 1,000 tokens at 1 nat and 10 at 5 nats are 1,050 nats over 1,010."""
    reducer = LossReducer()
    reducer.add(1.0, 1000)
    reducer.add(5.0, 10)
    assert reducer.loss_nats == pytest.approx(1050 / 1010)
    assert reducer.tokens == 1010


def test_the_log_that_once_read_as_perplexity_one() -> None:
    """173 batches at 0.2065 nats make 1.23, not exp(0.2065 / 173) = 1.00."""
    reducer = LossReducer()
    for _ in range(173):
        reducer.add(0.2065, 64 * 100)
    assert perplexity(reducer.loss_nats) == pytest.approx(1.23, abs=0.005)


def test_nothing_added_is_not_a_number() -> None:
    """Before the first token there is no mean, rather than a perfect one."""
    assert math.isnan(LossReducer().loss_nats)


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 5000)), min_size=1, max_size=30))
def test_the_order_and_the_cutting_of_batches_do_not_matter(batches: list[tuple[float, int]]) -> None:
    """The mean of all tokens is the same forwards, backwards, and against an exact sum."""
    forwards, backwards = LossReducer(), LossReducer()
    for loss, tokens in batches:
        forwards.add(loss, tokens)
    for loss, tokens in reversed(batches):
        backwards.add(loss, tokens)
    exact = math.fsum(loss * tokens for loss, tokens in batches) / sum(tokens for _, tokens in batches)
    assert forwards.loss_nats == pytest.approx(exact, rel=1e-12, abs=1e-12)
    assert backwards.loss_nats == pytest.approx(exact, rel=1e-12, abs=1e-12)


def test_bits_are_nats_over_ln_two() -> None:
    """ln 2 nats on each of four characters are one bit per character; an empty text has no figure."""
    assert bits_per_unit(4 * math.log(2), 4) == pytest.approx(1.0)
    assert bits_per_unit(3.0, 0) is None


def test_bits_per_character_count_every_character_of_the_text() -> None:
    """100 scored tokens at 1.5 nats over 101 characters, and over twice as many bytes."""
    measured = score(bytes=202)
    assert measured.bits_per_character == pytest.approx(100 * 1.5 / math.log(2) / 101)
    assert measured.bits_per_byte == pytest.approx(100 * 1.5 / math.log(2) / 202)


def test_unknown_tokens_pay_for_their_spelling_in_bits_and_not_in_perplexity() -> None:
    """A model cannot look better per character by not knowing a character."""
    free, charged = score(), score(unknown_tokens=5, spelling_nats=50.0)
    assert charged.perplexity == free.perplexity == pytest.approx(math.exp(1.5))
    assert charged.bits_per_character == pytest.approx((150 + 50) / math.log(2) / 101)
    assert charged.bits_per_byte == pytest.approx((150 + 50) / math.log(2) / 101)
    assert charged.out_of_vocabulary_rate == pytest.approx(5 / 101)


@pytest.mark.parametrize(("scored", "total", "coverage"), [(100, 101, 1.0), (50, 101, 0.5), (0, 1, 0.0), (0, 0, 0.0)])
def test_coverage_counts_all_tokens_but_the_first(scored: int, total: int, coverage: float) -> None:
    """Only what can be predicted counts: N - 1 of N tokens is full coverage."""
    assert score(tokens_scored=scored, tokens_total=total).coverage == coverage
