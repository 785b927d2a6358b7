"""Device, threads and seeds."""

import os

import torch

from rnnbench.config import RunConfig
from rnnbench.engine import precision
from rnnbench.engine.launch import ALONE, Place
from rnnbench.errors import UnavailableError, UsageError
from rnnbench.visible import visible

_SMALL_PRODUCT = 1 << 18  # multiply-adds of one time step below which a second thread costs more than it brings


def choose_device(wish: str) -> torch.device:
    """The device of that name; `auto` is the first of cuda, mps, cpu. Raises UsageError for what is no name of a
    device, UnavailableError when it is not there."""
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wish)
    except RuntimeError:
        raise UsageError(f"no device is called {visible(wish)}", "auto, cpu, cuda, cuda:1 and mps are names") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise UnavailableError(f"no device {wish} on this machine", f"{found} CUDA devices found; try --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UnavailableError("no mps device on this machine", "try --device cpu")
    return device


def describe_device(device: torch.device) -> str:
    """The device as a person knows it."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def choose_own_device(wish: str, place: Place) -> torch.device:
    """`choose_device`, but that each of several processes takes the GPU of its local rank, and none takes mps."""
    if place.size == 1 or not (torch.cuda.is_available() and wish in ("auto", "cuda")):
        return choose_device("cpu" if place.size > 1 and wish == "auto" else wish)
    device = choose_device(f"cuda:{place.local_rank}")
    torch.cuda.set_device(device)
    return device


def choose_threads(config: RunConfig, place: Place = ALONE) -> int:
    """How many CPU threads: as asked, else one for very small steps and one for each usable core up to four.

    A function of the configuration and the number of cores alone; `threads` tries out, for a process alone. Of several
    processes on a machine each takes its part of the cores.
    """
    if config.machine.threads:
        return config.machine.threads
    work = config.training.batch_size // place.size * config.model.hidden**2
    return 1 if work < _SMALL_PRODUCT else max(1, min(usable_cores() // place.local_size, 4))


def usable_cores() -> int:
    """Cores this process may use, which a container or taskset may have made fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(config: RunConfig, place: Place = ALONE) -> tuple[torch.device, int]:
    """Set threads, precision and the seed for a run; the device and the number of threads."""
    _set_determinism(config.machine.deterministic)
    device, threads = choose_own_device(config.machine.device, place), choose_threads(config, place)
    precision.prepare(device)
    torch.set_num_threads(threads)
    torch.manual_seed(config.training.seed)
    torch.set_flush_denormal(True)  # a state that decays towards zero must not slow the loop down
    return device, threads


def _set_determinism(wanted: bool) -> None:
    """Let torch take only algorithms that give the same numbers each time, or raise where it has none."""
    if wanted:
        # cuBLAS keeps to one order of additions only with a workspace of fixed size, and reads this when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted)
    if wanted:
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
