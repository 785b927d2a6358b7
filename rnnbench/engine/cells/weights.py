"""The weights of torch's layers in the cells written out from their equations, and back."""

import torch
from torch import Tensor, nn

from rnnbench.engine.cells.cell import Cell, RecurrentCell
from rnnbench.engine.cells.gru import GRUCell
from rnnbench.engine.cells.lstm import LSTMCell
from rnnbench.engine.cells.rnn import RNNCell

_OURS = {
    "weight_ih": "input_weight",
    "weight_hh": "recurrent_weight",
    "bias_ih": "input_bias",
    "bias_hh": "recurrent_bias",
}


def cells_of(layers: nn.RNNBase) -> list[RecurrentCell]:
    """One cell for each of torch's layers, with a copy of its weights: torch holds the transposed matrices.

    The order of the gates is the same: r, z, n in a GRU; i, f, g, o in an LSTM.
    """
    kind = LSTMCell if isinstance(layers, nn.LSTM) else GRUCell if isinstance(layers, nn.GRU) else RNNCell
    return [_cell(layers, kind, level) for level in range(layers.num_layers)]


@torch.no_grad()
def _cell(layers: nn.RNNBase, kind: type[RecurrentCell], level: int) -> RecurrentCell:
    weights = {name: getattr(layers, f"{name}_l{level}") for name in _OURS}
    cell = kind(weights["weight_ih"].shape[1], layers.hidden_size).to(weights["weight_ih"])
    for name, weight in weights.items():
        cell.get_parameter(_OURS[name]).copy_(_turned(weight))
    return cell


def has_torch_form(cell: Cell) -> bool:
    """Whether torch has a layer of the same equations, so that the weights fit it."""
    return isinstance(cell, (RNNCell, GRUCell, LSTMCell))


def torch_weights(cell: Cell, level: int) -> dict[str, Tensor]:
    """A cell's weights under the names and in the shapes of torch's layers: weight_ih_l0 (G*H, E), bias_hh_l0 (G*H)."""
    assert has_torch_form(cell)
    return {f"{name}_l{level}": _turned(cell.get_parameter(ours).detach()) for name, ours in _OURS.items()}


def _turned(weight: Tensor) -> Tensor:
    """A matrix transposed; a bias as it is."""
    return weight.T if weight.dim() == 2 else weight
