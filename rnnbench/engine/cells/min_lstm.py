"""The minimal long short-term memory of Feng et al. (2024), "Were RNNs All We Needed?"."""

from torch import Tensor
from torch.nn import functional

from rnnbench.engine.cells.scan import ScanCell, log_positive


class MinLSTMCell(ScanCell):
    """An LSTM without output gate and separate memory, whose gates read the input only and share out a whole.

    i = sigmoid(x W_i + b_i)                                (Feng et al. 2024, section 3.2 and appendix B)
    f = sigmoid(x W_f + b_f)
    n = g(x W_n + b_n)                                      g(v) = v + 1/2 for v >= 0, else sigmoid(v)
    h = f / (f + i) * h + i / (f + i) * n

    Because the two shares add up to 1, the size of h does not depend on how long the text is.
    Gate order in the matrices: i, f, n.
    """

    gates = 3
    states = 1

    def coefficients(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 3H) -> log(f / (f + i)) and log(i / (f + i) * n), each (..., H)."""
        i, f, n = a.chunk(3, dim=-1)
        odds = functional.logsigmoid(f) - functional.logsigmoid(i)  # log(f / i); f / (f + i) is its sigmoid
        return functional.logsigmoid(odds), functional.logsigmoid(-odds) + log_positive(n)
