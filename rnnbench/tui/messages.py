"""What reaches the workbench from outside, as messages: a run's events, and a sampler's words."""

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Protocol

from textual.message import Message

from rnnbench.runs.events import Event


class Target(Protocol):
    """Whoever takes messages: an app, a screen, a widget."""

    def post_message(self, message: Message) -> bool:
        """Queue a message; callable from any thread. False when nobody will read it."""


def post(target: Target, message: Message) -> bool:
    """Post from a reader thread. A target that is going away loses the message, not the thread."""
    with contextlib.suppress(RuntimeError):  # the app's event loop has been closed
        return target.post_message(message)
    return False


@dataclass
class EventsArrived(Message):
    """New events of a run, oldest first; at most four times a second, however many there are. Those of a history come
    as soon as the ones before them were `taken`."""

    run_name: str
    events: list[Event]
    taken: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)


@dataclass
class EndGlanced(Message):
    """The lines at the end of a long log, before it has been read up to there."""

    run_name: str
    lines: list[str]


@dataclass
class StateChanged(Message):
    """A run's derived state is another than before: running, paused, finished, stopped, failed or crashed.

    It follows the events that led to it. A run whose process has not locked its folder yet counts as crashed:
    whoever started it knows better.
    """

    run_name: str
    state: str


@dataclass
class SamplerReady(Message):
    """The sampling process of a run takes requests. It loads the model for the first of them."""

    run_name: str


@dataclass
class SampleBegun(Message):
    """An answer begins: from the checkpoint of which step, by which seed where one is drawn, which symbols of the
    prompt are unknown."""

    request_id: int
    step: int
    seed: int | None
    unknown: tuple[str, ...]


@dataclass
class TokensArrived(Message):
    """The next piece of a sample; at most ten a second. The text is untrusted: show it through `visible()`."""

    request_id: int
    text: str


@dataclass
class SampleEnded(Message):
    """A sample is complete, or was cancelled. `log_probability_nats` is the sum over its tokens."""

    request_id: int
    tokens: int
    log_probability_nats: float
    tokens_per_second: float
    cancelled: bool


@dataclass
class FillingArrived(Message):
    """One way to fill the blanks of a prompt, best first. The text is untrusted."""

    request_id: int
    text: str
    probability: float


@dataclass
class AnswerArrived(Message):
    """One answer to a line, best first. The text is untrusted; the log-probability is the sum over its tokens."""

    request_id: int
    text: str
    tokens: int
    log_probability_nats: float


@dataclass
class AnswersEnded(Message):
    """All fillings or answers have come, or the request was cancelled before its turn."""

    request_id: int
    answers: int
    seconds: float
    cancelled: bool


@dataclass
class NoveltyMeasured(Message):
    """How much of a text was copied, after its end: `copied` is the longest stretch that is in the training text, of
    the `tokens` that were looked at, in `unit`; `new_shares[n - 1]` the share of its n-grams that are not there."""

    request_id: int
    tokens: int
    copied: int
    unit: str
    memorised: bool
    new_shares: tuple[float, ...]


@dataclass
class SamplerRemarked(Message):
    """Something about an answer that has ended, already made visible."""

    request_id: int
    message: str


@dataclass
class SamplerFailed(Message):
    """One request failed, or, with no request id, the process ended and took every open request with it."""

    message: str
    request_id: int | None = None
