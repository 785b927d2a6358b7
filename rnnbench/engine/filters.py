"""What may be drawn next: each filter takes logits (B, V) and gives logits of which some are -inf, lane by lane.

`Filters.apply` fixes the order, so that a set of options means one distribution whatever order they were given in.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

_NOTHING = -torch.inf


def forbid(logits_BV: Tensor, ids: Sequence[int]) -> Tensor:
    """None of these ids is possible any more."""
    return logits_BV.index_fill(-1, torch.tensor(ids, device=logits_BV.device), _NOTHING) if ids else logits_BV


class History:
    """What was read and written, kept so that each token costs the same however long the text is."""

    def __init__(self, read: Sequence[int] = (), n: int = 0) -> None:
        self.seen = dict.fromkeys(read)
        self._n = n
        self._last: tuple[int, ...] = ()
        self._followers: dict[tuple[int, ...], list[int]] = {}

    def write(self, number: int) -> None:
        """Take the next id that was written."""
        self.seen[number] = None
        if self._n:
            if len(self._last) == self._n - 1:
                self._followers.setdefault(self._last, []).append(number)
            self._last = (*self._last, number)[-(self._n - 1) :] if self._n > 1 else ()

    def repeating(self) -> Sequence[int]:
        """The ids that would write an n-gram again."""
        return self._followers.get(self._last, ())


def penalise_repetition(logits_V: Tensor, seen: Collection[int], penalty: float) -> Tensor:
    """Ids seen before: positive logits divided by the penalty, negative ones multiplied; 1 changes nothing.

    Keskar et al. (2019).
    """
    if penalty == 1 or not seen:
        return logits_V
    ids = torch.tensor(list(seen), device=logits_V.device)
    found = logits_V[ids]
    return logits_V.index_put((ids,), torch.where(found > 0, found / penalty, found * penalty))


def apply_temperature(logits_BV: Tensor, temperature: float) -> Tensor:
    """Below 1 sharper, above 1 flatter (Ackley, Hinton and Sejnowski 1985). Shifted first, so nothing overflows."""
    if temperature == 1:
        return logits_BV
    return ((logits_BV - logits_BV.amax(-1, keepdim=True)).double() / temperature).float()


def keep_top_k(logits_BV: Tensor, k: int) -> Tensor:
    """Only the k largest stay possible (Fan, Lewis and Dauphin 2018); all of them when k is 0."""
    if not 0 < k < logits_BV.shape[-1]:
        return logits_BV
    smallest = logits_BV.topk(k).values[..., -1:]
    return logits_BV.masked_fill(logits_BV < smallest, _NOTHING)


def keep_top_p(logits_BV: Tensor, p: float) -> Tensor:
    """The fewest most probable tokens whose shares reach p together: the nucleus (Holtzman et al. 2020)."""
    if p >= 1:
        return logits_BV
    shares, order = logits_BV.softmax(-1).sort(descending=True, stable=True)
    return _without_beyond(logits_BV, shares, order, p)


def keep_min_p(logits_BV: Tensor, p: float) -> Tensor:
    """Tokens at least p times as probable as the most probable one (Nguyen et al. 2024)."""
    if p <= 0:
        return logits_BV
    shares = logits_BV.softmax(-1)
    return logits_BV.masked_fill(shares < p * shares.amax(-1, keepdim=True), _NOTHING)


def keep_typical(logits_BV: Tensor, p: float) -> Tensor:
    """The fewest tokens that reach p together, taken by how near their surprisal is to the entropy.

    Locally typical sampling (Meister, Pimentel, Wiher and Cotterell 2023).
    """
    if p >= 1:
        return logits_BV
    logs = logits_BV.log_softmax(-1)
    shares = logs.exp()
    entropy = -(shares * logs).nansum(-1, keepdim=True)  # 0 x -inf is 0 here
    order = (-logs - entropy).abs().argsort(stable=True)
    return _without_beyond(logits_BV, shares.gather(-1, order), order, p)


def _without_beyond(logits_BV: Tensor, shares_BV: Tensor, order_BV: Tensor, p: float) -> Tensor:
    """Logits without the tokens before which others, in that order, have reached p already."""
    beyond = shares_BV.cumsum(-1) - shares_BV >= p
    return logits_BV.masked_fill(torch.zeros_like(beyond).scatter(-1, order_BV, beyond), _NOTHING)


@dataclass(frozen=True)
class Filters:
    """Which tokens may follow. The defaults of all but the temperature, which is 1, let everything through."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    banned: tuple[int, ...] = ()

    def history(self, read: Sequence[int] = ()) -> History:
        """What `apply` must be told of a text that begins after these ids.

        No n-gram is written twice where `no_repeat_ngram` is n (Paulus, Xiong and Socher 2018); 0 allows all.
        """
        return History(read, self.no_repeat_ngram)

    @cached_property
    def _banned_ids(self) -> Tensor:
        return torch.tensor(self.banned)

    def remember(self) -> bool:
        """Whether the choice depends on what was there before."""
        return self.repetition_penalty != 1 or self.no_repeat_ngram > 0

    def apply(self, logits_BV: Tensor, histories: Sequence[History]) -> Tensor:
        """In this order: banned ids, repetition, n-grams, temperature, top-k, top-p, min-p, typical.

        Each filter sees the distribution that those before it left. A lane in which nothing is left is -inf all over.
        """
        if self.banned:
            logits_BV = logits_BV.index_fill(-1, self._banned_ids.to(logits_BV.device), _NOTHING)
        if self.remember():
            rows = zip(logits_BV.unbind(0), histories, strict=True)
            logits_BV = torch.stack([self._apply_history(logits_V, history) for logits_V, history in rows])
        nothing_B1 = torch.isneginf(logits_BV.amax(-1, keepdim=True))
        logits_BV = keep_top_k(apply_temperature(logits_BV, self.temperature), self.top_k)
        logits_BV = keep_typical(keep_min_p(keep_top_p(logits_BV, self.top_p), self.min_p), self.typical_p)
        return logits_BV.masked_fill(nothing_B1, _NOTHING) if bool(nothing_B1.any()) else logits_BV

    def _apply_history(self, logits_V: Tensor, history: History) -> Tensor:
        penalised_V = penalise_repetition(logits_V, history.seen, self.repetition_penalty)
        return forbid(penalised_V, history.repeating())
