"""The loop that ours is measured against is the same network, and learns the same."""

import pytest
import torch

from rnnbench.config import validate
from rnnbench.engine.loading import make_network
from rnnbench.engine.plain_loop import PlainLoop

SAME = {"rnn": "rnn", "gru": "gru_reset_before", "lstm": "lstm"}


def ours_of(cell, vocabulary, hidden):
    """Our network of that kind, its second biases, which the plain loop has not, at zero."""
    torch.manual_seed(3)
    tables = {"cell": SAME[cell], "hidden": hidden, "input": "one_hot", "implementation": "scratch"}
    network = make_network(validate({"corpus": {"file": "?"}, "model": tables}), vocabulary)
    for name, parameter in network.named_parameters():
        if name.endswith("recurrent_bias"):
            parameter.data.zero_()
    return network


def copy_into(loop, network):
    """Give the plain loop the weights of our network."""
    (cell,) = network.stack.cells
    with torch.no_grad():
        for parts, whole in (
            (loop.inputs_VH, cell.input_weight),
            (loop.recurrent_HH, cell.recurrent_weight),
            (loop.biases_H, cell.input_bias),
        ):
            for part, gate in zip(parts, whole.chunk(len(parts), dim=-1), strict=True):
                part.copy_(gate)
        loop.output_HV.copy_(network.output.weight.t())
        loop.output_bias_V.copy_(network.output.bias)


@pytest.mark.parametrize("cell", SAME)
def test_same_loss_and_same_gradients_as_ours(cell):
    """With equal weights both give one loss, and each of the plain loop's gradients is that of our matrix's part."""
    vocabulary, hidden, steps, batch = 7, 5, 6, 3
    network, loop = ours_of(cell, vocabulary, hidden), PlainLoop(cell, vocabulary, hidden, torch.device("cpu"))
    copy_into(loop, network)
    ids_TB, targets_TB = torch.randint(vocabulary, (2, steps, batch))
    expected, _ = network.loss(ids_TB, targets_TB, network.initial_state(batch))
    found = loop.loss(ids_TB, targets_TB)
    torch.testing.assert_close(found, expected)
    expected.backward()
    found.backward()
    (own,) = network.stack.cells
    gates = own.recurrent_weight.grad.chunk(len(loop.recurrent_HH), dim=1)
    for part, gate in zip(loop.recurrent_HH, gates, strict=True):
        torch.testing.assert_close(part.grad, gate)
    torch.testing.assert_close(loop.output_HV.grad, network.output.weight.grad.t())


@pytest.mark.parametrize("clip_norm", [1e-3, 1e6])
def test_a_step_descends_clipped_by_the_norm_of_all_gradients(clip_norm):
    """The step is the learning rate times the gradient, made as long as the clip norm where it is longer."""
    torch.manual_seed(1)
    loop = PlainLoop("lstm", 7, 5, torch.device("cpu"))
    ids_TB, targets_TB = torch.randint(7, (2, 4, 3))
    before = [parameter.detach().clone() for parameter in loop.parameters]
    loop.loss(ids_TB, targets_TB).backward()
    gradients = [parameter.grad.clone() for parameter in loop.parameters]
    norm = torch.linalg.vector_norm(torch.cat([gradient.flatten() for gradient in gradients]))
    for parameter in loop.parameters:
        parameter.grad = None
    assert loop.learner(ids_TB, targets_TB, rate=0.5, clip_norm=clip_norm)() == 12
    scale = min(1.0, clip_norm / norm.item())
    assert (scale < 1.0) == (clip_norm < 1)
    for parameter, old, gradient in zip(loop.parameters, before, gradients, strict=True):
        torch.testing.assert_close(parameter, old - 0.5 * scale * gradient)
        assert parameter.grad is None
