"""Generation on a carried state: constant work for each token. Each filter is one small function."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnbench.engine.models import LanguageModel
from rnnbench.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen. `top_k` 0 keeps all; `greedy` takes the most probable and ignores the rest."""

    length: int = 200
    temperature: float = 1.0
    top_k: int = 0
    greedy: bool = False
    seed: int = 1


@dataclass(frozen=True)
class Token:
    """A chosen token and its log-probability in nats under the model itself, before temperature and filters.

    `text` is what became complete with it: nothing, for a byte in the middle of a character.
    """

    id: int
    text: str
    log_probability_nats: float


def apply_temperature(logits_V: Tensor, temperature: float) -> Tensor:
    """Below 1 sharper, above 1 flatter (Ackley, Hinton and Sejnowski 1985). Shifted first, so nothing overflows."""
    return ((logits_V - logits_V.max()).double() / temperature).float()


def keep_top_k(logits_V: Tensor, k: int) -> Tensor:
    """Only the k largest stay possible (Fan, Lewis and Dauphin 2018); all of them when k is 0."""
    if not 0 < k < logits_V.shape[-1]:
        return logits_V
    smallest = logits_V.topk(k).values[..., -1:]
    return logits_V.masked_fill(logits_V < smallest, -torch.inf)


def choose(logits_V: Tensor, decoding: Decoding, generator: torch.Generator) -> int:
    """The next id: filters in the order temperature, top-k, then one draw."""
    if decoding.greedy:
        return int(logits_V.argmax())
    logits_V = keep_top_k(apply_temperature(logits_V, decoding.temperature), decoding.top_k)
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


@torch.inference_mode()
def generate(network: LanguageModel, vocabulary: Vocabulary, prompt: str, decoding: Decoding) -> Iterator[Token]:
    """The tokens that follow the prompt, one at a time. Tokens that stand for no text are never chosen."""
    network.eval()
    generator = torch.Generator().manual_seed(decoding.seed)
    logits_V, state = warm_up(network, vocabulary.encode(prompt))
    decoder = vocabulary.decoder()
    for number in range(decoding.length):
        own = logits_V.log_softmax(-1)
        logits_V[: vocabulary.specials] = -torch.inf
        chosen = choose(logits_V, decoding, generator)
        text = vocabulary.piece(decoder, chosen)
        last = number == decoding.length - 1
        yield Token(chosen, text + decoder.finish() if last else text, float(own[chosen]))
        logits_TBV, state = network(torch.tensor([[chosen]], device=state.device), state)
        logits_V = logits_TBV[0, 0].float().cpu()
