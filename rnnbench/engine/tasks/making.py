"""From a configuration to its task: which text is read how, and what is built on it."""

from collections.abc import Callable
from pathlib import Path

import torch

from rnnbench.config import RunConfig
from rnnbench.engine.tasks.base import Task, Text
from rnnbench.text import corpora
from rnnbench.text.baselines import Baselines
from rnnbench.text.corpora import EncodedCorpus
from rnnbench.text.sources import Report


def read_text(
    path: Path, config: RunConfig, cache: Path, report: Report, check: Callable[[], None]
) -> tuple[Text, Baselines]:
    """The text of a run as its task needs it, and what counting achieves on its validation. Raises CorpusError."""
    corpus = corpora.encode(path, config.corpus, config.text, cache, report)
    return corpus, corpora.measure_baselines(corpus, check=check)


def make_task(config: RunConfig, text: Text, device: torch.device) -> Task:
    """The task on its text, with a network drawn from the seed. Raises RnnbenchError where the two do not fit."""
    from rnnbench.engine.tasks.language_model import LanguageModelTask

    assert isinstance(text, EncodedCorpus)
    return LanguageModelTask(config, text, device)
