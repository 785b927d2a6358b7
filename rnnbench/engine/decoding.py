"""Free-running answers of an encoder-decoder: the most probable ones that a beam finds, many lanes side by side."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rnnbench.engine.encoder_decoder import EncoderDecoder, Memory
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.text.pair_corpus import BOS, EOS
from rnnbench.text.vocabulary import Vocabulary

SPECIALS = EOS + 1  # <unk>, <pad>, <bos>, <eos>: the first ids of every vocabulary of pairs
WIDEST = 1000
_BLOCK_NUMBERS = 1 << 24  # logits, or numbers of the sources' memory, that one block of lanes may hold (64 MB each)


@dataclass(frozen=True)
class DecodeChoices:
    """How answers are looked for and what they must be like.

    The best `beam` answers are kept; 1 takes the most probable token at each step. They are ranked by
    log p / length ** length_penalty, lengths counting <eos>: the plain power, of which 0 ranks by probability and 1 by
    the mean over tokens. After `longest` tokens an answer is cut, unless its length is fixed: `exact_length` tokens, or
    with `like_source` as many as the source has; then <eos> comes there and nowhere before.
    `no_repeat_at_position`: no token may stand where the source has the same one (a shared vocabulary is needed).
    Raises UsageError for values that make no sense.
    """

    beam: int = 1
    length_penalty: float = 1.0
    longest: int = 200
    exact_length: int | None = None
    like_source: bool = False
    no_repeat_at_position: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.beam <= WIDEST:
            raise UsageError(f"beam: should be between 1 and {WIDEST}, not {self.beam}")
        if not (math.isfinite(self.length_penalty) and self.length_penalty >= 0):
            raise UsageError(f"length penalty: should be 0 or more, not {self.length_penalty}")
        if self.longest < 1 or (self.exact_length is not None and self.exact_length < 1):
            raise UsageError("the length of an answer should be at least 1 token")
        if self.like_source and self.exact_length is not None:
            raise UsageError("an answer cannot be as long as the source and of a length of its own; choose one")

    def length(self, source: int) -> int | None:
        """The fixed number of tokens of an answer to so many, or none."""
        return source if self.like_source else self.exact_length


@dataclass(frozen=True)
class Hypothesis:
    """An answer as ids without <eos>, and its log-probability under the network itself, before anything was forbidden.

    `finished`: it ended with <eos>, whose probability is then counted; else it was cut.
    """

    ids: tuple[int, ...]
    log_probability_nats: float
    finished: bool

    def score(self, length_penalty: float) -> float:
        """What answers are ranked by; larger is better."""
        return self.log_probability_nats / math.pow(len(self.ids) + self.finished, length_penalty)


@dataclass(frozen=True)
class Answer:
    """An answer as text, its number of tokens and its log-probability."""

    text: str
    tokens: int
    log_probability_nats: float


@torch.inference_mode()
def decode_batch(
    network: EncoderDecoder, source_SB: Tensor, choices: DecodeChoices, *, specials: int = SPECIALS
) -> list[list[Hypothesis]]:
    """For each lane of sources (S, B) the best answers, at most `beam`, best first; dropout does not act.

    No id below `specials` is ever chosen, but for <eos>. A lane has no answer where all tokens are forbidden. Lanes
    are taken in blocks, so memory grows with the beam but not with B. Raises UsageError where tokens of the source and
    of the answer should be compared but are numbered differently.
    """
    if choices.no_repeat_at_position and not network.shared:
        raise UsageError("source and answer can only be compared where they share one vocabulary")
    widths = max(network.target_vocabulary, 3 * network.config.hidden * len(source_SB))
    lanes = max(1, _BLOCK_NUMBERS // (choices.beam * widths))
    training = network.training
    network.eval()
    try:
        device = network.output.weight.device
        blocks = torch.split(source_SB.to(device), lanes, dim=1)
        return [answers for block in blocks for answers in _Search(network, block, choices, specials).run()]
    finally:
        network.train(training)


@dataclass(frozen=True)
class _Beams:
    """The search at one step. Places B x K lie side by side as lanes of the decoder, N = B * K.

    `lane_B`: which lanes of the batch are still searched. `ids_BKT`: <bos> and what was chosen. `total_BK`: log p of
    that, -inf for a place that is taken by a finished answer or not needed yet.
    """

    lane_B: Tensor
    ids_BKT: Tensor
    total_BK: Tensor
    memory: Memory
    state_SLNH: Tensor

    def lanes(self, chosen_C: Tensor) -> "_Beams":
        """Only these lanes, and all their places."""
        place_N = _places(chosen_C, self.total_BK.shape[1])
        return _Beams(
            self.lane_B[chosen_C],
            self.ids_BKT[chosen_C],
            self.total_BK[chosen_C],
            self.memory.lanes(place_N),
            self.state_SLNH.index_select(2, place_N),
        )


def _places(lane_B: Tensor, beam: int) -> Tensor:
    """The places (B * K) of lanes."""
    return (beam * lane_B.unsqueeze(1) + torch.arange(beam, device=lane_B.device)).flatten()


class _Search:
    """Beam search in which every finished answer takes a place of its lane's beam (Sutskever et al. 2014, section 3.2).

    So a beam of 1 is greedy, one as wide as there are answers finds them all, and every lane comes to an end.
    """

    def __init__(self, network: EncoderDecoder, source_SB: Tensor, choices: DecodeChoices, specials: int) -> None:
        self.network, self.source_SB, self.choices, self.specials = network, source_SB, choices, specials
        self.length = choices.length(len(source_SB))
        self.steps = choices.longest if self.length is None else self.length + 1
        self.found: list[list[Hypothesis]] = [[] for _ in range(source_SB.shape[1])]

    def run(self) -> list[list[Hypothesis]]:
        """The answers of each lane, best first."""
        beams = self._begin()
        for step in range(self.steps):
            beams = self._without_finished(self._step(beams, step))
            if not len(beams.lane_B):
                break
        self._keep(beams, beams.total_BK > -torch.inf, finished=False)
        penalty = self.choices.length_penalty
        return [sorted(answers, key=lambda answer: -answer.score(penalty)) for answers in self.found]

    def _begin(self) -> _Beams:
        """Nothing chosen yet, and one place of each lane open: places with the same beginning would never part."""
        beam, lane_B = self.choices.beam, torch.arange(len(self.found), device=self.source_SB.device)
        ids_BKT = self.source_SB.new_full((len(lane_B), beam, 1), BOS)
        total_BK = torch.full((len(lane_B), beam), -torch.inf, device=lane_B.device)
        total_BK[:, 0] = 0
        memory = self.network.encode(self.source_SB).lanes(lane_B.repeat_interleave(beam))
        return _Beams(lane_B, ids_BKT, total_BK, memory, memory.state)

    def _step(self, beams: _Beams, step: int) -> _Beams:
        """One token more in every place; answers that <eos> ends are kept and leave theirs."""
        beam = self.choices.beam
        newest_1N = beams.ids_BKT[:, :, -1].reshape(1, -1)
        logits_1NV, state_SLNH = self.network.decode(newest_1N, beams.memory, beams.state_SLNH)
        own_BKV = logits_1NV.float().log_softmax(2).view(len(beams.lane_B), beam, -1)
        own_BKV = own_BKV.masked_fill(self._forbidden(beams.lane_B, step).unsqueeze(1), -torch.inf)
        total_BK, parent_BK, token_BK = self._best(beams, own_BKV)
        before_BKT = beams.ids_BKT.gather(1, parent_BK.unsqueeze(2).expand(-1, -1, step + 1))
        parents_N = (beam * torch.arange(len(parent_BK), device=parent_BK.device).unsqueeze(1) + parent_BK).flatten()
        moved = replace(beams, ids_BKT=before_BKT, total_BK=total_BK, state_SLNH=state_SLNH.index_select(2, parents_N))
        ended_BK = (token_BK == EOS) & (total_BK > -torch.inf)
        self._keep(moved, ended_BK, finished=True)
        ids_BKT = torch.cat((before_BKT, token_BK.unsqueeze(2)), dim=2)
        return replace(moved, ids_BKT=ids_BKT, total_BK=total_BK.masked_fill(ended_BK, -torch.inf))

    def _forbidden(self, lane_B: Tensor, step: int) -> Tensor:
        """Which tokens may not come next (B, V)."""
        shape = (len(lane_B), self.network.target_vocabulary)
        forbidden_BV = torch.full(shape, step == self.length, device=lane_B.device)
        forbidden_BV[:, : self.specials] = True
        if self.choices.no_repeat_at_position and step < len(self.source_SB):
            forbidden_BV.scatter_(1, self.source_SB[step, lane_B].unsqueeze(1), True)
        forbidden_BV[:, EOS] = self.length is not None and step < self.length
        return forbidden_BV

    def _best(self, beams: _Beams, own_BKV: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The best continuations of each lane, as many as it has places: log p, place before, token, each (B, K)."""
        beam, vocabulary = own_BKV.shape[1:]
        total_BK, flat_BK = (beams.total_BK.unsqueeze(2) + own_BKV).flatten(1).topk(beam)
        taken = [[len(self.found[lane])] for lane in beams.lane_B.tolist()]
        rank_K = torch.arange(beam, device=total_BK.device)
        none_BK = rank_K >= beam - torch.tensor(taken, device=total_BK.device)
        return total_BK.masked_fill(none_BK, -torch.inf), flat_BK // vocabulary, flat_BK % vocabulary

    def _keep(self, beams: _Beams, chosen_BK: Tensor, *, finished: bool) -> None:
        lanes = beams.lane_B.unsqueeze(1).expand_as(chosen_BK)[chosen_BK].tolist()
        rows = beams.ids_BKT[chosen_BK][:, 1:].tolist()
        for lane, ids, total in zip(lanes, rows, beams.total_BK[chosen_BK].tolist(), strict=True):
            self.found[lane].append(Hypothesis(tuple(ids), total, finished))

    def _without_finished(self, beams: _Beams) -> _Beams:
        """Drop the lanes without open places, once they are half of all: one long answer need not carry the others."""
        going_C = torch.nonzero((beams.total_BK > -torch.inf).any(1)).flatten()
        return beams if 2 * len(going_C) > len(beams.lane_B) else beams.lanes(going_C)


def answer(
    network: EncoderDecoder,
    source_vocabulary: Vocabulary,
    target_vocabulary: Vocabulary,
    text: str,
    choices: DecodeChoices,
) -> list[Answer]:
    """The best answers to a line of text, best first, and not empty.

    Raises UsageError for a line without tokens, and RnnbenchError where no answer is possible: all tokens are
    forbidden, or the weights have become infinite.
    """
    ids = source_vocabulary.encode(text.strip())
    if not ids:
        raise UsageError("there is nothing to answer", "give a line of text")
    (found,) = decode_batch(network, torch.tensor(ids).unsqueeze(1), choices, specials=target_vocabulary.specials)
    if not found:
        raise RnnbenchError("the model finds no answer", "allow more tokens or other lengths, or train it again")
    return [Answer(target_vocabulary.decode(one.ids), len(one.ids), one.log_probability_nats) for one in found]
