"""What can be done to runs from a screen: each asks where it must, works in the background and says what came of it."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.runs import jobs, wishes
from rnnbench.runs.jobs import Job
from rnnbench.runs.store import Run, RunStore, bytes_in
from rnnbench.runs.trash import KEPT_DAYS, KEPT_RUNS
from rnnbench.runs.wishes import Wish
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import size_text
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.confirm import ConfirmScreen
from rnnbench.tui.terms import told_of
from rnnbench.tui.words import later, tr
from rnnbench.workspace import Workspace

Then = Callable[[Job], object]
T = TypeVar("T")


class RunControl:
    """Start, stop, resume, delete and bring back, on behalf of a screen."""

    def __init__(self, screen: PlaceScreen, workspace: Workspace) -> None:
        self._screen = screen
        self._workspace = workspace
        self._starting = False
        self._measuring = False

    def start(self, config: RunConfig, name: str, then: Then) -> None:
        """Start a run in a process of its own."""
        if not self._starting:
            self._starting = True
            self._screen.say(tr("starting {name} ...", name=name))
            self._work(lambda: jobs.start(self._workspace, config, name), partial(self._started, then))

    def resume(self, name: str, then: Then) -> None:
        """Go on with a run from its last checkpoint."""
        if not self._starting:
            self._starting = True
            self._screen.say(tr("resuming {name} ...", name=name))
            self._work(lambda: jobs.resume(self._workspace, name), partial(self._started, then))

    def stop(self, run: Run) -> None:
        """Ask the user, then the trainer, to stop."""
        if not storage.lock_is_held(run.lock_file):
            self._screen.say(told_of(run.name, "is not training"))
            return
        said = tr("asked {name} to stop", name=run.name)
        self._confirm(
            tr("Stop training {name}?", name=run.name),
            tr("It finishes its step and saves a checkpoint; it can be resumed."),
            lambda: self._work(lambda: jobs.ask(run, "stop"), lambda _: self._screen.say(said)),
        )

    def wish(self, run: Run, *asked: Wish) -> None:
        """Ask a run that is going for something that its log will say was done."""
        self._screen.say(_asking(run.name, asked))
        self._work(partial(_ask, run, asked), lambda _: None)

    def delete(self, run: Run, then: Callable[[], object]) -> None:
        """Ask the user, saying how large the run is, then move it to the trash."""
        store = RunStore(self._workspace)

        def ask(size: int) -> None:
            self._measuring = False
            if not self._screen.is_current:
                return  # something else was opened over it
            self._confirm(
                tr("Delete run {name}?", name=run.name),
                tr(
                    "Its checkpoints, its log and its samples, {size}, go to the trash. {key[undelete]} brings it "
                    "back; the trash keeps the last {runs} runs for {days} days.",
                    size=size_text(size), runs=KEPT_RUNS, days=KEPT_DAYS,
                ),
                lambda: self._work(lambda: store.delete(run.name), lambda _: self._deleted(run, then)),
            )  # fmt: skip

        if not self._measuring:
            self._measuring = True
            self._work(lambda: bytes_in(run.folder), ask)

    def _deleted(self, run: Run, then: Callable[[], object]) -> None:
        self._screen.say(tr("deleted {name}; {key[undelete]} brings it back", name=run.name))
        then()

    def undelete(self, then: Callable[[str], object]) -> None:
        """Bring back the run that was deleted last, and tell the name that it has now."""

        def work() -> Run | None:
            store = RunStore(self._workspace)
            last = next(iter(store.trash.entries()), None)
            return store.undelete(last.name) if last else None

        def done(run: Run | None) -> None:
            if run is None:
                self._screen.nothing(tr("the trash is empty"))
            else:
                self._screen.say(tr("brought back {name}", name=run.name))
                then(run.name)

        self._work(work, done)

    def resume_or_restart(self, run: Run, then: Then) -> None:
        """Go on with a run; where it has no checkpoint to go on from, ask whether to start it again."""

        def found(has_checkpoint: bool) -> None:
            if has_checkpoint:
                self.resume(run.name, then)
            elif not run.config_file.exists():
                said = later("{name} left no settings to start it with again: {key[delete]} deletes it")
                self._screen.nothing(tr(said, name=run.name))
            else:
                self._work(run.config, partial(self._ask_restart, run, then))

        self._work(run.has_checkpoint, found)

    def _ask_restart(self, run: Run, then: Then, config: RunConfig) -> None:
        self._confirm(
            tr("Start {name} again?", name=run.name),
            tr("It has no checkpoint to go on from. Its folder goes to the trash, and a run with the same settings and "
               "the same name begins."),
            partial(self._restart, run, then, config),
        )  # fmt: skip

    def _restart(self, run: Run, then: Then, config: RunConfig) -> None:
        if self._starting:
            return
        self._starting = True
        self._screen.say(tr("starting {name} ...", name=run.name))

        def work() -> Job:
            store = RunStore(self._workspace)
            store.delete(run.name)
            try:
                return jobs.start(self._workspace, config, run.name)
            except (RnnbenchError, OSError):
                store.undelete(run.name)
                raise

        self._work(work, partial(self._started, then))

    def change(self, work: Callable[[], T], done: Callable[[T], object]) -> None:
        """Do something small to a run's folder in the background; what fails is told."""
        self._work(work, done)

    def _confirm(self, question: str, consequence: str, act: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                act()

        self._screen.app.push_screen(ConfirmScreen(question, consequence), answered)

    def _started(self, then: Then, job: Job) -> None:
        self._starting = False
        then(job)

    def _work(self, work: Callable[[], T], done: Callable[[T], object]) -> None:
        if reason := actions.refusal(self._screen):  # its keys are refused before they come here
            self._failed(RnnbenchError(reason))
            return
        in_background(self._screen, work, done, self._failed)

    def _failed(self, error: RnnbenchError) -> None:
        self._starting = self._measuring = False
        self._screen.fail(error)


_ASKED = {
    "pause": later("asked {name} to pause after its step ..."),
    "continue": later("asked {name} to go on ..."),
    "save": later("asked {name} to write a checkpoint ..."),
    "sample": later("asked {name} to write a sample ..."),
}


def _asking(name: str, asked: tuple[Wish, ...]) -> str:
    """What a run was asked for: one thing, or other settings."""
    settings = ", ".join(f"{wish.setting.title} {wish.setting.text}" for wish in asked if wish.setting)
    if settings:
        return tr("asked {name} to use {settings} ...", name=name, settings=settings)
    return "  ".join(tr(_ASKED[wish.request], name=name) for wish in asked)


def _ask(run: Run, asked: tuple[Wish, ...]) -> None:
    for wish in asked:
        wishes.ask(run, wish)
