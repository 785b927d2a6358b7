"""The minimal gated recurrent unit of Feng et al. (2024), "Were RNNs All We Needed?"."""

from torch import Tensor
from torch.nn import functional

from rnnbench.engine.cells.scan import ScanCell, log_positive


class MinGRUCell(ScanCell):
    """A GRU without reset gate whose update gate and candidate read the input only.

    z = sigmoid(x W_z + b_z)                                (Feng et al. 2024, section 3.1 and appendix B)
    n = g(x W_n + b_n)                                      g(v) = v + 1/2 for v >= 0, else sigmoid(v)
    h = (1 - z) * h + z * n

    No H x H matrix: one layer mixes its units only through the layer above, so two or three layers are usual.
    Gate order in the matrices: z, n.
    """

    gates = 2
    states = 1

    def coefficients(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 2H) -> log(1 - z) and log(z * n), each (..., H)."""
        z, n = a.chunk(2, dim=-1)
        return functional.logsigmoid(-z), functional.logsigmoid(z) + log_positive(n)
