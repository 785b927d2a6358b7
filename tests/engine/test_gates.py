"""Gates: means and saturation are those of a slow reference, whatever form of the cell was trained."""

import pytest
import torch
from torch import nn

from rnnbench.engine import gates
from rnnbench.engine.cells import CELLS
from rnnbench.engine.cells.weights import cells_of
from rnnbench.errors import UsageError

GATED = ("lstm", "lstm_layer_norm", "gru", "gru_reset_before", "min_gru", "min_lstm")


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def reference(kind, cell, x, h):
    """The gates of one step, from the equations in the cells' docstrings; x (E,), h (H,)."""
    size = cell.hidden
    names = {"lstm": "ifgo", "lstm_layer_norm": "ifgo", "min_gru": "zn", "min_lstm": "ifn"}.get(kind, "rzn")
    from_x, from_h = x @ cell.input_weight, h @ cell.recurrent_weight if hasattr(cell, "recurrent_weight") else 0
    if kind == "lstm_layer_norm":
        from_x, from_h = (
            (v - v.mean()) / torch.sqrt(v.var(unbiased=False) + 1e-5) * gain
            for v, gain in ((from_x, cell.input_gain), (from_h, cell.recurrent_gain))
        )
    biases = cell.input_bias + (cell.recurrent_bias if getattr(cell, "recurrent_bias", None) is not None else 0)
    total = from_x + from_h + biases
    parts = {name: total[number * size : (number + 1) * size] for number, name in enumerate(names)}
    full = {"i": "input", "f": "forget", "o": "output", "r": "reset", "z": "update"}
    return {full[name]: sigmoid(part) for name, part in parts.items() if name in full}


@torch.no_grad()
def walk(network, kind, cells, ids):
    """Every gate of every layer at every token, one at a time."""
    seen = {}
    states = [tuple(torch.zeros(1, cell.hidden) for _ in range(cell.states)) for cell in cells]
    for token in ids.tolist():
        x = network.embedding.weight[token]
        for level, cell in enumerate(cells):
            for name, values in reference(kind, cell, x, states[level][0][0]).items():
                seen.setdefault((level + 1, name), []).append(values)
            states[level] = cell.step(cell.project(x.view(1, 1, -1))[0], states[level])
            x = states[level][0][0]
    return {key: torch.cat(values) for key, values in seen.items()}


@pytest.mark.parametrize(("cell", "implementation"), [
    *((cell, "scratch") for cell in GATED), ("lstm", "torch"), ("gru", "torch"), ("lstm", "fused"), ("gru", "fused"),
])  # fmt: skip
def test_gates_are_those_of_the_equations(make_network, cell, implementation):
    """Mean and saturated shares of every gate in two layers, for weights large enough to saturate some."""
    network = make_network(cell=cell, implementation=implementation, layers=2)
    with torch.no_grad():
        for parameter in network.stack.parameters():
            parameter.mul_(4)
    ids = torch.randint(11, (50,)).numpy()
    cells = cells_of(network.stack.layers) if implementation == "torch" else list(network.stack.cells)
    expected = walk(network, cell, cells, ids)
    found = {(use.layer, use.gate): use for use in gates.measure(network, ids)}
    assert found.keys() == expected.keys() and len(found) == 2 * len({name for _, name in expected})
    for key, values in expected.items():
        assert found[key].mean == pytest.approx(float(values.mean()), abs=1e-5)
        assert found[key].closed == pytest.approx(float((values < 0.1).float().mean()), abs=2 / len(values))
        assert found[key].open == pytest.approx(float((values > 0.9).float().mean()), abs=2 / len(values))
    assert any(use.closed > 0.05 for use in found.values()) and any(use.open > 0.05 for use in found.values())


@pytest.mark.parametrize(
    "values", [{"implementation": "torch"}, {"cell": "gru", "input": "one_hot"}, {"cell": "min_gru"}]
)
def test_the_state_that_is_carried_is_the_network_s(make_network, values):
    """Reading gates leaves the state that the network itself leaves, so the next block's gates are right too."""
    network = make_network(**values, layers=2)
    ids, state = torch.randint(11, (9, 3)), torch.randn(network.initial_state(3).shape) * 0.1
    with torch.no_grad():
        _, expected = network(ids, state)
        _, found = gates.read_gates(network, gates._cells(network), ids, state)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_lanes_do_not_change_the_gates(make_network):
    """Several lanes count each token once, and no token past the end."""
    network = make_network()
    ids = torch.randint(11, (1501,)).numpy()
    for alone, beside in zip(gates.measure(network, ids, lanes=1), gates.measure(network, ids, lanes=4), strict=True):
        assert beside.mean == pytest.approx(alone.mean, abs=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "elman"])
def test_a_cell_without_gates_says_so(make_network, cell):
    """A usage error that names the cells that have gates."""
    with pytest.raises(UsageError, match=f"{cell} has no gates .lstm"):
        gates.measure(make_network(cell=cell), torch.randint(11, (5,)).numpy())


@pytest.mark.parametrize(("kind", "layer"), [("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)])
def test_torch_s_weights_become_cells(kind, layer):
    """The cells made from a torch layer of any kind compute what it does."""
    layers, x = layer(4, 6, 2), torch.randn(5, 3, 4)
    expected, _ = layers(x)
    for cell in cells_of(layers):
        assert isinstance(cell, CELLS[kind])
        x, _ = cell(cell.project(x), tuple(torch.zeros(3, 6) for _ in range(cell.states)))
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-6)
