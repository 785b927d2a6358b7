"""What the strip below the list says of the selected run."""

import contextlib
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from rnnbench import config as configuration
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.runs.narration import duration
from rnnbench.runs.store import CRASHED, FAILED, TRAINED, Run, bytes_in
from rnnbench.tui.cells import cut, flow, size_text
from rnnbench.tui.run_rows import RunRow
from rnnbench.tui.words import tr
from rnnbench.visible import visible

_SHOWN_DIFFERENCES = 12
_ALIKE_BUT = ("training.seed", "machine.", "corpus.file")  # say little of what a run is
_TAIL_LINES = 3
_COMMA = ", "
_CHANGE_WORDS = 3  # of RunRow.changes


@dataclass(frozen=True)
class Likeness:
    """The ready-made experiment that a configuration is nearest to, empty for the defaults, and what is different."""

    preset: str
    differing: tuple[str, ...]


@dataclass(frozen=True)
class Details:
    """What is read of a run only when it is selected."""

    bytes: int
    likeness: Likeness | None = None
    last_words: tuple[str, ...] = ()


def read_details(run: Run, row: RunRow) -> Details:
    """Look into the run's folder; takes some milliseconds."""
    likeness = None
    with contextlib.suppress(RnnbenchError, OSError):
        likeness = nearest(run.config())
    words: Sequence[str] = ()
    if row.state in (CRASHED, FAILED):
        words = [line for line in run.stderr_tail().splitlines() if line.strip()][-_TAIL_LINES:]
    return Details(bytes_in(run.folder), likeness, tuple(words))


@functools.cache
def _ready_made() -> tuple[tuple[str, RunConfig], ...]:
    found = []
    for name in configuration.preset_names():
        with contextlib.suppress(RnnbenchError):
            found.append((name, configuration.validate(configuration.read_preset(name))))
    return tuple(found)


def nearest(config: RunConfig) -> Likeness:
    """The preset, or the defaults, from which a configuration differs least."""
    defaults = configuration.validate({"corpus": {"file": config.corpus.file}})
    candidates = [("", defaults), *_ready_made()]
    found = [Likeness(name, _differing(other, config)) for name, other in candidates]
    return min(found, key=lambda likeness: len(likeness.differing))


def _differing(other: RunConfig, config: RunConfig) -> tuple[str, ...]:
    differences = configuration.differences([other, config])
    return tuple(
        f"{key.rpartition('.')[2].replace('_', ' ')} {_value_text(values[1])}"
        for key, values in differences.items()
        if not key.startswith(_ALIKE_BUT)
    )


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value)


def strip_lines(row: RunRow, details: Details | None, width: int, height: int) -> list[Content]:
    """At most `height` lines of `width` cells: the run, its note, what it took, what it is, and how it broke off."""
    lines = [_head(row, width)]
    if row.note:
        lines.append(Content(cut(visible(row.note), width)))
    told = (_facts(row, details), _changes(row), _likeness(details))
    facts = [line for text in told for line in _flowed(text, width)]
    words = [Content.styled(cut(visible(text), width), "$text-error") for text in _last_words(row, details)]
    room = max(height - len(lines), 0)
    kept = min(len(words), max(room - min(len(facts), 2), 1))  # the last words are the last to give way
    shown = [Content.styled(text, "dim") for text in _first(facts, room - kept, width)]
    return [*lines, *shown, *words[len(words) - kept :]][:height]


def _flowed(text: str, width: int) -> list[str]:
    """A list with commas in lines that break after them: a setting stays with its value."""
    lines = [_COMMA.join(line) for line in flow(text.split(_COMMA), width - 1, _COMMA)] if text else []
    return [cut(f"{line},", width) for line in lines[:-1]] + [cut(line, width) for line in lines[-1:]]


def _first(lines: list[str], count: int, width: int) -> list[str]:
    """So many lines, the last of them cut off where there are more."""
    if len(lines) <= count or count < 1:
        return lines[: max(count, 0)]
    return [*lines[: count - 1], cut(" ".join(lines[count - 1 :]), width)]


def _head(row: RunRow, width: int) -> Content:
    tags = "".join(f"  #{visible(tag)}" for tag in row.tags)
    name = cut(visible(row.name), width)
    return Content.assemble((name, "bold"), (cut(tags, max(width - len(name), 0)), "$text-accent"))


def _facts(row: RunRow, details: Details | None) -> str:
    parts = []
    if row.started and (when := _moment(row.started)):
        parts.append(tr("started {when}", when=when))
    if row.elapsed_seconds:
        spent = duration(row.elapsed_seconds)
        going = row.state in TRAINED
        parts.append(tr("trains for {time}", time=spent) if going else tr("trained for {time}", time=spent))
    if row.seed is not None:
        parts.append(tr("seed {seed}", seed=row.seed))
    if details is not None:
        parts.append(tr("{size} on disk", size=size_text(details.bytes)))
    return ", ".join(parts)


def _moment(seconds: float) -> str:
    """The day and the minute here; empty for a time that no calendar has: a file may have any."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return ""


def _likeness(details: Details | None) -> str:
    if details is None or details.likeness is None:
        return ""
    preset, differing = details.likeness.preset, details.likeness.differing
    shown = ", ".join(map(visible, differing[:_SHOWN_DIFFERENCES]))
    if not differing:
        return tr("like preset {name}", name=preset) if preset else tr("with the default settings")
    if not preset:
        return tr("not default: {settings}", settings=shown)
    return tr("like preset {name}, but {settings}", name=preset, settings=shown)


def _changes(row: RunRow) -> str:
    """The settings that were changed while the run was going, as they are now."""
    settings = ", ".join(_changed(*text.split()) for text in row.changes if len(text.split()) == _CHANGE_WORDS)
    return tr("changed on the way: {settings}", settings=settings) if settings else ""


def _changed(name: str, value: str, step: str) -> str:
    title = visible(name.rpartition(".")[2].replace("_", " "))
    count = f"{int(step):,}" if step.isdecimal() else visible(step)
    return tr("{setting} {value} from step {step}", setting=title, value=visible(value), step=count)


def _last_words(row: RunRow, details: Details | None) -> list[str]:
    """What a run that broke off said at its end: the reason in its log, else what its process printed."""
    if row.state not in (CRASHED, FAILED):
        return []
    printed = list(details.last_words) if details else []
    return [*printed, row.message] if row.message and row.message not in "".join(printed) else printed
