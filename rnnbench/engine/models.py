"""Networks with one forward signature: (ids, state) -> (logits, state)."""

import torch
from torch import Tensor, nn

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.engine.cells import CELLS, FIRST_STATE, FUSED, Cell
from rnnbench.engine.cross_entropy import linear_cross_entropy

TORCH_LAYERS: dict[str, type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
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
    """torch.nn's recurrent layers. State (S, L, B, H): S is 2 for the LSTM's h and c, else 1."""

    def __init__(self, model: ModelConfig, inputs: int) -> None:
        super().__init__()
        between = model.dropout if model.layers > 1 else 0.0
        self.layers = TORCH_LAYERS[model.cell](inputs, model.hidden, model.layers, dropout=between)
        self.is_lstm = model.cell == "lstm"

    def forward(self, x_TBE: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the top layer (T, B, H), and the last state."""
        if self.is_lstm:
            y_TBH, (h, c) = self.layers(x_TBE, (state_SLBH[0], state_SLBH[1]))
            return y_TBH, torch.stack((h, c))
        y_TBH, h = self.layers(x_TBE, state_SLBH[0])
        return y_TBH, h.unsqueeze(0)


class ScratchStack(nn.Module):
    """Our own cells, one above the other. Takes vectors, or ids with the table of their vectors (none: one-hot)."""

    def __init__(self, model: ModelConfig, inputs: int) -> None:
        super().__init__()
        kind = (FUSED if chosen_implementation(model) == "fused" else CELLS)[model.cell]
        widths = [inputs] + [model.hidden] * (model.layers - 1)
        self.cells = nn.ModuleList(kind(width, model.hidden) for width in widths)
        self.dropout = nn.Dropout(model.dropout)

    def forward(self, x: Tensor, state_SLBH: Tensor, table_VE: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Outputs of the top layer (T, B, H), and the last state (S, L, B, H). x: ids (T, B) or vectors (T, B, E)."""
        finals = []
        for level, cell in enumerate(self.cells):
            assert isinstance(cell, Cell)
            below = self.dropout(x) if level else x
            a_TBG = cell.project(below) if x.is_floating_point() else cell.look_up(x, table_VE)
            x, final = cell(a_TBG, tuple(state_SLBH[:, level].unbind(0)))
            finals.append(torch.stack(final))
        return x, torch.stack(finals, dim=1)


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
        one_hot = model.input == "one_hot"
        self.implementation = chosen_implementation(model)
        self.embedding = None if one_hot else nn.Embedding(vocabulary, model.embedding)
        inputs = vocabulary if one_hot else model.embedding
        self.stack = (TorchStack if self.implementation == "torch" else ScratchStack)(model, inputs)
        self.dropout = nn.Dropout(model.dropout)
        self.output = nn.Linear(model.hidden, vocabulary)
        if self.embedding is not None and model.tie_weights:
            self.output.weight = self.embedding.weight
        initialise(self, model)

    def initial_state(self, batch: int) -> Tensor:
        """The state (S, L, B, H) before anything has been read: zeros, but for `elman` small numbers from the seed.

        Every lane begins with the same state, so a score does not depend on how many lanes there are.
        """
        weight = self.output.weight
        shape = (sizing.STATES[self.config.cell], self.config.layers, batch, self.config.hidden)
        if self.config.cell != "elman":
            return weight.new_zeros(shape)
        drawn = torch.randn((*shape[:2], 1, shape[3]), generator=torch.Generator().manual_seed(self.seed))
        return (FIRST_STATE * drawn).to(weight).repeat(1, 1, batch, 1)

    def forward(self, ids_TB: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Logits for the token after each (T, B, V), and the last state."""
        y_TBH, state_SLBH = self.read(ids_TB, state_SLBH)
        return self.output(y_TBH), state_SLBH

    def read(self, ids_TB: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """What the output layer sees after each token (T, B, H), and the last state."""
        if self.embedding is None:
            y_TBH, state_SLBH = self.stack(ids_TB, state_SLBH)
        elif self.implementation != "torch" and self.vocabulary <= ids_TB.numel():
            # Fewer words than tokens: the first layer's input product is taken of the table and its rows gathered.
            y_TBH, state_SLBH = self.stack(ids_TB, state_SLBH, self.embedding.weight)
        else:
            y_TBH, state_SLBH = self.stack(self.embedding(ids_TB), state_SLBH)
        return self.dropout(y_TBH), state_SLBH

    def loss(self, ids_TB: Tensor, targets_TB: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy in nats over T x B tokens, and the last state."""
        y_TBH, state_SLBH = self.read(ids_TB, state_SLBH)
        output = self.output
        return linear_cross_entropy(y_TBH.flatten(0, 1), output.weight, output.bias, targets_TB.flatten()), state_SLBH


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
