"""The gated recurrent unit of Cho et al. (2014), in the variant of torch and cuDNN."""

import torch
from torch import Tensor

from rnnbench.engine.cells.cell import RecurrentCell, State


class GRUCell(RecurrentCell):
    """Reset and update gates and a candidate.

    r = sigmoid(x W_xr + h W_hr + b_r)
    z = sigmoid(x W_xz + h W_hz + b_z)
    n = tanh(x W_xn + b_xn + r * (h W_hn + b_hn))
    h = (1 - z) * n + z * h

    Cho et al. multiply r into h before the product with W_hn (`gru_reset_before`); torch and cuDNN multiply after
    it, as here. Gate order in the matrices: r, z, n.
    """

    gates = 3
    states = 1
    second_bias = True

    def offset(self, products: Tensor) -> Tensor:
        """Only the input's bias: the state's goes through the reset gate."""
        return products + self.input_bias

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, 3H), ((B, H),) -> ((B, H),)."""
        (h,) = state
        assert self.recurrent_bias is not None
        sizes = [2 * self.hidden, self.hidden]
        a_rz, a_n = torch.split(a_BG, sizes, dim=1)
        u_rz, u_n = torch.split(torch.addmm(self.recurrent_bias, h, self.recurrent_weight), sizes, dim=1)
        r, z = torch.sigmoid(a_rz + u_rz).chunk(2, dim=1)
        n = torch.tanh(torch.addcmul(a_n, r, u_n))
        return (torch.lerp(n, h, z),)
