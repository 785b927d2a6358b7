"""A text beside its tokens: which characters each token stands for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rnnbench.text import tokenizers
from rnnbench.text.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class CutText:
    """A text, its ids (N,), and how many characters (N,) have begun up to and with each token.

    A token that only goes on with a character, as the second byte of "é" does, begins none.
    """

    text: str
    ids_N: NDArray[np.int64]
    ends_N: NDArray[np.int64]

    @classmethod
    def of(cls, vocabulary: Vocabulary, text: str) -> "CutText":
        """The text as the vocabulary's tokenizer cuts it; what the vocabulary lacks is id 0."""
        facts = vocabulary.tokenizer
        tokens = tokenizers.split(facts, text)
        ids = np.array([vocabulary.text_id(token) for token in tokens], dtype=np.int64)
        lengths = [tokenizers.weigh(facts, token)[0] for token in tokens]
        return cls(text, ids, np.cumsum(lengths, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ids_N)

    @property
    def unknown(self) -> int:
        """Tokens that the vocabulary does not hold."""
        return int((self.ids_N == 0).sum())

    @cached_property
    def pieces(self) -> list[str]:
        """The characters that begin in each token."""
        starts = [0, *self.ends_N[:-1].tolist()]
        return [self.text[start:end] for start, end in zip(starts, self.ends_N.tolist(), strict=True)]

    def at_tokens(self, values_C: NDArray[np.float64]) -> NDArray[np.float64]:
        """A value for each character (C,) -> one for each token (N,): that of the last character it touches."""
        return np.asarray(values_C[np.maximum(self.ends_N - 1, 0)])

    def around(self, token: int, width: int) -> tuple[str, str]:
        """At most `width` characters before a token, and after it."""
        end = int(self.ends_N[token])
        start = end - len(self.pieces[token])
        return self.text[max(start - width, 0) : start], self.text[end : end + width]
