"""Recurrent cells written out from their equations, one file each."""

from rnnbench.engine.cells.cell import Cell, State
from rnnbench.engine.cells.gru import GRUCell
from rnnbench.engine.cells.lstm import LSTMCell
from rnnbench.engine.cells.rnn import RNNCell

CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}

__all__ = ["CELLS", "Cell", "GRUCell", "LSTMCell", "RNNCell", "State"]
