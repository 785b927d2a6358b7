"""Beginning with what another run has learned: its vocabulary and its best weights, on a new text."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnnbench import config as configuration
from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.engine import checkpoints
from rnnbench.engine.checkpoints import Checkpoint
from rnnbench.engine.models import Network
from rnnbench.engine.session import Session
from rnnbench.errors import CheckpointError, UsageError
from rnnbench.runs.events import Event, Warned
from rnnbench.runs.store import Run, RunStore
from rnnbench.text.corpora import EncodedCorpus, Known
from rnnbench.text.vocabulary import Vocabulary
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_OWN = {"text.extend_vocabulary", "model.dropout"}  # these may differ: they change no weight and no token


def known_vocabulary(config: RunConfig, run: Run, workspace: Workspace) -> Known | None:
    """The vocabulary to number the text with; None for a run that makes its own.

    A run that is resumed has stored its vocabulary and needs the other one no more. Raises UsageError when the other
    run reads or computes differently.
    """
    if not config.training.start_from:
        return None
    if config.model.task == "seq2seq":
        raise UsageError("--from is for language models and cloze", "pairs have vocabularies of their own")
    if run.vocabulary_file.exists():
        return Known(Vocabulary.from_json(storage.read_json(run.vocabulary_file)))
    base = RunStore(workspace).find(config.training.start_from)
    _refuse_differences(base, config)
    try:
        known = Vocabulary.from_json(storage.read_json(base.vocabulary_file))
    except FileNotFoundError:
        raise CheckpointError(f"run {base.name} has no vocabulary yet", "wait until training has begun") from None
    return Known(known, extend=config.text.extend_vocabulary)


def _refuse_differences(base: Run, config: RunConfig) -> None:
    different = configuration.differences([base.config(), config])
    wrong = [key for key in different if key.partition(".")[0] in ("model", "text") and key not in _OWN]
    if wrong:
        shown = ", ".join(f"{key} ({different[key][0]} there, {different[key][1]} here)" for key in wrong)
        raise UsageError(
            f"run {base.name} cannot be gone on from: {visible(shown)}", "leave these as they are there, or train anew"
        )


def begin(session: Session, workspace: Workspace) -> Iterator[Event]:
    """Give a run that has not begun the weights of the other one, and say what it does not know of the new text."""
    name, run = session.config.training.start_from, session.run
    if not name or checkpoints.manifests(run.checkpoints):
        return
    base = RunStore(workspace).find(name)
    checkpoint = checkpoints.load(checkpoints.choose_trained(base.checkpoints, "best"))
    tokens = Vocabulary.from_json(storage.read_json(base.vocabulary_file))
    if checkpoint.origin.vocabulary_digest != tokens.digest:
        raise CheckpointError(f"the vocabulary of run {name} is not the one its checkpoint was trained with")
    added = transplant(session.network, checkpoint, len(tokens), len(session.text.vocabulary))
    more = f"; {added:,} tokens were added to its vocabulary" if added else ""
    yield Warned(message=f"begins with the weights of run {name} at step {checkpoint.position.step}{more}")
    if isinstance(session.text, EncodedCorpus) and session.text.unknown_kinds:
        yield Warned(message=_unknown(session.text, name))


def _unknown(text: EncodedCorpus, name: str) -> str:
    unknown, tokens = sum(split.unknown_tokens for split in text.splits), text.tokens
    kinds = " ".join(repr(token) for token in text.unknown_kinds)
    return (
        f"{unknown:,} of {tokens:,} tokens ({unknown / tokens:.2%}) are not in the vocabulary of run {name} and are "
        f"read as <unk>, most often {visible(kinds)}; --set text.extend_vocabulary=true would add them"
    )


@torch.no_grad()
def transplant(network: Network, checkpoint: Checkpoint, before: int, after: int) -> int:
    """Copy weights, those of a token by its id; tokens beyond the first `before` of `after` keep their own draw.

    The number of added tokens. Raises CheckpointError when the networks differ in anything else.
    """
    for name, parameter in network.named_parameters():
        stored = checkpoint.tensors.get(f"model.{name}")
        shape = () if stored is None else tuple(stored.shape)
        target: Tensor = parameter
        for dimension, pair in enumerate(zip(parameter.shape, shape, strict=False)):
            if pair == (after, before) and before != after:
                target = target.narrow(dimension, 0, before)
        if stored is None or target.shape != stored.shape:
            raise CheckpointError(f"the weights do not fit the network: {name} is missing or of another shape")
        target.copy_(stored)
    return after - before
