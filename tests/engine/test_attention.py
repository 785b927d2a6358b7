"""Attention: shares of the source, a slow reference, gradients."""

import math

import pytest
import torch

from rnnbench.config import ModelConfig
from rnnbench.engine import attention
from rnnbench.engine.attention import ATTENTIONS, AdditiveAttention, DotAttention
from rnnbench.engine.encoder_decoder import EncoderDecoder

WIDTHS = [pytest.param(4, id="one-way"), pytest.param(8, id="both-ways")]


def score(layer, y_H, v_D):
    """One score as the papers write it."""
    if isinstance(layer, DotAttention):
        key = v_D if layer.project is None else layer.project.weight @ v_D
        return float(y_H @ key) / math.sqrt(len(y_H))
    return float(layer.judge.weight[0] @ torch.tanh(layer.query.weight @ y_H + layer.project.weight @ v_D))


@torch.inference_mode()
@pytest.mark.parametrize("values", WIDTHS)
@pytest.mark.parametrize("kind", sorted(ATTENTIONS))
def test_it_is_the_equations(kind, values):
    """Shares sum to 1, and shares and outputs are those of a loop over single positions."""
    layer = ATTENTIONS[kind](4, values).double()
    y_TBH, values_SBD = torch.randn(3, 2, 4).double(), torch.randn(5, 2, values).double()
    keys_SBK = layer.keys(values_SBD)
    weights, found = layer.weights(y_TBH, keys_SBK), layer(y_TBH, keys_SBK, values_SBD)
    assert weights.shape == (3, 2, 5) and found.shape == y_TBH.shape
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 2).double())
    for t in range(3):
        for b in range(2):
            powers = [math.exp(score(layer, y_TBH[t, b], v)) for v in values_SBD[:, b]]
            shares = [power / sum(powers) for power in powers]
            context = sum(share * v for share, v in zip(shares, values_SBD[:, b], strict=True))
            expected = torch.tanh(layer.join.weight @ torch.cat((context, y_TBH[t, b])))
            torch.testing.assert_close(weights[t, b].tolist(), shares)
            torch.testing.assert_close(found[t, b], expected)


@pytest.mark.parametrize("values", WIDTHS)
@pytest.mark.parametrize("kind", sorted(ATTENTIONS))
def test_gradients_are_finite_differences(kind, values):
    """The gradients by the decoder's outputs, the values and every weight are those of finite differences."""
    layer = ATTENTIONS[kind](4, values).double()

    def attend(y_TBH, values_SBD, *weights):
        return layer(y_TBH, layer.keys(values_SBD), values_SBD)  # gradcheck moves the weights where they are

    inputs = [torch.randn(3, 2, 4).double(), torch.randn(5, 2, values).double()]
    inputs = [*(value.requires_grad_() for value in inputs), *layer.parameters()]
    assert torch.autograd.gradcheck(attend, inputs)


def test_long_lines_are_scored_in_blocks(monkeypatch):
    """Scores and gradients do not depend on how many target positions are scored at a time."""
    layer = AdditiveAttention(4, 8).double()
    y_TBH, values_SBD = torch.randn(7, 2, 4).double(), torch.randn(5, 2, 8).double()
    results = []
    for numbers in (1 << 24, 2 * 5 * 2 * 4, 1):
        monkeypatch.setattr(attention, "_BLOCK_NUMBERS", numbers)
        layer.zero_grad()
        scores = layer.scores(y_TBH, layer.keys(values_SBD))
        scores.square().sum().backward()
        weights = (layer.query.weight, layer.project.weight, layer.judge.weight)
        results.append((scores.detach(), *(weight.grad.clone() for weight in weights)))
    for other in results[1:]:
        torch.testing.assert_close(other, results[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(ATTENTIONS))
def test_the_alignment_of_a_network_is_what_it_averages_by(kind):
    """The shares that are shown rebuild what the output layer sees."""
    model = ModelConfig(task="seq2seq", cell="lstm", hidden=4, embedding=3, bidirectional=True, attention=kind)
    network = EncoderDecoder(model, 9, 11).eval()
    source, inputs = torch.randint(9, (6, 2)), torch.randint(11, (5, 2))
    memory = network.encode(source)
    shares = network.alignment(inputs, memory)
    assert shares.shape == (5, 2, 6)
    y_TBH, _ = network.stack(network.embedding(inputs), memory.state)
    context = torch.einsum("tbs,sbd->tbd", shares, memory.values)
    expected = torch.tanh(network.attention.join(torch.cat((context, y_TBH), 2)))
    torch.testing.assert_close(network.read(inputs, memory, memory.state)[0], expected)


def test_without_attention_there_is_no_alignment():
    """One fixed vector has no positions: the shares are of none."""
    network = EncoderDecoder(ModelConfig(task="seq2seq", hidden=4, embedding=3, attention="none"), 9, 11)
    assert network.alignment(torch.randint(11, (5, 2)), network.encode(torch.randint(9, (6, 2)))).shape == (5, 2, 0)
