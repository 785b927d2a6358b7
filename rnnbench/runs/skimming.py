"""Where a run stands, from a glance at its log: of a stretch of steps only the last one is decoded.

Steps are nearly all of a log, and a list of runs says nothing of them but where they ended.
"""

from collections.abc import Iterator
from pathlib import Path

from rnnbench.runs.events import from_line
from rnnbench.runs.log import MAX_LINE, read_events
from rnnbench.runs.progress import RunProgress, fold

_STEP = b'{"event":"StepDone"'  # as events.to_line writes it; a line written otherwise is decoded like any other
_CHUNK = 1 << 20


def skim(path: Path) -> RunProgress:
    """The progress that reading the whole log finds, but for the training curve, which has few of its points.

    Where a glance cannot be sure, because a line is damaged or no step was made since a resume, the log is read whole.
    """
    progress = RunProgress()
    for line in _telling(_lines(path)):
        event = from_line(line)
        if event is not None:
            progress.apply(event)
        elif line.startswith(_STEP):
            return fold(read_events(path))
    if progress.resumed_at and progress.last_step is None:
        return fold(read_events(path))
    return progress


def _telling(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines without the steps that another step follows at once."""
    step = b""
    for line in lines:
        if line.startswith(_STEP):
            step = line
            continue
        if step:
            yield step
            step = b""
        yield line
    if step:
        yield step


def _lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file; a torn last one is not among them. Nothing for a file that is not there."""
    remainder = b""
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(_CHUNK):
                *lines, remainder = (remainder + data).split(b"\n")
                yield from lines
                remainder = remainder if len(remainder) <= MAX_LINE else b""
    except FileNotFoundError:
        return
