"""The most probable continuations that a beam finds: what a language model would say, not what it might."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnbench.engine import stepping
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.sampling import Decoding
from rnnbench.engine.stepping import Stepper
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.text.vocabulary import Vocabulary

WIDEST = 1000
_BYTES = 4  # the most tokens that one character of a stop text may take: one for each of its bytes


@dataclass(frozen=True)
class BeamChoices:
    """How continuations are looked for.

    The best `beam` are kept at each step; 1 takes the most probable token. Each has `length` tokens, or ends before the
    first of the `stop` texts. They are ranked by log p / tokens ** length_penalty, the tokens of the stop text among
    them: 0 ranks by probability, 1 by the mean over tokens; without stop texts all are equally long and it changes
    nothing. `banned` tokens and those that stand for no text are never chosen. Raises UsageError for values that make
    no sense.
    """

    beam: int
    length: int
    length_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.beam <= WIDEST:
            raise UsageError(f"beam: should be between 1 and {WIDEST}, not {self.beam}")
        if not (math.isfinite(self.length_penalty) and self.length_penalty >= 0):
            raise UsageError(f"length penalty: should be 0 or more, not {self.length_penalty}")


@dataclass(frozen=True)
class Continuation:
    """A text, how many tokens were chosen for it, their log-probability under the model, and what it is ranked by."""

    text: str
    tokens: int
    log_probability_nats: float
    score: float


def search(
    network: LanguageModel, vocabulary: Vocabulary, before: Sequence[int], choices: BeamChoices
) -> list[Continuation]:
    """The best continuations of some ids, at most `beam`, best first.

    Raises RnnbenchError where there is none: everything is banned, or the model computes no finite numbers.
    """
    found = _Search(network, vocabulary, before, choices).run()
    if not found and choices.length:
        raise RnnbenchError("the model finds no continuation", "ban less, or ask an earlier checkpoint")
    return sorted(found, key=lambda one: -one.score)


class _Search:
    """K beginnings side by side as lanes of the network; a finished one keeps its place of the beam."""

    def __init__(
        self, network: LanguageModel, vocabulary: Vocabulary, before: Sequence[int], choices: BeamChoices
    ) -> None:
        network.eval()
        self.vocabulary, self.choices = vocabulary, choices
        self.network, self.before = network, before
        self.banned = torch.tensor(Decoding(banned=choices.banned).filters(vocabulary).banned)
        self.found: list[Continuation] = []
        self.window = max((len(text) for text in choices.stop), default=0) * _BYTES + _BYTES

    @torch.inference_mode()
    def run(self) -> list[Continuation]:
        """What was found, in no order."""
        before_T1 = torch.tensor(self.before, dtype=torch.long).unsqueeze(1)
        stepper = Stepper(self.network, *stepping.read(self.network, before_T1))
        ids_KT, total_K = torch.empty((1, 0), dtype=torch.long), torch.zeros(1, dtype=torch.float64)
        for step in range(self.choices.length):
            parent_K, token_K, total_K = self._best(stepper.logits_BV.cpu(), total_K)
            ids_KT = torch.cat((ids_KT[parent_K], token_K.unsqueeze(1)), dim=1)
            going = self._going(ids_KT, total_K)
            ids_KT, total_K = ids_KT[going], total_K[going]
            if not going:
                break
            if step + 1 < self.choices.length:
                stepper.select(parent_K[going].tolist())
                stepper.step(token_K[going].tolist())
        for ids, total in zip(ids_KT.tolist(), total_K.tolist(), strict=True):
            self._keep(ids, total, self.vocabulary.decode(ids))
        return self.found

    def _best(self, logits_KV: Tensor, total_K: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The best next tokens of all beginnings, as many as have room: beginning, token, log p."""
        logs_KV = logits_KV.log_softmax(-1).index_fill(-1, self.banned, -torch.inf)
        room = self.choices.beam - len(self.found)
        own_KR, token_KR = logs_KV.topk(min(room, logs_KV.shape[1]))  # no beginning can fill more than the room
        all_KR = total_K.unsqueeze(1) + own_KR.double()
        total_N, at_N = all_KR.flatten().topk(min(room, all_KR.numel()))
        possible = torch.isfinite(total_N)
        at_N = at_N[possible]
        return at_N // all_KR.shape[1], token_KR.flatten()[at_N], total_N[possible]

    def _going(self, ids_KT: Tensor, total_K: Tensor) -> list[int]:
        """The beginnings that go on; those with a stop text are kept as found."""
        going = []
        for at, tail in enumerate(ids_KT[:, -self.window :].tolist()) if self.choices.stop else []:
            if not self._stop_in(self.vocabulary.decode(tail)):
                going.append(at)
                continue
            text = self.vocabulary.decode(ids_KT[at].tolist())
            self._keep(ids_KT[at].tolist(), float(total_K[at]), text[: min(self._stop_in(text), default=None)])
        return going if self.choices.stop else list(range(len(ids_KT)))

    def _stop_in(self, text: str) -> list[int]:
        """Where stop texts are in a text."""
        return [at for stop in self.choices.stop if stop and (at := text.find(stop)) >= 0]

    def _keep(self, ids: list[int], total: float, text: str) -> None:
        score = total / math.pow(len(ids), self.choices.length_penalty) if ids else 0.0
        self.found.append(Continuation(text, len(ids), total, score))
