"""What all cells share: weights, the input product for all time steps at once, and the loop over time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]  # each (B, H); the first is the cell's output


class Cell(nn.Module):
    """One recurrent layer, as far as it reads its input.

    Weights are written as in textbooks, inputs times matrix: `input_weight` (E, G*H), `input_bias` (G*H), where G is
    the number of gates. The gates lie side by side, in the order that the cell's docstring names.
    """

    gates = 1
    states = 1

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        width = self.gates * hidden
        self.input_weight = nn.Parameter(torch.empty(inputs, width))
        self.input_bias = nn.Parameter(torch.empty(width))

    def draw(self, bound: float) -> None:
        """Every parameter uniform in +-bound."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def offset(self, products: Tensor) -> Tensor:
        """What is added to the input's products (..., G*H): the biases. Done once for all time steps."""
        return products + self.input_bias

    def project(self, x_TBE: Tensor) -> Tensor:
        """The input's part of every gate, for all time steps in one product: (T, B, G*H)."""
        return self.offset(torch.matmul(x_TBE, self.input_weight))

    def look_up(self, ids_TB: Tensor, table_VE: Tensor | None = None) -> Tensor:
        """The same from ids: the product is taken of the vectors of all words, and its rows are gathered. (T, B, G*H).

        Without a table the words are one-hot vectors, whose product with the matrix is the matrix itself.
        The offset goes to whichever has fewer rows, the words or the tokens.
        """
        rows_VG = self.input_weight if table_VE is None else torch.matmul(table_VE, self.input_weight)
        if len(rows_VG) <= ids_TB.numel():
            return functional.embedding(ids_TB, self.offset(rows_VG))
        return self.offset(functional.embedding(ids_TB, rows_VG))

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


class RecurrentCell(Cell):
    """A layer whose gates also read the state: `recurrent_weight` (H, G*H).

    torch's layers keep a second bias beside the recurrent matrix; cells that torch has keep it too
    (`recurrent_bias`, (G*H)), so that weights can be copied between the two implementations by a transpose.
    """

    second_bias = False
    recurrent_bias: Tensor | None

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden)
        width = self.gates * hidden
        self.recurrent_weight = nn.Parameter(torch.empty(hidden, width))
        self.register_parameter("recurrent_bias", nn.Parameter(torch.empty(width)) if self.second_bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(H), as torch's layers draw theirs."""
        self.draw(self.hidden**-0.5)

    def offset(self, products: Tensor) -> Tensor:
        """Both biases at once: the state's product is only ever added to the input's."""
        bias = self.input_bias if self.recurrent_bias is None else self.input_bias + self.recurrent_bias
        return products + bias
