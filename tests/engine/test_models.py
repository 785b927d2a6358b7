"""The language model: shapes, implementations, initialisation, causality."""

import pytest
import torch
from torch.nn import functional

from rnnbench import sizing
from rnnbench.config import ModelConfig

KINDS = ("rnn", "gru", "lstm")


def copy_weights(scratch, layered):
    """Give a scratch model the weights of one with torch's layers."""
    with torch.no_grad():
        scratch.embedding.weight.copy_(layered.embedding.weight)
        scratch.output.load_state_dict(layered.output.state_dict())
        for level, cell in enumerate(scratch.stack.cells):
            for ours, theirs in (("input", "ih"), ("recurrent", "hh")):
                weight = getattr(layered.stack.layers, f"weight_{theirs}_l{level}")
                getattr(cell, f"{ours}_weight").copy_(weight.T)
                getattr(cell, f"{ours}_bias").copy_(getattr(layered.stack.layers, f"bias_{theirs}_l{level}"))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_both_implementations_are_one_model(kind, layers, make_network):
    """With copied weights, losses and carried states of scratch and torch agree over several batches."""
    scratch = make_network(cell=kind, layers=layers, implementation="scratch").double()
    layered = make_network(cell=kind, layers=layers, implementation="torch").double()
    copy_weights(scratch, layered)
    ids = torch.randint(11, (3, 9, 4))
    states = [scratch.initial_state(4), layered.initial_state(4)]
    for part in ids:
        found, states[0] = scratch.loss(part[:-1], part[1:], states[0])
        expected, states[1] = layered.loss(part[:-1], part[1:], states[1])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
        torch.testing.assert_close(states[0], states[1], rtol=0, atol=1e-10)
    assert states[0].abs().max() > 0.01


@pytest.mark.parametrize("implementation", ["scratch", "torch"])
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_mean_loss(kind, implementation, make_network):
    """Logits are (T, B, V), the state (S, L, B, H), and the loss the mean over T x B tokens in nats."""
    network = make_network(cell=kind, layers=2, implementation=implementation)
    ids = torch.randint(11, (10, 3))
    logits, state = network(ids[:-1], network.initial_state(3))
    assert logits.shape == (9, 3, 11)
    assert state.shape == network.initial_state(3).shape == (sizing.STATES[kind], 2, 3, 7)
    loss, _ = network.loss(ids[:-1], ids[1:], network.initial_state(3))
    chosen = logits.log_softmax(-1).gather(2, ids[1:].unsqueeze(2))
    torch.testing.assert_close(loss, -chosen.mean())


@pytest.mark.parametrize("implementation", ["scratch", "torch"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_prediction_sees_a_later_token(kind, implementation, make_network):
    """Changing the tokens after t moves no logit up to t, and moves those after it."""
    network = make_network(cell=kind, layers=2, implementation=implementation)
    ids = torch.randint(10, (12, 2))
    changed = ids.clone()
    changed[6:] = 10
    before, _ = network(ids, network.initial_state(2))
    after, _ = network(changed, network.initial_state(2))
    assert torch.equal(before[:6], after[:6])
    assert not torch.allclose(before[6:], after[6:])


def test_one_hot_input_is_a_product_with_one_hot_vectors(make_network):
    """The whole model, fed ids, gives the logits of the same cells fed real one-hot vectors."""
    network = make_network(cell="gru", layers=2, input="one_hot").double()
    assert network.implementation == "fused" and network.embedding is None
    ids = torch.randint(11, (9, 3))
    logits, state = network(ids, network.initial_state(3))
    dense, dense_state = network.stack(functional.one_hot(ids, 11).double(), network.initial_state(3))
    torch.testing.assert_close(network.output(dense), logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(dense_state, state, rtol=0, atol=1e-12)


def test_tied_weights_are_one_matrix(make_network):
    """Embedding and output share their memory: one parameter, one gradient from both uses."""
    network = make_network(hidden=6, embedding=6, tie_weights=True)
    assert network.output.weight is network.embedding.weight
    untied = make_network(hidden=6, embedding=6)
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in network.parameters()) == 11 * 6
    ids = torch.full((4, 1), 3)
    network.loss(ids, ids, network.initial_state(1))[0].backward()
    assert network.embedding.weight.grad[5].abs().max() > 0, "an unread token learns from the output"


@pytest.mark.parametrize("implementation", ["scratch", "torch"])
def test_forget_bias_moves_the_forget_gate_alone(implementation, make_network):
    """With the same seed, a forget bias of 1 adds 1 to the forget gate's input bias of each layer and nowhere else."""
    networks = []
    for bias in (0.0, 1.0):
        torch.manual_seed(5)
        networks.append(make_network(layers=2, implementation=implementation, forget_bias=bias))
    moved = {}
    for (name, before), (_, after) in zip(*(n.named_parameters() for n in networks), strict=True):
        if not torch.equal(before, after):
            moved[name] = (after - before).detach()
    assert len(moved) == 2
    expected = torch.zeros(4, 7)
    expected[1] = 1  # gate order: input, forget, candidate, output
    for name, difference in moved.items():
        assert "bias" in name
        torch.testing.assert_close(difference, expected.flatten())


@pytest.mark.parametrize("kind", ["rnn", "gru"])
def test_forget_bias_is_of_the_lstm_alone(kind, make_network):
    """Cells without a forget gate start as they would without the option."""
    networks = []
    for bias in (0.0, 1.0):
        torch.manual_seed(5)
        networks.append(make_network(cell=kind, implementation="scratch", forget_bias=bias))
    for before, after in zip(*(n.parameters() for n in networks), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("implementation", ["scratch", "torch"])
def test_orthogonal_gates(implementation, make_network):
    """Each gate's recurrent matrix is orthogonal on its own."""
    network = make_network(hidden=6, implementation=implementation, initialisation="orthogonal")
    (weight,) = [p for name, p in network.named_parameters() if "weight_hh" in name or "recurrent_weight" in name]
    gates = weight.split(6, dim=0 if implementation == "torch" else 1)
    assert len(gates) == 4
    for gate in gates:
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=0, atol=1e-5)


@pytest.mark.parametrize("implementation", ["scratch", "torch"])
def test_normal_initialisation(implementation, make_network):
    """As in the tutorials: matrices normal with deviation 0.01, biases zero."""
    network = make_network(50, hidden=40, embedding=40, implementation=implementation, initialisation="normal")
    for parameter in network.parameters():
        if parameter.dim() == 1:
            assert not parameter.any()
        else:
            assert 0.008 < parameter.std() < 0.012


@pytest.mark.parametrize(("cell", "layers", "input_kind", "tied"), [
    ("rnn", 1, "embedding", False), ("gru", 2, "embedding", False), ("lstm", 3, "embedding", True),
    ("lstm", 2, "one_hot", False), ("rnn", 1, "one_hot", False),
])  # fmt: skip
@pytest.mark.parametrize("implementation", ["scratch", "torch"])
def test_the_parameter_formula_counts_real_networks(cell, layers, input_kind, tied, implementation, make_network):
    """The number that the form shows without torch is the number of a real network's weights."""
    if input_kind == "one_hot":
        implementation = "scratch"
    model = {"cell": cell, "layers": layers, "input": input_kind, "tie_weights": tied, "implementation": implementation}
    model |= {"hidden": 6, "embedding": 6 if tied else 5}
    network = make_network(**model)
    assert sizing.parameters(ModelConfig(**model), 11) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("implementation", ["scratch", "torch"])
def test_dropout_acts_in_training_only(implementation, make_network):
    """Two passes differ while training and agree when the model is asked."""
    network = make_network(layers=2, dropout=0.5, implementation=implementation)
    ids, state = torch.randint(11, (6, 2)), network.initial_state(2)
    network.train()
    assert not torch.equal(network(ids, state)[0], network(ids, state)[0])
    network.eval()
    assert torch.equal(network(ids, state)[0], network(ids, state)[0])
