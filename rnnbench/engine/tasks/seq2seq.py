"""Answering a line: an encoder-decoder on pairs, scored by the known answers and by its own."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine import causality, precision
from rnnbench.engine.answers import answer_split, evenly, figures, longest_answer
from rnnbench.engine.decoding import DecodeChoices, answer
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.pair_batches import PairBatches, Places, in_order
from rnnbench.engine.tasks.base import Check, Result, Task, Update
from rnnbench.metrics import LossReducer, Score
from rnnbench.text import normalization
from rnnbench.text.pair_corpus import EncodedPairs, PairSplit
from rnnbench.text.vocabulary import Vocabulary

_SCORED_NUMBERS = 1 << 12  # source and target tokens of a scored batch
_ANSWERED = {"test": 500}  # source lines that are answered for the figures of a split; the last look is the closest
_ANSWERED_WHILE_TRAINING = 100
_SAMPLES = 4


class Seq2SeqTask(Task):
    """An encoder-decoder on pairs of lines."""

    def __init__(self, config: RunConfig, pairs: EncodedPairs, device: torch.device) -> None:
        self._config, self._pairs, self._device = config, pairs, device
        seed = config.training.seed
        self._batches = PairBatches(pairs.split("train"), config.training.batch_size, seed)
        self.network: EncoderDecoder = EncoderDecoder(
            config.model,
            len(pairs.read_vocabulary),
            len(pairs.vocabulary),
            shared=pairs.source_vocabulary is None,
            seed=seed,
        ).to(device)
        self.steps_per_epoch = self._batches.steps_per_epoch
        self.tokens_per_step = self._batches.tokens_per_step

    def initial_state(self) -> Tensor:
        """Nothing is carried from pair to pair."""
        return torch.zeros(0, device=self._device)

    def loss(self, step: int, state: Tensor) -> Update:
        """Mean cross-entropy over the batch's target tokens and their <eos>."""
        batch = self._batches.batch(step)
        source, inputs, targets = (
            part.to(self._device) for part in (batch.source_SB, batch.inputs_TB, batch.targets_TB)
        )
        with precision.autocast(self._device, self._config.machine):
            loss, _ = self.network.loss(source, inputs, targets)
        return Update(loss, state, batch.tokens)

    def tokens_in(self, split: str) -> int:
        """Target tokens of a split, an <eos> for each line."""
        return self._pairs.split(split).target_tokens

    def score(self, split: str, check: Check) -> Result:
        """Every target token and <eos>, given the true ones before it; and figures of greedy free-running answers.

        The figures are of at most 100 distinct source lines at even distances, so that an evaluation stays short, and
        of at most 500 on the test split, which is scored once.
        """
        part, longest = self._pairs.split(split), longest_answer(self._pairs.split("train"))
        most = _ANSWERED.get(split, _ANSWERED_WHILE_TRAINING)
        return measure_pairs(self.network, self._pairs.vocabulary, part, most, longest, check)

    def score_training(self, most: int, check: Check) -> Result:
        """The loss over some training pairs at even distances; no answers are looked for."""
        split = self._pairs.split("train")
        places = evenly(split, max(most * len(split) // split.target_tokens, 1))
        return Result(split.name, replace(_teacher_forced(self.network, split, check, places), characters=0, bytes=0))

    def samples(self) -> Iterator[tuple[str, str]]:
        """The greedy answer to each prompt, or to the first source lines of the validation split."""
        pairs, choices = self._pairs, DecodeChoices(longest=longest_answer(self._pairs.split("train")))
        for prompt in self._prompts():
            best = answer(self.network, pairs.read_vocabulary, pairs.vocabulary, prompt, choices)[0]
            yield prompt, best.text.strip()

    def _prompts(self) -> list[str]:
        """Lines as the network reads them, none of them empty."""
        given = [
            normalization.of_prompt(line, self._config.text).strip() for line in self._config.evaluation.sample_prompts
        ]
        lines = dict.fromkeys(pair.source for pair in self._pairs.split("validation").pairs)
        return [line for line in given if line] or list(lines)[:_SAMPLES]

    def guard(self) -> None:
        """Raise RnnbenchError when a prediction depends on the token that it predicts, or on later ones."""
        causality.guard_answers(self.network)


def measure_pairs(
    network: EncoderDecoder, vocabulary: Vocabulary, split: PairSplit, most: int, longest: int, check: Check
) -> Result:
    """Every target token and <eos> given the true ones before it, and figures of at most `most` greedy answers."""
    score = _teacher_forced(network, split, check)
    return Result(split.name, score, figures(answer_split(network, vocabulary, split, most, longest, check)))


@torch.inference_mode()
def _teacher_forced(network: EncoderDecoder, split: PairSplit, check: Check, places: Places | None = None) -> Score:
    network.eval()
    reducer, device = LossReducer(), network.output.weight.device
    for batch in in_order(split, _SCORED_NUMBERS, places):
        check()
        parts = (part.to(device) for part in (batch.source_SB, batch.inputs_TB, batch.targets_TB))
        loss, _ = network.loss(*parts)
        reducer.add(loss.item(), batch.tokens)
    return Score(
        loss_nats=reducer.loss_nats,
        tokens_scored=reducer.tokens,
        tokens_total=split.target_tokens,
        characters=split.characters,
        bytes=split.bytes,
        unknown_tokens=split.unknown_tokens,
        spelling_nats=split.spelling_nats,
        tokens_given=0,
    )
