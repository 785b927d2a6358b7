"""The state of the machine as lines of text; pure functions, so that a test can read them."""

from collections.abc import Iterator, Sequence

from textual.content import Content

from rnnbench.runs.gpus import Gpu, GpuReport, torch_build
from rnnbench.runs.machine import Disk, MachineState, Memory, Processors, RunUsage
from rnnbench.runs.narration import duration
from rnnbench.tui.cells import cell_len, cut, flow, padded, size_text
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible

_LEVELS = " ▁▂▃▄▅▆▇█"
_FULL, _EMPTY = "█", "░"
_LABEL, _INDENT = 8, "  "
_BAR, _CORE = 20, 18
_MOST_CORE_ROWS = 8
_NAME = 40
_HOT, _FULLNESS = 0.9, 0.9
_UNKNOWN = "n/a"


def machine_lines(state: MachineState, busy: Sequence[float], width: int) -> list[Content]:
    """Everything about a machine, for a terminal of that width; `busy` are the last looks at the processors."""
    return [
        *_processor_lines(state.processors, busy, width),
        Content(""),
        *_memory_lines(state.memory),
        *_disk_lines(state.disk, width),
        Content(""),
        *_gpu_lines(state.gpus, width),
        Content(""),
        *_run_lines(state.runs, state.host, width),
    ]


def title_line(state: MachineState) -> str:
    """The machine by name, and the torch that trains on it."""
    build = torch_build()
    kind = tr("built for CUDA {version}", version=build.cuda) if build.cuda else tr("built without CUDA")
    torch = f"torch {visible(build.version)}, {kind}" if build.version else tr("torch is not installed")
    return f"{visible(state.host, limit=_NAME)}  {visible(state.system, limit=_NAME)}  {torch}"


def sparkline(values: Sequence[float], width: int) -> str:
    """Shares from 0 to 1 as columns, the last at the right."""
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[round(min(max(value, 0.0), 1.0) * top)] for value in values[-width:])


def meter(share: float, width: int) -> str:
    """A share from 0 to 1 as a bar."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return _FULL * full + _EMPTY * (width - full)


def _label(text: str) -> tuple[str, str]:
    return padded(text, _LABEL), "bold"


def _metered(share: float, width: int) -> tuple[str, str]:
    return meter(share, width), "$text-warning" if share >= _FULLNESS else "$text-success"


def _processor_lines(now: Processors, busy: Sequence[float], width: int) -> Iterator[Content]:
    count = len(now.busy)
    cores = tr("{count} cores", count=count) if count == now.cores else tr(
        "{count} of {all} cores", count=count, all=now.cores
    )  # fmt: skip
    load = "  " + tr("load {load}", load=" ".join(f"{value:.2f}" for value in now.load)) if now.load else ""
    room = max(width - _LABEL - len(cores) - len(load) - 2, 8)
    yield Content.assemble(_label("CPU"), cut(visible(now.model), room), f"  {cores}{load}")
    yield from _core_lines(now.busy, width)
    words = tr("in the last minute")
    spark = sparkline(busy, max(width - _LABEL - 10 - cell_len(words), 10))
    yield Content.assemble(" " * _LABEL, f"{now.mean:5.0%}  ", (words, "dim"), " ", (spark, "$text-success"))


def _core_lines(busy: Sequence[float], width: int) -> Iterator[Content]:
    """A bar for each core; where there are too many, a column of one character for each."""
    beside = max((width - _LABEL) // _CORE, 1)
    if len(busy) > beside * _MOST_CORE_ROWS:
        room = max(width - _LABEL, 10)
        for start in range(0, len(busy), room):
            yield Content.assemble(" " * _LABEL, (sparkline(busy[start : start + room], room), "$text-success"))
        return
    for start in range(0, len(busy), beside):
        parts: list[str | tuple[str, str]] = [" " * _LABEL]
        for number, share in enumerate(busy[start : start + beside], start):
            parts += [f"{number:>3} ", _metered(share, _CORE - 10), f" {share:3.0%}".ljust(6)]
        yield Content.assemble(*parts)


def _memory_lines(memory: Memory) -> Iterator[Content]:
    yield _memory_line(tr("Memory"), memory.used, memory.total)
    if memory.swap_total:
        yield _memory_line(tr("Swap"), memory.swap_used, memory.swap_total)


def _memory_line(name: str, used: int, total: int) -> Content:
    share = used / total if total else 0.0
    words = tr("{used} of {total}", used=size_text(used), total=size_text(total))
    return Content.assemble(_label(name), f"{share:5.0%}  ", _metered(share, _BAR), f"  {words}")


def _disk_lines(disk: Disk, width: int) -> Iterator[Content]:
    parts = [tr("{size} free where the runs are", size=size_text(disk.free))]
    if disk.runs is not None:
        parts.append(tr("the runs take {size}", size=size_text(disk.runs)))
    if disk.checkpoint and disk.checkpoints_left is not None:
        room = f"{disk.checkpoints_left:,}"
        parts.append(tr("room for {count} checkpoints of {size}", count=room, size=size_text(disk.checkpoint)))
    for number, texts in enumerate(flow(parts, width - _LABEL)):
        yield Content.assemble(_label("" if number else tr("Disk")), "   ".join(texts))


def _gpu_lines(report: GpuReport, width: int) -> Iterator[Content]:
    if not report.gpus:
        yield Content.assemble(_label("GPU"), (cut(visible(report.reason), max(width - _LABEL, 10)), "dim"))
    for gpu in report.gpus:
        yield from _gpu(gpu)


def _gpu(gpu: Gpu) -> Iterator[Content]:
    mig = "  MIG" if gpu.is_mig else ""
    yield Content.assemble(_label(f"GPU {gpu.index}"), visible(gpu.name, limit=_NAME), mig)
    if gpu.utilisation is None:
        busy: list[str | tuple[str, str]] = [padded(_UNKNOWN, 7 + _BAR)]
    else:
        busy = [f"{gpu.utilisation:5.0%}  ", _metered(gpu.utilisation, _BAR)]
    heat = _UNKNOWN if gpu.temperature is None else f"{gpu.temperature} °C"
    power = _UNKNOWN if gpu.watts is None else f"{gpu.watts:.0f} W"
    yield Content.assemble(" " * _LABEL, *busy, f"  {heat}  {power}")
    if gpu.memory_used is not None and gpu.memory_total:
        yield _memory_line("", gpu.memory_used, gpu.memory_total)


_COLUMNS = (
    ("pid", 7),
    ("CPU", 5),
    (later("memory"), 7),
    (later("threads"), 7),
    ("GPU", 7),
    (later("tokens/s"), 8),
    (later("left"), 12),
)
_GPU_COLUMN = [title for title, _ in _COLUMNS].index("GPU")
_LEAST_NAME, _MOST_NAME = 10, 40


def _run_lines(runs: Sequence[RunUsage], host: str, width: int) -> Iterator[Content]:
    """A line for each run that is trained; its device stands at the end, in short where there is little room."""
    if not runs:
        yield Content.styled(tr("No run is being trained."), "dim")
        return
    on_gpu = any(run.gpu_memory is not None for run in runs)
    shown = [place for place in range(len(_COLUMNS)) if on_gpu or place != _GPU_COLUMN]
    middle = sum(_COLUMNS[place][1] + 1 for place in shown)
    name, device = _ends(runs, width - middle - 1)
    titles = [padded(tr(_COLUMNS[place][0]), _COLUMNS[place][1]) for place in shown]
    first, last = padded(tr("run"), name), cut(tr("device"), device)
    yield Content.styled(" ".join([first, *titles, last]), "bold $text-primary")
    for run in runs:
        texts = _run_texts(run, host)
        cells = [padded(texts[place], _COLUMNS[place][1]) for place in shown]
        yield Content(" ".join([padded(visible(run.name, limit=_NAME), name), *cells, _device(run, device)]))


def _ends(runs: Sequence[RunUsage], room: int) -> tuple[int, int]:
    """Cells of the names and of the devices: a device in short comes before the end of a name, the rest of it after."""
    names = max(*(cell_len(visible(run.name, limit=_NAME)) for run in runs), cell_len(tr("run")))
    short = max(*(cell_len(_in_short(run)) for run in runs), cell_len(tr("device")))
    name = min(names, max(room - short, _LEAST_NAME), _MOST_NAME)
    return name, max(room - name, 0)


def _in_short(run: RunUsage) -> str:
    """cuda:0 of cuda:0 (NVIDIA H200)."""
    return visible(run.device.partition(" (")[0], limit=_NAME)


def _device(run: RunUsage, width: int) -> str:
    whole = visible(run.device, limit=_NAME)
    return cut(whole if cell_len(whole) <= width else _in_short(run), width)


def _run_texts(run: RunUsage, host: str) -> tuple[str, ...]:
    elsewhere = bool(run.host) and run.host != host
    pid = _UNKNOWN if run.pid is None else visible(run.host, limit=_NAME) if elsewhere else str(run.pid)
    return (
        pid,
        _UNKNOWN if run.cpu is None else f"{run.cpu:.0%}",
        _UNKNOWN if run.memory is None else size_text(run.memory),
        _UNKNOWN if run.threads is None else str(run.threads),
        "-" if run.gpu_memory is None else size_text(run.gpu_memory),
        "-" if run.tokens_per_second is None else f"{run.tokens_per_second:,.0f}",
        "-" if run.seconds_left is None else duration(run.seconds_left),
    )
