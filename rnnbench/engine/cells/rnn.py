"""The simple recurrent network of Elman (1990), with tanh."""

import torch
from torch import Tensor

from rnnbench.engine.cells.cell import Cell, State


class RNNCell(Cell):
    """h = tanh(x W_xh + h W_hh + b)."""

    gates = 1
    states = 1

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, H), ((B, H),) -> ((B, H),)."""
        (h,) = state
        return (torch.tanh(a_BG + self.recurrent(h)),)
