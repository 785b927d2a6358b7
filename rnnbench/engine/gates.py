"""How open the gates of lstm-like and gru-like cells stand over a text, from the equations in cells/."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rnnbench.engine.cells import Cell
from rnnbench.engine.cells.gru import GRUCell
from rnnbench.engine.cells.gru_reset_before import GRUResetBeforeCell
from rnnbench.engine.cells.lstm import LSTMCell
from rnnbench.engine.cells.lstm_layer_norm import LayerNormLSTMCell
from rnnbench.engine.cells.min_gru import MinGRUCell
from rnnbench.engine.cells.min_lstm import MinLSTMCell
from rnnbench.engine.cells.weights import cells_of
from rnnbench.engine.lanes import Check, read_lanes
from rnnbench.engine.models import LanguageModel, TorchStack
from rnnbench.errors import UsageError

CLOSED, OPEN = 0.1, 0.9  # beyond these a gate is saturated: its gradient is less than 0.09 of what enters it
_COPIES = 12  # numbers kept of a token while its gates are computed, in multiples of the state

Gates = tuple[tuple[str, Tensor], ...]  # names and values (T, B, H)


@dataclass(frozen=True)
class GateUse:
    """A gate of a layer over all units and tokens: its mean, and how often it was below 0.1 and above 0.9."""

    layer: int
    gate: str
    mean: float
    closed: float
    open: float


def _lstm(cell: Cell, a_TBG: Tensor, before_TBH: Tensor) -> Gates:
    assert isinstance(cell, LSTMCell)
    i, f, _, o = (a_TBG + before_TBH @ cell.recurrent_weight).chunk(4, dim=2)
    return ("input", i.sigmoid()), ("forget", f.sigmoid()), ("output", o.sigmoid())


def _lstm_layer_norm(cell: Cell, a_TBG: Tensor, before_TBH: Tensor) -> Gates:
    assert isinstance(cell, LayerNormLSTMCell)
    products = before_TBH @ cell.recurrent_weight
    i, f, _, o = (a_TBG + functional.layer_norm(products, (4 * cell.hidden,), cell.recurrent_gain)).chunk(4, dim=2)
    return ("input", i.sigmoid()), ("forget", f.sigmoid()), ("output", o.sigmoid())


def _gru(cell: Cell, a_TBG: Tensor, before_TBH: Tensor) -> Gates:
    assert isinstance(cell, GRUCell | GRUResetBeforeCell)
    u_TBG = before_TBH @ cell.recurrent_weight
    if cell.recurrent_bias is not None:
        u_TBG = u_TBG + cell.recurrent_bias
    r, z, _ = (a_TBG + u_TBG).chunk(3, dim=2)
    return ("reset", r.sigmoid()), ("update", z.sigmoid())


def _min_gru(cell: Cell, a_TBG: Tensor, before_TBH: Tensor) -> Gates:
    return (("update", a_TBG.chunk(2, dim=2)[0].sigmoid()),)


def _min_lstm(cell: Cell, a_TBG: Tensor, before_TBH: Tensor) -> Gates:
    """The gates before they share out a whole."""
    i, f, _ = a_TBG.chunk(3, dim=2)
    return ("input", i.sigmoid()), ("forget", f.sigmoid())


_GATES: dict[type[Cell], Callable[[Cell, Tensor, Tensor], Gates]] = {
    LSTMCell: _lstm,
    LayerNormLSTMCell: _lstm_layer_norm,
    GRUCell: _gru,
    GRUResetBeforeCell: _gru,
    MinGRUCell: _min_gru,
    MinLSTMCell: _min_lstm,
}


@torch.inference_mode()
def measure(
    network: LanguageModel, ids_N: NDArray[np.int64], *, lanes: int | None = None, check: Check = lambda: None
) -> tuple[GateUse, ...]:
    """The gates of every layer over a text. Raises UsageError for a cell that has none.

    A gate depends on its layer's input and on the state before, both of which are known for a whole block once the
    layer has read it: one more product then gives all gates of the block.
    """
    cells = _cells(network)
    counts = [_Counts() for _ in cells]

    def read(ids_TB: Tensor, state: Tensor) -> tuple[list[Gates], Tensor]:
        return read_gates(network, cells, ids_TB, state)

    numbers = _COPIES * network.config.hidden * network.config.layers
    for block in read_lanes(network, ids_N, read, numbers=numbers, lanes=lanes, check=check):
        inside = torch.from_numpy(block.inside_TB)
        for count, gates in zip(counts, block.read, strict=True):
            count.add(gates, inside.to(gates[0][1].device))
    return tuple(use for layer, count in enumerate(counts, start=1) for use in count.uses(layer))


def _cells(network: LanguageModel) -> list[Cell]:
    """The network's layers as cells with equations."""
    stack = network.stack
    cells = cells_of(stack.layers) if isinstance(stack, TorchStack) else list(stack.cells)
    found = [cell for cell in cells if isinstance(cell, Cell)]
    if _kind(found[0]) is None:
        known = "lstm, lstm_layer_norm, gru, gru_reset_before, min_gru and min_lstm"
        raise UsageError(f"{network.config.cell} has no gates", f"{known} have")
    return found


def _kind(cell: Cell) -> Callable[[Cell, Tensor, Tensor], Gates] | None:
    return next((function for kind, function in _GATES.items() if isinstance(cell, kind)), None)


def read_gates(
    network: LanguageModel, cells: list[Cell], ids_TB: Tensor, state_SLBH: Tensor
) -> tuple[list[Gates], Tensor]:
    """The gates of every layer over a block, each (T, B, H), and the state after it."""
    x = ids_TB if network.embedding is None else network.embedding(ids_TB)
    found, finals = [], []
    for level, cell in enumerate(cells):
        kind = _kind(cell)
        assert kind is not None
        a_TBG = cell.project(x) if x.is_floating_point() else cell.look_up(x)
        before_BH = state_SLBH[0, level]
        x, final = cell(a_TBG, tuple(state_SLBH[:, level].unbind(0)))
        found.append(kind(cell, a_TBG, torch.cat((before_BH.unsqueeze(0), x[:-1]))))
        finals.append(torch.stack(final))
    return found, torch.stack(finals, dim=1)


class _Counts:
    """Sums over a layer's gates."""

    def __init__(self) -> None:
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._numbers = 0

    def add(self, gates: Gates, inside_TB: Tensor) -> None:
        """Count a block, less what lies past the end of the text."""
        for name, gate_TBH in gates:
            values = gate_TBH[inside_TB].double()
            sums = (values.sum(), (values < CLOSED).sum(), (values > OPEN).sum())
            self._sums[name] = self._sums.get(name, np.zeros(3)) + np.array([float(part) for part in sums])
        self._numbers += int(inside_TB.sum()) * gates[0][1].shape[2]

    def uses(self, layer: int) -> list[GateUse]:
        """What the sums say."""
        return [GateUse(layer, name, *(sums / max(self._numbers, 1)).tolist()) for name, sums in self._sums.items()]
