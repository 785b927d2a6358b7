"""The screen of the machine: lines made from a state, and the screen that shows them."""

from dataclasses import replace

from rnnbench.runs.gpus import Gpu, GpuReport
from rnnbench.runs.machine import Disk, MachineState, Memory, Processors, RunUsage
from rnnbench.tui.machine_lines import machine_lines, meter, sparkline, title_line
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.screens import machine as machine_screen

GPU = Gpu(0, "NVIDIA H200", 0.5, 30 << 30, 139 << 30, 61, 412.0, False, ((77, 1 << 30),))
RUN = RunUsage("r", 77, "box", "cuda:0 (NVIDIA H200)", 12345.0, 3661.0, 1.25, 700_000_000, 4, 1 << 30)


def state(**changes):
    """A machine with two cores, and what else is given."""
    values = {
        "host": "box",
        "system": "Linux x86_64",
        "processors": Processors("Some CPU @ 2 GHz", 8, (0.5, 1.0), (1.5, 1.0, 0.5)),
        "memory": Memory(4_000_000_000, 16_000_000_000, 0, 0),
        "disk": Disk(50_000_000_000, 2_000_000_000, 10_000_000),
        "gpus": GpuReport(reason="no NVIDIA driver"),
        "runs": (),
    }
    return MachineState(**(values | changes))


def text(given, width=78, busy=(0.0, 0.5, 1.0)):
    """The lines as plain text."""
    return "\n".join(line.plain.rstrip() for line in machine_lines(given, busy, width))


def test_every_line_of_a_plain_machine():
    """Cores, load, the last minute, memory, disk, no GPU and no run, on 78 columns."""
    assert (
        text(state())
        == """\
CPU     Some CPU @ 2 GHz  2 of 8 cores  load 1.50 1.00 0.50
          0 ████░░░░ 50%    1 ████████ 100%
          75%  in the last minute  ▄█

Memory    25%  █████░░░░░░░░░░░░░░░  4 GB of 16 GB
Disk    50 GB free where the runs are   the runs take 2 GB
        room for 5,000 checkpoints of 10 MB

GPU     no NVIDIA driver

No run is being trained."""
    )


def test_a_gpu_and_a_run_on_it():
    """Utilisation, heat, power and memory; what the run takes, and the time it still needs."""
    told = text(state(gpus=GpuReport((GPU,)), runs=(RUN,)), width=118)
    assert "GPU 0   NVIDIA H200\n" in told
    assert "50%  ██████████░░░░░░░░░░  61 °C  412 W" in told and "32.2 GB of 149 GB" in told
    row = next(line for line in told.splitlines() if line.startswith("r "))
    assert row.split() == [
        "r",
        "77",
        "125%",
        "700",
        "MB",
        "4",
        "1.07",
        "GB",
        "12,345",
        "1",
        "h",
        "01",
        "min",
        "cuda:0",
        "(NVIDIA",
        "H200)",
    ]


def test_what_is_not_known_is_said_to_be_so():
    """A MIG slice has no utilisation; a run on another machine shows that machine for its process."""
    mig = Gpu(0, "H200", None, None, None, None, None, True, ())
    away = RunUsage("r", 5, "other-box", "", None, None, None, None, None, None)
    told = text(state(gpus=GpuReport((mig,)), runs=(away,)))
    assert "H200  MIG" in told and "n/a" in told and "0%  ░" not in told
    assert next(line for line in told.splitlines() if line.startswith("r ")).split() == [
        "r",
        "other-…",
        "n/a",
        "n/a",
        "n/a",
        "-",
        "-",
    ]


def test_the_device_of_a_run_is_told_at_80_columns():
    """In short beside its process; whole where there is room; without a GPU no column is kept for one."""
    long = replace(RUN, name="a-run-with-a-rather-long-name")
    for width, device in ((78, "cuda:0"), (118, "cuda:0 (NVIDIA H200)")):
        rows = text(state(runs=(long,)), width=width).splitlines()[-2:]
        assert rows[0].endswith("device") and rows[1].endswith(device) and max(map(len, rows)) <= width
    on_cpu = text(state(runs=(replace(long, device="cpu", gpu_memory=None),))).splitlines()[-2:]
    assert "GPU" not in on_cpu[0] and on_cpu[1].endswith("cpu") and "a-run-with-a-rathe" in on_cpu[1]


def test_many_cores_and_narrow_screens():
    """A hundred cores are columns of one character, and no line is wider than the screen but by its end."""
    many = state(processors=Processors("CPU", 256, tuple(index / 255 for index in range(256)), None))
    rows = text(many).splitlines()
    assert len(rows) < 16 and sum(row.count("█") for row in rows[1:5]) > 10
    for width in (20, 40, 60, 80, 200):
        assert len(machine_lines(state(gpus=GpuReport((GPU,)), runs=(RUN,)), (0.5,), width)) >= 11


def test_pictures_of_shares():
    """From 0 to 1, whatever is given."""
    assert sparkline([0, 0.5, 1, 2, -1], 10) == " ▄██ " and sparkline([0, 1, 1], 2) == "██"
    assert meter(0.5, 4) == "██░░" and meter(7, 3) == "███" and meter(-1, 3) == "░░░"


def test_hostile_names_are_shown_and_not_obeyed():
    """The host in a lock's note, the name of a GPU or of a processor: control characters become pictures."""
    odd = "a\x1b[2J\x9b31m[bold]"
    gpu = Gpu(0, odd, 0.5, 1, 2, 3, 4.0, False, ())
    run = RunUsage("r", 5, odd, odd, None, None, None, None, None, None)
    given = state(host=odd, processors=Processors(odd, 2, (0.1,), None), gpus=GpuReport((gpu,)), runs=(run,))
    told = text(given, width=200) + title_line(given)
    assert not any((ord(sign) < 32 and sign != "\n") or 127 <= ord(sign) < 160 for sign in told)
    assert "[bold]" in told and "␛" in told
    assert "\x1b" not in text(state(gpus=GpuReport(reason=odd)))


async def test_the_screen_looks_while_it_is_open(bench, make_run, script, monkeypatch):
    """`y` opens it, a run that is trained is on it with its process, esc leaves, and the looking ends."""
    monkeypatch.setattr(machine_screen, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(machine_screen, "_FIRST_SECONDS", 0.01)
    run = make_run("busy", script.started(), script.step(7))
    with script.training(run):
        async with bench(script.NARROW) as it:
            await it.keys("y")
            await it.see("CPU", "Memory", "Disk", "GPU", "busy", "4,321", "torch")
            assert "Back" in script.widget_text(it.app.screen.query_one(KeyLine))
            looker = it.app.screen._looker
            await it.keys("m")
            await it.see("the runs take")
            await it.keys("escape")
            await it.until(lambda: it.app.screen is it.screen)
            assert looker._closed
