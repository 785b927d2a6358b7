"""What a training process holds: network, optimizer, batches, position; built from a seed or from a checkpoint."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.engine import checkpoints, devices, optimization
from rnnbench.engine.checkpoints import Checkpoint, Origin, Position
from rnnbench.engine.control import Control
from rnnbench.engine.models import Network
from rnnbench.engine.tasks import Task, make_task
from rnnbench.engine.tasks.base import Text
from rnnbench.errors import CheckpointError
from rnnbench.runs import narration
from rnnbench.runs.events import CheckpointSaved, Event, RunResumed, RunStarted, Warned
from rnnbench.runs.store import Run
from rnnbench.text import vocabulary
from rnnbench.text.baselines import Baselines

_EVALUATIONS = 12  # in a run, where the configuration does not say
_FEWEST_BETWEEN = 5  # steps between two evaluations that nobody asked for
_LONGEST_BETWEEN = 120.0  # seconds between two evaluations of a run that only the clock ends
_EVALUATION_SHARE = 20  # evaluations take at most a twentieth of such a run
_TOKENS_PER_LOSS = 256  # a recorded loss covers at least this many tokens, so that tiny steps do not flood the log
_BELONGING = ("corpus_digest", "ids_digest", "vocabulary_digest", "model")


@dataclass
class Session:
    """The state of training. `position` and the tensors are what a checkpoint remembers of it."""

    config: RunConfig
    run: Run
    text: Text
    control: Control
    device: torch.device
    threads: int
    task: Task
    optimizer: torch.optim.Optimizer
    state: Tensor
    position: Position = field(default_factory=Position)
    saved_at: float = 0.0
    saved_position: Position | None = None
    _clock_started: float = field(default_factory=time.perf_counter)

    @classmethod
    def prepare(cls, config: RunConfig, run: Run, text: Text, control: Control) -> "Session":
        """Build the task and what trains it, from the seed. Raises RnnbenchError when that cannot be done here."""
        device, threads = devices.prepare(config)
        task = make_task(config, text, device)
        optimizer = optimization.make_optimizer(task.network.parameters(), config.training)
        for file, known in (
            (run.vocabulary_file, text.vocabulary),
            (run.source_vocabulary_file, text.source_vocabulary),
        ):
            if known is not None and not file.exists():
                storage.write_json(file, known.to_json())
        return cls(config, run, text, control, device, threads, task, optimizer, task.initial_state())

    @property
    def network(self) -> Network:
        """The weights that are trained."""
        return self.task.network

    # -- what is planned -----------------------------------------------------------------------------------------

    @property
    def steps_per_loss(self) -> int:
        """How many steps one recorded loss covers."""
        return max(1, _TOKENS_PER_LOSS // self.task.tokens_per_step)

    @property
    def planned_steps(self) -> int | None:
        """The step at which the run ends; None when only the clock ends it."""
        training = self.config.training
        ends = [training.max_steps] if training.max_steps else []
        ends += [training.epochs * self.task.steps_per_epoch] if training.epochs else []
        return min(ends) if ends else None

    def elapsed_seconds(self) -> float:
        """Wall clock since training began, evaluation and checkpoints counted, over all resumes."""
        return self.position.elapsed_seconds + time.perf_counter() - self._clock_started

    def start_clock(self) -> None:
        """Training begins now: what came before was preparation."""
        self._clock_started = time.perf_counter()
        self.saved_at = time.monotonic()

    def fraction_done(self) -> float:
        """Share of the budget used, by steps or by the clock, whichever is further."""
        minutes, planned = self.config.training.minutes, self.planned_steps
        by_clock = self.elapsed_seconds() / (minutes * 60) if minutes else 0.0
        by_steps = self.position.step / planned if planned else 0.0
        return max(by_clock, by_steps)

    def evaluation_due(self) -> bool:
        """Whether to score now: at steps that the configuration alone decides, unless only the clock ends the run."""
        step = self.position.step
        if step == self.position.evaluated_step:
            return False
        every = self.config.evaluation.every_steps
        if every is None and self.planned_steps is not None:
            every = max(narration.round_number(self.planned_steps / _EVALUATIONS), _FEWEST_BETWEEN)
        if every is not None:
            return step % every == 0
        return self.elapsed_seconds() >= self.position.next_evaluation

    def next_evaluation(self, seconds: float) -> float:
        """The elapsed second at which to score again, after an evaluation that took so long."""
        if self.planned_steps is not None:
            return 0.0  # steps decide there, and a position must not depend on the clock
        budget = (self.config.training.minutes or 0.0) * 60
        wait = max(min(budget / _EVALUATIONS, _LONGEST_BETWEEN), seconds * _EVALUATION_SHARE)
        return self.elapsed_seconds() + wait

    def checkpoint_due(self) -> bool:
        """Whether to save now: because somebody asked, or because it is time."""
        return self.control.save_asked or time.monotonic() - self.saved_at > self.config.checkpoints.every_seconds

    # -- save and restore ----------------------------------------------------------------------------------------

    def save(self) -> CheckpointSaved:
        """Write a checkpoint, and only when it is on disk and verified drop older ones."""
        position = replace(self.position, elapsed_seconds=self.elapsed_seconds())
        best = position.step == position.best_step
        checkpoint = Checkpoint(self._tensors(), position, self.origin())
        loss_nats = position.best_loss_nats if best else None
        manifest = checkpoints.save(self.run.checkpoints, checkpoint, loss_nats)
        checkpoints.prune(self.run.checkpoints, self.config.checkpoints.keep)
        self.saved_at, self.control.save_asked = time.monotonic(), False
        self.saved_position = self.position
        return CheckpointSaved(step=position.step, best=best, bytes=manifest.bytes)

    def restore(self) -> Iterator[Event]:
        """Continue from the last checkpoint that verifies, or write checkpoint 0: it proves space and rights."""
        damaged: list[str] = []
        checkpoint = checkpoints.load_latest(self.run.checkpoints, damaged.append)
        yield from (Warned(message=message) for message in damaged)
        if checkpoint is None:
            self.task.guard()
            yield self.save()
            return
        exact = self._belongs(checkpoint.origin)
        self._take_over(checkpoint)
        yield RunResumed(step=self.position.step, exact=exact)

    def _belongs(self, origin: Origin) -> bool:
        """Whether the run continues bit by bit. Raises CheckpointError when the checkpoint is of something else."""
        here = self.origin()
        other = [name for name in _BELONGING if getattr(origin, name) != getattr(here, name)]
        if other:
            names = " and ".join(name.replace("_digest", "").replace("ids", "encoded text") for name in other)
            raise CheckpointError(
                f"the checkpoint does not fit: {names} changed since it was made", "nothing was loaded or changed"
            )
        return origin == here

    def _take_over(self, checkpoint: Checkpoint) -> None:
        load_weights(self.network, checkpoint)
        _restore_optimizer(self.optimizer, checkpoint)
        self.state = checkpoint.tensors["state"].to(self.device)
        torch.set_rng_state(checkpoint.tensors["random.cpu"])
        if self.device.type == "cuda" and "random.cuda" in checkpoint.tensors:
            torch.cuda.set_rng_state(checkpoint.tensors["random.cuda"], self.device)
        self.position = checkpoint.position

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"model.{name}": tensor.detach() for name, tensor in self.network.named_parameters()}
        for index, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{index}.{name}"] = value
        tensors["state"] = self.state
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        return {name: tensor.cpu() for name, tensor in tensors.items()}

    def origin(self) -> Origin:
        """What this session belongs to and computes with."""
        return Origin(
            corpus_digest=self.text.digest,
            ids_digest=self.text.ids_digest,
            vocabulary_digest=vocabulary.digest_of(self.text.vocabulary, self.text.source_vocabulary),
            model=self.config.model.model_dump_json(exclude_defaults=True),
            torch_version=torch.__version__,
            device=devices.describe_device(self.device),
            threads=self.threads,
        )

    def started(self, counted: Baselines) -> RunStarted:
        """What is known before the first step."""
        training, known = self.config.training, self.text.vocabulary
        return RunStarted(
            device=devices.describe_device(self.device),
            threads=self.threads,
            torch_version=torch.__version__,
            implementation=self.network.implementation,
            parameters=sum(parameter.numel() for parameter in self.network.parameters()),
            planned_steps=self.planned_steps,
            planned_seconds=training.minutes * 60 if training.minutes else None,
            steps_per_epoch=self.task.steps_per_epoch,
            tokens_per_step=self.task.tokens_per_step,
            steps_per_loss=self.steps_per_loss,
            corpus_digest=self.text.file_digest,
            corpus_characters=self.text.characters,
            corpus_tokens=self.text.tokens,
            vocabulary_size=len(known),
            validation_tokens=self.task.tokens_in("validation"),
            uniform_loss_nats=counted.uniform.loss_nats or 0.0,
            unigram_loss_nats=counted.unigram.loss_nats or 0.0,
            ngram_loss_nats=counted.ngram.loss_nats,
            task=self.config.model.task,
            encoding=" + ".join(dict.fromkeys(member.encoding for member in self.text.members)),
            lossy=", ".join(self.text.switches),
            replaced_characters=self.text.replaced,
        )


def load_weights(network: Network, checkpoint: Checkpoint) -> None:
    """Put a checkpoint's weights into a network. Raises CheckpointError when they are not of its shape."""
    for name, parameter in network.named_parameters():
        stored = checkpoint.tensors.get(f"model.{name}")
        if stored is None or stored.shape != parameter.shape:
            raise CheckpointError(f"the checkpoint does not fit the network: {name} is missing or of another shape")
        with torch.no_grad():
            parameter.copy_(stored)


def _restore_optimizer(optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    record = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": record["param_groups"]})
