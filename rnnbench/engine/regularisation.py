"""What keeps a recurrent network from learning its text by heart. None of it acts on scores and samples.

Everything random here is drawn from torch's random numbers, which a checkpoint keeps: a resumed run draws the same.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from rnnbench.config import ModelConfig, TrainingConfig
from rnnbench.engine.cells import Cell, State


class LockedDropout(nn.Module):
    """Dropout whose mask, one for each lane, is the same at all time steps of a batch (Gal and Ghahramani 2016).

    A fresh mask at every step lets a state average the noise away, and disturbs it at every step; this does neither.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x_TBH: Tensor) -> Tensor:
        """(T, B, H) -> (T, B, H), what is kept scaled by 1 / (1 - share)."""
        if not (self.training and self.share):
            return x_TBH
        return x_TBH * functional.dropout(x_TBH.new_ones(1, *x_TBH.shape[1:]), self.share)


def make_dropout(model: ModelConfig) -> nn.Module:
    """The dropout between layers and before the output."""
    return LockedDropout(model.dropout) if model.locked_dropout else nn.Dropout(model.dropout)


class WordVectors(nn.Embedding):
    """A table of vectors (V, E) that, in training, may lose whole rows: a dropped word is gone wherever it stands.

    Gal and Ghahramani (2016), section 4.2. One draw for each reading, so the two directions of a network that reads
    in both drop words of their own. Tied output weights are not dropped.
    """

    def __init__(self, words: int, size: int, share: float = 0.0) -> None:
        super().__init__(words, size)
        self.share = share

    def table(self) -> Tensor:
        """The rows as they are now, (V, E)."""
        return self.weight * self._mask() if self.training and self.share else self.weight

    def forward(self, ids: Tensor) -> Tensor:
        """(...) -> (..., E)."""
        vectors = functional.embedding(ids, self.weight)
        # The mask is gathered, not multiplied into a table that may be much larger than the batch.
        return vectors * self._mask()[ids] if self.training and self.share else vectors

    def _mask(self) -> Tensor:
        return functional.dropout(self.weight.new_ones(self.num_embeddings, 1), self.share)


def drop_weights(weight: Tensor, share: float) -> Tensor:
    """A recurrent matrix without a share of its connections, the others scaled by 1 / (1 - share).

    DropConnect (Wan et al. 2013) on the hidden-to-hidden matrix, as in Merity et al. (2018), section 2: drawn once for
    a batch, so all its time steps see the same matrix and the loop itself is not touched.
    """
    return functional.dropout(weight, share) if share else weight


def run_cell(cell: Cell, a_TBG: Tensor, state: State, weight_drop: float) -> tuple[Tensor, State]:
    """What a cell makes of its projected input: outputs (T, B, H) and the last state."""
    if not (cell.training and weight_drop):
        read: tuple[Tensor, State] = cell(a_TBG, state)
        return read
    name = "recurrent_weight"
    dropped = {name: drop_weights(cell.get_parameter(name), weight_drop)}
    read = functional_call(cell, dropped, (a_TBG, state))
    return read


@dataclass(frozen=True)
class Penalty:
    """What large and fast-moving outputs of the top layer cost (Merity et al. 2018, section 4.5; Merity et al. 2017).

    activation * mean((m * y_t)^2) + temporal * mean((y_t - y_{t-1})^2), where m is the dropout before the output.
    """

    activation: float
    temporal: float

    def on(self, y_TBH: Tensor, dropped_TBH: Tensor) -> Tensor:
        """The penalty (); over one time step nothing moves."""
        total = self.activation * dropped_TBH.square().mean()
        if len(y_TBH) > 1:
            total = total + self.temporal * (y_TBH[1:] - y_TBH[:-1]).square().mean()
        return total


def make_penalty(training: TrainingConfig) -> Penalty | None:
    """The penalty that the configuration asks for."""
    chosen = Penalty(training.activation_penalty, training.temporal_penalty)
    return chosen if chosen.activation or chosen.temporal else None


def descend_with(loss: Tensor, penalty: Tensor) -> Tensor:
    """A loss of the same value whose gradient is that of loss + penalty: what is reported stays a cross-entropy."""
    return loss + (penalty - penalty.detach())


def drops_nothing(model: ModelConfig) -> bool:
    """Whether the network computes the same in training as when it is scored: nothing in it is dropped."""
    return not (model.dropout or model.embedding_dropout or model.weight_drop)
