"""Optimizers, the learning rate over the budget, clipping."""

import math

import pytest
import torch

from rnnbench.engine import optimization
from rnnbench.engine.optimization import learning_rate


@pytest.mark.parametrize(("name", "kind"), [
    ("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW),
])  # fmt: skip
def test_the_optimizer_is_the_one_that_was_named(name, kind, make_training):
    """With the configured step size and weight decay."""
    training = make_training(optimizer=name, learning_rate=0.25, weight_decay=0.125, momentum=0.5)
    optimizer = optimization.make_optimizer([torch.nn.Parameter(torch.ones(2))], training)
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.125)
    assert group.get("momentum", 0.5) == 0.5


def test_plain_sgd_is_the_textbook_update(make_training):
    """w - rate * gradient, at the rate that was set last."""
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = optimization.make_optimizer([weight], make_training(optimizer="sgd", learning_rate=9.0))
    optimization.set_learning_rate(optimizer, 0.5)
    weight.grad = torch.tensor([1.0, -2.0])
    optimizer.step()
    assert weight.tolist() == [0.5, 3.0]


def test_a_constant_rate_stays(make_training):
    """No schedule, no warm-up: the rate is the one that was chosen."""
    training = make_training(learning_rate=0.25)
    assert {learning_rate(training, step, step / 100) for step in range(101)} == {0.25}


def test_warm_up_is_linear_and_never_zero(make_training):
    """The first step already moves; the last warm-up step has the whole rate."""
    training = make_training(learning_rate=0.8, warmup_steps=4)
    assert [learning_rate(training, step, 0.0) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_the_cosine_falls_from_the_rate_to_its_end(make_training):
    """Whole at the start, half way between at half the budget, two per cent at its end, and never rising."""
    training = make_training(learning_rate=1.0, schedule="cosine")
    rates = [learning_rate(training, 10, done / 50) for done in range(51)]
    assert rates[0] == 1.0 and rates[25] == pytest.approx(0.51) and rates[-1] == pytest.approx(0.02)
    assert rates == sorted(rates, reverse=True)
    assert learning_rate(training, 10, 1.7) == pytest.approx(0.02)
    assert learning_rate(training, 10, -0.1) == 1.0


@pytest.mark.parametrize(("limit", "factor"), [(1.0, 0.1), (20.0, 1.0), (None, 1.0)])
def test_clipping_scales_the_global_norm(limit, factor, make_training):
    """Gradients above the limit are scaled together, others are left alone, and the norm before is told."""
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
    parameters[0].grad, parameters[1].grad = torch.tensor([6.0, 0.0]), torch.tensor([8.0])
    norm = optimization.clip(parameters, limit)
    assert float(norm) == pytest.approx(10.0)
    assert parameters[0].grad.tolist() == pytest.approx([6.0 * factor, 0.0], rel=1e-5)
    assert parameters[1].grad.tolist() == pytest.approx([8.0 * factor], rel=1e-5)


def test_a_norm_that_is_not_finite_is_told(make_training):
    """An infinite gradient shows in the norm, so that the trainer can refuse it."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([math.inf, 1.0])
    assert not math.isfinite(float(optimization.clip([parameter], 1.0)))
