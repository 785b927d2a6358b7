"""The gated recurrent unit of Cho et al. (2014), in the variant of torch and cuDNN."""

import torch
from torch import Tensor

from rnnbench.engine.cells.cell import Cell, State


class GRUCell(Cell):
    """Reset and update gates and a candidate.

    r = sigmoid(x W_xr + h W_hr + b_r)
    z = sigmoid(x W_xz + h W_hz + b_z)
    n = tanh(x W_xn + b_xn + r * (h W_hn + b_hn))
    h = (1 - z) * n + z * h

    Cho et al. multiply r into h before the product with W_hn; torch and cuDNN multiply after it, as here.
    """

    gates = 3
    states = 1

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, 3H), ((B, H),) -> ((B, H),)."""
        (h,) = state
        a_r, a_z, a_n = a_BG.chunk(3, dim=1)
        u_r, u_z, u_n = self.recurrent(h).chunk(3, dim=1)
        r = torch.sigmoid(a_r + u_r)
        z = torch.sigmoid(a_z + u_z)
        n = torch.tanh(a_n + r * u_n)
        return (torch.lerp(n, h, z),)
