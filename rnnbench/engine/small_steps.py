"""One token, one update: plain SGD on a simple recurrent network, with the gradient written out.

With one sequence and one time step the gradient reaches back over a single step, and every matrix's gradient is an
outer product of two vectors. So it needs no matrix of its own: the product goes straight into the weights, only the row
of the word that was read is touched, and the gradient's norm is that of the vectors, since |u v^T| = |u| |v|.
At this size a framework spends its time between the operations. Here are about twenty to a token, none of them through
automatic differentiation, and many tokens follow each other before anybody else has a turn.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnbench.config import RunConfig, TrainingConfig
from rnnbench.engine import regularisation
from rnnbench.engine.cells import RecurrentCell
from rnnbench.engine.cells.elman import ElmanCell
from rnnbench.engine.cells.rnn import RNNCell
from rnnbench.engine.models import LanguageModel, ScratchStack

_SMALL = 1e-6  # what torch's clipping adds to the norm before it divides by it
_KNOWN = ("batches", "batch_size", "steps_per_sequence", "optimizer", "learning_rate", "clip_norm", "seed")
_BUDGETS = ("epochs", "max_steps", "minutes", "patience", "minimum_improvement")


@dataclass(frozen=True)
class StepsTaken:
    """The loss of each step in nats (N,), the state after the last (S, L, B, H), its gradient's norm before clipping.

    Where the last loss or the norm is not finite, that step was not taken.
    """

    losses_N: Tensor
    state: Tensor
    norm: float


class SmallSteps:
    """Updates a network of one `rnn` or `elman` layer over one-hot tokens, in place.

    With the state h before and y after a token, the loss -log softmax(W y + b)[target] and its one-hot vector t:
    e = softmax(W y + b) - t,  d = W^T e * y'          (backpropagation through one step; Werbos 1990)
    dW = e y^T,  db = e,  dW_hh = h d^T,  dW_xh[token] = d, and d for each of the cell's biases.
    """

    def __init__(self, network: LanguageModel, clip_norm: float | None) -> None:
        stack, output = network.stack, network.output
        assert isinstance(stack, ScratchStack)
        cell = stack.cells[0]
        assert isinstance(cell, RecurrentCell)
        biases = (cell.input_bias, cell.recurrent_bias)
        self._sigmoid, self._clip_norm = isinstance(cell, ElmanCell), clip_norm
        self._rows_VH, self._w_HH = cell.input_weight.detach(), cell.recurrent_weight.detach()
        self._biases_H = [bias.detach() for bias in biases if bias is not None]
        self._w_VH, self._b_V = output.weight.detach(), output.bias.detach()
        self._into_HH, self._back_HV = self._w_HH.t(), self._w_VH.t()
        self._one = self._b_V.new_ones(())

    def take(self, pairs: Iterable[tuple[int, int]], state: Tensor, rate: float) -> StepsTaken:
        """One update for each token and the one that follows it, at least one."""
        h_H, norm, losses = state.view(-1), 0.0, []
        for token, target in pairs:
            y_H = self._read(token, h_H)
            loss, e_V = self._predict(y_H, target)
            d_H = torch.mv(self._back_HV, e_V).mul_(self._slope(y_H))
            norm = self._norm(h_H, y_H, d_H, e_V)
            losses.append(loss)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                break
            scale = 1.0 if self._clip_norm is None else min(1.0, self._clip_norm / (norm + _SMALL))
            self._descend(token, h_H, y_H, d_H, e_V, -rate * scale)
            h_H = y_H
        return StepsTaken(torch.tensor(losses, dtype=torch.float64), h_H.view(state.shape), norm)

    def _read(self, token: int, h_H: Tensor) -> Tensor:
        """The state after a token."""
        a_H = self._rows_VH[token]
        for bias_H in self._biases_H:
            a_H = a_H + bias_H
        y_H = torch.addmv(a_H, self._into_HH, h_H)
        return y_H.sigmoid_() if self._sigmoid else y_H.tanh_()

    def _predict(self, y_H: Tensor, target: int) -> tuple[float, Tensor]:
        """The loss, and its gradient by the logits: softmax minus one-hot."""
        log_p_V = torch.log_softmax(torch.addmv(self._b_V, self._w_VH, y_H), 0)
        chosen = log_p_V[target]
        loss = -chosen.item()
        e_V = log_p_V.exp_()
        chosen.sub_(self._one)
        return loss, e_V

    def _slope(self, y_H: Tensor) -> Tensor:
        """y (1 - y) where y is a sigmoid, 1 - y^2 where it is a tanh."""
        return torch.addcmul(y_H if self._sigmoid else self._one, y_H, y_H, value=-1)

    def _norm(self, h_H: Tensor, y_H: Tensor, d_H: Tensor, e_V: Tensor) -> float:
        """The global norm of all gradients: an outer product's is the product of its vectors'."""
        h, y = torch.dot(h_H, h_H).item(), torch.dot(y_H, y_H).item()
        d, e = torch.dot(d_H, d_H).item(), torch.dot(e_V, e_V).item()
        return math.sqrt(e * (y + 1) + d * (h + 1 + len(self._biases_H)))

    def _descend(self, token: int, h_H: Tensor, y_H: Tensor, d_H: Tensor, e_V: Tensor, scale: float) -> None:
        """Every weight moves by its gradient times `scale`."""
        self._w_VH.addr_(e_V, y_H, alpha=scale)
        self._b_V.add_(e_V, alpha=scale)
        self._w_HH.addr_(h_H, d_H, alpha=scale)
        for vector_H in (self._rows_VH[token], *self._biases_H):
            vector_H.add_(d_H, alpha=scale)


def make_small_steps(network: LanguageModel, config: RunConfig, device: torch.device) -> SmallSteps | None:
    """The fast form where it does the same as the general one; None elsewhere."""
    model, training = config.model, config.training
    fits = (
        device.type == "cpu"
        and (training.batches, training.batch_size, training.steps_per_sequence) == ("sequential", 1, 1)
        and training.optimizer == "sgd"
        and (model.input, model.layers) == ("one_hot", 1)
        and regularisation.drops_nothing(model)
        and config.machine.precision == "float32"
        and isinstance(network.stack, ScratchStack)
        and isinstance(network.stack.cells[0], RNNCell | ElmanCell)
    )
    return SmallSteps(network, training.clip_norm) if fits and _all_known(training) else None


def _all_known(training: TrainingConfig) -> bool:
    """Whether every choice is left at its default but those that are seen to here, and those of when to end."""
    others = TrainingConfig.model_fields.keys() - {*_KNOWN, *_BUDGETS}
    return all(getattr(training, name) == TrainingConfig.model_fields[name].default for name in others)
