"""Networks with one forward signature: (ids, state) -> (logits, state)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.engine.cells import CELLS, FIRST_STATE, FUSED, Cell
from rnnbench.engine.cross_entropy import linear_cross_entropy
from rnnbench.engine.precision import in_full, where_it_can, widened
from rnnbench.engine.regularisation import (
    Penalty,
    WordVectors,
    descend_with,
    drop_weights,
    make_dropout,
    run_cell,
)

TORCH_LAYERS: dict[str, type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_FUNCTIONS: dict[str, Callable[..., tuple[Tensor, ...]]] = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}
_SMALL = 0.01  # the standard deviation from which the tutorials draw their weights


def chosen_implementation(model: ModelConfig) -> str:
    """What `auto` means: torch's layers, but our fast form for one-hot input, which they would need as dense rows, and
    our plain loop for cells that torch lacks."""
    if model.implementation != "auto":
        return model.implementation
    if model.cell not in TORCH_LAYERS:
        return "scratch"
    return "fused" if model.input == "one_hot" else "torch"


class TorchStack(nn.Module):
    """torch.nn's recurrent layers. State (S, L, B, H): S is 2 for the LSTM's h and c, else 1.

    They cannot lock a mask or drop weights: where that is asked for, training calls the same function of torch layer
    by layer.
    """

    def __init__(self, model: ModelConfig, inputs: int) -> None:
        super().__init__()
        between = model.dropout if model.layers > 1 else 0.0
        self.layers = TORCH_LAYERS[model.cell](inputs, model.hidden, model.layers, dropout=between)
        self.cell, self.is_lstm = model.cell, model.cell == "lstm"
        self.dropout, self.weight_drop = make_dropout(model), model.weight_drop
        self.by_layer = bool(model.weight_drop or (between and model.locked_dropout))

    def forward(self, x_TBE: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the top layer (T, B, H), and the last state."""
        with where_it_can(x_TBE):
            read = self._layer_by_layer if self.by_layer and self.training else self._all_layers
            return read(widened(x_TBE), state_SLBH)

    def _all_layers(self, x_TBE: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        if self.is_lstm:
            y_TBH, (h, c) = self.layers(x_TBE, (state_SLBH[0], state_SLBH[1]))
            return y_TBH, torch.stack((h, c))
        y_TBH, h = self.layers(x_TBE, state_SLBH[0])
        return y_TBH, h.unsqueeze(0)

    def _layer_by_layer(self, x: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        finals = []
        for level, weights in enumerate(self.layers.all_weights):
            w_x, w_h, *biases = weights  # torch's order; (G*H, E), (G*H, H), two of (G*H)
            before_S1BH = state_SLBH[:, level : level + 1]
            first = tuple(before_S1BH.unbind(0)) if self.is_lstm else before_S1BH[0]
            dropped = [w_x, drop_weights(w_h, self.weight_drop), *biases]
            below = self.dropout(x) if level else x
            # after the weights: has biases, one layer, no dropout inside, training, one direction, time first
            x, *final = _FUNCTIONS[self.cell](below, first, dropped, True, 1, 0.0, True, False, False)
            finals.append(torch.stack(final))
        return x, torch.cat(finals, dim=1)


class ScratchStack(nn.Module):
    """Our own cells, one above the other. Takes vectors, or ids with the table of their vectors (none: one-hot)."""

    def __init__(self, model: ModelConfig, inputs: int) -> None:
        super().__init__()
        kind = (FUSED if chosen_implementation(model) == "fused" else CELLS)[model.cell]
        widths = [inputs] + [model.hidden] * (model.layers - 1)
        self.cells = nn.ModuleList(kind(width, model.hidden) for width in widths)
        self.dropout, self.weight_drop = make_dropout(model), model.weight_drop

    def forward(self, x: Tensor, state_SLBH: Tensor, table_VE: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Outputs of the top layer (T, B, H), and the last state (S, L, B, H). x: ids (T, B) or vectors (T, B, E)."""
        finals = []
        for level, cell in enumerate(self.cells):
            assert isinstance(cell, Cell)
            below = self.dropout(x) if level else x
            a_TBG = cell.project(below) if x.is_floating_point() else cell.look_up(x, table_VE)
            with in_full(a_TBG):  # a loop over time adds its errors up
                x, final = run_cell(cell, widened(a_TBG), tuple(state_SLBH[:, level].unbind(0)), self.weight_drop)
            finals.append(torch.stack(final))
        return x, torch.stack(finals, dim=1)


def make_embedding(model: ModelConfig, vocabulary: int) -> WordVectors | None:
    """The table of the tokens' vectors; None where a token enters the first layer as one-hot."""
    return None if model.input == "one_hot" else WordVectors(vocabulary, model.embedding, model.embedding_dropout)


def make_stack(model: ModelConfig, vocabulary: int) -> TorchStack | ScratchStack:
    """The recurrent layers that read tokens in one direction."""
    inputs = vocabulary if model.input == "one_hot" else model.embedding
    return (TorchStack if chosen_implementation(model) == "torch" else ScratchStack)(model, inputs)


def read_ids(
    stack: nn.Module, embedding: WordVectors | None, ids_TB: Tensor, state_SLBH: Tensor
) -> tuple[Tensor, Tensor]:
    """What a stack makes of ids: outputs of its top layer (T, B, H), and its last state."""
    read: tuple[Tensor, Tensor]
    if embedding is None:
        read = stack(ids_TB, state_SLBH)
    elif isinstance(stack, ScratchStack) and embedding.num_embeddings <= ids_TB.numel():
        # Fewer words than tokens: the first layer's input product is taken of the table and its rows gathered.
        read = stack(ids_TB, state_SLBH, embedding.table())
    else:
        read = stack(embedding(ids_TB), state_SLBH)
    return read


class Network(nn.Module):
    """A network of any task. `implementation` says which form of its cells runs."""

    implementation: str


class LanguageModel(Network):
    """Predicts each next token from those before it.

    The weights come from torch's random numbers, the first state, where a cell draws one, from `seed`: the same seed
    gives it again when the model is opened to be scored or sampled.
    """

    def __init__(self, model: ModelConfig, vocabulary: int, *, seed: int = 1) -> None:
        super().__init__()
        self.config, self.vocabulary, self.seed = model, vocabulary, seed
        self.implementation = chosen_implementation(model)
        self.embedding = make_embedding(model, vocabulary)
        self.stack = make_stack(model, vocabulary)
        self.dropout = make_dropout(model)
        self.output = nn.Linear(model.hidden, vocabulary)
        if self.embedding is not None and model.tie_weights:
            self.output.weight = self.embedding.weight
        initialise(self, model)

    def initial_state(self, batch: int) -> Tensor:
        """The state (S, L, B, H) before anything has been read: zeros, but for `elman` small numbers from the seed.

        Every lane begins with the same state, so a score does not depend on how many lanes there are.
        """
        return first_state(self.config, batch, self.output.weight, self.seed)

    def forward(self, ids_TB: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Logits for the token after each (T, B, V), and the last state."""
        y_TBH, state_SLBH = self.read(ids_TB, state_SLBH)
        return self.output(y_TBH), state_SLBH

    def read(self, ids_TB: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """What the output layer sees after each token (T, B, H), and the last state."""
        y_TBH, state_SLBH = read_ids(self.stack, self.embedding, ids_TB, state_SLBH)
        return self.dropout(y_TBH), state_SLBH

    def loss(
        self, ids_TB: Tensor, targets_TB: Tensor, state_SLBH: Tensor, penalty: Penalty | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy in nats over T x B tokens, and the last state. A penalty acts on the gradient only."""
        y_TBH, state_SLBH = read_ids(self.stack, self.embedding, ids_TB, state_SLBH)
        dropped_TBH, output = self.dropout(y_TBH), self.output
        loss = linear_cross_entropy(dropped_TBH.flatten(0, 1), output.weight, output.bias, targets_TB.flatten())
        if penalty is not None:
            loss = descend_with(loss, penalty.on(widened(y_TBH), widened(dropped_TBH)))
        return loss, state_SLBH


def first_state(model: ModelConfig, batch: int, weight: Tensor, seed: int) -> Tensor:
    """The state (S, L, B, H) of a stack that has read nothing, on the device and of the type of a weight."""
    shape = (sizing.STATES[model.cell], model.layers, batch, model.hidden)
    if model.cell != "elman":
        return weight.new_zeros(shape)
    drawn = torch.randn((*shape[:2], 1, shape[3]), generator=torch.Generator().manual_seed(seed))
    return (FIRST_STATE * drawn).to(weight).repeat(1, 1, batch, 1)


def initialise(network: Network, model: ModelConfig) -> None:
    """Draw the weights as the configuration says; torch's own draw has already happened."""
    for name, parameter in network.named_parameters():
        if model.initialisation == "normal" and not name.endswith("_gain"):
            nn.init.zeros_(parameter) if parameter.dim() == 1 else nn.init.normal_(parameter, std=_SMALL)
        elif model.initialisation == "orthogonal" and ("weight_hh" in name or "recurrent_weight" in name):
            _orthogonal_gates(parameter, model.hidden)
        if "lstm" in model.cell and name.rsplit(".", 1)[-1].startswith(("bias_ih", "input_bias")):
            with torch.no_grad():
                parameter[model.hidden : 2 * model.hidden] += model.forget_bias


def _orthogonal_gates(parameter: Tensor, hidden: int) -> None:
    """Each gate's square recurrent matrix orthogonal on its own (Saxe et al. 2014)."""
    with torch.no_grad():
        gates_first = parameter.shape[0] > parameter.shape[1]  # torch's layers hold the transpose
        for block in torch.split(parameter, hidden, dim=0 if gates_first else 1):
            block.copy_(nn.init.orthogonal_(torch.empty(hidden, hidden)))
