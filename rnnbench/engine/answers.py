"""How good free-running answers are: what they say against what was expected, and what form they have.

BLEU (Papineni et al. 2002) and chrF (Popović 2015) are sacrebleu's (Post 2018), from 0 to 100; the others are shares.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbench.engine.decoding import DecodeChoices, decode_batch
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.pair_batches import Places, in_order
from rnnbench.text.pair_corpus import PairSplit
from rnnbench.text.vocabulary import Vocabulary

_NUMBERS = 1 << 14  # source tokens and expected target tokens that are answered side by side
_MARGIN = 10  # tokens that an answer may be longer than any target of the training part
_CHINESE_SHARE = 0.5  # of the characters that are not blank, from which on BLEU counts characters as words


@dataclass(frozen=True)
class Answered:
    """A source line, what the network made of it, and all the answers that a split holds for it.

    `source_tokens` and `answer_tokens` count without <eos>.
    """

    source: str
    references: tuple[str, ...]
    answer: str
    source_tokens: int
    answer_tokens: int


def answer_split(
    network: EncoderDecoder,
    vocabulary: Vocabulary,
    split: PairSplit,
    most: int,
    longest: int,
    check: Callable[[], None],
) -> list[Answered]:
    """Greedy answers to at most `most` of a split's distinct source lines, taken at even distances.

    An answer ends where the network ends it; one that does not is cut after `longest` tokens.
    """
    references: dict[str, list[str]] = {}
    for pair in split.pairs:
        references.setdefault(pair.source, []).append(pair.target)
    choices = DecodeChoices(longest=longest)
    specials, decode = vocabulary.specials, vocabulary.decode
    answered: dict[int, Answered] = {}
    for batch in in_order(split, _NUMBERS, evenly(split, most)):
        check()
        found = decode_batch(network, batch.source_SB, choices, specials=specials)
        for place, hypotheses in zip(batch.places.tolist(), found, strict=True):
            ids = hypotheses[0].ids if hypotheses else ()  # weights that became infinite give no answer
            source = split.pairs[place].source
            sizes = len(batch.source_SB), len(ids)
            answered[place] = Answered(source, tuple(references[source]), decode(ids).strip(), *sizes)
    return [answered[place] for place in sorted(answered)]


def longest_answer(split: PairSplit) -> int:
    """Tokens after which an answer is cut: ten more than the longest target of these pairs."""
    return int(split.targets.lengths.max()) + _MARGIN


def evenly(split: PairSplit, most: int) -> Places:
    """Where at most `most` of a split's distinct source lines stand first, at even distances and in order."""
    first: dict[str, int] = {}
    for place, pair in enumerate(split.pairs):
        first.setdefault(pair.source, place)
    places = np.array(list(first.values()), dtype=np.int64)
    return places[np.arange(min(most, len(places))) * len(places) // min(most, len(places))]


def figures(answered: Sequence[Answered]) -> dict[str, float]:
    """Every figure of some answers, at least one, by name.

    bleu, chrf: 0 to 100, against all references of a source. exact_match: share of answers that are one of their
    references. length_match: share with as many tokens as their source. position_repeat: share of the positions that
    both lines have at which the answer has the source's character.
    """
    bleu, chrf = _overlaps(answered)
    return {
        "bleu": bleu,
        "chrf": chrf,
        "exact_match": _share([one.answer in one.references for one in answered]),
        "length_match": _share([one.answer_tokens == one.source_tokens for one in answered]),
        "position_repeat": _share(
            [read == written for one in answered for read, written in zip(one.source, one.answer, strict=False)]
        ),
    }


def _overlaps(answered: Sequence[Answered]) -> tuple[float, float]:
    """(BLEU, chrF) of the corpus. BLEU cuts words as mteval 13a does, and Chinese into characters."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    answers = [one.answer for one in answered]
    columns = range(max(len(one.references) for one in answered))
    references: Any = [[one.references[k] if k < len(one.references) else None for one in answered] for k in columns]
    # None: a reference that is not there, of which the annotations do not know. `force` keeps sacrebleu from telling
    # stderr about full stops.
    bleu = BLEU(tokenize="zh" if _is_chinese(answered) else "13a", force=True)
    return bleu.corpus_score(answers, references).score, CHRF().corpus_score(answers, references).score


def _is_chinese(answered: Sequence[Answered]) -> bool:
    """Whether most of what was expected is ideographs."""
    expected = "".join("".join("".join(one.references).split()) for one in answered)
    ideographs = sum("\u3400" <= character <= "\u9fff" or character >= "\U00020000" for character in expected)
    return ideographs > _CHINESE_SHARE * len(expected)


def _share(truths: Sequence[bool]) -> float:
    return sum(truths) / len(truths) if truths else 0.0
