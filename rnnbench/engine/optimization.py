"""Optimizers, the learning rate over the budget, clipping."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from rnnbench.config import TrainingConfig

_FINAL_SHARE = 0.02  # a cosine that ends at zero wastes its last steps


def make_optimizer(parameters: Iterable[Tensor], training: TrainingConfig) -> torch.optim.Optimizer:
    """The optimizer of torch.optim that the configuration names."""
    rate, decay = training.learning_rate, training.weight_decay
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=training.momentum, weight_decay=decay)
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, rate, weight_decay=decay)


def learning_rate(training: TrainingConfig, step: int, fraction_done: float) -> float:
    """The rate of a step: linear warm-up over `warmup_steps`, then constant or a cosine over the budget.

    Cosine: Loshchilov and Hutter (2017), without restarts.
    """
    rate = training.learning_rate
    if step < training.warmup_steps:
        return rate * (step + 1) / training.warmup_steps
    if training.schedule == "cosine":
        wave = 0.5 * (1 + math.cos(math.pi * min(max(fraction_done, 0.0), 1.0)))
        return rate * (_FINAL_SHARE + (1 - _FINAL_SHARE) * wave)
    return rate


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use this rate from the next update on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip(parameters: list[Tensor], limit: float | None) -> Tensor:
    """Scale the gradients so that their global norm is at most `limit`; the norm before, without a synchronisation.

    Pascanu, Mikolov and Bengio (2013).
    """
    return torch.nn.utils.clip_grad_norm_(parameters, math.inf if limit is None else limit, foreach=True)
