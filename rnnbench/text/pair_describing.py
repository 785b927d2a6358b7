"""What a text of source and target lines holds, found without writing anything."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.text.pair_corpus import EncodedPairs, PairSplit, encode_pairs
from rnnbench.text.pairs import BadLine, lines_of, read_table
from rnnbench.text.sources import Source
from rnnbench.visible import visible


@dataclass(frozen=True)
class LengthFacts:
    """How many tokens the lines of one side have."""

    shortest: int
    median: float
    longest: int


@dataclass(frozen=True)
class PairSplitDescription:
    """A part of the pairs; `target_tokens` count an end token for each line, the rate is of the target tokens."""

    name: str
    pairs: int
    target_tokens: int
    out_of_vocabulary_rate: float


@dataclass(frozen=True)
class PairsDescription:
    """Pairs as `corpora show --pairs` tells them.

    `pairs` were read, `distinct` of them kept; they hang together in `groups`, which no split cuts. Left out: blank
    lines, `lone` lines without a neighbour, pairs `too_long` or `emptied` by normalisation.
    """

    path: str
    encoding: str
    lines: int
    pairs: int
    distinct: int
    groups: int
    largest_group: int
    blank: int
    lone: int
    too_long: int
    emptied: int
    tokenizer: str
    source_vocabulary_size: int
    target_vocabulary_size: int
    shared_vocabulary: bool
    source_lengths: LengthFacts
    target_lengths: LengthFacts
    splits: tuple[PairSplitDescription, ...]
    opening: tuple[tuple[str, str], ...]
    digest: str


def describe_pairs(path: Path, corpus: CorpusConfig, text: TextConfig) -> PairsDescription:
    """What the pairs of a path are. Raises CorpusError as training would: `bad_lines` says which lines are wrong."""
    found = encode_pairs(path, corpus, text)
    source = found.read_vocabulary
    return PairsDescription(
        path=str(path),
        encoding=" + ".join(dict.fromkeys(member.encoding for member in found.members)),
        lines=found.reading.lines,
        pairs=found.reading.pairs,
        distinct=found.splitting.pairs,
        groups=found.splitting.groups,
        largest_group=found.splitting.largest_group,
        blank=found.reading.blank,
        lone=found.reading.lone,
        too_long=found.reading.too_long,
        emptied=found.emptied,
        tokenizer=text.tokenizer,
        source_vocabulary_size=len(source),
        target_vocabulary_size=len(found.vocabulary),
        shared_vocabulary=found.source_vocabulary is None,
        source_lengths=_lengths([split.sources.lengths for split in found.splits]),
        target_lengths=_lengths([split.targets.lengths for split in found.splits]),
        splits=tuple(_describe_split(split) for split in found.splits),
        opening=_opening(found),
        digest=found.file_digest,
    )


def bad_lines(path: Path, corpus: CorpusConfig) -> tuple[BadLine, ...]:
    """The first lines of a table that hold no pair although they are not blank. Raises CorpusError for no table."""
    lines = lines_of(["".join(Source.of(path, corpus).chunks())])
    facts = read_table(lines, visible(str(path)), on_bad_line="count").facts
    return tuple(bad for bad in facts.bad_lines if bad.reason == "malformed")


def _lengths(parts: list[NDArray[np.int64]]) -> LengthFacts:
    lengths = np.concatenate(parts)
    return LengthFacts(int(lengths.min()), float(np.median(lengths)), int(lengths.max()))


def _describe_split(split: PairSplit) -> PairSplitDescription:
    tokens = len(split.targets.ids)
    rate = split.unknown_tokens / tokens if tokens else 0.0
    return PairSplitDescription(split.name, len(split), split.target_tokens, rate)


def _opening(found: EncodedPairs) -> tuple[tuple[str, str], ...]:
    return tuple((pair.source, pair.target) for pair in found.split("train").pairs[:3])
