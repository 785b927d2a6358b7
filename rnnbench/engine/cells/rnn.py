"""The simple recurrent network of Elman (1990), with tanh."""

import torch
from torch import Tensor

from rnnbench.engine.cells.cell import RecurrentCell, State


class RNNCell(RecurrentCell):
    """h = tanh(x W_xh + h W_hh + b)."""

    gates = 1
    states = 1
    second_bias = True

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, H), ((B, H),) -> ((B, H),)."""
        (h,) = state
        return (torch.tanh(torch.addmm(a_BG, h, self.recurrent_weight)),)
