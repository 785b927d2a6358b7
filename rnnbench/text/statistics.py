"""What a text holds, counted while it streams by: characters, lines and their lengths, words, the Zipf curve."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnbench.text.descriptions import LineLengths, TextStatistics, TokenCount, ZipfPoint

MAXIMUM_TYPES = 300_000  # about 40 MB of words
_LONGEST_WORD = 10_000  # characters by which words are told apart: a text without white space is one endless word
_STARTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)

Counts = NDArray[np.integer]


class StatisticsCounter:
    """Counts a text fed in chunks of any size; memory is bounded by `maximum_types`, not by the text."""

    def __init__(self, maximum_types: int = MAXIMUM_TYPES) -> None:
        self._maximum_types = maximum_types
        self._capped = False
        self._characters = self._words = self._longest = 0
        self._types: Counter[str] = Counter()
        self._buckets: Counter[int] = Counter()
        self._open_line: int | None = None  # characters so far of the line that has no end yet
        self._open_word = ""

    def feed(self, chunk: str) -> None:
        """Count the next part of the text; its line ends are LF."""
        if not chunk:
            return
        self._characters += len(chunk)
        self._feed_lines(chunk)
        self._feed_words(chunk)

    def statistics(self, most_common: int = 20) -> TextStatistics:
        """What was fed so far, an open last line and word included; feeding may go on afterwards."""
        buckets, types = self._buckets.copy(), self._types.copy()
        longest, words, capped = self._longest, self._words, self._capped
        if self._open_line is not None:
            buckets[_bucket(self._open_line)] += 1
            longest = max(longest, self._open_line)
        if self._open_word:
            words += 1
            capped |= _count_words(types, [self._open_word], self._maximum_types)
        return TextStatistics(
            characters=self._characters,
            lines=buckets.total(),
            words=words,
            word_types=len(types),
            types_capped=capped,
            line_lengths=_line_lengths(buckets),
            longest_line=longest,
            most_common_words=tuple(TokenCount(word, count) for word, count in types.most_common(most_common)),
        )

    def _feed_lines(self, chunk: str) -> None:
        lengths = [len(line) for line in chunk.split("\n")]
        lengths[0] += self._open_line or 0
        last = lengths.pop()
        self._open_line = None if chunk.endswith("\n") else last
        self._buckets.update(map(_bucket, lengths))
        self._longest = max(self._longest, *lengths, 0)

    def _feed_words(self, chunk: str) -> None:
        words = (self._open_word + chunk).split()
        self._open_word = ""
        if words and not chunk[-1].isspace():
            self._open_word = words.pop()[:_LONGEST_WORD]
        self._words += len(words)
        self._capped |= _count_words(self._types, words, self._maximum_types)


def measure(chunks: Iterable[str], maximum_types: int = MAXIMUM_TYPES, most_common: int = 20) -> TextStatistics:
    """The statistics of a text given in chunks."""
    counter = StatisticsCounter(maximum_types)
    for chunk in chunks:
        counter.feed(chunk)
    return counter.statistics(most_common)


def zipf_curve(counts: Counts, points: int = 50) -> tuple[ZipfPoint, ...]:
    """(kinds,) counts in any order -> at most `points` points at ranks evenly spaced on a logarithmic scale.

    The first and the last rank are always among them; kinds that do not occur have no rank.
    """
    falling = np.sort(counts[counts > 0])[::-1]
    if not len(falling):
        return ()
    ranks = np.unique(np.rint(np.geomspace(1, len(falling), points)).astype(np.int64))
    return tuple(ZipfPoint(int(rank), int(falling[rank - 1])) for rank in ranks)


def most_common(counts: Counts, tokens: Sequence[str], number: int = 20) -> tuple[TokenCount, ...]:
    """The most frequent tokens of (kinds,) counts, ties by their place; tokens that do not occur are left out."""
    order = np.argsort(-counts.astype(np.int64), kind="stable")[:number]
    return tuple(TokenCount(tokens[place], int(counts[place])) for place in order if counts[place] > 0)


def _bucket(length: int) -> int:
    return bisect_right(_STARTS, length) - 1


def _line_lengths(buckets: Counter[int]) -> tuple[LineLengths, ...]:
    """The buckets from the first to the last that hold a line, empty ones between them included."""
    if not buckets:
        return ()
    ends: tuple[int | None, ...] = (*(start - 1 for start in _STARTS[1:]), None)
    return tuple(
        LineLengths(_STARTS[place], ends[place], buckets[place]) for place in range(min(buckets), max(buckets) + 1)
    )


def _count_words(types: Counter[str], words: list[str], maximum: int) -> bool:
    """Add the words to their counts; whether any was left out because there are `maximum` types already."""
    words = [word[:_LONGEST_WORD] for word in words]
    if len(types) + len(words) <= maximum:
        types.update(words)
        return False
    left_out = False
    for word in words:
        if word in types or len(types) < maximum:
            types[word] += 1
        else:
            left_out = True
    return left_out
