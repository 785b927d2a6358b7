"""Byte-pair encoding (Sennrich et al. 2016) over bytes, by the tokenizers library: an optional extra."""

from collections.abc import Iterable, Iterator
from typing import Any

from rnnbench.errors import UsageError
from rnnbench.text.tokenizers import HoldingTokenizer, TokenizerFacts, chunked

_LONGEST_LINE = 1 << 16  # characters


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise UsageError("the bpe tokenizer needs the tokenizers package", "pip install 'rnnbench[bpe]'") from None
    return tokenizers


def train(chunks: Iterable[str], size: int) -> str:
    """Merges learned from a text, as JSON: at most `size` tokens, among them all 256 bytes."""
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(_lines(chunks), trainer)
    return str(tokenizer.to_str())


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    """The lines, long ones in pieces: the same for any way of cutting the text into chunks."""
    held = ""
    for chunk in chunks:
        lines = (held + chunk).splitlines(keepends=True)
        held = lines.pop() if lines else ""
        for line in lines:
            yield from chunked(line, _LONGEST_LINE)
        while len(held) > _LONGEST_LINE:
            yield held[:_LONGEST_LINE]
            held = held[_LONGEST_LINE:]
    yield held


class BPETokenizer(HoldingTokenizer):
    """Cuts text with learned merges; a chunk is cut at its last white space, where no merge reaches across."""

    def __init__(self, merges: str) -> None:
        library = _library()
        super().__init__(TokenizerFacts("bpe", "tokenizers", str(library.__version__), merges))
        self._tokenizer = library.Tokenizer.from_str(merges)

    def all_tokens(self) -> list[str]:
        """Every token, in the order in which it was learned."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    def _begin(self, text: str) -> tuple[list[str], str]:
        return self._cut_at(_last_boundary(text), text)

    def _cut(self, text: str) -> list[str]:
        return list(self._tokenizer.encode(text).tokens)


def _last_boundary(text: str) -> int:
    """The position of the last white space that follows something else: words begin with their white space."""
    for position in range(len(text) - 1, 0, -1):
        if _is_blank(text[position]) and not _is_blank(text[position - 1]):
            return position
    return 0


def _is_blank(character: str) -> bool:
    """White space as Unicode and the library have it; Python adds four separators of ASCII."""
    return character.isspace() and character not in "\x1c\x1d\x1e\x1f"


def _byte_characters() -> dict[str, int]:
    """The printable character that stands for each byte in the library's byte-level alphabet.

    Printable Latin-1 bytes stand for themselves; the others are moved, in order, to code points from 256 on.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in set(plain)]
    return {chr(byte): byte for byte in plain} | {chr(256 + index): byte for index, byte in enumerate(moved)}


_BYTE_OF = _byte_characters()


def token_bytes(token: str) -> bytes:
    """The bytes that a token of the byte-level alphabet stands for."""
    return bytes(_BYTE_OF[character] for character in token if character in _BYTE_OF)
