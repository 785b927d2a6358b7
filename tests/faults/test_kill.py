"""kill -9 at any moment: the run is crashed, never broken, and goes on as if nothing had happened.

What is proved: files as the kernel has them. The page cache survives a kill, so this says nothing about power cuts.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from rnnbench.engine import checkpoints
from rnnbench.runs.store import RunStore

# Loads torch once and forks a process for each command: the real program, less its start-up.
# `die_at` n: kill -9 of itself instead of its n-th system call that touches a file through storage.
# `careless`: files are written in place, as a program that never thought of being killed would.
NURSERY = r"""
import json, os, signal, sys
import torch, torch._dynamo, safetensors.torch
import rnnbench.engine.trainer, rnnbench.cli.render, rnnbench.engine.loading
from rnnbench import storage
from rnnbench.cli.app import main

class Mortal:
    def __init__(self, calls):
        self.calls = calls
    def __getattr__(self, name):
        found = getattr(os, name)
        if name not in ("open", "write", "fsync", "rename", "unlink"):
            return found
        def counted(*arguments, **options):
            self.calls -= 1
            if self.calls < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found(*arguments, **options)
        return counted

def write_in_place(path, data):
    descriptor = storage.os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for part in (data[: len(data) // 2], data[len(data) // 2 :]):
        storage.os.write(descriptor, part)
    os.close(descriptor)

def be(words, die_at, careless):
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY)):
        os.dup2(os.open(os.devnull, flags), number)
    storage.write_file = write_in_place if careless else storage.write_file
    storage.os = Mortal(die_at) if die_at is not None else os
    sys.argv = ["rnnbench", *words]
    try:
        main()
    except SystemExit as left:
        os._exit(int(left.code or 0))

print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    pid = os.fork() or be(**request)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    """Starts `rnnbench ...` processes that can be killed, in the workspace at `home`."""

    def __init__(self):
        pipe = subprocess.PIPE
        self.home = None
        self.process = subprocess.Popen([sys.executable, "-c", NURSERY], stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def start(self, *words, die_at=None, careless=False):
        """Start a command; its process id."""
        words = ["--workspace", str(self.home), *map(str, words)]
        request = {"words": words, "die_at": die_at, "careless": careless}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self):
        """The exit code of the command, negative for a signal."""
        return int(self.process.stdout.readline())

    def run(self, *words, **options):
        """Start a command and wait for its end."""
        self.start(*words, **options)
        return self.wait()


@pytest.fixture(scope="module")
def one_nursery():
    """One for all tests: loading torch takes longer than most of them."""
    found = Nursery()
    yield found
    with found.process as process:
        process.stdin.close()
        process.wait()


@pytest.fixture
def nursery(one_nursery, workspace):
    """Processes in the test's own workspace."""
    one_nursery.home = workspace.root
    return one_nursery


def training(name, steps, every_steps):
    """The words that start a run with dropout and frequent checkpoints."""
    return (
        "train", "--headless", "--quiet", "--run", name, "--corpus", "small", "--max-steps", steps, "--hidden", "8",
        "--batch-size", "4", "--steps-per-sequence", "8", "--device", "cpu", "--threads", "1",
        "--set", "model.embedding=6", "--set", "model.dropout=0.2", "--set", "corpus.first_characters=800",
        "--set", f"evaluation.every_steps={every_steps}", "--set", "evaluation.sample_length=4",
        "--set", "checkpoints.every_seconds=0.1",
    )  # fmt: skip


def outcome(run):
    """What a run came to: every recorded loss and score by step, and the bytes of its last checkpoint."""
    progress = run.progress()
    losses = list(zip(progress.train.steps, progress.train.values, strict=True))
    scores = [(event.step, event.split, event.loss_nats, event.best) for event in progress.evaluations]
    samples = [(sample.step, sample.text) for sample in progress.samples]
    last = checkpoints.choose(run.checkpoints, "last")
    checkpoints.load(last)
    return losses, scores, samples, last.step, last.sha256


def each_once(run, steps):
    """Whether the folded history has each recorded step once, in order (a loss covers eight steps here)."""
    return list(run.progress().train.steps) == list(range(8, steps + 1, 8))


@pytest.fixture
def store(workspace):
    return RunStore(workspace)


def survives(nursery, store, name, words, *, die_at, careless=False):
    """Train, killed at a system call, then go on to the end: (was it killed, did it finish).

    What was killed before it had a configuration is no run yet, and the same command starts it.
    """
    code = nursery.run(*words, die_at=die_at, careless=careless)
    assert code in (0, -signal.SIGKILL)
    if code == 0:
        return False, True
    run = store.run(name)
    if not store.exists(name):
        return True, nursery.run(*words) == 0
    if run.state(run.progress()) == "finished":
        return True, True
    assert run.state(run.progress()) == "crashed"
    return True, nursery.run("resume", name, "--headless", "--quiet") == 0


def kill_at_calls(nursery, store, calls):
    """Kill a run at each of these system calls and finish it: every time the run that nobody killed. How many kills."""
    assert nursery.run(*training("whole", 24, 8)) == 0
    expected = outcome(store.find("whole"))
    for kills, call in enumerate(calls):
        name = f"killed-{call}"
        killed, finished = survives(nursery, store, name, training(name, 24, 8), die_at=call)
        assert finished, f"killed at call {call}"
        run = store.find(name)
        assert outcome(run) == expected, f"killed at call {call}"
        assert each_once(run, 24) and run.state(run.progress()) == "finished"
        leftovers = [path.name for path in run.checkpoints.iterdir() if path.suffix not in (".json", ".safetensors")]
        assert leftovers == []
        if not killed:
            return kills
    return len(calls)


def test_a_few_kills_inside_storage(nursery, store):
    """At a few of the system calls that write a run: it is continued to the weights and history of an unharmed one."""
    assert kill_at_calls(nursery, store, range(2, 130, 16)) == 8


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_kill_at_every_system_call(nursery, store):
    """At each and every one, until a run gets through unharmed: more than a hundred kills, most inside a save."""
    assert kill_at_calls(nursery, store, range(100_000)) > 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_careless_save_would_be_noticed(nursery, store):
    """The same kills find fault with files that are written in place: these tests can fail."""
    results = []
    for call in range(100_000):
        name = f"careless-{call}"
        killed, finished = survives(nursery, store, name, training(name, 24, 8), die_at=call, careless=True)
        results.append(finished)
        if not killed:
            break
    assert not all(results)


def kill_from_outside(nursery, store, kills, steps):
    """Kill a run again and again, at any moment: how often, before it was killed enough or came to its end."""
    chance = random.Random(5)
    words, run = training("killed", steps, 400), store.run("killed")
    for kill in range(kills):
        size = run.events_file.stat().st_size if run.events_file.exists() else 0
        pid = nursery.start(*words)
        wait_for_events(run, size, chance.choice(["RunStarted", "StepDone", "CheckpointSaved"]), chance.randrange(3))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if nursery.wait() == 0:
            return kill
        assert run.state(run.progress()) == "crashed"
        words = ("resume", "killed", "--headless", "--quiet")
    return kills


def wait_for_events(run, size, kind, more):
    """Wait until the log has, beyond its size before, an event of a kind, and then some more bytes; or its end."""
    wanted, seen = f'"event":"{kind}"'.encode(), b""
    while b"RunFinished" not in seen and (wanted not in seen or len(seen) < seen.index(wanted) + 200 * more):
        with open(run.events_file, "rb") if run.events_file.exists() else open(os.devnull, "rb") as file:
            file.seek(size)
            seen = file.read()
        time.sleep(0.002)


@pytest.mark.parametrize(("kills", "steps"), [
    (2, 800), pytest.param(200, 24000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
])  # fmt: skip
def test_kills_at_any_moment(nursery, store, kills, steps):
    """Killed from outside and continued, several times: crashed each time, and at last each step once, as unharmed."""
    killed = kill_from_outside(nursery, store, kills, steps)
    assert killed > kills // 4, "this machine is too fast: raise the steps"
    if killed == kills:
        assert nursery.run("resume", "killed", "--headless", "--quiet") == 0
    assert nursery.run(*training("whole", steps, 400)) == 0
    run = store.find("killed")
    assert each_once(run, steps)
    assert outcome(run) == outcome(store.find("whole"))
    assert run.progress().resumed_at == sorted(run.progress().resumed_at)
