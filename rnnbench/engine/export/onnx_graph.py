"""A language model as an ONNX graph, written node by node: ids and state in, logits and state out.

ONNX has operators for whole recurrent layers, with time and lanes of any size. They are written here rather than by
torch's exporter: that of torch 2.13 fixes T to the length it was shown, and the one before it is to be removed.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.errors import UsageError

OPSET = 17
_FORMAT = 8  # of the file; what opset 17 came with, so that older runtimes read it too
_LARGEST = (1 << 31) - (1 << 20)  # bytes; a protobuf message ends at 2 GiB
_OPERATORS = {"rnn": "RNN", "elman": "RNN", "gru": "GRU", "gru_reset_before": "GRU", "lstm": "LSTM"}
_GATES = {"GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}  # ONNX has z, r, n and i, o, f, g; we have r, z, n and i, f, g, o
_ACTIVATIONS = {"rnn": ["Tanh"], "elman": ["Sigmoid"]}

Node = Any  # onnx.NodeProto; the library is an optional extra


def _library() -> Any:
    try:
        import onnx
    except ImportError:
        raise UsageError("ONNX files need the onnx package", "pip install 'rnnbench[onnx]'") from None
    return onnx


def check(model: ModelConfig) -> None:
    """Raises UsageError where a model cannot be written as ONNX, or the library is not installed."""
    if model.task != "language_model":
        raise UsageError(f"only language models are written as ONNX, not {model.task}", "use --format safetensors")
    if model.cell not in _OPERATORS:
        known = ", ".join(_OPERATORS)
        raise UsageError(f"ONNX has no operator for {model.cell}, only for {known}", "use --format safetensors")
    _library()


def serialized(model: ModelConfig, vocabulary: int, tensors: dict[str, Tensor]) -> bytes:
    """The ONNX file of a language model whose weights are given as `plain_tensors` gives them.

    Inputs: `ids` (T, B) int64, `state` (S, L, B, H) float32. Outputs: `logits` (T, B, V), the token after each;
    `next_state` (S, L, B, H). T and B are free. Raises UsageError where the weights do not fit one file.
    """
    check(model)
    onnx = _library()
    if sum(tensor.nbytes for tensor in tensors.values()) >= _LARGEST:
        raise UsageError("the model is too large for one ONNX file, which ends at 2 GiB", "use --format safetensors")
    builder = _Builder(onnx, model)
    nodes = [*builder.reading(vocabulary), *builder.layers(tensors), *builder.writing()]
    builder.keep("output_matrix", tensors["output.weight"].T)
    builder.keep("output_bias", tensors["output.bias"])
    if "embedding.weight" in tensors:
        builder.keep("embedding", tensors["embedding.weight"])
    graph = onnx.helper.make_graph(nodes, "rnnbench", *_ends(onnx, model, vocabulary), initializer=builder.constants)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    written = onnx.helper.make_model(graph, producer_name="rnnbench", opset_imports=opsets, ir_version=_FORMAT)
    onnx.checker.check_model(written)
    return bytes(written.SerializeToString())


def _ends(onnx: Any, model: ModelConfig, vocabulary: int) -> tuple[list[Any], list[Any]]:
    """What goes in and what comes out, with types and shapes."""
    state = (sizing.STATES[model.cell], model.layers, "B", model.hidden)
    floats, integers = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    info = onnx.helper.make_tensor_value_info
    return (
        [info("ids", integers, ("T", "B")), info("state", floats, state)],
        [info("logits", floats, ("T", "B", vocabulary)), info("next_state", floats, state)],
    )


class _Builder:
    """Makes the nodes and collects their constants."""

    def __init__(self, onnx: Any, model: ModelConfig) -> None:
        self.onnx, self.model = onnx, model
        self.states, self.operator = sizing.STATES[model.cell], _OPERATORS[model.cell]
        self.constants: list[Any] = []

    def keep(self, name: str, tensor: Tensor) -> str:
        """Put a constant into the file; its name."""
        self.constants.append(self.onnx.numpy_helper.from_array(tensor.contiguous().numpy(), name))
        return name

    def node(self, operator: str, inputs: Iterable[str], outputs: Iterable[str], **attributes: Any) -> Node:
        """One node."""
        return self.onnx.helper.make_node(operator, list(inputs), list(outputs), **attributes)

    def reading(self, vocabulary: int) -> list[Node]:
        """ids (T, B) -> the first layer's input `x0` (T, B, E)."""
        if self.model.input == "embedding":
            return [self.node("Gather", ["embedding", "ids"], ["x0"], axis=0)]
        self.keep("words", torch.tensor([vocabulary]))
        self.keep("off_on", torch.tensor([0.0, 1.0]))
        return [self.node("OneHot", ["ids", "words", "off_on"], ["x0"], axis=-1)]

    def layers(self, tensors: dict[str, Tensor]) -> list[Node]:
        """The layers, each from `x0`, `x1` ... and its part of the state to the next `x` and `after` state."""
        self.keep("axis_0", torch.tensor([0]))
        self.keep("axis_1", torch.tensor([1]))
        nodes = []
        for level in range(self.model.layers):
            nodes += self._first_states(level)
            w, r, b = (
                self.keep(f"{name}_{level}", self._in_order(tensor).unsqueeze(0))
                for name, tensor in zip("wrb", self._weights(tensors, level), strict=True)
            )
            firsts, lasts = _names("first", level, self.states), _names("after", level, self.states)
            nodes += [
                self.node(
                    self.operator, [f"x{level}", w, r, b, "", *firsts], [f"y{level}", *lasts], **self._attributes()
                ),
                self.node("Squeeze", [f"y{level}", "axis_1"], [f"x{level + 1}"]),  # the one direction
            ]
        return nodes

    def _first_states(self, level: int) -> list[Node]:
        """A layer's part of each kind of state, (1, B, H)."""
        nodes = []
        for kind, name in enumerate(_names("first", level, self.states)):
            which, start, stop = (
                self.keep(f"{name}_{part}", torch.tensor(value))
                for part, value in (("kind", kind), ("start", [level]), ("stop", [level + 1]))
            )
            nodes.append(self.node("Gather", ["state", which], [f"{name}_all"], axis=0))
            nodes.append(self.node("Slice", [f"{name}_all", start, stop, "axis_0"], [name]))
        return nodes

    def _weights(self, tensors: dict[str, Tensor], level: int) -> tuple[Tensor, Tensor, Tensor]:
        """A layer's matrices (G*H, E) and (G*H, H), and both biases, input's first, (2*G*H)."""
        if (torchs := f"stack.weight_ih_l{level}") in tensors:
            w, r, *biases = (tensors[torchs.replace("weight_ih", name)] for name in _TORCH_NAMES)
            return w, r, torch.cat(biases)
        own = f"stack.cells.{level}."
        bias = tensors[f"{own}input_bias"]
        both = torch.cat((bias, torch.zeros_like(bias)))
        return tensors[f"{own}input_weight"].T, tensors[f"{own}recurrent_weight"].T, both

    def _in_order(self, weight: Tensor) -> Tensor:
        """The gates, which lie one after the other in the rows, in ONNX's order; so in each half of the biases."""
        order, hidden = _GATES.get(self.operator, (0,)), self.model.hidden
        blocks = torch.split(weight, hidden)
        count = len(order)
        return torch.cat([blocks[half + gate] for half in range(0, len(blocks), count) for gate in order])

    def _attributes(self) -> dict[str, Any]:
        """What the operator has to know beside its inputs."""
        found: dict[str, Any] = {"hidden_size": self.model.hidden}
        if self.operator == "RNN":
            found["activations"] = _ACTIVATIONS[self.model.cell]
        if self.operator == "GRU":  # whether r is multiplied in after the product with the state, or before it
            found["linear_before_reset"] = int(self.model.cell == "gru")
        return found

    def writing(self) -> list[Node]:
        """The last layer's output -> `logits`, and all layers' last states -> `next_state`."""
        top = f"x{self.model.layers}"
        nodes = [
            self.node("MatMul", [top, "output_matrix"], ["products"]),
            self.node("Add", ["products", "output_bias"], ["logits"]),
        ]
        for kind in range(self.states):
            of_layers = [_names("after", level, self.states)[kind] for level in range(self.model.layers)]
            nodes.append(self.node("Concat", of_layers, [f"after_{kind}"], axis=0))
            nodes.append(self.node("Unsqueeze", [f"after_{kind}", "axis_0"], [f"next_{kind}"]))
        nexts = [f"next_{kind}" for kind in range(self.states)]
        return [*nodes, self.node("Concat", nexts, ["next_state"], axis=0)]


_TORCH_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _names(stem: str, level: int, states: int) -> list[str]:
    """A name for each kind of state of a layer: h, and c of an LSTM."""
    return [f"{stem}_{level}_{'hc'[kind]}" for kind in range(states)]
