"""Optimizers by name, averaged weights, clipping."""

import math

import pytest
import torch

from rnnbench.engine import optimization
from rnnbench.engine.averaging import AveragedSGD
from rnnbench.errors import UsageError

KINDS = {
    "sgd": torch.optim.SGD, "asgd": AveragedSGD, "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW, "nadam": torch.optim.NAdam, "radam": torch.optim.RAdam, "adamax": torch.optim.Adamax,
    "adagrad": torch.optim.Adagrad, "adadelta": torch.optim.Adadelta,
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_the_optimizer_is_the_one_that_was_named(name, make_training):
    """With the configured step size, weight decay and, where it has one, momentum; and it moves the weights."""
    training = make_training(optimizer=name, learning_rate=0.25, weight_decay=0.125, momentum=0.5)
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = optimization.make_optimizer([weight], training)
    assert type(optimizer) is KINDS[name]
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.125)
    assert group.get("momentum", 0.5) == 0.5
    weight.grad = torch.tensor([1.0, -2.0])
    optimizer.step()
    assert weight[0] < 1 < weight[1]


def test_every_optimizer_of_the_configuration_is_there(make_training):
    """None of the choices is without an optimizer."""
    from rnnbench.config import fields

    (choices,) = [field.choices for field in fields() if field.key == "training.optimizer"]
    assert set(choices) == set(KINDS)


@pytest.mark.parametrize(("name", "rate"), [("sgd", 1.0), ("asgd", 1.0), ("adadelta", 1.0), ("adagrad", 0.01),
                                            ("rmsprop", 0.001), ("adam", 0.003), ("nadam", 0.003)])  # fmt: skip
def test_an_optimizer_brings_its_own_rate(name, rate, make_training):
    """Where none is given."""
    assert make_training(optimizer=name).learning_rate == rate


def test_plain_sgd_is_the_textbook_update(make_training):
    """w - rate * gradient, at the rate that was set last."""
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = optimization.make_optimizer([weight], make_training(optimizer="sgd", learning_rate=9.0))
    optimization.set_learning_rate(optimizer, 0.5)
    weight.grad = torch.tensor([1.0, -2.0])
    optimizer.step()
    assert weight.tolist() == [0.5, 3.0]


@pytest.mark.parametrize("name", ["sgd", "asgd"])
def test_nesterov_looks_ahead(name, make_training):
    """The first update is rate * (gradient + momentum * gradient)."""
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    training = make_training(optimizer=name, learning_rate=0.5, momentum=0.5, nesterov=True)
    optimizer = optimization.make_optimizer([weight], training)
    weight.grad = torch.tensor([1.0])
    optimizer.step()
    assert weight.tolist() == [0.25]


@pytest.mark.parametrize(
    "values", [{"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0}, {"optimizer": "adam", "momentum": 0.5}]
)
def test_nesterov_needs_a_momentum(values, make_config):
    """Asked for where it would do nothing, it is refused with what it needs."""
    with pytest.raises(UsageError, match=r"nesterov needs optimizer sgd or asgd, and a momentum above 0"):
        make_config(training={"nesterov": True, **values})


@pytest.fixture
def descending(make_training):
    """An averaged SGD at 0 whose gradient is always -1 and whose rate is 1, so that its weight counts its steps."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = optimization.make_optimizer([weight], make_training(optimizer="asgd", learning_rate=1.0))

    def step(count):
        for _ in range(count):
            weight.grad = -torch.ones(1)
            optimizer.step()

    return weight, optimizer, step


def test_averaged_weights_are_the_mean_since_averaging_began(descending):
    """The weights of the beginning are the first of the mean; the descent itself goes on from its own weights."""
    weight, optimizer, step = descending
    step(3)
    assert not optimizer.averaging
    with optimizer.averaged():
        assert weight.item() == 3, "before averaging begins the network has its own weights"
    optimizer.begin()
    step(4)
    assert optimizer.averaging and weight.item() == 7
    with optimizer.averaged():
        assert weight.item() == pytest.approx((3 + 4 + 5 + 6 + 7) / 5)
    assert weight.item() == 7
    step(1)
    assert weight.item() == 8


def test_own_weights_come_back_after_an_error(descending):
    """A score that is broken off does not leave the mean in the network."""
    weight, optimizer, step = descending
    optimizer.begin()
    step(2)
    with pytest.raises(KeyboardInterrupt), optimizer.averaged():
        raise KeyboardInterrupt
    assert weight.item() == 2


@pytest.mark.parametrize(("limit", "factor"), [(1.0, 0.1), (20.0, 1.0), (None, 1.0)])
def test_clipping_scales_the_global_norm(limit, factor):
    """Gradients above the limit are scaled together, others are left alone, and the norm before is told."""
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
    parameters[0].grad, parameters[1].grad = torch.tensor([6.0, 0.0]), torch.tensor([8.0])
    norm = optimization.clip(parameters, limit)
    assert float(norm) == pytest.approx(10.0)
    assert parameters[0].grad.tolist() == pytest.approx([6.0 * factor, 0.0], rel=1e-5)
    assert parameters[1].grad.tolist() == pytest.approx([8.0 * factor], rel=1e-5)


@pytest.mark.parametrize(("limit", "largest", "clipped"), [
    (None, 7.0, [6.0, -7.0]), (5.0, None, [3.0, -4.0]), (5.0, 3.5, [3.0, -3.5]), (None, None, [6.0, -8.0]),
])  # fmt: skip
def test_clipping_cuts_each_number(limit, largest, clipped):
    """After the norm, each number by itself, with its sign; the norm that is told is still the one before."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([6.0, -8.0])
    assert float(optimization.clip([parameter], limit, largest)) == pytest.approx(10.0)
    assert parameter.grad.tolist() == pytest.approx(clipped, rel=1e-5)


def test_a_norm_that_is_not_finite_is_told():
    """An infinite gradient shows in the norm, so that the trainer can refuse it."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([math.inf, 1.0])
    assert not math.isfinite(float(optimization.clip([parameter], 1.0, 0.5)))
