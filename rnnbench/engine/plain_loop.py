"""The training step as a tutorial writes it: what rnnbench's own steps are compared with.

One-hot vectors, a product for each gate at every time step, a product for every output, gradients by automatic
differentiation, clipping and descent written out. Nothing here is meant to be fast.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
CELLS = tuple(_GATES)
"""The cells that it has."""


class PlainLoop:
    """A recurrent language model of one layer: rnn (Elman 1990), gru (Cho et al. 2014) or lstm (Gers et al. 2000).

    Every gate has matrices of its own, (V, H) and (H, H), and a bias (H,), in the order of our cells: r, z, n of a gru,
    i, f, g, o of an lstm. The reset gate of the gru acts before the recurrent product, as in the paper.
    """

    def __init__(self, cell: str, vocabulary: int, hidden: int, device: torch.device) -> None:
        def weight(*shape: int) -> Tensor:
            return (torch.randn(*shape, device=device) * 0.01).requires_grad_()

        self._cell, self._vocabulary, self._hidden = cell, vocabulary, hidden
        self.inputs_VH = [weight(vocabulary, hidden) for _ in range(_GATES[cell])]
        self.recurrent_HH = [weight(hidden, hidden) for _ in range(_GATES[cell])]
        self.biases_H = [weight(hidden) for _ in range(_GATES[cell])]
        self.output_HV, self.output_bias_V = weight(hidden, vocabulary), weight(vocabulary)

    @property
    def parameters(self) -> list[Tensor]:
        """Everything that is learned."""
        return [*self.inputs_VH, *self.recurrent_HH, *self.biases_H, self.output_HV, self.output_bias_V]

    def loss(self, ids_TB: Tensor, targets_TB: Tensor) -> Tensor:
        """Mean cross-entropy () in nats over T steps of B sequences, from a state of zeros."""
        h_BH = torch.zeros(ids_TB.shape[1], self._hidden, device=ids_TB.device)
        c_BH = torch.zeros_like(h_BH)
        logits = []
        for ids_B in ids_TB:
            x_BV = functional.one_hot(ids_B, self._vocabulary).float()
            h_BH, c_BH = self._step(x_BV, h_BH, c_BH)
            logits.append(h_BH @ self.output_HV + self.output_bias_V)
        return functional.cross_entropy(torch.cat(logits), targets_TB.flatten())

    def _gate(self, number: int, x_BV: Tensor, h_BH: Tensor) -> Tensor:
        return x_BV @ self.inputs_VH[number] + h_BH @ self.recurrent_HH[number] + self.biases_H[number]

    def _step(self, x_BV: Tensor, h_BH: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
        if self._cell == "rnn":
            return torch.tanh(self._gate(0, x_BV, h_BH)), c_BH
        if self._cell == "gru":
            reset = torch.sigmoid(self._gate(0, x_BV, h_BH))
            update = torch.sigmoid(self._gate(1, x_BV, h_BH))
            candidate = torch.tanh(self._gate(2, x_BV, reset * h_BH))
            return update * h_BH + (1 - update) * candidate, c_BH
        take = torch.sigmoid(self._gate(0, x_BV, h_BH))
        keep = torch.sigmoid(self._gate(1, x_BV, h_BH))
        show = torch.sigmoid(self._gate(3, x_BV, h_BH))
        c_BH = keep * c_BH + take * torch.tanh(self._gate(2, x_BV, h_BH))
        return show * torch.tanh(c_BH), c_BH

    def learner(self, ids_TB: Tensor, targets_TB: Tensor, *, rate: float, clip_norm: float) -> Callable[[], int]:
        """A whole training step on one batch, and the tokens that it covers."""

        def step() -> int:
            torch.autograd.backward(self.loss(ids_TB, targets_TB))
            norm = torch.sqrt(torch.stack([(_gradient(p) ** 2).sum() for p in self.parameters]).sum()).item()
            scale = min(1.0, clip_norm / norm) if norm else 1.0
            with torch.no_grad():
                for parameter in self.parameters:
                    parameter.sub_(rate * scale * _gradient(parameter))
                    parameter.grad = None
            return ids_TB.numel()

        return step


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
