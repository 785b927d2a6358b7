"""A glance at a log finds what reading it whole finds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rnnbench.runs.events import (
    EvaluationDone,
    Event,
    RunContinued,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepDone,
    to_line,
)
from rnnbench.runs.log import read_events
from rnnbench.runs.progress import RunProgress, fold
from rnnbench.runs.skimming import skim


def told(progress: RunProgress) -> tuple[Any, ...]:
    """What a list of runs says."""
    return (
        progress.started, progress.finished, progress.paused, progress.step, progress.best, progress.last_step,
        progress.elapsed_seconds, progress.last_event_at, progress.task, len(progress.evaluations),
    )  # fmt: skip


def lines(make_event: Callable[..., Any], kinds: list[int]) -> list[bytes]:
    """A log of some kinds of lines, damaged ones among them."""
    found: list[bytes] = []
    for number, kind in enumerate(kinds, 1):
        event: Event | None = None
        if kind <= 3:
            event = make_event(StepDone, step=number, elapsed_seconds=number / 4, at=float(number))
        elif kind <= 7:
            event = (
                make_event(RunStarted, at=float(number)),
                make_event(EvaluationDone, step=number, split="validation", loss_nats=1 / number, at=float(number)),
                RunResumed(step=number // 2, at=float(number)),
                RunFinished(reason="stopped", step=number, elapsed_seconds=1.0, at=float(number)),
            )[kind - 4]
        elif kind <= 9:
            event = RunPaused(step=number) if kind == 8 else RunContinued(step=number)
        found.append(to_line(event) if event else b'{"event":"StepDone","step":"no"}\n' if kind == 10 else b"}\xff\n")
    return found


@given(kinds=st.lists(st.integers(0, 11), max_size=24), torn=st.booleans())
def test_a_glance_and_a_whole_reading_agree(
    tmp_path_factory: Any, make_event: Callable[..., Any], kinds: list[int], torn: bool
) -> None:
    """In whatever order things happened, resumes, damaged lines and a torn last one included."""
    path: Path = tmp_path_factory.mktemp("log") / "events.jsonl"
    data = b"".join(lines(make_event, kinds))
    path.write_bytes(data[:-5] if torn else data)
    assert told(skim(path)) == told(fold(read_events(path)))


def test_no_log_is_a_run_that_has_not_begun(tmp_path: Path) -> None:
    """As for the whole reading."""
    assert told(skim(tmp_path / "none")) == told(RunProgress())
