"""Counting a text while it streams by."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.text import statistics
from rnnbench.text.statistics import LineLengths, StatisticsCounter, TokenCount, ZipfPoint, measure

_TEXT = "the sea the\nthe quay\n\n  a 海港\tsea"


def test_characters_lines_and_words_of_a_small_text() -> None:
    """What one counts by hand: an open last line is a line, words are cut at any white space."""
    found = measure([_TEXT])
    assert (found.characters, found.lines, found.words, found.word_types) == (32, 4, 8, 5)
    assert not found.types_capped
    assert found.longest_line == 11
    assert found.most_common_words[:2] == (TokenCount("the", 3), TokenCount("sea", 2))


def test_line_lengths_fall_into_buckets() -> None:
    """Both ends of a bucket are included, empty buckets between full ones are shown, line ends are not counted."""
    found = measure(["\n", "x" * 9 + "\n", "x" * 10 + "\n", "x" * 60])
    assert found.line_lengths == (
        LineLengths(0, 0, 1),
        LineLengths(1, 1, 0),
        LineLengths(2, 4, 0),
        LineLengths(5, 9, 1),
        LineLengths(10, 19, 1),
        LineLengths(20, 49, 0),
        LineLengths(50, 99, 1),
    )


def test_the_last_bucket_has_no_end() -> None:
    """A text of one endless line is a line of its length."""
    found = measure(["x" * 7000, "x" * 7000])
    assert found.line_lengths == (LineLengths(10_000, None, 1),)
    assert (found.longest_line, found.words, found.word_types) == (14_000, 1, 1)


@given(st.text(alphabet="ab \n\t\u3000海", max_size=60), st.lists(st.integers(0, 60), max_size=6), st.integers(1, 4))
def test_chunks_do_not_show(text: str, cuts: list[int], maximum_types: int) -> None:
    """Any way of cutting a text into chunks gives the same statistics, capped or not."""
    places = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    chunks = [text[start:stop] for start, stop in pairwise(places)]
    found = measure(chunks, maximum_types)
    assert found == measure([text], maximum_types)
    assert found.words == len(text.split())
    assert found.lines == text.count("\n") + (bool(text) and not text.endswith("\n"))


def test_types_beyond_the_cap_are_a_lower_bound() -> None:
    """Memory does not grow with the words: types stop at the cap and say so, tokens and known types go on."""
    words = [f"w{number}" for number in range(50)]
    found = measure([" ".join(words), " ", "w3 w3 w49 "], maximum_types=10)
    assert (found.words, found.word_types, found.types_capped) == (53, 10, True)
    assert found.most_common_words[0] == TokenCount("w3", 3)


def test_exactly_as_many_types_as_allowed_is_no_cap() -> None:
    """The bound is claimed only when a word was left out."""
    found = measure(["a b c a b c"], maximum_types=3)
    assert (found.word_types, found.types_capped) == (3, False)


def test_looking_does_not_disturb_the_counting() -> None:
    """Statistics taken midway, inside a word and a line, leave the final ones as they are."""
    counter = StatisticsCounter()
    counter.feed(_TEXT[:9])
    assert (counter.statistics().words, counter.statistics().lines) == (3, 1)
    counter.feed(_TEXT[9:])
    assert counter.statistics() == measure([_TEXT])


def test_an_empty_text_has_nothing() -> None:
    """No chunk, or an empty one: zeros, not an error."""
    found = measure([""])
    assert (found.characters, found.lines, found.words, found.line_lengths) == (0, 0, 0, ())


def test_the_zipf_curve_has_evenly_spaced_logarithms() -> None:
    """Ranks from 1 to the last, denser at the top; counts fall; kinds that do not occur have no rank."""
    counts = np.array([0, *(1000 // rank for rank in range(1, 1001)), 0])[::-1]
    curve = statistics.zipf_curve(counts, points=4)
    assert curve == (ZipfPoint(1, 1000), ZipfPoint(10, 100), ZipfPoint(100, 10), ZipfPoint(1000, 1))
    assert statistics.zipf_curve(np.array([5, 0, 7]), points=50) == (ZipfPoint(1, 7), ZipfPoint(2, 5))
    assert statistics.zipf_curve(np.zeros(3, dtype=np.int64)) == ()


@pytest.mark.parametrize("dtype", [np.int64, np.uint32])
def test_the_most_common_tokens_keep_the_order_of_ties(dtype: type) -> None:
    """The most frequent first, ties by place, and never a token that does not occur."""
    counts = np.array([2, 0, 5, 2], dtype=dtype)
    expected = (TokenCount("c", 5), TokenCount("a", 2), TokenCount("d", 2))
    assert statistics.most_common(counts, ["a", "b", "c", "d"]) == expected
    assert statistics.most_common(counts, ["a", "b", "c", "d"], 1) == expected[:1]
