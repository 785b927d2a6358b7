"""What a text holds, found without writing anything."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import Stopped
from rnnbench.text import normalization, tokenizers
from rnnbench.text.descriptions import CorpusDescription, SplitDescription
from rnnbench.text.number_files import Part, small
from rnnbench.text.pipeline import Pipeline, Reader
from rnnbench.text.sources import Report, Source, silent
from rnnbench.text.splits import SplitFacts, build_vocabulary, count_spans, refuse_monotony, split_facts, split_spans
from rnnbench.text.statistics import StatisticsCounter, zipf_curve
from rnnbench.visible import visible

_MOST_COMMON = 20
_KEPT_BYTES = 128 << 20  # numbers that `describe` keeps in memory rather than reading the text again


def describe(
    path: Path,
    corpus: CorpusConfig,
    text: TextConfig,
    cancelled: Callable[[], bool] = lambda: False,
    told: Report = silent,
) -> CorpusDescription:
    """What a text holds; nothing is written. Raises CorpusError, or Stopped when cancelled.

    The splits are known only when the length is, so a long text is read twice. `told` hears how far each reading is.
    """

    def report(phase: str, done: int, total: int) -> None:
        if cancelled():
            raise Stopped
        told(phase, done, total)

    reader = Reader.of(path, Pipeline(corpus, text), report)
    reader.counter = StatisticsCounter()
    tokens, kept = _gather(reader.parts(report))
    spans, kinds = split_spans(tokens, corpus, visible(str(path))), reader.numbers.tokens
    again = Reader(Source.of(path, corpus), text, reader.numbers).parts(report) if kept is None else kept
    counts = count_spans(again, spans, len(kinds))
    refuse_monotony(visible(str(path)), kinds, counts, reader.numbers.tokenizer.facts)
    file_digest = Source.of(path, corpus).raw(report) if corpus.first_characters else reader.source.sha256
    numbering = build_vocabulary(kinds, counts, text, reader.numbers.tokenizer.facts, file_digest)
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
        splits=tuple(_describe_split(facts) for facts in split_facts(spans, counts, kinds, numbering)),
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
            kept.append(small(part))
            size += kept[-1].nbytes
            kept = kept if size <= _KEPT_BYTES else None
    return tokens, kept


def _describe_split(facts: SplitFacts) -> SplitDescription:
    tokens = facts.stop - facts.start
    return SplitDescription(facts.name, tokens, facts.characters, facts.unknown_tokens / tokens if tokens else 0.0)
