"""The encoder-decoder: one stack reads a source line, another writes the target line (Sutskever et al. 2014).

The decoder sees the source through its first state, and through attention or, without it, one fixed vector.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnnbench.config import ModelConfig
from rnnbench.engine.attention import ATTENTIONS, Attention
from rnnbench.engine.cross_entropy import linear_cross_entropy
from rnnbench.engine.models import (
    Network,
    ScratchStack,
    TorchStack,
    chosen_implementation,
    first_state,
    initialise,
    read_ids,
)
from rnnbench.engine.regularisation import WordVectors, make_dropout

IGNORED = -100
"""The target of a padded position; torch's `ignore_index`."""


@dataclass(frozen=True)
class Memory:
    """What is left of a source line when the decoder begins.

    `keys` (S, B, K) are compared with the decoder's outputs, `values` (S, B, D) averaged by what fits; S is 0 without
    attention. `context` (B, D) enters the decoder at every step; D is 0 with attention. `state` is the decoder's first
    state; its S, as everywhere in a state, is the number of vectors a cell carries: (S, L, B, H).
    """

    keys: Tensor
    values: Tensor
    context: Tensor
    state: Tensor

    def lanes(self, chosen_N: Tensor) -> "Memory":
        """The memory of these lanes in this order, as often as they are named: N lanes in place of B."""
        return Memory(
            keys=self.keys.index_select(1, chosen_N),
            values=self.values.index_select(1, chosen_N),
            context=self.context.index_select(0, chosen_N),
            state=self.state.index_select(2, chosen_N),
        )


class Bridge(nn.Module):
    """The last states of two encoders made the first of one decoder; one matrix for each kind of state.

    h = tanh([forward ; backward] W_h + b_h), which keeps an output in the range of one (Bahdanau et al. 2015,
    appendix A.2.2, from the backward encoder alone); the memory c of LSTM-like cells has no range: no tanh.
    """

    def __init__(self, hidden: int, kinds: int) -> None:
        super().__init__()
        self.kinds = nn.ModuleList(nn.Linear(2 * hidden, hidden) for _ in range(kinds))

    def forward(self, states_SLBD: Tensor) -> Tensor:
        """(S, L, B, 2H) -> (S, L, B, H)."""
        h, *others = [join(states_LBD) for join, states_LBD in zip(self.kinds, states_SLBD.unbind(0), strict=True)]
        return torch.stack([torch.tanh(h), *others])


class EncoderDecoder(Network):
    """Predicts each token of a target line from its source line and the target's tokens before it.

    Sources of a batch have one length S; targets may be padded at their ends. Ids are time first. The encoder begins
    from the state any stack begins from; `seed` is that state's, for cells that draw it. Without attention the
    encoder's last output is the fixed vector beside every decoder input (Cho et al. 2014, section 2.2).
    """

    def __init__(
        self,
        model: ModelConfig,
        source_vocabulary: int,
        target_vocabulary: int,
        *,
        shared: bool = False,
        seed: int = 1,
    ) -> None:
        super().__init__()
        assert not shared or source_vocabulary == target_vocabulary, "one table has one number of rows"
        self.config, self.shared, self.seed = model, shared, seed
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        self.implementation = chosen_implementation(model)
        stack = TorchStack if self.implementation == "torch" else ScratchStack
        values = 2 * model.hidden if model.bidirectional else model.hidden
        self.embedding = WordVectors(target_vocabulary, model.embedding, model.embedding_dropout)
        self.source_embedding = self.embedding
        if not shared:
            self.source_embedding = WordVectors(source_vocabulary, model.embedding, model.embedding_dropout)
        self.encoder = stack(model, model.embedding)
        self.reverse_encoder = stack(model, model.embedding) if model.bidirectional else None
        self.bridge = Bridge(model.hidden, len(self._first_state(1))) if model.bidirectional else None
        self.attention = _attention(model, values)
        self.stack = stack(model, model.embedding + (values if self.attention is None else 0))
        self.dropout = make_dropout(model)
        self.output = nn.Linear(model.hidden, target_vocabulary)
        if model.tie_weights:
            self.output.weight = self.embedding.weight
        initialise(self, model)

    def _first_state(self, batch: int) -> Tensor:
        return first_state(self.config, batch, self.embedding.weight, self.seed)

    def encode(self, source_SB: Tensor) -> Memory:
        """Read source lines of one length (S, B)."""
        values_SBD, last_BD, state_SLBH = self._read_source(source_SB)
        if self.attention is None:
            nothing = values_SBD[:0]
            return Memory(nothing, nothing, last_BD, state_SLBH)
        return Memory(self.attention.keys(values_SBD), values_SBD, last_BD[:, :0], state_SLBH)

    def _read_source(self, source_SB: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The encoder's outputs (S, B, D), the last of each direction (B, D), the decoder's first state."""
        first = self._first_state(source_SB.shape[1])
        values_SBH, state_SLBH = read_ids(self.encoder, self.source_embedding, source_SB, first)
        if self.reverse_encoder is None or self.bridge is None:
            return values_SBH, values_SBH[-1], state_SLBH
        reverse_SBH, reverse_state = read_ids(self.reverse_encoder, self.source_embedding, source_SB.flip(0), first)
        last_BD = torch.cat((values_SBH[-1], reverse_SBH[-1]), dim=1)
        values_SBD = torch.cat((values_SBH, reverse_SBH.flip(0)), dim=2)
        return values_SBD, last_BD, self.bridge(torch.cat((state_SLBH, reverse_state), dim=3))

    def _recur(self, inputs_TB: Tensor, memory: Memory, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder's top layer gives (T, B, H), and its last state."""
        if self.attention is not None:
            return read_ids(self.stack, self.embedding, inputs_TB, state_SLBH)
        context_TBD = memory.context.expand(len(inputs_TB), -1, -1)
        y_TBH, state_SLBH = self.stack(torch.cat((self.embedding(inputs_TB), context_TBD), dim=2), state_SLBH)
        return y_TBH, state_SLBH

    def read(self, inputs_TB: Tensor, memory: Memory, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """What the output layer sees after each token (T, B, H), and the last state."""
        y_TBH, state_SLBH = self._recur(inputs_TB, memory, state_SLBH)
        if self.attention is not None:
            y_TBH = self.attention(y_TBH, memory.keys, memory.values)
        return self.dropout(y_TBH), state_SLBH

    def decode(self, inputs_TB: Tensor, memory: Memory, state_SLBH: Tensor) -> tuple[Tensor, Tensor]:
        """Logits for the token after each (T, B, V), and the last state: for a whole target, or step by step."""
        y_TBH, state_SLBH = self.read(inputs_TB, memory, state_SLBH)
        return self.output(y_TBH), state_SLBH

    def alignment(self, inputs_TB: Tensor, memory: Memory) -> Tensor:
        """Where each prediction of whole targets looks: shares of the source positions (T, B, S); S is 0 without
        attention."""
        y_TBH, _ = self._recur(inputs_TB, memory, memory.state)
        if self.attention is None:
            return y_TBH[:, :, :0]
        return self.attention.weights(y_TBH, memory.keys)

    def loss(self, source_SB: Tensor, inputs_TB: Tensor, targets_TB: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy in nats () over the targets that are not IGNORED, and how many these are ()."""
        memory = self.encode(source_SB)
        y_TBH, _ = self.read(inputs_TB, memory, memory.state)
        valid_TB, output = targets_TB != IGNORED, self.output
        loss = linear_cross_entropy(y_TBH[valid_TB], output.weight, output.bias, targets_TB[valid_TB])
        return loss, valid_TB.sum()


def _attention(model: ModelConfig, values: int) -> Attention | None:
    kind = ATTENTIONS.get(model.attention)
    return None if kind is None else kind(model.hidden, values)
