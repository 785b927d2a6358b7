"""Networks with one forward signature: (ids, state) -> (logits, state)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.engine.cells import CELLS, Cell

TORCH_LAYERS: dict[str, type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_SMALL = 0.01  # the standard deviation from which the tutorials draw their weights


def chosen_implementation(model: ModelConfig) -> str:
    """What `auto` means: torch's layers, but our own loop for one-hot input, which they would need as dense rows."""
    if model.implementation != "auto":
        return model.implementation
    return "scratch" if model.input == "one_hot" else "torch"


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
    """Our own cells, one above the other. Takes ids where the input is one-hot, vectors where it is embedded."""

    def __init__(self, model: ModelConfig, inputs: int) -> None:
        super().__init__()
        kind: type[Cell] = CELLS[model.cell]
        widths = [inputs] + [model.hidden] * (model.layers - 1)
        self.cells = nn.ModuleList(kind(width, model.hidden) for width in widths)
        self.dropout = nn.Dropout(model.dropout)

    def forward(self, x: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the top layer (T, B, H), and the last state (S, L, B, H). x: ids (T, B) or vectors (T, B, E)."""
        finals = []
        for level, cell in enumerate(self.cells):
            assert isinstance(cell, Cell)
            below = self.dropout(x) if level else x
            a_TBG = cell.project(below) if x.is_floating_point() else cell.look_up(x)
            x, final = cell(a_TBG, tuple(state_SLBH[:, level].unbind(0)))
            finals.append(torch.stack(final))
        return x, torch.stack(finals, dim=1)


class LanguageModel(nn.Module):
    """Predicts each next token from those before it."""

    def __init__(self, model: ModelConfig, vocabulary: int) -> None:
        super().__init__()
        self.config, self.vocabulary = model, vocabulary
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
        """Zeros (S, L, B, H): nothing has been read yet."""
        weight = self.output.weight
        shape = (sizing.STATES[self.config.cell], self.config.layers, batch, self.config.hidden)
        return torch.zeros(shape, dtype=weight.dtype, device=weight.device)

    def forward(self, ids_TB: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Logits for the token after each (T, B, V), and the last state."""
        x = ids_TB if self.embedding is None else self.embedding(ids_TB)
        y_TBH, state_SLBH = self.stack(x, state_SLBH)
        return self.output(self.dropout(y_TBH)), state_SLBH

    def loss(self, ids_TB: Tensor, targets_TB: Tensor, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy in nats over T x B tokens, and the last state."""
        logits_TBV, state_SLBH = self(ids_TB, state_SLBH)
        return functional.cross_entropy(logits_TBV.flatten(0, 1), targets_TB.flatten()), state_SLBH


def initialise(network: LanguageModel, model: ModelConfig) -> None:
    """Draw the weights as the configuration says; torch's own draw has already happened."""
    for name, parameter in network.named_parameters():
        if model.initialisation == "normal":
            nn.init.zeros_(parameter) if parameter.dim() == 1 else nn.init.normal_(parameter, std=_SMALL)
        elif model.initialisation == "orthogonal" and ("weight_hh" in name or "recurrent_weight" in name):
            _orthogonal_gates(parameter, model.hidden)
        if model.cell == "lstm" and name.rsplit(".", 1)[-1].startswith(("bias_ih", "input_bias")):
            with torch.no_grad():
                parameter[model.hidden : 2 * model.hidden] += model.forget_bias


def _orthogonal_gates(parameter: Tensor, hidden: int) -> None:
    """Each gate's square recurrent matrix orthogonal on its own (Saxe et al. 2014)."""
    with torch.no_grad():
        gates_first = parameter.shape[0] > parameter.shape[1]
        for block in torch.split(parameter, hidden, dim=0 if gates_first else 1):
            block.copy_(nn.init.orthogonal_(torch.empty(hidden, hidden)))
