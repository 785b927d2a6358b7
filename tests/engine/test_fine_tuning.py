"""Beginning with what another run has learned."""

import pytest
import torch

from rnnbench.engine import checkpoints
from rnnbench.engine.control import Control
from rnnbench.engine.loading import open_model
from rnnbench.errors import UsageError
from rnnbench.runs.events import EvaluationDone, Warned

NEW = "the boats watched the keeper, çà et là; über alles the gull at dawn.\n" * 30


@pytest.fixture
def base(trainings, tiny, workspace):
    """A finished run, and another text with characters that it does not know."""
    run = trainings.whole("base", tiny(training={"max_steps": 60, "learning_rate": 0.02}))
    (workspace.root / "corpora" / "new.txt").write_text(NEW, encoding="utf-8")
    return run


@pytest.fixture
def tuned(base, trainings, tiny):
    """Train a run from it on the new text: (the run, its events)."""

    def train(name="tuned", control=None, text=None, **training):
        corpus = {"file": "new", "first_characters": 2000}
        config = tiny(corpus=corpus, text=text or {}, training={"max_steps": 12, "start_from": "base", **training})
        run = trainings.run(name, config)
        return run, trainings.go_on(run, control)

    return train


def first_loss(events):
    """The validation loss before the first step."""
    return next(event.loss_nats for event in events if isinstance(event, EvaluationDone))


def warnings(events):
    """What the user was told."""
    return " ".join(event.message for event in events if isinstance(event, Warned))


def test_it_begins_with_the_weights_and_the_vocabulary(base, tuned, trainings, tiny):
    """Before the first step it is as good as the other run, far better than an untrained network, and says so."""
    run, events = tuned()
    _, untrained = trainings.run("anew", tiny()), trainings.whole("fresh", tiny(corpus={"file": "new"}))
    fresh = next(e for e in untrained.progress().evaluations)
    assert first_loss(events) < fresh.loss_nats - 0.3
    assert open_model(run).vocabulary.tokens == open_model(base).vocabulary.tokens
    told = warnings(events)
    assert "begins with the weights of run base" in told and "ç" in told and "extend_vocabulary" in told


def test_its_step_0_holds_the_other_runs_best_weights(base, tuned):
    """Bit by bit."""
    run, _ = tuned(max_steps=1)
    mine = checkpoints.load(checkpoints.choose(run.checkpoints, "0")).tensors
    theirs = checkpoints.load(checkpoints.choose_trained(base.checkpoints, "best")).tensors
    names = [name for name in theirs if name.startswith("model.")]
    assert names and all(torch.equal(mine[name], theirs[name]) for name in names)


def test_the_vocabulary_can_be_extended(base, tuned):
    """Old tokens keep their ids and weights; the new ones stand behind them and nothing is unknown any more."""
    run, events = tuned(text={"extend_vocabulary": True})
    before, after = open_model(base).vocabulary, open_model(run).vocabulary
    assert after.tokens[: len(before)] == before.tokens and set("çàü") <= set(after.tokens[len(before) :])
    assert "tokens were added" in warnings(events) and "<unk>" not in warnings(events)
    assert all(e.unknown_tokens == 0 for e in events if isinstance(e, EvaluationDone))


@pytest.mark.parametrize("extend", [False, True])
def test_it_resumes_without_the_other_run(base, tuned, trainings, outcome_of, stop_at, workspace, extend):
    """To the same end as an uninterrupted one, though the run it came from is gone."""
    text = {"extend_vocabulary": extend}
    whole, _ = tuned("whole", text=text)
    run, _ = tuned("run", stop_at(16), text=text)
    assert run.state(run.progress()) == "stopped"
    base.folder.rename(base.folder.with_name("elsewhere"))
    trainings.go_on(run)
    assert outcome_of(run) == outcome_of(whole)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"model": {"hidden": 9}}, "model.hidden"),
        ({"text": {"tokenizer": "byte"}}, "text.tokenizer"),
        ({"training": {"start_from": "nobody"}}, "no run named nobody"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(base, trainings, tiny, tables, said):
    """Before anything is trained."""
    tables = {"training": {"start_from": "base"}, **tables}
    run = trainings.run("tuned", tiny(**tables))
    with pytest.raises(UsageError) as refused:
        trainings.go_on(run, Control())
    assert said in str(refused.value)
