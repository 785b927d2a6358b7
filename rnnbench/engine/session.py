"""What a training process holds: network, optimizer, batches, position; built from a seed or from a checkpoint."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.engine import agenda, checkpoints, devices, optimization, patience, precision, randomness, threads
from rnnbench.engine.averaging import AveragedSGD
from rnnbench.engine.checkpoints import Checkpoint, Origin, Position
from rnnbench.engine.control import Control
from rnnbench.engine.distributed import Kind, Order, World
from rnnbench.engine.models import Network
from rnnbench.engine.tasks import Task, make_task
from rnnbench.engine.tasks.base import Text
from rnnbench.errors import CheckpointError, CorpusError, DivergedError
from rnnbench.runs.events import CheckpointSaved, Event, RunResumed, RunStarted, SettingChanged, Warned
from rnnbench.runs.store import Run
from rnnbench.text import vocabulary
from rnnbench.text.baselines import Baselines

_TOKENS_PER_LOSS = 256  # a recorded loss covers at least this many tokens, so that tiny steps do not flood the log
_LANES = 2  # the dimension of the lanes in a carried state (S, L, B, H)
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
    world: World = field(default_factory=World)
    position: Position = field(default_factory=Position)
    saved_at: float = 0.0
    saved_position: Position | None = None
    evaluation_seconds: float = 0.0
    saving_seconds: float = 0.0
    notices: tuple[str, ...] = ()
    """What somebody should know before the first step."""
    _clock_started: float = field(default_factory=time.perf_counter)

    @classmethod
    def prepare(
        cls, config: RunConfig, run: Run, text: Text, control: Control, world: World | None = None
    ) -> "Session":
        """Build the task and what trains it, from the seed. Raises RnnbenchError when that cannot be done here."""
        world = world or World()
        device, _ = devices.prepare(config, world.place)
        task = make_task(config, text, device, world.place)
        _check_accumulation(config, task)
        chosen = threads.settle(config, device, task, world.place, _threads_of(run, world.place.size))
        notices = tuple(filter(None, (precision.warning(device, config.machine), chosen.warning)))
        randomness.part(config.training.seed, world.place)
        optimizer = optimization.make_optimizer(task.network.parameters(), config.training)
        for file, known in (
            (run.vocabulary_file, text.vocabulary),
            (run.source_vocabulary_file, text.source_vocabulary),
        ):
            if known is not None and world.place.leads and not file.exists():
                storage.write_json(file, known.to_json())
        task = world.spread(task, config.training.accumulate)
        state = task.initial_state()
        return cls(config, run, text, control, device, chosen.threads, task, optimizer, state, world, notices=notices)

    @property
    def network(self) -> Network:
        """The weights that are trained."""
        return self.task.network

    # -- what is planned -----------------------------------------------------------------------------------------

    @property
    def steps_per_loss(self) -> int:
        """How many steps one recorded loss covers."""
        return max(1, _TOKENS_PER_LOSS // self.tokens_per_step)

    @property
    def tokens_per_step(self) -> int:
        """Training tokens in one update."""
        return self.task.tokens_per_step * self.config.training.accumulate

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one pass over the text; batches at its end that do not fill an update are left out."""
        return self.task.steps_per_epoch // self.config.training.accumulate

    def batches_of(self, step: int) -> range:
        """The numbers of the batches that make the update `step`, both counted from 0."""
        count = self.config.training.accumulate
        if count == 1:
            return range(step, step + 1)
        epoch, index = divmod(step, self.steps_per_epoch)
        first = epoch * self.task.steps_per_epoch + index * count
        return range(first, first + count)

    @property
    def planned_steps(self) -> int | None:
        """The step at which the run ends; None when only the clock ends it."""
        training = self.config.training
        ends = [training.max_steps] if training.max_steps else []
        ends += [training.epochs * self.steps_per_epoch] if training.epochs else []
        return min(ends) if ends else None

    def elapsed_seconds(self) -> float:
        """Wall clock since training began, evaluation and checkpoints counted, over all resumes."""
        return self.position.elapsed_seconds + time.perf_counter() - self._clock_started

    def start_clock(self) -> None:
        """Training begins now: what came before was preparation."""
        self._clock_started = time.perf_counter()
        self.saved_at = time.monotonic()

    @contextlib.contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """What happens within does not count as elapsed time."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._clock_started += time.perf_counter() - began

    def fraction_done(self) -> float:
        """Share of the budget used, by steps or by the clock, whichever is further.

        The clock leaves room for what comes after the last update: it is expected to take what it took before.
        """
        minutes, planned = self.config.training.minutes, self.planned_steps
        by_clock = self.elapsed_seconds() / max(minutes * 60 - self._ending_seconds(), 1e-9) if minutes else 0.0
        by_steps = self.position.step / planned if planned else 0.0
        return max(by_clock, by_steps)

    def _ending_seconds(self) -> float:
        """How long the last evaluation, the test and their checkpoints will take; at most half of the budget."""
        validation, test = self.task.tokens_in("validation"), self.task.tokens_in("test")
        expected = self.evaluation_seconds * (1 + test / max(validation, 1)) + self.saving_seconds
        return min(expected, (self.config.training.minutes or 0.0) * 30)

    def finished(self) -> bool:
        """Whether the budget is used, or the run stops early."""
        return self.fraction_done() >= 1 or self.stops_early

    @property
    def stops_early(self) -> bool:
        """Whether the last evaluation was one too many without improvement."""
        return patience.exhausted(self.position, self.config.training)

    def evaluation_due(self) -> bool:
        """Whether to score now: at steps that the configuration alone decides, unless only the clock ends the run."""
        step, planned = self.position.step, self.planned_steps
        if step == self.position.evaluated_step:
            return False
        if agenda.decided_by_steps(self.config.evaluation, planned):
            return agenda.is_due(step, self.config.evaluation, planned, self.steps_per_epoch)
        return self.elapsed_seconds() >= self.position.next_evaluation

    def steps_alone(self, most: int) -> int:
        """How many updates can follow each other, at most so many, before steps decide that something else is due."""
        step, planned, losses = self.position.step, self.planned_steps, self.steps_per_loss
        most = min(most, losses - step % losses, planned - step if planned else most)
        if not agenda.decided_by_steps(self.config.evaluation, planned):
            return most
        later = range(step + 1, step + most)
        epoch, evaluation = self.steps_per_epoch, self.config.evaluation
        return next((at for at in later if agenda.is_due(at, evaluation, planned, epoch)), step + most) - step

    def judge(self, loss_nats: float, seconds: float) -> bool:
        """Take in what an evaluation found, which took so many seconds; whether it is the best so far."""
        training, self.evaluation_seconds = self.config.training, seconds
        position = replace(
            patience.judged(self.position, loss_nats, training), next_evaluation=self._next_evaluation(seconds)
        )
        optimizer = self.optimizer
        if isinstance(optimizer, AveragedSGD) and not optimizer.averaging and position.waited >= training.average_after:
            optimizer.begin()
            position = replace(position, waited=0)  # what follows from waiting is left to the averaged weights
        self.position = position
        return position.best_step == position.step

    def _next_evaluation(self, seconds: float) -> float:
        """The elapsed second at which to score again, after an evaluation that took so long."""
        if agenda.decided_by_steps(self.config.evaluation, self.planned_steps):
            return 0.0  # a position must not depend on the clock there
        elapsed, budget = self.elapsed_seconds(), (self.config.training.minutes or 0.0) * 60
        return elapsed + agenda.seconds_until_next(budget, elapsed, seconds)

    @property
    def clip_norm(self) -> float | None:
        """The norm that gradients are clipped to; None where they are not."""
        changed = self.position.clip_norm
        return self.config.training.clip_norm if changed is None else changed or None

    def checkpoint_due(self) -> bool:
        """Whether to save now: because somebody asked, or because it is time."""
        return self.control.save_asked or time.monotonic() - self.saved_at > self.config.checkpoints.every_seconds

    # -- save and restore ----------------------------------------------------------------------------------------

    def save(self) -> CheckpointSaved:
        """Write a checkpoint, and only when it is on disk and verified drop older ones."""
        began = time.perf_counter()
        position = replace(self.position, elapsed_seconds=self.elapsed_seconds())
        best = position.step == position.best_step
        with optimization.averaged(self.optimizer):
            checkpoint = Checkpoint(self._tensors(), position, self.origin())
            manifest = checkpoints.save(self.run.checkpoints, checkpoint, position.loss_nats)
        checkpoints.prune(self.run.checkpoints, self.config.checkpoints.keep)
        self.saved_at, self.control.save_asked = time.monotonic(), False
        self.saved_position, self.saving_seconds = self.position, time.perf_counter() - began
        return CheckpointSaved(step=position.step, best=best, bytes=manifest.bytes)

    def restore(self) -> Iterator[Event]:
        """Continue from the last checkpoint that verifies, or write checkpoint 0: it proves space and rights."""
        damaged: list[str] = []
        checkpoint = checkpoints.load_latest(self.run.checkpoints, damaged.append)
        yield from (Warned(message=message) for message in damaged)
        if checkpoint is None:
            self.task.guard()
            yield self.save()
            self._hand_round(self._tensors())  # the weights may be those of another run, which rank 0 has read
            return
        exact = self._belongs(checkpoint.origin)
        before, now = checkpoint.origin.processes, self.world.place.size
        if before != now:
            yield Warned(message=f"not exact: {before} process(es) made the checkpoint, {now} go on from it")
        self._take_over(checkpoint)
        yield RunResumed(step=self.position.step, exact=exact)

    def roll_back(self, why: DivergedError) -> Iterator[Event]:
        """Go back to the last good checkpoint with half the learning rate. Raises `why` when that is not allowed."""
        training, rollbacks = self.config.training, self.position.rollbacks + 1
        checkpoint = checkpoints.load_latest(self.run.checkpoints, lambda message: None)
        if training.on_divergence != "rollback" or rollbacks > training.rollbacks or checkpoint is None:
            raise why
        rate = (self.position.learning_rate or training.learning_rate) / 2
        elapsed = self.elapsed_seconds()
        self._take_over(checkpoint)
        self.position = replace(self.position, learning_rate=rate, rollbacks=rollbacks, elapsed_seconds=elapsed)
        self._clock_started = time.perf_counter()
        step = self.position.step
        yield Warned(message=f"{why.message.partition(';')[0]}; back to step {step}, attempt {rollbacks}")
        yield RunResumed(step=step, exact=False)
        yield SettingChanged(step=step, name="training.learning_rate", value=f"{rate:g}")
        yield self.save()  # a run that is killed now goes on with the lower rate

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
        """Let every process go on from a checkpoint."""
        self._hand_round(checkpoint.tensors)
        self.adopt(checkpoint)
        self.position = checkpoint.position

    def _hand_round(self, tensors: dict[str, Tensor]) -> None:
        self.world.tell(Order(Kind.ADOPT))
        self.world.hand_round_tensors(tensors)

    def adopt(self, checkpoint: Checkpoint) -> None:
        """Take the tensors of a checkpoint; of what belongs to lanes or processes this process's part."""
        load_weights(self.network, checkpoint)
        _restore_optimizer(self.optimizer, checkpoint)
        if isinstance(self.optimizer, AveragedSGD):
            self.optimizer.exchange()  # a checkpoint holds the mean as the network's weights, and its own beside it
        state = checkpoint.tensors["state"]
        if state.dim() > _LANES:
            lanes = self.world.place.lanes(state.shape[_LANES])
            state = state.narrow(_LANES, lanes.start, lanes.stop - lanes.start)
        self.state = state.to(self.device)
        randomness.restore(checkpoint.tensors, self.device, self.world.place)

    def gather(self) -> dict[str, Tensor]:
        """`state` of all lanes, and `random.*` of all processes. Every process calls it, those told to GATHER."""
        states = self.world.gather(self.state)
        state = torch.cat(states, dim=_LANES) if self.state.dim() > _LANES else states[0]
        return {"state": state, **randomness.gather(self.device, self.world)}

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"model.{name}": tensor.detach() for name, tensor in self.network.named_parameters()}
        for index, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{index}.{name}"] = value
        self.world.tell(Order(Kind.GATHER))
        return {name: tensor.cpu() for name, tensor in (tensors | self.gather()).items()}

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
            processes=self.world.place.size,
        )

    def started(self, counted: Baselines) -> RunStarted:
        """What is known before the first step."""
        training, known = self.config.training, self.text.vocabulary
        return RunStarted(
            device=self.world.describe(devices.describe_device(self.device)),
            threads=self.threads,
            torch_version=torch.__version__,
            precision=precision.describe(self.device, self.config.machine),
            implementation=self.network.implementation,
            parameters=sum(parameter.numel() for parameter in self.network.parameters()),
            planned_steps=self.planned_steps,
            planned_seconds=training.minutes * 60 if training.minutes else None,
            steps_per_epoch=self.steps_per_epoch,
            tokens_per_step=self.tokens_per_step,
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
            tokens_digest=self.text.tokens_digest,
        )


def _threads_of(run: Run, processes: int) -> int | None:
    """The threads that the last checkpoint was made with; None where there is none, or another number of processes."""
    found = checkpoints.manifests(run.checkpoints)
    origin = found[-1].record["origin"] if found else {}
    return int(origin["threads"]) if origin and origin.get("processes", 1) == processes else None


def _check_accumulation(config: RunConfig, task: Task) -> None:
    """Raise CorpusError when an epoch has not the batches of one update."""
    if task.steps_per_epoch < config.training.accumulate:
        raise CorpusError(
            f"training.accumulate is {config.training.accumulate:,}, but an epoch has {task.steps_per_epoch:,} batches",
            "lower training.accumulate, --batch-size or --steps-per-sequence, or use a longer text",
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
