"""Run folders to look at: one that trains, one that grows, long histories, many."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rnnbench.config import validate
from rnnbench.errors import UsageError
from rnnbench.runs import jobs
from rnnbench.runs.events import LogOpened, RunFinished, RunStarted, StepDone, Warned, to_line
from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace

_PER_EVENT = 100  # losses in one event of a long history


def started(steps: int) -> RunStarted:
    """What a run says before its first step."""
    return RunStarted(
        device="cpu",
        threads=1,
        torch_version="2",
        implementation="fused",
        parameters=1000,
        planned_steps=steps,
        planned_seconds=None,
        steps_per_epoch=1000,
        tokens_per_step=64,
        steps_per_loss=1,
        corpus_digest="d",
        corpus_characters=1000,
        corpus_tokens=1000,
        vocabulary_size=50,
        validation_tokens=100,
        uniform_loss_nats=3.9,
        unigram_loss_nats=3.1,
    )


def step_done(step: int, losses: int = 1) -> StepDone:
    """Training reached a step."""
    values = tuple(round(0.7 + 3 / (1 + at / 20000) + at * 7919 % 100 / 500, 5) for at in range(step - losses, step))
    return StepDone(
        step=step,
        epoch=step / 1000,
        loss_nats=values[-1],
        losses_nats=values,
        learning_rate=0.003,
        gradient_norm=1.0,
        tokens_per_second=4321.0,
        elapsed_seconds=step / 100,
    )


def create(workspace: Workspace, name: str) -> Run:
    """A run's folder with a configuration and nothing else."""
    return RunStore(workspace).create(name, validate({"corpus": {"file": "alarm-0.txt"}}))


def history(workspace: Workspace, name: str, steps: int, lines: int = 0) -> Run:
    """A finished run with so many steps, and so many lines in its log."""
    run = create(workspace, name)
    with run.events_file.open("wb") as file:
        file.write(to_line(LogOpened()) + to_line(started(steps)))
        for step in range(_PER_EVENT, steps + 1, _PER_EVENT):
            file.write(to_line(step_done(step, _PER_EVENT)))
        for number in range(lines):
            file.write(to_line(Warned(message=f"note {number:07}")))
        file.write(to_line(RunFinished(reason="finished", step=steps, elapsed_seconds=1.0)))
    return run


def many_runs(workspace: Workspace, count: int) -> None:
    """Many finished runs of a few steps each."""
    for number in range(count):
        history(workspace, f"crowd-{number:04}", steps=500)


@contextmanager
def growing(workspace: Workspace, lines_per_second: float, name: str = "growing") -> Iterator[Run]:
    """A run that this process pretends to train: steps four times a second, and so many lines."""
    run, over = create(workspace, name), threading.Event()

    def write() -> None:
        with run.locked(), run.events_file.open("ab", buffering=0) as file:
            file.write(to_line(LogOpened()) + to_line(started(1_000_000)))
            began, told, step = time.monotonic(), 0, 0
            while not over.wait(0.05):
                due = time.monotonic() - began
                while told < due * lines_per_second:
                    file.write(to_line(Warned(message=f"note {told:07} " + "of the keeper " * (told % 5))))
                    told += 1
                if step < int(due * 4) * 13:
                    step += 13
                    file.write(to_line(step_done(step, 13)))

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield run
    finally:
        over.set()
        thread.join()


def end(job: jobs.Job) -> None:
    """Ask it to stop, and wait until it has."""
    if job.exit_code is None:
        with contextlib.suppress(UsageError):
            jobs.ask(job.run, "stop")
        job.process.wait()


def training_run(workspace: Workspace, name: str = "real", **training: object) -> jobs.Job:
    """A run that trains at full speed on one thread, scores seldom, and does not end by itself."""
    os.environ["OMP_NUM_THREADS"] = "1"
    config = validate(
        {
            "corpus": {"file": str(workspace.corpora()[0])},
            "model": {"hidden": 96},
            "training": {"epochs": 100_000, **training},
            "evaluation": {"every_steps": 1_000_000, "sample_length": 0},
            "machine": {"threads": 1},
        }
    )
    return jobs.start(workspace, config, name)
