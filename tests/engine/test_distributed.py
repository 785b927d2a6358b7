"""Several processes train one run: the same losses as one alone, one voice, and no checkpoint lost with a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import torch

from rnnbench.config import as_options
from rnnbench.engine import checkpoints, randomness
from rnnbench.engine.devices import choose_threads
from rnnbench.engine.distributed import Kind, Order, Plan, World, lead, translated
from rnnbench.engine.launch import ALONE, Place, find_place
from rnnbench.engine.tasks.base import Update
from rnnbench.errors import ProcessLostError, UsageError
from rnnbench.runs import jobs
from rnnbench.runs.events import CheckpointSaved, RunResumed, RunStarted, Warned
from rnnbench.runs.log import read_events
from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace

PATIENCE = 150.0  # seconds before a test gives up on other processes; none of them needs a tenth of it
VARIABLES = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


# -- the place of a process: no other process is needed -------------------------------------------------------------


def test_a_process_without_torchrun_is_alone():
    """Only what torchrun sets makes a process one of several; a stray RANK does not."""
    assert (
        find_place({})
        == find_place({"RANK": "3"})
        == find_place({**VARIABLES, "WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"})
        == ALONE
    )
    assert find_place({**VARIABLES, "LOCAL_WORLD_SIZE": "2"}) == Place(1, 4, 1, 2)
    assert ALONE.leads and not find_place({**VARIABLES, "LOCAL_WORLD_SIZE": "2"}).leads


@pytest.mark.parametrize("changed", [{"RANK": "one"}, {"RANK": "4"}, {"LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "2"}])
def test_a_place_that_cannot_be_is_refused(changed):
    """Variables that contradict each other are an error that names torchrun, not a wait without end."""
    with pytest.raises(UsageError, match="torchrun"):
        find_place(VARIABLES | changed)


def test_lanes_are_cut_without_rest():
    """Every lane of a batch belongs to exactly one process, in order."""
    lanes = [lane for rank in range(4) for lane in range(12)[Place(rank, 4, 0, 4).lanes(12)]]
    assert lanes == list(range(12)) and ALONE.lanes(5) == slice(0, 5)


@pytest.mark.parametrize(
    ("tables", "headless", "said"),
    [
        ({"training": {"batch_size": 10}}, True, r"--batch-size 12; fewer processes that fit: 1, 2"),
        ({"training": {"batch_size": 8}}, False, "--headless"),
        ({"training": {"batch_size": 8}, "model": {"task": "seq2seq"}}, True, "seq2seq trains in one process"),
        ({"training": {"batch_size": 8}, "machine": {"device": "cuda:1"}}, True, "--device cuda"),
    ],
    ids=["batch", "workbench", "task", "device"],
)
def test_what_cannot_be_shared_is_refused(make_config, tables, headless, said):
    """A run that these processes cannot train together is refused with what would do; alone it is not."""
    config = make_config(**tables)
    with pytest.raises(UsageError, match=said):
        Place(0, 4, 0, 4).check(config, headless=headless)
    ALONE.check(config, headless=headless)


def test_processes_share_the_cores(make_config):
    """Several processes on a machine do not take more threads than it has cores, and each has at least one."""
    config = make_config(model={"hidden": 1024}, training={"batch_size": 64}, machine={"threads": 0})
    shared = [choose_threads(config, Place(0, size, 0, size)) for size in (2, 1000)]
    assert shared[1] == 1 and shared[0] <= choose_threads(config)


@pytest.mark.parametrize("clip_norm", [None, 0.0, 0.25])
def test_an_order_arrives_as_it_was_given(clip_norm):
    """Numbers survive the way through a tensor: large steps, every rate, no limit and one of zero."""
    order = Order(Kind.STEP, step=2**40 + 1, rate=0.1, clip_norm=clip_norm, code=143)
    assert Order.unpacked(order.packed()) == order


def test_a_plan_arrives_as_it_was_given(make_config):
    """The configuration of rank 0 is that of all."""
    plan = Plan("run", make_config(training={"max_steps": 3, "clip_norm": "off"}), "digest")
    assert Plan.unpacked(plan.packed()) == plan


def test_alone_nothing_is_exchanged():
    """In the world of one process everything is as if there were no others, to the very tensors."""
    update = Update(torch.ones(()), torch.zeros(2), 3)
    with lead(ALONE) as world:
        assert type(world) is World and world.place == ALONE
        assert world.agreed(update) is update
        world.tell(Order(Kind.LEAVE))
        world.tell_step(1, 0.1, None)


def test_random_numbers_differ_between_processes_and_go_on():
    """Each process draws its own numbers, of which a checkpoint remembers this process's."""
    torch.manual_seed(3)
    first = torch.rand(4)
    torch.manual_seed(3)
    randomness.part(3, Place(1, 2, 1, 2))
    remembered = torch.get_rng_state()
    other = torch.rand(4)
    assert not torch.equal(first, other)
    randomness.restore({"random.cpu.1": remembered}, torch.device("cpu"), Place(1, 2, 1, 2))
    assert torch.equal(torch.rand(4), other)


def test_only_a_lost_connection_is_a_lost_process():
    """What torch says of a connection is said for a person; any other error stays what it is."""
    with (
        pytest.raises(ProcessLostError, match=r"lost \(Connection closed by peer\); the last checkpoint was kept"),
        translated(),
    ):
        raise RuntimeError("[/build/gloo/pair.cc:537] Connection closed by peer. Long advice")
    with pytest.raises(RuntimeError, match="shapes"), translated():
        raise RuntimeError("shapes do not fit")


# -- several processes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """What torchrun left."""

    code: int
    out: str
    err: str


class Together:
    """Runs commands in several processes on this machine, over gloo."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.started: list[subprocess.Popen[str]] = []

    def start(self, processes: int, *words: object) -> "subprocess.Popen[str]":
        """torchrun, on a port that is free now."""
        port = _free_port()
        launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
        launcher += ["--master-addr=127.0.0.1", f"--master-port={port}", "-m", "--", "rnnbench"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "RNNBENCH_HOME": str(self.workspace.root)}
        process = subprocess.Popen(
            [sys.executable, *launcher, *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self.started.append(process)
        return process

    def end(self, process: "subprocess.Popen[str]") -> Ended:
        """Wait for the end."""
        out, err = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, out, err)

    def train(self, processes: int, name: str, config) -> Run:
        """A run trained in one go."""
        ended = self.end(self.start(processes, "train", "--headless", "--run", name, *as_options(config)))
        assert ended.code == 0, ended.err
        return self.run(name)

    def run(self, name: str) -> Run:
        """A run of the workspace, existing or not."""
        return RunStore(self.workspace).run(name)

    def wait_for_step(self, run: Run, step: int) -> None:
        """Return when a run's log shows that so many steps were made."""
        waited_until = time.monotonic() + PATIENCE
        while not (run.events_file.exists() and run.progress().step >= step):
            assert time.monotonic() < waited_until, "the run does not get on"
            time.sleep(0.02)


@pytest.fixture
def together(workspace: Workspace) -> Iterator[Together]:
    """Several processes in the test's own workspace; what is still running is ended with the test."""
    found = Together(workspace)
    yield found
    for process in found.started:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            child.kill()
        process.kill()
        process.communicate()


@pytest.fixture
def followers(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[None]]:
    """While a `with` block lasts this process is rank 0 and so many others follow; they have to leave with `code`."""

    @contextmanager
    def follow(count: int, *, code: int = 0) -> Iterator[None]:
        with monkeypatch.context() as patch:
            place = {"WORLD_SIZE": str(count + 1), "LOCAL_WORLD_SIZE": str(count + 1), "MASTER_ADDR": "127.0.0.1"}
            place |= {"MASTER_PORT": str(_free_port()), "RNNBENCH_HOME": str(workspace.root)}
            others = []
            for rank in range(1, count + 1):
                environment = os.environ | place | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                command = [sys.executable, "-m", "rnnbench", "train", "--headless"]
                others.append(subprocess.Popen(command, env=environment))
            for name, value in (place | {"RANK": "0", "LOCAL_RANK": "0"}).items():
                patch.setenv(name, value)
            try:
                yield
                assert [other.wait(PATIENCE) for other in others] == [code] * count
            finally:
                for other in others:
                    other.kill()
                    other.wait()

    return follow


def _free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def of(kind, events):
    """The events of a kind."""
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"training": {"accumulate": 3}},
        {"training": {"batches": "random"}, "model": {"cell": "gru", "layers": 2, "tie_weights": True, "embedding": 8}},
        {"model": {"task": "cloze"}, "training": {"margin": 2}},
    ],
    ids=["sequential", "accumulated", "random", "cloze"],
)
def test_two_processes_train_as_one_does(together, trainings, tiny, tables):
    """Each of 50 recorded losses is within 1e-4 of that of one process with the same whole batch; one run is written."""
    training = {"max_steps": 50, "steps_per_sequence": 64, "learning_rate": 0.01} | tables.get("training", {})
    config = tiny(corpus={"first_characters": 4000}, **tables | {"training": training})
    alone = trainings.whole("alone", config).progress()
    shared = together.train(2, "shared", config)
    progress = shared.progress()
    assert progress.train.steps == alone.train.steps and len(progress.train.steps) == 50
    assert max(abs(a - b) for a, b in zip(progress.train.values, alone.train.values, strict=True)) < 1e-4
    assert progress.best.loss_nats == pytest.approx(alone.best.loss_nats, abs=1e-4)
    assert len(of(RunStarted, read_events(shared.events_file))) == 1
    state = checkpoints.load(checkpoints.choose(shared.checkpoints, "last")).tensors["state"]
    expected = checkpoints.load(checkpoints.choose(RunStore(together.workspace).run("alone").checkpoints, "last"))
    assert torch.allclose(state, expected.tensors["state"], atol=1e-3)


@pytest.mark.slow
def test_three_processes_go_on_bit_by_bit(followers, trainings, tiny, outcome_of, stop_at):
    """A run of three processes with dropout that was stopped and resumed by three is the run that was not stopped."""
    config = tiny(
        corpus={"first_characters": 4000},
        model={"dropout": 0.3, "layers": 2},
        training={"max_steps": 60, "batch_size": 6},
        evaluation={"every_steps": 25, "sample_length": 4},
    )
    with followers(2):
        whole = trainings.whole("whole", config)
    run = trainings.run("pieces", config)
    with followers(2, code=143):
        trainings.go_on(run, stop_at(37))
    assert 0 < run.progress().step < 60
    with followers(2):
        (resumed,) = of(RunResumed, trainings.go_on(run))
    assert resumed.exact
    assert outcome_of(run) == outcome_of(whole)
    alone = outcome_of(trainings.whole("alone", config))
    assert alone.losses != outcome_of(run).losses, "each process drops activations of its own"


@pytest.mark.slow
def test_a_run_begun_from_another_begins_so_in_every_process(followers, trainings, tiny):
    """The weights that a run goes on from are those of all processes, though rank 0 alone has read them."""
    trainings.whole("base", tiny())
    config = tiny(training={"max_steps": 20, "start_from": "base", "seed": 9, "steps_per_sequence": 64})
    with followers(1):
        shared = trainings.whole("shared", config).progress().train.values
    alone = trainings.whole("alone", config).progress().train.values
    assert len(alone) == 20
    assert list(shared) == pytest.approx(list(alone), abs=1e-4)


@pytest.mark.slow
def test_asked_to_stop_all_leave_saved_and_go_on(together, tiny):
    """A request and a signal to torchrun both end the run after a step, saved; in between it is resumed exactly."""
    config = tiny(corpus={"first_characters": 4000}, training={"max_steps": 1_000_000})
    process = together.start(2, "train", "--headless", "--run", "run", *as_options(config))
    run = together.run("run")
    together.wait_for_step(run, 20)
    jobs.ask(run, "stop")
    ended = together.end(process)
    assert ended.code == 1 and ended.err.count("exitcode  : 143") == 2  # torchrun's own code, and those in its report
    stopped = run.progress().step
    assert checkpoints.choose(run.checkpoints, "last").step == stopped and run.state(run.progress()) == "stopped"
    process = together.start(2, "resume", "run", "--headless")
    together.wait_for_step(run, stopped + 20)
    process.terminate()
    assert together.end(process).code != 0
    (resumed,) = of(RunResumed, read_events(run.events_file))
    assert (resumed.step, resumed.exact) == (stopped, True)
    progress = run.progress()
    assert run.state(progress) == "stopped" and progress.step >= stopped + 20
    assert checkpoints.load(checkpoints.choose(run.checkpoints, "last")).position.step == progress.step


@pytest.mark.slow
def test_a_lost_process_ends_the_run_with_a_good_checkpoint(together, trainings, tiny):
    """Where a process is killed the run fails at once with one clear line; one process goes on from the checkpoint."""
    config = tiny(
        corpus={"first_characters": 4000},
        training={"max_steps": 1_000_000},
        checkpoints={"every_seconds": 0.1},
        evaluation={"every_steps": 1_000_000, "sample_length": 0},
    )
    process = together.start(2, "train", "--headless", "--run", "run", *as_options(config))
    run = together.run("run")
    together.wait_for_step(run, 50)
    (victim,) = [child for child in psutil.Process(process.pid).children() if child.environ().get("RANK") == "1"]
    os.kill(victim.pid, signal.SIGKILL)
    ended = together.end(process)
    assert ended.code == 1
    (line,) = [line for line in ended.err.splitlines() if line.startswith("rnnbench: ")]
    assert "another process of this run was lost" in line and "the last checkpoint was kept" in line
    assert run.state(run.progress()) == "failed"
    last = checkpoints.load(checkpoints.choose(run.checkpoints, "last"))
    assert last.position.step > 0 and last.origin.processes == 2
    events = trainings.events(run)
    told = [next(events) for _ in range(4)]
    events.close()
    (resumed,) = of(RunResumed, told)
    assert (resumed.step, resumed.exact) == (last.position.step, False)
    assert any("2 process(es) made the checkpoint, 1 go on" in warned.message for warned in of(Warned, told))
    assert not of(CheckpointSaved, told), "nothing was trained yet"


@pytest.mark.slow
def test_a_mistake_is_told_once(together, tiny):
    """What rank 0 refuses is one line, though every process was given the same mistake; no run is left behind."""
    config = tiny(training={"batch_size": 5})
    ended = together.end(together.start(2, "train", "--headless", "--run", "run", *as_options(config)))
    (line,) = [line for line in ended.err.splitlines() if line.startswith("rnnbench: ")]
    assert ended.code == 1 and "--batch-size 6" in line
    assert not Path(together.run("run").folder).exists()
