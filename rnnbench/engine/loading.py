"""A trained model, ready to be asked: weights from a verified checkpoint, vocabulary, no corpus needed."""

from dataclasses import dataclass

import torch

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.engine import checkpoints, devices
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.filling import BLANK
from rnnbench.engine.models import LanguageModel, Network
from rnnbench.engine.session import load_weights
from rnnbench.errors import CheckpointError
from rnnbench.runs.store import Run
from rnnbench.text import normalization, vocabulary
from rnnbench.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class LoadedModel:
    """A network with the weights of one checkpoint, and what it reads and writes.

    `source_vocabulary` holds the tokens that are only read, where they are others than those that are written.
    """

    config: RunConfig
    network: Network
    vocabulary: Vocabulary
    step: int
    source_vocabulary: Vocabulary | None = None

    @property
    def task(self) -> str:
        """What the model predicts: language_model, cloze or seq2seq."""
        return self.config.model.task

    @property
    def read_vocabulary(self) -> Vocabulary:
        """The tokens of a prompt."""
        return self.source_vocabulary or self.vocabulary

    def read(self, prompt: str) -> str:
        """A prompt as the model was given its text: lower case, say, when the run was trained on lower case.

        The blanks of a cloze prompt are no text and stay what they are.
        """
        parts = prompt.split(BLANK) if self.task == "cloze" else [prompt]
        return BLANK.join(normalization.of_prompt(part, self.config.text) for part in parts)

    def unknown(self, prompt: str) -> list[str]:
        """The distinct tokens of a prompt that the model does not know, by first appearance."""
        parts = prompt.split(BLANK) if self.task == "cloze" else [prompt]
        return list(dict.fromkeys(token for part in parts for token in self.read_vocabulary.unknown(part)))


def open_model(run: Run, which: str = "best", *, device: str = "cpu", threads: int = 1) -> LoadedModel:
    """The model of a run at `best`, `last` or a step. Raises CheckpointError when it cannot be trusted.

    One thread by default: a single stream gains nothing from more, and a training run next door would lose.
    """
    config = run.config()
    try:
        known = Vocabulary.from_json(storage.read_json(run.vocabulary_file))
    except FileNotFoundError:
        raise CheckpointError(f"run {run.name} has no vocabulary yet", "wait until training has begun") from None
    source = _source_vocabulary(run, config)
    checkpoint = checkpoints.load(checkpoints.choose_trained(run.checkpoints, which))
    if checkpoint.origin.vocabulary_digest != vocabulary.digest_of(known, source):
        raise CheckpointError(f"the vocabulary of run {run.name} is not the one its checkpoint was trained with")
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    network = make_network(config, len(known), None if source is None else len(source))
    network.to(devices.choose_device(device))
    load_weights(network, checkpoint)
    network.eval()
    return LoadedModel(config, network, known, checkpoint.position.step, source)


def make_network(config: RunConfig, tokens: int, source_tokens: int | None = None) -> Network:
    """A network for the run's task with vocabularies of these sizes; no size of its own for a source that shares."""
    model, seed = config.model, config.training.seed
    if model.task == "cloze":
        return ClozeModel(model, tokens, seed=seed)
    if model.task == "seq2seq":
        return EncoderDecoder(model, source_tokens or tokens, tokens, shared=source_tokens is None, seed=seed)
    return LanguageModel(model, tokens, seed=seed)


def _source_vocabulary(run: Run, config: RunConfig) -> Vocabulary | None:
    """The tokens of the source lines; None where they are those of the target lines, or there are none."""
    if config.model.task != "seq2seq" or config.text.shared_vocabulary:
        return None
    try:
        return Vocabulary.from_json(storage.read_json(run.source_vocabulary_file))
    except FileNotFoundError:
        raise CheckpointError(f"run {run.name} lacks the vocabulary of its source lines") from None
