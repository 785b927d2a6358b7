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
_OPTIMIZER_COPIES = {"sgd": 0, "asgd": 1, "rmsprop": 1, "adagrad": 1}
_MOST_COPIES = 2  # the two moments of adam and its kind
_RUNTIME_BYTES = 300 << 20  # torch and the interpreter, measured resident on a CPU build


def weight_counts(model: ModelConfig, vocabulary: int, source_vocabulary: int | None = None) -> dict[str, int]:
    """Parameters of each part: embedding, layer 1..n, output; for seq2seq also what reads the source.

    A layer of cloze counts both its directions.
    `source_vocabulary`: tokens that are only read by seq2seq; none where source and target share a vocabulary.
    """
    if model.task == "seq2seq":
        return _encoder_decoder_counts(model, vocabulary, source_vocabulary)
    counts: dict[str, int] = {}
    one_hot = model.input == "one_hot"
    if not one_hot:
        counts["embedding"] = vocabulary * model.embedding
    width = vocabulary if one_hot else model.embedding
    directions = directions_of(model)
    for layer in range(model.layers):
        counts[f"layer {layer + 1}"] = directions * layer_parameters(model.cell, width, model.hidden)
        width = model.hidden
    counts["output"] = vocabulary + (0 if model.tie_weights else directions * model.hidden * vocabulary)
    return counts


def directions_of(model: ModelConfig) -> int:
    """How often every token is read before the output: cloze has layers for each direction."""
    return 2 if model.task == "cloze" else 1


def _encoder_decoder_counts(model: ModelConfig, vocabulary: int, source_vocabulary: int | None) -> dict[str, int]:
    """The parts in the order in which a line passes through them."""
    hidden, directions = model.hidden, 2 if model.bidirectional else 1
    values = directions * hidden  # numbers that the encoder gives for each source token
    counts = {"embedding": vocabulary * model.embedding}
    if source_vocabulary is not None:
        counts["source embedding"] = source_vocabulary * model.embedding
    for layer in range(model.layers):
        width = hidden if layer else model.embedding
        counts[f"encoder layer {layer + 1}"] = directions * layer_parameters(model.cell, width, hidden)
    if model.bidirectional:
        counts["bridge"] = STATES[model.cell] * (2 * hidden * hidden + hidden)
    for layer in range(model.layers):
        width = hidden if layer else model.embedding + (values if model.attention == "none" else 0)
        counts[f"layer {layer + 1}"] = layer_parameters(model.cell, width, hidden)
    if model.attention != "none":
        projected = model.attention == "additive" or model.bidirectional
        own = hidden * hidden + hidden if model.attention == "additive" else 0  # the query's matrix, and the judge
        counts["attention"] = (values + hidden) * hidden + (values * hidden if projected else 0) + own
    counts["output"] = vocabulary + (0 if model.tie_weights else hidden * vocabulary)
    return counts


def layer_parameters(cell: str, inputs: int, hidden: int) -> int:
    """Parameters of one layer: a matrix for each gate's input, one for each gate's state, biases and gains.

    rnn, gru and lstm have two biases for each gate, as torch counts them.
    """
    return GATES[cell] * inputs * hidden + RECURRENT_GATES[cell] * hidden * hidden + VECTORS[cell] * hidden


def parameters(model: ModelConfig, vocabulary: int, source_vocabulary: int | None = None) -> int:
    """Parameters of the whole network."""
    return sum(weight_counts(model, vocabulary, source_vocabulary).values())


def multiply_adds_per_token(model: ModelConfig, vocabulary: int) -> int:
    """Multiply-adds of one forward pass for one token; input by look-up is free, so one-hot costs nothing."""
    first = 0 if model.input == "one_hot" else model.embedding
    inputs = GATES[model.cell] * model.hidden * (first + (model.layers - 1) * model.hidden)
    recurrent = RECURRENT_GATES[model.cell] * model.layers * model.hidden * model.hidden
    return directions_of(model) * (inputs + recurrent + model.hidden * vocabulary)


def training_bytes(config: RunConfig, vocabulary: int, source_vocabulary: int | None = None) -> int:
    """A rough upper estimate of memory while training: weights, gradients, moments, kept activations, torch itself.

    The lines of seq2seq, whose length this does not know, are counted as `steps_per_sequence` tokens on each side.
    """
    model, training = config.model, config.training
    copies = _OPTIMIZER_COPIES.get(training.optimizer, _MOST_COPIES) + (training.momentum > 0)
    weights = parameters(model, vocabulary, source_vocabulary) * (2 + copies)
    steps, directions = training.steps_per_sequence, directions_of(model)
    read = steps + (training.margin if model.task == "cloze" else 0)  # by each direction, in each lane
    if model.task == "seq2seq":
        read, directions = 2 * steps, 1 + model.bidirectional
    per_read = directions * (model.layers * model.hidden * (3 * GATES[model.cell] + 4) + model.embedding * 2)
    numbers = weights + training.batch_size * (read * per_read + steps * vocabulary * 3)
    return _FLOAT_BYTES * numbers + _RUNTIME_BYTES


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
