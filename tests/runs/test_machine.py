"""What is told of the machine and of the processes that train; whatever cannot be known is left open."""

import json
import os
import socket
import sys
from types import ModuleType, SimpleNamespace

import pytest

from rnnbench.runs import gpus, machine
from rnnbench.runs.events import CheckpointSaved, RunStarted, StepDone
from rnnbench.runs.gpus import GpuReader, device_slot, torch_build
from rnnbench.runs.log import EventWriter
from rnnbench.runs.machine import Disk, History, Machine, read_memory, read_note
from rnnbench.runs.store import RunStore


@pytest.fixture
def run(workspace, make_config):
    """A run in the workspace."""
    return RunStore(workspace).create("one", make_config())


def write(run, *events):
    """Append to the run's log as its trainer does."""
    log = EventWriter(run.events_file)
    for event in events:
        log.append(event)
    log.close()


# -- the machine -------------------------------------------------------------------------------------------------------


def test_processors_memory_and_disk_are_plausible(workspace):
    """Shares between 0 and 1 for each usable core, no more memory used than there is, and something free."""
    looker = Machine(RunStore(workspace))
    (workspace.runs / "file").write_bytes(b"x" * 1000)
    state = looker.look(count_bytes=True)
    looker.close()
    assert 1 <= len(state.processors.busy) <= state.processors.cores
    assert all(0.0 <= share <= 1.0 for share in state.processors.busy)
    assert 0 < state.memory.used <= state.memory.total
    assert state.disk.free > 0 and state.disk.runs == 1000 and state.disk.checkpoints_left is None
    assert state.host == socket.gethostname() and state.runs == ()


def test_a_container_has_the_memory_that_it_may_use(tmp_path, monkeypatch):
    """The limit of its control group counts, where it is less than the machine has; `max` is no limit."""
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    whole = read_memory()
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("250000\n")
    assert (read_memory().used, read_memory().total) == (250000, 1000000)
    (tmp_path / "memory.max").write_text("max\n")
    assert read_memory().total == whole.total


def test_checkpoints_that_still_fit():
    """Free bytes by the size of one."""
    assert Disk(free=1000, runs=None, checkpoint=300).checkpoints_left == 3


def test_history_is_a_minute_long():
    """Whatever the time between the looks, older values are forgotten."""
    now = [0.0]
    history = History(60.0, clock=lambda: now[0])
    for second in (0.0, 30.0, 59.0, 61.0):
        now[0] = second
        history.add(second / 100)
    assert history.values == [0.3, 0.59, 0.61]


# -- runs --------------------------------------------------------------------------------------------------------------


def test_a_run_in_training_shows_what_its_process_takes(run, workspace, held_elsewhere, make_event):
    """Process id, memory and threads of the process that holds the lock; speed, device and time left of its log."""
    looker = Machine(RunStore(workspace))
    write(run, make_event(RunStarted, device="cpu", planned_steps=10, planned_seconds=None))
    with held_elsewhere(run.folder) as pid:
        write(run, make_event(StepDone, step=5, tokens_per_second=77.0, elapsed_seconds=9.0, losses_nats=(1.0,)))
        write(run, make_event(CheckpointSaved, step=5, bytes=1 << 20))
        looker.look()
        state = looker.look()
        (usage,) = state.runs
        write(run, make_event(StepDone, step=6, tokens_per_second=78.0, elapsed_seconds=9.5, losses_nats=(1.0,)))
        (later,) = looker.look().runs
    assert (usage.name, usage.pid, usage.host) == ("one", pid, socket.gethostname())
    assert usage.memory > 1 << 20 and usage.threads >= 1 and usage.cpu >= 0.0
    assert (usage.device, usage.tokens_per_second, usage.seconds_left) == ("cpu", 77.0, 9.0)
    assert state.disk.checkpoint == 1 << 20
    assert later.tokens_per_second == 78.0, "the log is read on"
    assert looker.look().runs == (), "a run that has ended is not shown"


@pytest.mark.parametrize(
    "note",
    [
        "", "{", "[]", "null", '{"pid": "1", "host": "h"}', '{"pid": -1, "host": "h"}', '{"pid": 0, "host": "h"}',
        '{"pid": true, "host": "h"}', '{"pid": 1e400, "host": "h"}', '{"pid": 99999999999999999999, "host": "h"}',
        '{"pid": 12, "host": 3}', '{"pid": 12}', "[" * 3000, " " * 5000,
    ],
)  # fmt: skip
def test_a_note_that_cannot_be_one_says_nothing(run, note):
    """Whatever stands in a lock, no process is looked for that it does not name plainly."""
    run.lock_file.write_text(note)
    assert read_note(run) is None


@pytest.mark.parametrize("host", ["elsewhere", None])
def test_processes_of_another_machine_or_of_nobody_are_not_looked_at(run, workspace, host):
    """A process id means nothing on another host, and one that has gone is n/a."""
    gone = os.spawnl(os.P_NOWAIT, sys.executable, sys.executable, "-S", "-c", "")
    os.waitpid(gone, 0)
    pid = gone if host is None else os.getpid()
    looker = Machine(RunStore(workspace))
    with run.locked():
        run.lock_file.write_text(json.dumps({"pid": pid, "host": host or socket.gethostname(), "since": 0}))
        (usage,) = looker.look().runs
    assert (usage.pid, usage.cpu, usage.memory, usage.threads) == (pid, None, None, None)


def test_a_run_that_was_started_again_is_read_anew(run, workspace, make_event):
    """Deleted and started again under its name between two looks: nothing of the old log is told."""
    write(run, make_event(RunStarted, device="cuda:0"), make_event(StepDone, tokens_per_second=1000.0))
    looker = Machine(RunStore(workspace))
    with run.locked():
        assert [usage.device for usage in looker.look().runs] == ["cuda:0"]
        run.events_file.unlink()
        write(run, make_event(RunStarted, device="cpu"), *[make_event(StepDone, tokens_per_second=5.0)] * 9)
        (usage,) = looker.look().runs
    assert (usage.device, usage.tokens_per_second) == ("cpu", 5.0)


# -- GPUs --------------------------------------------------------------------------------------------------------------


class FakeError(Exception):
    """In place of pynvml.NVMLError."""


def fake_nvml(**answers):
    """A driver with one GPU; an answer that is not given is an error, as of a field that a card does not have."""

    def refuse(*_):
        raise FakeError("not supported")

    module = ModuleType("pynvml")
    module.NVMLError, module.NVML_TEMPERATURE_GPU = FakeError, 0
    asked = (
        "Init", "Shutdown", "DeviceGetCount", "DeviceGetHandleByIndex", "DeviceGetUtilizationRates", "DeviceGetMemoryInfo",
        "DeviceGetPowerUsage", "DeviceGetMigMode", "DeviceGetComputeRunningProcesses", "DeviceGetName",
        "DeviceGetTemperature",
    )  # fmt: skip
    for name in asked:
        answer = answers.get(name)
        setattr(module, f"nvml{name}", (lambda *_, answer=answer: answer) if name in answers else refuse)
    return module


WHOLE = {
    "Init": None, "Shutdown": None, "DeviceGetCount": 1, "DeviceGetHandleByIndex": "handle",
    "DeviceGetUtilizationRates": SimpleNamespace(gpu=42), "DeviceGetPowerUsage": 123_400, "DeviceGetMigMode": [0, 0],
    "DeviceGetMemoryInfo": SimpleNamespace(used=3, total=10), "DeviceGetName": b"H200", "DeviceGetTemperature": 55,
    "DeviceGetComputeRunningProcesses": [SimpleNamespace(pid=7, usedGpuMemory=2), SimpleNamespace(pid=8, usedGpuMemory=None)],
}  # fmt: skip


def read_with(monkeypatch, module):
    """What the reader says with this driver."""
    monkeypatch.setitem(sys.modules, "pynvml", module)
    reader = GpuReader()
    report = reader.read()
    reader.close()
    return report


def test_a_gpu_is_told_in_units(monkeypatch):
    """Shares, bytes, degrees and watts, and which process holds how much."""
    (gpu,) = read_with(monkeypatch, fake_nvml(**WHOLE)).gpus
    assert (gpu.name, gpu.utilisation, gpu.watts, gpu.temperature, gpu.is_mig) == ("H200", 0.42, 123.4, 55, False)
    assert (gpu.memory_used, gpu.memory_total, gpu.processes) == (3, 10, ((7, 2), (8, None)))


def test_what_a_driver_does_not_tell_is_left_open(monkeypatch):
    """A MIG slice has no utilisation, which is not the same as none being used."""
    few = {
        name: WHOLE[name] for name in ("Init", "Shutdown", "DeviceGetCount", "DeviceGetHandleByIndex", "DeviceGetName")
    }
    (gpu,) = read_with(monkeypatch, fake_nvml(**few, DeviceGetMigMode=[1, 1])).gpus
    assert gpu.is_mig
    assert (gpu.utilisation, gpu.memory_used, gpu.temperature, gpu.watts, gpu.processes) == (None, None, None, None, ())


def test_no_library_and_no_driver_are_normal(monkeypatch):
    """Each is a reason in words, not an error."""
    assert read_with(monkeypatch, None).reason == gpus.NO_LIBRARY
    report = read_with(monkeypatch, fake_nvml())
    assert report.gpus == () and report.reason == "no NVIDIA driver (not supported)"


def test_torch_is_described_without_being_imported(other_process):
    """Its version is that of the installed files, and a process that asks has not loaded it."""
    import torch

    assert torch_build().version == torch.__version__ and torch_build().cuda == (torch.version.cuda or "")
    code = (
        "import sys; from rnnbench.runs import machine; from rnnbench.runs.gpus import torch_build\n"
        "print(torch_build().version, 'torch' in sys.modules, flush=True)"
    )
    assert other_process(code).stdout.read() == f"{torch.__version__} False\n"


@pytest.mark.parametrize(
    ("wish", "cuda", "slot"),
    [("cpu", True, "cpu"), ("auto", True, "cuda:0"), ("cuda", False, "cuda:0"), ("cuda:3", False, "cuda:3")],
)
def test_each_wish_belongs_to_one_device(monkeypatch, wish, cuda, slot):
    """`cuda` is the first GPU, and so is `auto` where there is one."""
    monkeypatch.setattr(gpus, "has_cuda", lambda: cuda)
    assert device_slot(wish) == slot
