"""The output layer and its loss as one function: the logits of a whole batch never exist at once.

Cross-entropy is softmax and logarithm; its gradient by the logits is softmax minus one-hot, which is at hand as soon as
the loss is. So every block of tokens goes from outputs to loss to gradients while its logits are still in the cache,
and a batch of N tokens needs a block x V numbers instead of three times N x V.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from rnnbench.engine.precision import is_reduced, widened

_SMALL_VOCABULARY = 512  # below this the logits are no larger than the outputs, and nothing is gained
_BLOCK_NUMBERS = {"cpu": 1 << 20}  # logits in a block: 4 MB, about the cache of a core
_BLOCK_ELSEWHERE = 1 << 24  # accelerators want large products
_FEWEST_ROWS = 128  # below this the products lose more than the cache brings


class _LinearCrossEntropy(torch.autograd.Function):
    """mean over n of -log softmax(y_n W^T + b)[target_n]."""

    @staticmethod
    def forward(ctx: Any, y_NH: Tensor, w_VH: Tensor, b_V: Tensor, targets_N: Tensor) -> Tensor:
        """The loss (), and already its gradients."""
        rows = max(_FEWEST_ROWS, _BLOCK_NUMBERS.get(y_NH.device.type, _BLOCK_ELSEWHERE) // len(w_VH))
        logits = y_NH.new_empty(min(rows, len(y_NH)), len(w_VH))
        dy_NH, dw_VH, db_V = torch.empty_like(y_NH), torch.zeros_like(w_VH), torch.zeros_like(b_V)
        losses = []
        blocks = zip(torch.split(y_NH, rows), torch.split(targets_N, rows), torch.split(dy_NH, rows), strict=True)
        for y, targets, dy in blocks:
            block = torch.addmm(b_V, y, w_VH.t(), out=logits[: len(y)])
            losses.append(_softmax_minus_one_hot(block, targets.unsqueeze(1)))
            torch.mm(block, w_VH, out=dy)
            dw_VH.addmm_(block.t(), y)
            db_V += block.sum(0)
        ctx.save_for_backward(dy_NH, dw_VH, db_V)
        ctx.tokens = len(y_NH)
        return torch.stack(losses).sum() / len(y_NH)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """The stored gradients are of the sum: scaled to the mean, and by what the loss is multiplied with."""
        dy_NH, dw_VH, db_V = ctx.saved_tensors
        scale = g / ctx.tokens
        return dy_NH * scale, dw_VH * scale, db_V * scale, None


def _softmax_minus_one_hot(logits: Tensor, targets: Tensor) -> Tensor:
    """Turn logits (C, V) into the gradient of their summed loss, in place; that sum ()."""
    logits.sub_(logits.amax(1, keepdim=True))
    picked = logits.gather(1, targets)
    totals = logits.exp_().sum(1, keepdim=True)
    logits.div_(totals).scatter_add_(1, targets, logits.new_full((), -1.0).expand_as(targets))
    return (totals.log() - picked).sum()


def linear_cross_entropy(y_NH: Tensor, w_VH: Tensor, b_V: Tensor, targets_N: Tensor) -> Tensor:
    """Mean cross-entropy in nats of `targets` (N,) under the logits y W^T + b; y (N, H), W (V, H), b (V,)."""
    if len(w_VH) < _SMALL_VOCABULARY or not torch.is_grad_enabled() or is_reduced(y_NH):
        return functional.cross_entropy(widened(functional.linear(y_NH, w_VH, b_V)), targets_N)
    loss: Tensor = _LinearCrossEntropy.apply(y_NH, w_VH, b_V, targets_N)  # type: ignore[no-untyped-call]
    return loss
