"""The text of a corpus as it was written: ids know only the tokens of the vocabulary, all others are one symbol."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import CorpusError
from rnnbench.text import normalization
from rnnbench.text.sources import Source
from rnnbench.visible import visible


@dataclass(frozen=True)
class Written:
    """A text that was encoded, to be read again with the choices it was read with."""

    path: Path
    corpus: CorpusConfig
    text: TextConfig

    def part(self, start: int, stop: int) -> Iterator[str]:
        """The characters from `start` up to `stop` of what the tokenizer was given, a chunk at a time.

        Raises CorpusError where the text ends before that.
        """
        position = 0
        for chunk in normalization.normalize(Source.of(self.path, self.corpus).chunks(), self.text):
            if start < position + len(chunk):
                yield chunk[max(start - position, 0) : stop - position]
            position += len(chunk)
            if position >= stop:
                return
        if position < stop:
            raise CorpusError(f"{visible(str(self.path))} changed while it was read", "try again when nobody writes it")
