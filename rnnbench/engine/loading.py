"""A trained model, ready to be asked: weights from a verified checkpoint, vocabulary, no corpus needed."""

from dataclasses import dataclass

import torch

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.engine import checkpoints, devices
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.session import load_weights
from rnnbench.errors import CheckpointError
from rnnbench.runs.store import Run
from rnnbench.text import normalization
from rnnbench.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class LoadedModel:
    """A network with the weights of one checkpoint."""

    config: RunConfig
    network: LanguageModel
    vocabulary: Vocabulary
    step: int

    def read(self, prompt: str) -> str:
        """A prompt as the model was given its text: lower case, say, when the run was trained on lower case."""
        return normalization.of_prompt(prompt, self.config.text)


def open_model(run: Run, which: str = "best", *, device: str = "cpu", threads: int = 1) -> LoadedModel:
    """The model of a run at `best`, `last` or a step. Raises CheckpointError when it cannot be trusted.

    One thread by default: a single stream gains nothing from more, and a training run next door would lose.
    """
    config = run.config()
    try:
        vocabulary = Vocabulary.from_json(storage.read_json(run.vocabulary_file))
    except FileNotFoundError:
        raise CheckpointError(f"run {run.name} has no vocabulary yet", "wait until training has begun") from None
    checkpoint = checkpoints.load(checkpoints.choose_trained(run.checkpoints, which))
    if checkpoint.origin.vocabulary_digest != vocabulary.digest:
        raise CheckpointError(f"the vocabulary of run {run.name} is not the one its checkpoint was trained with")
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    network = LanguageModel(config.model, len(vocabulary), seed=config.training.seed)
    network.to(devices.choose_device(device))
    load_weights(network, checkpoint)
    network.eval()
    return LoadedModel(config, network, vocabulary, checkpoint.position.step)
