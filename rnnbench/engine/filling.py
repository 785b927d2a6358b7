"""The best fillings of the blanks in a text, by a network that reads it from both sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.errors import UsageError
from rnnbench.text import tokenizers
from rnnbench.text.vocabulary import Vocabulary
from rnnbench.visible import visible

BLANK = "_"
MOST_BLANKS = 16
_QUOTED = 60  # characters of a text shown in a message
_UNKNOWN = 0
_NARROWEST = 32  # candidates kept from blank to blank, however few are asked for
_CONTEXT = 512  # tokens read before the first blank and after the last


@dataclass(frozen=True)
class Filling:
    """A text with its blanks filled. `pieces` stand in them, in reading order; on `probability` see `fill`."""

    text: str
    pieces: tuple[str, ...]
    probability: float


@dataclass(frozen=True)
class Gaps:
    """The ids of a text, what lies between its blanks, and the positions of the blanks among the ids."""

    ids: tuple[int, ...]
    segments: tuple[str, ...]
    blanks: tuple[int, ...]


def fill(
    network: ClozeModel, vocabulary: Vocabulary, text: str, *, count: int = 5, blank: str = BLANK
) -> list[Filling]:
    """The `count` best fillings of the blanks in a text, best first; each blank is one missing token.

    The probability of a single filling is that of the network's softmax, over the tokens that stand for text. Several
    blanks are filled in reading order, those still empty being read as <unk>, and the probability is the product of
    each token's own given the ones before it: over all possible fillings these sum to 1, but another order would give
    other figures. They are not made to sum to 1 over the fillings that are returned. With several blanks the search
    keeps the best 32 or 4 x `count` beginnings at every blank, so a good filling with a poor beginning may be missed.

    Tokens the vocabulary does not hold are read as <unk>; special tokens fill no blank. Of a long text the 512 tokens
    on either side of the blanks are read. Raises UsageError when there is no blank, or more than 16.
    """
    return fill_gaps(network, vocabulary, find_gaps(vocabulary, text, blank), count=count)


def find_gaps(vocabulary: Vocabulary, text: str, blank: str = BLANK) -> Gaps:
    """The blanks of a text; what lies between them is cut into tokens piece by piece. Raises UsageError."""
    segments = text.split(blank) if blank else [text]
    if len(segments) == 1:
        shown = visible(text, limit=_QUOTED)
        raise UsageError(
            f'there is no blank to fill in the text "{shown}"', f"write {blank or BLANK} for each missing token"
        )
    if len(segments) - 1 > MOST_BLANKS:
        raise UsageError(
            f"the text has {len(segments) - 1} blanks", f"at most {MOST_BLANKS} are filled at once; use a shorter part"
        )
    ids, blanks = vocabulary.encode(segments[0]), []
    for segment in segments[1:]:
        blanks.append(len(ids))
        ids += [_UNKNOWN, *vocabulary.encode(segment)]
    return Gaps(tuple(ids), tuple(segments), tuple(blanks))


def fill_gaps(network: ClozeModel, vocabulary: Vocabulary, gaps: Gaps, *, count: int = 5) -> list[Filling]:
    """The best fillings of blanks that are already found; as `fill`."""
    first, last = gaps.blanks[0], gaps.blanks[-1]
    begin = max(0, first - _CONTEXT)
    ids_T = torch.tensor(gaps.ids[begin : last + 1 + _CONTEXT], device=network.output.weight.device)
    blanks = [position - begin for position in gaps.blanks]
    fillings_KN, scores_K = _search(network, ids_T, blanks, vocabulary.specials, count)
    return [
        Filling(_filled(vocabulary, gaps.segments, pieces), _shown(vocabulary, pieces), probability)
        for pieces, probability in zip(fillings_KN.tolist(), scores_K.exp().tolist(), strict=True)
    ]


@torch.inference_mode()
def _search(
    network: ClozeModel, ids_T: Tensor, blanks: Sequence[int], specials: int, count: int
) -> tuple[Tensor, Tensor]:
    """A beam over the blanks: the best fillings (K, blanks) as ids, and their log-probabilities (K,) in nats."""
    network.eval()
    count = max(count, 1)
    lanes_TK, scores_K = ids_T.unsqueeze(1), torch.zeros(1, dtype=torch.float64, device=ids_T.device)
    for position in blanks:
        here_KV = _log_probabilities(network, lanes_TK, position, specials)
        total_KV = scores_K.unsqueeze(1) + here_KV
        width = count if position == blanks[-1] else max(_NARROWEST, 4 * count)
        possible = here_KV.shape[0] * (here_KV.shape[1] - specials)
        scores_K, best_K = total_KV.flatten().topk(min(width, possible))
        lanes_TK = lanes_TK[:, best_K // here_KV.shape[1]]
        lanes_TK[position] = best_K % here_KV.shape[1]
    return lanes_TK[list(blanks)].t(), scores_K


def _log_probabilities(network: ClozeModel, lanes_TK: Tensor, position: int, specials: int) -> Tensor:
    """log p (K, V) of each token at one position, tokens that stand for no text ruled out."""
    logits_KV: Tensor = network.output(network.read(lanes_TK, slice(position, position + 1))[0]).double()
    logits_KV[:, :specials] = -torch.inf
    return logits_KV.log_softmax(1)


def _shown(vocabulary: Vocabulary, pieces: Sequence[int]) -> tuple[str, ...]:
    return tuple(tokenizers.shown(vocabulary.tokenizer, vocabulary.tokens[number]) for number in pieces)


def _filled(vocabulary: Vocabulary, segments: Sequence[str], pieces: Sequence[int]) -> str:
    """The text around the blanks as it was written, and in them the pieces; bytes of neighbours join to characters."""
    decoder = vocabulary.decoder()
    text = segments[0]
    for number, after in zip(pieces, segments[1:], strict=True):
        text += vocabulary.piece(decoder, number)
        text += decoder.finish() + after if after else ""
    return text + decoder.finish()
