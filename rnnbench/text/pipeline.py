"""A text on its way to numbers: source, normalisation and tokenizer in a row, and what decides its vocabulary."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnbench import storage
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import BadDataError, CorpusError, UsageError
from rnnbench.text import normalization, tokenizers, vocabulary
from rnnbench.text.number_files import Part
from rnnbench.text.sources import Report, Source
from rnnbench.text.splits import Counts, build_vocabulary, split_spans
from rnnbench.text.statistics import StatisticsCounter
from rnnbench.text.tokenizers import Numberer, Tokenizer, TokenizerFacts
from rnnbench.text.vocabulary import Numbering, Vocabulary
from rnnbench.workspace import from_home

_OPENING = 80  # tokens shown as the tokenizer cuts them
_DICTIONARY_BYTES = 64 << 20


@dataclass(frozen=True)
class Known:
    """A vocabulary that is already there, to number a text with.

    `whole`: the text is one split, named "all". `extend`: tokens of its training part that the vocabulary lacks are
    added behind it.
    """

    vocabulary: Vocabulary
    whole: bool = False
    extend: bool = False


@dataclass(frozen=True)
class Pipeline:
    """What is done to a text on its way to ids."""

    corpus: CorpusConfig
    text: TextConfig
    known: Known | None = None

    @property
    def whole(self) -> bool:
        """Whether the text is one split."""
        return self.known is not None and self.known.whole

    def spans(self, tokens: int, name: str) -> dict[str, tuple[int, int]]:
        """Where each split begins and ends. Raises CorpusError when one would be empty."""
        if not self.whole:
            return split_spans(tokens, self.corpus, name)
        if tokens < 2:
            raise CorpusError(f"{name} has {tokens} tokens, too few to score", "it needs at least 2")
        return {"all": (0, tokens)}

    def numbering(
        self, tokens: list[str], counts: dict[str, Counts], facts: TokenizerFacts, file_digest: str
    ) -> Numbering:
        """The vocabulary, and how numbers by first appearance map to its ids."""
        if self.known is not None:
            known = self.known.vocabulary
            if self.known.extend:
                known = vocabulary.extend(known, tokens, counts["train"], self.text.minimum_frequency, file_digest)
            return vocabulary.number_with(known, tokens)
        return build_vocabulary(tokens, counts, self.text, facts, file_digest)


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
    def of(cls, path: Path, pipeline: Pipeline, report: Report) -> "Reader":
        """The pipeline that a configuration describes; BPE is learned here, on the training part of the text."""
        source, known = Source.of(path, pipeline.corpus), pipeline.known
        cutter = (
            _tokenizer(path, pipeline.corpus, pipeline.text, report)
            if known is None
            else tokenizers.again(known.vocabulary.tokenizer)
        )
        return cls(source, pipeline.text, tokenizers.numberer(cutter))

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
        return tokenizers.make(text.tokenizer, engine=text.jieba_engine, data=read_dictionary(text))
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


def read_dictionary(text: TextConfig) -> str:
    """The content of jieba's user dictionary; it is recorded, so that a run does not depend on the file later."""
    if not text.user_dictionary or text.tokenizer != "jieba":
        return ""
    path = from_home(text.user_dictionary)
    try:
        return storage.read_file(path, limit=_DICTIONARY_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, BadDataError) as error:
        raise UsageError(f"text.user_dictionary: cannot read {path}: {error}") from None
