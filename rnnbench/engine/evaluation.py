"""Scoring of a split with frozen weights: every token once, from what lies before it or around it."""

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.tasks.base import Result
from rnnbench.metrics import LossReducer, Score
from rnnbench.text.corpora import Split

WARM_UP = 256  # tokens read, unscored, before each lane but the first, so that no lane starts cold
_LONGEST = 256
_LANE_TOKENS = 4 * WARM_UP
_MOST_LANES = 64
_LOGIT_BUDGET = 1 << 24  # numbers in one block of logits
MARGIN = 128  # tokens read, unscored, on each side of a window of the cloze task, where the text has so many
_INNER = 512
_OUTPUT_BUDGET = 1 << 23  # numbers that the output layer reads in one batch of windows
_IGNORED = -100


def _nothing() -> None:
    return None


class _Tally:
    """The loss over blocks of predictions, and how often the right token was among the `depths` best guesses."""

    def __init__(self, *depths: int) -> None:
        self._reducer = LossReducer()
        self._hits = dict.fromkeys(depths, 0)

    def add(self, logits_NV: Tensor, targets_N: NDArray[np.int64]) -> None:
        """Count a block; targets of -100 are not scored."""
        count = int((targets_N != _IGNORED).sum())
        if not count:
            return
        labels = torch.from_numpy(targets_N).to(logits_NV.device)
        losses = functional.cross_entropy(logits_NV.float(), labels, ignore_index=_IGNORED, reduction="none")
        self._reducer.add(float(losses.sum(dtype=torch.float64)) / count, count)
        guesses_NK = logits_NV.topk(min(max(self._hits), logits_NV.shape[1])).indices
        right_K = (guesses_NK == labels.unsqueeze(1)).sum(0).tolist()
        for depth in self._hits:
            self._hits[depth] += sum(right_K[:depth])

    def result(self, split: Split, tokens_given: int) -> Result:
        """The score of the split, and accuracy_at_k: the share of the tokens that were among the k best guesses."""
        scored = self._reducer.tokens
        score = Score(
            loss_nats=self._reducer.loss_nats,
            tokens_scored=scored,
            tokens_total=len(split.ids),
            characters=split.characters,
            bytes=split.bytes,
            unknown_tokens=split.unknown_tokens,
            spelling_nats=split.spelling_nats,
            tokens_given=tokens_given,
        )
        return Result(
            split.name, score, {f"accuracy_at_{k}": hits / scored for k, hits in self._hits.items()} if scored else {}
        )


def score(
    network: LanguageModel, split: Split, *, lanes: int | None = None, check: Callable[[], None] = _nothing
) -> Score:
    """How well the network predicts the split, as `measure` finds it."""
    return measure(network, split, lanes=lanes, check=check).score


def measure(
    network: LanguageModel, split: Split, *, lanes: int | None = None, check: Callable[[], None] = _nothing
) -> Result:
    """How well the network predicts the split: N - 1 of its N tokens, each exactly once; and how often it was right.

    The stream is cut into lanes that are scored side by side. Every lane but the first first reads the WARM_UP
    tokens before its own, so the figure agrees with a single pass. `check` may raise to end the work early.
    """
    network.eval()
    tally = _Tally(1)
    with torch.inference_mode():
        _add_lanes(tally, network, split.ids, lanes or _choose_lanes(len(split.ids)), check)
    return tally.result(split, tokens_given=1)


def _choose_lanes(tokens: int) -> int:
    return max(1, min(_MOST_LANES, tokens // _LANE_TOKENS))


def _add_lanes(
    tally: _Tally, network: LanguageModel, ids: NDArray[np.generic], lanes: int, check: Callable[[], None]
) -> None:
    """Lane l predicts the tokens [1 + l * width, 1 + (l + 1) * width)."""
    predictions = len(ids) - 1
    width = -(-predictions // lanes)
    first = np.arange(lanes) * width  # position of the token before each lane's first prediction
    state = network.initial_state(lanes)
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
            tally.add(logits.flatten(0, 1), _targets(ids, positions, predictions).ravel())
        begin = stop


def _targets(ids: NDArray[np.generic], positions: NDArray[np.int64], predictions: int) -> NDArray[np.int64]:
    """The token after each position; none where the last lane has run past the end of the stream."""
    targets = ids[np.minimum(positions + 1, predictions)].astype(np.int64)
    targets[positions >= predictions] = _IGNORED
    return targets


def _block_length(lanes: int, vocabulary: int) -> int:
    return max(1, min(_LONGEST, _LOGIT_BUDGET // (lanes * vocabulary)))


def measure_missing(
    network: ClozeModel,
    split: Split,
    *,
    inner: int = _INNER,
    margin: int = MARGIN,
    check: Callable[[], None] = _nothing,
) -> Result:
    """How well the network guesses each token from both sides of it: N of the split's N tokens, each exactly once.

    The mean of -log p(x_t | all other tokens) is a *pseudo*-loss and its exponential a pseudo-perplexity (Wang and
    Cho 2019, Salazar et al. 2020): every guess sees its neighbours, so the product of them is no probability of the
    text, and the figure compares with no perplexity. Accuracies of different tasks do compare.

    The stream is cut into windows of `inner` tokens; each also reads `margin` tokens on both sides, unscored, so the
    figure agrees with a single pass. `check` may raise to end the work early.
    """
    network.eval()
    tally = _Tally(1, 5)
    with torch.inference_mode():
        for shape, starts in groupby(
            range(0, len(split.ids), inner), lambda start: _shape(split, start, inner, margin)
        ):
            for some in _batches(list(starts), sum(shape), network):
                check()
                _add_windows(tally, network, split.ids, some, shape)
    return tally.result(split, tokens_given=0)


def _shape(split: Split, start: int, inner: int, margin: int) -> tuple[int, int, int]:
    """Tokens before, inside and after the window that begins at `start`: at its ends the text has fewer."""
    stop = min(start + inner, len(split.ids))
    return min(margin, start), stop - start, min(margin, len(split.ids) - stop)


def _batches(starts: list[int], tokens: int, network: ClozeModel) -> Iterator[NDArray[np.int64]]:
    """Windows of one shape, so many side by side as the budget allows."""
    lanes = max(1, min(_MOST_LANES, _OUTPUT_BUDGET // (tokens * network.output.in_features)))
    for first in range(0, len(starts), lanes):
        yield np.array(starts[first : first + lanes])


def _add_windows(
    tally: _Tally,
    network: ClozeModel,
    ids: NDArray[np.generic],
    starts: NDArray[np.int64],
    shape: tuple[int, int, int],
) -> None:
    before, inner, _ = shape
    windows = ids[starts[None, :] - before + np.arange(sum(shape))[:, None]].astype(np.int64)
    inside = slice(before, before + inner)
    outputs_NH = network.read(torch.from_numpy(windows).to(network.output.weight.device), inside).flatten(0, 1)
    targets, rows = windows[inside].ravel(), max(1, _LOGIT_BUDGET // network.vocabulary)
    for number, block_NH in enumerate(torch.split(outputs_NH, rows)):
        tally.add(network.output(block_NH), targets[number * rows : (number + 1) * rows])
