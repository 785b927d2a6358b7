"""The form's figures are those of the real network."""

from collections.abc import Callable
from typing import Any

import pytest

from rnnbench import config as configuration
from rnnbench import sizing
from rnnbench.config import ModelConfig, RunConfig

CHOICES = {field.name: field.choices for field in configuration.fields() if field.section == "model"}
PLAIN: list[dict[str, Any]] = [
    {"cell": cell, "implementation": implementation, "input": kind, "layers": layers, "hidden": 7, "embedding": 5}
    for cell in CHOICES["cell"]
    for implementation in CHOICES["implementation"]
    for kind in CHOICES["input"]
    for layers in (1, 3)
]
SPECIAL: list[dict[str, Any]] = [
    *({"cell": cell, "tie_weights": True, "hidden": 6, "embedding": 6} for cell in CHOICES["cell"]),
    {"hidden": 1, "embedding": 1},
    {"hidden": 3, "embedding": 9, "layers": 2},
    {"dropout": 0.5, "layers": 2, "hidden": 4, "initialisation": "orthogonal", "forget_bias": 1.0},
]
MODELS = [model for model in PLAIN + SPECIAL if not configuration.check({"corpus": {"file": "x"}, "model": model})]


def named(model: dict[str, Any]) -> str:
    """A model in one short word."""
    return "-".join(str(value) for value in model.values())


@pytest.mark.parametrize("vocabulary", [2, 31])
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_parameters_are_those_of_the_real_network(model: dict[str, Any], vocabulary: int) -> None:
    """What the form shows while typing is what torch counts, part by part and in all."""
    from rnnbench.engine.models import LanguageModel

    config = ModelConfig.model_validate(model)
    network = LanguageModel(config, vocabulary)
    assert sizing.parameters(config, vocabulary) == sum(parameter.numel() for parameter in network.parameters())
    counts = sizing.weight_counts(config, vocabulary)
    assert [name for name in counts if name.startswith("layer")] == [f"layer {i + 1}" for i in range(config.layers)]
    stack = sum(parameter.numel() for parameter in network.stack.parameters())
    assert sum(count for name, count in counts.items() if name.startswith("layer")) == stack


@pytest.mark.parametrize("cell", CHOICES["cell"])
def test_states_are_those_of_the_real_network(cell: str) -> None:
    """One vector for each layer and sequence, or two where a cell has a memory beside its output."""
    import torch

    from rnnbench.engine.models import LanguageModel

    network = LanguageModel(ModelConfig.model_validate({"cell": cell, "hidden": 3, "layers": 2, "embedding": 4}), 5)
    logits, state = network(torch.zeros((9, 7), dtype=torch.int64), network.initial_state(7))
    assert state.shape == (sizing.STATES[cell], 2, 7, 3)
    assert logits.shape == (9, 7, 5)


def test_multiply_adds_by_hand() -> None:
    """An LSTM of 3 units on embeddings of 2 and 5 symbols: 4 x 3 x (2 + 3) in the layer and 3 x 5 in the output."""
    model = ModelConfig(cell="lstm", hidden=3, embedding=2)
    assert sizing.multiply_adds_per_token(model, 5) == 4 * 3 * (2 + 3) + 3 * 5
    two = ModelConfig(cell="gru", hidden=3, embedding=2, layers=2)
    assert sizing.multiply_adds_per_token(two, 5) == 3 * 3 * (2 + 3) + 3 * 3 * (3 + 3) + 3 * 5


def test_one_hot_input_costs_no_multiplication() -> None:
    """A one-hot row times a matrix is a look-up: only the recurrent product and the output are left."""
    model = ModelConfig(cell="rnn", hidden=3, input="one_hot")
    assert sizing.multiply_adds_per_token(model, 100) == 3 * 3 + 3 * 100


@pytest.mark.parametrize(
    "larger",
    [
        {"training": {"optimizer": "sgd", "batch_size": 400}},
        {"training": {"optimizer": "sgd", "steps_per_sequence": 800}},
        {"training": {"optimizer": "sgd"}, "model": {"hidden": 800}},
        {"training": {"optimizer": "sgd"}, "model": {"layers": 9, "hidden": 80}},
        {"training": {"optimizer": "adam"}},
    ],
    ids=str,
)
def test_memory_grows_with_what_is_asked(make_config: Callable[..., RunConfig], larger: dict[str, Any]) -> None:
    """A larger batch, sequence or layer, or an optimizer with moments needs more; torch itself is counted too."""
    small = sizing.training_bytes(make_config(training={"optimizer": "sgd"}), 100)
    assert small > 300 << 20
    assert sizing.training_bytes(make_config(**larger), 100) > small
