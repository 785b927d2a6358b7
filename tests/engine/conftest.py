"""What the tests of the engine share: small networks, encoded texts, runs trained in this process."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from rnnbench.config import ModelConfig, RunConfig, TrainingConfig
from rnnbench.engine import checkpoints, trainer
from rnnbench.engine.checkpoints import Position
from rnnbench.engine.control import Control
from rnnbench.engine.models import LanguageModel
from rnnbench.errors import Stopped
from rnnbench.runs.events import Event, RunStarted
from rnnbench.runs.recording import record
from rnnbench.runs.store import Run, RunStore
from rnnbench.text import corpora
from rnnbench.text.corpora import EncodedCorpus
from rnnbench.workspace import Workspace


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """The tests share the machine with each other."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test draws the same numbers, alone or after others, and leaves the processor as it was."""
    torch.manual_seed(7)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # no test here cuts the power
    yield
    torch.set_flush_denormal(False)  # training sets it for the whole process; hypothesis would notice


class StopAt(Control):
    """Is asked to stop at the n-th time that anybody looks: between steps, or in an evaluation.

    The looks while the text is encoded are not counted; their number depends on the clock.
    """

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    @property
    def stopping(self) -> bool:
        self.looks -= 1
        if self.looks <= 0:
            self.stop()
        return super().stopping


@pytest.fixture(scope="session")
def stop_at() -> Callable[[int], Control]:
    """A control that asks for the end at the n-th look."""
    return StopAt


@dataclass(frozen=True)
class Outcome:
    """All that is left of a run and does not depend on the clock; two equal ones are equal bit by bit."""

    tensors: dict[str, bytes]
    position: Position
    losses: list[tuple[int, float]]
    evaluations: list[tuple[int, str, float, bool]]
    curve: list[tuple[int, float]]
    samples: list[tuple[int, str, str]]
    best: tuple[int, float | None, str]
    state: str


@pytest.fixture(scope="session")
def outcome_of() -> Callable[[Run], Outcome]:
    """What a run came to: its last checkpoint, its best one, and its history as every view folds it."""

    def outcome(run: Run) -> Outcome:
        progress = run.progress()
        last = checkpoints.load(checkpoints.choose(run.checkpoints, "last"))
        best = checkpoints.choose(run.checkpoints, "best")
        return Outcome(
            tensors={name: tensor.numpy().tobytes() for name, tensor in last.tensors.items()},
            position=replace(last.position, elapsed_seconds=0.0),
            losses=list(zip(progress.train.steps, progress.train.values, strict=True)),
            evaluations=[(e.step, e.split, e.loss_nats, e.best) for e in progress.evaluations],
            curve=list(zip(progress.validation.steps, progress.validation.values, strict=True)),
            samples=[(sample.step, sample.prompt, sample.text) for sample in progress.samples],
            best=(best.step, best.loss_nats, best.sha256),
            state=run.state(progress),
        )

    return outcome


class Trainings:
    """Trains runs of one workspace in this process, as the command line does."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def run(self, name: str, config: RunConfig) -> Run:
        """The run of that name, made when it is not there."""
        store = RunStore(self.workspace)
        return store.find(name) if store.exists(name) else store.create(name, config)

    def events(self, run: Run, control: Control | None = None) -> Iterator[Event]:
        """The recorded events of training or continuing a run."""
        return record(run, trainer.train(run.config(), run, self.workspace, control or Control(run)))

    def go_on(self, run: Run, control: Control | None = None) -> list[Event]:
        """Train to the end, or until the control stops it."""
        seen: list[Event] = []
        with suppress(Stopped):
            for event in self.events(run, control):
                seen.append(event)
                if isinstance(event, RunStarted) and (begin := getattr(control, "begin", None)) is not None:
                    begin()
        return seen

    def whole(self, name: str, config: RunConfig) -> Run:
        """A run trained in one go."""
        run = self.run(name, config)
        self.go_on(run)
        return run

    def in_pieces(self, name: str, config: RunConfig, looks: int) -> tuple[Run, int]:
        """A run stopped at every n-th look and continued, to its end; and how often it was stopped."""
        run, stops = self.run(name, config), 0
        while run.state(run.progress()) != "finished":
            stops += 1
            assert stops < 200, "the run does not get on"
            self.go_on(run, StopAt(looks))
        return run, stops - 1

    def killed_after(self, run: Run, count: int) -> int:
        """Leave a run as a kill would, when it has told `count` events; how many there were."""
        with closing(self.events(run)) as events:  # type: ignore[type-var]
            return sum(1 for _ in zip(range(count), events, strict=False))


@pytest.fixture
def trainings(workspace: Workspace) -> Trainings:
    """Trains runs of the test's own workspace."""
    return Trainings(workspace)


@pytest.fixture(scope="session")
def tiny(make_config: Callable[..., RunConfig]) -> Callable[..., RunConfig]:
    """A run of 24 steps over a little more than one epoch, scored every five steps, eight steps to a recorded loss."""

    def make(**tables: dict[str, Any]) -> RunConfig:
        defaults: dict[str, dict[str, Any]] = {
            "corpus": {"first_characters": 800},
            "training": {"max_steps": 24},
            "evaluation": {"every_steps": 5, "sample_length": 8},
            "checkpoints": {"every_seconds": 1000},
        }
        return make_config(**{name: defaults.get(name, {}) | tables.get(name, {}) for name in {*defaults, *tables}})

    return make


@pytest.fixture
def encoded(workspace: Workspace) -> Callable[..., EncodedCorpus]:
    """A text of the workspace as ids."""

    def encode(config: RunConfig) -> EncodedCorpus:
        path = workspace.find_corpus(config.corpus.file)
        return corpora.encode(path, config.corpus, config.text, workspace.cache)

    return encode


@pytest.fixture(scope="session")
def make_network() -> Callable[..., LanguageModel]:
    """A small network with values given by name in place of the defaults."""

    def make(vocabulary: int = 11, **values: Any) -> LanguageModel:
        return LanguageModel(ModelConfig(**{"cell": "lstm", "hidden": 7, "embedding": 5, **values}), vocabulary)

    return make


@pytest.fixture(scope="session")
def make_training() -> Callable[..., TrainingConfig]:
    """The training table of a configuration from the values that matter."""

    def make(**values: Any) -> TrainingConfig:
        return TrainingConfig.model_validate({"batch_size": 4, "steps_per_sequence": 5, "seed": 3, **values})

    return make


@pytest.fixture(scope="session")
def numbered() -> Callable[[int], "np.ndarray[Any, np.dtype[np.uint32]]"]:
    """A stream in which every token is its own position."""
    return lambda count: np.arange(count, dtype=np.uint32)
