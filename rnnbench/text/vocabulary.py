"""Tokens <-> ids: <unk> is 0, then reserved tokens, then tokens by falling frequency."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench.errors import BadDataError
from rnnbench.text import tokenizers
from rnnbench.text.tokenizers import Decoder, Tokenizer, TokenizerFacts

UNKNOWN = "<unk>"
_VERSION = 1


@dataclass(frozen=True)
class Vocabulary:
    """The tokens a model knows, by id.

    `specials` is how many of the first ids stand for no text: <unk> and the reserved tokens.
    """

    tokens: tuple[str, ...]
    specials: int
    tokenizer: TokenizerFacts
    corpus_digest: str

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    @cached_property
    def digest(self) -> str:
        """Changes when any token, its id or the tokenizer does."""
        content = json.dumps([astuple(self.tokenizer), self.specials, self.tokens], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    def encode(self, text: str) -> list[int]:
        """The ids of a short text; unknown tokens are 0."""
        return [self.text_id(token) for token in self._split(text)]

    def unknown(self, text: str) -> list[str]:
        """The distinct tokens of a text that the vocabulary does not hold, by first appearance."""
        return list(dict.fromkeys(token for token in self._split(text) if not self.text_id(token)))

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return tokenizers.again(self.tokenizer)

    def _split(self, text: str) -> list[str]:
        return self._tokenizer.feed(text) + self._tokenizer.finish()

    def text_id(self, token: str) -> int:
        """The id of a piece of text: one that spells "<unk>" is still no special token."""
        number = self._id_of.get(token, 0)
        return number if number >= self.specials else 0

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids; <unk> and reserved tokens show their names."""
        decoder = self.decoder()
        return "".join([self.piece(decoder, number) for number in ids]) + decoder.finish()

    def decoder(self) -> Decoder:
        """What turns ids into text one by one, by `piece`."""
        return tokenizers.decoder(self.tokenizer)

    def piece(self, decoder: Decoder, number: int) -> str:
        """The text that is complete with this id."""
        if number < self.specials:
            return decoder.finish() + self.tokens[number]
        return decoder.feed(self.tokens[number])

    def to_json(self) -> dict[str, Any]:
        """What vocabulary.json holds."""
        return {
            "version": _VERSION,
            "tokenizer": asdict(self.tokenizer),
            "specials": self.specials,
            "corpus_digest": self.corpus_digest,
            "digest": self.digest,
            "tokens": list(self.tokens),
        }

    @classmethod
    def from_json(cls, record: Any) -> "Vocabulary":
        """The vocabulary stored by `to_json`. Raises BadDataError when it was changed since."""
        try:
            vocabulary = cls(
                tuple(str(token) for token in record["tokens"]),
                int(record["specials"]),
                TokenizerFacts(**record["tokenizer"]),
                str(record["corpus_digest"]),
            )
            stored = record["digest"]
        except (KeyError, TypeError, ValueError):
            raise BadDataError("the vocabulary is damaged: a field is missing") from None
        if stored != vocabulary.digest:
            raise BadDataError("the vocabulary was changed since it was stored: its digest does not fit its tokens")
        return vocabulary


def digest_of(vocabulary: Vocabulary, source: Vocabulary | None) -> str:
    """One digest for all that a network reads and writes."""
    return vocabulary.digest if source is None else f"{vocabulary.digest} {source.digest}"


@dataclass(frozen=True)
class Numbering:
    """A vocabulary and how the numbers by first appearance map to its ids (0 for what it does not hold)."""

    vocabulary: Vocabulary
    id_of_number: NDArray[np.int64]


def number_with(vocabulary: Vocabulary, tokens: Sequence[str]) -> Numbering:
    """Tokens listed by first appearance in the numbers of a vocabulary that is already there."""
    return Numbering(vocabulary, np.array([vocabulary.text_id(token) for token in tokens], dtype=np.int64))


def extend(
    vocabulary: Vocabulary, tokens: Sequence[str], counts: NDArray[np.int64], minimum_frequency: int, corpus_digest: str
) -> Vocabulary:
    """The vocabulary with those of the tokens behind it that it lacks, by falling frequency; its ids stay."""
    order = np.argsort(-counts, kind="stable")
    new = [tokens[number] for number in order if counts[number] >= max(minimum_frequency, 1)]
    lacking = [token for token in new if not vocabulary.text_id(token)]
    return Vocabulary((*vocabulary.tokens, *lacking), vocabulary.specials, vocabulary.tokenizer, corpus_digest)


def build(
    tokens: Sequence[str],
    counts: NDArray[np.int64],
    *,
    tokenizer: TokenizerFacts,
    corpus_digest: str,
    minimum_frequency: int = 1,
    maximum_size: int | None = None,
    reserved: Sequence[str] = (),
) -> Numbering:
    """The vocabulary of tokens listed by first appearance, counted on the part of the text that may be counted.

    Bytes and learned merges all stay, whatever their counts: with them no text is ever unknown. `maximum_size`
    counts every entry, <unk> and reserved tokens among them.
    """
    specials = (UNKNOWN, *dict.fromkeys(token for token in reserved if token != UNKNOWN))
    order = np.argsort(-counts, kind="stable")  # ties stay in order of first appearance
    least = 0 if tokenizer.by_bytes else max(minimum_frequency, 1)
    kept = order[counts[order] >= least]
    if maximum_size is not None and not tokenizer.by_bytes:
        kept = kept[: max(maximum_size - len(specials), 0)]
    vocabulary = Vocabulary((*specials, *(tokens[number] for number in kept)), len(specials), tokenizer, corpus_digest)
    id_of_number = np.zeros(len(tokens), dtype=np.int64)
    id_of_number[kept] = np.arange(len(specials), len(specials) + len(kept))
    return Numbering(vocabulary, id_of_number)
