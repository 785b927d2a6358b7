"""Optimizers by name, clipping, and gradients gathered over several batches."""

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from rnnbench.config import TrainingConfig
from rnnbench.engine.averaging import AveragedSGD

_SMALL = 1e-6  # keeps the scale of a vanishing gradient finite; torch's own clipping adds the same

_KINDS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "asgd": AveragedSGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
}


def make_optimizer(parameters: Iterable[Tensor], training: TrainingConfig) -> torch.optim.Optimizer:
    """The optimizer that the configuration names, in one parameter group; its betas and the like are torch's."""
    name = training.optimizer
    choices: dict[str, float | bool] = {"lr": training.learning_rate, "weight_decay": training.weight_decay}
    if name in ("sgd", "asgd", "rmsprop"):
        choices["momentum"] = training.momentum
    if name in ("sgd", "asgd"):
        choices["nesterov"] = training.nesterov
    return _KINDS[name](parameters, **choices)  # type: ignore[arg-type]


def averaged(optimizer: torch.optim.Optimizer) -> AbstractContextManager[None]:
    """Within, the network has the weights that are scored, saved and sampled: of asgd the mean, else its own."""
    return optimizer.averaged() if isinstance(optimizer, AveragedSGD) else contextlib.nullcontext()


def forget_gradients(parameters: list[Tensor]) -> None:
    """Before those of the next update are taken."""
    for parameter in parameters:
        parameter.grad = None


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use this rate from the next update on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def step(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Update the weights at this rate."""
    set_learning_rate(optimizer, rate)
    group = optimizer.param_groups[0]
    if type(optimizer) is torch.optim.SGD and not (group["momentum"] or group["weight_decay"]):
        _descend(group["params"], rate)
    else:
        optimizer.step()


@torch.no_grad()
def _descend(parameters: list[Tensor], rate: float) -> None:
    """What plain SGD does, without the 0.1 ms that a step of torch.optim takes around it."""
    moved = [parameter for parameter in parameters if parameter.grad is not None]
    torch._foreach_add_(moved, _gradients(parameters), alpha=-rate)


def clip(parameters: list[Tensor], limit: float | None, largest: float | None = None) -> Tensor:
    """Scale the gradients so that their global norm is at most `limit`, then cut each of their numbers at `largest`.

    Returns the norm before, without a synchronisation. Pascanu, Mikolov and Bengio (2013).
    """
    gradients = _gradients(parameters)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if limit is not None:  # the numbers of torch.nn.utils.clip_grad_norm_, which takes 0.1 ms to get there
        torch._foreach_mul_(gradients, torch.clamp(limit / (norm + _SMALL), max=1.0))
    if largest is not None:
        torch.nn.utils.clip_grad_value_(parameters, largest, foreach=True)
    return norm


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    """Those of the parameters that took part."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def divide_gradients(parameters: list[Tensor], divisor: float) -> None:
    """Turn sums over tokens into means."""
    torch._foreach_div_(_gradients(parameters), divisor)
