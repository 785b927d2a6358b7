"""A corpus on disk: encoded once, memory-mapped, split by contiguous span, with what its text weighs."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnbench import storage
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import BadDataError, CorpusError
from rnnbench.text import baselines, normalization
from rnnbench.text.baselines import Baselines
from rnnbench.text.describing import describe
from rnnbench.text.descriptions import CorpusDescription, MemberFacts
from rnnbench.text.number_files import NumberFile, smallest_dtype, write_ids
from rnnbench.text.pipeline import Known, Pipeline, Reader, read_dictionary
from rnnbench.text.sources import Report, Source, preview, silent
from rnnbench.text.splits import Counts, Split, SplitFacts, count_spans, refuse_monotony, split_facts
from rnnbench.text.vocabulary import Numbering, Vocabulary
from rnnbench.text.written import Written
from rnnbench.visible import visible

__all__ = ["CorpusDescription", "EncodedCorpus", "Known", "Split", "Written", "describe", "encode", "preview"]

_FORMAT = 4
_UNKNOWN_KINDS = 20
_BLOCK = 1 << 20


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
    unknown_kinds: tuple[str, ...] = ()
    """The most frequent of the tokens that the vocabulary lacks."""

    @property
    def tokens_digest(self) -> str:
        """Names the tokens of all splits but the one trained on, however the text was read and its file is called."""
        scored = [(split.name, split.start, split.stop) for split in self.splits if split.name != "train"]
        return storage.sha256(f"{self.ids_digest} {self.vocabulary.digest} {scored}".encode())[:32]

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

    def span_characters(self, name: str) -> tuple[int, int]:
        """Where the named split begins and ends, in characters: splits follow each other from the start of the text."""
        place = [facts.name for facts in self.splits].index(name)
        before = sum(facts.characters for facts in self.splits[:place])
        return before, before + self.splits[place].characters


def encode(
    path: Path,
    corpus: CorpusConfig,
    text: TextConfig,
    cache: Path,
    report: Report = silent,
    known: Known | None = None,
) -> EncodedCorpus:
    """The corpus of a path, from the cache or encoded now. Raises CorpusError; `report` may raise to stop.

    With a `known` vocabulary its tokenizer cuts the text, and nothing is learned or counted for a new one.

    Two processes may do this at once: each works in a folder of its own and the first rename wins. What was
    interrupted leaves nothing behind.
    """
    source = Source.of(path, corpus)
    stamps, file_digest = source.container.stamps, source.raw(report)
    digest = _pipeline_digest(file_digest, corpus, text, known)
    folder = cache / digest
    cached = _load(folder, digest, report)
    if cached is not None:
        return cached
    storage.make_folder(cache)
    working = cache / f"{digest}.{secrets.token_hex(4)}{storage.TEMPORARY}"
    storage.make_folder(working)
    try:
        _encode_into(working, path, Pipeline(corpus, text, known), file_digest, report)
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


def _pipeline_digest(file_digest: str, corpus: CorpusConfig, text: TextConfig, known: Known | None) -> str:
    # Without defaults, so that a choice which a later version adds changes no digest while it is not used.
    choices = corpus.model_dump(mode="json", exclude={"file", "maximum_gigabytes"}, exclude_defaults=True)
    parts = [_FORMAT, file_digest, choices, text.model_dump(mode="json", exclude_defaults=True), read_dictionary(text)]
    parts += [known.vocabulary.digest, known.whole, known.extend] if known else []
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
        switches, unknown = tuple(record.pop("switches")), tuple(record.pop("unknown_kinds"))
        corpus = EncodedCorpus(
            folder, **record, members=members, switches=switches, splits=splits, vocabulary=known, unknown_kinds=unknown
        )
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


def _encode_into(folder: Path, path: Path, pipeline: Pipeline, file_digest: str, report: Report) -> None:
    """One pass cuts the text and numbers tokens by first appearance; then numbers become ids."""
    name, reader = visible(str(path)), Reader.of(path, pipeline, report)
    reader.source.hashing = False  # the digest is known
    store = NumberFile(folder / "numbers.bin")
    store.write(reader.parts(report))
    spans, kinds, facts = pipeline.spans(store.tokens, name), reader.numbers.tokens, reader.numbers.tokenizer.facts
    counts = count_spans(store.parts("counting tokens", report), spans, len(kinds))
    if not pipeline.whole:
        refuse_monotony(name, kinds, counts, facts)
    numbering = pipeline.numbering(kinds, counts, facts, file_digest)
    dtype = smallest_dtype(len(numbering.vocabulary) - 1)
    ids_digest = write_ids(store.parts("writing ids", report), numbering, dtype, folder / "ids.bin")
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
        "switches": list(normalization.switches(pipeline.text)),
        "splits": [asdict(facts) for facts in split_facts(spans, counts, kinds, numbering)],
        "vocabulary": numbering.vocabulary.to_json(),
        "unknown_kinds": _unknown_kinds(kinds, counts, numbering),
    }
    storage.write_json(folder / "corpus.json", {**record, "seal": _seal(record)})


def _unknown_kinds(kinds: list[str], counts: dict[str, Counts], numbering: Numbering) -> list[str]:
    total = np.where(numbering.id_of_number == 0, np.asarray(sum(counts.values())), 0)
    most = np.argsort(-total, kind="stable")[:_UNKNOWN_KINDS]
    return [kinds[number] for number in most if total[number]]


def measure_baselines(
    corpus: EncodedCorpus,
    name: str = "validation",
    *,
    written: Written | None = None,
    check: Callable[[], None] = lambda: None,
) -> Baselines:
    """What guessing, counting and (where it is told how the text is `written`) xz achieve on a split.

    xz takes seconds a megabyte. It reads the text itself: of tokens that the vocabulary lacks the ids tell nothing.
    """
    train, split = corpus.split("train"), corpus.split(name)
    texts = [written.part(*corpus.span_characters(part.name)) if written else None for part in (train, split)]
    scored = baselines.ScoredSplit(name, split.ids, split.characters, split.spelling_nats, texts[1])
    return baselines.measure(train.ids, texts[0], scored, len(corpus.vocabulary), check=check)
