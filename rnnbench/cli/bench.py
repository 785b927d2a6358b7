"""bench: how fast training is on this machine, beside a tutorial's loop and what the machine could do."""

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnbench.cli import output
from rnnbench.errors import UsageError
from rnnbench.visible import visible

if TYPE_CHECKING:
    import torch

    from rnnbench.engine.speed import Case, Measured

_HEADER = ["case", "implementation", "tokens/s", "of limit", "x plain", "MB"]
_BUSY = 0.5  # cores that others keep busy, from which on the figures mean less


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    case: Annotated[
        list[str] | None, typer.Option(help="Only this case, such as lstm-256-v28; may be given several times.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, max=1024, help="CPU threads; 0: one for each core, four at most.")] = 0,
    rounds: Annotated[int, typer.Option(min=5, max=1000, help="Turns that the medians are of.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Measure training steps: ours, a tutorial's plain loop, and the limit that the machine's matrix product sets."""
    import torch

    from rnnbench.engine import devices, speed
    from rnnbench.engine.threads import busy_cores

    chosen = _chosen(case or [], speed.CASES)
    place = devices.choose_device(device)
    busy = busy_cores()
    torch.set_num_threads(threads or min(devices.usable_cores(), 4))
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    speed.wake(place)
    limit = speed.limit_gflops(place)
    machine = _machine(place, busy)
    if not json:
        _tell_machine(machine, limit)
    found: list[Measured] = []
    for number, item in enumerate(chosen, start=1):
        output.say(f"measuring {item.name} ({number} of {len(chosen)})")
        found += speed.measure(item, place, limit, rounds)
    if json:
        records = [_record(row) for row in found]
        output.json_data({"machine": machine, "limit_gflops": round(limit, 1), "cases": records})
    else:
        output.table(_HEADER, [_row(row) for row in found])
    if busy is not None and busy >= _BUSY:
        output.complain(f"warning: other processes kept {busy:.1f} cores busy: ratios mean little, and speeds less")


def _chosen(names: list[str], known: tuple["Case", ...]) -> list["Case"]:
    """The cases of these names, all without any. Raises UsageError for a name that there is not."""
    cases = {case.name: case for case in known}
    wrong = [name for name in names if name not in cases]
    if wrong:
        raise UsageError(f"no case {visible(wrong[0])}", f"there are {', '.join(cases)}")
    return [cases[name] for name in dict.fromkeys(names)] or list(known)


def _machine(device: "torch.device", busy: float | None) -> dict[str, Any]:
    import torch

    from rnnbench.engine import devices
    from rnnbench.runs.machine import cpu_model

    return {
        "processor": cpu_model(),
        "device": devices.describe_device(device),
        "threads": torch.get_num_threads(),
        "usable_cores": devices.usable_cores(),
        "busy_cores": None if busy is None else round(busy, 2),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _tell_machine(machine: dict[str, Any], limit: float) -> None:
    output.data(f"processor  {visible(machine['processor'])}")
    threads, count = machine["threads"], machine["usable_cores"]
    cores = f"{threads} {'thread' if threads == 1 else 'threads'} on {count} {'core' if count == 1 else 'cores'}"
    output.data(f"device     {visible(machine['device'])}, {cores}, torch {machine['torch']}")
    output.data(f"limit      {limit:,.0f} GFLOP/s, the machine's own matrix product")
    output.data("")


def _record(row: "Measured") -> dict[str, Any]:
    rounded = {"tokens_per_second": 1, "fraction_of_limit": 4, "ratio_to_plain_loop": 3, "peak_memory_mb": 1}
    values = asdict(row)
    return values | {key: round(values[key], digits) for key, digits in rounded.items() if values[key] is not None}


def _row(row: "Measured") -> list[str]:
    memory = "" if row.peak_memory_mb is None else f"{row.peak_memory_mb:,.0f}"
    share = f"{row.fraction_of_limit * 100:.0f}%"
    ratio = f"{row.ratio_to_plain_loop:.2f}"
    return [row.name, row.implementation, f"{row.tokens_per_second:,.0f}", share, ratio, memory]
