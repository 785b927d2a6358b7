"""What all cells share: weights, the input product for all time steps at once, and the loop over time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]  # each (B, H); the first is the cell's output


class Cell(nn.Module):
    """One recurrent layer.

    Weights are written as in textbooks, inputs times matrix: `input_weight` (E, G*H), `recurrent_weight` (H, G*H),
    two biases (G*H), where G is the number of gates. The gates lie in torch's order, so that weights can be
    copied between the two implementations by a transpose.
    """

    gates = 1
    states = 1

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        width = self.gates * hidden
        self.input_weight = nn.Parameter(torch.empty(inputs, width))
        self.recurrent_weight = nn.Parameter(torch.empty(hidden, width))
        self.input_bias = nn.Parameter(torch.empty(width))
        self.recurrent_bias = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(H), as torch's layers draw theirs."""
        bound = self.hidden**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def project(self, x_TBE: Tensor) -> Tensor:
        """The input's part of every gate, for all time steps in one product: (T, B, G*H)."""
        return torch.matmul(x_TBE, self.input_weight) + self.input_bias

    def look_up(self, ids_TB: Tensor) -> Tensor:
        """The same for one-hot inputs: a one-hot row times a matrix is a row of the matrix. (T, B, G*H)."""
        return functional.embedding(ids_TB, self.input_weight) + self.input_bias

    def recurrent(self, h_BH: Tensor) -> Tensor:
        """The state's part of every gate: (B, G*H)."""
        return torch.addmm(self.recurrent_bias, h_BH, self.recurrent_weight)

    def step(self, a_BG: Tensor, state: State) -> State:
        """One time step: the input's part of the gates and the state before -> the state after."""
        raise NotImplementedError

    def forward(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """The loop over time: outputs (T, B, H) and the last state."""
        outputs = []
        for a_BG in a_TBG.unbind(0):
            state = self.step(a_BG, state)
            outputs.append(state[0])
        return torch.stack(outputs), state
