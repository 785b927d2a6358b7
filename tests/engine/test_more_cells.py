"""The cells that torch lacks, and the fast form, give the numbers of their equations."""

import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from rnnbench import sizing
from rnnbench.config import FUSED_CELLS, ModelConfig, validate
from rnnbench.engine import evaluation, sampling
from rnnbench.engine.cells import CELLS, FUSED
from rnnbench.engine.loading import open_model
from rnnbench.engine.models import LanguageModel
from rnnbench.errors import UsageError
from rnnbench.runs.events import RunResumed

NEW = ("elman", "gru_reset_before", "lstm_layer_norm", "min_gru", "min_lstm")
SCANS = ("min_gru", "min_lstm")
TOLERANCES = {torch.float64: (1e-10, 1e-10), torch.float32: (1e-5, 1e-4)}  # forward, gradient


# -- slow references, gate by gate, written from the papers ------------------------------------------------------


def gate(cell, number):
    """Input matrix, recurrent matrix (or None) and bias of one gate."""
    columns = slice(number * cell.hidden, (number + 1) * cell.hidden)
    recurrent = cell.recurrent_weight[:, columns] if hasattr(cell, "recurrent_weight") else None
    return cell.input_weight[:, columns], recurrent, cell.input_bias[columns]


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def elman_step(cell, x, h):
    """Unit by unit over the concatenation of word and state."""
    w_x, w_h, b = gate(cell, 0)
    both, matrix = torch.cat((x, h)), torch.cat((w_x, w_h))
    units = []
    for j in range(cell.hidden):
        total = b[j]
        for k in range(len(both)):
            total = total + both[k] * matrix[k, j]
        units.append(sigmoid(total))
    return (torch.stack(units),)


def gru_reset_before_step(cell, x, h):
    (x_r, h_r, b_r), (x_z, h_z, b_z), (x_n, h_n, b_n) = (gate(cell, k) for k in range(3))
    r, z = sigmoid(x @ x_r + h @ h_r + b_r), sigmoid(x @ x_z + h @ h_z + b_z)
    n = torch.tanh(x @ x_n + (r * h) @ h_n + b_n)
    return (z * h + (1 - z) * n,)


def normalised(v):
    mean = v.sum() / len(v)
    variance = ((v - mean) ** 2).sum() / len(v)
    return (v - mean) / torch.sqrt(variance + 1e-5)


def lstm_layer_norm_step(cell, x, h, c):
    parts = [gate(cell, k) for k in range(4)]
    from_x = normalised(torch.cat([x @ w_x for w_x, _, _ in parts])) * cell.input_gain
    from_h = normalised(torch.cat([h @ w_h for _, w_h, _ in parts])) * cell.recurrent_gain
    i, f, g, o = (from_x + from_h + torch.cat([b for _, _, b in parts])).view(4, -1)
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    return sigmoid(o) * torch.tanh(normalised(c) * cell.memory_gain + cell.memory_bias), c


def candidate(v):
    return torch.stack([unit + 0.5 if unit >= 0 else sigmoid(unit) for unit in v])


def min_gru_step(cell, x, h):
    (x_z, _, b_z), (x_n, _, b_n) = (gate(cell, k) for k in range(2))
    z = sigmoid(x @ x_z + b_z)
    return ((1 - z) * h + z * candidate(x @ x_n + b_n),)


def min_lstm_step(cell, x, h):
    (x_i, _, b_i), (x_f, _, b_f), (x_n, _, b_n) = (gate(cell, k) for k in range(3))
    i, f = sigmoid(x @ x_i + b_i), sigmoid(x @ x_f + b_f)
    return (f / (f + i) * h + i / (f + i) * candidate(x @ x_n + b_n),)


STEPS = {
    "elman": elman_step,
    "gru_reset_before": gru_reset_before_step,
    "lstm_layer_norm": lstm_layer_norm_step,
    "min_gru": min_gru_step,
    "min_lstm": min_lstm_step,
}


def reference(kind, cell, x, states):
    """Outputs (T, B, H) and last states, lane by lane and step by step."""
    lanes, finals = [], []
    for lane in range(x.shape[1]):
        state, outputs = tuple(part[lane] for part in states), []
        for t in range(len(x)):
            state = STEPS[kind](cell, x[t, lane], *state)
            outputs.append(state[0])
        lanes.append(torch.stack(outputs))
        finals.append(state)
    return torch.stack(lanes, dim=1), tuple(torch.stack(part) for part in zip(*finals, strict=True))


# -- what the tests share ----------------------------------------------------------------------------------------


def make(kind, inputs=4, hidden=5, *, kinds=CELLS, dtype=torch.float64):
    """A cell with no parameter at a special value: gains are not 1, biases not 0."""
    cell = kinds[kind](inputs, hidden).to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return cell


def start(cell, batch=3):
    return tuple(torch.randn(batch, cell.hidden, dtype=cell.input_weight.dtype) for _ in range(cell.states))


def results(function, cell, x, states):
    """Outputs, last states, and the gradients of a mixture of all of them by everything that went in."""
    x, states = x.clone().requires_grad_(), tuple(part.clone().requires_grad_() for part in states)
    outputs, finals = function(x, states)
    torch.manual_seed(11)
    total = sum((part * torch.randn_like(part)).sum() for part in (outputs, *finals))
    return (outputs, *finals), torch.autograd.grad(total, (x, *states, *cell.parameters()))


def agree(found, expected, forward, backward):
    for tolerance, ours, theirs in zip((forward, backward), found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert other.abs().max() > 0.01, "numbers that are zero anyway prove nothing"
            torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


class Run(nn.Module):
    """A cell as one function of its input, its state and its parameters."""

    def __init__(self, cell, form="forward"):
        super().__init__()
        self.cell, self.form = cell, form

    def forward(self, x, *states):
        outputs, finals = getattr(self.cell, self.form)(self.cell.project(x), states)
        return (outputs, *finals)


def passes_gradcheck(run, cell, steps):
    names, values = zip(*run.named_parameters(), strict=True)
    x = torch.randn(steps, 2, cell.input_weight.shape[0], dtype=torch.float64, requires_grad=True)
    states = [part.requires_grad_() for part in start(cell, 2)]

    def function(*tensors):
        count = 1 + cell.states
        return functional_call(run, dict(zip(names, tensors[count:], strict=True)), tensors[:count])

    return torch.autograd.gradcheck(function, (x, *states, *values))


# -- equations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("kind", NEW)
def test_a_cell_computes_its_equations(kind, steps):
    """Outputs, last state and every gradient are those of a plain loop over lanes, steps, gates, from any state."""
    cell = make(kind)
    x, states = torch.randn(steps, 3, 4, dtype=torch.float64), start(cell)
    expected = results(lambda x, states: reference(kind, cell, x, states), cell, x, states)
    found = results(lambda x, states: cell(cell.project(x), states), cell, x, states)
    agree(found, expected, 1e-10, 1e-10)


@pytest.mark.parametrize("kind", NEW)
def test_gradients_are_differences(kind):
    """Every gradient is the slope that small changes of input, state and parameters measure."""
    cell = make(kind, 2, 3)
    assert passes_gradcheck(Run(cell), cell, steps=3)


@pytest.mark.parametrize("kind", CELLS)
def test_look_up_is_a_one_hot_product_for_small_and_large_vocabularies(kind):
    """A gathered row is what a one-hot vector times the matrix gives, with fewer words than tokens and with more."""
    for vocabulary in (5, 50):
        cell = make(kind, vocabulary)
        ids = torch.randint(vocabulary, (6, 3))
        dense = functional.one_hot(ids, vocabulary).double()
        mix = torch.randn(6, 3, 5 * cell.gates, dtype=torch.float64)
        found, expected = cell.look_up(ids), cell.project(dense)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        slopes = [torch.autograd.grad((a * mix).sum(), cell.input_weight)[0] for a in (found, expected)]
        torch.testing.assert_close(slopes[0], slopes[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", NEW)
def test_a_sequence_in_two_parts_is_the_sequence(kind):
    """The state is all that a cell remembers."""
    cell = make(kind)
    a, state = cell.project(torch.randn(10, 3, 4, dtype=torch.float64)), start(cell)
    whole, last = cell(a, state)
    head, between = cell(a[:4], state)
    tail, end = cell(a[4:], between)
    torch.testing.assert_close(torch.cat((head, tail)), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-12)
    assert not torch.allclose(cell(a[4:], state)[0], tail)


def test_the_two_reset_conventions_differ():
    """With the same weights the reset gate before the product is another cell than after it, unless it is open."""
    before, after = make("gru_reset_before"), make("gru")
    with torch.no_grad():
        after.recurrent_bias.zero_()
        for name, parameter in before.named_parameters():
            getattr(after, name).copy_(parameter)
    x, state = torch.randn(6, 3, 4, dtype=torch.float64), start(before)
    assert not torch.allclose(before(before.project(x), state)[0], after(after.project(x), state)[0], atol=1e-3)
    with torch.no_grad():
        for cell in (before, after):
            cell.input_bias[:5] = 100.0  # r = 1: nothing is reset, and the order does not matter
    torch.testing.assert_close(
        before(before.project(x), state)[0], after(after.project(x), state)[0], rtol=0, atol=1e-12
    )


# -- scans -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 70, 150])
@pytest.mark.parametrize("kind", SCANS)
def test_scan_loop_and_step_are_one_recurrence(kind, steps):
    """All time steps at once, one after the other, or one call for each: the same numbers, the state carried."""
    cell = make(kind)
    x, states = torch.randn(steps, 3, 4, dtype=torch.float64), start(cell)

    def by_step(x, states):
        outputs = []
        for a in cell.project(x):
            states = cell.step(a, states)
            outputs.append(states[0])
        return torch.stack(outputs), states

    expected = results(by_step, cell, x, states)
    agree(results(lambda x, s: cell.loop(cell.project(x), s), cell, x, states), expected, 1e-10, 1e-10)
    agree(results(lambda x, s: cell.scan(cell.project(x), s), cell, x, states), expected, 1e-10, 1e-10)


@pytest.mark.parametrize("kind", SCANS)
def test_gradients_of_the_scan_are_differences(kind):
    """The parallel form, which only accelerators use by themselves, has the right gradients too."""
    cell = make(kind, 2, 3)
    assert passes_gradcheck(Run(cell, "scan"), cell, steps=4)


@pytest.mark.parametrize("kind", SCANS)
def test_a_scan_begins_from_nothing(kind):
    """A zero first state, whose logarithm does not exist, gives finite values and gradients."""
    cell = make(kind)
    zero = (torch.zeros(3, 5, dtype=torch.float64, requires_grad=True),)
    outputs, _ = cell.scan(cell.project(torch.randn(6, 3, 4, dtype=torch.float64)), zero)
    slopes = torch.autograd.grad(outputs.sum(), (*zero, *cell.parameters()))
    assert all(torch.isfinite(part).all() for part in (outputs, *slopes))


@pytest.mark.parametrize("kind", SCANS)
def test_a_long_scan_with_hard_gates_stays_exact(kind):
    """256 steps of gates near 0 and 1 in single precision: the sums of logarithms do not eat the digits."""
    cell = make(kind, dtype=torch.float32)
    a, state = 12 * torch.randn(256, 3, 5 * cell.gates), start(cell)
    exact, _ = cell.double().loop(a.double(), tuple(part.double() for part in state))
    found, _ = cell.scan(a, state)
    torch.testing.assert_close(found.double(), exact, rtol=3e-4, atol=3e-4)


def test_min_lstm_shares_out_a_whole():
    """The weights of the old state and of the candidate add up to 1, so a constant candidate is never exceeded."""
    cell = make("min_lstm")
    a = torch.randn(200, 3, 15, dtype=torch.float64)
    a[:, :, 10:] = 1.5  # the candidate is 2 everywhere
    outputs, _ = cell(a, (torch.full((3, 5), 2.0, dtype=torch.float64),))
    torch.testing.assert_close(outputs, torch.full_like(outputs, 2.0), rtol=0, atol=1e-12)


# -- the fast form -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("steps", [1, 9])
@pytest.mark.parametrize("kind", FUSED_CELLS)
def test_fused_is_scratch(kind, steps, dtype):
    """With the same weights: outputs, last states, and every gradient."""
    scratch, fused = make(kind, dtype=dtype), make(kind, kinds=FUSED, dtype=dtype)
    fused.load_state_dict(scratch.state_dict())
    x, states = torch.randn(steps, 3, 4, dtype=dtype), start(scratch)
    both = [results(lambda x, s, c=c: c(c.project(x), s), c, x, states) for c in (fused, scratch)]
    agree(*both, *TOLERANCES[dtype])


@pytest.mark.parametrize("kind", FUSED_CELLS)
def test_gradients_of_fused_are_differences(kind):
    """The backward pass written out by hand gives the slopes that small changes measure."""
    cell = make(kind, 2, 3, kinds=FUSED)
    assert passes_gradcheck(Run(cell), cell, steps=4)


@pytest.mark.parametrize("kind", FUSED_CELLS)
def test_fused_takes_any_gradient_from_above(kind):
    """A loss of the last state alone, or of a plain sum, whose gradient is one number spread out, works as well."""
    scratch, fused = make(kind), make(kind, kinds=FUSED)
    fused.load_state_dict(scratch.state_dict())
    x, states = torch.randn(5, 3, 4, dtype=torch.float64), start(scratch)
    for loss in (lambda run: run[1][-1].square().sum(), lambda run: run[0].sum()):
        slopes = [torch.autograd.grad(loss(c(c.project(x), states)), c.recurrent_weight)[0] for c in (scratch, fused)]
        torch.testing.assert_close(slopes[1], slopes[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", FUSED_CELLS)
def test_fused_models_are_scratch_models(kind, layers, make_network):
    """Whole networks, trained from ids with dropout: the same loss, carried state and gradients from the same draw."""
    losses, states, slopes = [], [], []
    for implementation in ("scratch", "fused"):
        torch.manual_seed(3)
        network = make_network(
            cell=kind, layers=layers, input="one_hot", dropout=0.3, implementation=implementation
        ).double()
        ids, state = torch.randint(11, (2, 9, 4)), network.initial_state(4)
        torch.manual_seed(4)
        total = torch.zeros((), dtype=torch.float64)
        for part in ids:
            loss, state = network.loss(part[:-1], part[1:], state)
            total = total + loss
        losses.append(total)
        states.append(state)
        slopes.append(torch.autograd.grad(total, list(network.parameters())))
    for one, other in (losses, states, *zip(*slopes, strict=True)):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


# -- as a choice of the configuration ----------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [("torch", "elman"), ("torch", "min_gru"), ("fused", "lstm_layer_norm")])
def test_an_implementation_that_does_not_exist_is_refused(wish):
    """The message names the cells for which it does exist."""
    implementation, kind = wish
    with pytest.raises(UsageError, match=rf"no {implementation} implementation of {kind}, only of rnn, .*gru, lstm"):
        validate({"corpus": {"file": "small"}, "model": {"cell": kind, "implementation": implementation}})


@pytest.mark.parametrize("kind", NEW)
def test_auto_is_scratch_where_torch_has_no_such_layer(kind, make_network):
    """Embedded or one-hot, the cells that torch lacks are ours without being asked for."""
    assert make_network(cell=kind).implementation == "scratch"
    assert make_network(cell=kind, input="one_hot").implementation == "scratch"


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", CELLS)
def test_the_parameter_formula_counts_every_cell(kind, layers, make_network):
    """Matrices, biases and gains: the number without torch is the number of a real network, state size included."""
    for values in ({}, {"input": "one_hot"}, {"implementation": "fused"} if kind in FUSED else {}):
        network = make_network(cell=kind, layers=layers, **values)
        counted = sizing.parameters(network.config, 11)
        assert counted == sum(parameter.numel() for parameter in network.parameters())
        assert len(network.initial_state(2)) == CELLS[kind].states == sizing.STATES[kind]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", NEW)
def test_one_token_at_a_time_is_the_sequence(kind, layers, make_network):
    """Writing on a carried state, as sampling does, gives the logits of reading the sequence at once."""
    network = make_network(cell=kind, layers=layers).double().eval()
    ids, state = torch.randint(11, (7, 2)), network.initial_state(2)
    whole, last = network(ids, state)
    parts = []
    for token in ids.split(1):
        logits, state = network(token, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", NEW)
def test_dropout_lies_between_the_layers(kind, make_network):
    """The second layer's state varies while training and the first's never; asked, the model does not vary at all."""
    network = make_network(cell=kind, layers=2, dropout=0.5)
    ids, state = torch.randint(11, (6, 2)), network.initial_state(2)
    network.train()
    one, other = network(ids, state)[1], network(ids, state)[1]
    assert torch.equal(one[:, 0], other[:, 0])
    assert not torch.equal(one[:, 1], other[:, 1])
    network.eval()
    assert torch.equal(network(ids, state)[0], network(ids, state)[0])


@pytest.mark.parametrize("kind", ["lstm_layer_norm", "min_lstm"])
def test_forget_bias_moves_the_forget_gate_of_lstm_like_cells(kind, make_network):
    """The forget gate is the second of each layer; nothing else moves."""
    networks = []
    for bias in (0.0, 1.5):
        torch.manual_seed(5)
        networks.append(make_network(cell=kind, layers=2, forget_bias=bias))
    moved = {
        name: (after - before).detach()
        for (name, before), (_, after) in zip(*(n.named_parameters() for n in networks), strict=True)
        if not torch.equal(before, after)
    }
    expected = torch.zeros(CELLS[kind].gates, 7)
    expected[1] = 1.5
    assert sorted(moved) == [f"stack.cells.{level}.input_bias" for level in (0, 1)]
    for difference in moved.values():
        torch.testing.assert_close(difference, expected.flatten())


def test_a_larger_forget_gate_keeps_more(make_network):
    """A forget bias lets min_lstm remember its state longer: that gate is the one that the bias reaches."""
    kept = []
    for bias in (0.0, 4.0):
        torch.manual_seed(5)
        network = make_network(cell="min_lstm", forget_bias=bias)
        ids, first = torch.zeros(10, 1, dtype=torch.long), network.initial_state(1)
        kept.append((network(ids, first + 1)[1] - network(ids, first)[1]).mean())
    assert kept[1] > 2 * kept[0] > 0


@pytest.mark.parametrize("initialisation", ["torch", "normal", "orthogonal"])
def test_gains_begin_at_one(initialisation, make_network):
    """However the matrices are drawn, normalisation begins as it is."""
    network = make_network(cell="lstm_layer_norm", initialisation=initialisation)
    gains = [parameter for name, parameter in network.named_parameters() if name.endswith("_gain")]
    assert len(gains) == 3
    assert all(torch.equal(gain, torch.ones_like(gain)) for gain in gains)


# -- Elman's first weights and first state -----------------------------------------------------------------------


def test_elman_weights_are_drawn_as_a_layer_over_word_and_state():
    """Uniform between -1/sqrt(E + H) and 1/sqrt(E + H), all of the range used."""
    cell, bound = CELLS["elman"](73, 128), (73 + 128) ** -0.5
    for parameter in cell.parameters():
        assert 0.9 * bound < parameter.abs().max() <= bound


def test_elman_begins_with_small_numbers_from_the_seed():
    """Normal with deviation 0.1, the same for every lane and call, another for another seed, zeros for other cells."""
    model = ModelConfig(cell="elman", hidden=400, layers=2)
    network = LanguageModel(model, 11, seed=5)
    before = torch.get_rng_state()
    state = network.initial_state(3)
    assert torch.equal(torch.get_rng_state(), before), "the run's random numbers stay untouched"
    assert state.shape == (1, 2, 3, 400)
    assert 0.09 < state.std() < 0.11 and abs(state.mean()) < 0.01
    assert torch.equal(state, network.initial_state(1).expand_as(state))
    assert not torch.equal(state[:, 0], state[:, 1])
    assert torch.equal(state, LanguageModel(model, 11, seed=5).initial_state(3))
    assert not torch.equal(state, LanguageModel(model, 11, seed=6).initial_state(3))
    assert not LanguageModel(ModelConfig(cell="rnn"), 11, seed=5).initial_state(3).any()


@pytest.mark.parametrize("kind", ["elman", "min_gru"])
def test_a_run_of_a_new_cell_is_reopened_as_it_was(kind, trainings, tiny, encoded):
    """Trained, killed and continued it is the uninterrupted run; opened again it scores and writes as it did."""
    config = tiny(model={"cell": kind, "input": "one_hot"}, training={"batches": "random", "seed": 9})
    whole = trainings.whole("whole", config)
    pieces = trainings.run("pieces", config)
    trainings.killed_after(pieces, 12)
    assert any(isinstance(event, RunResumed) and event.step > 0 for event in trainings.go_on(pieces))
    scores, texts = [], []
    for run in (whole, pieces):
        opened = open_model(run)
        torch.manual_seed(len(scores))  # what happens elsewhere in the process does not matter
        assert torch.equal(opened.network.initial_state(1), LanguageModel(config.model, 2, seed=9).initial_state(1))
        scores.append(evaluation.score(opened.network, encoded(config).split("validation"), lanes=2).loss_nats)
        tokens = sampling.generate(opened.network, opened.vocabulary, "the", sampling.Decoding(length=20))
        texts.append("".join(token.text for token in tokens))
    assert scores[0] == scores[1]
    assert texts[0] == texts[1]
    best = min(evaluated.loss_nats for evaluated in whole.progress().evaluations if evaluated.split == "validation")
    single = evaluation.score(open_model(whole).network, encoded(config).split("validation"), lanes=1).loss_nats
    assert math.isclose(best, single, rel_tol=1e-5)


@pytest.mark.parametrize("kind", [*NEW, "fused lstm"])
def test_every_cell_learns(kind, make_network):
    """Sixty updates on a short repeated text bring the loss far below that of guessing."""
    implementation = "fused" if kind.startswith("fused") else "scratch"
    network = make_network(cell=kind.removeprefix("fused "), hidden=24, implementation=implementation)
    optimizer = torch.optim.Adam(network.parameters(), 0.03)
    text = torch.tensor([0, 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]).repeat(3).unsqueeze(1)
    for _ in range(60):
        loss, _ = network.loss(text[:-1], text[1:], network.initial_state(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.6 < math.log(11)


def test_the_documentation_shows_the_sizes_that_are_computed():
    """The table of docs/models.md is the one the formula gives, and every cell has its paragraph."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    assert sizing.layer_table() in page
    assert re.findall(r"^### `(\w+)`", page, re.MULTILINE) == list(CELLS) == list(sizing.GATES)
