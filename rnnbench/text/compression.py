"""What `xz -9` makes of a text that follows the training text: a yardstick that knows nothing of tokens."""

import lzma
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MAXIMUM_TRAIN_BYTES = 8 << 20  # xz -9 takes about 0.6 s and 12 MB of memory for each MB, and reads this twice
_PRESET = 9
_BLOCK = 1 << 16  # characters fed at a time; a few hundredths of a second


@dataclass(frozen=True)
class XzCost:
    """What a split adds to the compressed training text.

    The training text counts with its last `train_bytes_used` bytes of UTF-8, out of `train_bytes`.
    """

    bits: int
    characters: int
    train_bytes: int
    train_bytes_used: int

    @property
    def bits_per_character(self) -> float | None:
        """Bits that each character of the split adds; None for an empty split."""
        return self.bits / self.characters if self.characters else None


class _Compressed:
    """The length in bytes of a text under xz -9, fed piece by piece; nothing compressed is kept."""

    def __init__(self) -> None:
        self._compressor = lzma.LZMACompressor(format=lzma.FORMAT_XZ, preset=_PRESET)
        self._length = 0

    def feed(self, data: bytes) -> None:
        self._length += len(self._compressor.compress(data))

    def finish(self) -> int:
        return self._length + len(self._compressor.flush())


def xz_cost(
    train: Iterable[str],
    split: Iterable[str],
    maximum_train_bytes: int = MAXIMUM_TRAIN_BYTES,
    check: Callable[[], None] = lambda: None,
) -> XzCost:
    """len(xz(train + split)) - len(xz(train)), in bits, of texts given in pieces of any size.

    A compressor cannot be copied, so two run side by side over the training text; each may hold some 100 MB.
    `check` is called before each block of about 65,000 characters and may raise to end the work.
    """
    tail = _Tail(maximum_train_bytes)
    for block in _blocks(train, check):
        tail.add(_utf8(block))
    alone, together = _Compressed(), _Compressed()
    for data in tail.blocks:
        for compressor in (alone, together):
            check()
            compressor.feed(data)
    characters = 0
    for block in _blocks(split, check):
        characters += len(block)
        together.feed(_utf8(block))
    return XzCost(8 * (together.finish() - alone.finish()), characters, tail.seen, tail.kept)


class _Tail:
    """The last bytes of a text: whole blocks, the first one cut to fit."""

    def __init__(self, limit: int) -> None:
        self.blocks: deque[bytes] = deque()
        self.seen = self.kept = 0
        self._limit = limit

    def add(self, data: bytes) -> None:
        self.seen += len(data)
        self.kept += len(data)
        self.blocks.append(data)
        while self.kept > self._limit:
            first = self.blocks.popleft()
            surplus = min(self.kept - self._limit, len(first))
            self.kept -= surplus
            if surplus < len(first):
                self.blocks.appendleft(first[surplus:])


def _blocks(chunks: Iterable[str], check: Callable[[], None]) -> Iterator[str]:
    for chunk in chunks:
        for start in range(0, len(chunk), _BLOCK):
            check()
            yield chunk[start : start + _BLOCK]


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
