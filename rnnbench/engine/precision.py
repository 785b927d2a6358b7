"""In which numbers a network is trained.

Weights, gradients, carried states, losses and checkpoints are float32 in any case, and so is everything that scores
and writes. With bfloat16 the large products of a training step (the inputs of a layer, torch's own layers, the output)
are taken in its 8 bits of precision, as torch's autocast chooses them (Micikevicius et al. 2018); its range is that of
float32, so no loss has to be scaled. The loop over time of our own cells stays in float32: it adds its errors up.
"""

import contextlib
from contextlib import AbstractContextManager
from functools import cache

import torch
from torch import Tensor

from rnnbench.config import MachineConfig


def autocast(device: torch.device, machine: MachineConfig) -> AbstractContextManager[None]:
    """Within, a training step computes its loss as the configuration says; the gradient is taken outside."""
    if machine.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def is_reduced(tensor: Tensor) -> bool:
    """Whether products on the tensor's device are taken in fewer bits just now."""
    return torch.is_autocast_enabled(tensor.device.type)


def in_full(tensor: Tensor) -> AbstractContextManager[None]:
    """Within, nothing on the tensor's device is computed in fewer bits than its operands have."""
    return torch.autocast(tensor.device.type, enabled=False) if is_reduced(tensor) else contextlib.nullcontext()


def where_it_can(tensor: Tensor) -> AbstractContextManager[None]:
    """Within, torch's recurrent layers run on the tensor's device: oneDNN has them in bfloat16 only where the CPU has
    the instructions, and fails or crawls elsewhere (measured: 3 times the seconds with AVX-512, none with AVX2)."""
    slow = tensor.device.type == "cpu" and is_reduced(tensor) and not _computes_in_bfloat16()
    return in_full(tensor) if slow else contextlib.nullcontext()


def widened(tensor: Tensor) -> Tensor:
    """The tensor in float32, where it had fewer bits."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def prepare(device: torch.device) -> None:
    """Let an NVIDIA GPU round the operands of float32 products to TF32: 10 bits of precision, several times as fast.

    cuDNN's layers do so by torch's own default; here the other products do too, and the log says it.
    """
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True


def describe(device: torch.device, machine: MachineConfig) -> str:
    """The precision as the log tells it."""
    tf32 = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    return machine.precision + (", float32 products in tf32" if tf32 else "")


def warning(device: torch.device, machine: MachineConfig) -> str:
    """What to say of a choice that does not pay here, or nothing."""
    if machine.precision == "float32" or device.type != "cpu" or _computes_in_bfloat16():
        return ""
    return "this CPU has no bfloat16 instructions: the run will be slower than in float32 (machine.precision)"


@cache
def _computes_in_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself (x86: avx512_bf16 or amx_bf16); the library converts elsewhere."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.10 has no such function
    return any("bf16" in name and present for name, present in capabilities.items())
