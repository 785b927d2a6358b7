"""What this machine is doing: processors, memory, disk, GPUs, and what each training run takes of them."""

import contextlib
import os
import platform
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from rnnbench import storage
from rnnbench.errors import RnnbenchError
from rnnbench.runs.gpus import GpuReader, GpuReport
from rnnbench.runs.log import EventFollower
from rnnbench.runs.progress import RunProgress, fold
from rnnbench.runs.store import Run, RunStore, bytes_in, space_left

T = TypeVar("T")
_CPU_INFO = Path("/proc/cpuinfo")
_CGROUP = Path("/sys/fs/cgroup")
_NOTE_BYTES = 4096
_LARGEST_PID = 1 << 31


@dataclass(frozen=True)
class Processors:
    """The cores that this process may use; `busy` from 0 to 1 each, in the time since the last look."""

    model: str
    cores: int  # of the machine
    busy: tuple[float, ...]
    load: tuple[float, float, float] | None  # processes that run or wait to, over 1, 5 and 15 minutes

    @property
    def mean(self) -> float:
        """How busy they are in all."""
        return sum(self.busy) / len(self.busy) if self.busy else 0.0


@dataclass(frozen=True)
class Memory:
    """Bytes; total is what a container allows, where that is less than the machine has."""

    used: int
    total: int
    swap_used: int
    swap_total: int


@dataclass(frozen=True)
class Disk:
    """Bytes: free where the runs lie, taken by the runs (None: not counted yet), and of a checkpoint as saved last."""

    free: int
    runs: int | None
    checkpoint: int | None

    @property
    def checkpoints_left(self) -> int | None:
        """How many more checkpoints of that size fit."""
        return self.free // self.checkpoint if self.checkpoint else None


@dataclass(frozen=True)
class RunUsage:
    """A run that is being trained. None is not known: its process is on another machine, or not ours to look at."""

    name: str
    pid: int | None
    host: str
    device: str
    tokens_per_second: float | None
    seconds_left: float | None
    cpu: float | None  # cores
    memory: int | None  # bytes that are in memory
    threads: int | None
    gpu_memory: int | None  # bytes


@dataclass(frozen=True)
class MachineState:
    """Everything at one moment."""

    host: str
    system: str
    processors: Processors
    memory: Memory
    disk: Disk
    gpus: GpuReport
    runs: tuple[RunUsage, ...]


@dataclass(frozen=True)
class Note:
    """What the holder of a run's lock wrote into it: information, never to be relied on."""

    pid: int
    host: str


def read_note(run: Run) -> Note | None:
    """The note in a run's lock; None when it says nothing that can be a process."""
    with contextlib.suppress(RnnbenchError, OSError, KeyError, TypeError, ValueError):
        note = storage.read_json(run.lock_file, limit=_NOTE_BYTES)
        pid, host = note["pid"], note["host"]
        if type(pid) is int and 0 < pid < _LARGEST_PID and isinstance(host, str):
            return Note(pid, host)
    return None


@dataclass
class _Watched:
    """A run under observation: its log is read on from where it was, its process asked since the last look."""

    follower: EventFollower
    progress: RunProgress = field(default_factory=RunProgress)
    process: Any = None  # psutil.Process

    def read_on(self) -> RunProgress:
        """Where it stands now."""
        for event in self.follower.drain():
            self.progress.apply(event)
        if self.follower.replaced:  # deleted and started again
            self.follower.begin_anew()
            self.progress = fold(self.follower.drain())
        return self.progress


class Machine:
    """Looks at the machine; used by one thread at a time. The first look has nothing to compare with."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._gpus = GpuReader()
        self._model = cpu_model()
        self._watched: dict[str, _Watched] = {}
        self._runs_bytes: int | None = None
        psutil.cpu_percent(percpu=True)

    def look(self, *, count_bytes: bool = False) -> MachineState:
        """Everything now. Counting the bytes of the runs visits every file, so it is done only when asked for."""
        gpus = self._gpus.read()
        runs = self._store.running()
        self._watched = {run.name: self._watched.get(run.name) or _watch(run) for run in runs}
        if count_bytes:
            self._runs_bytes = bytes_in(self._store.folder)
        return MachineState(
            host=socket.gethostname(),
            system=f"{platform.system()} {platform.machine()}",
            processors=self._processors(),
            memory=read_memory(),
            disk=Disk(space_left(self._store.folder), self._runs_bytes, self._checkpoint_bytes()),
            gpus=gpus,
            runs=tuple(self._usage(run, gpus) for run in runs),
        )

    def close(self) -> None:
        """Let go of the driver."""
        self._gpus.close()

    def _processors(self) -> Processors:
        shares = [share / 100 for share in psutil.cpu_percent(percpu=True)]
        mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(len(shares))
        busy = tuple(min(max(shares[core], 0.0), 1.0) for core in mine if core < len(shares))
        return Processors(self._model, len(shares), busy, _known(os.getloadavg))

    def _usage(self, run: Run, gpus: GpuReport) -> RunUsage:
        watched = self._watched[run.name]
        progress, note = watched.read_on(), read_note(run)
        here = note is not None and note.host == socket.gethostname()
        process = self._process(watched, note.pid) if here and note is not None else None
        return RunUsage(
            name=run.name,
            pid=note.pid if note else None,
            host=note.host if note else "",
            device=progress.started.device if progress.started else "",
            tokens_per_second=progress.tokens_per_second,
            seconds_left=progress.seconds_left,
            cpu=_known(lambda: process.cpu_percent(None) / 100) if process else None,
            memory=_known(lambda: int(process.memory_info().rss)) if process else None,
            threads=_known(lambda: int(process.num_threads())) if process else None,
            gpu_memory=_gpu_memory(gpus, note.pid) if process and note else None,
        )

    def _process(self, watched: _Watched, pid: int) -> Any:
        """The process of that number; the same object at each look, which compares with the look before."""
        if watched.process is None or watched.process.pid != pid:
            watched.process = _known(lambda: psutil.Process(pid))
            if watched.process is not None:
                _known(lambda: watched.process.cpu_percent(None))
        return watched.process

    def _checkpoint_bytes(self) -> int | None:
        """The size of the checkpoint that was saved last by a run that is being trained."""
        saved = [watched.progress.checkpoints[-1] for watched in self._watched.values() if watched.progress.checkpoints]
        return max(saved, key=lambda event: event.at).bytes if saved else None


def _watch(run: Run) -> _Watched:
    return _Watched(EventFollower(run.events_file))


def _known(question: Callable[[], T]) -> T | None:
    """An answer; None where the process has gone, may not be looked at, or the system does not tell."""
    with contextlib.suppress(psutil.Error, OSError, ValueError):
        return question()
    return None


def _gpu_memory(gpus: GpuReport, pid: int) -> int | None:
    """Bytes that a process holds on all GPUs; None when the driver names none."""
    held = [size for gpu in gpus.gpus for owner, size in gpu.processes if owner == pid and size is not None]
    return sum(held) if held else None


def cpu_model() -> str:
    """The name of the processor, as its maker calls it."""
    with contextlib.suppress(OSError):
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    return platform.processor() or platform.machine()


def read_memory() -> Memory:
    """Memory and swap now."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    used, total = int(memory.total - memory.available), int(memory.total)
    limit, inside = _cgroup_bytes("memory.max"), _cgroup_bytes("memory.current")
    if limit is not None and limit < total:
        used, total = min(inside if inside is not None else used, limit), limit
    return Memory(used, total, int(swap.used), int(swap.total))


def _cgroup_bytes(name: str) -> int | None:
    """A number of the control group that this process is in, as a container sees it; None without a limit."""
    with contextlib.suppress(OSError, ValueError):
        return int((_CGROUP / name).read_text(encoding="ascii"))
    return None


class History:
    """How busy the processors were in the last minute, whatever the time between two looks."""

    def __init__(self, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._points: list[tuple[float, float]] = []

    def add(self, value: float) -> None:
        """Take a value of now, and forget those of too long ago."""
        now = self._clock()
        self._points = [point for point in [*self._points, (now, value)] if now - point[0] <= self._seconds]

    @property
    def values(self) -> list[float]:
        """Oldest first."""
        return [value for _, value in self._points]
