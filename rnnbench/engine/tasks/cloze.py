"""Guessing a missing token from both sides of it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine import causality, evaluation, filling, precision
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.filling import Gaps
from rnnbench.engine.launch import ALONE, Place
from rnnbench.engine.tasks.base import Check, Result, Task, Update, of_all
from rnnbench.engine.window_batches import WindowBatches
from rnnbench.text.corpora import EncodedCorpus

_OPENING = 48  # tokens of the validation text shown with blanks when no prompt is chosen
_BLANKS = 3
_SHOWN = 3  # fillings of each prompt


class ClozeTask(Task):
    """A network that reads in both directions, on windows of a stream of tokens."""

    def __init__(self, config: RunConfig, corpus: EncodedCorpus, device: torch.device, place: Place = ALONE) -> None:
        training = config.training
        self._lanes = place.lanes(training.batch_size)
        self._config, self._corpus, self._device = config, corpus, device
        self._batches = WindowBatches(corpus.split("train").ids, training)
        self._gaps = self._find_gaps()  # a prompt that cannot be filled is refused now, not at the first evaluation
        self.network: ClozeModel = ClozeModel(config.model, len(corpus.vocabulary), seed=training.seed).to(device)
        self.steps_per_epoch = self._batches.steps_per_epoch
        self.tokens_per_step = training.batch_size * training.steps_per_sequence

    def initial_state(self) -> Tensor:
        """Nothing is carried from window to window."""
        return torch.zeros(0, device=self._device)

    def loss(self, step: int, state: Tensor) -> Update:
        """Cross-entropy over the B x T inner tokens of the windows; the margins are only read."""
        batch = self._batches.batch(step)
        ids, targets = (part_TB[:, self._lanes].to(self._device) for part_TB in (batch.ids_TB, batch.targets_TB))
        with precision.autocast(self._device, self._config.machine):
            loss = self.network.loss(ids, targets, batch.inside)
        return Update(loss, state, targets[batch.inside].numel())

    def tokens_in(self, split: str) -> int:
        """Tokens of a split: every one is guessed."""
        return len(self._corpus.split(split))

    def score(self, split: str, check: Check) -> Result:
        """The pseudo-loss over every token, and how often the right one was the first, or among the first five."""
        return evaluation.measure_missing(self.network, self._corpus.split(split), check=check)

    def score_training(self, most: int, check: Check) -> Result:
        """The same of the beginning of the training split."""
        split = self._corpus.split("train")
        return of_all(evaluation.measure_missing(self.network, split.beginning(most), check=check), len(split))

    def samples(self) -> Iterator[tuple[str, str]]:
        """Each prompt with its blanks, and its best fillings: the whole text and how probable they are."""
        for gaps in self._gaps:
            fillings = filling.fill_gaps(self.network, self._corpus.vocabulary, gaps, count=_SHOWN)
            shown = [f"{found.text} ({found.probability:.1%})" for found in fillings]
            yield filling.BLANK.join(gaps.segments), " | ".join(shown)

    def _find_gaps(self) -> list[Gaps]:
        prompts = self._config.evaluation.sample_prompts
        return [filling.find_gaps(self._corpus.vocabulary, prompt) for prompt in prompts] or [self._opening()]

    def _opening(self) -> Gaps:
        """The opening of the validation text, single tokens blanked out at even distances."""
        vocabulary, ids = self._corpus.vocabulary, self._corpus.split("validation").ids[:_OPENING].tolist()
        blanks = sorted({len(ids) * (number + 1) // (_BLANKS + 1) for number in range(_BLANKS)})
        edges = [0, *(position + 1 for position in blanks)]
        segments = [vocabulary.decode(ids[a:b]) for a, b in zip(edges, [*blanks, len(ids)], strict=True)]
        masked = [0 if position in blanks else number for position, number in enumerate(ids)]
        return Gaps(tuple(masked), tuple(segments), tuple(blanks))

    def guard(self) -> None:
        """Raise RnnbenchError when the logits at a position depend on the token there."""
        causality.guard_cloze(self.network)
