"""Waiting for an improvement: early stopping, a rate that drops, an average that begins."""

from dataclasses import replace

import pytest

from rnnbench.engine import checkpoints, patience
from rnnbench.engine.checkpoints import Position
from rnnbench.engine.tasks.language_model import LanguageModelTask
from rnnbench.errors import Stopped
from rnnbench.runs.events import EvaluationDone, RunFinished, StepDone


def judged(losses, training):
    """The positions after evaluations with these losses, ten steps apart."""
    position, found = Position(), []
    for number, loss in enumerate(losses):
        position = patience.judged(replace(position, step=10 * number), loss, training)
        found.append(position)
    return found


LOSSES = [5.0, 4.0, 4.0, 4.5, 3.9, 3.95, 3.9, 3.8999, 3.0, 3.0]


def test_a_loss_is_compared_with_the_best_before_it(make_training):
    """Better than all before ends the waiting; equal and worse do not, nor does better than only the last."""
    found = judged(LOSSES, make_training())
    assert [position.waited for position in found] == [0, 0, 1, 2, 0, 1, 2, 0, 0, 1]
    assert [position.best_step for position in found] == [0, 10, 10, 10, 40, 40, 40, 70, 80, 80]
    assert [position.best_loss_nats for position in found] == [5.0, 4.0, 4.0, 4.0, 3.9, 3.9, 3.9, 3.8999, 3.0, 3.0]
    assert [position.evaluated_step for position in found] == [position.step for position in found]


def test_a_small_improvement_is_none(make_training):
    """It is still the best, but the waiting goes on; an improvement of exactly the minimum ends it."""
    found = judged([4.0, 3.9, 3.5, 3.25, 3.1], make_training(minimum_improvement=0.25))
    assert [position.waited for position in found] == [0, 1, 0, 0, 1]
    assert found[-1].best_loss_nats == 3.1 and found[-1].best_step == 40


def test_patience_counts_evaluations_in_a_row(make_training):
    """Stopped at the first evaluation that makes the count full; without patience never."""
    losses = [5.0, 4.0, 4.5, 3.9, 4.0, 4.0, 4.0]
    for count, first in ((1, 2), (2, 5), (3, 6), (4, None)):
        training = make_training(patience=count)
        stops = [number for number, position in enumerate(judged(losses, training))
                 if patience.exhausted(position, training)]  # fmt: skip
        assert (stops[0] if stops else None) == first
    assert not any(patience.exhausted(position, make_training()) for position in judged(losses, make_training()))


def test_the_rate_drops_each_time_that_patience_runs_out(make_training):
    """Every second evaluation in vain, and again; an improvement begins the count anew; other schedules never drop."""
    losses = [5.0, 5.0, 5.0, 5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 3.0]
    plateau = make_training(schedule="plateau", drop_patience=2)
    assert [position.drops for position in judged(losses, plateau)] == [0, 0, 1, 1, 2, 2, 2, 2, 2, 3]
    assert judged(losses, make_training(drop_patience=2))[-1].drops == 0


# Scripted scores: what a real run does when its validation says so.


@pytest.fixture
def scripted(monkeypatch):
    """Let the evaluation at each step find the loss of a script."""

    def script(losses):
        score = LanguageModelTask.score

        def scored(self, split, check):
            result = score(self, split, check)
            if split == "test":
                return result
            return replace(result, score=replace(result.score, loss_nats=losses[scored.step]))

        from rnnbench.engine import session

        judge = session.Session.evaluation_due

        def due(self):
            scored.step = self.position.step
            return judge(self)

        monkeypatch.setattr(session.Session, "evaluation_due", due)
        monkeypatch.setattr(LanguageModelTask, "score", scored)

    return script


STORY = {0: 5.0, 3: 4.0, 6: 4.25, 9: 3.5, 12: 3.5, 15: 3.75, 18: 3.625, 21: 1.0, 24: 1.0}


@pytest.fixture
def patient(tiny):
    """A run of 24 steps, evaluated every three, that waits for three evaluations."""

    def make(**training):
        return tiny(
            training={"max_steps": 24, "patience": 3, **training}, evaluation={"every_steps": 3, "sample_length": 0}
        )

    return make


def test_a_run_stops_early_and_says_why(trainings, patient, scripted):
    """At the third evaluation in vain, as finished, with the best checkpoint kept and the test scored with it."""
    scripted(STORY)
    run = trainings.run("run", patient())
    events = trainings.go_on(run)
    scores = [event for event in events if isinstance(event, EvaluationDone)]
    assert [(score.step, score.split) for score in scores[-2:]] == [(18, "validation"), (9, "test")]
    assert [score.step for score in scores if score.best] == [0, 3, 9]
    last = events[-1]
    assert isinstance(last, RunFinished) and (last.reason, last.step) == ("finished", 18)
    assert last.message == (
        "stopped early: the validation loss did not improve in 3 evaluations in a row; "
        "the best was 3.5000 nats at step 9"
    )
    assert checkpoints.choose(run.checkpoints, "best").step == 9
    assert checkpoints.choose(run.checkpoints, "last").step == 18
    assert run.state(run.progress()) == "finished"


def test_a_run_that_stopped_early_is_over(trainings, patient, scripted):
    """Continued, it makes no step, scores nothing again but the test, and says the same."""
    scripted(STORY)
    run = trainings.run("run", patient(minimum_improvement=0.25))
    first = trainings.go_on(run)[-1]
    again = trainings.go_on(run)
    assert "did not improve by 0.25 nats or more in 3 evaluations" in first.message
    assert again[-1].message == first.message and again[-1].step == first.step
    assert not [event for event in again if isinstance(event, StepDone)]
    assert [event.split for event in again if isinstance(event, EvaluationDone)] == ["test"]


def test_without_patience_the_run_goes_on(trainings, patient, scripted):
    """The whole budget, and no message."""
    scripted(STORY)
    last = trainings.go_on(trainings.run("run", patient(patience="off")))[-1]
    assert (last.reason, last.step, last.message) == ("finished", 24, "")


def test_the_waiting_goes_on_over_a_resume(trainings, patient, scripted, outcome_of, stop_at):
    """Stopped anywhere, also between two evaluations in vain, the run ends at the same step with the same best."""
    scripted(STORY)
    config = patient(schedule="plateau", drop_patience=2, optimizer="asgd", average_after=2, patience=4)
    expected = outcome_of(trainings.whole("whole", config))
    assert expected.position.drops == 1
    waited = set()
    for look in range(3, 24, 3):
        run = trainings.run(f"run-{look}", config)
        trainings.go_on(run, stop_at(look))
        waited.add(checkpoints.load(checkpoints.choose(run.checkpoints, "last")).position.waited)
        trainings.go_on(run)
        assert outcome_of(run) == expected, f"stopped at look {look}"
    assert waited >= {0, 1}


def test_forgetting_how_long_it_has_waited_would_be_noticed(trainings, patient, scripted, stop_at):
    """The count in the checkpoint is what the next evaluation goes on from."""
    scripted(STORY)
    ends = {}
    for name, forget in (("kept", False), ("forgotten", True)):
        run = trainings.run(name, patient())
        for look in range(1, 60):
            trainings.go_on(run, stop_at(2))
            last = checkpoints.load(checkpoints.choose(run.checkpoints, "last"))
            if last.position.waited == 2 or look == 59:
                break
        assert last.position.waited == 2
        if forget:
            checkpoints.save(run.checkpoints, replace(last, position=replace(last.position, waited=0)), None)
        ends[name] = trainings.go_on(run)[-1].step
    assert ends == {"kept": 18, "forgotten": 24}


def test_the_average_is_scored_saved_and_sampled(trainings, tiny):
    """Once averaging has begun, the checkpoint's weights are the mean, and the score is that of the checkpoint."""
    from rnnbench.engine import evaluation
    from rnnbench.engine.loading import open_model
    from rnnbench.text import corpora

    config = tiny(
        training={"max_steps": 24, "optimizer": "asgd", "learning_rate": 0.5, "average_after": 1,
                  "minimum_improvement": 50},
    )  # fmt: skip
    run = trainings.run("run", config)
    events = trainings.go_on(run)
    saved = checkpoints.load(checkpoints.choose(run.checkpoints, "last"))
    names = [name for name in saved.tensors if name.endswith(".shadow")]
    assert len(names) == sum(name.startswith("model.") for name in saved.tensors)
    steps = {float(tensor) for name, tensor in saved.tensors.items() if name.endswith(".step")}
    assert steps == {20.0}, "the second evaluation, at step 5, was the first in vain"
    path = trainings.workspace.find_corpus("small")
    corpus = corpora.encode(path, config.corpus, config.text, trainings.workspace.cache)
    network = open_model(run, "24").network
    (last,) = [event for event in events if isinstance(event, EvaluationDone) and event.step == 24
               and event.split == "validation"]  # fmt: skip
    assert evaluation.score(network, corpus.split("validation")).loss_nats == last.loss_nats


def test_a_stop_in_an_evaluation_of_the_average_leaves_the_own_weights(trainings, tiny, monkeypatch, outcome_of):
    """What is saved then is what would have been saved before the evaluation."""
    config = tiny(
        training={"max_steps": 24, "optimizer": "asgd", "learning_rate": 0.5, "average_after": 1,
                  "minimum_improvement": 50},
    )  # fmt: skip
    expected = outcome_of(trainings.whole("whole", config))
    run, score = trainings.run("run", config), LanguageModelTask.score
    with monkeypatch.context() as patch:
        calls = []

        def interrupted(self, split, check):
            calls.append(split)
            if len(calls) == 4:
                from rnnbench.errors import ExitCode

                raise Stopped(ExitCode.TERMINATED)
            return score(self, split, check)

        patch.setattr(LanguageModelTask, "score", interrupted)
        trainings.go_on(run)
    assert checkpoints.choose(run.checkpoints, "last").step == 15
    trainings.go_on(run)
    assert outcome_of(run) == expected
