"""Hidden units along a text, and the search for units that follow a property of it (Karpathy et al. 2015)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.engine.correlations import Correlator
from rnnbench.engine.lanes import Block, Check, read_lanes
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.unit_names import STATES, Unit
from rnnbench.text.cutting import CutText
from rnnbench.text.properties import Property


@dataclass(frozen=True)
class Follower:
    """A unit that follows a property: r on the half of the text it was chosen by, and on the other half."""

    unit: Unit
    searched_r: float
    r: float


@dataclass(frozen=True)
class Followed:
    """The units that follow a property best; none where the property is the same throughout one of the halves.

    `mean` is the property's mean over both halves: for what is or is not, the share of the tokens where it is.
    """

    name: str
    meaning: str
    mean: float
    followers: tuple[Follower, ...]


def _states(
    network: LanguageModel, ids_N: NDArray[np.int64], lanes: int | None, check: Check
) -> Iterator[Block[Tensor]]:
    """Every state after every token, in blocks of (T, S, L, B, H): time linear in N, memory that of one block."""

    def step_by_step(ids_TB: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        seen = []
        for ids_B in ids_TB.unbind(0):
            _, state = network.read(ids_B.unsqueeze(0), state)
            seen.append(state)
        return torch.stack(seen), state

    numbers = network.initial_state(1).numel()
    return read_lanes(network, ids_N, step_by_step, numbers=numbers, lanes=lanes, check=check)


@torch.inference_mode()
def activations(network: LanguageModel, ids_N: NDArray[np.int64], *, lanes: int | None = None) -> NDArray[np.float32]:
    """Every unit after every token of a text: (N, S, L, H), all at once and therefore for texts that are not long."""
    shape = network.initial_state(1).shape
    found = np.zeros((len(ids_N), *shape[:2], shape[3]), dtype=np.float32)
    for block in _states(network, ids_N, lanes, lambda: None):
        rows = block.read.movedim(3, 1).float().cpu().numpy()  # (T, B, S, L, H)
        found[block.positions_TB[block.inside_TB]] = rows[block.inside_TB]
    return found


@torch.inference_mode()
def activation(
    network: LanguageModel,
    ids_N: NDArray[np.int64],
    unit: Unit,
    *,
    lanes: int | None = None,
    check: Check = lambda: None,
) -> NDArray[np.float64]:
    """One unit after every token (N,)."""
    found = np.zeros(len(ids_N))
    for block in _states(network, ids_N, lanes, check):
        values_TB = block.read[:, STATES.index(unit.state), unit.layer - 1, :, unit.number - 1].double().cpu().numpy()
        found[block.positions_TB[block.inside_TB]] = values_TB[block.inside_TB]
    return found


@torch.inference_mode()
def search(
    network: LanguageModel,
    cut: CutText,
    properties: Sequence[Property],
    *,
    top: int = 5,
    lanes: int | None = None,
    check: Check = lambda: None,
) -> tuple[Followed, ...]:
    """For each property the units of every layer, h and c, whose Pearson correlation with it is largest in size.

    The best of many units flatters itself: some follow anything by chance. So units are chosen and ordered by the
    first half of the text, and the r to be believed is that of the second half, which had no part in the choice.
    """
    values_NP = np.stack([cut.at_tokens(each.values_C) for each in properties], axis=1)
    units = network.initial_state(1).numel()
    halves = Correlator(units, len(properties)), Correlator(units, len(properties))
    middle = len(cut) // 2
    for block in _states(network, cut.ids_N, lanes, check):
        rows_TBU = block.read.movedim(3, 1).flatten(2).double().cpu().numpy()
        for half, inside in zip(halves, (block.positions_TB < middle, block.positions_TB >= middle), strict=True):
            chosen = block.inside_TB & inside
            half.add(rows_TBU[chosen], values_NP[block.positions_TB[chosen]])
    r_searched, r_held = halves[0].r(), halves[1].r()
    return tuple(
        Followed(
            each.name,
            each.meaning,
            float(values_NP[:, place].mean()) if len(cut) else 0.0,
            _best(r_searched[:, place], r_held[:, place], network.config, top),
        )
        for place, each in enumerate(properties)
    )


def _best(
    searched_U: NDArray[np.float64], held_U: NDArray[np.float64], model: ModelConfig, top: int
) -> tuple[Follower, ...]:
    """The best units by the half that is searched; one that is constant in either half is no candidate."""
    size = np.where(np.isnan(searched_U) | np.isnan(held_U), -1.0, np.abs(searched_U))
    best = [int(place) for place in np.argsort(-size, kind="stable")[:top] if size[place] >= 0]
    shape = (sizing.STATES[model.cell], model.layers, model.hidden)
    found = []
    for place in best:
        state, layer, number = (int(part) for part in np.unravel_index(place, shape))
        unit = Unit(layer + 1, number + 1, STATES[state])
        found.append(Follower(unit, float(searched_U[place]), float(held_U[place])))
    return tuple(found)
