"""How large a network is, in plain numbers: the form shows it while typing, without loading torch."""

from rnnbench.config import ModelConfig, RunConfig

GATES = {
    "rnn": 1,
    "elman": 1,
    "gru": 3,
    "gru_reset_before": 3,
    "lstm": 4,
    "lstm_layer_norm": 4,
    "min_gru": 2,
    "min_lstm": 3,
}
STATES = {cell: 2 if cell in ("lstm", "lstm_layer_norm") else 1 for cell in GATES}
RECURRENT_GATES = {cell: 0 if cell.startswith("min_") else gates for cell, gates in GATES.items()}
"""Gates that read the state, each by a matrix of its own."""
VECTORS = {
    "rnn": 2,
    "elman": 1,
    "gru": 6,
    "gru_reset_before": 3,
    "lstm": 8,
    "lstm_layer_norm": 14,
    "min_gru": 2,
    "min_lstm": 3,
}
"""Biases and gains of a layer, counted in vectors of the size of the state."""
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
    """Parameters of one layer: a matrix for each gate's input, one for each gate's state, biases and gains.

    rnn, gru and lstm have two biases for each gate, as torch counts them.
    """
    return GATES[cell] * inputs * hidden + RECURRENT_GATES[cell] * hidden * hidden + VECTORS[cell] * hidden


def parameters(model: ModelConfig, vocabulary: int) -> int:
    """Parameters of the whole network."""
    return sum(weight_counts(model, vocabulary).values())


def multiply_adds_per_token(model: ModelConfig, vocabulary: int) -> int:
    """Multiply-adds of one forward pass for one token; input by look-up is free, so one-hot costs nothing."""
    first = 0 if model.input == "one_hot" else model.embedding
    inputs = GATES[model.cell] * model.hidden * (first + (model.layers - 1) * model.hidden)
    recurrent = RECURRENT_GATES[model.cell] * model.layers * model.hidden * model.hidden
    return inputs + recurrent + model.hidden * vocabulary


def training_bytes(config: RunConfig, vocabulary: int) -> int:
    """A rough upper estimate of memory while training: weights, gradients, moments, kept activations, torch itself."""
    model, training = config.model, config.training
    weights = parameters(model, vocabulary) * (2 + _OPTIMIZER_COPIES[training.optimizer])
    tokens = training.batch_size * training.steps_per_sequence
    per_token = model.layers * model.hidden * (3 * GATES[model.cell] + 4) + model.embedding * 2 + vocabulary * 3
    return _FLOAT_BYTES * (weights + tokens * per_token) + _RUNTIME_BYTES


def layer_table() -> str:
    """The sizes of one layer of every cell, as the Markdown table of docs/models.md: E inputs, H units."""
    rows = [
        "| cell | gates | states | parameters of a layer | E 128, H 256 | E 256, H 512 |",
        "|---|---|---|---|---|---|",
    ]
    for cell, gates in GATES.items():
        terms = ((gates, "EH"), (RECURRENT_GATES[cell], "H²"), (VECTORS[cell], "H"))
        formula = " + ".join(f"{count if count > 1 else ''}{term}" for count, term in terms if count)
        examples = f"{layer_parameters(cell, 128, 256):,} | {layer_parameters(cell, 256, 512):,}"
        rows.append(f"| `{cell}` | {gates} | {STATES[cell]} | {formula} | {examples} |")
    return "\n".join(rows) + "\n"
