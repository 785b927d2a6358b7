"""Export: the weights fit torch's own layers, and the ONNX graph computes what torch does."""

import sys

import pytest
import torch

from rnnbench.config import ModelConfig
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.export import onnx_graph
from rnnbench.engine.export.tensors import plain_tensors
from rnnbench.engine.models import TORCH_LAYERS, LanguageModel
from rnnbench.errors import UsageError

WORDS, SEED = 11, 3
SMALL = {"hidden": 6, "embedding": 5, "layers": 2}
STEPS, TOLERANCE = 300, 1e-5


def network_of(**choices):
    """A language model with weights large enough that errors would show, and its weights by plain names."""
    model = ModelConfig(**{**SMALL, **choices})
    network = LanguageModel(model, WORDS, seed=SEED).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    return network, plain_tensors(network, model, SEED)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("implementation", ["scratch", "fused", "torch"])
@torch.no_grad()
def test_the_weights_load_into_torchs_layers(cell, implementation):
    """Whatever form of a cell was trained, torch's layer with the exported weights gives the same logits."""
    network, weights = network_of(cell=cell, implementation=implementation)
    layers = TORCH_LAYERS[cell](SMALL["embedding"], SMALL["hidden"], SMALL["layers"])
    layers.load_state_dict({name[6:]: weights[name] for name in weights if name.startswith("stack.")})
    ids_TB = torch.randint(WORDS, (9, 3))
    y_TBH, _ = layers(weights["embedding.weight"][ids_TB])
    logits_TBV = y_TBH @ weights["output.weight"].T + weights["output.bias"]
    expected_TBV, _ = network(ids_TB, network.initial_state(3))
    assert set(weights) - {f"stack.{name}" for name in layers.state_dict()} == {
        "embedding.weight",
        "output.weight",
        "output.bias",
    }
    torch.testing.assert_close(logits_TBV, expected_TBV, atol=1e-5, rtol=0)


def test_tied_weights_are_written_twice():
    """Who loads the file need not know that two tables were one; nothing shares memory, which the format refuses."""
    _, weights = network_of(embedding=6, tie_weights=True)
    assert torch.equal(weights["embedding.weight"], weights["output.weight"])
    places = [tensor.data_ptr() for tensor in weights.values()]
    assert len(set(places)) == len(places)


def test_cells_that_torch_lacks_keep_their_names():
    """Their weights are raw, and a first state that is not zero comes along."""
    network, weights = network_of(cell="elman", layers=1, implementation="scratch")
    assert {"stack.cells.0.input_weight", "stack.cells.0.recurrent_weight", "first_state"} < set(weights)
    assert torch.equal(weights["first_state"], network.initial_state(1))


def test_both_stacks_of_an_encoder_decoder_are_torchs():
    """Each stack is named after what it is, in torch's layout."""
    model = ModelConfig(**SMALL, task="seq2seq", cell="gru", implementation="scratch", bidirectional=True)
    weights = plain_tensors(EncoderDecoder(model, WORDS, WORDS + 1, seed=SEED), model, SEED)
    for stack in ("encoder", "reverse_encoder", "stack"):
        assert weights[f"{stack}.weight_hh_l1"].shape == (18, 6)
    assert not [name for name in weights if "cells" in name]
    assert len(weights["source_embedding.weight"]) == WORDS and len(weights["embedding.weight"]) == WORDS + 1


# -- ONNX ----------------------------------------------------------------------------------------------------------

GRAPHS = [
    ("rnn", {}), ("rnn", {"input": "one_hot"}), ("elman", {"input": "one_hot"}), ("gru", {}), ("gru_reset_before", {}),
    ("lstm", {"layers": 3}), ("lstm", {"input": "one_hot", "implementation": "scratch"}),
    ("lstm", {"embedding": 6, "tie_weights": True}),
]  # fmt: skip


@pytest.fixture
def session():
    """What runs an ONNX file."""
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

    def start(data):
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    return start


@pytest.mark.parametrize(("cell", "choices"), GRAPHS, ids=[f"{cell}-{'-'.join(more)}" for cell, more in GRAPHS])
@torch.no_grad()
def test_onnx_computes_what_torch_does(session, cell, choices):
    """Over 300 steps of carried state, in pieces of any length and with any number of lanes, logits and states agree."""
    network, weights = network_of(cell=cell, **choices)
    graph = session(onnx_graph.serialized(network.config, WORDS, weights))
    for lanes, pieces in ((1, [1] * STEPS), (3, [7, 1, 50, 2] * (STEPS // 60))):
        state = network.initial_state(lanes)
        carried, most = state.numpy(), 0.0
        for piece in pieces:
            ids_TB = torch.randint(WORDS, (piece, lanes))
            logits_TBV, state = network(ids_TB, state)
            found, carried = graph.run(None, {"ids": ids_TB.numpy(), "state": carried})
            most = max(most, abs(found - logits_TBV.numpy()).max(), abs(carried - state.numpy()).max())
        assert found.shape == (piece, lanes, WORDS) and most <= TOLERANCE


@pytest.mark.parametrize("choices", [{"task": "cloze"}, {"task": "seq2seq"}, {"cell": "min_gru"}], ids=str)
def test_what_onnx_cannot_hold_is_refused(choices):
    """Other tasks, and cells without an operator, are named, with the format that holds them."""
    with pytest.raises(UsageError, match=f"{next(iter(choices.values()))}.*safetensors"):
        onnx_graph.check(ModelConfig(**SMALL, **choices))


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    """Without the package the message says what to install."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"pip install 'rnnbench\[onnx\]'"):
        onnx_graph.check(ModelConfig(**SMALL))
