"""doctor: what this machine has, and what to do about what is missing."""

import contextlib
import locale
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from rnnbench import __version__
from rnnbench.cli import output
from rnnbench.errors import RnnbenchError
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_PACKAGES = ("torch", "textual", "jieba", "rjieba", "tokenizers", "opencc", "psutil", "nvidia-ml-py")
_FEW_COLUMNS, _FEW_ROWS = 80, 24
_LITTLE_SPACE = 1 << 30
_GIGABYTE = 1e9
_TEXTS = 120


@dataclass(frozen=True)
class Compute:
    """What a run can compute on. The devices are named as --device takes them, with the GPU's name behind."""

    processor: str
    cores: int
    usable_cores: int
    omp_threads: str
    memory_bytes: int
    devices: tuple[str, ...]
    automatic_device: str
    gpu_driver: str


@dataclass(frozen=True)
class Terminal:
    """What the workbench is drawn on."""

    is_terminal: bool
    columns: int
    rows: int
    term: str
    colorterm: str
    colours: str
    encoding: str
    multiplexer: str
    clipboard: str
    over_ssh: bool


@dataclass(frozen=True)
class Place:
    """A folder that is written to; free bytes of its disk, None when that cannot be told."""

    name: str
    path: str
    is_writable: bool
    free_bytes: int | None


@dataclass(frozen=True)
class Report:
    """Everything, with warnings that say what to do."""

    compute: Compute
    terminal: Terminal
    places: tuple[Place, ...]
    versions: dict[str, str | None]
    chinese_words: str
    warnings: tuple[str, ...] = ()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False
) -> None:
    """What this machine has: devices, threads, terminal, clipboard, folders, versions; and what is missing."""
    report = examine(context.obj)
    if json:
        output.json_data(asdict(report))
        return
    for line in lines(report):
        output.data(visible(line))


def examine(workspace: Workspace) -> Report:
    """Look at everything. Loads torch, which takes seconds."""
    versions: dict[str, str | None] = {"rnnbench": __version__, "python": platform.python_version()}
    versions |= {name: _version(name) for name in _PACKAGES}
    chinese = "rjieba" if versions["rjieba"] else "jieba" if versions["jieba"] else "none"
    places = tuple(_place(name, path) for name, path in _folders(workspace))
    compute, terminal = _compute(), _terminal()
    warnings = [*_compute_warnings(compute), *_terminal_warnings(terminal), *_place_warnings(places)]
    warnings += _settings_warnings()
    if chinese == "jieba":
        warnings.append("Chinese words are cut by jieba; `pip install rnnbench[jieba]` brings one 25 times as fast")
    return Report(compute, terminal, places, versions, chinese, tuple(warnings))


def _version(package: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def _compute() -> Compute:
    from rnnbench.runs.gpus import GpuReader
    from rnnbench.runs.machine import cpu_model, read_memory

    reader = GpuReader()
    found = reader.read()
    reader.close()
    devices, automatic, usable = _devices()
    return Compute(
        processor=cpu_model(),
        cores=os.cpu_count() or 1,
        usable_cores=usable,
        omp_threads=os.environ.get("OMP_NUM_THREADS", ""),
        memory_bytes=read_memory().total,
        devices=devices,
        automatic_device=automatic,
        gpu_driver=found.reason or ", ".join(gpu.name for gpu in found.gpus),
    )


def _devices() -> tuple[tuple[str, ...], str, int]:
    """The devices that torch has, the one that `auto` takes, and the cores that may be used."""
    try:
        import torch

        from rnnbench.engine import devices
    except (ImportError, OSError) as error:  # a build for another machine
        return (), f"torch cannot be loaded: {error}", os.cpu_count() or 1
    found = ["cpu"]
    found += [devices.describe_device(torch.device("cuda", index)) for index in range(torch.cuda.device_count())]
    found += ["mps"] if torch.backends.mps.is_available() else []
    return tuple(found), str(devices.choose_device("auto")), devices.usable_cores()


def _terminal() -> Terminal:
    from rich.console import Console

    size = shutil.get_terminal_size(fallback=(0, 0))
    colours = {"truecolor": "16 million", "256": "256", "standard": "16", "windows": "16"}
    system = Console(force_terminal=True).color_system if output.is_terminal() else None
    return Terminal(
        is_terminal=output.is_terminal(),
        columns=size.columns,
        rows=size.lines,
        term=os.environ.get("TERM", ""),
        colorterm=os.environ.get("COLORTERM", ""),
        colours=colours.get(system or "", "none"),
        encoding=locale.getencoding(),
        multiplexer=_multiplexer(),
        clipboard=_clipboard(),
        over_ssh="SSH_CONNECTION" in os.environ,
    )


def _multiplexer() -> str:
    return "tmux" if os.environ.get("TMUX") else "screen" if os.environ.get("STY") else ""


def _clipboard() -> str:
    """How copied text reaches the clipboard: the first way that the workbench tries."""
    if os.environ.get("TMUX") and shutil.which("tmux"):
        return "tmux load-buffer, then OSC 52"
    return "OSC 52" if output.is_terminal() else "none"


def _folders(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    from platformdirs import user_cache_path, user_config_path, user_state_path

    yield "workspace", workspace.root
    yield "runs", workspace.runs
    yield "settings", user_config_path("rnnbench")
    yield "state", user_state_path("rnnbench")
    yield "cache", user_cache_path("rnnbench")
    yield "temporary", Path(tempfile.gettempdir())


def _place(name: str, path: Path) -> Place:
    """Whether a folder can be written to, or could be made; nothing is written."""
    existing = path
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    free = None
    with contextlib.suppress(OSError, RnnbenchError):
        free = shutil.disk_usage(existing).free
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return Place(name, str(path), writable, free)


def _compute_warnings(compute: Compute) -> Iterator[str]:
    if not compute.devices:
        yield f"{compute.automatic_device}; install torch for this machine"
    if compute.usable_cores < compute.cores:
        yield f"only {compute.usable_cores} of {compute.cores} cores may be used here (taskset, a container or a queue)"
    if compute.omp_threads.isdecimal() and 0 < int(compute.omp_threads) < compute.usable_cores:
        yield f"OMP_NUM_THREADS={compute.omp_threads} limits torch's threads; unset it, or give --threads"
    drives = bool(compute.gpu_driver) and not compute.gpu_driver.startswith(("no ", "nvidia-ml-py"))
    if drives and not any(device.startswith("cuda") for device in compute.devices):
        yield f"there is a GPU ({compute.gpu_driver}), but this torch does not use it: install one built for CUDA"


def _terminal_warnings(terminal: Terminal) -> Iterator[str]:
    if not terminal.is_terminal:
        yield "stdout is no terminal: the workbench cannot be opened here; train with --headless"
        return
    if terminal.columns < _FEW_COLUMNS or terminal.rows < _FEW_ROWS:
        yield f"the terminal has {terminal.columns}x{terminal.rows}; the workbench wants {_FEW_COLUMNS}x{_FEW_ROWS}"
    if "utf" not in terminal.encoding.lower():
        yield f"the encoding is {terminal.encoding}: set LANG=C.UTF-8 or another with UTF-8, or open with --ascii"
    if terminal.colours in ("16", "none") and "NO_COLOR" not in os.environ:
        yield f"TERM={terminal.term or 'is not set'} tells of few colours: try TERM=xterm-256color"
    if terminal.over_ssh and not terminal.multiplexer and not shutil.which("tmux"):
        yield "over SSH tmux helps to copy text and to come back; runs go on without it"


def _settings_warnings() -> Iterator[str]:
    """What is wrong with the settings of the workbench, all of it: there it has one line."""
    from rnnbench.tui.settings_file import Asked, resolve

    preferences = resolve(Asked())
    yield from preferences.problems
    if preferences.keys:
        from rnnbench.tui.actions import read_key_map  # loads the interface

        yield from read_key_map(preferences.keys).problems


def _place_warnings(places: tuple[Place, ...]) -> Iterator[str]:
    for place in places:
        if not place.is_writable:
            hint = "choose another --workspace" if place.name in ("workspace", "runs") else "see to its rights"
            yield f"{place.name} {place.path} cannot be written to; {hint}"
        elif place.free_bytes is not None and place.free_bytes < _LITTLE_SPACE and place.name in ("runs", "temporary"):
            yield f"only {place.free_bytes / _GIGABYTE:.2f} GB are free at {place.path}: free some space"


def lines(report: Report) -> Iterator[str]:
    """The report for a person."""
    compute, terminal = report.compute, report.terminal
    versions = report.versions
    yield _line("rnnbench", f"{versions['rnnbench']}, python {versions['python']} on {platform.platform()}")
    yield _line("processor", f"{compute.processor}, {compute.usable_cores} of {compute.cores} cores usable")
    yield _line("memory", f"{compute.memory_bytes / _GIGABYTE:.1f} GB")
    limit = f", at most {compute.omp_threads} (OMP_NUM_THREADS)" if compute.omp_threads else ""
    yield _line("threads", f"found by a short trial{limit}")
    yield _line("devices", f"{', '.join(compute.devices) or 'none'}; auto is {compute.automatic_device}")
    yield _line("GPU driver", compute.gpu_driver)
    yield from _terminal_lines(terminal)
    for place in report.places:
        free = f", {place.free_bytes / _GIGABYTE:.1f} GB free" if place.free_bytes is not None else ""
        yield _line(place.name, f"{place.path} ({'writable' if place.is_writable else 'NOT writable'}{free})")
    yield _line("packages", ", ".join(f"{name} {versions[name] or 'absent'}" for name in _PACKAGES))
    yield _line("Chinese", f"words are cut by {report.chinese_words}")
    for warning in report.warnings:
        yield _line("WARNING", warning)
    if not report.warnings:
        yield "nothing is missing"


def _terminal_lines(terminal: Terminal) -> Iterator[str]:
    if terminal.is_terminal:
        colour = f"{terminal.colours} colours (TERM={terminal.term or '-'}, COLORTERM={terminal.colorterm or '-'})"
        yield _line("terminal", f"{terminal.columns}x{terminal.rows}, {colour}, {terminal.encoding}")
    else:
        yield _line("terminal", "stdout is none")
    yield _line("multiplexer", terminal.multiplexer or "none")
    yield _line("clipboard", terminal.clipboard)


def _line(label: str, text: Any) -> str:
    return f"{label:<12} {visible(str(text))}"
