"""The weights of torch's layers in the cells written out from their equations."""

import torch
from torch import nn

from rnnbench.engine.cells.cell import RecurrentCell
from rnnbench.engine.cells.gru import GRUCell
from rnnbench.engine.cells.lstm import LSTMCell
from rnnbench.engine.cells.rnn import RNNCell


def cells_of(layers: nn.RNNBase) -> list[RecurrentCell]:
    """One cell for each of torch's layers, with a copy of its weights: torch holds the transposed matrices.

    The order of the gates is the same: r, z, n in a GRU; i, f, g, o in an LSTM.
    """
    kind = LSTMCell if isinstance(layers, nn.LSTM) else GRUCell if isinstance(layers, nn.GRU) else RNNCell
    return [_cell(layers, kind, level) for level in range(layers.num_layers)]


@torch.no_grad()
def _cell(layers: nn.RNNBase, kind: type[RecurrentCell], level: int) -> RecurrentCell:
    weights = {name: getattr(layers, f"{name}_l{level}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    cell = kind(weights["weight_ih"].shape[1], layers.hidden_size).to(weights["weight_ih"])
    cell.input_weight.copy_(weights["weight_ih"].T)
    cell.recurrent_weight.copy_(weights["weight_hh"].T)
    cell.input_bias.copy_(weights["bias_ih"])
    assert cell.recurrent_bias is not None
    cell.recurrent_bias.copy_(weights["bias_hh"])
    return cell
