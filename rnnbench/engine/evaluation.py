"""Scoring of a split with frozen weights: every token but the first, the state carried."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rnnbench.engine.models import LanguageModel
from rnnbench.metrics import LossReducer, Score
from rnnbench.text.corpora import Split

WARM_UP = 256  # tokens read, unscored, before each lane but the first, so that no lane starts cold
_LONGEST = 256
_LANE_TOKENS = 4 * WARM_UP
_MOST_LANES = 64
_LOGIT_BUDGET = 1 << 24  # numbers in one block of logits


def _nothing() -> None:
    return None


def score(
    network: LanguageModel, split: Split, *, lanes: int | None = None, check: Callable[[], None] = _nothing
) -> Score:
    """How well the network predicts the split: N - 1 of its N tokens, each exactly once.

    The stream is cut into lanes that are scored side by side. Every lane but the first first reads the WARM_UP
    tokens before its own, so the figure agrees with a single pass. `check` may raise to end the work early.
    """
    network.eval()
    tokens = len(split.ids)
    reducer = LossReducer()
    with torch.inference_mode():
        for loss_nats, count in _blocks(network, split.ids, lanes or _choose_lanes(tokens), check):
            reducer.add(loss_nats, count)
    return Score(
        loss_nats=reducer.loss_nats,
        tokens_scored=reducer.tokens,
        tokens_total=tokens,
        characters=split.characters,
        bytes=split.bytes,
        unknown_tokens=split.unknown_tokens,
        spelling_nats=split.spelling_nats,
    )


def _choose_lanes(tokens: int) -> int:
    return max(1, min(_MOST_LANES, tokens // _LANE_TOKENS))


def _blocks(
    network: LanguageModel, ids: NDArray[np.generic], lanes: int, check: Callable[[], None]
) -> list[tuple[float, int]]:
    """(mean loss, tokens) of each scored block. Lane l predicts the tokens [1 + l * width, 1 + (l + 1) * width)."""
    predictions = len(ids) - 1
    width = -(-predictions // lanes)
    first = np.arange(lanes) * width  # position of the token before each lane's first prediction
    state = network.initial_state(lanes)
    results: list[tuple[float, int]] = []
    length = _block_length(lanes, network.vocabulary)
    begin = -min(WARM_UP, width) if lanes > 1 else 0
    while begin < width:
        check()
        stop = min(begin + length, width) if begin >= 0 else min(begin + length, 0)
        positions = first[None, :] + np.arange(begin, stop)[:, None]  # (T, B)
        # Lane 0 has nothing before it: its state is put back to the first when the warm-up ends.
        inputs = torch.from_numpy(ids[np.clip(positions, 0, predictions)].astype(np.int64))
        logits, state = network(inputs.to(state.device), state)
        if begin < 0 and stop == 0:
            state[:, :, :1] = network.initial_state(1)
        if begin >= 0:
            results += _score_block(logits, ids, positions, predictions)
        begin = stop
    return results


def _score_block(
    logits_TBV: Tensor, ids: NDArray[np.generic], positions: NDArray[np.int64], predictions: int
) -> list[tuple[float, int]]:
    """The mean loss over the positions that lie inside the stream; the last lane may run past its end."""
    inside = positions < predictions
    count = int(inside.sum())
    if not count:
        return []
    targets = ids[np.minimum(positions + 1, predictions)].astype(np.int64)
    targets[~inside] = -100
    labels = torch.from_numpy(targets).to(logits_TBV.device).flatten()
    losses = functional.cross_entropy(logits_TBV.flatten(0, 1).float(), labels, ignore_index=-100, reduction="none")
    return [(float(losses.sum(dtype=torch.float64)) / count, count)]


def _block_length(lanes: int, vocabulary: int) -> int:
    return max(1, min(_LONGEST, _LOGIT_BUDGET // (lanes * vocabulary)))
