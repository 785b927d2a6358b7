"""How much of a run's texts was copied from its training text: the ids it was trained on are read once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnbench.engine.loading import LoadedModel
from rnnbench.engine.rescoring import training_ids
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs.slash_values import NoveltyWish
from rnnbench.runs.store import Run
from rnnbench.text import novelty
from rnnbench.text.novelty import Novelty
from rnnbench.workspace import Workspace

LARGE_BYTES = 50_000_000
"""From this size of the training text on nothing is measured unasked: 200 tokens would take seconds."""
Check = Callable[[], None]


@dataclass(frozen=True)
class Copied:
    """The novelty of one text, and what its tokens are called."""

    novelty: Novelty
    unit: str

    def describe(self) -> str:
        """In a line."""
        found = self.novelty
        shares = ", ".join(f"{n}: {share:.0%}" for n, share in enumerate(found.novel_shares, 1))
        verdict = " (memorised)" if found.memorised else ""
        return (
            f"novelty: of {found.tokens:,} {self.unit} the longest copied span has {found.copied:,}{verdict}; "
            f"new n-grams {shares}"
        )


class CopyMeter:
    """Measures texts of one run, each against the training text of the model that wrote it."""

    def __init__(self, workspace: Workspace, run: Run) -> None:
        self._workspace, self._run = workspace, run
        self._train: tuple[str, NDArray[np.generic] | None] | None = None

    def wanted(self, wish: NoveltyWish) -> bool:
        """Whether a text is to be measured; `auto` leaves it out where the training text is large, or gone."""
        return self._is_small() if wish == "auto" else wish

    def measure(self, model: LoadedModel, ids: Sequence[int], check: Check) -> Copied:
        """How new a text is. `check` may raise to end the work; raises UsageError when the training text is gone."""
        train = self._training(model, check)
        if train is None:
            name = self._run.name
            raise UsageError(f"the text that run {name} was trained on is not there as it was", "/novelty off")
        unit = "characters" if model.vocabulary.tokenizer.name == "character" else "tokens"
        return Copied(novelty.measure(np.array(ids, dtype=np.uint32), train, check), unit)

    def _training(self, model: LoadedModel, check: Check) -> NDArray[np.generic] | None:
        digest = model.vocabulary.digest
        if self._train is None or self._train[0] != digest:
            ids = training_ids(self._run, self._workspace, model, lambda phase, done, total: check())
            self._train = digest, ids
        return self._train[1]

    def _is_small(self) -> bool:
        try:
            path = self._workspace.find_corpus(self._run.config().corpus.file)
            return path.stat().st_size <= LARGE_BYTES
        except (OSError, RnnbenchError):
            return False
