"""Numbers on disk: tokens by first appearance, and the ids they become."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench import storage
from rnnbench.text.sources import Report
from rnnbench.text.vocabulary import Numbering

Part = NDArray[np.integer[Any]]


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
                    packed = small(part)
                    file.write(packed.tobytes())
                    self._index.append((packed.dtype.name, len(packed)))
                    self.tokens += len(packed)

    def parts(self, phase: str, report: Report) -> Iterator[Part]:
        """The parts again, in order."""
        done = 0
        with self.path.open("rb") as file:
            for dtype, count in self._index:
                yield np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype=dtype)
                done += count
                report(phase, done, self.tokens)


def small(part: Part) -> Part:
    """The numbers in the smallest type that holds them all."""
    if part.dtype == np.uint8:
        return part
    return part.astype(smallest_dtype(int(part.max(initial=0))))


def smallest_dtype(largest: int) -> str:
    """The name of the smallest unsigned type that holds this number."""
    return next(name for name in ("uint8", "uint16", "uint32") if largest <= np.iinfo(name).max)


def write_ids(parts: Iterable[Part], numbering: Numbering, dtype: str, path: Path) -> str:
    """Turn stored numbers into ids on disk; the SHA-256 of the ids and their type."""
    table, digest = numbering.id_of_number.astype(dtype), hashlib.sha256(dtype.encode())
    single = np.resize(table, 256).tobytes() if dtype == "uint8" else b""
    with storage.new_file(path) as file:
        for part in parts:
            fast = single and part.dtype == np.uint8  # several times faster than an array look-up
            block = part.tobytes().translate(single) if fast else table[part].tobytes()
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
