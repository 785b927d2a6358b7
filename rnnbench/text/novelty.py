"""How much of a sample was copied from the training text, and how much is new.

What matters is how far each place of the sample can be followed through the training text: its matching statistics
(Chang and Lawler 1994). From them follow the longest copied span and, for every n, which n-grams are new. They are
found by plain substring search, which is fast enough for a sample of a page and needs no index.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.generic]

LONGEST_NGRAM = 8
LONG_SPAN = 50  # tokens; what is copied at such length was remembered, not composed
MAXIMUM_TOKENS = 1000  # of a sample are looked at: the time is that of one pass over the text for each of them
_BLOCK = 1 << 24  # tokens of the text searched at once: memory stays bounded
_SURROGATES = 0xD800


@dataclass(frozen=True)
class Novelty:
    """What of a sample is in the training text.

    `copied` is the longest span found there, in tokens, from `copied_at` of the sample; `novel_shares[n - 1]` is the
    share of the sample's distinct n-grams that do not occur there, of the n that the sample is long enough for.
    `tokens` is how many tokens of the sample were looked at.
    """

    tokens: int
    copied: int
    copied_at: int
    novel_shares: tuple[float, ...]

    @property
    def memorised(self) -> bool:
        """Whether a long span was copied word for word."""
        return self.copied >= LONG_SPAN


def measure(sample: Ids, train: Ids, check: Callable[[], None] = lambda: None) -> Novelty:
    """The novelty of a sample's first tokens against the ids it was trained on. `check` may raise to end the work."""
    sample = sample[:MAXIMUM_TOKENS]
    matches = np.zeros(len(sample), dtype=np.int64)
    for start in range(0, max(len(train), 1), _BLOCK):
        block = train[start : start + _BLOCK + len(sample)]  # a span may begin in one block and end in the next
        matches = np.maximum(matches, matching_statistics(_as_text(sample), _as_text(block), check))
    at = int(matches.argmax()) if len(matches) else 0
    shares = [_novel_share(sample, matches, n) for n in range(1, min(LONGEST_NGRAM, len(sample)) + 1)]
    return Novelty(len(sample), int(matches.max(initial=0)), at, tuple(shares))


def matching_statistics(sample: str, text: str, check: Callable[[], None] = lambda: None) -> NDArray[np.int64]:
    """For each place of the sample the length of the longest piece that begins there and occurs in the text."""
    lengths = np.zeros(len(sample), dtype=np.int64)
    end = 0
    for start in range(len(sample)):
        check()
        end = max(end, start)  # what was found from the place before, less its first token, is found from here
        while end < len(sample) and sample[start : end + 1] in text:
            end += 1
        lengths[start] = end - start
    return lengths


def _as_text(ids: Ids) -> str:
    """Ids as the characters of a string, the surrogates left out: Python's search is the fastest at hand."""
    points = ids.astype(np.uint32)
    points[points >= _SURROGATES] += 0x800
    return points.tobytes().decode(f"utf-32-{sys.byteorder[0]}e")


def _novel_share(sample: Ids, matches: NDArray[np.int64], n: int) -> float:
    """The share of the distinct n-grams whose first place cannot be followed for n tokens."""
    grams = np.lib.stride_tricks.sliding_window_view(np.asarray(sample), n)
    _, first = np.unique(grams, axis=0, return_index=True)
    return float((matches[first] < n).mean())
