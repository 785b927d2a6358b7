"""How a decoder looks at a source line: global attention after the recurrence (Luong et al. 2015).

With y_t what the decoder's top layer gives at target position t, and values v_s of the source positions:

    w_ts = softmax over s of score(y_t, k_s)                context_t = sum_s w_ts v_s
    a_t = tanh(W [context_t ; y_t])                         (Luong et al. 2015, equations 5 and 7)

The context does not enter the recurrence again (no input feeding), so a whole target is attended to at once. Queries
have Q = H numbers, keys K = H, values D: H, or 2H where the encoder reads in both directions.
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_BLOCK_NUMBERS = 1 << 24  # numbers of tanh kept for the backward pass (64 MB); more are computed again


class Attention(nn.Module):
    """Keys, scores, and what the output layer sees instead of the decoder's outputs; no biases, as in the papers."""

    def __init__(self, hidden: int, values: int) -> None:
        super().__init__()
        self.join = nn.Linear(values + hidden, hidden, bias=False)

    def keys(self, values_SBD: Tensor) -> Tensor:
        """What queries are compared with (S, B, K): computed once for a source, whatever is asked of it."""
        raise NotImplementedError

    def scores(self, y_TBH: Tensor, keys_SBK: Tensor) -> Tensor:
        """How well each source position fits each target position (T, B, S)."""
        raise NotImplementedError

    def weights(self, y_TBH: Tensor, keys_SBK: Tensor) -> Tensor:
        """The share of each source position (T, B, S); every row sums to 1."""
        return self.scores(y_TBH, keys_SBK).softmax(2)

    def forward(self, y_TBH: Tensor, keys_SBK: Tensor, values_SBD: Tensor) -> Tensor:
        """The decoder's outputs after they have looked at the source (T, B, H)."""
        context_TBD = torch.einsum("tbs,sbd->tbd", self.weights(y_TBH, keys_SBK), values_SBD)
        return torch.tanh(self.join(torch.cat((context_TBD, y_TBH), dim=2)))


class DotAttention(Attention):
    """score(y, k) = y . k / sqrt(H)                        (Luong et al. 2015, equation 8; scale: Vaswani et al. 2017)

    Where a value is wider than the query its key is a learned projection, k = U v; else it is its own key.
    """

    def __init__(self, hidden: int, values: int) -> None:
        super().__init__(hidden, values)
        self.project = nn.Linear(values, hidden, bias=False) if values != hidden else None
        self.scale = hidden**-0.5

    def keys(self, values_SBD: Tensor) -> Tensor:
        """(S, B, D) -> (S, B, H)."""
        keys_SBH: Tensor = values_SBD if self.project is None else self.project(values_SBD)
        return keys_SBH

    def scores(self, y_TBH: Tensor, keys_SBK: Tensor) -> Tensor:
        """(T, B, H), (S, B, H) -> (T, B, S)."""
        return torch.einsum("tbh,sbh->tbs", self.scale * y_TBH, keys_SBK)


class AdditiveAttention(Attention):
    """score(y, v) = u . tanh(W y + U v), the key being U v  (Bahdanau et al. 2015, appendix A.1.2)."""

    def __init__(self, hidden: int, values: int) -> None:
        super().__init__(hidden, values)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.project = nn.Linear(values, hidden, bias=False)
        self.judge = nn.Linear(hidden, 1, bias=False)

    def keys(self, values_SBD: Tensor) -> Tensor:
        """(S, B, D) -> (S, B, H)."""
        keys_SBH: Tensor = self.project(values_SBD)
        return keys_SBH

    def scores(self, y_TBH: Tensor, keys_SBK: Tensor) -> Tensor:
        """(T, B, H), (S, B, H) -> (T, B, S). Long lines in blocks, whose T x B x S x H numbers are not kept."""
        queries_TBH, keys_BSH = self.query(y_TBH), keys_SBK.transpose(0, 1)
        steps = max(1, _BLOCK_NUMBERS // max(1, keys_SBK.numel()))
        if steps >= len(queries_TBH) or not torch.is_grad_enabled():
            return torch.cat([self._judged(block, keys_BSH) for block in torch.split(queries_TBH, steps)])
        blocks = [
            checkpoint(self._judged, block, keys_BSH, use_reentrant=False, preserve_rng_state=False)
            for block in torch.split(queries_TBH, steps)
        ]
        return torch.cat(blocks)

    def _judged(self, queries_TBH: Tensor, keys_BSH: Tensor) -> Tensor:
        scores_TBS1: Tensor = self.judge(torch.add(queries_TBH.unsqueeze(2), keys_BSH).tanh_())
        return scores_TBS1.squeeze(3)


ATTENTIONS: dict[str, type[Attention]] = {"additive": AdditiveAttention, "dot": DotAttention}
