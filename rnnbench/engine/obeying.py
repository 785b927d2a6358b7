"""What a run does when it is asked, between two updates: change a setting, write a sample, pause."""

import time
from collections.abc import Iterator
from dataclasses import replace

from rnnbench.engine import optimization
from rnnbench.engine.control import Change
from rnnbench.engine.session import Session
from rnnbench.runs.events import Event, RunContinued, RunPaused, SampleDrawn, SettingChanged, Warned

_LOOK_SECONDS = 0.05


def is_asked(session: Session) -> bool:
    """Whether there is something to do besides saving and stopping, which the recipe does itself."""
    control = session.control
    control.poll()
    return bool(control.changes or control.complaints or control.sample_asked or control.paused)


def obey(session: Session) -> Iterator[Event]:
    """Do what was asked, each as an event."""
    control = session.control
    yield from (Warned(message=message) for message in control.take_complaints())
    for change in control.take_changes():
        yield _change(session, change)
    if control.sample_asked:
        control.sample_asked = False
        yield from draw_samples(session)
    if control.paused:
        yield from _pause(session)


def draw_samples(session: Session) -> Iterator[SampleDrawn]:
    """What the model writes now, drawn from seeds of its own: looking does not change the run."""
    with optimization.averaged(session.optimizer):
        for prompt, text in session.task.samples():
            yield SampleDrawn(step=session.position.step, prompt=prompt, text=text)


def _change(session: Session, change: Change) -> SettingChanged:
    """Use a setting from the next update on; the position remembers it, so a resumed run goes on with it."""
    value = change.value or 0.0  # 0 clips nothing
    position = session.position
    if change.name == "learning_rate":
        session.position = replace(position, learning_rate=value)
    else:
        session.position = replace(position, clip_norm=value)
    shown = f"{change.value:g}" if change.value else "off"
    return SettingChanged(step=position.step, name=f"training.{change.name}", value=shown)


def _pause(session: Session) -> Iterator[Event]:
    """Wait, saved, until asked to go on or to stop."""
    step, control = session.position.step, session.control
    yield session.save()
    yield RunPaused(step=step)
    with session.clock_stopped():
        while control.paused and not control.stopping:
            time.sleep(_LOOK_SECONDS)
            yield from (Warned(message=message) for message in control.take_complaints())
            for change in control.take_changes():
                yield _change(session, change)
    if not control.stopping:
        yield RunContinued(step=step)
