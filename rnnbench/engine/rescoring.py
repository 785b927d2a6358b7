"""Scoring again what a run has learned: on a split of its own text, or on any other text."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rnnbench.config import CorpusConfig
from rnnbench.engine import checkpoints, devices, evaluation
from rnnbench.engine.answers import longest_answer
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.fine_tuning import known_vocabulary
from rnnbench.engine.loading import LoadedModel, open_model
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.session import load_weights
from rnnbench.engine.tasks import Result, make_task
from rnnbench.engine.tasks.making import measure_baselines, read_text
from rnnbench.engine.tasks.seq2seq import measure_pairs
from rnnbench.errors import CheckpointError, CorpusError, UsageError
from rnnbench.runs.store import Run
from rnnbench.text import baselines, corpora, pair_corpus
from rnnbench.text.baselines import Baselines, ScoredSplit
from rnnbench.text.corpora import EncodedCorpus, Known, Split
from rnnbench.text.sources import Report, silent
from rnnbench.workspace import Workspace

SPLITS = ("train", "validation", "test")
_ANSWERED = 500  # source lines of a file that are answered for its figures
Check = Callable[[], None]


@dataclass(frozen=True)
class Rescored:
    """What was scored with the weights of which step. `baselines` is None where they cannot be counted any more."""

    run: str
    text: str
    split: str
    step: int
    task: str
    result: Result
    baselines: Baselines | None


@dataclass(frozen=True)
class Scorer:
    """Scores texts with one checkpoint of a run. `report` and `check` may raise to end the work."""

    run: Run
    workspace: Workspace
    which: str
    report: Report
    check: Check

    def split(self, name: str) -> Rescored:
        """Every token of a split of the run's own text.

        Raises UsageError for a split that is not there, CheckpointError when the text is not the one trained on.
        """
        if name not in SPLITS:
            raise UsageError(f"there is no split {name}", f"one of {', '.join(SPLITS)}")
        config = self.run.config()
        known = known_vocabulary(config, self.run, self.workspace)
        text = read_text(self._own_path(), config, self.workspace.cache, self.report, known)
        checkpoint = checkpoints.load(checkpoints.choose_trained(self.run.checkpoints, self.which))
        if checkpoint.origin.ids_digest != text.ids_digest:
            raise CheckpointError(
                f"{config.corpus.file} is not the text that run {self.run.name} was trained on: it changed since",
                "score it as any other text: name the file",
            )
        devices.prepare(config)
        task = make_task(config, text, torch.device("cpu"))
        if not task.tokens_in(name):
            raise UsageError(f"the {name} split of run {self.run.name} is empty", f"one of {', '.join(SPLITS)}")
        load_weights(task.network, checkpoint)
        counted = measure_baselines(text, name, self.check)
        return Rescored(
            self.run.name, config.corpus.file, name, checkpoint.position.step, config.model.task,
            task.score(name, self.check), counted,
        )  # fmt: skip

    def file(self, path: Path, corpus: CorpusConfig) -> Rescored:
        """Every token of another text, in the run's vocabulary. Raises CorpusError."""
        threads = torch.get_num_threads()
        model = open_model(self.run, self.which, threads=threads)
        network = model.network
        if isinstance(network, EncoderDecoder):
            result, counted = self._pairs(path, corpus, model, network), None
        else:
            known = Known(model.vocabulary, whole=True)
            found = corpora.encode(path, corpus, model.config.text, self.workspace.cache, self.report, known)
            split = found.split("all")
            if isinstance(network, ClozeModel):
                result = evaluation.measure_missing(network, split, check=self.check)
            else:
                assert isinstance(network, LanguageModel)
                result = evaluation.measure(network, split, check=self.check)
            counted = self._counted(model, split)
        return Rescored(self.run.name, str(path), "all", model.step, model.task, result, counted)

    def _pairs(self, path: Path, corpus: CorpusConfig, model: LoadedModel, network: EncoderDecoder) -> Result:
        reading = corpus.model_copy(update={"pairs": model.config.corpus.pairs})
        split = pair_corpus.encode_known(path, reading, model.config.text, model.read_vocabulary, model.vocabulary)
        return measure_pairs(network, model.vocabulary, split, _ANSWERED, longest_answer(split), self.check)

    def _counted(self, model: LoadedModel, split: Split) -> Baselines | None:
        """What counting on the run's training text achieves on the other text; None when that is not there any more."""
        train = training_ids(self.run, self.workspace, model, self.report)
        if train is None:
            return None
        scored = ScoredSplit(split.name, split.ids, split.characters, split.spelling_nats)
        return baselines.measure(train, None, scored, len(model.vocabulary), check=self.check)

    def _own_path(self) -> Path:
        return self.workspace.find_corpus(self.run.config().corpus.file)


def training_ids(
    run: Run, workspace: Workspace, model: LoadedModel, report: Report = silent
) -> NDArray[np.generic] | None:
    """The ids that a run was trained on; None when its text is not there any more, or not as it was."""
    config = model.config
    try:
        path = workspace.find_corpus(config.corpus.file)
        text = read_text(path, config, workspace.cache, report, known_vocabulary(config, run, workspace))
    except CorpusError:
        return None
    if not isinstance(text, EncodedCorpus) or text.vocabulary.digest != model.vocabulary.digest:
        return None
    return text.split("train").ids
