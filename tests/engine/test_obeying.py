"""What a run does when it is asked while it is going, and when it diverges."""

import math
from dataclasses import replace

import pytest
import torch

from rnnbench.engine import checkpoints, obeying, session, trainer
from rnnbench.engine.control import Change, Control
from rnnbench.engine.models import LanguageModel
from rnnbench.errors import DivergedError, ExitCode
from rnnbench.runs.events import (
    CheckpointSaved,
    RunContinued,
    RunPaused,
    RunResumed,
    SampleDrawn,
    SettingChanged,
    StepDone,
    Warned,
)
from rnnbench.runs.log import read_events


class Asks(Control):
    """Asks for things at its n-th look since training began: look -> what to do with the control."""

    def __init__(self, wishes):
        super().__init__()
        self._wishes, self._looks, self._begun = dict(wishes), 0, False

    def begin(self):
        """The text is read. Until then it is the clock that says how often somebody looks."""
        self._begun = True

    def poll(self):
        """One more look."""
        self._looks += self._begun
        if wish := self._wishes.get(self._looks):
            wish(self)


def of(kind, events):
    """The events of a kind."""
    return [event for event in events if isinstance(event, kind)]


def pause(control):
    """Ask for a pause."""
    control.paused = True


def go_on(control):
    """Ask for its end."""
    control.paused = False


def test_a_pause_is_saved_and_changes_nothing(trainings, tiny, outcome_of):
    """The run waits at a step that is on disk, goes on when asked, and ends as if it had never waited."""
    expected = outcome_of(trainings.whole("whole", tiny()))
    run = trainings.run("paused", tiny())
    events = trainings.go_on(run, Asks({20: pause, 26: go_on}))
    (paused,), (continued,) = of(RunPaused, events), of(RunContinued, events)
    assert paused.step == continued.step > 0
    assert paused.step in [saved.step for saved in of(CheckpointSaved, events)]
    assert outcome_of(run) == expected


def test_a_paused_run_can_be_stopped(trainings, tiny, outcome_of):
    """It ends from its pause, saved, and resumes to the same end."""
    expected = outcome_of(trainings.whole("whole", tiny()))
    run = trainings.run("run", tiny())
    events = trainings.go_on(run, Asks({20: pause, 26: lambda control: control.stop()}))
    assert of(RunPaused, events) and not of(RunContinued, events)
    assert run.state(run.progress()) == "stopped"
    trainings.go_on(run)
    assert outcome_of(run) == expected


def test_a_pause_does_not_use_up_the_budget(trainings, tiny, monkeypatch):
    """The clock of a run stands still while it waits."""
    waits = []
    monkeypatch.setattr(obeying.time, "sleep", waits.append)
    real = session.time.perf_counter
    monkeypatch.setattr(session.time, "perf_counter", lambda: real() + (500.0 if waits else 0.0))
    run = trainings.run("run", tiny())
    events = trainings.go_on(run, Asks({20: pause, 26: go_on}))
    assert waits and events[-1].elapsed_seconds < 400


def test_a_changed_rate_is_used_told_and_remembered(trainings, tiny):
    """From the next step on, in the log as an event, and still after the run was resumed."""
    run = trainings.run("run", tiny())
    wish = {20: lambda c: c.changes.append(Change("learning_rate", 0.5)), 26: lambda c: c.stop()}
    events = trainings.go_on(run, Asks(wish))
    (changed,) = of(SettingChanged, events)
    assert (changed.name, changed.value) == ("training.learning_rate", "0.5")
    for step in of(StepDone, events) + of(StepDone, trainings.go_on(run)):
        assert (step.learning_rate == 0.5) == (step.step > changed.step)


@pytest.mark.parametrize(("limit", "shown"), [(1e-6, "1e-06"), (None, "off")])
def test_a_changed_clipping_changes_what_follows(trainings, tiny, outcome_of, limit, shown):
    """A tiny limit all but stops plain descent; off is another run than a limit."""
    config = tiny(training={"optimizer": "sgd", "learning_rate": 1.0, "clip_norm": 0.01})
    expected = outcome_of(trainings.whole("whole", config))
    run = trainings.run("run", config)
    events = trainings.go_on(run, Asks({20: lambda control: control.changes.append(Change("clip_norm", limit))}))
    (changed,) = of(SettingChanged, events)
    assert (changed.name, changed.value) == ("training.clip_norm", shown)
    assert outcome_of(run) != expected


@pytest.mark.parametrize("name", ["learning_rate", "clip_norm"])
def test_a_change_is_part_of_the_checkpoint(trainings, tiny, outcome_of, name):
    """A run that is stopped after a change goes on to the end that it would have come to, and not without the field."""
    config = tiny(training={"optimizer": "sgd", "learning_rate": 1.0, "clip_norm": 0.01})

    def change(control):
        control.changes.append(Change(name, 0.003))

    def stopped(run):
        trainings.go_on(run, Asks({20: change, 30: lambda control: control.stop()}))
        return checkpoints.load(checkpoints.choose(run.checkpoints, "last"))

    whole, run, other = (trainings.run(word, config) for word in ("whole", "run", "other"))
    trainings.go_on(whole, Asks({20: change}))
    stopped(run)
    trainings.go_on(run)
    assert outcome_of(run) == outcome_of(whole)
    checkpoint = stopped(other)
    forgotten = replace(checkpoint, position=replace(checkpoint.position, **{name: None}))
    checkpoints.save(other.checkpoints, forgotten, None)
    trainings.go_on(other)
    assert outcome_of(other).tensors != outcome_of(whole).tensors


def test_the_number_of_attempts_survives_a_resume(trainings, tiny, monkeypatch):
    """A run that is stopped and continued may not go back more often than one that is not."""
    monkeypatch.setattr(trainer, "_refuse_divergence", _fails_from_step_13)
    run = trainings.run("run", tiny(training={"on_divergence": "rollback", "rollbacks": 2}))
    seen = []
    for event in trainings.events(run):
        seen.append(event)
        if isinstance(event, CheckpointSaved) and of(SettingChanged, seen):
            break
    with pytest.raises(DivergedError):
        trainings.go_on(run)
    assert sum(not event.exact for event in of(RunResumed, read_events(run.events_file))) == 2


def test_a_sample_now_is_told_and_changes_nothing(trainings, tiny, outcome_of):
    """One more sample in the log, at a step where no evaluation was due; the run ends as it would have."""
    expected = outcome_of(trainings.whole("whole", tiny()))
    run = trainings.run("run", tiny())

    def wish(control):
        control.sample_asked = True

    events = trainings.go_on(run, Asks({20: wish}))
    asked_for = [sample.step for sample in of(SampleDrawn, events) if sample.step not in {0, 5, 10, 15, 20, 24}]
    found = outcome_of(run)
    assert asked_for and len(found.samples) == len(expected.samples) + 1
    assert replace(found, samples=[sample for sample in found.samples if sample[0] not in asked_for]) == expected


def test_what_was_not_understood_is_a_warning(trainings, tiny):
    """The run goes on."""
    run = trainings.run("run", tiny())
    events = trainings.go_on(run, Asks({20: lambda control: control.complaints.append("what?")}))
    assert "what?" in [warned.message for warned in of(Warned, events)]
    assert run.state(run.progress()) == "finished"


def spoil(monkeypatch, steps):
    """Make the loss of these calls infinite."""
    loss, calls = LanguageModel.loss, []

    def spoilt(self, *arguments):
        found, state = loss(self, *arguments)
        calls.append(None)
        return (found * math.inf if len(calls) in steps else found), state

    monkeypatch.setattr(LanguageModel, "loss", spoilt)


def test_a_diverged_run_goes_back_with_half_the_rate(trainings, tiny, monkeypatch):
    """It says so, repeats the steps after its last checkpoint at half the rate, and comes to its end."""
    spoil(monkeypatch, {13})
    config = tiny(training={"on_divergence": "rollback", "learning_rate": 0.01}, checkpoints={"every_seconds": 0.1})
    run = trainings.run("run", config)
    events = trainings.go_on(run)
    (resumed,) = of(RunResumed, events)
    assert not resumed.exact and resumed.step <= 12
    assert any("not finite at step 13" in warned.message for warned in of(Warned, events))
    after = of(StepDone, events[events.index(resumed) :])
    assert {step.learning_rate for step in after} == {0.005} and after[-1].step == 24
    assert run.state(run.progress()) == "finished"
    assert torch.isfinite(torch.tensor([step.loss_nats for step in of(StepDone, events)])).all()


def test_a_lower_rate_survives_a_kill_after_going_back(trainings, tiny, monkeypatch):
    """The checkpoint it went back to is written again with what was decided."""
    spoil(monkeypatch, {13})
    run = trainings.run("run", tiny(training={"on_divergence": "rollback", "learning_rate": 0.01}))
    seen = []
    for event in trainings.events(run):
        seen.append(event)
        if isinstance(event, CheckpointSaved) and of(SettingChanged, seen):
            break
    monkeypatch.undo()
    resumed = trainings.go_on(run)
    assert {step.learning_rate for step in of(StepDone, resumed)} == {0.005}


@pytest.mark.parametrize(("choice", "attempts"), [("stop", 0), ("rollback", 2)])
def test_a_run_that_goes_on_diverging_ends(trainings, tiny, monkeypatch, choice, attempts):
    """At once, or after so many attempts; the error says what to do."""
    monkeypatch.setattr(trainer, "_refuse_divergence", _fails_from_step_13)
    run = trainings.run("run", tiny(training={"on_divergence": choice, "rollbacks": 2}))
    seen = []
    with pytest.raises(DivergedError) as failure:
        for event in trainings.events(run):
            seen.append(event)
    assert failure.value.exit_code == ExitCode.FAILED and failure.value.hint
    assert len(of(RunResumed, seen)) == attempts


def _fails_from_step_13(session, loss, norm, rate):
    if session.position.step >= 12:
        raise trainer.diverged(session.position.step + 1, math.nan, 1.0, rate)
