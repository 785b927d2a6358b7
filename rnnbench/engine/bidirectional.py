"""A network that guesses a missing token from the text on both sides of it."""

import torch
from torch import Tensor, nn

from rnnbench.config import ModelConfig
from rnnbench.engine.cross_entropy import linear_cross_entropy
from rnnbench.engine.models import (
    Network,
    chosen_implementation,
    first_state,
    initialise,
    make_embedding,
    make_stack,
    read_ids,
)
from rnnbench.engine.regularisation import make_dropout

_WHOLE = slice(None)


class ClozeModel(Network):
    """p(x_t) = softmax(W [forward h_(t-1) ; backward h_(t+1)] + b) (Schuster and Paliwal 1997, joined as here by
    Mousa and Schuller 2017).

    Each direction has layers of its own, one above the other, and the two meet at the output only: a second layer that
    read both would carry x_t from either side back to t. The table of the tokens' vectors is shared. Where a side has
    no text, its part of the output's input is zero.
    """

    def __init__(self, model: ModelConfig, vocabulary: int, *, seed: int = 1) -> None:
        super().__init__()
        self.config, self.vocabulary, self.seed = model, vocabulary, seed
        self.implementation = chosen_implementation(model)
        self.embedding = make_embedding(model, vocabulary)
        self.forwards = make_stack(model, vocabulary)
        self.backwards = make_stack(model, vocabulary)
        self.dropout = make_dropout(model)
        self.output = nn.Linear(2 * model.hidden, vocabulary)
        initialise(self, model)

    def forward(self, ids_TB: Tensor) -> Tensor:
        """Logits (T, B, V) for the token at every position, which do not depend on the token there."""
        logits_TBV: Tensor = self.output(self.read(ids_TB))
        return logits_TBV

    def read(self, ids_TB: Tensor, inside: slice = _WHOLE) -> Tensor:
        """What the output layer sees at the positions of a slice: (positions, B, 2H).

        Each direction reads only as far as the last position that needs it.
        """
        start, stop, _ = inside.indices(len(ids_TB))
        before = self._side(self.forwards, ids_TB[: max(stop - 1, 0)])  # row n: n tokens read from the left
        after = self._side(self.backwards, ids_TB[start + 1 :].flip(0))  # row n: n tokens read from the right
        return self.join(before[start:stop], after[len(ids_TB) - stop : len(ids_TB) - start].flip(0))

    def join(self, before_TBH: Tensor, after_TBH: Tensor) -> Tensor:
        """Both sides of each position, (T, B, 2H)."""
        joined: Tensor = self.dropout(torch.cat((before_TBH, after_TBH), dim=2))
        return joined

    def loss(self, ids_TB: Tensor, targets_TB: Tensor, inside: slice = _WHOLE) -> Tensor:
        """Mean cross-entropy in nats, (), over the positions of a slice; the others are only read."""
        y_NH = self.read(ids_TB, inside).flatten(0, 1)
        return linear_cross_entropy(y_NH, self.output.weight, self.output.bias, targets_TB[inside].flatten())

    def _side(self, stack: nn.Module, ids_TB: Tensor) -> Tensor:
        """What a direction knows before any token, after one, ... after all: (T + 1, B, H)."""
        weight, batch = self.output.weight, ids_TB.shape[1]
        nothing = weight.new_zeros(1, batch, self.config.hidden)
        if not len(ids_TB):
            return nothing  # torch's layers refuse a text of no tokens
        first = first_state(self.config, batch, weight, self.seed)
        return torch.cat((nothing, read_ids(stack, self.embedding, ids_TB, first)[0]))
