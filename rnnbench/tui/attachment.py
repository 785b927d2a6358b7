"""The run that is open: its folder, its feed, the fold of its events and what the log says about them."""

import bisect
import contextlib
import math
from array import array
from collections.abc import Iterable
from itertools import accumulate

from textual.message import Message
from textual.message_pump import MessagePump

from rnnbench import storage
from rnnbench.metrics import perplexity
from rnnbench.runs.events import Event
from rnnbench.runs.jobs import Job
from rnnbench.runs.narration import Narrator
from rnnbench.runs.progress import RUNNING_WINDOW, Curve, RunProgress
from rnnbench.runs.store import CRASHED, PAUSED, RUNNING, TRAINED, Run
from rnnbench.runs.wishes import Wish
from rnnbench.tui.background import in_background
from rnnbench.tui.feed import RunFeed

STARTING, READING = "starting", "reading"  # before a process has got there; before a history has been read
_PIECE = 1 << 13  # points taken in at a time: a long history is never in memory twice
_SUMMABLE = 700.0  # nats; and exp() of more does not fit into a double


class JobEnded(Message):
    """A trainer that was started here has left."""

    def __init__(self, run_name: str, exit_code: int) -> None:
        super().__init__()
        self.run_name = run_name
        self.exit_code = exit_code


class GrowingPerplexity:
    """A curve of losses as perplexity, each point the mean of the last `window` losses; grows with the curve.

    `steps` are those of the curve itself, not a copy: they belong to `values` from one update to the next.
    """

    def __init__(self, window: int = 1) -> None:
        self.steps: array[int] = array("q")
        self.values: array[float] = array("d")
        self._width = window
        self._last = 0, 0.0  # step and loss of the last point that was taken in
        self._resumes = 0

    def update(self, curve: Curve, resumed_at: list[int]) -> None:
        """Take in what is new. What was done again, after a resume or once more at the same step, replaces the old."""
        if len(resumed_at) > self._resumes:
            self._drop_beyond(min(resumed_at[self._resumes :]), curve)
            self._resumes = len(resumed_at)
        if self.values and self._last_differs(curve):
            known = min(len(self.values), len(curve))
            self._drop_beyond(min(self._last[0], *curve.steps[known - 1 : known]) - 1 if known else 0, curve)
        while (done := len(self.values)) < len(curve):
            begin = max(done - self._width, 0)
            losses = curve.values[begin : done + _PIECE].tolist()  # of floats that are there: faster than an array
            self.values.extend(_running(losses, self._width)[done - begin :])
        self.steps = curve.steps
        if self.values:
            self._last = curve.steps[-1], curve.values[-1]

    def _last_differs(self, curve: Curve) -> bool:
        last = len(self.values) - 1
        return last >= len(curve) or (curve.steps[last], curve.values[last]) != self._last

    def _drop_beyond(self, step: int, curve: Curve) -> None:
        del self.values[bisect.bisect_right(curve.steps, step, 0, min(len(self.values), len(curve))) :]


def _running(losses: list[float], width: int) -> "array[float]":
    """The perplexity of the mean of the last `width` losses, at each of them."""
    if losses and max(losses) <= _SUMMABLE and min(losses) >= -_SUMMABLE and not math.isnan(sum(losses)):
        sums = list(accumulate(losses, initial=0.0))
        first = min(width, len(losses))  # the first points are means of fewer losses
        beginning = [math.exp(sums[end] / end) for end in range(1, first)]
        rest = [math.exp((end - begin) / first) for begin, end in zip(sums, sums[first:], strict=False)]
        return array("d", beginning + rest)
    found = array("d")
    for end in range(1, len(losses) + 1):  # of losses that are huge, or no numbers, a difference of sums says nothing
        last = losses[max(end - width, 0) : end]
        found.append(perplexity(sum(last) / len(last)))
    return found


def _identity(run: Run) -> tuple[int, ...]:
    """What tells the folder of a run from another one of that name; empty when it is gone."""
    with contextlib.suppress(OSError):
        folder = run.folder.stat()
        return folder.st_dev, folder.st_ino
    return ()


class Attachment:
    """A run being watched. Events go in, lines for the log come out."""

    def __init__(self, target: MessagePump, run: Run, job: Job | None = None) -> None:
        self.run = run
        self.progress = RunProgress()
        self.training = GrowingPerplexity(RUNNING_WINDOW)
        self.validation = GrowingPerplexity()
        self.events_seen = 0
        self.is_read = False  # whether the log has been read to its end once
        self._target = target
        self._narrator = Narrator()
        self._job: Job | None = None
        self._seen_before_job = 0
        self._wishes: list[Wish] = []
        self._answers: list[str] = []
        self._derived = RUNNING if storage.lock_is_held(run.lock_file) else READING
        self._folder = _identity(run)
        self._feed = RunFeed(target, run)
        if job is not None:
            self.take_job(job)

    def start(self) -> None:
        """Follow the run's log from its first byte."""
        self._feed.start()

    def close(self) -> None:
        """Stop following."""
        self._feed.stop()

    @property
    def is_there(self) -> bool:
        """Whether the run's folder is the one that is followed: a run may be removed, and another take its name."""
        return self._folder == _identity(self.run)

    def is_fed_by(self, feed: RunFeed) -> bool:
        """Whether that is the feed of this attachment, not of an earlier one to a run of that name."""
        return self._feed is feed

    def take_job(self, job: Job) -> None:
        """Watch the process that was started for this run; its end is told by JobEnded."""
        self._job, self._seen_before_job = job, self.events_seen
        name = self.run.name
        in_background(
            self._target,
            job.process.wait,
            lambda code: self._target.post_message(JobEnded(name, code)),
            lambda _: None,
        )

    def take(self, events: Iterable[Event]) -> list[str]:
        """Fold events in; returns the lines they are worth."""
        lines: list[str] = []
        for event in events:
            self.progress.apply(event)
            told = self._narrator.tell(event)
            lines += told
            self._take_answer(event, told)
            self.events_seen += 1
        self.training.update(self.progress.train, self.progress.resumed_at)
        self.validation.update(self.progress.validation, self.progress.resumed_at)
        return lines

    def expect(self, wish: Wish) -> None:
        """Remember what was asked: the event that answers it is worth a word in the status line."""
        self._wishes.append(wish)

    def take_answers(self) -> list[str]:
        """What was asked and has been done, in words, each once."""
        taken, self._answers = self._answers, []
        return taken

    def _take_answer(self, event: Event, lines: list[str]) -> None:
        answered = next((wish for wish in self._wishes if wish.is_answered_by(event)), None)
        if answered is not None:
            self._wishes.remove(answered)
            self._answers += lines

    def take_state(self, state: str) -> None:
        """The state that the feed derived, once it had come to the end of the log."""
        self._derived = state
        self.is_read = True

    @property
    def state(self) -> str:
        """That of the run; or starting, while a process of ours has not got there yet."""
        silent = self._job is not None and self.events_seen == self._seen_before_job
        if self._derived in TRAINED:  # what was paused by a process before ours is not paused now
            return (STARTING if silent else PAUSED) if self.progress.paused else RUNNING
        if self._job is not None and self._job.exit_code is None:
            over = self.progress.finished is not None and not silent
            return self.progress.finished.reason if self.progress.finished and over else STARTING
        if self._derived == CRASHED and self.progress.finished is not None:
            return self.progress.finished.reason  # its last event is here before the feed has looked at the lock
        return self._derived

    @property
    def is_training(self) -> bool:
        """Whether a process works on the run."""
        return self.state in (*TRAINED, STARTING)

    def look_again(self) -> None:
        """Derive the state from the disk now."""
        held = storage.lock_is_held(self.run.lock_file)
        self._derived = RUNNING if held else self.run.state(self.progress)
