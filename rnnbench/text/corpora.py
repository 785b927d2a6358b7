"""A corpus on disk: encoded once, memory-mapped, split by contiguous span, with its statistics and baselines."""

import hashlib
import json
import math
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench import storage
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import BadDataError, CorpusError, Stopped
from rnnbench.text.sources import ENCODING, Report, Source, preview, silent
from rnnbench.text.tokenizers import Numberer, numberer
from rnnbench.text.vocabulary import Numbering, Vocabulary, build

__all__ = ["CorpusDescription", "EncodedCorpus", "Split", "describe", "encode", "preview"]

SPLITS = ("train", "validation", "test")
_FORMAT = 1
_BLOCK = 1 << 20
_MOST_COMMON = 20
_UNICODE = 0x110000 - 0x800  # code points that are not surrogates

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """A contiguous part of a corpus: its ids (memory-mapped), and what its text weighs.

    `digest` names corpus, pipeline and span: a score on one split cannot pass for another's.
    """

    name: str
    ids: NDArray[np.generic]
    digest: str
    characters: int
    bytes: int
    unknown_tokens: int
    spelling_nats: float

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class SplitFacts:
    """What is stored of a split: its span in tokens and what its text weighs."""

    name: str
    start: int
    stop: int
    characters: int
    bytes: int
    unknown_tokens: int
    spelling_nats: float


@dataclass(frozen=True)
class EncodedCorpus:
    """A text as ids on disk."""

    folder: Path
    digest: str
    file_digest: str
    characters: int
    lines: int
    tokens: int
    dtype: str
    ids_digest: str
    splits: tuple[SplitFacts, ...]
    vocabulary: Vocabulary

    def split(self, name: str) -> Split:
        """The named split."""
        facts = next(split for split in self.splits if split.name == name)
        ids = np.memmap(self.folder / "ids.bin", dtype=self.dtype, mode="r", shape=(self.tokens,))
        return Split(
            name,
            ids[facts.start : facts.stop],
            storage.sha256(f"{self.digest} {name} {facts.start} {facts.stop}".encode())[:32],
            facts.characters,
            facts.bytes,
            facts.unknown_tokens,
            facts.spelling_nats,
        )


@dataclass(frozen=True)
class SplitDescription:
    """A split as `corpora show` tells it."""

    name: str
    tokens: int
    characters: int
    out_of_vocabulary_rate: float


@dataclass(frozen=True)
class CorpusDescription:
    """A corpus as `corpora show` tells it."""

    path: str
    bytes: int
    encoding: str
    encoding_confidence: float
    characters: int
    lines: int
    tokenizer: str
    tokens: int
    vocabulary_size: int
    most_common: tuple[tuple[str, int], ...]
    splits: tuple[SplitDescription, ...]
    digest: str


def split_spans(tokens: int, corpus: CorpusConfig) -> dict[str, tuple[int, int]]:
    """Contiguous spans: training first, then validation, then test. Raises CorpusError when one would be empty."""
    test = int(tokens * corpus.test_fraction)
    validation = int(tokens * corpus.validation_fraction)
    train = tokens - validation - test
    if train < 2 or validation < 2:
        smallest = math.ceil(2 / min(corpus.validation_fraction, 1 - corpus.validation_fraction - corpus.test_fraction))
        raise CorpusError(
            f"the text has {tokens} tokens, too few to train and validate on", f"it needs at least {smallest:,}"
        )
    return {"train": (0, train), "validation": (train, train + validation), "test": (train + validation, tokens)}


def encode(path: Path, corpus: CorpusConfig, text: TextConfig, cache: Path, report: Report = silent) -> EncodedCorpus:
    """The corpus of a file, from the cache or encoded now. Raises CorpusError; `report` may raise to stop.

    Two processes may do this at once: each works in a folder of its own and the first rename wins.
    """
    file_digest = _file_digest(path, report)
    digest = _pipeline_digest(file_digest, corpus, text)
    folder = cache / digest
    cached = _load(folder, digest)
    if cached is not None:
        return cached
    storage.make_folder(cache)
    working = cache / f"{digest}.{secrets.token_hex(4)}{storage.TEMPORARY}"
    storage.make_folder(working)
    try:
        _encode_into(working, path, corpus, text, digest, report)
        _publish(working, folder)
    finally:
        if working.exists():
            storage.remove_folder(working)
    loaded = _load(folder, digest)
    if loaded is None:
        raise BadDataError(f"the encoded text in {folder} cannot be read back")
    return loaded


def _publish(working: Path, folder: Path) -> None:
    if folder.exists() and _load(folder, folder.name) is None:
        storage.remove_folder(folder)  # damaged: made again
    try:
        working.rename(folder)
        storage.sync_folder(folder.parent)
    except OSError as error:
        if not folder.exists():
            raise storage.explain(error, "write", folder) from error


def _file_digest(path: Path, report: Report) -> str:
    size = Source(path).check()
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            report("checking the text", done, size)
    return digest.hexdigest()


def _pipeline_digest(file_digest: str, corpus: CorpusConfig, text: TextConfig) -> str:
    parts = [_FORMAT, file_digest, corpus.model_dump(mode="json", exclude={"file"}), text.model_dump(mode="json")]
    return storage.sha256(json.dumps(parts, sort_keys=True).encode())[:40]


def _load(folder: Path, digest: str) -> EncodedCorpus | None:
    """The encoded corpus in a cache folder; None when it is absent or damaged, to be made again."""
    try:
        record = storage.read_json(folder / "corpus.json")
        vocabulary = Vocabulary.from_json(record.pop("vocabulary"))
        splits = tuple(SplitFacts(**facts) for facts in record.pop("splits"))
        corpus = EncodedCorpus(folder, **record, splits=splits, vocabulary=vocabulary)
        whole = (folder / "ids.bin").stat().st_size == corpus.tokens * np.dtype(corpus.dtype).itemsize
    except (OSError, BadDataError, TypeError, KeyError, AttributeError):
        return None
    return corpus if whole and corpus.digest == digest else None


def _encode_into(folder: Path, path: Path, corpus: CorpusConfig, text: TextConfig, digest: str, report: Report) -> None:
    """One pass cuts the text and numbers tokens by first appearance; a second turns numbers into ids."""
    source, numbers = Source(path, corpus.first_characters), numberer(text.tokenizer)
    provisional = folder / "numbers.bin"
    tokens = _write_numbers(source, numbers, provisional, report)
    spans = split_spans(tokens, corpus)
    mapped = np.memmap(provisional, dtype=np.int32, mode="r", shape=(tokens,))
    counts = {name: _count(mapped[start:stop], len(numbers.tokens)) for name, (start, stop) in spans.items()}
    numbering = _vocabulary(numbers.tokens, counts, text, source.sha256)
    dtype = _smallest_dtype(len(numbering.vocabulary))
    ids_digest = _write_ids(mapped, numbering, dtype, folder / "ids.bin", report)
    storage.remove_file(provisional)
    record: dict[str, Any] = {
        "digest": digest,
        "file_digest": source.sha256,
        "characters": source.characters,
        "lines": source.lines,
        "tokens": tokens,
        "dtype": dtype,
        "ids_digest": ids_digest,
        "splits": [asdict(facts) for facts in _facts(spans, counts, numbers.tokens, numbering)],
        "vocabulary": numbering.vocabulary.to_json(),
    }
    storage.write_json(folder / "corpus.json", record)


def _write_numbers(source: Source, numbers: Numberer, path: Path, report: Report) -> int:
    tokens = 0
    with storage.new_file(path) as file:
        for chunk in source.chunks(report):
            part = numbers.feed(chunk)
            tokens += len(part)
            file.write(part.tobytes())
    return tokens


def _write_ids(mapped: NDArray[np.int32], numbering: Numbering, dtype: str, path: Path, report: Report) -> str:
    table, digest = numbering.id_of_number.astype(dtype), hashlib.sha256()
    with storage.new_file(path) as file:
        for start in range(0, len(mapped), _BLOCK):
            block = table[mapped[start : start + _BLOCK]].tobytes()
            digest.update(block)
            file.write(block)
            report("writing ids", start, len(mapped))
    return digest.hexdigest()


def _smallest_dtype(vocabulary_size: int) -> str:
    return next(name for name in ("uint8", "uint16", "uint32") if vocabulary_size <= np.iinfo(name).max + 1)


def _count(numbers: NDArray[np.int32], kinds: int) -> Counts:
    counts = np.zeros(kinds, dtype=np.int64)
    for start in range(0, len(numbers), _BLOCK):
        counts += np.bincount(numbers[start : start + _BLOCK], minlength=kinds)
    return counts


def _vocabulary(tokens: list[str], counts: dict[str, Counts], text: TextConfig, corpus_digest: str) -> Numbering:
    counted = sum(counts.values()) if text.vocabulary_from == "all" else counts["train"]
    return build(
        tokens,
        np.asarray(counted),
        tokenizer=text.tokenizer,
        corpus_digest=corpus_digest,
        minimum_frequency=text.minimum_frequency,
        reserved=text.reserved,
    )


def _facts(
    spans: dict[str, tuple[int, int]], counts: dict[str, Counts], tokens: list[str], numbering: Numbering
) -> list[SplitFacts]:
    characters = np.array([len(token) for token in tokens], dtype=np.int64)
    sizes = np.array([len(token.encode("utf-8", "surrogatepass")) for token in tokens], dtype=np.int64)
    unknown = numbering.id_of_number == 0
    spelling = _spelling_costs(tokens, counts["train"], unknown)
    return [
        SplitFacts(
            name,
            start,
            stop,
            int(counts[name] @ characters),
            int(counts[name] @ sizes),
            int(counts[name] @ unknown),
            float(counts[name] @ spelling),
        )
        for name, (start, stop) in spans.items()
    ]


def _spelling_costs(tokens: list[str], train: Counts, unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Nats to spell each unknown token by a character unigram of the training text; 0 for known tokens.

    Witten-Bell (1991): a character that was never seen costs the escape T / (N + T) and then a uniform choice among
    all of Unicode. A token of several characters also pays for its end, as one more unseen event.
    """
    costs = np.zeros(len(tokens), dtype=np.float64)
    if not unknown.any():
        return costs
    weight: dict[str, int] = {}
    for token, count in zip(tokens, train.tolist(), strict=True):
        for character in token if count else "":
            weight[character] = weight.get(character, 0) + count
    total, kinds = sum(weight.values()), len(weight)
    escape = math.log((total + kinds) / kinds) + math.log(_UNICODE)
    for number in np.flatnonzero(unknown):
        token = tokens[number]
        spelled = sum(math.log((total + kinds) / weight[c]) if c in weight else escape for c in token)
        costs[number] = spelled + (math.log((total + kinds) / kinds) if len(token) > 1 else 0.0)
    return costs


def unigram_loss_nats(corpus: EncodedCorpus, name: str = "validation") -> float:
    """Mean nats per token of a split under the training split's token frequencies, one added to each count."""
    size = len(corpus.vocabulary)
    train = _count(corpus.split("train").ids.astype(np.int32, copy=False), size) + 1
    scored = _count(corpus.split(name).ids[1:].astype(np.int32, copy=False), size)
    return float(-(scored @ np.log(train / train.sum())) / max(scored.sum(), 1))


def describe(
    path: Path, corpus: CorpusConfig, text: TextConfig, cancelled: Callable[[], bool] = lambda: False
) -> CorpusDescription:
    """What a text holds. Two passes: the splits are known only when the length is. Raises CorpusError, or Stopped."""

    def report(phase: str, done: int, total: int) -> None:
        if cancelled():
            raise Stopped

    source, numbers = Source(path, corpus.first_characters), numberer(text.tokenizer)
    tokens = sum(len(numbers.feed(chunk)) for chunk in source.chunks(report))
    spans = split_spans(tokens, corpus)
    counts = _count_spans(Source(path, corpus.first_characters), numbers, spans, report)
    numbering = _vocabulary(numbers.tokens, counts, text, source.sha256)
    total = np.asarray(sum(counts.values()))
    most = np.argsort(-total, kind="stable")[:_MOST_COMMON]
    return CorpusDescription(
        path=str(path),
        bytes=source.size,
        encoding=ENCODING,
        encoding_confidence=1.0,
        characters=source.characters,
        lines=source.lines,
        tokenizer=text.tokenizer,
        tokens=tokens,
        vocabulary_size=len(numbering.vocabulary),
        most_common=tuple((numbers.tokens[number], int(total[number])) for number in most),
        splits=tuple(_describe_split(facts) for facts in _facts(spans, counts, numbers.tokens, numbering)),
        digest=source.sha256,
    )


def _describe_split(facts: SplitFacts) -> SplitDescription:
    tokens = facts.stop - facts.start
    return SplitDescription(facts.name, tokens, facts.characters, facts.unknown_tokens / tokens if tokens else 0.0)


def _count_spans(
    source: Source, numbers: Numberer, spans: dict[str, tuple[int, int]], report: Report
) -> dict[str, Counts]:
    counts = {name: np.zeros(len(numbers.tokens), dtype=np.int64) for name in spans}
    position = 0
    for chunk in source.chunks(report):
        part = numbers.feed(chunk)
        for name, (start, stop) in spans.items():
            inside = part[max(start - position, 0) : max(stop - position, 0)]
            if len(inside):
                counts[name] += np.bincount(inside, minlength=len(numbers.tokens))
        position += len(part)
    return counts
