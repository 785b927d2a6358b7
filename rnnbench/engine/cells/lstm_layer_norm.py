"""The long short-term memory with layer normalisation of Ba, Kiros and Hinton (2016)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.engine.cells.cell import RecurrentCell, State


class LayerNormLSTMCell(RecurrentCell):
    """An LSTM whose two products and whose memory are each brought to mean 0 and variance 1 before they are used.

    N(v; s) = s * (v - mean(v)) / sqrt(variance(v) + 1e-5)  (Ba, Kiros and Hinton 2016, equations 20 to 22)
    i, f, g, o = N(x W_x; s_x) + N(h W_h; s_h) + b          mean and variance over all 4H numbers
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(N(c; s_c) + b_c)                  mean and variance over H numbers

    The paper also gives the two products offsets of their own, which would only add to b. Gains begin at 1 and
    biases at 0, as there. Gate order in the matrices: i, f, g, o.
    """

    gates = 4
    states = 2

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden)
        self.input_gain = nn.Parameter(torch.ones(4 * hidden))
        self.recurrent_gain = nn.Parameter(torch.ones(4 * hidden))
        self.memory_gain = nn.Parameter(torch.ones(hidden))
        self.memory_bias = nn.Parameter(torch.zeros(hidden))

    def reset_parameters(self) -> None:
        """Matrices uniform in +-1/sqrt(H), biases zero."""
        self.draw(self.hidden**-0.5)
        nn.init.zeros_(self.input_bias)

    def offset(self, products: Tensor) -> Tensor:
        """The input's products, normalised, and the bias: (..., 4H). A row stands for one token, in a table too."""
        return functional.layer_norm(products, (4 * self.hidden,), self.input_gain, self.input_bias)

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, 4H), ((B, H), (B, H)) -> ((B, H), (B, H))."""
        h, c = state
        u_BG = functional.layer_norm(h @ self.recurrent_weight, (4 * self.hidden,), self.recurrent_gain)
        i, f, g, o = (a_BG + u_BG).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        shown = functional.layer_norm(c, (self.hidden,), self.memory_gain, self.memory_bias)
        return (torch.sigmoid(o) * torch.tanh(shown), c)
