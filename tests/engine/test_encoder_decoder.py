"""The encoder-decoder: teacher forcing and single steps, padding, lanes, implementations, what it can learn."""

import pytest
import torch
from torch.nn import functional

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.engine import causality
from rnnbench.engine.decoding import DecodeChoices, decode_batch
from rnnbench.engine.encoder_decoder import IGNORED, Bridge, EncoderDecoder
from rnnbench.text.pair_corpus import BOS, EOS

CELLS = ("rnn", "elman", "gru", "gru_reset_before", "lstm", "lstm_layer_norm", "min_gru", "min_lstm")
ATTENTIONS = ("none", "additive", "dot")


def make(source=9, target=11, *, shared=False, **values):
    """A small network of float64 with values given by name in place of the defaults; dropout does not act."""
    model = {"task": "seq2seq", "cell": "gru", "hidden": 7, "embedding": 5, "layers": 2, **values}
    return EncoderDecoder(ModelConfig(**model), source, target, shared=shared).double().eval()


def batch(lanes=3, source=6, target=5):
    """Random ids that mean something: sources (S, B) and targets (T, B)."""
    return torch.randint(4, 9, (source, lanes)), torch.randint(4, 11, (target, lanes))


def teacher_forced(network, source, inputs):
    """Logits of a whole target."""
    memory = network.encode(source)
    return network.decode(inputs, memory, memory.state)[0]


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("cell", CELLS)
def test_step_by_step_is_the_whole_target(cell, bidirectional, attention):
    """Fed token by token with the state carried, the decoder gives the logits of the whole target, for every cell."""
    network = make(cell=cell, bidirectional=bidirectional, attention=attention)
    source, inputs = batch()
    memory = network.encode(source)
    whole, last = network.decode(inputs, memory, memory.state)
    assert whole.shape == (5, 3, 11) and memory.state.shape == (sizing.STATES[cell], 2, 3, 7)
    state, steps = memory.state, []
    for row in inputs:
        logits, state = network.decode(row.unsqueeze(0), memory, state)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
def test_every_weight_learns_and_every_source_token_counts(attention, bidirectional):
    """One batch moves every weight, and each token of the source moves the first prediction."""
    network = make(cell="lstm", bidirectional=bidirectional, attention=attention)
    source, inputs = batch()
    network.loss(source, inputs, inputs.roll(-1, 0))[0].backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())
    before = teacher_forced(network, source, inputs)[0]
    for position in range(len(source)):
        other = source.clone()
        other[position] = 3
        assert not torch.allclose(teacher_forced(network, other, inputs)[0], before, rtol=0, atol=1e-9)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("target", [11, 600], ids=["plain-loss", "blocked-loss"])
def test_padding_changes_nothing(attention, target):
    """Padding, whatever stands in it, moves neither the loss nor a gradient; the loss is the mean of what is valid."""
    network = make(target=target, attention=attention)
    source, inputs = batch()
    targets = inputs.roll(-1, 0)
    loss, tokens = network.loss(source, inputs, targets)
    loss.backward()
    gradients = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    padded_inputs = torch.cat((inputs, torch.randint(target, (4, 3))))
    padded, count = network.loss(source, padded_inputs, torch.cat((targets, torch.full((4, 3), IGNORED))))
    padded.backward()
    assert tokens == count == targets.numel()
    torch.testing.assert_close(padded, loss, rtol=0, atol=1e-12)
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-12)
    logits = teacher_forced(network, source, inputs)
    torch.testing.assert_close(loss, functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_lanes_are_independent(attention):
    """A lane alone gives what it gives beside others, also when lanes of a memory are repeated and exchanged."""
    network = make(attention=attention, bidirectional=True)
    source, inputs = batch()
    together = teacher_forced(network, source, inputs)
    for lane in range(3):
        alone = teacher_forced(network, source[:, lane : lane + 1], inputs[:, lane : lane + 1])
        torch.testing.assert_close(alone[:, 0], together[:, lane], rtol=0, atol=1e-12)
    order = torch.tensor([2, 0, 0, 1])
    chosen = network.encode(source).lanes(order)
    logits, _ = network.decode(inputs[:, order], chosen, chosen.state)
    torch.testing.assert_close(logits, together[:, order], rtol=0, atol=1e-12)


def test_both_ways_meet_at_each_token():
    """At a position the first half of a value has read up to it, the second half from the end back to it."""
    network = make(bidirectional=True)
    source, _ = batch()
    changed = source.clone()
    changed[2] = 3
    moved = (network.encode(source).values - network.encode(changed).values).abs().amax(1) > 1e-12
    assert moved[:, :7].any(1).tolist() == [False, False, True, True, True, True]
    assert moved[:, 7:].any(1).tolist() == [True, True, True, False, False, False]


def test_the_bridge_keeps_outputs_in_their_range():
    """h goes through tanh, the memory of an LSTM does not, and each has weights of its own for all layers."""
    bridge, states = Bridge(4, 2).double(), 100 * torch.randn(2, 3, 5, 8).double()
    h, c = bridge(states)
    torch.testing.assert_close(h, torch.tanh(bridge.kinds[0](states[0])))
    torch.testing.assert_close(c, bridge.kinds[1](states[1]))
    assert h.abs().max() <= 1 < c.abs().max()


def copy_stack(ours, theirs):
    """Give a scratch stack the weights of torch's layers."""
    for level, cell in enumerate(ours.cells):
        for mine, other in (("input", "ih"), ("recurrent", "hh")):
            getattr(cell, f"{mine}_weight").copy_(getattr(theirs.layers, f"weight_{other}_l{level}").T)
            getattr(cell, f"{mine}_bias").copy_(getattr(theirs.layers, f"bias_{other}_l{level}"))


@pytest.mark.parametrize("other", ["scratch", "fused"])
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_implementations_are_one_model(cell, attention, other):
    """With copied weights, the losses and the gradients of the embeddings agree with those of torch's layers."""
    layered = make(cell=cell, attention=attention, bidirectional=True, implementation="torch")
    ours = make(cell=cell, attention=attention, bidirectional=True, implementation=other)
    assert (layered.implementation, ours.implementation) == ("torch", other)
    with torch.no_grad():
        stacks = ("encoder", "reverse_encoder", "stack")
        kept = {
            name: p for name, p in layered.state_dict().items() if not name.startswith(tuple(f"{s}." for s in stacks))
        }
        ours.load_state_dict(kept, strict=False)
        for name in stacks:
            copy_stack(getattr(ours, name), getattr(layered, name))
    source, inputs = batch()
    for network in (layered, ours):
        network.loss(source, inputs, inputs.roll(-1, 0))[0].backward()
    torch.testing.assert_close(
        teacher_forced(ours, source, inputs), teacher_forced(layered, source, inputs), rtol=0, atol=1e-10
    )
    for name in ("embedding", "source_embedding"):
        gradients = [getattr(network, name).weight.grad for network in (layered, ours)]
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_no_prediction_sees_a_later_token(attention):
    """Changing the target after t moves no logit up to t."""
    network = make(attention=attention, bidirectional=True)
    source, _ = batch(lanes=1)
    with torch.inference_mode():
        positions = causality.leaking_positions(
            lambda ids: teacher_forced(network, source.expand(-1, ids.shape[1]), ids), 11, causality.NEXT_TOKEN
        )
    assert positions == []


@pytest.mark.parametrize(
    ("shared", "tied", "tables"),
    [(False, False, 3), (True, False, 2), (False, True, 2), (True, True, 1)],
    ids=["three", "shared", "tied", "one-table"],
)
def test_shared_tables_are_one_parameter(shared, tied, tables):
    """A shared vocabulary has one embedding, tied weights one matrix with the output."""
    network = make(11, 11, shared=shared, tie_weights=tied, hidden=6, embedding=6)
    assert (network.source_embedding is network.embedding) is shared
    assert (network.output.weight is network.embedding.weight) is tied
    assert sum(parameter.shape == (11, 6) for parameter in network.parameters()) == tables


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_parameter_formula_counts_real_networks(cell, bidirectional, attention):
    """The number that is shown without torch is the number of a real network's weights, shared or not."""
    values = {"cell": cell, "bidirectional": bidirectional, "attention": attention}
    for source in (9, None):
        network = make(source or 11, 11, shared=source is None, **values)
        found = sizing.parameters(network.config, 11, source)
        assert found == sum(parameter.numel() for parameter in network.parameters())


def test_dropout_acts_in_training_only():
    """Two passes differ while training and agree when the model is asked."""
    network = make(dropout=0.5)
    source, inputs = batch()
    first, second = (teacher_forced(network, source, inputs) for _ in range(2))
    assert torch.equal(first, second)
    network.train()
    first, second = (teacher_forced(network, source, inputs) for _ in range(2))
    assert not torch.equal(first, second)


def test_elman_begins_from_its_seed():
    """The same seed gives the encoder's first state again, another one another."""
    model = ModelConfig(task="seq2seq", cell="elman", hidden=7, embedding=5)
    source, _ = batch()
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(3)
        states.append(EncoderDecoder(model, 9, 11, seed=seed).encode(source).state)
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_reversing_is_learned(attention):
    """A few hundred updates teach a small network to write unseen lines backwards, and where to look for each token."""
    torch.manual_seed(1)
    model = ModelConfig(task="seq2seq", cell="gru", hidden=64, embedding=24, bidirectional=True, attention=attention)
    network = EncoderDecoder(model, 12, 12, shared=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    edge = torch.ones(1, 64, dtype=torch.long)
    for step in range(350):
        optimizer.param_groups[0]["lr"] = 0.01 * min(1, 2 - step / 175)
        source = torch.randint(4, 12, (3 + step % 4, 64))
        answer = source.flip(0)
        loss, tokens = network.loss(source, torch.cat((BOS * edge, answer)), torch.cat((answer, EOS * edge)))
        assert tokens == answer.numel() + 64
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    source = torch.randint(4, 12, (6, 200))
    answers = decode_batch(network, source, DecodeChoices())
    right = [answers[lane][0].ids == tuple(source[:, lane].flip(0).tolist()) for lane in range(200)]
    assert sum(right) / 200 > 0.95
