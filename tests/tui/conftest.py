"""A small workspace, scripted events, and a workbench driven by keys: no torch, and few child processes."""

import asyncio
import math
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import textual.app
from textual._context import active_app
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from rnnbench import workspace as workspace_module
from rnnbench.config import RunConfig, validate
from rnnbench.runs import jobs
from rnnbench.runs.events import CheckpointSaved, EvaluationDone, Event, RunFinished, RunStarted, StepDone
from rnnbench.runs.log import EventWriter
from rnnbench.runs.store import Run, RunStore
from rnnbench.tui import measuring
from rnnbench.tui.app import WorkbenchApp
from rnnbench.tui.describer import Described, Describer, Wanted
from rnnbench.tui.messages import EventsArrived, SampleBegun, SampleEnded, StateChanged, TokensArrived
from rnnbench.tui.screens.workbench import WorkbenchScreen
from rnnbench.workspace import Workspace

WIDE, NARROW = (120, 40), (80, 24)
STORY = "The clock struck four.\nNobody on the quay looked up.\n" * 20
_QUIET_TURNS, _TURN_SECONDS = 8, 0.001
PATIENCE = 20.0


def started(**changes: Any) -> RunStarted:
    """What a run says before its first step."""
    values: dict[str, Any] = {
        "device": "cpu",
        "threads": 2,
        "torch_version": "2.10",
        "implementation": "scratch",
        "parameters": 1000,
        "planned_steps": 100,
        "planned_seconds": None,
        "steps_per_epoch": 10,
        "tokens_per_step": 64,
        "steps_per_loss": 1,
        "corpus_digest": "d",
        "corpus_characters": 1000,
        "corpus_tokens": 1000,
        "vocabulary_size": 20,
        "validation_tokens": 100,
        "uniform_loss_nats": math.log(20),
        "unigram_loss_nats": math.log(12),
    }
    return RunStarted(**(values | changes))


def step(number: int, *losses: float) -> StepDone:
    """Training reached a step."""
    given = losses or (1.0,)
    return StepDone(
        step=number,
        epoch=number / 10,
        loss_nats=given[-1],
        losses_nats=given,
        learning_rate=0.003,
        gradient_norm=1.0,
        tokens_per_second=4321.0,
        elapsed_seconds=float(number),
    )


def evaluated(number: int, loss: float) -> EvaluationDone:
    """The validation text was scored."""
    return EvaluationDone(
        step=number,
        split="validation",
        loss_nats=loss,
        tokens_scored=99,
        tokens_total=100,
        characters=100,
        bytes=100,
        unknown_tokens=0,
        spelling_nats=0.0,
        seconds=0.1,
        best=True,
    )


def saved(number: int) -> CheckpointSaved:
    """A checkpoint was written."""
    return CheckpointSaved(step=number, best=True, bytes=1000)


def finished(number: int, reason: str = "finished", message: str = "") -> RunFinished:
    """The run is over."""
    return RunFinished(reason=reason, step=number, elapsed_seconds=float(number), message=message)


@pytest.fixture
def script() -> SimpleNamespace:
    """Events to write, and the hands to write them with."""
    return SimpleNamespace(
        started=started,
        step=step,
        evaluated=evaluated,
        saved=saved,
        finished=finished,
        write=write,
        training=training,
        widget_text=widget_text,
        WIDE=WIDE,
        NARROW=NARROW,
    )


@pytest.fixture(autouse=True)
def _no_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started to measure a speed; a test of that says when typing has rested."""
    monkeypatch.setattr(measuring, "REST_SECONDS", 3600.0)


_DESCRIBED: dict[object, Described] = {}


@pytest.fixture(autouse=True)
def described_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child that describes a text is started once for texts and settings that many tests have in common: it takes
    longer than most of them. What it complained of is asked again."""
    ask = Describer._ask

    def remembered(describer: Describer, wanted: Wanted) -> Described | None:
        content = wanted.path.read_bytes() if wanted.path.is_file() else None
        settings = (wanted.corpus.model_copy(update={"file": ""}), wanted.text, wanted.workspace is None)
        key = (wanted.path.name, content, *(str(part) for part in settings))
        if (known := _DESCRIBED.get(key)) is not None:
            return Described(wanted, known.description, "", known.baselines) if wanted in describer._wanted else None
        answer = ask(describer, wanted)
        if answer is not None and not answer.problem and content is not None:
            _DESCRIBED[key] = answer
        return answer

    monkeypatch.setattr(Describer, "_ask", remembered)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with two small texts and nothing bundled."""
    monkeypatch.setattr(workspace_module, "bundled_corpora", lambda: tmp_path / "none")
    folder = tmp_path / "corpora"
    folder.mkdir()
    (folder / "story.txt").write_text(STORY, encoding="utf-8")
    (folder / "山中.txt").write_text("山中有友居，不知春秋。\n" * 60, encoding="utf-8")
    return Workspace(tmp_path)


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(workspace: Workspace) -> MakeRun:
    """Makes the folder of a run with a log of the given events."""

    def make(name: str, *events: Event, **tables: Any) -> Run:
        config = validate({"corpus": {"file": "story.txt"}} | tables)
        run = RunStore(workspace).create(name, config)
        write(run, *events)
        return run

    return make


def write(run: Run, *events: Event) -> None:
    """Append events to a run's log, as its trainer would."""
    writer = EventWriter(run.events_file)
    for event in events:
        writer.append(event)
    writer.close()


class FakeProcess:
    """A trainer that is there until it is told to leave."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.left = threading.Event()

    def poll(self) -> int | None:
        return self.code

    def wait(self) -> int:
        self.left.wait(20)
        return self.code or 0

    def leave(self, code: int) -> None:
        self.code = code
        self.left.set()


class FakeJobs:
    """Stands in for the starting of processes: reserves the folder and remembers what was asked."""

    def __init__(self) -> None:
        self.started: list[tuple[RunConfig, str]] = []
        self.resumed: list[str] = []
        self.process = FakeProcess()

    def leave(self, code: int) -> None:
        """The trainer ends."""
        self.process.leave(code)

    def start(self, workspace: Workspace, config: RunConfig, name: str) -> jobs.Job:
        self.started.append((config, name))
        run = RunStore(workspace).reserve(name)
        run.stderr_file.touch()
        return jobs.Job(run, self.process)  # type: ignore[arg-type]

    def resume(self, workspace: Workspace, name: str) -> jobs.Job:
        self.resumed.append(name)
        return jobs.Job(RunStore(workspace).find(name), self.process)  # type: ignore[arg-type]


@pytest.fixture
def fake_jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeJobs]:
    """No process is started."""
    fake = FakeJobs()
    monkeypatch.setattr(jobs, "start", fake.start)
    monkeypatch.setattr(jobs, "resume", fake.resume)
    yield fake
    fake.process.left.set()


async def settled(min_sleep: float = 0.0, max_sleep: float = 10.0) -> None:
    """Wait until nobody in the app has a message to deal with and nothing is left to be laid out.

    Textual's own wait asks the clock whether the process is idle: 40 ms a key at least, and a second where a thread
    works beside it.
    """
    app, quiet = active_app.get(), 0
    deadline = time.monotonic() + max_sleep
    while quiet < _QUIET_TURNS and time.monotonic() < deadline:
        await asyncio.sleep(0 if quiet else _TURN_SECONDS)
        busy = any(pump._message_queue.qsize() or pump._next_callbacks for pump in (app, *app._registry))
        screen = app.screen
        if not busy and (screen._layout_required or screen._repaint_required or screen._dirty_widgets):
            screen._on_timer_update()
            busy = True
        quiet = 0 if busy else quiet + 1


@pytest.fixture(autouse=True)
def _no_idle_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For keys; a pause of the pilot keeps Textual's own wait."""
    monkeypatch.setattr(textual.app, "wait_for_idle", settled)


class Bench:
    """The workbench under a test's hands."""

    def __init__(self, app: WorkbenchApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> WorkbenchScreen:
        """The first screen, whatever lies over it."""
        found = self.app.screen_stack[0]
        assert isinstance(found, WorkbenchScreen)
        return found

    async def keys(self, *keys: str) -> None:
        await self.app._press_keys(keys)  # Pilot's own wait costs a message to every widget, twice

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        names = {" ": "space", "/": "slash", ".": "full_stop", "_": "underscore", "-": "minus", "?": "question_mark"}
        await self.keys(*(names.get(character, character) for character in text))

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Wait for something to come true; fails when it does not within some seconds."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(what or "it did not come true:\n" + self.text())

    def text(self) -> str:
        """The screen as plain lines."""
        return screen_text(self.app)

    def shows(self, *texts: str) -> Callable[[], bool]:
        """A condition: all the texts can be read on the screen."""
        return lambda: all(text in self.text() for text in texts)

    async def see(self, *texts: str) -> None:
        """Wait until the texts can be read on the screen."""
        await self.until(self.shows(*texts))

    def focused_in(self, name: str) -> bool:
        """Whether a widget of that pane has the focus."""
        focused = self.screen.focused
        return focused is not None and any(node.id == name for node in focused.ancestors_with_self)


def screen_text(app: WorkbenchApp) -> str:
    """What a terminal would show, a line for each row."""
    screen = app.screen
    strips = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def widget_text(widget: Widget) -> str:
    """What a widget shows."""
    return "\n".join("".join(segment.text for segment in widget.render_line(y)) for y in range(widget.size.height))


@pytest.fixture
def bench(workspace: Workspace) -> Callable[..., Any]:
    """Opens the workbench at a size."""

    @asynccontextmanager
    async def open_bench(size: tuple[int, int] = WIDE, run: str | None = None) -> AsyncIterator[Bench]:
        app = WorkbenchApp(workspace, run)
        async with app.run_test(size=size, notifications=True) as pilot:
            await app._press_keys(())
            yield Bench(app, pilot)

    return open_bench


@contextmanager
def training(run: Run) -> Iterator[None]:
    """Hold a run's lock, as its trainer does."""
    with run.locked():
        yield


class Inbox:
    """A target that keeps its messages."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def post_message(self, message: Message) -> bool:
        """Take a message, from any thread."""
        self.messages.put(message)
        return True

    def next(self) -> Message:
        """The next message; waited for."""
        return self.messages.get(timeout=PATIENCE)

    def until(self, kind: type[Message]) -> list[Message]:
        """Every message up to the first of that kind, which is the last."""
        found = [self.next()]
        while not isinstance(found[-1], kind):
            found.append(self.next())
        return found

    def events(self, count: int) -> list[Event]:
        """The next `count` events, whatever else comes between."""
        found: list[Event] = []
        while len(found) < count:
            message = self.next()
            if isinstance(message, EventsArrived):
                found += message.events
        return found

    def state(self) -> str:
        """The next state, whatever else comes before."""
        (*_, message) = self.until(StateChanged)
        assert isinstance(message, StateChanged)
        return message.state


@pytest.fixture
def inbox() -> Inbox:
    """What gets the messages in place of the workbench."""
    return Inbox()


@pytest.fixture
def fake_sampler():
    """A sampler class without a process: it remembers what it was asked, `made` lists its instances in order."""

    class FakeSampler:
        made: ClassVar[list[Any]] = []

        def __init__(self, target, workspace, run_name):
            self.target, self.run_name = target, run_name
            self.asked, self.cancelled, self.closed = [], 0, False
            FakeSampler.made.append(self)

        def ask(self, request):
            self.asked.append(request)
            return len(self.asked)

        def cancel(self):
            self.cancelled += 1

        def close(self):
            self.closed = True

        def say(self, *messages):
            for message in messages:
                self.target.post_message(message)

        def answer(self, text, *, cancelled=False, unknown=()):
            """A whole answer to the last request."""
            number = len(self.asked)
            self.say(
                SampleBegun(number, 60, 7, unknown),
                TokensArrived(number, text),
                SampleEnded(number, 10, -15.0, 1234.0, cancelled),
            )

    return FakeSampler
