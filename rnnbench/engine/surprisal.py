"""How much each token of a text surprises a model: -log p(token | all tokens before it), in nats (Shannon 1948)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.engine.lanes import Check, read_lanes
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.sampling import warm_up
from rnnbench.metrics import Score
from rnnbench.text.cutting import CutText
from rnnbench.text.vocabulary import Vocabulary

BEGIN = "<bos>"
_COPIES = 4  # arrays as large as the logits that live at the same time
_MOST_ALTERNATIVES = 1 << 24  # kept of a whole text: 200 MB


@dataclass(frozen=True, eq=False)
class Surprisals:
    """What a model made of N tokens.

    `nats_N` is each token's surprisal; `ranks_N` its place among all tokens, the most probable being 1 and equals
    sharing the better place; `best_NK` and `best_nats_NK` are the K ids that the model found most probable there and
    their surprisals; K is less than was asked for where the text is very long. `first_given` says what the first
    token was predicted from.
    """

    nats_N: NDArray[np.float64]
    ranks_N: NDArray[np.int64]
    best_NK: NDArray[np.int32]
    best_nats_NK: NDArray[np.float64]
    first_given: str

    @property
    def total_nats(self) -> float:
        """-log of the probability of the whole text."""
        return float(self.nats_N.sum())

    def score(self, cut: CutText) -> Score:
        """Perplexity and bits per character of the whole text, its first token included.

        Bits per character are withheld where a token is unknown: what it would cost to spell is not known here.
        """
        return Score(
            loss_nats=self.total_nats / len(self.nats_N),
            tokens_scored=len(self.nats_N),
            tokens_total=len(self.nats_N),
            characters=len(cut.text),
            bytes=len(cut.text.encode("utf-8", "surrogatepass")),
            unknown_tokens=cut.unknown,
            spelling_nats=None if cut.unknown else 0.0,
            tokens_given=0,
        )

    def most_surprising(self, count: int) -> list[int]:
        """The positions of the most surprising tokens, the first of equals first."""
        return np.argsort(-self.nats_N, kind="stable")[:count].tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class NextTokens:
    """The K most probable tokens at a place, and the entropy in nats of the distribution over all tokens."""

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    entropy_nats: float


def begin_id(vocabulary: Vocabulary) -> int | None:
    """The id of the token that stands for the beginning of a text, where the vocabulary reserves one."""
    reserved = vocabulary.tokens[: vocabulary.specials]
    return reserved.index(BEGIN) if BEGIN in reserved else None


@torch.inference_mode()
def surprisals(
    network: LanguageModel,
    ids_N: NDArray[np.int64],
    *,
    top: int = 5,
    begin: int | None = None,
    lanes: int | None = None,
    check: Check = lambda: None,
) -> Surprisals:
    """The surprisal of every token: one pass, time linear in N, memory for the results and one block of logits.

    The first token is predicted from the first state, or from the token `begin` where there is one; all others as
    `evaluation.score` predicts them, from a stream that begins with the first token. A product of both is a
    probability: each factor depends on earlier tokens only.
    """
    network.eval()
    found = _Collected(len(ids_N), max(1, min(top, network.vocabulary, _MOST_ALTERNATIVES // max(len(ids_N), 1))))
    if len(ids_N):
        found.add(_first_logits(network, begin), ids_N[:1], np.zeros(1, dtype=np.int64))
    blocks = read_lanes(
        network, ids_N[:-1], network, numbers=_COPIES * network.vocabulary, lanes=lanes, check=check
    ) if len(ids_N) > 1 else ()  # fmt: skip
    for block in blocks:
        places = block.positions_TB[block.inside_TB] + 1
        found.add(block.read[torch.from_numpy(block.inside_TB).to(block.read.device)], ids_N[places], places)
    return Surprisals(
        found.nats, found.ranks, found.best, found.best_nats, "the first state" if begin is None else BEGIN
    )


@torch.inference_mode()
def next_tokens(network: LanguageModel, ids: list[int], *, top: int = 10, begin: int | None = None) -> NextTokens:
    """What a model expects after some tokens, or at the beginning of a text where there are none."""
    network.eval()
    logits_V = warm_up(network, ids)[0] if ids else _first_logits(network, begin)[0]
    probable_V = logits_V.double().softmax(-1)
    best = probable_V.topk(min(top, len(probable_V)))
    entropy = float(-torch.xlogy(probable_V, probable_V).sum())  # 0 log 0 = 0
    return NextTokens(tuple(best.indices.tolist()), tuple(best.values.tolist()), entropy)


def _first_logits(network: LanguageModel, begin: int | None) -> Tensor:
    """Logits (1, V) for the first token of a text: the output layer sees the first state of the top layer."""
    state = network.initial_state(1)
    if begin is None:
        first: Tensor = network.output(state[0, -1])
        return first
    after: Tensor = network(torch.tensor([[begin]], device=state.device), state)[0]
    return after[0]


class _Collected:
    """The figures of tokens as their logits come, in any order of positions."""

    def __init__(self, tokens: int, top: int) -> None:
        self.nats, self.ranks = np.zeros(tokens), np.zeros(tokens, dtype=np.int64)
        self.best, self.best_nats = np.zeros((tokens, top), dtype=np.int32), np.zeros((tokens, top))

    def add(self, logits_NV: Tensor, targets_N: NDArray[np.int64], places_N: NDArray[np.int64]) -> None:
        """Note what the logits say of their targets."""
        likely_NV = logits_NV.double().log_softmax(-1)
        own_N1 = likely_NV.gather(1, torch.from_numpy(targets_N).to(likely_NV.device).unsqueeze(1))
        best = likely_NV.topk(self.best.shape[1])
        self.nats[places_N] = -own_N1.squeeze(1).cpu().numpy()
        self.ranks[places_N] = 1 + (likely_NV > own_N1).sum(1).cpu().numpy()
        self.best[places_N], self.best_nats[places_N] = best.indices.cpu().numpy(), -best.values.cpu().numpy()


@dataclass(frozen=True)
class Likelihood:
    """How probable one of several texts is: -log p in all, and per character, for a longer text is less probable."""

    text: str
    nats: float
    nats_per_character: float
    tokens: int
    unknown: int


def compare(network: LanguageModel, vocabulary: Vocabulary, texts: list[str]) -> tuple[Likelihood, ...]:
    """How probable each of several texts is, in the order given."""
    found = []
    for text in texts:
        cut = CutText.of(vocabulary, text)
        nats = surprisals(network, cut.ids_N, top=1, begin=begin_id(vocabulary)).total_nats
        found.append(Likelihood(text, nats, nats / max(len(text), 1), len(cut), cut.unknown))
    return tuple(found)
