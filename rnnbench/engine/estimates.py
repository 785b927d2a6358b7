"""How fast a configuration would train here: a short measured trial, which writes nothing."""

import time

import numpy as np
import torch

from rnnbench.config import RunConfig
from rnnbench.engine import devices, optimization
from rnnbench.engine.batches import make_batches
from rnnbench.engine.models import LanguageModel

_TRIAL_SECONDS = 1.0
_FEWEST_STEPS = 3


def tokens_per_second(config: RunConfig, vocabulary: int) -> float:
    """Training tokens per second of the whole step (forward, backward, clip, update) on random tokens."""
    device, _ = devices.prepare(config)
    training = config.training
    ids = np.random.default_rng(0).integers(
        vocabulary, size=(training.batch_size + 2) * training.steps_per_sequence + 1
    )
    batch = make_batches(ids, training).batch(0)
    network = LanguageModel(config.model, vocabulary).to(device)
    optimizer = optimization.make_optimizer(network.parameters(), training)
    state = network.initial_state(training.batch_size)
    inputs, targets = batch.ids_TB.to(device), batch.targets_TB.to(device)

    def step() -> None:
        loss, _ = network.loss(inputs, targets, state)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimization.clip(list(network.parameters()), training.clip_norm)
        optimizer.step()
        loss.item()

    step()  # the first is slower than the rest
    steps, began = 0, time.perf_counter()
    while steps < _FEWEST_STEPS or time.perf_counter() - began < _TRIAL_SECONDS:
        step()
        steps += 1
    return steps * inputs.numel() / (time.perf_counter() - began)
