"""How large a network is, in plain numbers: the form shows it while typing, without loading torch."""

from rnnbench.config import ModelConfig, RunConfig

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
STATES = {"rnn": 1, "gru": 1, "lstm": 2}
_FLOAT_BYTES = 4
_OPTIMIZER_COPIES = {"sgd": 0, "adam": 2, "adamw": 2}
_RUNTIME_BYTES = 300 << 20  # torch and the interpreter, measured resident on a CPU build


def weight_counts(model: ModelConfig, vocabulary: int) -> dict[str, int]:
    """Parameters of each part: embedding, layer 1..n, output."""
    counts: dict[str, int] = {}
    one_hot = model.input == "one_hot"
    if not one_hot:
        counts["embedding"] = vocabulary * model.embedding
    width = vocabulary if one_hot else model.embedding
    for layer in range(model.layers):
        counts[f"layer {layer + 1}"] = layer_parameters(model.cell, width, model.hidden)
        width = model.hidden
    counts["output"] = vocabulary + (0 if model.tie_weights else model.hidden * vocabulary)
    return counts


def layer_parameters(cell: str, inputs: int, hidden: int) -> int:
    """Parameters of one layer: input and recurrent matrices and two biases for each gate, as torch counts them."""
    return GATES[cell] * (inputs * hidden + hidden * hidden + 2 * hidden)


def parameters(model: ModelConfig, vocabulary: int) -> int:
    """Parameters of the whole network."""
    return sum(weight_counts(model, vocabulary).values())


def multiply_adds_per_token(model: ModelConfig, vocabulary: int) -> int:
    """Multiply-adds of one forward pass for one token; input by look-up is free, so one-hot costs nothing."""
    gates = GATES[model.cell]
    first = 0 if model.input == "one_hot" else model.embedding
    recurrent = gates * model.hidden * (first + model.hidden)
    above = (model.layers - 1) * gates * model.hidden * 2 * model.hidden
    return recurrent + above + model.hidden * vocabulary


def training_bytes(config: RunConfig, vocabulary: int) -> int:
    """A rough upper estimate of memory while training: weights, gradients, moments, kept activations, torch itself."""
    model, training = config.model, config.training
    weights = parameters(model, vocabulary) * (2 + _OPTIMIZER_COPIES[training.optimizer])
    tokens = training.batch_size * training.steps_per_sequence
    per_token = model.layers * model.hidden * (3 * GATES[model.cell] + 4) + model.embedding * 2 + vocabulary * 3
    return _FLOAT_BYTES * (weights + tokens * per_token) + _RUNTIME_BYTES
