"""A corpus on disk: encoded once, memory-mapped, split by contiguous span, with what its text weighs."""

import hashlib
import json
import math
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench import storage
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import BadDataError, CorpusError, Stopped, UsageError
from rnnbench.text import baselines, normalization, tokenizers, vocabulary
from rnnbench.text.baselines import Baselines
from rnnbench.text.descriptions import CorpusDescription, MemberFacts, SplitDescription
from rnnbench.text.sources import Report, Source, preview, silent
from rnnbench.text.statistics import StatisticsCounter, zipf_curve
from rnnbench.text.tokenizers import Numberer, Tokenizer, TokenizerFacts
from rnnbench.text.vocabulary import Numbering, Vocabulary
from rnnbench.visible import visible

__all__ = ["CorpusDescription", "EncodedCorpus", "Split", "describe", "encode", "preview"]

_FORMAT = 3
_BLOCK = 1 << 20
_MOST_COMMON = 20
_REST = "rest"
_OPENING = 80  # tokens shown as the tokenizer cuts them
_UNICODE = 0x110000 - 0x800  # code points that are not surrogates
_KEPT_BYTES = 128 << 20  # numbers that `describe` keeps in memory rather than reading the text again
_DICTIONARY_BYTES = 64 << 20

Counts = NDArray[np.int64]
Part = NDArray[np.integer[Any]]


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
    """A text as ids on disk. `file_digest` covers the unpacked bytes, `ids_digest` the ids, `digest` the pipeline."""

    folder: Path
    digest: str
    file_digest: str
    characters: int
    lines: int
    tokens: int
    dtype: str
    ids_digest: str
    members: tuple[MemberFacts, ...]
    switches: tuple[str, ...]
    splits: tuple[SplitFacts, ...]
    vocabulary: Vocabulary

    @property
    def replaced(self) -> int:
        """Characters that stand for bytes which were not text."""
        return sum(member.replaced for member in self.members)

    @property
    def source_vocabulary(self) -> None:
        """What is read is also what is predicted."""
        return None

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


def split_spans(tokens: int, corpus: CorpusConfig, name: str = "the text") -> dict[str, tuple[int, int]]:
    """Contiguous spans: training first, then validation, then test. Raises CorpusError when one would be empty."""
    test = int(tokens * corpus.test_fraction)
    validation = int(tokens * corpus.validation_fraction)
    train = tokens - validation - test
    if corpus.train_tokens is not None:
        train = min(train, corpus.train_tokens)
    if train < 2 or validation < 2:
        smallest = math.ceil(2 / min(corpus.validation_fraction, 1 - corpus.validation_fraction - corpus.test_fraction))
        raise CorpusError(
            f"{name} has {tokens} tokens, too few to train and validate on", f"it needs at least {smallest:,}"
        )
    test_start = train + validation
    return {"train": (0, train), "validation": (train, test_start), "test": (test_start, test_start + test)}


# -- encoding to disk ----------------------------------------------------------------------------------------------


def encode(path: Path, corpus: CorpusConfig, text: TextConfig, cache: Path, report: Report = silent) -> EncodedCorpus:
    """The corpus of a path, from the cache or encoded now. Raises CorpusError; `report` may raise to stop.

    Two processes may do this at once: each works in a folder of its own and the first rename wins. What was
    interrupted leaves nothing behind.
    """
    source = Source.of(path, corpus)
    stamps, file_digest = source.container.stamps, source.raw(report)
    digest = _pipeline_digest(file_digest, corpus, text)
    folder = cache / digest
    cached = _load(folder, digest, report)
    if cached is not None:
        return cached
    storage.make_folder(cache)
    working = cache / f"{digest}.{secrets.token_hex(4)}{storage.TEMPORARY}"
    storage.make_folder(working)
    try:
        _encode_into(working, path, (corpus, text), file_digest, report)
        if Source.of(path, corpus).container.stamps != stamps:
            raise CorpusError(f"{visible(str(path))} changed while it was read", "try again when nobody writes to it")
        _publish(working, folder, report)
    finally:
        if working.exists():
            storage.remove_folder(working)
    loaded = _load(folder, digest, None)  # what was published now was verified now, by us or by who was faster
    if loaded is None:
        raise BadDataError(f"the encoded text in {folder} cannot be read back")
    return loaded


def _publish(working: Path, folder: Path, report: Report) -> None:
    with storage.folder_lock(folder.parent):  # else what one process found damaged may be another's new and whole one
        if folder.exists() and _load(folder, folder.name, report) is None:
            storage.remove_folder(folder)  # made again
        try:
            working.rename(folder)
            storage.sync_folder(folder.parent)
        except OSError as error:
            if not folder.exists():
                raise storage.explain(error, "write", folder) from error


def _pipeline_digest(file_digest: str, corpus: CorpusConfig, text: TextConfig) -> str:
    # Without defaults, so that a choice which a later version adds changes no digest while it is not used.
    choices = corpus.model_dump(mode="json", exclude={"file", "maximum_gigabytes"}, exclude_defaults=True)
    parts = [_FORMAT, file_digest, choices, text.model_dump(mode="json", exclude_defaults=True), _dictionary(text)]
    return storage.sha256(json.dumps(parts, sort_keys=True).encode())[:40]


def _load(folder: Path, digest: str, report: Report | None) -> EncodedCorpus | None:
    """The encoded corpus in a cache folder; None when it is absent or damaged, to be made again.

    Every id and every figure is verified: a flipped bit would be trained on, or weigh a score, and nobody would know.
    SHA-256 takes about a gigabyte of ids a second, as it does of the text. Without a `report` the ids are taken as
    they are.
    """
    try:
        record = storage.read_json(folder / "corpus.json", limit=1 << 30)
        if record.pop("seal") != _seal(record):
            return None
        known = Vocabulary.from_json(record.pop("vocabulary"))
        splits = tuple(SplitFacts(**facts) for facts in record.pop("splits"))
        members = tuple(MemberFacts(**facts) for facts in record.pop("members"))
        switches = tuple(record.pop("switches"))
        corpus = EncodedCorpus(folder, **record, members=members, switches=switches, splits=splits, vocabulary=known)
        size = corpus.tokens * np.dtype(corpus.dtype).itemsize
        whole = (folder / "ids.bin").lstat().st_size == size  # a link is not what was written
        if report is not None:
            whole = whole and _digest_of_ids(folder / "ids.bin", corpus.dtype, size, report) == corpus.ids_digest
    except (OSError, BadDataError, TypeError, KeyError, AttributeError):
        return None
    return corpus if whole and corpus.digest == digest else None


def _seal(record: dict[str, Any]) -> str:
    return storage.sha256(json.dumps(record, sort_keys=True).encode())


def _digest_of_ids(path: Path, dtype: str, size: int, report: Report) -> str:
    digest, done = hashlib.sha256(dtype.encode()), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            report("verifying ids", done, size)
            digest.update(block)
            done += len(block)
    return digest.hexdigest()


def _encode_into(
    folder: Path, path: Path, choices: tuple[CorpusConfig, TextConfig], file_digest: str, report: Report
) -> None:
    """One pass cuts the text and numbers tokens by first appearance; then numbers become ids."""
    corpus, text = choices
    reader = Reader.of(path, corpus, text, report)
    reader.source.hashing = False  # the digest is known
    store = NumberFile(folder / "numbers.bin")
    store.write(reader.parts(report))
    spans, kinds = split_spans(store.tokens, corpus, visible(str(path))), reader.numbers.tokens
    counts = _count_spans(store.parts("counting tokens", report), spans, len(kinds))
    _refuse_monotony(visible(str(path)), kinds, counts, reader.numbers.tokenizer.facts)
    numbering = _vocabulary(kinds, counts, text, reader.numbers.tokenizer.facts, file_digest)
    dtype = _smallest_dtype(len(numbering.vocabulary) - 1)
    ids_digest = _write_ids(store.parts("writing ids", report), numbering, dtype, folder / "ids.bin")
    storage.remove_file(store.path)
    record: dict[str, Any] = {
        "digest": folder.name.partition(".")[0],
        "file_digest": file_digest,
        "characters": reader.characters,
        "lines": reader.source.lines,
        "tokens": store.tokens,
        "dtype": dtype,
        "ids_digest": ids_digest,
        "members": [asdict(facts) for facts in reader.source.facts],
        "switches": list(normalization.switches(text)),
        "splits": [asdict(facts) for facts in _facts(spans, counts, kinds, numbering)],
        "vocabulary": numbering.vocabulary.to_json(),
    }
    storage.write_json(folder / "corpus.json", {**record, "seal": _seal(record)})


@dataclass
class Reader:
    """Source, normalisation and tokenizer in a row; `characters` counts what the tokenizer was given."""

    source: Source
    text: TextConfig
    numbers: Numberer
    characters: int = 0
    counter: StatisticsCounter | None = None
    opening: tuple[int, ...] = ()

    @classmethod
    def of(cls, path: Path, corpus: CorpusConfig, text: TextConfig, report: Report) -> "Reader":
        """The pipeline that a configuration describes; BPE is learned here, on the training part of the text."""
        source = Source.of(path, corpus)
        return cls(source, text, tokenizers.numberer(_tokenizer(path, corpus, text, report)))

    def parts(self, report: Report) -> Iterator[Part]:
        """The numbers of the text's tokens, chunk by chunk."""
        seen: Callable[[str], object] = len if self.counter is None else self.counter.feed
        for chunk in normalization.normalize(self.source.chunks(report), self.text, seen):
            self.characters += len(chunk)
            yield self._remembered(self.numbers.feed(chunk))
        yield self._remembered(self.numbers.finish())

    def _remembered(self, part: Part) -> Part:
        if len(self.opening) < _OPENING:
            self.opening += tuple(part[: _OPENING - len(self.opening)].tolist())
        return part


def _tokenizer(path: Path, corpus: CorpusConfig, text: TextConfig, report: Report) -> Tokenizer:
    if text.tokenizer != "bpe":
        return tokenizers.make(text.tokenizer, engine=text.jieba_engine, data=_dictionary(text))
    from rnnbench.text import bpe

    return tokenizers.make("bpe", data=bpe.train(_training_part(path, corpus, text, report), text.bpe_size))


def _training_part(path: Path, corpus: CorpusConfig, text: TextConfig, report: Report) -> Iterator[str]:
    """The text that BPE may learn from: about the training split, or all when the vocabulary is counted on all."""
    source = Source.of(path, corpus)
    share = 1.0 if text.vocabulary_from == "all" else 1 - corpus.validation_fraction - corpus.test_fraction
    total = sum(len(chunk) for chunk in normalization.normalize(source.chunks(report), text))
    left = int(total * share)
    for chunk in normalization.normalize(Source.of(path, corpus).chunks(report), text):
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _dictionary(text: TextConfig) -> str:
    """The content of jieba's user dictionary; it is recorded, so that a run does not depend on the file later."""
    if not text.user_dictionary or text.tokenizer != "jieba":
        return ""
    path = Path(text.user_dictionary).expanduser()
    try:
        return storage.read_file(path, limit=_DICTIONARY_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, BadDataError) as error:
        raise UsageError(f"text.user_dictionary: cannot read {path}: {error}") from None


class NumberFile:
    """Numbers on disk, each part in the smallest type that holds it: most texts take one or two bytes a token."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tokens = 0
        self._index: list[tuple[str, int]] = []

    def write(self, parts: Iterable[Part]) -> None:
        """Store every part."""
        with storage.new_file(self.path, durable=False) as file:
            for part in parts:
                if len(part):
                    small = _small(part)
                    file.write(small.tobytes())
                    self._index.append((small.dtype.name, len(small)))
                    self.tokens += len(small)

    def parts(self, phase: str, report: Report) -> Iterator[Part]:
        """The parts again, in order."""
        done = 0
        with self.path.open("rb") as file:
            for dtype, count in self._index:
                yield np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype=dtype)
                done += count
                report(phase, done, self.tokens)


def _small(part: Part) -> Part:
    if part.dtype == np.uint8:
        return part
    return part.astype(_smallest_dtype(int(part.max(initial=0))))


def _smallest_dtype(largest: int) -> str:
    return next(name for name in ("uint8", "uint16", "uint32") if largest <= np.iinfo(name).max)


def _write_ids(parts: Iterable[Part], numbering: Numbering, dtype: str, path: Path) -> str:
    table, digest = numbering.id_of_number.astype(dtype), hashlib.sha256(dtype.encode())
    single = np.resize(table, 256).tobytes() if dtype == "uint8" else b""
    with storage.new_file(path) as file:
        for part in parts:
            fast = single and part.dtype == np.uint8  # several times faster than an array look-up
            block = part.tobytes().translate(single) if fast else table[part].tobytes()
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


# -- counting ------------------------------------------------------------------------------------------------------


def _count_spans(parts: Iterable[Part], spans: dict[str, tuple[int, int]], kinds: int) -> dict[str, Counts]:
    """How often each number occurs in each span, and in what is left of the text behind them."""
    counts = {name: np.zeros(kinds, dtype=np.int64) for name in spans}
    rest = max(stop for _, stop in spans.values())
    spans = {**spans, _REST: (rest, 1 << 62)}
    counts[_REST] = np.zeros(kinds, dtype=np.int64)
    position = 0
    for part in parts:
        for name, (start, stop) in spans.items():
            inside = part[max(start - position, 0) : max(stop - position, 0)]
            if len(inside):
                found = np.bincount(inside)
                counts[name][: len(found)] += found
        position += len(part)
    return counts


def _refuse_monotony(name: str, tokens: list[str], counts: dict[str, Counts], facts: TokenizerFacts) -> None:
    """Raise CorpusError for a text of one kind of token or of blanks: nothing can be learned from it."""
    found = np.flatnonzero(np.asarray(sum(counts.values())))
    if all(tokenizers.shown(facts, tokens[number]).isspace() for number in found):
        raise CorpusError(f"{name} holds only blanks", "a corpus needs at least 1 character that is not blank")
    if len(found) < 2:
        raise CorpusError(f"{name} has only one kind of token", "a model needs at least 2 to choose between")


def _vocabulary(
    tokens: list[str], counts: dict[str, Counts], text: TextConfig, facts: TokenizerFacts, corpus_digest: str
) -> Numbering:
    counted = sum(counts.values()) if text.vocabulary_from == "all" else counts["train"]
    return vocabulary.build(
        tokens,
        np.asarray(counted),
        tokenizer=facts,
        corpus_digest=corpus_digest,
        minimum_frequency=text.minimum_frequency,
        maximum_size=text.maximum_size,
        reserved=text.reserved,
    )


def _facts(
    spans: dict[str, tuple[int, int]], counts: dict[str, Counts], tokens: list[str], numbering: Numbering
) -> list[SplitFacts]:
    tokenizer = numbering.vocabulary.tokenizer
    weights = np.array([tokenizers.weigh(tokenizer, token) for token in tokens], dtype=np.int64)
    unknown = numbering.id_of_number == 0
    spelling = _spelling_costs(tokens, counts["train"], unknown)
    return [
        SplitFacts(
            name,
            start,
            stop,
            int(counts[name] @ weights[:, 0]),
            int(counts[name] @ weights[:, 1]),
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


def measure_baselines(
    corpus: EncodedCorpus, name: str = "validation", *, compress: bool = False, check: Callable[[], None] = lambda: None
) -> Baselines:
    """What guessing, counting and (with `compress`, which takes seconds a megabyte) xz achieve on a split."""
    train, split = corpus.split("train"), corpus.split(name)
    spelled = baselines.ScoredSplit(
        name, split.ids, split.characters, split.spelling_nats, _texts(corpus, split) if compress else None
    )
    texts = _texts(corpus, train) if compress else None
    return baselines.measure(train.ids, texts, spelled, len(corpus.vocabulary), check=check)


def _texts(corpus: EncodedCorpus, split: Split) -> Iterator[str]:
    """The text of a split again, from its ids."""
    for start in range(0, len(split.ids), _BLOCK):
        yield corpus.vocabulary.decode(split.ids[start : start + _BLOCK].tolist())


# -- describing ----------------------------------------------------------------------------------------------------


def describe(
    path: Path, corpus: CorpusConfig, text: TextConfig, cancelled: Callable[[], bool] = lambda: False
) -> CorpusDescription:
    """What a text holds; nothing is written. Raises CorpusError, or Stopped when cancelled.

    The splits are known only when the length is, so a long text is read twice.
    """

    def report(phase: str, done: int, total: int) -> None:
        if cancelled():
            raise Stopped

    reader = Reader.of(path, corpus, text, report)
    reader.counter = StatisticsCounter()
    tokens, kept = _gather(reader.parts(report))
    spans, kinds = split_spans(tokens, corpus, visible(str(path))), reader.numbers.tokens
    again = Reader(Source.of(path, corpus), text, reader.numbers).parts(report) if kept is None else kept
    counts = _count_spans(again, spans, len(kinds))
    _refuse_monotony(visible(str(path)), kinds, counts, reader.numbers.tokenizer.facts)
    file_digest = Source.of(path, corpus).raw(report) if corpus.first_characters else reader.source.sha256
    numbering = _vocabulary(kinds, counts, text, reader.numbers.tokenizer.facts, file_digest)
    total = np.asarray(sum(counts.values()))
    most = np.argsort(-total, kind="stable")[:_MOST_COMMON]
    return CorpusDescription(
        path=str(path),
        bytes=reader.source.size,
        encoding=" + ".join(dict.fromkeys(member.encoding for member in reader.source.facts)),
        encoding_confidence=min(member.confidence for member in reader.source.facts),
        characters=reader.characters,
        lines=reader.source.lines,
        tokenizer=text.tokenizer,
        tokens=tokens,
        vocabulary_size=len(numbering.vocabulary),
        most_common=tuple(
            (tokenizers.shown(reader.numbers.tokenizer.facts, kinds[number]), int(total[number]))
            for number in most
            if total[number]
        ),
        splits=tuple(_describe_split(facts) for facts in _facts(spans, counts, kinds, numbering)),
        digest=file_digest,
        members=tuple(reader.source.facts),
        switches=normalization.switches(text),
        replaced=sum(member.replaced for member in reader.source.facts),
        statistics=reader.counter.statistics(),
        zipf=zipf_curve(total),
        opening=tuple(tokenizers.shown(reader.numbers.tokenizer.facts, kinds[number]) for number in reader.opening),
    )


def _gather(parts: Iterable[Part]) -> tuple[int, list[Part] | None]:
    """How many tokens there are, and their numbers when they fit in memory."""
    tokens, size = 0, 0
    kept: list[Part] | None = []
    for part in parts:
        tokens += len(part)
        if kept is not None and len(part):
            kept.append(_small(part))
            size += kept[-1].nbytes
            kept = kept if size <= _KEPT_BYTES else None
    return tokens, kept


def _describe_split(facts: SplitFacts) -> SplitDescription:
    tokens = facts.stop - facts.start
    return SplitDescription(facts.name, tokens, facts.characters, facts.unknown_tokens / tokens if tokens else 0.0)
