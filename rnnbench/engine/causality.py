"""The guard before step 1: a model that sees what it is asked to predict does not start.

A leak is found by touching: tokens that a prediction must not depend on are changed, and its logits must stay.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.models import LanguageModel, Network
from rnnbench.engine.pair_batches import inputs_of
from rnnbench.errors import RnnbenchError

Logits = Callable[[Tensor], Tensor]
"""ids (T, B) -> logits (T, B, V), a lane not depending on the others."""

STEPS = 16
_CLOZE_OFFER = (
    "a bidirectional next-token model has read its answer: it reaches perplexity 1.1 and cannot write; "
    "to read from both sides train the cloze task, which predicts a missing token"
)


@dataclass(frozen=True)
class Rule:
    """What a prediction may see. Lane l of the trial is about position l of the text.

    `changed(t, l)`: whether lane l changes the token at t; `fixed(t, l)`: whether its logits at t must stay.
    Both take index tensors and give truth values of the broadcast shape.
    """

    lanes: int
    changed: Callable[[Tensor, Tensor], Tensor]
    fixed: Callable[[Tensor, Tensor], Tensor]
    violation: str
    hint: str


NEXT_TOKEN = Rule(
    lanes=STEPS - 1,
    changed=lambda t, lane: t > lane,
    fixed=lambda t, lane: t <= lane,
    violation="logits moved when only later tokens were changed",
    hint=_CLOZE_OFFER,
)
CLOZE = Rule(
    lanes=STEPS,
    changed=lambda t, lane: t == lane,
    fixed=lambda t, lane: t == lane,
    violation="logits moved when only the token to be guessed was changed",
    hint="each direction may be joined at the output only, from the states before and after the missing token",
)

ANSWER = Rule(
    lanes=STEPS,
    changed=lambda t, lane: t >= lane,
    fixed=lambda t, lane: t <= lane,
    violation="logits moved when only the answer's tokens from there on were changed",
    hint="the decoder may read the source line and the answer's tokens before the one that it predicts",
)


def leaking_positions(logits: Logits, vocabulary: int, rule: Rule, device: torch.device | str = "cpu") -> list[int]:
    """The positions, of STEPS, whose logits saw a token that the rule hides from them; a vocabulary of 1 hides nothing.

    All trials run side by side as lanes: the text as it is, and changed. Passes of one shape agree to the last bit on
    most machines; a third, over the same text again, tells how much of a movement is only noise.
    """
    if vocabulary < 2:
        return []
    random = torch.Generator().manual_seed(0)  # the run's own random numbers stay untouched
    ids_TB = torch.randint(vocabulary, (STEPS, rule.lanes), generator=random)
    others_TB = (ids_TB + torch.randint(1, vocabulary, ids_TB.shape, generator=random)) % vocabulary
    t, lane = torch.arange(STEPS).unsqueeze(1), torch.arange(rule.lanes).unsqueeze(0)
    before_TBV, again_TBV = logits(ids_TB.to(device)), logits(ids_TB.to(device))
    after_TBV = logits(torch.where(rule.changed(t, lane), others_TB, ids_TB).to(device))
    noise = 10 * (again_TBV - before_TBV).abs().max() + torch.finfo(before_TBV.dtype).eps * before_TBV.abs().max()
    moved_TB = (after_TBV - before_TBV).abs().amax(2) > noise
    return torch.nonzero((moved_TB.cpu() & rule.fixed(t, lane)).any(1)).flatten().tolist()


def refuse_leaks(logits: Logits, vocabulary: int, rule: Rule, device: torch.device | str = "cpu") -> None:
    """Raise RnnbenchError that names the positions when predictions see what the rule hides from them."""
    positions = leaking_positions(logits, vocabulary, rule, device)
    if positions:
        named = ", ".join(map(str, positions))
        raise RnnbenchError(
            f"the model sees what it should predict: at positions {named} of {STEPS} its {rule.violation}", rule.hint
        )


def guard(network: LanguageModel) -> None:
    """Refuse a next-token model that reads ahead, with its weights as they are. Raises RnnbenchError."""
    _guard(network, lambda ids_TB: _logits(network, ids_TB), network.vocabulary, NEXT_TOKEN)


def guard_cloze(network: ClozeModel) -> None:
    """Refuse a model that has seen the token it is to guess, with its weights as they are. Raises RnnbenchError."""
    _guard(network, network, network.vocabulary, CLOZE)


def guard_answers(network: EncoderDecoder, inputs: Callable[[Tensor], Tensor] = inputs_of) -> None:
    """Refuse an encoder-decoder that reads the answer it predicts, with its weights as they are. Raises RnnbenchError.

    `inputs` lays targets (T, B) out as what the decoder reads; it is what the batches use, and tried with them.
    """
    random = torch.Generator().manual_seed(1)
    source_S1 = torch.randint(network.source_vocabulary, (STEPS, 1), generator=random)

    def logits(targets_TB: Tensor) -> Tensor:
        source_SB = source_S1.to(targets_TB.device).expand(-1, targets_TB.shape[1])
        memory = network.encode(source_SB)
        return network.decode(inputs(targets_TB), memory, memory.state)[0]

    _guard(network, logits, network.target_vocabulary, ANSWER)


@torch.inference_mode()
def _guard(network: Network, logits: Logits, vocabulary: int, rule: Rule) -> None:
    training = network.training
    network.eval()  # dropout would move every logit
    try:
        refuse_leaks(logits, vocabulary, rule, next(network.parameters()).device)
    finally:
        network.train(training)


def _logits(network: LanguageModel, ids_TB: Tensor) -> Tensor:
    logits_TBV: Tensor = network(ids_TB, network.initial_state(ids_TB.shape[1]))[0]
    return logits_TBV
