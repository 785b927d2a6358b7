"""Start, ask and stop training processes, through our own command line."""

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rnnbench import config as configuration
from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import BadDataError, RnnbenchError, UnavailableError, UsageError
from rnnbench.runs.store import FINISHED, Run, RunStore
from rnnbench.workspace import Workspace

PROGRAM = (sys.executable, "-m", "rnnbench")
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Job:
    """A detached trainer that this process started."""

    run: Run
    process: subprocess.Popen[bytes]

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll()


def train_command(config: RunConfig, name: str) -> list[str]:
    """The words after the program's name that start such a run."""
    return ["train", "--headless", "--run", name, *configuration.as_options(config)]


def start(workspace: Workspace, config: RunConfig, name: str) -> Job:
    """Start training in a process of its own, which outlives this one and its terminal."""
    return start_reserved(workspace, config, RunStore(workspace).reserve(name))


def start_reserved(workspace: Workspace, config: RunConfig, run: Run) -> Job:
    """The same in a folder that was reserved for it."""
    return _spawn(workspace, run, train_command(config, run.name))


def resume(workspace: Workspace, name: str) -> Job:
    """Continue a run in a process of its own. Raises UnavailableError when it is being trained already."""
    run = RunStore(workspace).find(name)
    if storage.lock_is_held(run.lock_file):
        raise UnavailableError(f"run {name} is being trained by {run.holder()}")
    return _spawn(workspace, run, ["resume", name, "--headless"])


def _spawn(workspace: Workspace, run: Run, words: list[str]) -> Job:
    return Job(run, detach(workspace, words, run.stderr_file))


def detach(workspace: Workspace, words: list[str], output_file: Path) -> "subprocess.Popen[bytes]":
    """Start our own program in a process that outlives this one and its terminal, and prints into a file.

    The file is locked as long as that process lives: it inherits the lock with its output.
    """
    # RNNBENCH_<SECTION>_<KEY> variables are already in the configuration; read again they could only be in the way.
    sections = tuple(f"RNNBENCH_{section.upper()}_" for section in RunConfig.model_fields)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(sections)}
    environment |= {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    output = storage.open_append(output_file)
    try:
        storage.hold(output)
        return subprocess.Popen(  # a real file, not a pipe: nobody may be there to read it
            [*PROGRAM, "--workspace", str(workspace.root), *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    finally:
        os.close(output)


def ask(run: Run, request: str, **values: str | float) -> Path:
    """Leave a request for the trainer, which looks for them between steps. Raises UsageError when nobody trains."""
    if not storage.lock_is_held(run.lock_file):
        state = run.state(run.progress())
        hint = "it has finished" if state == FINISHED else f"continue it with `rnnbench resume {run.name}`"
        raise UsageError(f"run {run.name} is not being trained", hint)
    if run.requests.is_symlink():
        raise RnnbenchError(f"{run.requests} is a link; links are not followed")
    storage.make_folder(run.requests)
    path = run.requests / f"{time.time_ns()}-{request}.json"
    storage.write_json(path, {"request": request, **values})
    return path


def pending(run: Run) -> list[tuple[str, dict[str, str | float]]]:
    """Take the requests that were left, oldest first: (what, with which values). What is no request is removed."""
    if run.requests.is_symlink():
        return []  # whatever it points to, the files there are not ours to remove
    try:
        paths = sorted(path for path in run.requests.iterdir() if path.suffix == ".json")
    except OSError:
        return []
    return [request for path in paths if (request := _take(path))]


def _take(path: Path) -> tuple[str, dict[str, str | float]] | None:
    try:
        values = json.loads(storage.read_file(path, limit=1 << 16))
        return str(values.pop("request")), values
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError, BadDataError):
        return None  # not one of ours; gone with the unlink below
    finally:
        with contextlib.suppress(RnnbenchError):
            storage.remove_file(path)


def wait_until_idle(run: Run, seconds: float) -> bool:
    """Wait until no process trains the run; False when the time is up first."""
    deadline = time.monotonic() + seconds
    while storage.lock_is_held(run.lock_file):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def sampler_command(workspace: Workspace, name: str) -> list[str]:
    """The whole command of a sampler that answers JSON lines on its standard input."""
    return [*PROGRAM, "--workspace", str(workspace.root), "sample", name, "--serve"]
