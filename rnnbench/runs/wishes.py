"""What a going run can be asked, and the event in its log that says it was done."""

import time
from dataclasses import dataclass

from rnnbench import storage
from rnnbench.runs import jobs
from rnnbench.runs.events import CheckpointSaved, Event, RunContinued, RunPaused, SampleDrawn, SettingChanged
from rnnbench.runs.log import EventFollower
from rnnbench.runs.settings import Setting
from rnnbench.runs.store import PAUSED, RUNNING, Run

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Wish:
    """A request, in words (as in "asked r to ..."), and the kind of event that answers it."""

    request: str
    words: str
    answer: type[Event]
    setting: Setting | None = None

    def is_answered_by(self, event: Event) -> bool:
        """Whether this is what was asked for."""
        if self.setting is not None and isinstance(event, SettingChanged):
            return event.name == f"training.{self.setting.name}"
        return isinstance(event, self.answer)

    def is_granted(self, state: str) -> bool:
        """Whether a run in this state is already as it is asked to be."""
        wanted = {RunPaused: (PAUSED,), RunContinued: (RUNNING,), CheckpointSaved: (PAUSED,)}
        return state in wanted.get(self.answer, ())


PAUSE = Wish("pause", "pause after its step", RunPaused)
CONTINUE = Wish("continue", "go on", RunContinued)
SAVE = Wish("save", "write a checkpoint", CheckpointSaved)
SAMPLE = Wish("sample", "write a sample", SampleDrawn)


def change(setting: Setting) -> Wish:
    """The wish for another value of a setting."""
    return Wish("set", f"use {setting.title} {setting.text}", SettingChanged, setting)


def refusal(wish: Wish, state: str) -> str:
    """Why a run that a process holds cannot do it now, with what it is as the subject; empty when it can."""
    if wish.is_granted(state):
        granted = {RunPaused: "is paused already", RunContinued: "is not paused, it trains"}
        return granted.get(wish.answer, "is paused, and was saved when it paused")
    if wish.answer is SampleDrawn and state == PAUSED:
        return "is paused, and writes samples when it goes on; its last checkpoint can be asked meanwhile"
    return ""


def ask(run: Run, wish: Wish) -> None:
    """Leave the request. Raises UsageError when nobody trains the run."""
    values = {"name": wish.setting.name, "value": wish.setting.text} if wish.setting else {}
    jobs.ask(run, wish.request, **values)


def ask_and_wait(run: Run, wish: Wish, seconds: float) -> list[Event]:
    """Ask, and wait for the log to say that it was done; nothing when the time is up, or the run ends, before."""
    log = EventFollower(run.events_file)
    for _ in log.drain():
        pass
    ask(run, wish)
    deadline = time.monotonic() + seconds
    while True:
        over = time.monotonic() > deadline or not storage.lock_is_held(run.lock_file)
        answers = [event for event in log.drain() if wish.is_answered_by(event)]
        if answers or over:
            return answers
        time.sleep(_POLL_SECONDS)
