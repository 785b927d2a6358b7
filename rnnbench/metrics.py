"""Nats into the figures people read: the only place where a loss becomes anything else.

A loss is the mean negative log-likelihood in nats. Perplexity is the exponential of a token-weighted mean,
never a mean of exponentials (Jelinek et al. 1977).
"""

import math
from dataclasses import dataclass

MEMORISED_PERPLEXITY = 1.05


def perplexity(loss_nats: float) -> float:
    """exp(mean nats per token); infinite where it overflows a double."""
    try:
        return math.exp(loss_nats)
    except OverflowError:
        return math.inf


def bits_per_unit(total_nats: float, units: int) -> float | None:
    """Total negative log-likelihood in bits, spread over `units` characters or bytes; None for an empty text."""
    return total_nats / (math.log(2) * units) if units else None


@dataclass
class LossReducer:
    """A token-weighted mean in double precision: sum(loss x tokens) / sum(tokens)."""

    total_nats: float = 0.0
    tokens: int = 0

    def add(self, loss_nats: float, tokens: int) -> None:
        """Add a batch: its mean loss in nats and how many tokens that mean covers."""
        self.total_nats += float(loss_nats) * tokens
        self.tokens += tokens

    @property
    def loss_nats(self) -> float:
        """Mean loss in nats; not a number before the first token."""
        return self.total_nats / self.tokens if self.tokens else math.nan


@dataclass(frozen=True)
class Score:
    """How well one split was predicted: sums, so that every figure can be derived and none can drift.

    `spelling_nats` is the cost of spelling the unknown tokens that the model saw only as <unk>; it enters the
    figures per character and byte, which compare models with different vocabularies, and not the perplexity.
    It is None where they cannot be spelled, and those
    figures are withheld. `tokens_given` of the tokens need no prediction: the first of a stream.
    """

    loss_nats: float
    tokens_scored: int
    tokens_total: int
    characters: int
    bytes: int
    unknown_tokens: int = 0
    spelling_nats: float | None = 0.0
    tokens_given: int = 1

    @property
    def perplexity(self) -> float:
        """exp of the mean loss per token."""
        return perplexity(self.loss_nats)

    @property
    def coverage(self) -> float:
        """Share of the tokens that can be predicted that were scored."""
        predictable = self.tokens_total - self.tokens_given
        return self.tokens_scored / predictable if predictable > 0 else 0.0

    @property
    def bits_per_character(self) -> float | None:
        """Bits per character of text, unknown tokens charged their spelling."""
        return None if self._total_nats is None else bits_per_unit(self._total_nats, self.characters)

    @property
    def bits_per_byte(self) -> float | None:
        """Bits per UTF-8 byte of text, unknown tokens charged their spelling."""
        return None if self._total_nats is None else bits_per_unit(self._total_nats, self.bytes)

    @property
    def out_of_vocabulary_rate(self) -> float:
        """Share of the tokens that the vocabulary does not hold."""
        return self.unknown_tokens / self.tokens_total if self.tokens_total else 0.0

    @property
    def _total_nats(self) -> float | None:
        return None if self.spelling_nats is None else self.loss_nats * self.tokens_scored + self.spelling_nats
