"""Generation on a carried state: constant work for each token. What may be drawn is decided in filters.py.

Many texts are written side by side, as lanes of one batch, each with random numbers of its own.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnbench.engine import stepping
from rnnbench.engine.filters import Filters
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.stepping import Stepper
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.text.vocabulary import Vocabulary

BOS = "<bos>"
_LINE_FACTOR = 4  # a line that never ends is cut at so many times the length asked for
_LANES = 64  # texts that are written side by side; more gain little
_KEPT_TOKENS = 1 << 20  # tokens of unfinished texts that are held in memory
_DRAWN = 256  # random numbers that are drawn at once


@dataclass(frozen=True)
class Decoding:
    """How the text is chosen and where it ends.

    `length` counts tokens, or characters where `in_characters`. `greedy` takes the most probable token that the
    filters leave and draws nothing. `banned` tokens are never written; the text begins with `forced`; it ends before
    the first of the `stop` texts, and with `whole_lines` at the first line end after `length`.
    """

    length: int = 200
    temperature: float = 1.0
    top_k: int = 0
    greedy: bool = False
    seed: int = 1
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    banned: tuple[str, ...] = ()
    forced: str = ""
    stop: tuple[str, ...] = ()
    in_characters: bool = False
    whole_lines: bool = False

    def filters(self, vocabulary: Vocabulary) -> Filters:
        """The filters, banned texts as ids. Raises UsageError for a text that is not one token."""
        ids = [vocabulary.encode(text) for text in self.banned]
        for text, found in zip(self.banned, ids, strict=True):
            if len(found) != 1 or not found[0]:
                raise UsageError(f"{text!r} cannot be banned: it is not one token of the vocabulary")
        return Filters(
            self.temperature, self.top_k, self.top_p, self.min_p, self.typical_p, self.repetition_penalty,
            self.no_repeat_ngram, (*range(vocabulary.specials), *(found[0] for found in ids)),
        )  # fmt: skip


@dataclass(frozen=True)
class Token:
    """A chosen token and its log-probability in nats under the model itself, before temperature and filters.

    `text` is what became complete with it: nothing, for a byte in the middle of a character, or where the text so far
    may be the beginning of a stop text.
    """

    id: int
    text: str
    log_probability_nats: float


@dataclass(frozen=True)
class Text:
    """A whole text, with the seed it was written from."""

    seed: int
    tokens: tuple[Token, ...]


def ids_before(vocabulary: Vocabulary, prompt: str) -> list[int]:
    """What is read before the first token: the prompt; for an empty one <bos>, where the vocabulary reserves it."""
    specials = vocabulary.tokens[: vocabulary.specials]
    return vocabulary.encode(prompt) or ([specials.index(BOS)] if BOS in specials else [])


class Draws:
    """Random numbers in [0, 1) from a seed: the same ones however many lanes there are beside."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._drawn: list[float] = []

    def next(self) -> float:
        """The next number. A little below 1 at most, so that scaling cannot round it up to the whole."""
        if not self._drawn:
            numbers = torch.rand(_DRAWN, generator=self._generator, dtype=torch.float64) * (1 - 2**-50)
            self._drawn = numbers.tolist()[::-1]
        return self._drawn.pop()


def choose(allowed_BV: Tensor, draws: Sequence[Draws]) -> list[int | None]:
    """For each lane an id drawn from the softmax of filtered logits, or the most probable one where there are no draws.

    Drawn by the inverse of the distribution function. None for a lane in which all logits are -inf. Raises
    RnnbenchError for logits that are no numbers.
    """
    best_B, best_id_B = allowed_BV.max(-1)
    best = best_B.tolist()
    if not all(math.isfinite(value) or value == -torch.inf for value in best):
        raise RnnbenchError("the model computes numbers that are not finite", "ask an earlier checkpoint")
    ids = best_id_B.tolist()
    if draws:
        sums_BV = allowed_BV.softmax(-1).cumsum(-1, dtype=torch.float64)
        drawn_B1 = sums_BV.new_tensor([[one.next()] for one in draws]) * sums_BV[:, -1:]
        ids = torch.searchsorted(sums_BV, drawn_B1, right=True).flatten().tolist()
    return [None if value == -torch.inf else number for number, value in zip(ids, best, strict=True)]


@torch.inference_mode()
def warm_up(network: LanguageModel, ids: list[int]) -> tuple[Tensor, Tensor]:
    """Read a prompt: the logits (V,) for what follows, and the state. An empty prompt gives a flat first choice."""
    logits_BV, state = stepping.read(network, torch.tensor(ids, dtype=torch.long).unsqueeze(1))
    return logits_BV[0].cpu(), state


class Ending:
    """Decides where a text ends, and holds text back while it may be the beginning of a stop text."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding, self._held = decoding, ""
        self._tokens = self._told = 0
        self.reached = decoding.length == 0
        self.stopped = False

    def feed(self, piece: str) -> str:
        """Take what was written; what of it is certain to belong to the text."""
        self._tokens += 1
        self._held += piece
        self._look_for_stop()
        self._look_for_length()
        keep = 0 if self.reached else self._waiting()
        ready, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        self._told += len(ready)
        return ready

    def finish(self) -> str:
        """What was held back, when nothing more can follow."""
        self.reached, held, self._held = True, self._held, ""
        return held

    def _look_for_stop(self) -> None:
        found = [at for text in self._decoding.stop if text and (at := self._held.find(text)) >= 0]
        if found:
            self.reached = self.stopped = True
            self._held = self._held[: min(found)]

    def _look_for_length(self) -> None:
        choices, length = self._decoding, self._decoding.length
        done = self._told + len(self._held) if choices.in_characters else self._tokens
        if done < length or self.reached:
            return
        if not choices.whole_lines:
            self.reached = True
            self._held = self._held[: length - self._told] if choices.in_characters else self._held
        elif "\n" in self._held or done >= length * _LINE_FACTOR:
            self.reached = True
            self._held = self._held[: self._held.find("\n") + 1] or self._held

    def _waiting(self) -> int:
        """How many of the last characters may be the beginning of a stop text."""
        longest = max((len(text) for text in self._decoding.stop), default=1) - 1
        endings = (self._held[-n:] for n in range(min(longest, len(self._held)), 0, -1))
        return next((len(end) for end in endings if any(text.startswith(end) for text in self._decoding.stop)), 0)


class Lane:
    """One of the texts that are written side by side: what was in it, and where it ends."""

    def __init__(self, vocabulary: Vocabulary, before: Sequence[int], decoding: Decoding, filters: Filters) -> None:
        self._vocabulary, self._decoder = vocabulary, vocabulary.decoder()
        self.history = filters.history(before)
        self.ending = Ending(decoding)

    def write(self, number: int) -> str:
        """Take an id; the text that became certain with it."""
        self.history.write(number)
        return self.ending.feed(self._vocabulary.piece(self._decoder, number))

    def finish(self) -> str:
        """What was held back, when nothing more can follow."""
        return self.ending.finish() + ("" if self.ending.stopped else self._decoder.finish())


class _Writer:
    """Writes texts after prompts of one length, one token of each at a time."""

    def __init__(
        self,
        network: LanguageModel,
        vocabulary: Vocabulary,
        before: Sequence[Sequence[int]],
        decoding: Decoding,
        seeds: Sequence[int],
    ) -> None:
        self._filters = decoding.filters(vocabulary)
        self._forced = iter(vocabulary.encode(decoding.forced))
        self._lanes = [Lane(vocabulary, ids, decoding, self._filters) for ids in before]
        self._draws = [] if decoding.greedy else [Draws(seed) for seed in seeds]
        self._going = [] if decoding.length == 0 else list(range(len(before)))  # lanes in the order of the stepper's
        same = all(ids == before[0] for ids in before)
        ids_BT = torch.tensor(before[:1] if same else before, dtype=torch.long)
        self._stepper = Stepper(network, *stepping.read(network, ids_BT.t()))
        if same and len(before) > 1:
            self._stepper.select([0] * len(before))

    def run(self) -> Iterator[list[tuple[int, Token]]]:
        """The tokens of one step of all lanes that go on, as (lane, token)."""
        chosen = self._choose()
        self._keep([at for at, number in enumerate(chosen) if number is not None])
        while self._going:
            numbers = [number for number in chosen if number is not None]
            lanes, nats = self._going, self._nats(numbers)
            texts = [self._lanes[lane].write(number) for lane, number in zip(lanes, numbers, strict=True)]
            chosen = self._advance(numbers)
            for at, lane in enumerate(lanes if len(self._going) < len(lanes) else []):
                if lane not in self._going:
                    texts[at] += self._lanes[lane].finish()
            yield [(lanes[at], Token(number, texts[at], nats[at])) for at, number in enumerate(numbers)]

    def _advance(self, numbers: list[int]) -> list[int | None]:
        """Read what was written in the lanes that have not ended, and choose what comes next there."""
        open_at = [at for at, lane in enumerate(self._going) if not self._lanes[lane].ending.reached]
        self._keep(open_at)
        if not open_at:
            return []
        self._stepper.step([numbers[at] for at in open_at])
        chosen = self._choose()
        self._keep([at for at, number in enumerate(chosen) if number is not None])
        return chosen

    def _choose(self) -> list[int | None]:
        """What the lanes that go on write next; None where nothing may follow."""
        if not self._going:
            return []
        if (forced := next(self._forced, None)) is not None:
            return [forced] * len(self._going)
        allowed_BV = self._filters.apply(self._stepper.logits_BV, [self._lanes[lane].history for lane in self._going])
        return choose(allowed_BV, [self._draws[lane] for lane in self._going] if self._draws else [])

    def _keep(self, kept: list[int]) -> None:
        if len(kept) < len(self._going):
            self._going = [self._going[at] for at in kept]
            self._stepper.select(kept)

    def _nats(self, numbers: list[int]) -> list[float]:
        """The log-probability of an id in each lane, under the model itself."""
        logs_BV = self._stepper.logits_BV.log_softmax(-1)
        ids_B1 = torch.tensor(numbers, device=logs_BV.device).unsqueeze(1)
        return logs_BV.gather(1, ids_B1).flatten().tolist()


@torch.inference_mode()
def generate(
    network: LanguageModel, vocabulary: Vocabulary, prompt: str, decoding: Decoding, context: Sequence[int] = ()
) -> Iterator[Token]:
    """The tokens that follow the prompt, one at a time. Tokens that stand for no text are never chosen.

    `context` are ids that are read in place of an empty prompt. Ends early where the filters leave nothing to choose.
    """
    network.eval()
    before = list(context) or ids_before(vocabulary, prompt)
    for tokens in _Writer(network, vocabulary, [before], decoding, [decoding.seed]).run():
        yield tokens[0][1]


@torch.inference_mode()
def generate_many(
    network: LanguageModel,
    vocabulary: Vocabulary,
    prompt: str,
    decoding: Decoding,
    seeds: Sequence[int],
    contexts: Sequence[Sequence[int]] = (),
) -> Iterator[Text]:
    """A text for each seed, in their order, written in batches. Memory holds the texts of one batch.

    A lane draws the same random numbers as `generate` does with its seed. The logits of a batch are those of one lane
    but for rounding in the last bits, so a text is almost always, but not with certainty, the one that `generate`
    writes. `contexts`, of one length, are read in place of an empty prompt, one for each seed.
    """
    network.eval()
    lanes = max(1, min(_LANES, _KEPT_TOKENS // max(decoding.length, 1)))
    for start in range(0, len(seeds), lanes):
        block = seeds[start : start + lanes]
        before = contexts[start : start + lanes] or [ids_before(vocabulary, prompt)] * len(block)
        texts: list[list[Token]] = [[] for _ in block]
        for tokens in _Writer(network, vocabulary, before, decoding, block).run():
            for lane, token in tokens:
                texts[lane].append(token)
        yield from (Text(seed, tuple(found)) for seed, found in zip(block, texts, strict=True))
