"""The output layer and its loss in one function are the output layer and its loss."""

import pytest
import torch
from torch.nn import functional

from rnnbench.engine import cross_entropy
from rnnbench.engine.cross_entropy import linear_cross_entropy

VOCABULARY = 600


def drawn(tokens, dtype, spread=1.0):
    """Outputs, matrix, bias; targets."""
    shapes = ((tokens, 5), (VOCABULARY, 5), (VOCABULARY,))
    tensors = [(spread * torch.randn(shape, dtype=dtype)).requires_grad_() for shape in shapes]
    return tensors, torch.randint(VOCABULARY, (tokens,))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("tokens", [1, 128, 300])
def test_loss_and_gradients_are_those_of_the_two_layers(tokens, dtype, tolerance, monkeypatch):
    """For less than a block, a whole one, and several with a rest; scaled by what the loss is multiplied with."""
    monkeypatch.setitem(cross_entropy._BLOCK_NUMBERS, "cpu", 1)  # blocks of the fewest rows
    tensors, targets = drawn(tokens, dtype)
    found = linear_cross_entropy(*tensors, targets)
    expected = functional.cross_entropy(functional.linear(*tensors), targets)
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    slopes = [torch.autograd.grad(3 * loss, tensors) for loss in (found, expected)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def test_large_logits_do_not_overflow():
    """Logits of some thousands, where the exponential itself would be infinite."""
    tensors, targets = drawn(4, torch.float32, spread=60.0)
    loss = linear_cross_entropy(*tensors, targets)
    expected = functional.cross_entropy(functional.linear(*tensors), targets)
    assert expected > 1000
    torch.testing.assert_close(loss, expected)
    assert all(torch.isfinite(slope).all() for slope in torch.autograd.grad(loss, tensors))


def test_a_loss_that_is_not_finite_stays_visible():
    """Weights that have run away give a loss that is not finite, as the two layers would: training can stop."""
    tensors, targets = drawn(4, torch.float32)
    with torch.no_grad():
        tensors[1][3, 2] = torch.nan
    assert not torch.isfinite(linear_cross_entropy(*tensors, targets))


@pytest.mark.parametrize("vocabulary", [11, VOCABULARY])
@pytest.mark.parametrize("values", [{"cell": "gru"}, {"tie_weights": True, "hidden": 6, "embedding": 6}])
def test_the_loss_of_a_model_is_the_loss_of_its_logits(vocabulary, values, make_network):
    """Small vocabularies and large ones, tied weights too: the loss and every gradient."""
    network = make_network(vocabulary, implementation="scratch", **values).double()
    ids = torch.randint(vocabulary, (31, 20))
    found, _ = network.loss(ids[:-1], ids[1:], network.initial_state(20))
    logits, _ = network(ids[:-1], network.initial_state(20))
    expected = functional.cross_entropy(logits.flatten(0, 1), ids[1:].flatten())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    slopes = [torch.autograd.grad(loss, list(network.parameters())) for loss in (found, expected)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(network.loss(ids[:-1], ids[1:], network.initial_state(20))[0], expected.detach())
