"""Cells whose gates read the input only, so that their recurrence is a scan (Martin and Cundy 2018)."""

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.engine.cells.cell import Cell, State

_BLOCK = 64


class ScanCell(Cell):
    """h_t = keep_t * h_{t-1} + add_t, where keep and add are known for all time steps before the first is taken.

    keep lies in (0, 1) and add is positive, so both are kept as logarithms: a product over many steps is then a sum,
    which neither overflows nor vanishes (Heinsen 2023; Feng et al. 2024, appendix B).
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(H), as the other cells."""
        self.draw(self.hidden**-0.5)

    def coefficients(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """(..., G*H) -> log keep (..., H), log add (..., H)."""
        raise NotImplementedError

    def step(self, a_BG: Tensor, state: State) -> State:
        """(B, G*H), ((B, H),) -> ((B, H),)."""
        log_keep_BH, log_add_BH = self.coefficients(a_BG)
        return (torch.addcmul(log_add_BH.exp(), log_keep_BH.exp(), state[0]),)

    def loop(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """The recurrence taken one step after the other: outputs (T, B, H) and the last state."""
        log_keep_TBH, log_add_TBH = self.coefficients(a_TBG)
        h, outputs = state[0], []
        for keep_BH, add_BH in zip(log_keep_TBH.exp().unbind(0), log_add_TBH.exp().unbind(0), strict=True):
            h = torch.addcmul(add_BH, keep_BH, h)
            outputs.append(h)
        return torch.stack(outputs), (h,)

    def scan(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """The same for all time steps at once: outputs (T, B, H) and the last state.

        With K_t = log keep_1 + ... + log keep_t the recurrence unrolls to
        h_t = exp(K_t) h_0 + exp(K_t + log sum_{s <= t} exp(log add_s - K_s)).
        The first state stands outside the logarithm, so it may be zero.
        Taken in blocks: the logarithms are relative to a block's start, so their sums stay small enough for float32.
        """
        log_keep_TBH, log_add_TBH = self.coefficients(a_TBG)
        blocks = zip(torch.split(log_keep_TBH, _BLOCK), torch.split(log_add_TBH, _BLOCK), strict=True)
        h_BH, outputs = state[0], []
        for log_keep, log_add in blocks:
            total = log_keep.cumsum(0)
            added = (total + torch.logcumsumexp(log_add - total, 0)).exp()
            outputs.append(torch.addcmul(added, total.exp(), h_BH))
            h_BH = outputs[-1][-1]
        return torch.cat(outputs), (h_BH,)

    def forward(self, a_TBG: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs (T, B, H) and the last state, in the form that is faster on the device.

        On a CPU the scan's logarithms cost four times what the loop does (measured: 2 threads, T 35 and 256, H 256).
        """
        return self.loop(a_TBG, state) if a_TBG.device.type == "cpu" or len(a_TBG) == 1 else self.scan(a_TBG, state)


def log_positive(v: Tensor) -> Tensor:
    """log g(v); g keeps a candidate positive (Feng et al. 2024, appendix B): v + 1/2 above zero, sigmoid(v) below."""
    return torch.where(v >= 0, (functional.relu(v) + 0.5).log(), functional.logsigmoid(v))
