"""The random numbers of a run's processes: one stream each, kept in its checkpoints."""

import torch
from torch import Tensor

from rnnbench.engine.distributed import World
from rnnbench.engine.launch import Place

_SEEDS = 1 << 31  # a run's seed is below this


def part(seed: int, place: Place) -> None:
    """After all processes have drawn the same weights: draw other numbers, such as for dropout, in each but rank 0."""
    if not place.leads:
        torch.manual_seed(seed + place.rank * _SEEDS)


def gather(device: torch.device, world: World) -> dict[str, Tensor]:
    """The states of all streams, uint8, by name: `random.cpu` and `random.cuda`, with `.1` of rank 1 and so on.

    Every process calls it.
    """
    own = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        own["random.cuda"] = torch.cuda.get_rng_state(device)
    gathered = {name: world.gather(state) for name, state in own.items()}
    return {_name(name, rank): state for name, states in gathered.items() for rank, state in enumerate(states)}


def restore(tensors: dict[str, Tensor], device: torch.device, place: Place) -> None:
    """Go on with the stream that a checkpoint has for this process; with its own where it has none."""
    states = {kind: tensors.get(_name(f"random.{kind}", place.rank)) for kind in ("cpu", "cuda")}
    if states["cpu"] is not None:
        torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"], device)


def _name(name: str, rank: int) -> str:
    return f"{name}.{rank}" if rank else name
