"""A language model that reads one token at a time: what does not depend on the state is computed before."""

import torch
from torch import Tensor

from rnnbench.engine.cells import Cell
from rnnbench.engine.cells.cell import State
from rnnbench.engine.cells.weights import cells_of
from rnnbench.engine.models import LanguageModel, ScratchStack, TorchStack

_TABLE_NUMBERS = 1 << 24  # the largest table of input products that is kept: 64 MB
_BLOCK = 256  # tokens of a prompt that are read at once


class Stepper:
    """Lanes of a language model, each with a state of its own.

    The first layer's input product and biases are a table with a row for each token, from which a step gathers; the
    cells then take single steps. torch's layers are made for many steps at once: one step of an LSTM of 512 cells
    took them sixteen times as long on one core. Equal to the network's own numbers but for rounding.
    """

    def __init__(self, network: LanguageModel, logits_BV: Tensor, state_SLBH: Tensor) -> None:
        self.logits_BV = logits_BV
        self._states: list[State] = [tuple(state_SLBH[:, level].unbind(0)) for level in range(state_SLBH.shape[1])]
        self._cells = _cells(network)
        self._vectors_VE = None if network.embedding is None else network.embedding.weight
        self._rows_VG = self._table(network)
        self._output = network.output

    def _table(self, network: LanguageModel) -> Tensor | None:
        """The first layer's input product of every token, (V, G*H); None where that would be large."""
        first = self._cells[0]
        if network.vocabulary * first.gates * first.hidden > _TABLE_NUMBERS:
            return None
        products = first.input_weight if self._vectors_VE is None else self._vectors_VE @ first.input_weight
        return first.offset(products)

    def step(self, ids: list[int]) -> Tensor:
        """Every lane reads its next token: the logits (B, V) for what follows."""
        ids_B = torch.tensor(ids, device=self.logits_BV.device)
        below = None
        for level, cell in enumerate(self._cells):
            a_BG = self._first(cell, ids_B) if below is None else cell.project(below)
            self._states[level] = cell.step(a_BG, self._states[level])
            below = self._states[level][0]
        assert below is not None
        self.logits_BV = torch.addmm(self._output.bias, below, self._output.weight.t()).float()
        return self.logits_BV

    def _first(self, cell: Cell, ids_B: Tensor) -> Tensor:
        if self._rows_VG is not None:
            return self._rows_VG.index_select(0, ids_B)
        return cell.look_up(ids_B) if self._vectors_VE is None else cell.project(self._vectors_VE[ids_B])

    def select(self, lanes: list[int]) -> None:
        """Go on with these lanes, in this order; one may stand there several times."""
        lane_C = torch.tensor(lanes, dtype=torch.long, device=self.logits_BV.device)
        self.logits_BV = self.logits_BV.index_select(0, lane_C)
        self._states = [tuple(part.index_select(0, lane_C) for part in state) for state in self._states]


def _cells(network: LanguageModel) -> list[Cell]:
    """The cells of a network; torch's layers as ours, with a copy of their weights."""
    if isinstance(network.stack, TorchStack):
        with torch.random.fork_rng(devices=[]):  # a new cell draws weights; training must not notice that it wrote
            return list(cells_of(network.stack.layers))
    assert isinstance(network.stack, ScratchStack)
    return [cell for cell in network.stack.cells if isinstance(cell, Cell)]


def read(network: LanguageModel, ids_TB: Tensor) -> tuple[Tensor, Tensor]:
    """What lanes of T tokens lead to: the logits (B, V) for what follows, and the state (S, L, B, H).

    Of no tokens nothing is known: every token is then equally likely.
    """
    state = network.initial_state(ids_TB.shape[1])
    if not len(ids_TB):
        return torch.zeros(ids_TB.shape[1], network.vocabulary, device=state.device), state
    for part_TB in torch.split(ids_TB.to(state.device), _BLOCK):
        y_TBH, state = network.read(part_TB, state)
    return network.output(y_TBH[-1]).float(), state
