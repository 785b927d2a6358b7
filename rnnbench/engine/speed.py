"""How fast training steps are here: ours, a tutorial's, and what the machine's matrix product would allow."""

import contextlib
import ctypes
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from rnnbench.config import RunConfig, validate
from rnnbench.engine import estimates
from rnnbench.engine.plain_loop import CELLS, PlainLoop

PLAIN = "plain loop"
IMPLEMENTATIONS = ("scratch", "fused", "torch")
FEWEST_ROUNDS = 5
_WARM_UP = 2
_ROUND_SECONDS = 0.05  # a shorter step is done several times: the clock, and who else wakes up, would weigh too much
_LIMIT_SECONDS = 0.3
_LIMIT_SIZE = 1024
_RATE, _CLIP_NORM = 0.1, 1.0
_PRODUCTS = 3  # forward, and two backward: for the input and for the weight
_OPERATIONS = 2  # a multiply-add is two
_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Case:
    """A language model of one layer with hidden size H over V tokens, in batches of B sequences of T steps."""

    cell: str
    vocabulary: int
    hidden: int
    batch_size: int = 32
    steps: int = 35

    @property
    def name(self) -> str:
        """The case in a word, such as lstm-256-v28."""
        return f"{self.cell}-{self.hidden}-v{self.vocabulary}"

    @property
    def operations(self) -> int:
        """Floating-point operations that a token needs at least: the recurrent and the output product, forward and
        backward. The input needs none, as a one-hot vector picks a row."""
        gates = {"rnn": 1, "gru": 3, "lstm": 4}[self.cell]
        return _OPERATIONS * _PRODUCTS * (gates * self.hidden**2 + self.hidden * self.vocabulary)

    def config(self, implementation: str) -> RunConfig:
        """Plain descent with clipping. torch's layers read an embedding, no wider than the vocabulary or the state:
        they take no one-hot vectors."""
        torch_layer = implementation == "torch"
        width = {"input": "embedding", "embedding": min(self.vocabulary, self.hidden)}
        return validate(
            {
                "corpus": {"file": "?"},
                "model": {
                    "cell": self.cell,
                    "hidden": self.hidden,
                    "implementation": implementation,
                    **(width if torch_layer else {"input": "one_hot"}),
                },
                "training": {
                    "batch_size": self.batch_size,
                    "steps_per_sequence": self.steps,
                    "optimizer": "sgd",
                    "learning_rate": _RATE,
                    "clip_norm": _CLIP_NORM,
                },
            }
        )


CASES = (
    Case("rnn", 28, 512),
    Case("lstm", 28, 256),
    Case("gru", 28, 256),
    Case("rnn", 1500, 512),
    Case("lstm", 1500, 256),
    Case("rnn", 4300, 512),
    Case("lstm", 4300, 256),
)
"""A small alphabet, the characters of a Chinese text, and words."""


@dataclass(frozen=True)
class Measured:
    """A case by one implementation. The memory is how much more the process, or the GPU, held at most while the
    implementation was made and took its first steps; None where the system does not tell."""

    name: str
    implementation: str
    tokens_per_second: float
    fraction_of_limit: float
    ratio_to_plain_loop: float
    peak_memory_mb: float | None


def wake(device: torch.device) -> None:
    """Have every implementation loaded: what only a first step needs is not counted to any."""
    for cell in CELLS:
        for _, make in _makers(Case(cell, 8, 8, 2, 2), device):
            make()()


def limit_gflops(device: torch.device) -> float:
    """Billions of operations a second of this machine's own product of two square matrices in fp32, at its best."""
    a, b = (torch.randn(_LIMIT_SIZE, _LIMIT_SIZE, device=device) for _ in range(2))
    best, deadline = float("inf"), time.perf_counter() + _LIMIT_SECONDS
    torch.mm(a, b)
    while best == float("inf") or time.perf_counter() < deadline:
        _wait_for(device)
        began = time.perf_counter()
        torch.mm(a, b)
        _wait_for(device)
        best = min(best, time.perf_counter() - began)
    return _OPERATIONS * _LIMIT_SIZE**3 / best / 1e9


def measure(case: Case, device: torch.device, limit: float, rounds: int = FEWEST_ROUNDS) -> list[Measured]:
    """The plain loop first, then ours: medians of `rounds`, taken in turn so that a busy moment meets all of them."""
    steps, memory = {}, {}
    for name, make in _makers(case, device):
        with _peak_of(device) as peak:
            steps[name] = make()
            for _ in range(_WARM_UP):
                steps[name]()
        memory[name] = peak()
    repeats = {name: _repeats(step) for name, step in steps.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(_time(step, repeats[name], device))
    rates = {name: case.batch_size * case.steps / statistics.median(taken) for name, taken in seconds.items()}
    return [
        Measured(
            name=case.name,
            implementation=name,
            tokens_per_second=rate,
            fraction_of_limit=rate * case.operations / (limit * 1e9),
            ratio_to_plain_loop=rate / rates[PLAIN],
            peak_memory_mb=memory[name],
        )
        for name, rate in rates.items()
    ]


def _makers(case: Case, device: torch.device) -> Iterator[tuple[str, Callable[[], Callable[[], int]]]]:
    yield PLAIN, partial(_plain, case, device)
    for name in IMPLEMENTATIONS:
        yield name, partial(estimates.learner, case.config(name), case.vocabulary, device)


def _plain(case: Case, device: torch.device) -> Callable[[], int]:
    loop = PlainLoop(case.cell, case.vocabulary, case.hidden, device)
    ids_TB, targets_TB = torch.randint(case.vocabulary, (2, case.steps, case.batch_size), device=device)
    return loop.learner(ids_TB, targets_TB, rate=_RATE, clip_norm=_CLIP_NORM)


def _repeats(step: Callable[[], int]) -> int:
    began = time.perf_counter()
    step()
    return max(1, round(_ROUND_SECONDS / max(time.perf_counter() - began, 1e-6)))


def _time(step: Callable[[], int], repeats: int, device: torch.device) -> float:
    """Seconds of one step, the mean of `repeats`."""
    _wait_for(device)
    began = time.perf_counter()
    for _ in range(repeats):
        step()
    _wait_for(device)
    return (time.perf_counter() - began) / repeats


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forget_peak() -> None:
    """Begin anew with the largest memory of this process: a switch of the kernel, nothing goes to a disk."""
    switch = os.open(_FORGET, os.O_WRONLY)
    try:
        os.write(switch, b"5")  # proc(5)
    finally:
        os.close(switch)


@contextlib.contextmanager
def _peak_of(device: torch.device) -> Iterator[Callable[[], float | None]]:
    """How many MB more are held, at most, than at the beginning."""
    before = _held(device, forget=True)
    found: list[float | None] = []
    yield lambda: found[0]
    after = _held(device, forget=False)
    found.append(None if before is None or after is None else max(after - before, 0.0))


def _held(device: torch.device, *, forget: bool) -> float | None:
    """The most MB held since it was forgotten; what was let go is given back first, or it would be used unseen."""
    if device.type == "cuda":
        if forget:
            torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        if forget:
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).malloc_trim(0)
            _forget_peak()
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024 / 1e6 if peaks else None
