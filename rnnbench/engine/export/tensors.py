"""The weights of a network by plain names, in torch's own layout where torch has the cell."""

from torch import Tensor

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.engine.cells import Cell
from rnnbench.engine.cells.weights import has_torch_form, torch_weights
from rnnbench.engine.models import TORCH_LAYERS, Network, ScratchStack, TorchStack, first_state

FIRST_STATE = "first_state"


def in_torch_layout(model: ModelConfig) -> bool:
    """Whether the recurrent weights fit torch's layers."""
    return model.cell in TORCH_LAYERS


def plain_tensors(network: Network, model: ModelConfig, seed: int) -> dict[str, Tensor]:
    """Every weight by name, on the CPU, none sharing memory with another: tied weights are written twice.

    `embedding.weight` (V, E), `output.weight` (V, H), `output.bias` (V), and for each stack of layers, such as `stack`,
    `stack.weight_ih_l0` (G*H, E), `stack.weight_hh_l0` (G*H, H), `stack.bias_ih_l0` and `stack.bias_hh_l0` (G*H), as
    torch.nn's layers call them. Cells that torch lacks keep their own names and shapes: `stack.cells.0.input_weight`
    (E, G*H) and so on. `first_state` (S, L, 1, H) is there for cells that do not begin from zeros.
    """
    found = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, (TorchStack, ScratchStack)):
            found = {key: tensor for key, tensor in found.items() if not key.startswith(f"{name}.")}
            found |= {f"{name}.{key}": tensor for key, tensor in _of_stack(module).items()}
    if model.cell == "elman":
        found[FIRST_STATE] = first_state(model, 1, next(network.parameters()), seed)
    return {key: tensor.detach().cpu().clone().contiguous() for key, tensor in found.items()}


def _of_stack(stack: TorchStack | ScratchStack) -> dict[str, Tensor]:
    if isinstance(stack, TorchStack):
        return stack.layers.state_dict()
    found: dict[str, Tensor] = {}
    for level, cell in enumerate(stack.cells):
        assert isinstance(cell, Cell)
        if not has_torch_form(cell):
            return stack.state_dict()
        found |= torch_weights(cell, level)
    return found


def state_shape(model: ModelConfig) -> tuple[int, int, int, int]:
    """The state of one lane, (S, L, 1, H)."""
    return (sizing.STATES[model.cell], model.layers, 1, model.hidden)
