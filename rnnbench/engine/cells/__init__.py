"""Recurrent cells written out from their equations, one file each."""

from rnnbench.engine.cells.cell import Cell, RecurrentCell, State
from rnnbench.engine.cells.elman import FIRST_STATE, ElmanCell
from rnnbench.engine.cells.fused import FUSED
from rnnbench.engine.cells.gru import GRUCell
from rnnbench.engine.cells.gru_reset_before import GRUResetBeforeCell
from rnnbench.engine.cells.lstm import LSTMCell
from rnnbench.engine.cells.lstm_layer_norm import LayerNormLSTMCell
from rnnbench.engine.cells.min_gru import MinGRUCell
from rnnbench.engine.cells.min_lstm import MinLSTMCell
from rnnbench.engine.cells.rnn import RNNCell
from rnnbench.engine.cells.scan import ScanCell

CELLS: dict[str, type[Cell]] = {
    "rnn": RNNCell,
    "elman": ElmanCell,
    "gru": GRUCell,
    "gru_reset_before": GRUResetBeforeCell,
    "lstm": LSTMCell,
    "lstm_layer_norm": LayerNormLSTMCell,
    "min_gru": MinGRUCell,
    "min_lstm": MinLSTMCell,
}

__all__ = ["CELLS", "FIRST_STATE", "FUSED", "Cell", "RecurrentCell", "ScanCell", "State"]
