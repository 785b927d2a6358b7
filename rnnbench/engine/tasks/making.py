"""From a configuration to its task: which text is read how, and what is built on it."""

from collections.abc import Callable
from pathlib import Path

import torch

from rnnbench.config import RunConfig
from rnnbench.engine.launch import ALONE, Place
from rnnbench.engine.tasks.base import Task, Text
from rnnbench.text import corpora, pair_corpus
from rnnbench.text.baselines import Baselines
from rnnbench.text.corpora import EncodedCorpus, Known
from rnnbench.text.pair_corpus import EncodedPairs
from rnnbench.text.sources import Report


def read_text(path: Path, config: RunConfig, cache: Path, report: Report, known: Known | None = None) -> Text:
    """The text of a run as its task needs it. Raises CorpusError; `report` may raise to stop."""
    if config.model.task == "seq2seq":
        return pair_corpus.encode_pairs(path, config.corpus, config.text, report)
    if known is not None and known.extend:  # first to find the vocabulary, then in it, as when the run is resumed
        known = Known(corpora.encode(path, config.corpus, config.text, cache, report, known).vocabulary)
    return corpora.encode(path, config.corpus, config.text, cache, report, known)


def measure_baselines(text: Text, split: str, check: Callable[[], None]) -> Baselines:
    """What guessing and counting achieve on a split."""
    if isinstance(text, EncodedPairs):
        return pair_corpus.measure_baselines(text, split, check=check)
    assert isinstance(text, EncodedCorpus)
    return corpora.measure_baselines(text, split, check=check)


def make_task(config: RunConfig, text: Text, device: torch.device, place: Place = ALONE) -> Task:
    """The task on its text, with a network drawn from the seed; of several processes each gets its own lanes.

    Raises RnnbenchError where the two do not fit.
    """
    from rnnbench.engine.tasks.cloze import ClozeTask
    from rnnbench.engine.tasks.language_model import LanguageModelTask
    from rnnbench.engine.tasks.seq2seq import Seq2SeqTask

    if config.model.task == "seq2seq":
        assert isinstance(text, EncodedPairs)
        return Seq2SeqTask(config, text, device)
    assert isinstance(text, EncodedCorpus)
    if config.model.task == "cloze":
        return ClozeTask(config, text, device, place)
    return LanguageModelTask(config, text, device, place)
