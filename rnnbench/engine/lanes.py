"""A text read side by side in lanes: what a network has made of it after every token."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.engine.evaluation import WARM_UP
from rnnbench.engine.models import LanguageModel

_LANE_TOKENS = 4 * WARM_UP  # a shorter lane would read more to warm up than it is there for
_MOST_LANES = 64
_LONGEST = 256
_BUDGET = 1 << 21  # numbers kept of one block

Read = TypeVar("Read")
Check = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Block(Generic[Read]):
    """What was read of T tokens in each of B lanes.

    `positions_TB` says which tokens those are; `inside_TB` is false where the last lane has run past the end.
    """

    positions_TB: NDArray[np.int64]
    inside_TB: NDArray[np.bool_]
    read: Read


def choose_lanes(tokens: int) -> int:
    """Lanes for a text of so many tokens; one, whose figures are those of a single pass, where it is short."""
    return max(1, min(_MOST_LANES, tokens // _LANE_TOKENS))


def read_lanes(
    network: LanguageModel,
    ids_N: NDArray[np.int64],
    reader: Callable[[Tensor, Tensor], tuple[Read, Tensor]],
    *,
    numbers: int,
    lanes: int | None = None,
    check: Check = lambda: None,
) -> Iterator[Block[Read]]:
    """Every token of a text once, in blocks; to be called in torch's inference mode.

    `reader` takes ids (T, B) and a state (S, L, B, H) to what is wanted and the state after them; `numbers` is how
    many numbers it keeps of each token, from which the length of a block follows. Every lane but the first begins
    with the WARM_UP tokens before its own, as in `evaluation.py`. `check` may raise to end the work early.
    """
    network.eval()
    lanes = lanes or choose_lanes(len(ids_N))
    width = -(-len(ids_N) // lanes)
    first_B, state = np.arange(lanes) * width, network.initial_state(lanes)
    length = max(1, min(_LONGEST, _BUDGET // (lanes * numbers)))
    begin = -min(WARM_UP, width) if lanes > 1 else 0
    while begin < width:
        check()
        stop = min(begin + length, 0 if begin < 0 else width)
        positions_TB = first_B[None, :] + np.arange(begin, stop)[:, None]
        inputs = torch.from_numpy(ids_N[np.clip(positions_TB, 0, len(ids_N) - 1)])
        read, state = reader(inputs.to(state.device), state)
        if begin >= 0:
            yield Block(positions_TB, positions_TB < len(ids_N), read)
        elif stop == 0:  # lane 0 has nothing before it
            state = state.clone()
            state[:, :, :1] = network.initial_state(1)
        begin = stop
