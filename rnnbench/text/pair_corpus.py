"""Source and target lines as ids: read, normalised side by side, split without leaks, numbered; held in memory."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench import storage
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import CorpusError
from rnnbench.text import baselines, normalization, tokenizers
from rnnbench.text.baselines import Baselines
from rnnbench.text.descriptions import MemberFacts
from rnnbench.text.number_files import smallest_dtype
from rnnbench.text.pairs import (
    LengthLimit,
    Pair,
    Pairs,
    ReadingFacts,
    SplitFacts,
    lines_of,
    read_next_lines,
    read_table,
    split_pairs,
)
from rnnbench.text.pipeline import read_dictionary
from rnnbench.text.sources import Report, Source, silent
from rnnbench.text.splits import build_vocabulary, split_facts
from rnnbench.text.tokenizers import Tokenizer
from rnnbench.text.vocabulary import Numbering, Vocabulary, digest_of
from rnnbench.visible import visible

PAD, BOS, EOS = 1, 2, 3
"""Ids in every vocabulary of pairs: <unk> is 0, and the tokens that the configuration reserves follow <eos>."""
SPECIALS = ("<pad>", "<bos>", "<eos>")
SPLITS = ("train", "validation", "test")
_FORMAT = 1
_SPLIT_SEED = 1  # not the run's: runs of all seeds are scored on the same pairs
_BLOCK = 1 << 12  # lines between two reports
_SHOWN = 60  # characters of a line shown in a message

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines of ids: line i is `ids[offsets[i] : offsets[i + 1]]`; no <bos>, no <eos>."""

    ids: Ids  # (N,) of the smallest type that holds them
    offsets: NDArray[np.int64]  # (lines + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, line: int) -> Ids:
        return self.ids[self.offsets[line] : self.offsets[line + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each line (lines,)."""
        return np.diff(self.offsets)

    def stream(self) -> Ids:
        """The lines one after another: <eos>, then every line with an <eos> after it (N + lines + 1,)."""
        end = self.ids.dtype.type(EOS)
        return np.concatenate(([end], np.insert(self.ids, self.offsets[1:], end))).astype(self.ids.dtype)


@dataclass(frozen=True, eq=False)
class PairSplit:
    """A part of the pairs: both sides as ids and, for judging answers, as normalised text.

    `characters` and `bytes` are of the targets, each with one for its end token, as a line end counts in a text;
    `unknown_tokens` and `spelling_nats` are of the targets, too: what is read costs nothing.
    """

    name: str
    sources: Lines
    targets: Lines
    pairs: tuple[Pair, ...]
    characters: int
    bytes: int
    unknown_tokens: int
    spelling_nats: float | None
    digest: str

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def target_tokens(self) -> int:
        """Tokens to be predicted: those of the targets and an <eos> for each."""
        return len(self.targets.ids) + len(self.targets)


@dataclass(frozen=True, eq=False)
class EncodedPairs:
    """Pairs as ids. `vocabulary` numbers the targets, `source_vocabulary` the sources where it is another one.

    `characters` and `tokens` count both sides, end tokens not among them. `reading` and `splitting` tell what became
    of the lines; `emptied` pairs had a side of which normalisation left nothing.
    """

    digest: str
    file_digest: str
    ids_digest: str
    characters: int
    tokens: int
    members: tuple[MemberFacts, ...]
    switches: tuple[str, ...]
    vocabulary: Vocabulary
    source_vocabulary: Vocabulary | None
    splits: tuple[PairSplit, ...]
    reading: ReadingFacts
    splitting: SplitFacts
    emptied: int

    @property
    def tokens_digest(self) -> str:
        """Names the tokens of all pairs, split by split, however the text was read and its file is called."""
        known = digest_of(self.vocabulary, self.source_vocabulary)
        return storage.sha256(f"{self.ids_digest} {known}".encode())[:32]

    @property
    def replaced(self) -> int:
        """Characters that stand for bytes which were not text."""
        return sum(member.replaced for member in self.members)

    @property
    def read_vocabulary(self) -> Vocabulary:
        """What numbers the sources, shared or not."""
        return self.source_vocabulary or self.vocabulary

    def split(self, name: str) -> PairSplit:
        """The named split."""
        return next(split for split in self.splits if split.name == name)


def encode_pairs(path: Path, corpus: CorpusConfig, text: TextConfig, report: Report = silent) -> EncodedPairs:
    """The pairs of a path as a configuration describes them. Raises CorpusError; `report` may raise to stop.

    Blank lines of a table are passed over; a line that lacks a source or a target is refused, with its number: a table
    with holes is more often the wrong file than a careless one. Pairs that are too long (as written, before
    normalisation) or of which normalisation leaves a side empty are left out and counted; `first_pairs` are the first
    of the others. Lines stay lines: strip_lines, which would join them, is not applied.
    """
    text = text.model_copy(update={"strip_lines": False})
    source = Source.of(path, corpus)
    content = "".join(source.chunks(report))
    whole = corpus.first_characters is None
    file_digest = source.sha256 if whole else Source.of(path, corpus).raw(report)
    found = _read(content if whole else _whole_lines(content, corpus), visible(str(path)), corpus)
    normal = _normalised(found, text)
    emptied = len(found.pairs) - len(normal.pairs)
    kept = replace(normal, pairs=normal.pairs[: corpus.first_pairs])
    parts = split_pairs(kept, corpus.validation_fraction, corpus.test_fraction, _SPLIT_SEED)
    by_name = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    digest = _digest(file_digest, corpus, text)
    sources, targets = _encoded_sides(by_name, text, file_digest, report)
    splits = tuple(_split(name, by_name[name], sources, targets, digest) for name in SPLITS)
    lines = [side for split in splits for side in (split.sources, split.targets)]
    shared = text.shared_vocabulary
    return EncodedPairs(
        digest=digest,
        file_digest=file_digest,
        ids_digest=_ids_digest(lines),
        characters=sum(len(pair.source) + len(pair.target) for pairs in by_name.values() for pair in pairs),
        tokens=sum(len(side.ids) for side in lines),
        members=tuple(source.facts),
        switches=normalization.switches(text),
        vocabulary=targets.numbering.vocabulary,
        source_vocabulary=None if shared else sources.numbering.vocabulary,
        splits=splits,
        reading=found.facts,
        splitting=parts.facts,
        emptied=emptied,
    )


def encode_known(
    path: Path, corpus: CorpusConfig, text: TextConfig, source: Vocabulary, target: Vocabulary
) -> PairSplit:
    """All pairs of a path as one split, "all", in the numbers of vocabularies that are already there."""
    text = text.model_copy(update={"strip_lines": False})
    reader = Source.of(path, corpus)
    pairs = _normalised(_read("".join(reader.chunks(silent)), visible(str(path)), corpus), text).pairs
    sources, targets = _numbered([p.source for p in pairs], source), _numbered([p.target for p in pairs], target)
    unknown = int((targets.ids == 0).sum())
    return PairSplit(
        name="all",
        sources=sources,
        targets=targets,
        pairs=pairs,
        characters=sum(len(pair.target) + 1 for pair in pairs),
        bytes=sum(len(pair.target.encode("utf-8", "surrogatepass")) + 1 for pair in pairs),
        unknown_tokens=unknown,
        spelling_nats=None if unknown else 0.0,
        digest=storage.sha256(f"{reader.sha256} {source.digest} {target.digest}".encode())[:32],
    )


def _numbered(lines: list[str], known: Vocabulary) -> Lines:
    ids = [known.encode(line) for line in lines]
    dtype = smallest_dtype(len(known) - 1)
    flat = np.fromiter(chain.from_iterable(ids), dtype=dtype, count=sum(map(len, ids)))
    return Lines(flat, np.cumsum([0, *map(len, ids)], dtype=np.int64))


def measure_baselines(
    pairs: EncodedPairs, name: str = "validation", check: Callable[[], None] = lambda: None
) -> Baselines:
    """What counting achieves on the targets of a split, per target token with <eos>: the sources are not looked at.

    The targets are one stream that begins with an <eos>, as if a line had just ended. The stream's first token is
    given, so exactly the tokens that a network is scored on are scored here. An n-gram sees the end of the line before.
    """
    train, split = pairs.split("train"), pairs.split(name)
    scored = baselines.ScoredSplit(name, split.targets.stream(), split.characters, split.spelling_nats)
    return baselines.measure(train.targets.stream(), None, scored, len(pairs.vocabulary), check=check)


# -- from text to pairs ----------------------------------------------------------------------------------------------


def _whole_lines(content: str, corpus: CorpusConfig) -> str:
    """The text without the line in which first_characters cut it off, whose target would be taught as if it ended."""
    return content[: content.rfind("\n") + 1] if len(content) == corpus.first_characters else content


def _read(content: str, name: str, corpus: CorpusConfig) -> Pairs:
    limit = LengthLimit(corpus.longest_pair) if corpus.longest_pair else None
    lines = list(lines_of([content]))
    if corpus.pairs == "next_line":
        return read_next_lines(lines, name, limit)
    found = read_table(lines, name, limit, on_bad_line="count")
    if found.facts.malformed:
        first = next((bad.line for bad in found.facts.bad_lines if bad.reason == "malformed"), None)
        where = f"line {first:,} of {name} holds" if first else f"{found.facts.malformed:,} lines of {name} hold"
        shown = f": {visible(lines[first - 1].strip(), limit=_SHOWN)}" if first else ""
        raise CorpusError(
            f"{where} no pair{shown}",
            "expected: source, tab, target; mend the line, or use --set corpus.pairs=next_line for a text without tabs",
        )
    return found


def _normalised(pairs: Pairs, text: TextConfig) -> Pairs:
    """The pairs with both sides changed as the switches say, before they are split: lines may become equal."""
    if not normalization.is_lossy(text):
        return pairs
    sources = _normal_lines([pair.source for pair in pairs.pairs], text)
    targets = _normal_lines([pair.target for pair in pairs.pairs], text)
    changed = zip(pairs.pairs, sources, targets, strict=True)
    kept = tuple(replace(pair, source=source, target=target) for pair, source, target in changed if source and target)
    if not kept:
        raise CorpusError(f"normalisation leaves nothing of the pairs of {pairs.name}", "change its switches")
    return replace(pairs, pairs=kept)


def _normal_lines(lines: list[str], text: TextConfig) -> list[str]:
    """All lines at once, which is many times faster than one by one: no switch adds or removes a line end."""
    return [line.strip() for line in "".join(normalization.normalize(["\n".join(lines)], text)).split("\n")]


# -- from pairs to ids -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Cut:
    """Lines of one split as numbers by first appearance."""

    numbers: NDArray[np.int32]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of all splits, cut and numbered; `kinds` are its tokens by first appearance."""

    cuts: dict[str, _Cut]
    kinds: list[str]
    numbering: Numbering

    def counts(self) -> dict[str, NDArray[np.int64]]:
        """How often each token occurs in each split."""
        return _counts(self.cuts, len(self.kinds))

    def lines(self, split: str) -> Lines:
        """The lines of a split as ids."""
        cut, dtype = self.cuts[split], smallest_dtype(len(self.numbering.vocabulary) - 1)
        return Lines(self.numbering.id_of_number.astype(dtype)[cut.numbers], cut.offsets)


def _encoded_sides(
    by_name: dict[str, tuple[Pair, ...]], text: TextConfig, file_digest: str, report: Report
) -> tuple[_Side, _Side]:
    """Both sides of all splits as ids: with one vocabulary counted on both, or each with its own."""
    texts = {
        side: {name: [str(getattr(pair, side)) for pair in pairs] for name, pairs in by_name.items()}
        for side in ("source", "target")
    }
    if not text.shared_vocabulary:
        source, target = (_encode([texts[side]], text, file_digest, report)[0] for side in ("source", "target"))
        return source, target
    source, target = _encode([texts["source"], texts["target"]], text, file_digest, report)
    return source, target


def _encode(sides: Sequence[dict[str, list[str]]], text: TextConfig, file_digest: str, report: Report) -> list[_Side]:
    """Sides that share a tokenizer and a vocabulary."""
    text = text.model_copy(update={"reserved": (*SPECIALS, *text.reserved)})
    tokenizer = _tokenizer(sides, text)
    known = tokenizers.numberer(tokenizer).tokens  # bytes and learned merges, whether they occur or not
    number_of = {token: number for number, token in enumerate(known)}
    cuts = [{name: _cut(lines, tokenizer, number_of, report) for name, lines in side.items()} for side in sides]
    kinds = list(number_of)
    each = [_counts(side, len(kinds)) for side in cuts]
    counts = {name: np.asarray(sum(side[name] for side in each)) for name in SPLITS}
    numbering = build_vocabulary(kinds, counts, text, tokenizer.facts, file_digest)
    return [_Side(side, kinds, numbering) for side in cuts]


def _tokenizer(sides: Sequence[dict[str, list[str]]], text: TextConfig) -> Tokenizer:
    """What cuts these sides; BPE is learned on their training part, or on all where the vocabulary is."""
    if text.tokenizer != "bpe":
        return tokenizers.make(text.tokenizer, engine=text.jieba_engine, data=read_dictionary(text))
    from rnnbench.text import bpe

    names = SPLITS if text.vocabulary_from == "all" else SPLITS[:1]
    lines = chain.from_iterable(side[name] for side in sides for name in names)
    return tokenizers.make("bpe", data=bpe.train((f"{line}\n" for line in lines), text.bpe_size))


def _cut(lines: list[str], tokenizer: Tokenizer, number_of: dict[str, int], report: Report) -> _Cut:
    """The lines as numbers; tokens that are met for the first time get the next one."""
    lengths: list[int] = []
    parts: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
    for start in range(0, len(lines), _BLOCK):
        report("cutting lines into tokens", start, len(lines))
        tokens: list[str] = []
        for line in lines[start : start + _BLOCK]:
            before = len(tokens)
            tokens += tokenizer.feed(line)
            tokens += tokenizer.finish()
            lengths.append(len(tokens) - before)
        numbers = (number_of.setdefault(token, len(number_of)) for token in tokens)
        parts.append(np.fromiter(numbers, dtype=np.int32, count=len(tokens)))
    return _Cut(np.concatenate(parts), np.cumsum([0, *lengths], dtype=np.int64))


def _counts(cuts: dict[str, _Cut], kinds: int) -> dict[str, NDArray[np.int64]]:
    return {name: np.bincount(cut.numbers, minlength=kinds).astype(np.int64) for name, cut in cuts.items()}


def _split(name: str, pairs: tuple[Pair, ...], sources: _Side, targets: _Side, digest: str) -> PairSplit:
    counts = targets.counts()
    only = {part: counts[part] for part in ("train", name)}  # unknown tokens are spelled by the training targets
    spans = {part: (0, int(count.sum())) for part, count in only.items()}
    facts = next(facts for facts in split_facts(spans, only, targets.kinds, targets.numbering) if facts.name == name)
    return PairSplit(
        name=name,
        sources=sources.lines(name),
        targets=targets.lines(name),
        pairs=pairs,
        characters=facts.characters + len(pairs),
        bytes=facts.bytes + len(pairs),
        unknown_tokens=facts.unknown_tokens,
        spelling_nats=facts.spelling_nats,
        digest=storage.sha256(f"{digest} {name}".encode())[:32],
    )


def _digest(file_digest: str, corpus: CorpusConfig, text: TextConfig) -> str:
    # Without defaults, so that a choice which a later version adds changes no digest while it is not used.
    choices = corpus.model_dump(mode="json", exclude={"file", "maximum_gigabytes"}, exclude_defaults=True)
    parts = ["pairs", _FORMAT, file_digest, choices, text.model_dump(mode="json", exclude_defaults=True)]
    return storage.sha256(json.dumps([*parts, read_dictionary(text)], sort_keys=True).encode())[:40]


def _ids_digest(lines: list[Lines]) -> str:
    digest = hashlib.sha256()
    for part in _bytes_of(lines):
        digest.update(part)
    return digest.hexdigest()


def _bytes_of(lines: list[Lines]) -> Iterator[bytes]:
    for side in lines:
        yield side.ids.dtype.name.encode()
        yield side.offsets.astype("<i8").tobytes()
        yield side.ids.tobytes()
