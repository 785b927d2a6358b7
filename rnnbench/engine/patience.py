"""What an evaluation means for the run: a new best, or one more in vain, and what follows from waiting."""

import math
from dataclasses import replace

from rnnbench.config import TrainingConfig
from rnnbench.engine.checkpoints import Position


def judged(position: Position, loss_nats: float, training: TrainingConfig) -> Position:
    """The position after an evaluation at its step. The loss is compared with the best *before* this evaluation."""
    before = math.inf if position.best_loss_nats is None else position.best_loss_nats
    best = loss_nats < before
    waited = 0 if best and before - loss_nats >= training.minimum_improvement else position.waited + 1
    drop = training.schedule == "plateau" and waited > 0 and waited % training.drop_patience == 0
    return replace(
        position,
        evaluated_step=position.step,
        evaluated_loss_nats=loss_nats,
        best_loss_nats=loss_nats if best else position.best_loss_nats,
        best_step=position.step if best else position.best_step,
        waited=waited,
        drops=position.drops + drop,
    )


def exhausted(position: Position, training: TrainingConfig) -> bool:
    """Whether the run stops early."""
    return training.patience is not None and position.waited >= training.patience


def reason(position: Position, training: TrainingConfig) -> str:
    """Why it stopped early, for a person."""
    least = training.minimum_improvement
    by = f" by {least:g} nats or more" if least else ""
    times = "1 evaluation" if position.waited == 1 else f"{position.waited} evaluations in a row"
    best = f"{position.best_loss_nats:.4f} nats at step {position.best_step}"
    return f"stopped early: the validation loss did not improve{by} in {times}; the best was {best}"
