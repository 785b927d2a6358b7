"""Starts what waits, one run after another on each device, in a process of its own.

Killed at any moment it loses nothing and starts nothing twice. An entry is noted as claimed, then the run's folder is
made, then the trainer is started with its output locked, and only when the trainer has written its configuration is
the entry dropped. The next runner finds a claimed entry in one of these states:

no folder, or one in which no process has said a word     start it
an output that is locked                                   its trainer comes up: wait
a configuration                                            it was begun: drop the entry
words of a process that has gone                           it failed at once: drop it, the run shows the words
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs import jobs
from rnnbench.runs.jobs import Job
from rnnbench.runs.queue import STARTING, WAITING, Added, Entry, Queue
from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace

POLL_SECONDS = 2.0
Tell = Callable[[str], object]


def add(workspace: Workspace, config: RunConfig, name: str) -> Added:
    """Put a run at the end of the queue, and see to it that somebody starts it.

    Raises CorpusError when its text is not there.
    """
    path = workspace.find_corpus(config.corpus.file)  # the runner may work in another folder
    added = Queue(workspace).add(RunStore(workspace).lasting(config, path), name)
    keep_going(workspace)
    return added


def release(workspace: Workspace) -> None:
    """Let the queue go on after a hold."""
    Queue(workspace).release()
    keep_going(workspace)


def keep_going(workspace: Workspace) -> int:
    """Start a runner where runs wait and none is there; how many wait for it. A queue that is held stays as it is."""
    queue = Queue(workspace)
    if not queue.folder.is_dir():
        return 0
    with queue.changing():  # a runner that ends decides so under the same lock
        waiting = [] if queue.is_held or queue.is_run else queue.can_start()
        if waiting:
            _leave_alone(jobs.detach(workspace, ["queue", "run"], queue.log_file))
    return len(waiting)


def _leave_alone(process: "subprocess.Popen[bytes]") -> None:
    """It goes on without us; that it has ended is taken note of while we live, so that no zombie stays."""
    Thread(target=process.wait, name="reaper", daemon=True).start()


def run_queue(workspace: Workspace, tell: Tell, poll_seconds: float = POLL_SECONDS) -> None:
    """Start what waits until nothing does, or the queue is held. Raises UnavailableError when another process does."""
    queue = Queue(workspace)
    descriptor = queue.lock_runner()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, descriptor)
        runner = _Runner(queue, tell)
        while True:
            runner.work()
            with queue.changing():
                if runner.is_done():
                    stack.close()  # before anyone can add to the queue, who then starts another runner
                    break
            time.sleep(poll_seconds)
    for job in runner.jobs.values():
        _leave_alone(job.process)


@dataclass
class _Runner:
    queue: Queue
    tell: Tell
    jobs: dict[str, Job] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def work(self) -> None:
        """One look at everything."""
        self._take_leave()
        for entry in self.queue.entries():
            if entry.claimed:
                with self.queue.changing():
                    self._settle(entry)
        if not self.queue.is_held:
            self._start_what_can()

    def is_done(self) -> bool:
        """Whether there is nothing to start any more."""
        left = {entry.name for entry in self.queue.can_start()} - self.refused
        return not left & self.jobs.keys() and (self.queue.is_held or not left)

    def _take_leave(self) -> None:
        for name, job in list(self.jobs.items()):
            if (code := job.exit_code) is not None:
                del self.jobs[name]
                self.tell(f"{name} ended (exit code {code})")
                with self.queue.changing():
                    self.queue.drop(name)

    def _settle(self, entry: Entry) -> None:
        """A claimed entry: begun, coming up, failed at once, or still to be started."""
        run = RunStore(self.queue.workspace).run(entry.name)
        if run.is_there and run.config_file.exists():
            self.queue.drop(entry.name)
        elif storage.lock_is_held(run.stderr_file) or entry.name in self.jobs:
            return
        elif run.stderr_tail():
            self.queue.drop(entry.name)
            self.tell(f"{entry.name} failed before it began: {run.stderr_file} says why")

    def _start_what_can(self) -> None:
        busy = set(self.queue.occupied().values())
        for entry in self.queue.entries():
            if None in busy:
                return  # on whichever device that is: it will be known in a moment
            if self._can_start(entry) and entry.slot not in busy and self._start(entry):
                busy.add(entry.slot)

    def _can_start(self, entry: Entry) -> bool:
        ours = entry.name in self.jobs or entry.name in self.refused
        return not ours and self.queue.state(entry) in (WAITING, STARTING)

    def _start(self, entry: Entry) -> bool:
        """Whether it was started; it was not when it has been removed, or cannot be: the others may have more luck."""
        try:
            with self.queue.changing():
                if not self.queue.claim(entry.name):
                    return False
                self.jobs[entry.name] = self._spawn(entry)
        except (RnnbenchError, OSError) as error:
            self.refused.add(entry.name)
            self.tell(f"{entry.name} cannot be started: {error}")
            return False
        self.tell(f"started {entry.name} on {entry.slot}")
        return True

    def _spawn(self, entry: Entry) -> Job:
        assert entry.config is not None
        run = RunStore(self.queue.workspace).run(entry.name)
        try:
            storage.make_folder(run.folder, exclusive=not entry.claimed)  # claimed: a runner before us got so far
        except FileExistsError:
            self.queue.claim(entry.name, claimed=False)
            raise UsageError(f"run {entry.name} was made by somebody else") from None
        return jobs.start_reserved(self.queue.workspace, entry.config, run)
