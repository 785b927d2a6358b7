"""Training as a generator of events: the same seed, the same story; nothing that is not finite is kept."""

import math
from dataclasses import replace

import pytest
import torch

from rnnbench.engine import checkpoints, evaluation, trainer
from rnnbench.engine.control import Control
from rnnbench.engine.models import LanguageModel
from rnnbench.errors import CheckpointError, CorpusError, ExitCode, RnnbenchError, UnavailableError
from rnnbench.runs import jobs
from rnnbench.runs.events import (
    CheckpointSaved,
    EvaluationDone,
    LogOpened,
    RunFinished,
    RunStarted,
    SampleDrawn,
    StepDone,
    Warned,
)
from rnnbench.runs.log import read_events


def of(kind, events):
    """The events of a kind."""
    return [event for event in events if isinstance(event, kind)]


def test_same_seed_same_story(trainings, tiny, outcome_of):
    """Two runs of one configuration are equal bit by bit; another seed gives other losses from the start."""
    first, second = (outcome_of(trainings.whole(name, tiny(model={"dropout": 0.3}))) for name in ("a", "b"))
    assert first == second
    other = outcome_of(trainings.whole("c", tiny(model={"dropout": 0.3}, training={"max_steps": 24, "seed": 2})))
    assert all(one != another for one, another in zip(first.losses, other.losses, strict=True))


def test_looking_does_not_change_a_run(trainings, tiny, outcome_of):
    """Samples, evaluations, checkpoints and requests for them leave losses and weights as they are."""
    quiet = tiny(evaluation={"every_steps": 24, "sample_length": 0})
    busy = tiny(evaluation={"every_steps": 1, "sample_length": 5}, checkpoints={"every_seconds": 0.1, "keep": 1})
    asked = Control()
    outcomes = []
    for name, config, control in (("quiet", quiet, None), ("busy", busy, None), ("asked", busy, asked)):
        run = trainings.run(name, config)
        for _ in trainings.events(run, control):
            asked.save_asked = True
        outcomes.append(outcome_of(run))
    assert outcomes[0].losses == outcomes[1].losses == outcomes[2].losses
    for name, data in outcomes[0].tensors.items():
        assert outcomes[1].tensors[name] == outcomes[2].tensors[name] == data, name


def test_the_story_of_a_run(trainings, tiny):
    """Opened, started, evaluated before, during and after, best saved, test scored once, finished; all in the log."""
    run = trainings.run("run", tiny())
    events = trainings.go_on(run)
    kinds = [type(event) for event in events]
    assert kinds.count(RunStarted) == kinds.count(RunFinished) == 1 and kinds[-1] is RunFinished
    evaluations = of(EvaluationDone, events)
    assert [(e.step, e.split) for e in evaluations[:-1]] == [(step, "validation") for step in (0, 5, 10, 15, 20, 24)]
    assert evaluations[-1].split == "test"
    assert all(event.score.coverage == 1.0 for event in evaluations)
    assert [sample.step for sample in of(SampleDrawn, events)] == [0, 5, 10, 15, 20, 24]
    assert all(len(sample.text) == 8 for sample in of(SampleDrawn, events))
    logged = list(read_events(run.events_file))
    assert isinstance(logged[0], LogOpened) and logged[1:] == events
    finished = events[-1]
    assert (finished.reason, finished.step, finished.message) == ("finished", 24, "")
    assert run.state(run.progress()) == "finished"


def test_recorded_losses_are_means_over_their_steps(trainings, tiny, monkeypatch):
    """Each recorded loss is the mean of its eight steps, and none is left out or told twice."""
    losses = []
    update = trainer._update

    def remembered(session):
        found = update(session)
        losses.append(float(found[0].loss.detach()))
        return found

    monkeypatch.setattr(trainer, "_update", remembered)
    events = trainings.go_on(trainings.run("run", tiny()))
    told = [loss for event in of(StepDone, events) for loss in event.losses_nats]
    assert told == [round(sum(losses[start : start + 8]) / 8, 6) for start in (0, 8, 16)]
    assert all(event.loss_nats == event.losses_nats[-1] for event in of(StepDone, events))


def test_a_network_learns(trainings, tiny):
    """A few hundred updates beat counting characters on text that was not trained on."""
    config = tiny(
        corpus={"first_characters": 4000},
        model={"hidden": 32, "embedding": 16},
        training={"max_steps": 200, "batch_size": 8, "steps_per_sequence": 16, "learning_rate": 0.02},
        evaluation={"every_steps": 100, "sample_length": 0},
    )
    progress = trainings.whole("run", config).progress()
    assert progress.best.loss_nats < progress.started.unigram_loss_nats - 0.5
    assert progress.test.loss_nats < progress.started.unigram_loss_nats - 0.5


def test_the_test_split_is_scored_with_the_best_weights(trainings, tiny):
    """The figure at the end is that of the checkpoint with the lowest validation loss, once, on the test text."""
    run = trainings.run("run", tiny(training={"max_steps": 24, "learning_rate": 1.0}))
    events = trainings.go_on(run)
    best = min(of(EvaluationDone, events)[:-1], key=lambda event: event.loss_nats)
    assert best.step < 24, "this rate spoils the weights"
    (tested,) = [event for event in of(EvaluationDone, events) if event.split == "test"]
    assert tested.step == best.step
    config = run.config()
    from rnnbench.engine.loading import open_model
    from rnnbench.text import corpora

    corpus = corpora.encode(
        trainings.workspace.find_corpus("small"), config.corpus, config.text, trainings.workspace.cache
    )
    model = open_model(run, str(best.step))
    assert model.step == best.step
    assert evaluation.score(model.network, corpus.split("test")).loss_nats == tested.loss_nats


def test_a_damaged_best_checkpoint_costs_the_test_figure_only(trainings, tiny):
    """The file is named in a warning, the run finishes, and no other weights are scored in place of the best."""
    run = trainings.run("run", tiny(training={"max_steps": 24, "learning_rate": 1.0}))
    events = []
    for event in trainings.events(run):
        if isinstance(event, EvaluationDone) and event.step == 24:
            best = checkpoints.choose(run.checkpoints, "best")
            assert best.step < 24, "this rate spoils the weights"
            best.tensor_file.write_bytes(b"\0" * best.bytes)
        events.append(event)
    assert isinstance(events[-1], RunFinished) and (events[-1].reason, events[-1].step) == ("finished", 24)
    (warned,) = of(Warned, events)
    assert "test split was not scored" in warned.message and best.tensor_file.name in warned.message
    assert {event.split for event in of(EvaluationDone, events)} == {"validation"}
    assert run.state(run.progress()) == "finished" and run.progress().test is None


def test_the_learning_rate_follows_the_budget(trainings, tiny, monkeypatch):
    """A cosine over the planned steps, multiplied with the warm-up."""
    rates = []
    update = trainer._update
    monkeypatch.setattr(trainer, "_update", lambda session: rates.append((found := update(session))[2]) or found)
    training = {"max_steps": 24, "schedule": "cosine", "warmup_steps": 3, "learning_rate": 0.3}
    trainings.go_on(trainings.run("run", tiny(training=training)))
    cosine = [0.3 * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / 24))) for step in range(24)]
    assert rates == pytest.approx([cosine[0] / 3, cosine[1] * 2 / 3, *cosine[2:]])


def test_a_budget_of_epochs(trainings, tiny):
    """Two epochs are twice the batches of one."""
    events = trainings.go_on(trainings.run("run", tiny(training={"max_steps": "off", "epochs": 2})))
    (started,) = of(RunStarted, events)
    assert events[-1].step == started.planned_steps == 2 * started.steps_per_epoch == 40
    assert of(StepDone, events)[-1].epoch == 2.0


def test_a_budget_of_minutes(trainings, tiny, monkeypatch):
    """The clock ends the run, however many steps that makes; evaluations are spread over the time."""
    now = [1000.0]

    def clock():
        now[0] += 0.01
        return now[0]

    from rnnbench.engine import session

    monkeypatch.setattr(session.time, "perf_counter", clock)
    training = {"max_steps": "off", "minutes": 0.05}
    events = trainings.go_on(trainings.run("run", tiny(training=training, evaluation={"every_steps": "off"})))
    assert events[-1].reason == "finished" and events[-1].elapsed_seconds >= 3.0
    assert 10 <= len([event for event in of(EvaluationDone, events) if event.split == "validation"]) <= 14
    assert of(RunStarted, events)[0].planned_steps is None and of(RunStarted, events)[0].planned_seconds == 3.0


def failed(trainings, run, control=None):
    """Train a run that must fail: the error, and the events."""
    events = []
    with pytest.raises(RnnbenchError) as failure:
        for event in trainings.events(run, control):
            events.append(event)
    return failure.value, events


def finite(run):
    """Every tensor of every checkpoint of a run, of which there is one at least, verifies and is finite."""
    found = checkpoints.manifests(run.checkpoints)
    for manifest in found:
        for tensor in checkpoints.load(manifest).tensors.values():
            assert not tensor.is_floating_point() or tensor.isfinite().all()
    return bool(found)


SPOILING = {"max_steps": 200, "optimizer": "sgd", "learning_rate": 1000, "clip_norm": "off", "weight_decay": 10}


def test_a_diverging_run_fails_with_advice(trainings, tiny):
    """A learning rate of 1,000 ends in a failure that names step, loss, rate and remedy; what was saved is finite."""
    run = trainings.run("run", tiny(training=SPOILING, evaluation={"every_steps": 200}))
    error, events = failed(trainings, run)
    assert error.exit_code == ExitCode.FAILED
    for word in (
        "not finite at step",
        "learning rate 1000",
        "gradient norm",
        "last checkpoint was kept",
        "--learning-rate",
    ):
        assert word in str(error)
    assert isinstance(events[-1], RunFinished) and events[-1].reason == "failed" and events[-1].message == str(error)
    assert run.state(run.progress()) == "failed" and run.progress().diverged_at is not None
    assert finite(run)


@pytest.mark.parametrize("every", [1, 3])
def test_a_diverging_run_never_saves_what_it_spoilt(trainings, tiny, every):
    """Scored or saved after every few steps, the run still ends as failed, exit code 1, with finite checkpoints."""
    run = trainings.run(f"run-{every}", tiny(training=SPOILING, evaluation={"every_steps": every, "sample_length": 0}))
    error, _ = failed(trainings, run)
    assert error.exit_code == ExitCode.FAILED and "finite" in str(error) and finite(run)
    run = trainings.run(f"saved-{every}", tiny(training=SPOILING, evaluation={"every_steps": 200}))
    asked = Control()
    with pytest.raises(RnnbenchError) as failure:
        for _ in trainings.events(run, asked):
            asked.save_asked = True
    assert failure.value.exit_code == ExitCode.FAILED and "finite" in str(failure.value) and finite(run)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("step", [1, 13, 24])
def test_a_loss_that_is_not_finite_stops_before_the_update(step, value, trainings, tiny, monkeypatch):
    """At the first, a middle or the last step: the weights are those of before, and the step is named."""
    loss, calls, seen = LanguageModel.loss, [], []

    def spoilt(self, *arguments):
        found, state = loss(self, *arguments)
        calls.append(None)
        if len(calls) == step:
            seen.append([parameter.detach().clone() for parameter in self.parameters()])
            seen.append(self)
            found = found * value
        return found, state

    monkeypatch.setattr(LanguageModel, "loss", spoilt)
    error, _ = failed(trainings, trainings.run("run", tiny()))
    assert f"not finite at step {step} " in error.message and error.exit_code == ExitCode.FAILED
    before, network = seen
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


def test_a_gradient_that_is_not_finite_stops_too(trainings, tiny, monkeypatch):
    """A finite loss with an infinite gradient is refused as well."""
    loss, calls = LanguageModel.loss, []

    def spoilt(self, *arguments):
        found, state = loss(self, *arguments)
        calls.append(None)
        if len(calls) == 7:
            self.output.bias.register_hook(lambda gradient: gradient * math.inf)
        return found, state

    monkeypatch.setattr(LanguageModel, "loss", spoilt)
    error, _ = failed(trainings, trainings.run("run", tiny()))
    assert "not finite at step 7 " in error.message and "loss inf" not in error.message


def test_a_failed_run_can_go_on(trainings, tiny, monkeypatch, outcome_of):
    """What spoilt a run may pass: resumed, it comes to the end it would have come to."""
    expected = outcome_of(trainings.whole("whole", tiny()))
    run = trainings.run("run", tiny())
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_refuse_divergence", lambda session, *_: _fail_at(session, 13))
        failed(trainings, run)
    assert run.state(run.progress()) == "failed"
    trainings.go_on(run)
    assert outcome_of(run) == expected


def _fail_at(session, step):
    if session.position.step + 1 == step:
        raise trainer.diverged(step, math.inf, 1.0, 1.0)


def test_out_of_memory_names_the_knobs(trainings, tiny, monkeypatch):
    """An allocation that fails is "try again later" with what to lower, and the run can be continued."""

    def full(session):
        raise torch.OutOfMemoryError("tried to allocate 8 GiB\nmore")

    monkeypatch.setattr(trainer, "_update", full)
    run = trainings.run("run", tiny())
    error, events = failed(trainings, run)
    assert isinstance(error, UnavailableError) and error.exit_code == ExitCode.UNAVAILABLE
    assert "tried to allocate 8 GiB" in error.message and "--batch-size" in error.hint
    assert events[-1].reason == "failed" and finite(run)


def test_a_text_that_is_too_short_fails_before_anything(trainings, tiny):
    """The minimum is named, nothing was saved, and the exit code says bad input."""
    run = trainings.run("run", tiny(training={"max_steps": 5, "batch_size": 50, "steps_per_sequence": 50}))
    error, _ = failed(trainings, run)
    assert isinstance(error, CorpusError) and error.exit_code == ExitCode.BAD_DATA
    assert "at least 2,551" in error.message
    assert checkpoints.manifests(run.checkpoints) == []


def test_a_run_without_a_test_split_finishes(trainings, tiny):
    """No test text, no test figure."""
    run = trainings.run("run", tiny(corpus={"first_characters": 800, "test_fraction": 0}))
    events = trainings.go_on(run)
    assert events[-1].reason == "finished"
    assert {event.split for event in of(EvaluationDone, events)} == {"validation"}


def test_a_second_trainer_is_refused(trainings, tiny):
    """While one trains the other gets an error that names the holder, and not one event is written."""
    run = trainings.run("run", tiny())
    going = trainings.events(run)
    next(going)
    size = run.events_file.stat().st_size
    with pytest.raises(UnavailableError, match=r"run run is being trained by process \d+ on"):
        next(trainings.events(run))
    assert run.events_file.stat().st_size == size
    going.close()
    trainings.go_on(run)
    assert run.state(run.progress()) == "finished"


def test_a_stop_is_saved(trainings, tiny, stop_at):
    """Asked to stop, a run saves the step it stands at, and its last event says stopped."""
    run = trainings.run("run", tiny())
    events = trainings.go_on(run, stop_at(12))
    assert isinstance(events[-1], RunFinished) and events[-1].reason == "stopped"
    saved = of(CheckpointSaved, events)[-1]
    assert saved.step == checkpoints.choose(run.checkpoints, "last").step == events[-1].step > 0
    assert run.state(run.progress()) == "stopped" and finite(run)


def test_a_stop_while_the_text_is_read_leaves_the_run_to_be_continued(trainings, tiny):
    """Asked before there is anything to save, the run stops, says so, and starts when it is continued."""
    run = trainings.run("run", tiny())
    control = Control()
    control.stop()
    events = trainings.go_on(run, control)
    assert [type(event) for event in events if not isinstance(event, RunFinished)].count(RunStarted) == 0
    assert events[-1].reason == "stopped" and "before training began" in events[-1].message
    trainings.go_on(run)
    assert run.state(run.progress()) == "finished"


def test_a_requested_save_comes_at_the_next_step(trainings, tiny):
    """Another process asks for a checkpoint; the run writes it and goes on."""
    run = trainings.run("run", tiny(evaluation={"every_steps": 1000}))
    steps = []
    for event in trainings.events(run):
        if isinstance(event, CheckpointSaved):
            steps.append(event.step)
            if len(steps) == 1:
                jobs.ask(run, "save")
    assert len(steps) > 2 and 0 in steps and steps[-1] == 24
    assert run.state(run.progress()) == "finished"


def test_checkpoints_are_pruned(trainings, tiny):
    """Of many checkpoints the last ones and the best stay."""
    run = trainings.run("run", tiny(training={"max_steps": 24, "learning_rate": 1.0}, checkpoints={"keep": 2}))
    asked = Control()
    for _ in trainings.events(run, asked):
        asked.save_asked = True
    kept = [manifest.step for manifest in checkpoints.manifests(run.checkpoints)]
    assert len(kept) == 3 and kept[-1] == 24
    assert run.progress().best.step == kept[0] == checkpoints.choose(run.checkpoints, "best").step


def test_a_model_is_loaded_without_its_text(trainings, tiny, corpus_file):
    """Weights of the wished checkpoint and the vocabulary are all that asking a model needs."""
    from rnnbench.engine.loading import open_model

    run = trainings.whole("run", tiny())
    corpus_file.unlink()
    for manifest in checkpoints.manifests(run.checkpoints):
        model = open_model(run, str(manifest.step))
        stored = checkpoints.load(manifest)
        assert model.step == manifest.step and not model.network.training
        for name, parameter in model.network.named_parameters():
            assert torch.equal(parameter, stored.tensors[f"model.{name}"])


def test_a_model_with_another_vocabulary_is_refused(trainings, tiny):
    """A vocabulary that is not the checkpoint's, or that was edited, would write nonsense."""
    from rnnbench.engine.loading import open_model

    run = trainings.whole("run", tiny())
    own = run.vocabulary_file.read_bytes()
    run.vocabulary_file.write_bytes(own.replace(b'"e"', b'"\\u20ac"'))
    with pytest.raises(RnnbenchError) as edited:
        open_model(run)
    assert edited.value.exit_code == ExitCode.BAD_DATA
    manifest = checkpoints.choose(run.checkpoints, "best")
    checkpoint = checkpoints.load(manifest)
    run.vocabulary_file.write_bytes(own)
    foreign = replace(checkpoint, origin=replace(checkpoint.origin, vocabulary_digest="other"))
    checkpoints.save(run.checkpoints, foreign, manifest.loss_nats)
    with pytest.raises(CheckpointError, match="vocabulary of run run is not the one"):
        open_model(run)


def test_training_text_is_scored_with_frozen_weights(trainings, tiny):
    """Beside each validation, with its weights: what evaluating those tokens gives, and how much of the text it is."""
    run = trainings.run("run", tiny(evaluation={"train_tokens": 120}))
    events = of(EvaluationDone, trainings.go_on(run))
    frozen = [event for event in events if event.split == "train"]
    assert [event.step for event in frozen] == [event.step for event in events if event.split == "validation"]
    assert all(event.tokens_scored == 119 and not event.best for event in frozen)
    assert 0.1 < frozen[0].score.coverage < 0.3 and frozen[0].score.bits_per_character is None
    progress = run.progress()
    assert {event.split for event in (progress.latest, progress.best)} == {"validation"}
