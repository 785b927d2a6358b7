"""Contiguous parts of a text: where they begin and end, what is counted in each, what their text weighs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import CorpusError
from rnnbench.text import tokenizers, vocabulary
from rnnbench.text.number_files import Part
from rnnbench.text.tokenizers import TokenizerFacts
from rnnbench.text.vocabulary import Numbering

Counts = NDArray[np.int64]
_REST = "rest"
_UNICODE = 0x110000 - 0x800  # code points that are not surrogates


@dataclass(frozen=True)
class Split:
    """A contiguous part of a corpus: its ids (memory-mapped), and what its text weighs.

    `spelling_nats` is None where unknown tokens cannot be spelled: there is no training text to count characters on.
    `digest` names corpus, pipeline and span: a score on one split cannot pass for another's.
    """

    name: str
    ids: NDArray[np.generic]
    digest: str
    characters: int
    bytes: int
    unknown_tokens: int
    spelling_nats: float | None

    def __len__(self) -> int:
        return len(self.ids)

    def beginning(self, tokens: int) -> "Split":
        """The first tokens alone. What their text weighs is not known, so no figure per character follows from them."""
        return replace(self, ids=self.ids[:tokens], characters=0, bytes=0, unknown_tokens=0, spelling_nats=0.0)


@dataclass(frozen=True)
class SplitFacts:
    """What is stored of a split: its span in tokens and what its text weighs."""

    name: str
    start: int
    stop: int
    characters: int
    bytes: int
    unknown_tokens: int
    spelling_nats: float | None


def split_spans(tokens: int, corpus: CorpusConfig, name: str = "the text") -> dict[str, tuple[int, int]]:
    """Contiguous spans: training first, then validation, then test. Raises CorpusError when one would be empty."""
    test = int(tokens * corpus.test_fraction)
    validation = int(tokens * corpus.validation_fraction)
    train = tokens - validation - test
    if corpus.train_tokens is not None:
        train = min(train, corpus.train_tokens)
    if train < 2 or validation < 2:
        smallest = math.ceil(2 / min(corpus.validation_fraction, 1 - corpus.validation_fraction - corpus.test_fraction))
        raise CorpusError(
            f"{name} has {tokens} tokens, too few to train and validate on", f"it needs at least {smallest:,}"
        )
    test_start = train + validation
    return {"train": (0, train), "validation": (train, test_start), "test": (test_start, test_start + test)}


def count_spans(parts: Iterable[Part], spans: dict[str, tuple[int, int]], kinds: int) -> dict[str, Counts]:
    """How often each number occurs in each span, and in what is left of the text behind them."""
    counts = {name: np.zeros(kinds, dtype=np.int64) for name in spans}
    rest = max(stop for _, stop in spans.values())
    spans = {**spans, _REST: (rest, 1 << 62)}
    counts[_REST] = np.zeros(kinds, dtype=np.int64)
    position = 0
    for part in parts:
        for name, (start, stop) in spans.items():
            inside = part[max(start - position, 0) : max(stop - position, 0)]
            if len(inside):
                found = np.bincount(inside)
                counts[name][: len(found)] += found
        position += len(part)
    return counts


def refuse_monotony(name: str, tokens: list[str], counts: dict[str, Counts], facts: TokenizerFacts) -> None:
    """Raise CorpusError for a text of one kind of token or of blanks: nothing can be learned from it."""
    found = np.flatnonzero(np.asarray(sum(counts.values())))
    if all(tokenizers.shown(facts, tokens[number]).isspace() for number in found):
        raise CorpusError(f"{name} holds only blanks", "a corpus needs at least 1 character that is not blank")
    if len(found) < 2:
        raise CorpusError(f"{name} has only one kind of token", "a model needs at least 2 to choose between")


def build_vocabulary(
    tokens: list[str], counts: dict[str, Counts], text: TextConfig, facts: TokenizerFacts, corpus_digest: str
) -> Numbering:
    """The vocabulary that a configuration asks for, counted on the training part or on all of the text."""
    counted = sum(counts.values()) if text.vocabulary_from == "all" else counts["train"]
    return vocabulary.build(
        tokens,
        np.asarray(counted),
        tokenizer=facts,
        corpus_digest=corpus_digest,
        minimum_frequency=text.minimum_frequency,
        maximum_size=text.maximum_size,
        reserved=text.reserved,
    )


def split_facts(
    spans: dict[str, tuple[int, int]], counts: dict[str, Counts], tokens: list[str], numbering: Numbering
) -> list[SplitFacts]:
    """What each split holds: its span, what its text weighs, what of it is unknown and costs how much to spell."""
    tokenizer = numbering.vocabulary.tokenizer
    weights = np.array([tokenizers.weigh(tokenizer, token) for token in tokens], dtype=np.int64)
    unknown = numbering.id_of_number == 0
    spelling = _spelling_costs(tokens, counts["train"], unknown) if "train" in counts else None
    return [
        SplitFacts(
            name,
            start,
            stop,
            int(counts[name] @ weights[:, 0]),
            int(counts[name] @ weights[:, 1]),
            int(counts[name] @ unknown),
            _spelled(counts[name], unknown, spelling),
        )
        for name, (start, stop) in spans.items()
    ]


def _spelled(counts: Counts, unknown: NDArray[np.bool_], costs: NDArray[np.float64] | None) -> float | None:
    """The cost of a split's unknown tokens; None where there are some and nothing to spell them by."""
    if costs is None:
        return None if counts @ unknown else 0.0
    return float(counts @ costs)


def _spelling_costs(tokens: list[str], train: Counts, unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Nats to spell each unknown token by a character unigram of the training text; 0 for known tokens.

    Witten-Bell (1991): a character that was never seen costs the escape T / (N + T) and then a uniform choice among
    all of Unicode. A token of several characters also pays for its end, as one more unseen event.
    """
    costs = np.zeros(len(tokens), dtype=np.float64)
    if not unknown.any():
        return costs
    weight: dict[str, int] = {}
    for token, count in zip(tokens, train.tolist(), strict=True):
        for character in token if count else "":
            weight[character] = weight.get(character, 0) + count
    total, kinds = sum(weight.values()), len(weight)
    escape = math.log((total + kinds) / kinds) + math.log(_UNICODE)
    for number in np.flatnonzero(unknown):
        token = tokens[number]
        spelled = sum(math.log((total + kinds) / weight[c]) if c in weight else escape for c in token)
        costs[number] = spelled + (math.log((total + kinds) / kinds) if len(token) > 1 else 0.0)
    return costs
