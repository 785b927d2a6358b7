"""The fast form of rnn, elman, gru and lstm: the same weights and equations, with the backward pass written out.

Automatic differentiation of the loop in `cell.py` takes, in every time step, one product for the gradient of the
recurrent matrix and a dozen small operations. Here the forward loop keeps the gates; what of the gradient does not
depend on later steps is computed for all steps at once; the backward loop only passes the gradient from step to step;
and the gradient of the recurrent matrix is one product over all steps (backpropagation through time, Werbos 1990).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnnbench.engine.cells.cell import Cell, State
from rnnbench.engine.cells.elman import ElmanCell
from rnnbench.engine.cells.gru import GRUCell
from rnnbench.engine.cells.lstm import LSTMCell
from rnnbench.engine.cells.rnn import RNNCell

_FEWEST_STEPS = 4  # below this what is saved in the loop is less than what is paid around it


def _with_first(h_BH: Tensor, steps: int) -> Tensor:
    """Room for the states 0..T, with the first in place: (T + 1, B, H)."""
    h_SBH = h_BH.new_empty(steps + 1, *h_BH.shape)
    h_SBH[0] = h_BH
    return h_SBH


def _sigmoid_slope(factor: Tensor, y: Tensor, out: Tensor) -> None:
    """out = factor * y * (1 - y), where y = sigmoid(.), in one pass."""
    torch.ops.aten.sigmoid_backward.grad_input(factor, y, grad_input=out)


def _tanh_slope(factor: Tensor, y: Tensor, out: Tensor) -> None:
    """out = factor * (1 - y * y), where y = tanh(.), in one pass."""
    torch.ops.aten.tanh_backward.grad_input(factor, y, grad_input=out)


def _weight_gradient(h_TBH: Tensor, d_TBG: Tensor) -> Tensor:
    """The gradient of the recurrent matrix, from all steps at once: (H, G*H)."""
    return h_TBH.flatten(0, 1).t() @ d_TBG.flatten(0, 1)


class _Simple(torch.autograd.Function):
    """h_t = tanh(a_t + h_{t-1} W), or the logistic sigmoid of it."""

    @staticmethod
    def forward(ctx: Any, a_TBH: Tensor, w_HH: Tensor, h_BH: Tensor, sigmoid: bool) -> Tensor:
        """The states after each step (T, B, H)."""
        h_SBH = _with_first(h_BH, len(a_TBH))
        states = h_SBH.unbind(0)
        for t, a_BH in enumerate(a_TBH.unbind(0)):
            h = torch.addmm(a_BH, states[t], w_HH, out=states[t + 1])
            h.sigmoid_() if sigmoid else h.tanh_()
        ctx.save_for_backward(h_SBH, w_HH)
        ctx.sigmoid = sigmoid
        return h_SBH[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_TBH: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """g: the gradient of each output from above."""
        h_SBH, w_HH = ctx.saved_tensors
        h_TBH = h_SBH[1:]
        d_TBH = h_TBH - h_TBH * h_TBH if ctx.sigmoid else 1 - h_TBH * h_TBH  # the slope; times dh below
        back_HH, above, d = w_HH.t().contiguous(), g_TBH.unbind(0), d_TBH.unbind(0)
        dh = torch.zeros_like(above[0])
        for t in reversed(range(len(d))):
            d[t].mul_(torch.add(above[t], dh, out=dh))
            torch.mm(d[t], back_HH, out=dh)
        return d_TBH, _weight_gradient(h_SBH[:-1], d_TBH), dh, None


class _GRU(torch.autograd.Function):
    """The GRU of torch's variant, as in `gru.py`."""

    @staticmethod
    def forward(ctx: Any, a_TBG: Tensor, w_HG: Tensor, b_G: Tensor, h_BH: Tensor) -> Tensor:
        """The states after each step (T, B, H)."""
        steps, batch, hidden = len(a_TBG), *h_BH.shape
        h_SBH = _with_first(h_BH, steps)
        gates_TBG = a_TBG.new_empty(steps, batch, 3 * hidden)  # r, z, n
        u_TBG = torch.empty_like(gates_TBG)  # the state's part, of which n's is needed again
        states = h_SBH.unbind(0)
        for t in range(steps):
            u = torch.addmm(b_G, states[t], w_HG, out=u_TBG[t])
            a, rz, n = a_TBG[t], gates_TBG[t, :, : 2 * hidden], gates_TBG[t, :, 2 * hidden :]
            torch.add(a[:, : 2 * hidden], u[:, : 2 * hidden], out=rz).sigmoid_()
            torch.addcmul(a[:, 2 * hidden :], rz[:, :hidden], u[:, 2 * hidden :], out=n).tanh_()
            torch.lerp(n, states[t], rz[:, hidden:], out=states[t + 1])
        ctx.save_for_backward(h_SBH, gates_TBG, u_TBG[:, :, 2 * hidden :], w_HG)
        return h_SBH[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_TBH: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Every gate's gradient is a factor, known for all steps at once, times dh."""
        h_SBH, gates_TBG, u_n, w_HG = ctx.saved_tensors
        r, z, n = gates_TBG.chunk(3, dim=2)
        du_TBKH = torch.empty_like(gates_TBG).view(*g_TBH.shape[:2], 3, -1)
        k_n = 1 - z
        _tanh_slope(k_n, n, k_n)
        _sigmoid_slope(k_n * u_n, r, du_TBKH[:, :, 0])
        _sigmoid_slope(h_SBH[:-1] - n, z, du_TBKH[:, :, 1])
        torch.mul(k_n, r, out=du_TBKH[:, :, 2])
        dh_TBH = torch.empty_like(k_n)
        back_GH, above, du_TBG = w_HG.t().contiguous(), g_TBH.unbind(0), du_TBKH.flatten(2)
        dh_before = torch.zeros_like(h_SBH[0])
        for t in reversed(range(len(above))):
            dh = torch.add(above[t], dh_before, out=dh_TBH[t])
            du_TBKH[t].mul_(dh.unsqueeze(1))
            torch.addmm(z[t] * dh, du_TBG[t], back_GH, out=dh_before)
        da_TBG = torch.cat((du_TBG[:, :, : 2 * r.shape[2]], k_n * dh_TBH), dim=2)
        return da_TBG, _weight_gradient(h_SBH[:-1], du_TBG), du_TBG.sum((0, 1)), dh_before


class _LSTM(torch.autograd.Function):
    """The LSTM, as in `lstm.py`."""

    @staticmethod
    def forward(ctx: Any, a_TBG: Tensor, w_HG: Tensor, h_BH: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
        """The states after each step (T, B, H), and the last memory (B, H)."""
        steps, hidden = len(a_TBG), h_BH.shape[1]
        h_SBH, c_SBH = _with_first(h_BH, steps), _with_first(c_BH, steps)
        gates_TBG, shown_TBH = a_TBG.new_empty(a_TBG.shape), torch.empty_like(h_SBH[1:])
        h, c, shown = h_SBH.unbind(0), c_SBH.unbind(0), shown_TBH.unbind(0)
        for t, a_BG in enumerate(a_TBG.unbind(0)):
            gates = torch.addmm(a_BG, h[t], w_HG, out=gates_TBG[t])
            i, f, g, o = gates.chunk(4, dim=1)
            gates[:, : 2 * hidden].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, c[t], out=c[t + 1]).addcmul_(i, g)
            torch.mul(o, torch.tanh(c[t + 1], out=shown[t]), out=h[t + 1])
        ctx.save_for_backward(h_SBH, c_SBH, gates_TBG, shown_TBH, w_HG)
        return h_SBH[1:], c_SBH[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_TBH: Tensor, dc_BH: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gradient of i, f, g is a factor times dc, that of o a factor times dh; dc itself takes from dh."""
        h_SBH, c_SBH, gates_TBG, shown_TBH, w_HG = ctx.saved_tensors
        i, f, g, o = gates_TBG.chunk(4, dim=2)
        da_TBKH = torch.empty_like(gates_TBG).view(*g_TBH.shape[:2], 4, -1)
        _sigmoid_slope(g, i, da_TBKH[:, :, 0])
        _sigmoid_slope(c_SBH[:-1], f, da_TBKH[:, :, 1])
        _tanh_slope(i, g, da_TBKH[:, :, 2])
        _sigmoid_slope(shown_TBH, o, da_TBKH[:, :, 3])
        through_TBH = torch.empty_like(shown_TBH)  # from h to c
        _tanh_slope(o, shown_TBH, through_TBH)
        back_GH, above, da_TBG = w_HG.t().contiguous(), g_TBH.unbind(0), da_TBKH.flatten(2)
        dh, dc = torch.zeros_like(h_SBH[0]), dc_BH.clone()
        for t in reversed(range(len(above))):
            dh += above[t]
            dc.addcmul_(dh, through_TBH[t])
            da_TBKH[t, :, :3].mul_(dc.unsqueeze(1))
            da_TBKH[t, :, 3].mul_(dh)
            dc *= f[t]
            torch.mm(da_TBG[t], back_GH, out=dh)
        return da_TBG, _weight_gradient(h_SBH[:-1], da_TBG), dh, dc


class FusedRNNCell(RNNCell):
    """`RNNCell`, fast."""

    def forward(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs (T, B, H) and the last state."""
        if len(a_TBG) < _FEWEST_STEPS:
            return super().forward(a_TBG, state)
        h_TBH = _Simple.apply(a_TBG, self.recurrent_weight, state[0], False)  # type: ignore[no-untyped-call]
        return h_TBH, (h_TBH[-1],)


class FusedElmanCell(ElmanCell):
    """`ElmanCell`, fast."""

    def forward(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs (T, B, H) and the last state."""
        if len(a_TBG) < _FEWEST_STEPS:
            return super().forward(a_TBG, state)
        h_TBH = _Simple.apply(a_TBG, self.recurrent_weight, state[0], True)  # type: ignore[no-untyped-call]
        return h_TBH, (h_TBH[-1],)


class FusedGRUCell(GRUCell):
    """`GRUCell`, fast."""

    def forward(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs (T, B, H) and the last state."""
        if len(a_TBG) < _FEWEST_STEPS:
            return super().forward(a_TBG, state)
        h_TBH = _GRU.apply(a_TBG, self.recurrent_weight, self.recurrent_bias, state[0])  # type: ignore[no-untyped-call]
        return h_TBH, (h_TBH[-1],)


class FusedLSTMCell(LSTMCell):
    """`LSTMCell`, fast."""

    def forward(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs (T, B, H) and the last state."""
        if len(a_TBG) < _FEWEST_STEPS:
            return super().forward(a_TBG, state)
        h_TBH, c_BH = _LSTM.apply(a_TBG, self.recurrent_weight, *state)  # type: ignore[no-untyped-call]
        return h_TBH, (h_TBH[-1], c_BH)


FUSED: dict[str, type[Cell]] = {
    "rnn": FusedRNNCell,
    "elman": FusedElmanCell,
    "gru": FusedGRUCell,
    "lstm": FusedLSTMCell,
}
