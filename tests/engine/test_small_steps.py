"""One token, one update: the same losses, gradients and runs as the general form, in less time."""

import math
from itertools import pairwise

import pytest
import torch

from rnnbench.config import TrainingConfig
from rnnbench.engine import optimization, small_steps, trainer
from rnnbench.engine.batches import make_batches
from rnnbench.engine.small_steps import SmallSteps, make_small_steps
from rnnbench.errors import RnnbenchError
from rnnbench.runs.events import StepDone

VOCABULARY = 11
TINY = {
    "model": {"cell": "elman", "implementation": "scratch", "hidden": 8, "input": "one_hot"},
    "training": {
        "batch_size": 1,
        "steps_per_sequence": 1,
        "optimizer": "sgd",
        "learning_rate": 0.2,
        "clip_norm": "off",
        "max_steps": 700,
    },
    "evaluation": {"every_steps": 300, "sample_length": 5},
    "corpus": {"first_characters": 500},
}


def changed(**tables):
    """The tiny run with some choices replaced."""
    return {name: table | tables.get(name, {}) for name, table in TINY.items()}


def general(network, pairs, state, rate, clip_norm):
    """The same updates by automatic differentiation and torch's optimizer: losses, norms, the last state."""
    optimizer = torch.optim.SGD(network.parameters(), rate)
    losses, norms = [], []
    for token, target in pairs:
        optimizer.zero_grad()
        loss, state = network.loss(torch.tensor([[token]]), torch.tensor([[target]]), state)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm or math.inf).item())
        optimizer.step()
        state = state.detach()
        losses.append(loss.item())
    return losses, norms, state


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-10)])
@pytest.mark.parametrize("clip_norm", [None, 1.5])
@pytest.mark.parametrize("implementation", ["scratch", "fused"])
@pytest.mark.parametrize("cell", ["elman", "rnn"])
def test_losses_and_weights_are_those_of_the_general_form(
    cell, implementation, clip_norm, dtype, tolerance, make_network
):
    """Over thirty updates, some of them clipped: every loss, the norm, the state and every weight."""
    networks = [
        make_network(VOCABULARY, cell=cell, implementation=implementation, input="one_hot").to(dtype) for _ in range(2)
    ]
    networks[1].load_state_dict(networks[0].state_dict())
    ids = torch.randint(VOCABULARY, (31,)).tolist()
    pairs, first = list(pairwise(ids)), networks[0].initial_state(1)
    losses, norms, state = general(networks[0], pairs, first, 0.3, clip_norm)
    assert clip_norm is None or min(norms) < clip_norm < max(norms), "some are clipped and some are not"
    steps, found = SmallSteps(networks[1], clip_norm), []
    at = first
    for pair in pairs:
        taken = steps.take([pair], at, 0.3)
        at = taken.state
        found.append((taken.losses_N.item(), taken.norm))
    assert [loss for loss, _ in found] == pytest.approx(losses, rel=0, abs=tolerance)
    assert [norm for _, norm in found] == pytest.approx(norms, rel=0, abs=tolerance)
    close = {"rtol": 0, "atol": tolerance}
    torch.testing.assert_close(at, state, **close)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(one, other, **close)


@pytest.mark.parametrize("cell", ["elman", "rnn"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_update_is_the_gradient(cell, dtype, make_network):
    """At a rate of 1 the weights move by exactly what automatic differentiation says, and nothing else moves."""
    network = make_network(VOCABULARY, cell=cell, implementation="scratch", input="one_hot").to(dtype)
    state = torch.rand_like(network.initial_state(1))
    loss, _ = network.loss(torch.tensor([[3]]), torch.tensor([[7]]), state)
    slopes = torch.autograd.grad(loss, list(network.parameters()))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    SmallSteps(network, None).take([(3, 7)], state, 1.0)
    for old, new, slope in zip(before, network.parameters(), slopes, strict=True):
        torch.testing.assert_close(old - new, slope, rtol=0, atol=1e-6 if dtype is torch.float32 else 1e-10)


def test_splitting_the_steps_changes_no_bit(make_network):
    """Forty steps at one go, or in pieces: the same weights, so that a stop between them does not matter."""
    networks = [make_network(VOCABULARY, cell="elman", implementation="scratch", input="one_hot") for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    ids = torch.randint(VOCABULARY, (41,)).tolist()
    pairs, first = list(pairwise(ids)), networks[0].initial_state(1)
    whole = SmallSteps(networks[0], 1.0).take(pairs, first, 0.5)
    part, state = SmallSteps(networks[1], 1.0), first
    losses = []
    for piece in (pairs[:1], pairs[1:13], pairs[13:]):
        taken = part.take(piece, state, 0.5)
        state = taken.state
        losses += taken.losses_N.tolist()
    assert torch.equal(state, whole.state) and losses == whole.losses_N.tolist() and taken.norm == whole.norm
    assert all(torch.equal(*both) for both in zip(*(network.parameters() for network in networks), strict=True))


@pytest.mark.parametrize("spoilt", ["output.bias", "stack.cells.0.recurrent_weight"])
def test_a_step_that_is_not_finite_is_not_taken(spoilt, make_network):
    """The weights stay as they were before it, and its figures come last."""
    network = make_network(VOCABULARY, cell="elman", implementation="scratch", input="one_hot")
    with torch.no_grad():
        dict(network.named_parameters())[spoilt].view(-1)[2] = torch.nan
    before = [parameter.detach().clone() for parameter in network.parameters()]
    taken = SmallSteps(network, None).take([(1, 2), (2, 3)], network.initial_state(1), 0.1)
    assert len(taken.losses_N) == 1 and not taken.losses_N.isfinite().any()
    for one, other in zip(before, network.parameters(), strict=True):
        assert torch.equal(one.nan_to_num(9.0), other.nan_to_num(9.0))


def test_a_gradient_that_is_not_finite_is_not_followed(make_network):
    """A finite loss with a gradient beyond all numbers: nothing moves."""
    network = make_network(VOCABULARY, cell="rnn", implementation="scratch", input="one_hot")
    with torch.no_grad():
        network.output.weight[:] = torch.tensor([3e38, -3e38, 0.0]).repeat(4)[:VOCABULARY, None]
    before = [parameter.detach().clone() for parameter in network.parameters()]
    state = torch.zeros_like(network.initial_state(1))
    for parameter in network.stack.parameters():
        parameter.detach().zero_()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    taken = SmallSteps(network, None).take([(1, 2)], state, 0.1)
    assert taken.losses_N.isfinite().all() and not math.isfinite(taken.norm)
    assert all(torch.equal(*both) for both in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize("cell", ["elman", "rnn"])
@pytest.mark.parametrize("clip_norm", ["off", 0.5])
def test_a_run_tells_what_the_general_form_tells(cell, clip_norm, trainings, make_config, monkeypatch):
    """Two epochs: recorded losses, norms and scores agree with those of a run that may not take small steps."""
    config = make_config(**changed(model={"cell": cell}, training={"clip_norm": clip_norm}))
    runs = [trainings.whole("small", config)]
    monkeypatch.setattr("rnnbench.engine.tasks.language_model.make_small_steps", lambda *_: None)
    runs.append(trainings.whole("general", config))
    small, general = (run.progress() for run in runs)
    assert small.train.steps == general.train.steps and len(small.train.steps) == 2
    assert small.train.values == pytest.approx(general.train.values, abs=1e-5)
    told = [[(e.step, e.loss_nats) for e in progress.evaluations] for progress in (small, general)]
    assert [step for step, _ in told[0]] == [step for step, _ in told[1]]
    assert [loss for _, loss in told[0]] == pytest.approx([loss for _, loss in told[1]], abs=1e-5)


@pytest.mark.parametrize("looks", [2, 3])
def test_a_run_in_pieces_is_the_run_in_one_go(looks, trainings, make_config, outcome_of):
    """Stopped at every n-th look, across the ends of epochs and of recorded losses: equal bit by bit."""
    config = make_config(**TINY)
    whole = outcome_of(trainings.whole("whole", config))
    pieces, stops = trainings.in_pieces("pieces", config, looks)
    assert stops >= 2
    assert outcome_of(pieces) == whole


def test_looking_does_not_change_a_run(trainings, make_config, outcome_of):
    """Scored after every seven steps or after none, the weights and losses are the same."""
    often, seldom = (
        outcome_of(trainings.whole(str(every), make_config(**changed(evaluation={"every_steps": every}))))
        for every in (7, 700)
    )
    assert often.losses == seldom.losses and often.tensors == seldom.tensors
    assert [step for step, split, *_ in often.evaluations if split == "validation"] == list(range(0, 701, 7))


def test_a_diverging_run_names_the_step(trainings, make_config, monkeypatch):
    """The failure counts the steps that were taken, and the last recorded loss is from before."""
    take = SmallSteps.take

    def spoilt(self, pairs, state, rate):
        pairs = list(pairs)
        if len(seen) == 2:
            self._b_V[0] = math.inf
        seen.append(len(pairs))
        return take(self, pairs, state, rate)

    seen = []
    monkeypatch.setattr(SmallSteps, "take", spoilt)
    events = []
    with pytest.raises(RnnbenchError, match="not finite at step") as failure:
        for event in trainings.events(trainings.run("run", make_config(**changed(evaluation={"every_steps": 700})))):
            events.append(event)
    assert f"not finite at step {sum(seen[:2]) + 1} (" in failure.value.message
    assert all(math.isfinite(event.loss_nats) for event in events if isinstance(event, StepDone))


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("model", {"cell": "gru"}),
        ("model", {"input": "embedding"}),
        ("model", {"layers": 2}),
        ("model", {"dropout": 0.1}),
        ("model", {"cell": "rnn", "implementation": "torch", "input": "embedding"}),
        ("training", {"batch_size": 2}),
        ("training", {"steps_per_sequence": 2}),
        ("training", {"batches": "random"}),
        ("training", {"optimizer": "adamw"}),
        ("training", {"momentum": 0.5}),
        ("training", {"weight_decay": 0.1}),
        ("training", {"schedule": "cosine"}),
        ("training", {"warmup_steps": 5}),
    ],
    ids=lambda value: "-".join(f"{key}-{one}" for key, one in value.items()) if isinstance(value, dict) else value,
)
def test_other_choices_take_the_general_form(section, values, make_config, make_network):
    """Only what is the same is taken over; a choice about training that is not known here is left alone too."""
    config = make_config(**changed(**{section: values}))
    network = make_network(VOCABULARY, **config.model.model_dump())
    assert make_small_steps(network, config, torch.device("cpu")) is None
    plain = make_config(**TINY)
    network = make_network(VOCABULARY, **plain.model.model_dump())
    assert make_small_steps(network, plain, torch.device("cpu")) is not None
    assert make_small_steps(network, plain, torch.device("meta")) is None


def test_a_choice_nobody_knows_keeps_small_steps_away(make_config, make_network, monkeypatch):
    """A field of the training table that small steps were not told of must stand at its default."""
    config = make_config(**TINY)
    network = make_network(VOCABULARY, **config.model.model_dump())
    monkeypatch.setattr(small_steps, "_KNOWN", small_steps._KNOWN[:-1])  # the seed, which is not the default 1
    other = make_config(**changed(training={"seed": 2}))
    assert make_small_steps(network, config, torch.device("cpu")) is not None
    assert make_small_steps(network, other, torch.device("cpu")) is None


@pytest.mark.parametrize(("size", "length"), [(1, 1), (3, 2)])
def test_a_stretch_is_its_batches_joined(size, length, numbered):
    """Several steps read at once are the batches of these steps, one after the other, to the end of the epoch."""
    training = TrainingConfig.model_validate({"batch_size": size, "steps_per_sequence": length})
    batches = make_batches(numbered(61), training)
    for step in range(2 * batches.steps_per_epoch):
        rest = batches.steps_per_epoch - step % batches.steps_per_epoch
        joined, count = batches.stretch(step, 5), min(5, rest)
        parts = [batches.batch(step + index) for index in range(count)]
        assert torch.equal(joined.ids_TB, torch.cat([part.ids_TB for part in parts]))
        assert torch.equal(joined.targets_TB, torch.cat([part.targets_TB for part in parts]))
        assert joined.fresh == parts[0].fresh


@pytest.mark.parametrize("limit", [None, 0.3, 50.0])
def test_plain_descent_is_torch_s(limit, make_network):
    """Clipping and the update without torch's wrappers give torch's numbers, bit by bit."""
    networks = [make_network(VOCABULARY) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    ours, theirs = (torch.optim.SGD(network.parameters(), 1.0) for network in networks)
    ids = torch.randint(VOCABULARY, (6, 3))
    for _ in range(3):
        for network in networks:
            optimization.forget_gradients(list(network.parameters()))
            network.loss(ids[:-1], ids[1:], network.initial_state(3))[0].backward()
        norm = optimization.clip(list(networks[0].parameters()), limit)
        expected = torch.nn.utils.clip_grad_norm_(networks[1].parameters(), limit or math.inf)
        assert torch.equal(norm, expected)
        optimization.step(ours, 0.7)
        theirs.param_groups[0]["lr"] = 0.7
        theirs.step()
        assert all(torch.equal(*both) for both in zip(*(network.parameters() for network in networks), strict=True))


def test_steps_at_one_go_end_where_something_is_due(trainings, make_config, monkeypatch):
    """No report, score or end of the run is stepped over."""
    ends = []
    update = trainer._update

    def remembered(session):
        found = update(session)
        ends.append(session.position.step)
        return found

    monkeypatch.setattr(trainer, "_update", remembered)
    trainings.whole("run", make_config(**TINY))
    assert {256, 300, 512, 600, 700} <= set(ends) and len(ends) < 30
