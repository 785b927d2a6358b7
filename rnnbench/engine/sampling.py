"""Generation on a carried state: constant work for each token. What may be drawn is decided in filters.py."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnbench.engine.filters import Filters
from rnnbench.engine.models import LanguageModel
from rnnbench.errors import UsageError
from rnnbench.text.vocabulary import Vocabulary

_LINE_FACTOR = 4  # a line that never ends is cut at so many times the length asked for


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


def choose(logits_V: Tensor, greedy: bool, generator: torch.Generator) -> int:
    """The most probable id, or one drawn from the softmax of logits that were filtered."""
    if greedy:
        return int(logits_V.argmax())
    return int(torch.multinomial(logits_V.softmax(-1), 1, generator=generator))


@torch.inference_mode()
def warm_up(network: LanguageModel, ids: list[int]) -> tuple[Tensor, Tensor]:
    """Read a prompt: the logits (V,) for what follows, and the state. An empty prompt gives a flat first choice."""
    state = network.initial_state(1)
    if not ids:
        return torch.zeros(network.vocabulary), state
    tokens = torch.tensor(ids, device=state.device).unsqueeze(1)
    for part in torch.split(tokens, 256):
        logits_TBV, state = network(part, state)
    return logits_TBV[-1, 0].float().cpu(), state


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


class Chooser:
    """Chooses one id after the other for one text: forced ones first, then what the filters leave."""

    def __init__(self, vocabulary: Vocabulary, read: list[int], decoding: Decoding) -> None:
        self._filters, self._greedy = decoding.filters(vocabulary), decoding.greedy
        self._forced = iter(vocabulary.encode(decoding.forced))
        self._history = self._filters.history(read)
        self._generator = torch.Generator().manual_seed(decoding.seed)

    def next(self, logits_V: Tensor) -> int | None:
        """The next id; None where nothing may follow."""
        chosen = next(self._forced, None)
        if chosen is None:
            allowed = self._filters.apply(logits_V, self._history)
            if bool(torch.isneginf(allowed).all()):
                return None
            chosen = choose(allowed, self._greedy, self._generator)
        self._history.write(chosen)
        return chosen


@torch.inference_mode()
def generate(network: LanguageModel, vocabulary: Vocabulary, prompt: str, decoding: Decoding) -> Iterator[Token]:
    """The tokens that follow the prompt, one at a time. Tokens that stand for no text are never chosen.

    Ends early where the filters leave nothing to choose.
    """
    network.eval()
    read = vocabulary.encode(prompt)
    chooser, decoder, ending = Chooser(vocabulary, read, decoding), vocabulary.decoder(), Ending(decoding)
    logits_V, state = warm_up(network, read)
    chosen = None if ending.reached else chooser.next(logits_V)
    while chosen is not None:
        token, nats = chosen, float(logits_V.log_softmax(-1)[chosen])
        text, chosen = ending.feed(vocabulary.piece(decoder, token)), None
        if not ending.reached:
            logits_TBV, state = network(torch.tensor([[token]], device=state.device), state)
            logits_V = logits_TBV[0, 0].float().cpu()
            chosen = chooser.next(logits_V)
        if chosen is None:
            text += ending.finish() + ("" if ending.stopped else decoder.finish())
        yield Token(token, text, nats)
