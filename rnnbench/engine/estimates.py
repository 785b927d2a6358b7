"""How fast a configuration would train here: a short measured trial, which writes nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine import batches, devices, optimization, precision, regularisation, threads
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.loading import make_network
from rnnbench.engine.models import LanguageModel, Network
from rnnbench.engine.tasks.seq2seq import Seq2SeqTask
from rnnbench.engine.window_batches import WindowBatches
from rnnbench.text.pair_corpus import EncodedPairs

_TRIAL_SECONDS = 1.0
_FEWEST_STEPS = 3


@dataclass(frozen=True)
class _Trial:
    """A network, and the loss of its n-th batch with the number of tokens it covers."""

    network: Network
    loss: Callable[[int], tuple[Tensor, int]]


def steps_per_epoch(config: RunConfig, tokens: int) -> int:
    """Batches in an epoch of a training text of so many tokens. Raises CorpusError where it is too short for one."""
    ids = np.broadcast_to(np.uint8(0), (tokens,))  # only its length is looked at; it takes no memory
    if config.model.task == "cloze":
        return WindowBatches(ids, config.training).steps_per_epoch
    return batches.make_batches(ids, config.training).steps_per_epoch


def tokens_per_second(config: RunConfig, vocabulary: int) -> float:
    """Training tokens per second of the whole step (forward, backward, clip, update) on random tokens."""
    device, _ = devices.prepare(config)
    return _rate(config, _on_random_tokens(config, vocabulary, device))


def learner(config: RunConfig, vocabulary: int, device: torch.device) -> Callable[[], int]:
    """A whole training step of a configuration on one batch of random tokens; it says how many they are."""
    return partial(_learner(config, _on_random_tokens(config, vocabulary, device)), 0)


def _on_random_tokens(config: RunConfig, vocabulary: int, device: torch.device) -> _Trial:
    training = config.training
    reach = 2 * training.margin if config.model.task == "cloze" else 1
    tokens = (training.batch_size + 2) * training.steps_per_sequence + reach
    ids = np.random.default_rng(0).integers(vocabulary, size=tokens)
    network = make_network(config, vocabulary).to(device)
    trial = _cloze(config, ids, device, network) if isinstance(network, ClozeModel) else None
    if isinstance(network, LanguageModel):
        trial = _language_model(config, ids, device, network)
    assert trial is not None
    return trial


@dataclass(frozen=True)
class PairRate:
    """Target tokens per second of the whole step on the pairs themselves, in a mean step, and steps in an epoch."""

    tokens_per_second: float
    tokens_per_step: int
    steps_per_epoch: int


def pairs_per_second(config: RunConfig, pairs: EncodedPairs) -> PairRate:
    """How fast a configuration would train on these pairs."""
    device, _ = devices.prepare(config)
    task = Seq2SeqTask(config, pairs, device)

    def loss(step: int) -> tuple[Tensor, int]:
        update = task.loss(step, task.initial_state())
        return update.loss, update.tokens

    return PairRate(_rate(config, _Trial(task.network, loss)), task.tokens_per_step, task.steps_per_epoch)


def _language_model(config: RunConfig, ids: NDArray[np.int64], device: torch.device, network: LanguageModel) -> _Trial:
    batch = batches.make_batches(ids, config.training).batch(0)
    state = network.initial_state(config.training.batch_size)
    inputs, targets = batch.ids_TB.to(device), batch.targets_TB.to(device)
    penalty = regularisation.make_penalty(config.training)
    return _Trial(network, lambda step: (network.loss(inputs, targets, state, penalty)[0], inputs.numel()))


def _cloze(config: RunConfig, ids: NDArray[np.int64], device: torch.device, network: ClozeModel) -> _Trial:
    batch, training = WindowBatches(ids, config.training).batch(0), config.training
    inputs, targets = batch.ids_TB.to(device), batch.targets_TB.to(device)
    scored = training.batch_size * training.steps_per_sequence
    return _Trial(network, lambda step: (network.loss(inputs, targets, batch.inside), scored))


def _learner(config: RunConfig, trial: _Trial) -> Callable[[int], int]:
    """A step of training: forward, backward, clip, update. It waits for the loss, and says how many tokens it read."""
    training, network = config.training, trial.network
    optimizer, device = optimization.make_optimizer(network.parameters(), training), next(network.parameters()).device

    def step(number: int) -> int:
        with precision.autocast(device, config.machine):
            loss, tokens = trial.loss(number)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimization.clip(list(network.parameters()), training.clip_norm, training.clip_value)
        optimizer.step()
        loss.item()
        return tokens

    return step


def _rate(config: RunConfig, trial: _Trial) -> float:
    """Tokens a second, the first step left out: it is slower than the rest."""
    step, device = _learner(config, trial), next(trial.network.parameters()).device
    if device.type == "cpu" and not config.machine.threads:
        torch.set_num_threads(threads.try_out(config, lambda: step(0)).threads)
    step(0)
    steps, tokens, began = 0, 0, time.perf_counter()
    while steps < _FEWEST_STEPS or time.perf_counter() - began < _TRIAL_SECONDS:
        tokens += step(steps)
        steps += 1
    return tokens / (time.perf_counter() - began)
