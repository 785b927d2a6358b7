"""The long short-term memory of Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000)."""

import torch
from torch import Tensor

from rnnbench.engine.cells.cell import RecurrentCell, State


class LSTMCell(RecurrentCell):
    """Input, forget and output gates around a memory cell.

    i, f, o = sigmoid(x W_x. + h W_h. + b.)
    g = tanh(x W_xg + h W_hg + b_g)
    c = f * c + i * g
    h = o * tanh(c)

    Gate order in the matrices: i, f, g, o.
    """

    gates = 4
    states = 2
    second_bias = True

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, 4H), ((B, H), (B, H)) -> ((B, H), (B, H))."""
        h, c = state
        i, f, g, o = torch.addmm(a_BG, h, self.recurrent_weight).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return (torch.sigmoid(o) * torch.tanh(c), c)
