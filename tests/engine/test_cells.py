"""The cells written out from their equations give the numbers of torch's layers."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from rnnbench.engine.cells import CELLS
from rnnbench.engine.models import TORCH_LAYERS

KINDS = ("rnn", "gru", "lstm")
TOLERANCES = {torch.float64: (1e-10, 1e-10), torch.float32: (1e-5, 1e-4)}  # forward, gradient


def copied(kind, layers, dtype):
    """A torch layer, and a stack of our cells with its weights."""
    layer = TORCH_LAYERS[kind](5, 7, layers, dtype=dtype)
    cells = [CELLS[kind](5 if level == 0 else 7, 7).to(dtype) for level in range(layers)]
    for level, cell in enumerate(cells):
        with torch.no_grad():
            cell.input_weight.copy_(getattr(layer, f"weight_ih_l{level}").T)
            cell.recurrent_weight.copy_(getattr(layer, f"weight_hh_l{level}").T)
            cell.input_bias.copy_(getattr(layer, f"bias_ih_l{level}"))
            cell.recurrent_bias.copy_(getattr(layer, f"bias_hh_l{level}"))
    return layer, nn.ModuleList(cells)


def run_cells(cells, x, states):
    """Outputs of the top cell, and every cell's last state."""
    finals = []
    for cell, state in zip(cells, states, strict=True):
        x, final = cell(cell.project(x), state)
        finals.append(final)
    return x, finals


def gradients(layer, cells):
    """Pairs of gradients that must agree: torch's, ours."""
    for level, cell in enumerate(cells):
        yield getattr(layer, f"weight_ih_l{level}").grad, cell.input_weight.grad.T
        yield getattr(layer, f"weight_hh_l{level}").grad, cell.recurrent_weight.grad.T
        yield getattr(layer, f"bias_ih_l{level}").grad, cell.input_bias.grad
        yield getattr(layer, f"bias_hh_l{level}").grad, cell.recurrent_bias.grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_scratch_and_torch_give_the_same_numbers(kind, layers, dtype):
    """With the same weights: outputs, states carried over two sequences, and every gradient."""
    forward, backward = TOLERANCES[dtype]
    layer, cells = copied(kind, layers, dtype)
    x = torch.randn(9, 4, 5, dtype=dtype)
    inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    start = torch.randn(CELLS[kind].states, layers, 4, 7, dtype=dtype)
    theirs = (start[0].clone(), start[1].clone()) if kind == "lstm" else start[0].clone()
    ours = [tuple(start[:, level].unbind(0)) for level in range(layers)]
    losses = [torch.zeros((), dtype=dtype), torch.zeros((), dtype=dtype)]
    mix = torch.randn(9, 4, 7, dtype=dtype)
    for _ in range(2):  # the second sequence begins with the state of the first
        expected, theirs = layer(inputs[0], theirs)
        found, ours = run_cells(cells, inputs[1], ours)
        torch.testing.assert_close(found, expected, rtol=0, atol=forward)
        final = torch.stack(theirs) if kind == "lstm" else theirs.unsqueeze(0)
        state = torch.stack([torch.stack(part) for part in ours], dim=1)
        torch.testing.assert_close(state, final, rtol=0, atol=forward)
        losses = [losses[0] + (expected * mix).sum() + final.sum(), losses[1] + (found * mix).sum() + state.sum()]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=0, atol=backward)
    for expected, found in gradients(layer, cells):
        assert expected.abs().max() > 0.01, "a gradient that is zero anyway proves nothing"
        torch.testing.assert_close(found, expected, rtol=0, atol=backward)


@pytest.mark.parametrize("kind", KINDS)
def test_look_up_is_a_one_hot_product(kind):
    """A gathered row is what a one-hot vector times the matrix gives, in value and in gradient."""
    cell = CELLS[kind](13, 7).double()
    ids = torch.randint(13, (9, 4))
    dense = functional.one_hot(ids, 13).double()
    mix = torch.randn(9, 4, 7 * cell.gates, dtype=torch.float64)
    results = []
    for projected in (cell.project(dense), cell.look_up(ids)):
        cell.zero_grad()
        (projected * mix).sum().backward()
        results.append((projected.detach(), cell.input_weight.grad.clone(), cell.input_bias.grad.clone()))
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_is_the_sequence(kind):
    """The state is all that a cell remembers: cutting a sequence and carrying the state changes nothing."""
    cell = CELLS[kind](5, 7).double()
    a = cell.project(torch.randn(10, 3, 5, dtype=torch.float64))
    state = tuple(torch.zeros(3, 7, dtype=torch.float64) for _ in range(cell.states))
    whole, last = cell(a, state)
    head, between = cell(a[:4], state)
    tail, end = cell(a[4:], between)
    assert torch.equal(torch.cat((head, tail)), whole)
    assert all(torch.equal(one, other) for one, other in zip(end, last, strict=True))
    cold, _ = cell(a[4:], state)
    assert not torch.allclose(cold, tail)


@pytest.mark.parametrize("kind", KINDS)
def test_new_weights_are_drawn_as_torch_draws_them(kind):
    """Uniform between -1/sqrt(H) and 1/sqrt(H), all of the range used."""
    cell = CELLS[kind](40, 64)
    for parameter in cell.parameters():
        assert parameter.abs().max() <= 64**-0.5
    assert cell.recurrent_weight.max() > 0.9 * 64**-0.5
    assert cell.recurrent_weight.min() < -0.9 * 64**-0.5
