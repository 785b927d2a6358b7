"""Source and target lines for encoder-decoder tasks, read from text and split so that no answer leaks.

A pair that is known from training gives its target away in validation, and so does a source or a target line that
stands in both: all that hangs together by such lines, or by a paragraph, stays in one split.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rnnbench.errors import CorpusError, UsageError
from rnnbench.visible import visible

MAXIMUM_BAD_LINES = 20  # bad lines are told by number and reason up to here, then only counted
_SHOWN = 60  # characters of a line shown in a message

OnBadLine = Literal["error", "count"]
Reason = Literal["blank", "malformed"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A line and what is to be written after reading it, both stripped.

    `line` is where the source stands in its file, from 1. Pairs of one `group` belong into one split: those of a
    paragraph share a group, every row of a table is its own.
    """

    source: str
    target: str
    line: int
    group: int


@dataclass(frozen=True)
class LengthLimit:
    """How long a source or target may be, in characters or in whatever `measure` counts."""

    maximum: int
    measure: Callable[[str], int] = len

    def admits(self, pair: Pair) -> bool:
        """Whether both sides are short enough."""
        return self.measure(pair.source) <= self.maximum and self.measure(pair.target) <= self.maximum


@dataclass(frozen=True)
class BadLine:
    """A line of a table that holds no pair, and why."""

    line: int
    reason: Reason


@dataclass(frozen=True)
class ReadingFacts:
    """What reading found: lines in all, pairs kept, and what became of the rest.

    `blank` lines are empty, `malformed` ones lack a filled first or second column, `lone` ones are a paragraph of
    their own; `too_long` counts pairs, not lines. `bad_lines` are the first blank or malformed lines of a table.
    """

    lines: int
    pairs: int
    blank: int = 0
    malformed: int = 0
    lone: int = 0
    too_long: int = 0
    bad_lines: tuple[BadLine, ...] = ()


@dataclass(frozen=True)
class Pairs:
    """The pairs of a text, in its order."""

    name: str
    pairs: tuple[Pair, ...]
    facts: ReadingFacts


@dataclass(frozen=True)
class SplitFacts:
    """How pairs were split: distinct pairs, repeated ones dropped, groups that hang together and are never cut.

    `largest_group` is how many distinct pairs the largest of the `groups` has.
    """

    pairs: int
    duplicates: int
    groups: int
    largest_group: int


@dataclass(frozen=True)
class SplitPairs:
    """Three parts that share no pair, no source line, no target line and no paragraph; each in the text's order."""

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    test: tuple[Pair, ...]
    facts: SplitFacts


def lines_of(chunks: Iterable[str]) -> Iterator[str]:
    """The lines of a text given in chunks of any size, without their LF; other separators are part of a line."""
    held: list[str] = []
    for chunk in chunks:
        first, *rest = chunk.split("\n")
        held.append(first)
        if rest:
            yield "".join(held)
            yield from rest[:-1]
            held = [rest[-1]]
    if last := "".join(held):
        yield last


def read_table(
    lines: Iterable[str], name: str, limit: LengthLimit | None = None, on_bad_line: OnBadLine = "error"
) -> Pairs:
    """Pairs from tab-separated lines: source, target; columns after the second are ignored.

    `name` is the file's, for messages. Raises CorpusError with the number of the first blank or malformed line, unless
    these are only to be counted; and where no pair is left.
    """
    pairs: list[Pair] = []
    bad: list[BadLine] = []
    reasons: Counter[Reason] = Counter()
    number = 0
    for number, line in enumerate(lines, 1):
        pair = _row(line, number)
        if pair is not None:
            pairs.append(pair)
            continue
        reason: Reason = "malformed" if line.strip() else "blank"
        if on_bad_line == "error":
            raise _bad_line(name, number, line)
        reasons[reason] += 1
        if len(bad) < MAXIMUM_BAD_LINES:
            bad.append(BadLine(number, reason))
    kept, too_long = _short_enough(pairs, limit)
    facts = ReadingFacts(
        number, len(kept), reasons["blank"], reasons["malformed"], too_long=too_long, bad_lines=tuple(bad)
    )
    expected = "each line must hold a source, a tab and a target; for a text without tabs --set corpus.pairs=next_line"
    return _not_empty(Pairs(name, kept, facts), expected)


def read_next_lines(lines: Iterable[str], name: str, limit: LengthLimit | None = None) -> Pairs:
    """Pairs of each line and the line after it, never across a blank line: a paragraph or poem is one group.

    A line that is too long is in no pair, and nothing is joined across it. Raises CorpusError where no pair is left.
    """
    pairs: list[Pair] = []
    blank = lone = number = 0
    previous = ""
    paragraph = length = 0  # the number of the paragraph, and of its lines so far
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if line:
            length += 1
            if length > 1:
                pairs.append(Pair(previous, line, number - 1, paragraph))
        else:
            blank, lone, paragraph, length = blank + 1, lone + (length == 1), paragraph + 1, 0
        previous = line
    kept, too_long = _short_enough(pairs, limit)
    facts = ReadingFacts(number, len(kept), blank, lone=lone + (length == 1), too_long=too_long)
    return _not_empty(Pairs(name, kept, facts), "a paragraph must hold two lines or more; blank lines separate them")


def split_pairs(pairs: Pairs, validation_fraction: float, test_fraction: float, seed: int) -> SplitPairs:
    """Cut pairs into training, validation and test without a line in two of them; repeated pairs are dropped.

    Groups are taken in an order drawn from `seed` and fill validation, then test; what fits in neither is trained on.
    A fraction above 0 gets one group at least. The same pairs and seed give the same split on every machine.
    Raises UsageError for fractions that leave nothing to train on, CorpusError where a split would be empty.
    """
    fractions = (validation_fraction, test_fraction)
    if not (min(fractions) >= 0 and sum(fractions) < 1):
        raise UsageError(
            f"validation {validation_fraction:g} and test {test_fraction:g} of the pairs leave none to train on",
            "each fraction is at least 0, and together they are below 1",
        )
    groups, kept = _groups(pairs.pairs), _first_places(pairs.pairs)
    sizes = Counter(groups[place] for place in kept)
    rooms = [max(int(len(kept) * fraction), 1) if fraction else 0 for fraction in fractions]
    part_of = _assign(_drawn(pairs.pairs, sizes, seed), sizes, rooms, pairs.name)
    train, validation, test = (
        tuple(pairs.pairs[place] for place in kept if part_of[groups[place]] == part) for part in range(3)
    )
    facts = SplitFacts(len(kept), len(pairs.pairs) - len(kept), len(sizes), max(sizes.values(), default=0))
    return SplitPairs(train, validation, test, facts)


def _row(line: str, number: int) -> Pair | None:
    columns = [column.strip() for column in line.split("\t", 2)[:2]]
    return Pair(columns[0], columns[1], number, number) if len(columns) == 2 and all(columns) else None


def _bad_line(name: str, number: int, line: str) -> CorpusError:
    if not line.strip():
        found = "is blank"
    elif "\t" not in line:
        found = f"has no tab: {visible(line.strip(), limit=_SHOWN)}"
    else:
        found = f"has an empty source or target: {visible(line.rstrip(), limit=_SHOWN)}"
    return CorpusError(
        f"{visible(name)}, line {number:,} {found}",
        "expected: source, tab, target; mend the line, or have bad lines counted and left out",
    )


def _short_enough(pairs: list[Pair], limit: LengthLimit | None) -> tuple[tuple[Pair, ...], int]:
    kept = tuple(pairs) if limit is None else tuple(pair for pair in pairs if limit.admits(pair))
    return kept, len(pairs) - len(kept)


def _not_empty(pairs: Pairs, expected: str) -> Pairs:
    if not pairs.pairs:
        facts = pairs.facts
        because = f", {facts.too_long:,} were too long" if facts.too_long else ""
        raise CorpusError(f"{visible(pairs.name)} holds no pairs in {facts.lines:,} lines{because}", expected)
    return pairs


def _first_places(pairs: Sequence[Pair]) -> list[int]:
    """Where each distinct pair stands first, in order."""
    first: dict[tuple[str, str], int] = {}
    for place, pair in enumerate(pairs):
        first.setdefault((pair.source, pair.target), place)
    return list(first.values())


def _groups(pairs: Sequence[Pair]) -> list[int]:
    """For each pair the place of the first pair that it hangs together with.

    Disjoint sets (Galler & Fischer 1964) with path halving: pairs are joined by paragraph, source and target, and the
    earlier root wins.
    """
    parents = list(range(len(pairs)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = place = parents[parents[place]]
        return place

    seen: dict[tuple[str, str | int], int] = {}
    for place, pair in enumerate(pairs):
        for link in (("group", pair.group), ("source", pair.source), ("target", pair.target)):
            one, other = root(seen.setdefault(link, place)), root(place)
            parents[max(one, other)] = min(one, other)
    return [root(place) for place in range(len(pairs))]


def _drawn(pairs: Sequence[Pair], sizes: Counter[int], seed: int) -> list[int]:
    """The groups in an order drawn from the seed: by digest, which no library or machine does differently."""

    def draw(group: int) -> bytes:
        first = pairs[group]
        return hashlib.blake2b(f"{seed}\0{first.source}\0{first.target}".encode("utf-8", "surrogatepass")).digest()

    return sorted(sizes, key=draw)


def _assign(order: list[int], sizes: Counter[int], rooms: list[int], name: str) -> dict[int, int]:
    """The part of each group: 0 training, 1 validation, 2 test. Raises CorpusError for fewer groups than parts."""
    wanted = [0, *(part for part, room in enumerate(rooms, 1) if room)]
    if len(order) < len(wanted):
        raise CorpusError(
            f"the {sizes.total():,} pairs of {visible(name)} hang together in {len(order):,} groups by the lines they "
            f"share, too few for {len(wanted)} splits",
            "add pairs or paragraphs with other lines, or set the test fraction to 0",
        )
    part_of: dict[int, int] = {}
    left = list(rooms)
    for group in order:
        part_of[group] = next((part for part, room in enumerate(left, 1) if sizes[group] <= room), 0)
        if part_of[group]:
            left[part_of[group] - 1] -= sizes[group]
    for part in wanted:
        if part not in part_of.values():
            part_of[_spare(part_of, sizes)] = part
    return part_of


def _spare(part_of: dict[int, int], sizes: Counter[int]) -> int:
    """The smallest group that leaves its part with another one, from training where there is a choice."""
    groups_in = Counter(part_of.values())
    movable = [group for group, part in part_of.items() if groups_in[part] > 1]
    return min(movable, key=lambda group: (sizes[group], part_of[group]))
