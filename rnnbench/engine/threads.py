"""How many CPU threads a run computes with: a short trial on its own step, beside whatever else the machine does.

Sums are added up in another order with another number of threads, so a run that is continued keeps the number that its
checkpoint was made with, and only a run whose number is given repeats itself bit by bit.
"""

import os
import statistics
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

import torch

from rnnbench.config import RunConfig
from rnnbench.engine import devices
from rnnbench.engine.launch import Place
from rnnbench.engine.tasks.base import Task

_TRIAL_SECONDS = 0.25
_LONG_STEP = 0.25  # seconds; the products of such a step are large enough for every thread there is
_VERY_LONG_STEP = 1.0  # seconds; not even a first step is so slow otherwise
_ROUNDS = 2  # at least
_WORTH = 1.05  # a step with fewer threads may take so much longer, and is chosen
_LOOK_SECONDS = 0.1
_NOTICED = 0.5  # cores that others keep busy, from which on it is said
_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # columns of a core in /proc/stat: idle, and waiting for a disk (proc(5))
_COUNTED = 8  # user, nice, system, idle, iowait, irq, softirq, steal; what follows is contained in user and nice


@dataclass(frozen=True)
class Choice:
    """The number of threads, and how many cores other processes kept busy when it was tried; None: nobody looked."""

    threads: int
    busy_cores: float | None = None

    @property
    def warning(self) -> str:
        """What to say when somebody else computes on this machine, or nothing."""
        if self.busy_cores is None or self.busy_cores < _NOTICED:
            return ""
        return (
            f"other processes keep {self.busy_cores:.1f} of {devices.usable_cores()} cores busy: training is slower "
            f"than it could be; computing with {self.threads} of them (--threads chooses)"
        )


_CHOSEN: dict[Hashable, Choice] = {}  # what was tried in this process: the same step need not be tried again


def settle(config: RunConfig, device: torch.device, task: Task, place: Place, made_with: int | None) -> Choice:
    """Set torch's threads for training a task; `made_with` is the number of a checkpoint that is to be continued.

    Leaves weights and random numbers as they are. Several processes and accelerators go by a rule: a trial would
    measure the other processes, or nothing of interest.
    """
    if config.machine.threads or made_with:
        own_cores = max(1, devices.usable_cores() // place.local_size)
        choice = Choice(config.machine.threads or min(made_with or 1, own_cores))
    elif task.takes_small_steps:
        choice = Choice(1)
    elif device.type != "cpu" or place.size > 1:
        choice = Choice(devices.choose_threads(config, place))
    else:
        task.network.train()
        choice = try_out(config, lambda: _learn(task))
    torch.set_num_threads(choice.threads)
    return choice


def _learn(task: Task) -> None:
    """A step without its end: the loss of the first batch and its gradient, which is thrown away."""
    torch.autograd.backward(task.loss(0, task.initial_state()).loss)
    for parameter in task.network.parameters():
        parameter.grad = None


def try_out(config: RunConfig, step: Callable[[], object]) -> Choice:
    """The number of threads that a step of this configuration runs best with; torch is left with any of them."""
    key = (config.model, config.training, config.machine)
    if key not in _CHOSEN:
        most = most_threads()
        _CHOSEN[key] = Choice(1) if most == 1 else _try(step, most)
    return _CHOSEN[key]


def most_threads() -> int:
    """One for each core that may be used, and not more than OMP_NUM_THREADS where somebody has set it."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(devices.usable_cores(), int(limit)) if limit.isdecimal() and int(limit) else devices.usable_cores()


def _try(step: Callable[[], object], most: int) -> Choice:
    busy = busy_cores()
    free = max(1, most - round(busy or 0.0))  # threads wait for each other: one that shares its core holds all up
    with torch.random.fork_rng(devices=[]):
        return Choice(1 if free == 1 else _fastest(step, free), busy)


def _fastest(step: Callable[[], object], most: int) -> int:
    """The fewest threads that are about as fast as any."""
    first = _time(step, most)  # the first step of a process is slow
    if first > _VERY_LONG_STEP or (first > _LONG_STEP and _time(step, most) > _LONG_STEP):
        return most
    seconds: dict[int, list[float]] = {count: [] for count in (1, 2, 4, most) if count <= most}
    for count in seconds:
        _time(step, count)
    began, rounds = time.perf_counter(), 0
    while rounds < _ROUNDS or time.perf_counter() - began < _TRIAL_SECONDS:
        rounds += 1
        for count, taken in seconds.items():  # in turn: a busy moment meets all of them
            taken.append(_time(step, count))
    medians = {count: statistics.median(taken) for count, taken in seconds.items()}
    return min(count for count, median in medians.items() if median <= _WORTH * min(medians.values()))


def _time(step: Callable[[], object], threads: int) -> float:
    torch.set_num_threads(threads)
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def busy_cores() -> float | None:
    """How many of the usable cores other processes keep busy; None where the system does not tell.

    Looks for a tenth of a second in which this process itself only waits.
    """
    before = _read_stat()
    time.sleep(_LOOK_SECONDS)
    after = _read_stat()
    if not before or before.keys() != after.keys():
        return None
    spent = [[late - early for early, late in zip(before[core], after[core], strict=True)] for core in before]
    shares = [1 - sum(ticks[column] for column in _IDLE) / sum(ticks) for ticks in spent if sum(ticks) > 0]
    return sum(shares)


def _read_stat() -> dict[str, list[int]]:
    """Ticks that each usable core has spent so far, by what on; nothing where the system does not tell."""
    own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    names = {f"cpu{number}" for number in own}
    try:
        rows = [line.split() for line in _STAT.read_text(encoding="ascii").splitlines()]
        return {name: [int(tick) for tick in ticks[:_COUNTED]] for name, *ticks in filter(None, rows) if name in names}
    except (OSError, ValueError):
        return {}
