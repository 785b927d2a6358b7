"""Exact resume: a run that was interrupted is the run that was not."""

import itertools
from dataclasses import fields, replace

import pytest
import torch

from rnnbench.engine import checkpoints
from rnnbench.engine.checkpoints import Position, choose, load
from rnnbench.errors import CheckpointError
from rnnbench.runs.events import EvaluationDone, RunResumed, RunStarted, StepDone, Warned
from rnnbench.runs.log import read_events

CELLS = ("rnn", "gru", "lstm")
OPTIMIZERS = {
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01},
    "momentum": {"optimizer": "sgd", "learning_rate": 0.3, "momentum": 0.9},
}
GRID = [*itertools.product(CELLS, ("sequential", "random"), (0.0, 0.3), OPTIMIZERS)]
QUICK = {
    ("rnn", "sequential", 0.3, "momentum"),
    ("rnn", "random", 0.0, "adamw"),
    ("gru", "sequential", 0.0, "momentum"),
    ("gru", "random", 0.3, "adamw"),
    ("lstm", "sequential", 0.3, "adamw"),
    ("lstm", "random", 0.0, "momentum"),
}


def grid():
    """Every combination; those beyond a covering choice are slow."""
    for values in GRID:
        yield pytest.param(*values, marks=[] if values in QUICK else pytest.mark.slow, id="-".join(map(str, values)))


@pytest.mark.parametrize(("cell", "batches", "dropout", "optimizer"), grid())
def test_a_run_in_pieces_is_the_run_in_one_go(cell, batches, dropout, optimizer, trainings, tiny, outcome_of):
    """Weights, moments, state, random numbers, losses, scores and samples are equal bit by bit, wherever it stopped."""
    model = {"cell": cell, "layers": 2, "dropout": dropout}
    config = tiny(model=model, training={"max_steps": 24, "batches": batches, **OPTIMIZERS[optimizer]})
    expected = outcome_of(trainings.whole("whole", config))
    assert [step for step, _ in expected.losses] == [8, 16, 24], "the history has each step once"
    assert [step for step, _ in expected.curve] == [0, 5, 10, 15, 20, 24]
    run, stops = trainings.in_pieces("pieces", config, looks=4)
    assert stops > 8
    assert outcome_of(run) == expected


@pytest.fixture
def short(tiny):
    """A run of twelve steps over a little more than one epoch, with two recorded losses and four evaluations."""

    def make(**tables):
        return tiny(
            corpus={"first_characters": 400},
            model={"dropout": 0.2},
            training={"max_steps": 12, "batch_size": 6},
            evaluation={"every_steps": 4, "sample_length": 4},
            **tables,
        )

    return make


def test_a_stop_at_any_look_changes_nothing(trainings, short, outcome_of, stop_at):
    """Before the first step, between steps, in an evaluation, at the end: stop there, go on, and nothing differs."""
    config = short()
    expected = outcome_of(trainings.whole("whole", config))
    states, look = set(), 0
    while "finished" not in states:
        look += 1
        run = trainings.run(f"stopped-{look}", config)
        trainings.go_on(run, stop_at(look))
        states.add(run.state(run.progress()))
        trainings.go_on(run) if "finished" not in states else None
        assert outcome_of(run) == expected, f"stopped at look {look}"
    assert states == {"stopped", "finished"} and look > 12


def test_a_kill_after_any_event_changes_nothing(trainings, short, outcome_of):
    """Left without a word after any of its events, a run goes on from its checkpoint, and shows each step once."""
    config = short(checkpoints={"every_seconds": 0.1, "keep": 1})
    expected = outcome_of(trainings.whole("whole", config))
    total = len(trainings.go_on(trainings.run("counted", config)))
    assert total > 12
    for count in range(1, total):
        run = trainings.run(f"killed-{count}", config)
        trainings.killed_after(run, count)
        assert run.state(run.progress()) == "crashed"
        trainings.killed_after(run, 4)  # and once more, soon after it was continued
        trainings.go_on(run)
        assert outcome_of(run) == expected, f"killed after {count} events"


def test_a_run_that_is_stopped_at_once_again_stands_where_it_stood(trainings, short, stop_at):
    """The last event tells the step and the time of the run, not of the process that did nothing."""
    run = trainings.run("run", short())
    trainings.go_on(run, stop_at(10))
    before = run.progress()
    assert before.finished.step == before.step == choose(run.checkpoints, "last").step > 0
    assert before.finished.elapsed_seconds > 0
    trainings.go_on(run, stop_at(1))
    after = run.progress()
    assert after.finished.reason == "stopped"
    assert (after.finished.step, after.finished.elapsed_seconds) == (before.step, before.finished.elapsed_seconds)


@pytest.fixture(scope="module")
def stopped_at():
    """The look at which a run of `tiny` stops after step 13: in the middle of a recorded loss, after an evaluation."""
    return 16


@pytest.fixture
def interrupted(trainings, tiny, outcome_of, stop_at, stopped_at):
    """Runs that stopped half way, a change to their checkpoint, and what the run came to without it."""

    class Interrupted:
        def __init__(self, **tables):
            self.config = tiny(**tables)
            self.expected = outcome_of(trainings.whole("whole", self.config))
            self.count = 0

        def outcome(self, change, look=stopped_at):
            """What a run comes to when its checkpoint is changed before it goes on."""
            self.count += 1
            run = trainings.run(f"run-{self.count}", self.config)
            trainings.go_on(run, stop_at(look))
            checkpoint = load(choose(run.checkpoints, "last"))
            assert 8 < checkpoint.position.step < 16
            checkpoints.save(run.checkpoints, change(checkpoint), None)
            trainings.go_on(run)
            return outcome_of(run)

    return Interrupted


def reset(name):
    """A change that forgets one field of the position."""
    return lambda c: replace(c, position=replace(c.position, **{name: getattr(Position(), name)}))


def test_every_field_of_the_position_is_needed(interrupted, stopped_at):
    """A field whose loss nothing notices would be dead, or these tests weak."""
    plateau = {"schedule": "plateau", "drop_patience": 2, "drop_factor": 0.99}
    run = interrupted(model={"dropout": 0.2}, training={"max_steps": 24, "learning_rate": 1.0, **plateau})
    assert run.outcome(lambda checkpoint: checkpoint) == run.expected
    assert run.expected.best[0] < 13, "this rate spoils the weights, so the best score is one of before"
    own = {"step", "elapsed_seconds", "next_evaluation", "best_step", "evaluated_step"}  # these have their own tests,
    own |= {"evaluated_loss_nats", "learning_rate", "clip_norm", "rollbacks"}  # what was asked for in test_obeying
    expected = replace(run.expected, position=Position())  # a field that only itself would show is not needed
    for name in sorted({field.name for field in fields(Position)} - own):
        looks = range(stopped_at - 3, stopped_at + 2)  # one of them is between an evaluation and the step after it
        outcomes = (replace(run.outcome(reset(name), look), position=Position()) for look in looks)
        assert any(outcome != expected for outcome in outcomes), name


@pytest.fixture
def at_its_best(trainings, tiny, stop_at):
    """A run that stopped right after the evaluation that was its best, and its checkpoint."""
    for look in range(8, 40):
        run = trainings.run(f"run-{look}", tiny())
        trainings.go_on(run, stop_at(look))
        checkpoint = load(choose(run.checkpoints, "last"))
        if checkpoint.position.step == checkpoint.position.best_step == checkpoint.position.evaluated_step:
            return run, checkpoint
    raise AssertionError("no look came right after the best evaluation")


def test_the_evaluated_step_is_needed(at_its_best, trainings, stop_at):
    """A run that stopped after an evaluation does not score the same step again when it goes on."""
    run, checkpoint = at_its_best

    def scored_again():
        events = trainings.go_on(run, stop_at(1))
        return [event.step for event in events if isinstance(event, EvaluationDone)]

    assert scored_again() == []
    changed = reset("evaluated_step")(checkpoint)
    checkpoints.save(run.checkpoints, changed, checkpoint.position.best_loss_nats)
    trainings.go_on(run, stop_at(8))
    log = [event for event in read_events(run.events_file) if isinstance(event, EvaluationDone)]
    assert [event.step for event in log].count(checkpoint.position.step) == 2


def test_the_best_step_and_the_loss_found_last_are_needed(at_its_best, trainings, stop_at):
    """A run that was stopped at its best, and is stopped again at once, still knows that this is its best.

    The loss of the step says so, and in checkpoints that do not hold it the best step.
    """
    run, checkpoint = at_its_best
    older = reset("evaluated_loss_nats")(checkpoint)
    for known in (checkpoint, reset("best_step")(checkpoint), older):
        checkpoints.save(run.checkpoints, known, checkpoint.position.best_loss_nats)
        trainings.go_on(run, stop_at(1))
        assert choose(run.checkpoints, "best").step == checkpoint.position.step
    checkpoints.save(run.checkpoints, reset("best_step")(older), checkpoint.position.best_loss_nats)
    trainings.go_on(run, stop_at(1))
    assert choose(run.checkpoints, "best").step != checkpoint.position.step


def test_the_time_of_the_next_evaluation_is_needed(trainings, tiny, stop_at):
    """A run that only the clock ends does not score again merely because it was resumed."""
    config = tiny(training={"max_steps": "off", "minutes": 10}, evaluation={"every_steps": "off", "sample_length": 0})
    run = trainings.run("run", config)
    trainings.go_on(run, stop_at(8))

    def scores_of_a_resumed_run():
        events = trainings.go_on(run, stop_at(8))
        return sum(isinstance(event, EvaluationDone) for event in events)

    assert scores_of_a_resumed_run() == 0
    checkpoint = load(choose(run.checkpoints, "last"))
    checkpoints.save(run.checkpoints, reset("next_evaluation")(checkpoint), None)
    assert scores_of_a_resumed_run() == 1


def test_the_step_is_needed(interrupted, trainings, tiny, stop_at, stopped_at):
    """The position counts steps: without it the batches of the start come again."""
    config = tiny()
    run = trainings.run("run", config)
    trainings.go_on(run, stop_at(stopped_at))
    checkpoint = load(choose(run.checkpoints, "last"))
    for manifest in checkpoints.manifests(run.checkpoints):
        manifest.path.unlink()
    checkpoints.save(run.checkpoints, reset("step")(checkpoint), None)
    events = trainings.go_on(run)
    assert [event.step for event in events if isinstance(event, RunResumed)] == [0]


def test_the_clock_is_needed(trainings, tiny, stop_at, stopped_at):
    """Elapsed time goes on over a resume, so a budget of minutes is one budget."""
    config = tiny(training={"minutes": 10})
    run = trainings.run("run", config)
    trainings.go_on(run, stop_at(stopped_at))
    checkpoint = load(choose(run.checkpoints, "last"))
    used_up = replace(checkpoint, position=replace(checkpoint.position, elapsed_seconds=600.0))
    checkpoints.save(run.checkpoints, used_up, None)
    events = trainings.go_on(run)
    assert run.state(run.progress()) == "finished"
    assert not [event for event in events if isinstance(event, StepDone) and event.step > checkpoint.position.step]
    assert events[-1].elapsed_seconds >= 600


GROUPS = {
    "sequential, dropout, adamw": (
        {"model": {"dropout": 0.2}, "training": {"max_steps": 24, **OPTIMIZERS["adamw"]}},
        ("model.", "optimizer.", "exp_avg", "exp_avg_sq", "step", "state", "random.cpu"),
    ),
    "momentum": ({"training": {"max_steps": 24, **OPTIMIZERS["momentum"]}}, ("momentum_buffer",)),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_every_group_of_tensors_is_needed(kind, interrupted):
    """Weights, moments, the optimizer's step, the carried state, the random numbers: reset one and the run differs."""
    tables, groups = GROUPS[kind]
    run = interrupted(**tables)
    assert run.outcome(lambda checkpoint: checkpoint) == run.expected
    for group in groups:
        touched = []

        def forget(checkpoint, group=group, touched=touched):
            tensors = dict(checkpoint.tensors)
            for name, tensor in tensors.items():
                if name.startswith(group) or name.endswith("." + group):
                    touched.append(name)
                    other = torch.Generator().manual_seed(99).get_state() if group == "random.cpu" else None
                    tensors[name] = torch.zeros_like(tensor) if other is None else other
            return replace(checkpoint, tensors=tensors)

        assert run.outcome(forget) != run.expected, group
        assert touched, f"there is no tensor of the group {group}"


def test_every_tensor_of_a_checkpoint_belongs_to_a_group(interrupted):
    """Nothing is stored that the test above does not reset."""
    tables, groups = GROUPS["sequential, dropout, adamw"]
    names = []
    interrupted(**tables).outcome(lambda checkpoint: names.extend(checkpoint.tensors) or checkpoint)
    assert names
    assert all(any(name.startswith(group) for group in groups) for name in names)


@pytest.mark.parametrize("field", ["corpus_digest", "ids_digest", "vocabulary_digest", "model"])
def test_a_checkpoint_of_something_else_is_refused(field, trainings, tiny, stop_at):
    """The differing field is named, and nothing in the folder changes but the log."""
    run = trainings.run("run", tiny())
    trainings.go_on(run, stop_at(9))
    checkpoint = load(choose(run.checkpoints, "last"))
    checkpoints.save(run.checkpoints, replace(checkpoint, origin=replace(checkpoint.origin, **{field: "other"})), None)
    before = {path.name: path.read_bytes() for path in run.checkpoints.iterdir()}
    with pytest.raises(CheckpointError, match=r"does not fit: \w+.* changed"):
        trainings.go_on(run)
    assert {path.name: path.read_bytes() for path in run.checkpoints.iterdir()} == before
    progress = run.progress()
    assert run.state(progress) == "failed" and "does not fit" in progress.finished.message


@pytest.mark.parametrize("field", ["torch_version", "device", "threads"])
def test_another_machine_is_said_to_be_inexact(field, trainings, tiny, stop_at):
    """A run goes on with another torch, device or number of threads, and the log says that it is not bit by bit."""
    run = trainings.run("run", tiny())
    trainings.go_on(run, stop_at(9))
    checkpoint = load(choose(run.checkpoints, "last"))
    other = 7 if field == "threads" else "other"
    checkpoints.save(run.checkpoints, replace(checkpoint, origin=replace(checkpoint.origin, **{field: other})), None)
    resumed = [event for event in trainings.go_on(run) if isinstance(event, RunResumed)]
    assert [event.exact for event in resumed] == [False]
    assert run.state(run.progress()) == "finished"


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(trainings, tiny, stop_at, outcome_of):
    """The run goes back to the checkpoint before, says so, and still comes to the same end."""
    config = tiny()
    expected = outcome_of(trainings.whole("whole", config))
    run = trainings.run("run", config)
    for look in (6, 10):
        trainings.go_on(run, stop_at(look))
    last = choose(run.checkpoints, "last")
    last.tensor_file.write_bytes(b"\0" * last.bytes)
    events = trainings.go_on(run)
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert len(warnings) == 1 and last.tensor_file.name in warnings[0]
    (resumed,) = [event for event in events if isinstance(event, RunResumed)]
    assert resumed.step < last.step and resumed.exact
    assert outcome_of(run) == expected


def test_the_first_checkpoint_comes_before_the_first_step(trainings, tiny):
    """Checkpoint 0 proves space and rights before any work is done, and the vocabulary is stored with it."""
    run = trainings.run("run", tiny())
    trainings.killed_after(run, 3)  # RunStarted is the second event at the earliest: Prepared may come first
    trainings.killed_after(run, 3)
    assert [manifest.step for manifest in checkpoints.manifests(run.checkpoints)] == [0]
    assert run.vocabulary_file.is_file()


def test_what_is_known_before_the_first_step(trainings, tiny):
    """RunStarted tells plan, sizes and baselines; the uniform baseline is the logarithm of the vocabulary."""
    events = trainings.go_on(trainings.run("run", tiny(training={"max_steps": 24, "epochs": 1})))
    (started,) = [event for event in events if isinstance(event, RunStarted)]
    assert started.planned_steps == 20 == started.steps_per_epoch, "whichever budget ends first"
    assert (started.tokens_per_step, started.steps_per_loss, started.threads, started.device) == (32, 8, 1, "cpu")
    assert (started.corpus_characters, started.corpus_tokens, started.validation_tokens) == (800, 800, 80)
    assert started.uniform_loss_nats == pytest.approx(torch.log(torch.tensor(float(started.vocabulary_size))).item())
    assert 0 < started.unigram_loss_nats < started.uniform_loss_nats


def test_a_checkpoint_of_a_scored_step_tells_its_loss(trainings, short):
    """The last one too, where it is not the best; one that was saved between two evaluations tells none."""
    run = trainings.whole("scored", short(checkpoints={"keep": 9}))
    losses = {event.step: event.loss_nats for event in run.progress().evaluations if event.split == "validation"}
    found = {manifest.step: manifest.loss_nats for manifest in checkpoints.manifests(run.checkpoints)}
    assert found == {step: losses[step] for step in found} and max(found) == max(losses)
    position = Position(step=9, evaluated_step=9, evaluated_loss_nats=2.0, best_step=8, best_loss_nats=1.0)
    assert [replace(position, step=step).loss_nats for step in (8, 9, 10)] == [1.0, 2.0, None]


def test_the_last_checkpoint_is_scored_though_not_the_best(trainings, tiny):
    """A learning rate that makes it worse and worse: best is not last, and both have their losses."""
    training = {"max_steps": 12, "optimizer": "sgd", "learning_rate": 30.0, "schedule": "constant"}
    run = trainings.whole("worse", tiny(training=training, evaluation={"every_steps": 4}))
    best, last = choose(run.checkpoints, "best"), choose(run.checkpoints, "last")
    assert best.step < last.step == 12
    assert last.loss_nats == run.progress().latest.loss_nats > best.loss_nats == run.progress().best.loss_nats
