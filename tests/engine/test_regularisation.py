"""Dropout of several kinds, penalties, random lengths: what each does to the numbers, and that only training sees it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional

from rnnbench import config as configuration
from rnnbench.engine import causality, evaluation
from rnnbench.engine.batches import make_batches
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.regularisation import LockedDropout, Penalty, WordVectors
from rnnbench.engine.small_steps import make_small_steps
from rnnbench.errors import UsageError
from rnnbench.runs.events import StepDone

VOCABULARY = 11
RECURRENT = [
    ("rnn", "scratch"), ("rnn", "fused"), ("rnn", "torch"), ("elman", "scratch"), ("elman", "fused"),
    ("gru", "scratch"), ("gru", "fused"), ("gru", "torch"), ("gru_reset_before", "scratch"),
    ("lstm", "scratch"), ("lstm", "fused"), ("lstm", "torch"), ("lstm_layer_norm", "scratch"),
]  # fmt: skip
EVERYTHING = {"dropout": 0.3, "locked_dropout": True, "embedding_dropout": 0.2, "weight_drop": 0.4, "layers": 2}


@pytest.fixture
def batch():
    """Inputs and targets of nine time steps and three lanes."""
    ids = torch.randint(VOCABULARY, (10, 3))
    return ids[:-1], ids[1:]


def recurrent_weight(network):
    """The hidden-to-hidden matrix of a network of one layer."""
    names = ("weight_hh", "recurrent_weight")
    (weight,) = (p for name, p in network.named_parameters() if any(part in name for part in names))
    return weight


# -- what is dropped ---------------------------------------------------------------------------------------------------


def test_a_locked_mask_is_one_for_all_time_steps():
    """A unit of a lane is there at every step, scaled, or at none; lanes have masks of their own; scoring drops none."""
    dropout, ones = LockedDropout(0.5), torch.ones(20, 4, 64)
    dropped = dropout(ones)
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert all(not torch.equal(one, other) for one, other in pairwise(dropped[0]))
    assert not torch.equal(dropout(ones), dropped), "the next batch has another mask"
    assert torch.equal(dropout.eval()(ones), ones)


@pytest.mark.parametrize("read", ["table", "forward"])
def test_a_dropped_word_is_gone_wherever_it_stands(read):
    """Whole rows are zero, the others scaled, the same for all places of a word; scoring drops none."""
    words = WordVectors(50, 6, 0.5)
    ids = torch.randint(50, (30, 4))
    vectors = functional.embedding(ids, words.table()) if read == "table" else words(ids)
    ratio = vectors / functional.embedding(ids, words.weight)
    assert set(ratio.detach().round(decimals=5).unique().tolist()) == {0.0, 2.0}
    for word in ids.unique():
        assert len(ratio[ids == word].round(decimals=5).unique()) == 1
    words.eval()
    assert torch.equal(words(ids), functional.embedding(ids, words.table())) and words.table() is words.weight


@pytest.mark.parametrize(("cell", "implementation"), RECURRENT)
def test_dropped_weights_are_dropped_for_the_whole_batch(cell, implementation, make_network, batch):
    """The loss is that of a network whose matrix lacks these weights, and the lacking ones get no gradient."""
    network = make_network(cell=cell, implementation=implementation, weight_drop=0.4)
    weight, state = recurrent_weight(network), network.initial_state(3)
    torch.manual_seed(5)
    loss, _ = network.loss(*batch, state)
    loss.backward()
    torch.manual_seed(5)
    dropped = functional.dropout(weight.detach(), 0.4)
    assert not weight.grad[dropped == 0].any() and weight.grad[dropped != 0].any()
    network.eval()
    with torch.no_grad():
        weight.copy_(dropped)
        torch.testing.assert_close(network.loss(*batch, state)[0], loss, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_torch_layers_one_by_one_are_the_same_layers(cell, make_network, batch):
    """The form that training takes when something is locked or dropped computes what torch's layers compute."""
    plain = make_network(cell=cell, implementation="torch", layers=3)
    other = make_network(cell=cell, implementation="torch", layers=3, dropout=1e-9, locked_dropout=True)
    other.load_state_dict(plain.state_dict())
    state = torch.randn_like(plain.initial_state(3)) / 4
    for one, two in zip(plain(batch[0], state), other(batch[0], state), strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=1e-6)
    assert other.stack.by_layer and not plain.stack.by_layer


@pytest.mark.parametrize("chosen", [{"dropout": 0.3}, {"dropout": 0.3, "locked_dropout": True}, {"weight_drop": 0.3},
                                    {"embedding_dropout": 0.3}], ids=str)  # fmt: skip
@pytest.mark.parametrize("task", ["language_model", "cloze", "seq2seq"])
def test_every_task_drops_while_training_only(task, chosen, make_network, batch):
    """Two losses on one batch differ in training, and are the same bit by bit when scored."""
    model = configuration.ModelConfig(task=task, hidden=8, embedding=6, layers=2, **chosen)
    if task == "language_model":
        network = make_network(layers=2, **chosen)
        arguments = (*batch, network.initial_state(3))
    elif task == "cloze":
        network, arguments = ClozeModel(model, VOCABULARY), batch
    else:
        network, arguments = EncoderDecoder(model, VOCABULARY, VOCABULARY), (batch[0], *batch)

    def loss():
        found = network.loss(*arguments)
        return found if task == "cloze" else found[0]

    assert loss() != loss()
    network.eval()
    assert loss() == loss()


def test_scores_are_those_of_a_network_without_any_of_it(make_network, tiny, encoded):
    """With the same weights the same score, bit by bit, and nothing of it looks ahead."""
    corpus = encoded(tiny())
    size = len(corpus.vocabulary)
    plain, regularised = make_network(size, layers=2), make_network(size, **EVERYTHING)
    plain.load_state_dict(regularised.state_dict())
    split = corpus.split("validation")
    assert evaluation.score(regularised.train(), split) == evaluation.score(plain.train(), split)
    causality.guard(regularised.train())


# -- penalties ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [Penalty(2.0, 0.0), Penalty(0.0, 1.0), Penalty(0.7, 0.3)], ids=str)
def test_a_penalty_moves_the_gradient_and_not_the_loss(penalty, make_network, batch):
    """The reported loss is the cross-entropy bit by bit; the gradient is that of the sum of both."""
    network = make_network()
    state, parameters = network.initial_state(3), list(network.parameters())
    plain, _ = network.loss(*batch, state)
    loss, _ = network.loss(*batch, state, penalty)
    assert loss.item() == plain.item()
    y = network.read(batch[0], state)[0]
    cost = penalty.activation * (y**2).mean() + penalty.temporal * ((y[1:] - y[:-1]) ** 2).mean()
    expected = torch.autograd.grad(plain + cost, parameters)
    for found, wanted in zip(torch.autograd.grad(loss, parameters), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-7)


def test_the_activation_penalty_looks_at_what_is_left_after_dropout():
    """AR is on the dropped outputs, TAR on the whole ones (Merity et al. 2017); one step alone has no TAR."""
    y, dropped = torch.tensor([[[1.0]], [[3.0]]]), torch.tensor([[[0.0]], [[6.0]]])
    assert Penalty(1.0, 0.0).on(y, dropped).item() == 18.0
    assert Penalty(0.0, 1.0).on(y, dropped).item() == 4.0
    assert Penalty(1.0, 1.0).on(y[:1], dropped[:1]).item() == 0.0


# -- random lengths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tokens", "size", "length"), [(4000, 4, 35), (300, 3, 8), (90, 2, 2), (64, 1, 30)])
def test_an_epoch_of_random_lengths_reads_every_token_of_a_lane_once(tokens, size, length, numbered, make_training):
    """The batches of an epoch follow each other without gap or overlap to the end of the lane; targets are next."""
    chosen = make_training(batch_size=size, steps_per_sequence=length, random_lengths=True)
    batches = make_batches(numbered(tokens), chosen)
    lane = (tokens - 1 - length) // size
    for epoch in range(3):
        steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
        parts = [batches.batch(step) for step in steps]
        assert [part.fresh for part in parts] == [True] + [False] * (len(parts) - 1)
        assert all(len(part.ids_TB) >= 1 and torch.equal(part.targets_TB, part.ids_TB + 1) for part in parts)
        whole = torch.cat([part.ids_TB for part in parts])
        first = whole[0, 0].item()
        assert 0 <= first <= length
        assert torch.equal(whole, first + torch.arange(lane).unsqueeze(1) + lane * torch.arange(size))


def test_random_lengths_are_drawn_around_the_usual_one(numbered, make_training):
    """Most lie near T, about one in twenty near T / 2; epochs and seeds differ; there are as many batches as without."""
    ids, choices = numbered(300_000), {"batch_size": 2, "steps_per_sequence": 70}
    batches = make_batches(ids, make_training(**choices, random_lengths=True))
    assert batches.steps_per_epoch == make_batches(ids, make_training(**choices)).steps_per_epoch
    count = batches.steps_per_epoch
    lengths = np.array([len(batches.batch(step).ids_TB) for step in range(2 * count)])
    assert abs(np.median(lengths) / 70 - 1) < 0.05 and 3 < lengths[lengths > 50].std() < 8
    assert 0.03 < (lengths < 50).mean() < 0.07
    assert (lengths[:count] != lengths[count:]).any()
    other = make_batches(ids, make_training(**choices, random_lengths=True, seed=4))
    assert [len(other.batch(step).ids_TB) for step in range(count)] != lengths[:count].tolist()
    shares = [batches.share_of_length(step) for step in range(count)]
    assert shares == [length / 70 for length in lengths[:count].tolist()]


def test_a_batch_of_random_length_depends_on_seed_and_step_only(numbered, make_training):
    """Asked in any order, or by another process, a step has the same batch."""
    chosen = make_training(random_lengths=True)
    forward = [make_batches(numbered(200), chosen).batch(step).ids_TB.tolist() for step in range(30)]
    batches = make_batches(numbered(200), chosen)
    assert [batches.batch(step).ids_TB.tolist() for step in reversed(range(30))] == forward[::-1]


def test_the_learning_rate_is_scaled_by_the_length(trainings, tiny, encoded):
    """A batch of half the length takes half the rate, so that each token counts the same."""
    choices = {"max_steps": 24, "batch_size": 8, "steps_per_sequence": 32, "random_lengths": True}
    config = tiny(training={**choices, "learning_rate": 0.01}, corpus={"first_characters": 4000})
    steps = [event for event in trainings.go_on(trainings.run("run", config)) if isinstance(event, StepDone)]
    batches = make_batches(encoded(config).split("train").ids, config.training)
    expected = [0.01 * batches.share_of_length(event.step - 1) for event in steps]
    assert [event.learning_rate for event in steps] == pytest.approx(expected, rel=1e-5)
    assert len(set(expected)) > 3


# -- runs --------------------------------------------------------------------------------------------------------------


CHOICES = {
    "locked": ({"dropout": 0.3, "locked_dropout": True, "layers": 2}, {}),
    "embedding": ({"embedding_dropout": 0.2}, {}),
    "weights, torch": ({"weight_drop": 0.4, "layers": 2}, {}),
    "weights, fused": ({"weight_drop": 0.4, "implementation": "fused"}, {}),
    "penalties": ({}, {"activation_penalty": 2.0, "temporal_penalty": 1.0}),
    "lengths": ({}, {"random_lengths": True, "accumulate": 2}),
    "all": (EVERYTHING, {"activation_penalty": 2.0, "temporal_penalty": 1.0, "random_lengths": True}),
}


@pytest.mark.parametrize("kind", CHOICES)
def test_a_regularised_run_in_pieces_is_the_run_in_one_go(kind, trainings, tiny, outcome_of):
    """Bit by bit, wherever it stopped; and it is not the run without."""
    model, training = CHOICES[kind]
    tables = {"evaluation": {"every_steps": 6, "sample_length": 4}}
    config = tiny(model=model, training={"max_steps": 12, **training}, **tables)
    expected = outcome_of(trainings.whole("whole", config))
    run, stops = trainings.in_pieces("pieces", config, looks=5)
    assert stops > 2 and outcome_of(run) == expected
    kept = {name: model[name] for name in ("layers", "implementation") if name in model}
    count = training.get("accumulate", 1)
    plain = tiny(model=kept, training={"max_steps": 12, "accumulate": count}, **tables)
    assert outcome_of(trainings.whole("plain", plain)).losses != expected.losses


@pytest.mark.parametrize(("changed", "taken"), [
    ({}, True), ({"model": {"dropout": 0.1}}, False), ({"model": {"weight_drop": 0.1}}, False),
    ({"training": {"activation_penalty": 1.0}}, False), ({"training": {"temporal_penalty": 1.0}}, False),
    ({"machine": {"precision": "bfloat16"}}, False),
], ids=str)  # fmt: skip
def test_the_updates_of_tiny_networks_are_left_to_the_general_form(changed, taken, make_config, make_network):
    """Their written-out equations know of no regularisation and no other precision."""
    tables = {
        "model": {"cell": "rnn", "input": "one_hot"},
        "training": {"batch_size": 1, "steps_per_sequence": 1, "optimizer": "sgd"},
    }
    config = make_config(**{name: tables.get(name, {}) | changed.get(name, {}) for name in {*tables, *changed}})
    network = make_network(**config.model.model_dump())
    assert (make_small_steps(network, config, torch.device("cpu")) is not None) == taken


@pytest.mark.parametrize(("tables", "message"), [
    ({"model": {"weight_drop": 0.1, "cell": "min_gru"}}, r"^model: weight_drop needs a hidden-to-hidden matrix"),
    ({"model": {"embedding_dropout": 0.1, "input": "one_hot"}}, r"^model: embedding_dropout needs input = embedding"),
    ({"training": {"random_lengths": True, "batches": "random"}}, r"^training: random_lengths needs batches = seq"),
    ({"training": {"random_lengths": True, "steps_per_sequence": 1}}, r"^training: random_lengths needs batches = seq"),
    ({"training": {"random_lengths": True}, "model": {"task": "cloze"}}, r"^training\.random_lengths: is for the task"),
    ({"training": {"activation_penalty": 1}, "model": {"task": "seq2seq"}}, r"^training\.activation_penalty: is for"),
    ({"training": {"temporal_penalty": 1}, "model": {"task": "cloze"}}, r"^training\.temporal_penalty: is for the"),
], ids=str)  # fmt: skip
def test_what_a_network_cannot_do_is_refused(tables, message):
    """In one sentence that begins with the key, as everywhere."""
    with pytest.raises(UsageError, match=message):
        configuration.validate({"corpus": {"file": "small"}, **tables})
