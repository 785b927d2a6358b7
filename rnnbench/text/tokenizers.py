"""Text <-> tokens. A tokenizer numbers tokens as they appear; the vocabulary decides later which of them stay."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnnbench.errors import UsageError

Ids = NDArray[np.int32]
_CODE_POINTS = 0x110000


class Numberer(Protocol):
    """Cuts a text, chunk by chunk, and numbers its distinct tokens by first appearance."""

    tokens: list[str]

    def feed(self, chunk: str) -> Ids:
        """The numbers of the chunk's tokens; new tokens are added to `tokens`."""
        ...


class CharacterNumberer:
    """One token per Unicode code point, by table look-up: no Python loop over the text."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self._number_of = np.full(_CODE_POINTS, -1, dtype=np.int32)

    def feed(self, chunk: str) -> Ids:
        """The numbers of the characters."""
        points = np.frombuffer(chunk.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        numbers = self._number_of[points]
        if (numbers < 0).any():
            self._learn(points[numbers < 0])
            numbers = self._number_of[points]
        return numbers

    def _learn(self, points: NDArray[np.uint32]) -> None:
        unseen, first = np.unique(points, return_index=True)
        for point in unseen[np.argsort(first)]:
            self._number_of[point] = len(self.tokens)
            self.tokens.append(chr(point))


def numberer(tokenizer: str) -> Numberer:
    """A fresh numberer for the named tokenizer."""
    if tokenizer != "character":
        raise UsageError(f"unknown tokenizer {tokenizer}")
    return CharacterNumberer()


def split(tokenizer: str, text: str) -> list[str]:
    """The tokens of a short text, such as a prompt."""
    if tokenizer != "character":
        raise UsageError(f"unknown tokenizer {tokenizer}")
    return list(text)
