"""Many lines in few bytes: one text of all of them, and where each begins."""

from array import array
from collections.abc import Sequence
from itertools import accumulate

from rnnbench.visible import visible

_WRAP = (1 << 32) - 1


class LogLines:
    """Harmless lines as UTF-8, about four bytes each over their text (a list of strings takes sixty).

    Lines are counted from the first that ever was: what is said of line 7 stays true when older ones are dropped.
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts = array("I")  # where each begins, counted from the first byte that ever was, modulo 2^32
        self._dropped_bytes = 0
        self.first = 0

    def __len__(self) -> int:
        """How many are held."""
        return len(self._starts)

    @property
    def end(self) -> int:
        """The number of the line that comes next."""
        return self.first + len(self._starts)

    def append(self, lines: Sequence[str]) -> None:
        """Add lines at the end; whatever could drive a terminal is made visible, so that no line has a line end."""
        coded = [(line if line.isprintable() else visible(line)).encode() + b"\n" for line in lines]
        begin = self._dropped_bytes + len(self._text)
        starts = accumulate((len(line) for line in coded[:-1]), initial=begin) if coded else ()
        self._starts.extend(start & _WRAP for start in starts)
        self._text += b"".join(coded)

    def drop(self, count: int) -> None:
        """Forget the oldest."""
        count = min(count, len(self))
        begin = self._start(count) + self._dropped_bytes
        del self._text[: begin - self._dropped_bytes]
        del self._starts[:count]
        self._dropped_bytes, self.first = begin, self.first + count

    def clear(self) -> None:
        """Forget them all; the next line is the first again."""
        self._text, self._starts = bytearray(), array("I")
        self._dropped_bytes = self.first = 0

    def line(self, number: int) -> str:
        """One line. Raises IndexError for one that is not held."""
        if not self.first <= number < self.end:
            raise IndexError(number)
        return self.text(number, number + 1)

    def text(self, begin: int, end: int) -> str:
        """The lines from `begin` up to before `end`, as far as they are held, with line ends between them."""
        low, high = max(begin - self.first, 0), min(end - self.first, len(self))
        return self._text[self._start(low) : self._start(high) - 1].decode() if low < high else ""

    def _start(self, index: int) -> int:
        if index >= len(self._starts):
            return len(self._text)
        return (self._starts[index] - self._dropped_bytes) & _WRAP  # what is held is never 4 GB
