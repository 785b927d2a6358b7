"""The processes of a run, as one of them sees them: what rank 0 tells the others, and what all of them put together.

Rank 0 decides what comes next; what it tells is a broadcast of a few numbers. Gradients are averaged by torch's
DistributedDataParallel (Li et al. 2020). A process alone has a `World` in which all of this is nothing.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum

import safetensors.torch
import torch
import torch.distributed as dist
from torch import Tensor

from rnnbench import config as configuration
from rnnbench.config import RunConfig
from rnnbench.engine.launch import ALONE, Place
from rnnbench.engine.tasks.base import Task, Update
from rnnbench.engine.tasks.shared import SharedTask
from rnnbench.errors import ExitCode, ProcessLostError, RnnbenchError, Stopped

STEP_TIMEOUT = timedelta(minutes=5)
"""How long a process waits for another within a step or a save, before it holds it for lost."""
_PLACE_IN_SOURCE = re.compile(r"\[\S+:\d+\] (?=[A-Z])")
_ORDER_TIMEOUT = timedelta(days=30)  # rank 0 encodes a text, evaluates, or pauses: the others have nothing to do


class Kind(IntEnum):
    """What rank 0 tells the others to do with it."""

    STEP = 0  # an update
    GATHER = 1  # put the carried states together, for a checkpoint
    ADOPT = 2  # take over the tensors of a checkpoint
    LEAVE = 3  # the end


@dataclass(frozen=True)
class Order:
    """An order and its numbers: of STEP the step from 0, the rate, and the position's `clip_norm`; of LEAVE a code."""

    kind: Kind
    step: int = 0
    rate: float = 0.0
    clip_norm: float | None = None
    code: int = 0

    def packed(self) -> Tensor:
        """As numbers (5,) of float64, which holds every step exactly."""
        clip_norm = math.nan if self.clip_norm is None else self.clip_norm
        return torch.tensor([self.kind, self.step, self.rate, clip_norm, self.code], dtype=torch.float64)

    @classmethod
    def unpacked(cls, numbers: Tensor) -> "Order":
        """From what `packed` made."""
        kind, step, rate, clip_norm, code = numbers.tolist()
        return cls(Kind(int(kind)), int(step), rate, None if math.isnan(clip_norm) else clip_norm, int(code))


@dataclass(frozen=True)
class Plan:
    """What every process has to know before it begins: the run's name, its configuration, and which text."""

    run: str
    config: RunConfig
    ids_digest: str

    def packed(self) -> bytes:
        """As JSON."""
        return json.dumps([self.run, self.config.model_dump(mode="json"), self.ids_digest]).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> "Plan":
        """From what `packed` made."""
        run, config, ids_digest = json.loads(data)
        return cls(run, configuration.validate(config), ids_digest)


class World:
    """One process alone: nobody to tell, nothing to wait for."""

    place: Place = ALONE

    def tell(self, order: Order) -> None:
        """Rank 0: say what comes next; the others have to `hear` it."""

    def tell_step(self, step: int, rate: float, clip_norm: float | None) -> None:
        """Rank 0: make the update `step`, counted from 0, at this rate."""

    def announce(self, plan: Plan) -> None:
        """Rank 0: say what is trained."""

    def hand_round(self, data: bytes) -> bytes:
        """The bytes that rank 0 has, whatever the others give. Every process calls it, as all that follow."""
        return data

    def hand_round_tensors(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The named tensors that rank 0 has, on the CPU."""
        return tensors

    def wait_for_all(self) -> None:
        """Return when every process has come so far, however long that takes."""

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all processes by rank, of one shape and type, on the CPU."""
        return [tensor.cpu()]

    def agreed(self, update: Update) -> Update:
        """An update with the mean loss of all processes; the graph, which has been walked, is left behind."""
        return update

    def describe(self, device: str) -> str:
        """The devices of all processes, from that of rank 0."""
        return device

    def spread(self, task: Task, accumulate: int) -> Task:
        """The task, which each has built for its own lanes, with gradients averaged over all processes.

        `accumulate` is the number of batches in an update.
        """
        return task


class Group(World):
    """Several processes, joined. What goes wrong between them is a RuntimeError, which `translated` explains."""

    def __init__(self, place: Place) -> None:
        self.place = place
        dist.init_process_group("gloo", timeout=STEP_TIMEOUT)  # the place of rank 0 stands in the environment
        self._orders = dist.new_group(backend="gloo", timeout=_ORDER_TIMEOUT)
        self._device_group: dist.ProcessGroup | None = None

    def tell(self, order: Order) -> None:
        """Send an order; does not wait until it has arrived."""
        dist.broadcast(order.packed(), 0, group=self._orders)

    def tell_step(self, step: int, rate: float, clip_norm: float | None) -> None:
        """As an order."""
        self.tell(Order(Kind.STEP, step, rate, clip_norm))

    def announce(self, plan: Plan) -> None:
        """To everybody who listens."""
        self.hand_round(plan.packed())

    def listen(self) -> Plan:
        """The plan, which comes when rank 0 has read the text, however long that takes."""
        return Plan.unpacked(self.hand_round(b""))

    def hear(self) -> Order:
        """The next order, however long that takes."""
        numbers = Order(Kind.LEAVE).packed()
        dist.broadcast(numbers, 0, group=self._orders)
        return Order.unpacked(numbers)

    def hand_round(self, data: bytes) -> bytes:
        """Size first, then the bytes."""
        size = torch.tensor([len(data)])
        dist.broadcast(size, 0, group=self._orders)
        payload = torch.empty(int(size), dtype=torch.uint8)
        if self.place.leads:
            payload.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        dist.broadcast(payload, 0, group=self._orders)
        return data if self.place.leads else payload.numpy().tobytes()

    def hand_round_tensors(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """As safetensors bytes: nothing is ever unpickled."""
        if self.place.leads:
            self.hand_round(safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()}))
            return tensors
        return safetensors.torch.load(self.hand_round(b""))

    def wait_for_all(self) -> None:
        """A barrier."""
        dist.barrier(group=self._orders)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """To every process, so that all do the same."""
        own = tensor.detach().cpu().contiguous()
        found = [torch.empty_like(own) for _ in range(self.place.size)]
        dist.all_gather(found, own)
        return found

    def agreed(self, update: Update) -> Update:
        """Lanes are of equal number and length, so the mean of the means is the mean over the batch."""
        total = update.loss.detach().clone()
        dist.all_reduce(total, group=self._on(total.device))
        return replace(update, loss=total / self.place.size)

    def describe(self, device: str) -> str:
        """With the number of processes."""
        return f"{device}, {self.place.size} processes"

    def spread(self, task: Task, accumulate: int) -> Task:
        """Wait until all have built theirs, then wrap it."""
        self.wait_for_all()
        device = next(task.network.parameters()).device
        if device.type == "cuda":
            self._device_group = dist.new_group(backend="nccl", timeout=STEP_TIMEOUT)
        return SharedTask(task, accumulate, self._on(device))

    def dismiss(self, code: ExitCode) -> None:
        """Rank 0: tell the others to leave with this code, as far as they are still there, and leave the group."""
        with contextlib.suppress(RuntimeError):
            self.tell(Order(Kind.LEAVE, code=code))
        self.leave()

    def leave(self) -> None:
        """Close the connections."""
        dist.destroy_process_group()

    def _on(self, device: torch.device) -> dist.ProcessGroup | None:
        """The group that averages tensors on a device; None is the one on the CPU."""
        return self._device_group if device.type == "cuda" else None


@contextlib.contextmanager
def lead(place: Place) -> Iterator[World]:
    """The world of rank 0, or of a process alone. When it is left, the others are told to leave as well."""
    if place.size == 1:
        yield World()
        return
    with translated():
        group = Group(place)
    try:
        with translated():
            yield group
    except ProcessLostError:
        raise  # who is told anything now might never answer
    except (Stopped, RnnbenchError) as error:
        group.dismiss(error.exit_code)
        raise
    except BaseException:
        group.dismiss(ExitCode.FAILED)
        raise
    group.dismiss(ExitCode.DONE)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Say for a person that a process was lost, where torch says that a connection was."""
    try:
        yield
    except RuntimeError as error:
        if not _is_loss(error):
            raise
        reason = _PLACE_IN_SOURCE.sub("", str(error).splitlines()[0]).partition(". ")[0][:300]
        raise ProcessLostError(
            f"another process of this run was lost ({reason}); the last checkpoint was kept",
            "look at its messages, then continue with `rnnbench resume`, with as many processes or with fewer",
        ) from error


def _is_loss(error: RuntimeError) -> bool:
    """Whether an error comes from the connection: gloo's have no type of their own, only its name in the text."""
    text = str(error).lower()
    return isinstance(error, dist.DistError) or "gloo" in text or "nccl" in text
