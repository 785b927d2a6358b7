"""Predicting the next token, left to right, the state carried or started afresh."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine import causality, evaluation, sampling
from rnnbench.engine.batches import make_batches
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.tasks.base import Check, Result, Task, Update
from rnnbench.text.corpora import EncodedCorpus

_SEARCHED = 2000  # tokens of the validation text in which a line is looked for
_OPENING = 24  # characters of it that a sample continues when no prompt is chosen


class LanguageModelTask(Task):
    """A language model on a stream of tokens."""

    def __init__(self, config: RunConfig, corpus: EncodedCorpus, device: torch.device) -> None:
        training = config.training
        self._config, self._corpus, self._device = config, corpus, device
        self._batches = make_batches(corpus.split("train").ids, training)
        self.network: LanguageModel = LanguageModel(config.model, len(corpus.vocabulary), seed=training.seed).to(device)
        self.steps_per_epoch = self._batches.steps_per_epoch
        self.tokens_per_step = training.batch_size * training.steps_per_sequence

    def initial_state(self) -> Tensor:
        """The state (S, L, B, H) before anything has been read."""
        return self.network.initial_state(self._config.training.batch_size)

    def loss(self, step: int, state: Tensor) -> Update:
        """Cross-entropy over B x T tokens; the state is carried unless the batch starts afresh."""
        batch = self._batches.batch(step)
        ids, targets = batch.ids_TB.to(self._device), batch.targets_TB.to(self._device)
        before = self.network.initial_state(ids.shape[1]) if batch.fresh else state
        loss, after = self.network.loss(ids, targets, before)
        return Update(loss, after, ids.numel())

    def tokens_in(self, split: str) -> int:
        """Tokens of a split; the first is given, so one alone cannot be scored."""
        tokens = len(self._corpus.split(split))
        return tokens if tokens > 1 else 0

    def score(self, split: str, check: Check) -> Result:
        """Every token but the first, the state carried."""
        return Result(evaluation.score(self.network, self._corpus.split(split), check=check))

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
