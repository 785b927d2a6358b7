"""What can be done to runs from a screen: each asks where it must, works in the background and says what came of it."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.runs import jobs, wishes
from rnnbench.runs.jobs import Job
from rnnbench.runs.store import Run, RunStore
from rnnbench.runs.wishes import Wish
from rnnbench.tui.background import in_background
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.confirm import ConfirmScreen
from rnnbench.workspace import Workspace

Then = Callable[[Job], object]
T = TypeVar("T")


class RunControl:
    """Start, stop, resume and delete, on behalf of a screen."""

    def __init__(self, screen: PlaceScreen, workspace: Workspace) -> None:
        self._screen = screen
        self._workspace = workspace
        self._starting = False

    def start(self, config: RunConfig, name: str, then: Then) -> None:
        """Start a run in a process of its own."""
        if not self._starting:
            self._starting = True
            self._screen.say(f"starting {name} ...")
            self._work(lambda: jobs.start(self._workspace, config, name), partial(self._started, then))

    def resume(self, name: str, then: Then) -> None:
        """Go on with a run from its last checkpoint."""
        if not self._starting:
            self._starting = True
            self._screen.say(f"resuming {name} ...")
            self._work(lambda: jobs.resume(self._workspace, name), partial(self._started, then))

    def stop(self, run: Run) -> None:
        """Ask the user, then the trainer, to stop."""
        if not storage.lock_is_held(run.lock_file):
            self._screen.say(f"{run.name} is not training")
            return
        self._confirm(
            f"Stop training {run.name}?",
            "It finishes its step and saves a checkpoint; it can be resumed.",
            lambda: self._work(lambda: jobs.ask(run, "stop"), lambda _: self._screen.say(f"asked {run.name} to stop")),
        )

    def wish(self, run: Run, *asked: Wish) -> None:
        """Ask a run that is going for something that its log will say was done."""
        self._screen.say(f"asked {run.name} to {' and '.join(wish.words for wish in asked)} ...")
        self._work(partial(_ask, run, asked), lambda _: None)

    def delete(self, run: Run, then: Callable[[], object]) -> None:
        """Ask the user, then delete the run."""
        self._confirm(
            f"Delete run {run.name}?",
            "Its checkpoints, its log and its samples are removed from the disk. This cannot be undone.",
            lambda: self._work(lambda: self._delete(run), lambda _: self._deleted(run, then)),
        )

    def _delete(self, run: Run) -> None:
        """A folder in which no run came to be has nothing to lock."""
        if run.config_file.exists():
            RunStore(self._workspace).delete(run.name)
        elif not storage.lock_is_held(run.lock_file):
            RunStore(self._workspace).remove_reserved(run)

    def _deleted(self, run: Run, then: Callable[[], object]) -> None:
        self._screen.say(f"deleted {run.name}")
        then()

    def _confirm(self, question: str, consequence: str, act: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                act()

        self._screen.app.push_screen(ConfirmScreen(question, consequence), answered)

    def _started(self, then: Then, job: Job) -> None:
        self._starting = False
        then(job)

    def _work(self, work: Callable[[], T], done: Callable[[T], object]) -> None:
        in_background(self._screen, work, done, self._failed)

    def _failed(self, error: RnnbenchError) -> None:
        self._starting = False
        self._screen.fail(error)


def _ask(run: Run, asked: tuple[Wish, ...]) -> None:
    for wish in asked:
        wishes.ask(run, wish)
