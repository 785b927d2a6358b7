"""Source and target lines, and splits that share none of them."""

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.errors import CorpusError, UsageError
from rnnbench.text.pairs import (
    MAXIMUM_BAD_LINES,
    BadLine,
    LengthLimit,
    Pair,
    Pairs,
    ReadingFacts,
    SplitPairs,
    lines_of,
    read_next_lines,
    read_table,
    split_pairs,
)

_COUPLETS = Path(__file__).resolve().parents[2] / "corpora" / "couplets.tsv"


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from lines_of(file)


def _sides(pairs: Pairs) -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in pairs.pairs]


def _assert_nothing_is_shared(split: SplitPairs) -> None:
    for one, other in combinations((split.train, split.validation, split.test), 2):
        for side in ("source", "target", "group"):
            assert {getattr(pair, side) for pair in one}.isdisjoint(getattr(pair, side) for pair in other)


def _slow_groups(sides: list[tuple[str, str]]) -> int:
    groups: list[tuple[set[str], set[str]]] = []
    for source, target in sides:
        touched = [group for group in groups if source in group[0] or target in group[1]]
        merged = ({source}.union(*(group[0] for group in touched)), {target}.union(*(group[1] for group in touched)))
        groups = [group for group in groups if group not in touched] + [merged]
    return len(groups)


def test_a_table_gives_its_first_two_columns() -> None:
    """Columns after the second are ignored, sides are stripped, no-break spaces inside a side stay."""
    found = read_table(["Go.\tVa\u202f!\tCC-BY\tmore\r", " Hi. \t Salut. "], "pairs.tsv")
    assert found.pairs == (Pair("Go.", "Va\u202f!", 1, 1), Pair("Hi.", "Salut.", 2, 2))
    assert found.facts == ReadingFacts(lines=2, pairs=2)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "line 2 is blank"),
        ("no tab here", "line 2 has no tab: no tab here"),
        ("only source\t  ", "line 2 has an empty source or target: only source"),
        ("\tonly target", "line 2 has an empty source or target"),
        ("bell\x07", "line 2 has no tab: bell␇"),
    ],
)
def test_a_bad_line_is_an_error_that_names_it(line: str, told: str) -> None:
    """File, line number, what was found and what is expected; nothing in the line reaches the terminal raw."""
    with pytest.raises(CorpusError) as caught:
        read_table(["a\tb", line, "c\td"], "my\x1bpairs.tsv")
    assert told in str(caught.value)
    assert "my␛pairs.tsv" in str(caught.value)
    assert "expected: source, tab, target" in str(caught.value)


def test_bad_lines_can_be_counted_instead() -> None:
    """Counting reads on, tells each kind's number, and names the first lines only."""
    lines = ["a\tb", "", "x", "\ty", *["z"] * 30, "c\td"]
    found = read_table(lines, "pairs.tsv", on_bad_line="count")
    assert _sides(found) == [("a", "b"), ("c", "d")]
    assert (found.facts.blank, found.facts.malformed, found.facts.lines) == (1, 32, 35)
    assert found.facts.bad_lines[:3] == (BadLine(2, "blank"), BadLine(3, "malformed"), BadLine(4, "malformed"))
    assert len(found.facts.bad_lines) == MAXIMUM_BAD_LINES


def test_pairs_that_are_too_long_are_left_out() -> None:
    """Either side counts, in characters or as the limit measures."""
    lines = ["ab\tcd", "abc\tcd", "ab\tcde"]
    found = read_table(lines, "pairs.tsv", LengthLimit(2))
    assert (_sides(found), found.facts.too_long) == ([("ab", "cd")], 2)
    words = read_table(["one two\tthree", "one\ttwo"], "pairs.tsv", LengthLimit(1, lambda side: len(side.split())))
    assert _sides(words) == [("one", "two")]
    with pytest.raises(CorpusError, match="holds no pairs in 3 lines, 3 were too long"):
        read_table(lines, "pairs.tsv", LengthLimit(1))


def test_each_line_is_answered_by_the_next_one_of_its_paragraph() -> None:
    """Pairs never reach across a blank line, however many there are and whatever white space they hold."""
    found = read_next_lines(["", "a", "b ", " c", "", " \t", "lonely", "", "d", "e"], "poems.txt")
    assert found.pairs == (Pair("a", "b", 2, 1), Pair("b", "c", 3, 1), Pair("d", "e", 9, 4))
    assert found.facts == ReadingFacts(lines=10, pairs=3, blank=4, lone=1)


def test_a_line_that_is_too_long_is_not_jumped_over() -> None:
    """Its neighbours are no pair: one did not follow the other."""
    found = read_next_lines(["a", "b", "much too long", "c", "d"], "poems.txt", LengthLimit(3))
    assert (_sides(found), found.facts.too_long) == ([("a", "b"), ("c", "d")], 2)


@pytest.mark.parametrize("lines", [[], ["alone"], ["a", "", "b", "", "c"]])
def test_a_text_without_pairs_is_refused(lines: list[str]) -> None:
    """No two lines in a row: the message says what a paragraph must hold."""
    with pytest.raises(CorpusError, match="a paragraph must hold two lines"):
        read_next_lines(lines, "poems.txt")


@given(st.text(alphabet="a\n\u2028\x0b", max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_lines_do_not_depend_on_the_chunks(text: str, cuts: list[int]) -> None:
    """Only LF ends a line, and any way of cutting a text gives its lines."""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[start:stop] for start, stop in pairwise(places)]
    expected = text.split("\n")
    assert list(lines_of(chunks)) == (expected if expected[-1] else expected[:-1])


def test_a_chain_of_shared_lines_stays_together() -> None:
    """a-x, a-y, b-y, b-z hang together by a source, a target, a source: no cut between them is fair."""
    chain = ["a\tx", "a\ty", "b\ty", "b\tz"]
    lines = [*chain[:2], *(f"s{number}\tt{number}" for number in range(36)), *chain[2:]]
    for seed in range(20):
        split = split_pairs(read_table(lines, "pairs.tsv"), 0.2, 0.2, seed)
        parts = [part for part in (split.train, split.validation, split.test) if any(p.source in "ab" for p in part)]
        assert len(parts) == 1
        assert split.facts.largest_group == 4


def test_repeated_pairs_are_dropped_and_counted() -> None:
    """A pair counts once, where it stands first; the pairs keep the order of their text."""
    lines = ["a\tb", "c\td", "a\tb", "e\tf", "c\td\tother column"]
    split = split_pairs(read_table(lines, "pairs.tsv"), 0.3, 0, 0)
    together = sorted([*split.train, *split.validation], key=lambda pair: pair.line)
    assert [pair.line for pair in together] == [1, 2, 4]
    assert list(split.train) == sorted(split.train, key=lambda pair: pair.line)
    assert (split.facts.pairs, split.facts.duplicates, split.facts.groups) == (3, 2, 3)


def test_paragraphs_are_never_cut() -> None:
    """Next-line pairs are split by paragraph, and paragraphs that share a line with a successor stay together."""
    poems = [f"{name}1\n{name}2\n{name}3\n" for name in "abcdefghij"]
    poems[3] = "d1\na2\nd3\n"
    found = read_next_lines("\n".join(poems).split("\n"), "poems.txt")
    for seed in range(20):
        split = split_pairs(found, 0.2, 0.2, seed)
        _assert_nothing_is_shared(split)
        assert split.facts.groups == 9
        assert (len(split.validation), len(split.test)) == (4, 4)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("stuvwxyz")), min_size=3, max_size=12),
    st.sampled_from([(0.1, 0.1), (0.5, 0.0), (0.0, 0.3), (0.3, 0.6), (0.01, 0.98)]),
    st.integers(0, 5),
)
def test_no_split_shares_a_line_with_another(
    sides: list[tuple[str, str]], fractions: tuple[float, float], seed: int
) -> None:
    """Whatever the pairs: nothing shared, nothing lost, nothing empty; an error only where groups are too few."""
    pairs = read_table([f"{source}\t{target}" for source, target in sides], "pairs.tsv")
    groups = _slow_groups(sides)
    if groups < 1 + sum(fraction > 0 for fraction in fractions):
        with pytest.raises(CorpusError, match=f"hang together in {groups} groups"):
            split_pairs(pairs, *fractions, seed)
        return
    split = split_pairs(pairs, *fractions, seed)
    assert split.facts.groups == groups
    _assert_nothing_is_shared(split)
    kept = [*split.train, *split.validation, *split.test]
    assert sorted((pair.source, pair.target) for pair in kept) == sorted(set(sides))
    assert split.train
    assert [bool(split.validation), bool(split.test)] == [fraction > 0 for fraction in fractions]


def test_the_seed_decides_and_nothing_else() -> None:
    """The same seed gives the same split, in every version; another seed another one."""
    pairs = read_table([f"s{number}\tt{number}" for number in range(100)], "pairs.tsv")
    first = split_pairs(pairs, 0.1, 0.1, 7)
    assert first == split_pairs(pairs, 0.1, 0.1, 7)
    assert first.validation != split_pairs(pairs, 0.1, 0.1, 8).validation
    assert (len(first.train), len(first.validation), len(first.test)) == (80, 10, 10)


def test_too_few_groups_are_refused() -> None:
    """Pairs that all hang together, or two for three splits, cannot be split honestly."""
    for lines, groups in ((["a\tx", "a\ty", "a\tz"], 1), (["a\tx", "b\ty"], 2)):
        with pytest.raises(CorpusError, match=f"in {groups} groups .* too few for 3 splits"):
            split_pairs(read_table(lines, "pairs.tsv"), 0.1, 0.1, 0)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (-0.1, 0.1), (float("nan"), 0.0)])
def test_fractions_that_leave_nothing_to_train_on_are_refused(fractions: tuple[float, float]) -> None:
    """Fractions are parts of a whole."""
    with pytest.raises(UsageError, match="below 1"):
        split_pairs(read_table(["a\tb", "c\td"], "pairs.tsv"), *fractions, 0)


@pytest.mark.parametrize(
    ("name", "count"), [("couplets.tsv", 269), ("couplets_tang.tsv", 38_851), ("fra-eng_5MB.tsv", 94_545)]
)
def test_real_tables_are_read_and_split(name: str, count: int, shared_corpus: Callable[[str], Path]) -> None:
    """Real couplets and translations: every row is a pair, tenths are tenths, and no line is in two splits."""
    pairs = read_table(_lines(_COUPLETS if name == "couplets.tsv" else shared_corpus(name)), name)
    assert pairs.facts == ReadingFacts(count, count)
    split = split_pairs(pairs, 0.1, 0.1, 0)
    _assert_nothing_is_shared(split)
    assert len(split.validation) == len(split.test) == count // 10


def test_real_poems_are_paired_within_each_poem(shared_corpus: Callable[[str], Path]) -> None:
    """320 poems: a poem of n lines makes n - 1 pairs, and no poem is cut."""
    lines = list(_lines(shared_corpus("tangshi300.txt")))
    found = read_next_lines(lines, "tangshi300.txt")
    assert len({pair.group for pair in found.pairs}) == 320
    assert found.facts.pairs == 1851 - 320
    assert not any(pair.target.startswith("《") for pair in found.pairs)
    _assert_nothing_is_shared(split_pairs(found, 0.1, 0.1, 0))
