"""Those that answer the same prompt: runs, and checkpoints of runs, as they are named on a line."""

from collections.abc import Sequence
from dataclasses import dataclass

from rnnbench.errors import UsageError
from rnnbench.runs.slash_values import BadValue, checkpoint
from rnnbench.runs.store import check_name

MOST_SIDES = 6
_HOW = "/compare RUN ..., or checkpoints: /compare best last 2000, or RUN@best; /compare off ends it"


@dataclass(frozen=True)
class Side:
    """A run, and its checkpoint; None is the one that the settings wish for."""

    run: str
    checkpoint: str | None = None

    @property
    def label(self) -> str:
        """As it is written on the line."""
        return self.run if self.checkpoint is None else f"{self.run}@{self.checkpoint}"


def read_sides(words: str, present: str | None) -> tuple[Side, ...]:
    """Who is meant: best, last and steps are checkpoints of the `present` run, everything else is a run.

    Where only other runs are named the present one is compared with them. Raises UsageError.
    """
    sides = [_side(word, present) for word in words.split()]
    if present is not None and all(side.run != present for side in sides):
        sides.insert(0, Side(present))
    sides = list(dict.fromkeys(sides))
    if len(sides) < 2:
        raise UsageError("two or more are needed to compare", _HOW)
    if len(sides) > MOST_SIDES:
        raise UsageError(f"more than {MOST_SIDES} cannot be read side by side", _HOW)
    return tuple(sides)


def labels(sides: Sequence[Side]) -> str:
    """All of them in a line."""
    return ", ".join(side.label for side in sides)


def _side(word: str, present: str | None) -> Side:
    if word in ("best", "last") or (word.isascii() and word.isdigit()):
        if present is None:
            raise UsageError(f"no run is open whose checkpoint {word} could be asked", _HOW)
        return Side(present, _checkpoint(word))
    name, at, which = word.partition("@")
    return Side(check_name(name), _checkpoint(which) if at else None)


def _checkpoint(word: str) -> str:
    try:
        return str(checkpoint(None, word))
    except BadValue as error:
        raise UsageError(f"{word}: {error}", _HOW) from None
