"""What a going run is asked, and how its log answers."""

import threading
import time

import pytest

from rnnbench.errors import UsageError
from rnnbench.runs import jobs, wishes
from rnnbench.runs.events import CheckpointSaved, RunContinued, RunPaused, SampleDrawn, SettingChanged, StepDone
from rnnbench.runs.log import EventWriter
from rnnbench.runs.settings import Setting
from rnnbench.runs.store import RunStore

RATE = wishes.change(Setting("learning_rate", "0.5"))


@pytest.fixture
def run(workspace, make_config):
    """A run that nobody trains."""
    return RunStore(workspace).create("r", make_config())


def test_each_wish_has_its_answer(make_event):
    """Another kind of event, or another setting, is none."""
    events = {
        wishes.PAUSE: make_event(RunPaused),
        wishes.CONTINUE: make_event(RunContinued),
        wishes.SAVE: make_event(CheckpointSaved),
        wishes.SAMPLE: make_event(SampleDrawn),
        RATE: make_event(SettingChanged, name="training.learning_rate"),
    }
    for wish in events:
        assert [other for other, event in events.items() if wish.is_answered_by(event)] == [wish]
    assert not RATE.is_answered_by(make_event(SettingChanged, name="training.clip_norm"))


def test_what_makes_no_sense_is_refused():
    """Pausing what is paused, saving what was saved as it paused; a change is taken in any state."""
    asked = (wishes.PAUSE, wishes.CONTINUE, wishes.SAVE, wishes.SAMPLE, RATE)
    assert [wish for wish in asked if wishes.refusal(wish, "running")] == [wishes.CONTINUE]
    assert [wish for wish in asked if wishes.refusal(wish, "paused")] == [wishes.PAUSE, wishes.SAVE, wishes.SAMPLE]


def test_nobody_is_asked(run):
    """A run without a trainer is an error at once, and no request is left behind."""
    with pytest.raises(UsageError, match="is not being trained"):
        wishes.ask_and_wait(run, wishes.PAUSE, 5)
    assert list(run.requests.iterdir()) == []


def test_the_answer_is_waited_for(run, make_event):
    """Events from before the request do not count, nor do others that come between."""
    log = EventWriter(run.events_file)
    log.append(make_event(SettingChanged, name="training.learning_rate", value="9"))

    def obey():
        while not (asked := jobs.pending(run)):
            time.sleep(0.01)
        for kind in (StepDone, CheckpointSaved):
            log.append(make_event(kind))
        (_, values) = asked[0]
        log.append(make_event(SettingChanged, name=f"training.{values['name']}", value=values["value"]))

    with run.locked():
        trainer = threading.Thread(target=obey)
        trainer.start()
        (answer,) = wishes.ask_and_wait(run, RATE, 60)
        trainer.join()
    log.close()
    assert answer.value == "0.5"


def test_the_wait_has_an_end(run):
    """A trainer that does not answer: nothing."""
    with run.locked():
        assert wishes.ask_and_wait(run, wishes.SAVE, 0.0) == []
