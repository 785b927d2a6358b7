"""Text <-> tokens. A tokenizer numbers tokens as they appear; the vocabulary decides later which of them stay.

Every tokenizer is lossless: joining the tokens of a text gives the text back.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rnnbench.errors import UsageError

Numbers = NDArray[np.integer[Any]]
_CODE_POINTS = 0x110000
_LONGEST = "{1,65536}"  # a "word" longer than this is cut: memory stays bounded whatever the file holds
_PATTERNS = {
    "word": re.compile(rf"\w{_LONGEST}|[^\w\s]{_LONGEST}|\s{_LONGEST}"),
    "spaced_word": re.compile(rf" ?\w{_LONGEST}| ?[^\w\s]{_LONGEST}|\s{_LONGEST}"),  # a word with the blank before it
    "whitespace": re.compile(rf"\S{_LONGEST}|\s{_LONGEST}"),
}


@dataclass(frozen=True)
class TokenizerFacts:
    """Everything needed to cut a text again as it was cut: recorded in the vocabulary.

    `data` is the user dictionary of jieba or the merges of BPE; both are part of the model, not of the machine.
    """

    name: str
    engine: str = ""
    version: str = ""
    data: str = ""

    @property
    def by_bytes(self) -> bool:
        """Whether tokens stand for bytes, so that a token may hold part of a character."""
        return self.name in {"byte", "bpe"}


class Tokenizer(Protocol):
    """Cuts text into tokens, chunk by chunk."""

    facts: TokenizerFacts

    def feed(self, chunk: str) -> list[str]:
        """The tokens that are complete with this chunk."""
        ...

    def finish(self) -> list[str]:
        """The tokens that were waiting for more text."""
        ...


class CharacterTokenizer:
    """One token for each Unicode code point."""

    facts = TokenizerFacts("character")

    def feed(self, chunk: str) -> list[str]:
        """The characters."""
        return list(chunk)

    def finish(self) -> list[str]:
        """Nothing ever waits."""
        return []


class ByteTokenizer:
    """One token for each byte of the text in UTF-8; byte b is written as the character of code point b."""

    facts = TokenizerFacts("byte")

    def feed(self, chunk: str) -> list[str]:
        """The bytes."""
        return list(chunk.encode("utf-8", "surrogatepass").decode("latin-1"))

    def finish(self) -> list[str]:
        """Nothing ever waits."""
        return []


class HoldingTokenizer(ABC):
    """Cuts what later text cannot change; the rest is held until it comes, or until the end."""

    longest_held = 1 << 16  # characters; without a safe place in more than these, the cut is made at their end

    def __init__(self, facts: TokenizerFacts) -> None:
        self.facts, self._held = facts, ""

    def feed(self, chunk: str) -> list[str]:
        """The tokens up to the last place where the text can safely be cut."""
        tokens, self._held = self._begin(self._held + chunk)
        return tokens

    def finish(self) -> list[str]:
        """The tokens of what was held."""
        held, self._held = self._held, ""
        return self._cut(held) if held else []

    @abstractmethod
    def _begin(self, text: str) -> tuple[list[str], str]:
        """The tokens that are certain, and the text to hold."""

    @abstractmethod
    def _cut(self, text: str) -> list[str]:
        """All tokens of a text that ends here."""

    def _cut_at(self, position: int, text: str) -> tuple[list[str], str]:
        """Cut what stands before a position, which is 0 where no place is safe."""
        if not position and len(text) > self.longest_held:
            position = len(text)
        return self._cut(text[:position]) if position else [], text[position:]


class PatternTokenizer(HoldingTokenizer):
    """Tokens are the matches of an expression that leaves nothing out; the next chunk may lengthen the last one."""

    def __init__(self, facts: TokenizerFacts, pattern: re.Pattern[str]) -> None:
        super().__init__(facts)
        self._pattern = pattern

    def _begin(self, text: str) -> tuple[list[str], str]:
        tokens = self._cut(text)
        return tokens, tokens.pop() if tokens else ""

    def _cut(self, text: str) -> list[str]:
        return self._pattern.findall(text)


def make(name: str, **options: str) -> Tokenizer:
    """A fresh tokenizer. Raises UsageError for one that is not known or not installed."""
    if name == "character":
        return CharacterTokenizer()
    if name == "byte":
        return ByteTokenizer()
    if name in _PATTERNS:
        return PatternTokenizer(TokenizerFacts(name, "re", "1"), _PATTERNS[name])
    if name == "jieba":
        from rnnbench.text.chinese import JiebaTokenizer

        return JiebaTokenizer(options.get("engine", "exact"), options.get("data", ""))
    if name == "bpe":
        from rnnbench.text.bpe import BPETokenizer

        return BPETokenizer(options.get("data", ""))
    raise UsageError(f"unknown tokenizer {name}")


def again(facts: TokenizerFacts) -> Tokenizer:
    """The tokenizer that a vocabulary was made with."""
    return make(facts.name, engine=facts.engine, data=facts.data)


def expression(facts: TokenizerFacts) -> str:
    """The regular expression whose matches are the tokens; empty for a tokenizer that is none."""
    pattern = _PATTERNS.get(facts.name)
    return pattern.pattern if pattern else ""


def split(facts: TokenizerFacts, text: str) -> list[str]:
    """The tokens of a short text, such as a prompt."""
    tokenizer = again(facts)
    return tokenizer.feed(text) + tokenizer.finish()


def weigh(facts: TokenizerFacts, token: str) -> tuple[int, int]:
    """(characters, UTF-8 bytes) that a token stands for; a character counts where its first byte is."""
    if not facts.by_bytes:
        return len(token), len(token.encode("utf-8", "surrogatepass"))
    data = as_bytes(facts, token)
    return sum(byte & 0xC0 != 0x80 for byte in data), len(data)


def as_bytes(facts: TokenizerFacts, token: str) -> bytes:
    """The bytes of a token."""
    if facts.name == "byte":
        return token.encode("latin-1", "replace")
    if facts.name == "bpe":
        from rnnbench.text.bpe import token_bytes

        return token_bytes(token)
    return token.encode("utf-8", "surrogatepass")


@runtime_checkable
class Closed(Protocol):
    """A tokenizer whose tokens are all known before any text is read."""

    def all_tokens(self) -> list[str]:
        """Every token it can give."""
        ...


def shown(facts: TokenizerFacts, token: str) -> str:
    """A token as text for a person; bytes that are no whole character become U+FFFD."""
    return as_bytes(facts, token).decode("utf-8", "replace") if facts.by_bytes else token


class Numberer:
    """Numbers the distinct tokens of a text by first appearance."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._number_of = _NumberOf()

    @property
    def tokens(self) -> list[str]:
        """The distinct tokens, in order of their numbers."""
        return list(self._number_of)

    def feed(self, chunk: str) -> Numbers:
        """The numbers of the tokens that are complete with this chunk."""
        return self._numbers(self.tokenizer.feed(chunk))

    def know(self, tokens: list[str]) -> None:
        """Number tokens before they appear."""
        self._numbers(tokens)

    def finish(self) -> Numbers:
        """The numbers of the tokens that were waiting."""
        return self._numbers(self.tokenizer.finish())

    def _numbers(self, tokens: list[str]) -> Numbers:
        return np.fromiter(map(self._number_of.__getitem__, tokens), dtype=np.int32, count=len(tokens))


class _NumberOf(dict[str, int]):
    """A new key gets the next number."""

    def __missing__(self, token: str) -> int:
        number = self[token] = len(self)
        return number


class TableNumberer(Numberer):
    """The same for characters or bytes, by table look-up: no Python loop over the text."""

    _UNSEEN = 255

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer)
        self._by_bytes = tokenizer.facts.by_bytes
        self._table = np.full(_CODE_POINTS, -1, dtype=np.int32)
        self._bytes = bytes([self._UNSEEN]) * 256  # number of each byte, while all numbers fit below _UNSEEN

    def feed(self, chunk: str) -> Numbers:
        """The numbers of the characters, or of the bytes."""
        if chunk.isascii() or self._by_bytes:
            data = chunk.encode("utf-8", "surrogatepass")
            numbers = data.translate(self._bytes)  # several times faster than an array look-up
            if self._UNSEEN not in numbers:
                return np.frombuffer(numbers, dtype=np.uint8)
            return self._look_up(np.frombuffer(data, dtype=np.uint8))
        return self._look_up(np.frombuffer(chunk.encode("utf-32-le", "surrogatepass"), dtype=np.uint32))

    def _look_up(self, points: NDArray[np.generic]) -> Numbers:
        numbers = self._table[points]
        if len(numbers) and numbers.min() < 0:
            self._learn(points[numbers < 0])
            numbers = self._table[points]
        return np.asarray(numbers, dtype=np.int32)

    def finish(self) -> Numbers:
        """Nothing ever waits."""
        return np.zeros(0, dtype=np.int32)

    def feed_bytes(self, data: bytes) -> None:
        """Number bytes before they appear."""
        self._learn(np.frombuffer(data, dtype=np.uint8))

    def _learn(self, points: NDArray[np.generic]) -> None:
        unseen, first = np.unique(points, return_index=True)
        for point in unseen[np.argsort(first)].tolist():
            self._table[point] = self._number_of[chr(point)]
        known = self._table[:256]
        fits = (known >= 0) & (known < self._UNSEEN)
        self._bytes = np.where(fits, known, self._UNSEEN).astype(np.uint8).tobytes()


def numberer(tokenizer: Tokenizer) -> Numberer:
    """A fresh numberer for a tokenizer; one that can meet any byte knows all its tokens from the start."""
    name = tokenizer.facts.name
    if name not in {"character", "byte"}:
        found = Numberer(tokenizer)
        found.know(tokenizer.all_tokens() if isinstance(tokenizer, Closed) else [])
        return found
    table = TableNumberer(tokenizer)
    if name == "byte":
        table.feed_bytes(bytes(range(256)))
    return table


class Decoder(Protocol):
    """Turns tokens back into text as they come."""

    def feed(self, token: str) -> str:
        """The text that is complete with this token; a character cut in two waits for its other half."""
        ...

    def finish(self) -> str:
        """What is left of a character that never became whole."""
        ...


class PlainDecoder:
    """Tokens are text."""

    def feed(self, token: str) -> str:
        """The token itself."""
        return token

    def finish(self) -> str:
        """Nothing ever waits."""
        return ""


class ByteDecoder:
    """Tokens are bytes of UTF-8; what is not UTF-8 becomes U+FFFD."""

    def __init__(self, facts: TokenizerFacts) -> None:
        import codecs

        self._facts = facts
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: str) -> str:
        """The characters that are complete."""
        return self._decoder.decode(as_bytes(self._facts, token))

    def finish(self) -> str:
        """A mark for a character that was cut off."""
        return self._decoder.decode(b"", final=True)


def decoder(facts: TokenizerFacts) -> Decoder:
    """A fresh decoder for the tokens of a tokenizer."""
    return ByteDecoder(facts) if facts.by_bytes else PlainDecoder()


def chunked(text: str, size: int) -> Iterator[str]:
    """A text in pieces of `size` characters."""
    for start in range(0, len(text), size):
        yield text[start : start + size]
