"""The gated recurrent unit as Cho et al. (2014) wrote it."""

import torch
from torch import Tensor

from rnnbench.engine.cells.cell import RecurrentCell, State


class GRUResetBeforeCell(RecurrentCell):
    """Reset and update gates and a candidate that sees the state only where the reset gate lets it.

    r = sigmoid(x W_xr + h W_hr + b_r)                      (Cho et al. 2014, equations 5 to 8)
    z = sigmoid(x W_xz + h W_hz + b_z)
    n = tanh(x W_xn + (r * h) W_hn + b_n)
    h = (1 - z) * n + z * h

    Two products a step, the second of which waits for r; torch's variant (`gru`) needs one. One bias for each gate:
    a second would only add to it. Gate order in the matrices: r, z, n.
    """

    gates = 3
    states = 1

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, 3H), ((B, H),) -> ((B, H),)."""
        (h,) = state
        sizes = [2 * self.hidden, self.hidden]
        a_rz, a_n = torch.split(a_BG, sizes, dim=1)
        w_rz, w_n = torch.split(self.recurrent_weight, sizes, dim=1)
        r, z = torch.sigmoid(torch.addmm(a_rz, h, w_rz)).chunk(2, dim=1)
        n = torch.tanh(torch.addmm(a_n, r * h, w_n))
        return (torch.lerp(n, h, z),)
