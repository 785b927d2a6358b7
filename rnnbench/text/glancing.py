"""A glance at a text: what its beginning tells, at once however long it is."""

from dataclasses import dataclass
from pathlib import Path

from rnnbench.config import CorpusConfig
from rnnbench.text import languages
from rnnbench.text.sources import Source

_CHARACTERS = 1 << 17
_OPENING = 1200


@dataclass(frozen=True)
class Glance:
    """The opening of a text, the encoding found, the language guessed ("" where it cannot be told), and how many
    different characters were met; `whole` says that there are no others."""

    opening: str
    encoding: str
    language: str
    symbols: int
    whole: bool


def glance(path: Path, corpus: CorpusConfig) -> Glance:
    """Read the beginning of a text, as the configuration has it. Raises CorpusError."""
    source = Source.of(path, corpus)
    most = min(corpus.first_characters or _CHARACTERS, _CHARACTERS)
    source.first_characters = most
    text = "".join(source.chunks())
    encoding = " + ".join(dict.fromkeys(member.encoding for member in source.facts))
    whole = source.characters < most or corpus.first_characters == most
    return Glance(text[:_OPENING], encoding, languages.guess(text[:20_000]), len(set(text)), whole)
