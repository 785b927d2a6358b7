"""Every way to train: stopped anywhere and continued it is the same run, bit by bit; gathered batches are one batch."""

from dataclasses import replace

import pytest
import torch

from rnnbench.engine import checkpoints, trainer
from rnnbench.errors import CorpusError
from rnnbench.runs.events import RunStarted, StepDone

WORSE = {"minimum_improvement": 50}  # no evaluation is an improvement, so whatever waits for that begins at once
RECIPES = {
    "asgd": {"optimizer": "asgd", "learning_rate": 0.5, "average_after": 1, **WORSE},
    "asgd nesterov": {"optimizer": "asgd", "momentum": 0.9, "nesterov": True, "average_after": 2, **WORSE},
    "sgd nesterov accumulated": {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "accumulate": 2,
                                 "schedule": "one_cycle"},
    "rmsprop windows": {"optimizer": "rmsprop", "momentum": 0.5, "batches": "windows", "schedule": "step"},
    "adam clipped": {"optimizer": "adam", "clip_value": 0.01, "schedule": "exponential", "warmup_steps": 7},
    "adamw cosine accumulated": {"optimizer": "adamw", "schedule": "cosine", "accumulate": 3, "warmup_steps": 3},
    "nadam plateau": {"optimizer": "nadam", "schedule": "plateau", "drop_patience": 1, **WORSE},
    "radam plateau": {"optimizer": "radam", "schedule": "plateau", "drop_patience": 2, "warmup_steps": 5, **WORSE},
    "adamax windows accumulated": {"optimizer": "adamax", "batches": "windows", "accumulate": 2, "stride": 3},
    "adagrad random accumulated": {"optimizer": "adagrad", "batches": "random", "accumulate": 2, "weight_decay": 0.01},
    "adadelta patient": {"optimizer": "adadelta", "patience": 4, "schedule": "plateau", **WORSE},
}  # fmt: skip


QUICK = ("asgd nesterov", "rmsprop windows", "nadam plateau")


def recipes(names=tuple(RECIPES)):
    """The names of recipes; those beyond a covering choice are slow."""
    return [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in names]


@pytest.fixture
def recipe(tiny):
    """A run of two layers with dropout, 24 steps unless it stops early, scored every five."""
    return lambda name: tiny(model={"layers": 2, "dropout": 0.3}, training={"max_steps": 24, **RECIPES[name]})


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_in_pieces_is_the_run_in_one_go(name, trainings, recipe, outcome_of):
    """Whatever its optimizer, schedule and batches: stopped at every sixth look, and the whole history is equal."""
    config = recipe(name)
    expected = outcome_of(trainings.whole("whole", config))
    run, stops = trainings.in_pieces("pieces", config, looks=6)
    assert stops > 3
    assert outcome_of(run) == expected


@pytest.mark.parametrize("name", recipes(["asgd nesterov", "radam plateau", "adamax windows accumulated"]))
def test_a_stop_at_any_look_changes_nothing(name, trainings, recipe, outcome_of, stop_at):
    """Before and after averaging begins or the rate drops, and in an evaluation."""
    config = recipe(name)
    expected = outcome_of(trainings.whole("whole", config))
    for look in range(5, 26, 5):
        run = trainings.run(f"run-{look}", config)
        trainings.go_on(run, stop_at(look))
        trainings.go_on(run)
        assert outcome_of(run) == expected, f"stopped at look {look}"


@pytest.mark.parametrize("name", recipes())
def test_every_tensor_of_the_optimizer_is_needed(name, trainings, recipe, outcome_of, stop_at):
    """Each kind of them changed in the middle gives another run: what is stored is what counts."""
    config = recipe(name)
    expected = outcome_of(trainings.whole("whole", config))
    run = trainings.run("looked-at", config)
    trainings.go_on(run, stop_at(20))
    stopped = checkpoints.load(checkpoints.choose(run.checkpoints, "last"))
    keys = {key.rsplit(".", 1)[1] for key in stopped.tensors if key.startswith("optimizer.")}
    assert keys
    for key in sorted(keys):
        other = trainings.run(f"without {key}".replace(" ", "-"), config)
        trainings.go_on(other, stop_at(20))
        found = checkpoints.load(checkpoints.choose(other.checkpoints, "last"))
        tensors = {
            each: torch.full_like(tensor, 0.25) if each.endswith("." + key) else tensor
            for each, tensor in found.tensors.items()
        }
        checkpoints.save(other.checkpoints, replace(found, tensors=tensors), None)
        trainings.go_on(other)
        assert outcome_of(other) != expected, key


def followed(trainings, monkeypatch, name, config):
    """Train a run: its events, and the (loss, gradient norm, learning rate) of each update."""
    seen, update = [], trainer._update

    def remembered(session):
        found = update(session)
        seen.append((found[0].loss.item(), float(found[1]), found[2], found[0].tokens))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_update", remembered)
        events = trainings.go_on(trainings.run(name, config))
    return events, seen


@pytest.mark.parametrize("batches", ["random", "windows"])
def test_gathered_batches_are_one_large_batch(batches, trainings, tiny, monkeypatch):
    """Three batches of four windows give the losses, norms and weights of one batch of twelve."""
    base = {"max_steps": 6, "batches": batches, "steps_per_sequence": 5, "optimizer": "sgd", "clip_norm": 0.2}
    many = tiny(training={**base, "batch_size": 4, "accumulate": 3})
    one = tiny(training={**base, "batch_size": 12})
    (_, gathered), (_, large) = (
        followed(trainings, monkeypatch, name, config) for name, config in (("many", many), ("one", one))
    )
    assert len(gathered) == len(large) == 6
    for ours, theirs in zip(gathered, large, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_steps_count_updates(trainings, tiny, monkeypatch):
    """An epoch has as many steps as its batches make updates, and the rate and epoch follow them."""
    config = tiny(training={"max_steps": "off", "epochs": 2, "accumulate": 3})
    events, updates = followed(trainings, monkeypatch, "run", config)
    (started,) = [event for event in events if isinstance(event, RunStarted)]
    assert started.steps_per_epoch == 20 // 3 and started.planned_steps == 12 == events[-1].step == len(updates)
    assert started.tokens_per_step == 3 * 4 * 8 == updates[0][3]
    assert [event for event in events if isinstance(event, StepDone)][-1].epoch == 2.0


def test_the_state_goes_on_within_and_between_updates(trainings, tiny, monkeypatch):
    """Sequential batches are read in the order of the text; each epoch begins at its first batch."""
    from rnnbench.engine.tasks.language_model import LanguageModelTask

    read, loss = [], LanguageModelTask.loss

    def watched(self, step, state):
        update = loss(self, step, state)
        read.append((step, state, update.state))
        return update

    monkeypatch.setattr(LanguageModelTask, "loss", watched)
    trainings.go_on(trainings.run("run", tiny(training={"max_steps": 8, "accumulate": 3})))
    assert [step for step, _, _ in read] == [*range(18), *range(20, 26)], "two batches of an epoch fill no update"
    for (_, _, after), (_, before, _) in zip(read, read[1:], strict=False):
        assert torch.equal(after, before) and not before.requires_grad


def test_more_batches_than_an_epoch_has_are_refused(trainings, tiny):
    """Before anything is saved, with what can be lowered."""
    run = trainings.run("run", tiny(training={"max_steps": 2, "accumulate": 21}))
    with pytest.raises(CorpusError, match=r"training\.accumulate is 21, but an epoch has 20 batches"):
        trainings.go_on(run)
    assert checkpoints.manifests(run.checkpoints) == []
