"""Predicting the next token, left to right, the state carried or started afresh."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine import causality, evaluation, precision, regularisation, sampling
from rnnbench.engine.batches import RandomLengths, Sequential, make_batches
from rnnbench.engine.launch import ALONE, Place
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.small_steps import StepsTaken, make_small_steps
from rnnbench.engine.tasks.base import Check, Result, Task, Update, of_all
from rnnbench.text.corpora import EncodedCorpus

_SEARCHED = 2000  # tokens of the validation text in which a line is looked for
_OPENING = 24  # characters of it that a sample continues when no prompt is chosen


class LanguageModelTask(Task):
    """A language model on a stream of tokens."""

    def __init__(self, config: RunConfig, corpus: EncodedCorpus, device: torch.device, place: Place = ALONE) -> None:
        training = config.training
        self._lanes = place.lanes(training.batch_size)
        self._config, self._corpus, self._device = config, corpus, device
        self._batches = make_batches(corpus.split("train").ids, training)
        self.network: LanguageModel = LanguageModel(config.model, len(corpus.vocabulary), seed=training.seed).to(device)
        self._penalty = regularisation.make_penalty(training)
        self._small_steps = make_small_steps(self.network, config, device)
        self.takes_small_steps = self._small_steps is not None
        self.steps_per_epoch = self._batches.steps_per_epoch
        self.tokens_per_step = training.batch_size * training.steps_per_sequence

    def initial_state(self) -> Tensor:
        """The state (S, L, B, H) before anything has been read."""
        return self.network.initial_state(self._lanes.stop - self._lanes.start)

    def loss(self, step: int, state: Tensor) -> Update:
        """Cross-entropy over B x T tokens; the state is carried unless the batch starts afresh."""
        batch = self._batches.batch(step)
        ids, targets = (part_TB[:, self._lanes].to(self._device) for part_TB in (batch.ids_TB, batch.targets_TB))
        before = self.network.initial_state(ids.shape[1]) if batch.fresh else state
        with precision.autocast(self._device, self._config.machine):
            loss, after = self.network.loss(ids, targets, before, self._penalty)
        return Update(loss, after.to(before.dtype), ids.numel())

    def rate_share(self, step: int) -> float:
        """The length of the batch as a share of the usual one."""
        return self._batches.share_of_length(step) if isinstance(self._batches, RandomLengths) else 1.0

    def small_steps(self, step: int, most: int, state: Tensor, rate: float) -> StepsTaken:
        """Updates of plain descent, where one token is a batch; not beyond the end of an epoch."""
        assert self._small_steps is not None and isinstance(self._batches, Sequential)
        batch = self._batches.stretch(step, most)
        before = self.network.initial_state(1) if batch.fresh else state
        pairs = zip(batch.ids_TB.view(-1).tolist(), batch.targets_TB.view(-1).tolist(), strict=True)
        return self._small_steps.take(pairs, before, rate)

    def tokens_in(self, split: str) -> int:
        """Tokens of a split; the first is given, so one alone cannot be scored."""
        tokens = len(self._corpus.split(split))
        return tokens if tokens > 1 else 0

    def score(self, split: str, check: Check) -> Result:
        """Every token but the first, the state carried."""
        return evaluation.measure(self.network, self._corpus.split(split), check=check)

    def score_training(self, most: int, check: Check) -> Result:
        """The same of the beginning of the training split."""
        split = self._corpus.split("train")
        return of_all(evaluation.measure(self.network, split.beginning(most), check=check), len(split))

    def samples(self) -> Iterator[tuple[str, str]]:
        """How the network continues each prompt, or the first whole line of the validation text."""
        choices, vocabulary = self._config.evaluation, self._corpus.vocabulary
        for prompt in choices.sample_prompts or (self._opening(),):
            decoding = sampling.Decoding(
                length=choices.sample_length,
                temperature=choices.sample_temperature,
                greedy=choices.sample_greedy,
                seed=self._config.training.seed,
            )
            tokens = sampling.generate(self.network, vocabulary, prompt, decoding)
            yield prompt, "".join(token.text for token in tokens)

    def _opening(self) -> str:
        text = self._corpus.vocabulary.decode(self._corpus.split("validation").ids[:_SEARCHED].tolist())
        start = text.find("\n") + 1
        return text[start:].lstrip()[:_OPENING] or text[:_OPENING]

    def guard(self) -> None:
        """Raise RnnbenchError when logits depend on later tokens."""
        causality.guard(self.network)
