"""In which order the runs are listed, and which of them: pure functions of the rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnnbench.runs.store import CRASHED, FAILED, FINISHED, PAUSED, RUNNING, STOPPED
from rnnbench.tui.run_rows import AGE, BITS, NAME, PERPLEXITY, STATE, STEP, RunRow
from rnnbench.tui.words import tr

SORTED_BY = (NAME, STATE, PERPLEXITY, BITS, AGE, STEP)
_STATES = (RUNNING, PAUSED, CRASHED, FAILED, STOPPED, FINISHED)

Number = float | int | None


@dataclass(frozen=True)
class Order:
    """The column that runs are sorted by, and whether the other way round than that column usually is.

    Names, states and figures begin with the smallest, ages with the youngest, steps with the most.
    """

    column: str = AGE
    reverse: bool = False

    def turned(self) -> "Order":
        """By the next column."""
        return Order(SORTED_BY[(SORTED_BY.index(self.column) + 1) % len(SORTED_BY)])

    def reversed(self) -> "Order":
        """By the same column, the other way round."""
        return Order(self.column, not self.reverse)

    @property
    def descends(self) -> bool:
        """Whether the largest value is on top."""
        return self.reverse != (self.column == STEP)

    def apply(self, rows: Sequence[RunRow]) -> list[RunRow]:
        """The rows in this order; of equals the one that changed last is first, and what has no value is last."""
        newest = sorted(rows, key=lambda row: (-row.changed, row.name))
        if self.column in (NAME, STATE):
            return sorted(newest, key=_TEXT_KEYS[self.column], reverse=self.reverse)
        key = _NUMBER_KEYS[self.column]
        sign = -1.0 if self.descends else 1.0
        return sorted(newest, key=lambda row: _last_if_none(key(row), sign))


def _last_if_none(value: Number, sign: float) -> tuple[bool, float]:
    return (True, 0.0) if value is None else (False, sign * value)


def _state_key(row: RunRow) -> str:
    return str(_STATES.index(row.state)) if row.state in _STATES else row.state


_TEXT_KEYS: dict[str, Callable[[RunRow], str]] = {NAME: lambda row: row.name.casefold(), STATE: _state_key}
_NUMBER_KEYS: dict[str, Callable[[RunRow], Number]] = {
    PERPLEXITY: lambda row: row.perplexity,
    BITS: lambda row: row.bits,
    AGE: lambda row: -row.changed,
    STEP: lambda row: row.step,
}


@dataclass(frozen=True)
class Filter:
    """What a run must have to be listed: every word of `text` somewhere in its name, corpus, model, state or tags.

    `#tag` asks for that very tag; `!` before a word, or before `#tag`, for a run without it. Case does not matter.
    """

    text: str = ""

    def apply(self, rows: Sequence[RunRow]) -> list[RunRow]:
        """The runs that have it."""
        words = self.text.casefold().split()
        return [row for row in rows if all(_has(row, word) for word in words)] if words else list(rows)


def _texts(row: RunRow) -> tuple[str, ...]:
    """What is looked through; a state as it is shown, too."""
    return row.name, row.corpus, row.model, row.state, tr(row.state), *row.tags


def _has(row: RunRow, word: str) -> bool:
    wanted = word.removeprefix("!")
    if wanted in ("", "#"):
        return True  # half typed
    if wanted.startswith("#"):
        found = wanted[1:] in (tag.casefold() for tag in row.tags)
    else:
        found = any(wanted in text.casefold() for text in _texts(row))
    return found != word.startswith("!")
