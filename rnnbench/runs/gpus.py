"""Graphics processors as the driver tells of them, without torch; having none is normal."""

import contextlib
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
NO_LIBRARY = "nvidia-ml-py is not installed (pip install rnnbench[gpu])"
NO_DRIVER = "no NVIDIA driver"
_CUDA = re.compile(r"^cuda\b[^=\n]*=\s*'([\d.]+)'", re.MULTILINE)


@dataclass(frozen=True)
class Gpu:
    """One graphics processor. What the driver does not tell, such as the utilisation of a MIG slice, is None."""

    index: int
    name: str
    utilisation: float | None  # 0 to 1
    memory_used: int | None  # bytes
    memory_total: int | None
    temperature: int | None  # degrees Celsius
    watts: float | None
    is_mig: bool
    processes: tuple[tuple[int, int | None], ...]  # process id, bytes


@dataclass(frozen=True)
class GpuReport:
    """All of them, or why there are none."""

    gpus: tuple[Gpu, ...] = ()
    reason: str = ""


class GpuReader:
    """Asks the driver; it is loaded at the first look and let go by `close`."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._reason = ""

    def read(self) -> GpuReport:
        """What the GPUs do now."""
        if self._nvml is None and not self._reason:
            self._open()
        if self._nvml is None:
            return GpuReport(reason=self._reason)
        count = _asked(self._nvml, self._nvml.nvmlDeviceGetCount) or 0
        found = (self._gpu(index) for index in range(count))
        return GpuReport(tuple(gpu for gpu in found if gpu is not None), "" if count else "no GPU")

    def close(self) -> None:
        """Let go of the driver."""
        if self._nvml is not None:
            _asked(self._nvml, self._nvml.nvmlShutdown)
            self._nvml = None

    def _open(self) -> None:
        try:
            import pynvml
        except ImportError:
            self._reason = NO_LIBRARY
            return
        try:
            pynvml.nvmlInit()
            self._nvml = pynvml
        except pynvml.NVMLError as error:
            self._reason = f"{NO_DRIVER} ({error})"

    def _gpu(self, index: int) -> Gpu | None:
        nvml = self._nvml
        handle = _asked(nvml, lambda: nvml.nvmlDeviceGetHandleByIndex(index))
        if handle is None:
            return None
        rates = _asked(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        memory = _asked(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        milliwatts = _asked(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        mode = _asked(nvml, lambda: nvml.nvmlDeviceGetMigMode(handle))
        held = _asked(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or []
        return Gpu(
            index=index,
            name=_text(_asked(nvml, lambda: nvml.nvmlDeviceGetName(handle))),
            utilisation=None if rates is None else rates.gpu / 100,
            memory_used=None if memory is None else int(memory.used),
            memory_total=None if memory is None else int(memory.total),
            temperature=_asked(nvml, lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))),
            watts=None if milliwatts is None else milliwatts / 1000,
            is_mig=bool(mode and mode[0]),
            processes=tuple((int(process.pid), process.usedGpuMemory) for process in held),
        )


def _asked(nvml: Any, question: Callable[[], T]) -> T | None:
    """An answer of the driver; None when it has none, which depends on the model and on the rights."""
    with contextlib.suppress(nvml.NVMLError):
        return question()
    return None


def _text(name: str | bytes | None) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name or "GPU"


@dataclass(frozen=True)
class TorchBuild:
    """The torch that a run would be trained with, as its files tell: nothing is imported. CUDA is empty without it."""

    version: str
    cuda: str


@cache
def torch_build() -> TorchBuild:
    """Version and CUDA version of the installed torch; the version is empty when there is none."""
    try:
        version = metadata.version("torch")
        spec = importlib.util.find_spec("torch")
    except (metadata.PackageNotFoundError, ValueError):
        return TorchBuild("", "")
    text = ""
    with contextlib.suppress(OSError):
        origin = spec.origin if spec is not None else None
        text = Path(origin).with_name("version.py").read_text(encoding="utf-8") if origin else ""
    found = _CUDA.search(text)
    return TorchBuild(version, found.group(1) if found else "")


def device_slot(wish: str) -> str:
    """The device that a run with this wish will compute on: one run at a time belongs on it.

    `auto` follows `engine.devices.choose_device` as far as that can be known without torch.
    """
    if wish == "auto":
        wish = "cuda" if has_cuda() else "mps" if (sys.platform, platform.machine()) == ("darwin", "arm64") else "cpu"
    return "cuda:0" if wish == "cuda" else wish


def has_cuda() -> bool:
    """Whether torch would find a CUDA device."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return bool(torch_build().cuda) and not hidden and any(Path("/dev").glob("nvidia[0-9]*"))
