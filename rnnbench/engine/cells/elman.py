"""The simple recurrent network of Elman (1990) as Mikolov et al. (2010) made a language model of it."""

import torch
from torch import Tensor

from rnnbench.engine.cells.cell import RecurrentCell, State

FIRST_STATE = 0.1  # standard deviation of the state before the first token; other cells begin from zero


class ElmanCell(RecurrentCell):
    """A logistic sigmoid over the word and the state, laid end to end.

    h = sigmoid([x ; h] W + b),  W = [W_xh ; W_hh]          (Mikolov et al. 2010, equations 1, 2 and 4)

    x is the word as a one-hot vector, so x W_xh is a row of W_xh. One bias: the two matrices are one layer over the
    concatenation [x ; h] of E + H numbers, which is also what the range of the first weights is taken from.
    """

    gates = 1
    states = 1

    def __init__(self, inputs: int, hidden: int) -> None:
        self.width = inputs + hidden
        super().__init__(inputs, hidden)

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(E + H), as torch's Linear over the concatenation draws its own."""
        self.draw(self.width**-0.5)

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, H), ((B, H),) -> ((B, H),)."""
        (h,) = state
        return (torch.sigmoid(torch.addmm(a_BG, h, self.recurrent_weight)),)
