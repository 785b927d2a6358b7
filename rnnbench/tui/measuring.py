"""Finds how fast a training would go: from the runs of the workspace, else by a short trial in a child process.

The trial is our own `train --dry-run --json`, made when typing has rested and nothing trains here: two at a time would
measure each other.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock

from textual.message_pump import MessagePump
from textual.timer import Timer

from rnnbench import config as configuration
from rnnbench.config import CheckpointConfig, EvaluationConfig, RunConfig
from rnnbench.errors import RnnbenchError, UnavailableError
from rnnbench.runs import jobs
from rnnbench.runs.store import Run, RunStore
from rnnbench.tui.background import in_background
from rnnbench.tui.expecting import Kind, Rate, multiply_adds, nearest
from rnnbench.workspace import Workspace

REST_SECONDS = 0.8
_MOST_RUNS = 12
_LARGEST_LOG = 32 << 20  # bytes; a longer one takes longer to read than the answer is worth
_TRIAL_CHARACTERS = 1_000_000  # of the text: reading all of a long one would be the longest part of the trial


def rates_of_runs(store: RunStore) -> list[Rate]:
    """How fast the newest runs went, the newest first."""
    return [rate for run in store.newest(_MOST_RUNS) for rate in _rates(run)]


def _rates(run: Run) -> Iterator[Rate]:
    from rnnbench.runs.skimming import skim  # pydantic has to read every event once: not before the first screen

    with contextlib.suppress(Exception):  # one run that tells nonsense keeps no other from being asked
        if run.events_file.stat().st_size > _LARGEST_LOG:
            return
        config, progress = run.config(), skim(run.events_file)
        if progress.started and progress.last_step:
            started = progress.started
            yield Rate(
                kind=Kind.of(config),
                batch_size=config.training.batch_size,
                multiply_adds=multiply_adds(config, started.vocabulary_size),
                tokens_per_second=progress.last_step.tokens_per_second,
                run=run.name,
                tokens_per_step=started.tokens_per_step,
                steps_per_epoch=started.steps_per_epoch,
            )


def trial_of(config: RunConfig) -> RunConfig:
    """The same as far as its speed goes: all that asks for the same trial is equal."""
    pairs = config.model.task == "seq2seq"
    most = config.corpus.first_characters or _TRIAL_CHARACTERS
    shorter = {} if pairs else {"first_characters": min(most, _TRIAL_CHARACTERS), "train_tokens": None}
    budget = {"epochs": 1, "max_steps": None, "minutes": None, "seed": 1, "learning_rate": 0.001, "start_from": ""}
    return config.model_copy(
        update={
            "corpus": config.corpus.model_copy(update=shorter),
            "training": config.training.model_copy(update=budget),
            "evaluation": EvaluationConfig(),
            "checkpoints": CheckpointConfig(),
        }
    )


def trial_command(workspace: Workspace, trial: RunConfig) -> list[str]:
    """The whole command of a trial."""
    options = configuration.as_options(trial)
    return [*jobs.PROGRAM, "--workspace", str(workspace.root), "train", "--dry-run", "--json", *options]


def rate_from(trial: RunConfig, output: bytes) -> Rate:
    """The rate that a trial found. Raises UnavailableError when it says none."""
    try:
        record = json.loads(output)
        return Rate(
            kind=Kind.of(trial),
            batch_size=trial.training.batch_size,
            multiply_adds=multiply_adds(trial, int(record["vocabulary_size"])),
            tokens_per_second=float(record["tokens_per_second"]),
            tokens_per_step=int(record["tokens_per_step"]),
            steps_per_epoch=int(record["steps_per_epoch"]),
        )
    except (ValueError, KeyError, TypeError):
        raise UnavailableError("the speed could not be measured") from None


class SpeedFinder:
    """Knows the rates of the workspace's runs and of trials; `found` is called when it knows more."""

    def __init__(self, pump: MessagePump, workspace: Workspace, found: Callable[[], object]) -> None:
        self._pump, self._found = pump, found
        self._workspace, self._store = workspace, RunStore(workspace)
        self._runs: list[Rate] = []
        self._trials: dict[str, Rate | None] = {}
        self._rest: Timer | None = None
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self.measuring = False

    def look_again(self) -> None:
        """Something has happened to a run: a trial that is being made would not be true."""
        self.close()
        in_background(self._pump, partial(rates_of_runs, self._store), self._looked, _ignored)

    def _looked(self, rates: list[Rate]) -> None:
        if rates != self._runs:
            self._runs = rates
            self._found()

    def rate(self, config: RunConfig, vocabulary: int) -> Rate | None:
        """The rate that tells most about this configuration. Pairs are measured: their lengths matter."""
        trial = self._trials.get(_key(config))
        if trial is not None or config.model.task == "seq2seq":
            return trial
        return nearest(self._runs, config, multiply_adds(config, vocabulary))

    def wish(self, config: RunConfig) -> None:
        """Measure this one when nothing else is wished for a while, unless that was tried."""
        self.forget_wish()
        if _key(config) not in self._trials:
            self._rest = self._pump.set_timer(REST_SECONDS, partial(self._measure, config))

    def forget_wish(self) -> None:
        """Nothing is to be measured any more."""
        if self._rest is not None:
            self._rest.stop()
            self._rest = None

    def close(self) -> None:
        """End the trial that is being made."""
        self.forget_wish()
        with self._lock:
            if self._child is not None:
                self._child.kill()

    def _measure(self, config: RunConfig) -> None:
        self._rest = None
        if not self.measuring:
            self.measuring = True
            self._found()
            failed = partial(self._measured, config, None)
            in_background(self._pump, partial(self._try, trial_of(config)), partial(self._measured, config), failed)

    def _measured(self, config: RunConfig, rate: Rate | None, error: RnnbenchError | None = None) -> None:
        self.measuring = False
        if not isinstance(error, _Busy):
            self._trials[_key(config)] = rate
        self._found()

    def _try(self, trial: RunConfig) -> Rate:
        """The trial itself, on a thread of its own. Raises RnnbenchError when it comes to nothing."""
        if self._store.running():
            raise _Busy("something is training here")
        sections = tuple(f"RNNBENCH_{section.upper()}_" for section in RunConfig.model_fields)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(sections)}
        with self._lock:
            self._child = subprocess.Popen(
                trial_command(self._workspace, trial),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        with self._child:
            output = self._child.communicate()[0]
        with self._lock:
            killed, self._child = self._child.returncode < 0, None  # a child of ours is only ended by `close`
        if killed:
            raise _Busy("it was ended")
        return rate_from(trial, output)


class _Busy(UnavailableError):
    """Not now; it can be tried again."""


def _key(config: RunConfig) -> str:
    return trial_of(config).model_dump_json()


def _ignored(error: RnnbenchError) -> None:
    """Without rates the form says less."""
