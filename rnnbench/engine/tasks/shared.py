"""A task that several processes train together: each has its lanes of every batch, gradients are averaged."""

import contextlib
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rnnbench.engine.tasks.base import Check, Result, Task, Update


class _Loss(nn.Module):
    """The loss of this process's lanes as a module, which is what DistributedDataParallel can watch."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network, self._task, self.tokens = task.network, task, 0

    def forward(self, batch: int, state: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss in nats () with its graph, and the state after it without."""
        update = self._task.loss(batch, state)
        self.tokens = update.tokens
        return update.loss, update.state.detach()


class SharedTask(Task):
    """Wraps this process's task: lanes of equal number and length, so the mean of means is the mean over the batch."""

    def __init__(self, task: Task, accumulate: int, group: dist.ProcessGroup | None) -> None:
        self._task, self._accumulate = task, accumulate
        self.network = task.network
        self.steps_per_epoch, self.tokens_per_step = task.steps_per_epoch, task.tokens_per_step
        self._loss, self._processes = _Loss(task), dist.get_world_size()
        self._parallel = DistributedDataParallel(self._loss, process_group=group)
        self._lay_out()

    def _lay_out(self) -> None:
        """Go through one batch for nothing. After the first one, gradients are averaged in another order, that in which
        they came; a resumed run would otherwise make its first step unlike the run that was not interrupted.
        """
        devices = {parameter.device for parameter in self.network.parameters() if parameter.device.type == "cuda"}
        with torch.random.fork_rng(devices):
            loss, _ = self._parallel(0, self.initial_state())
            loss.backward()
        self.network.zero_grad()

    def initial_state(self) -> Tensor:
        """Of this process's lanes."""
        return self._task.initial_state()

    def loss(self, step: int, state: Tensor) -> Update:
        """The loss of this process's lanes; going backward from it averages the gradients, of the last batch of an
        update those of all its batches. The tokens are those of all processes.
        """
        last = step % self.steps_per_epoch % self._accumulate == self._accumulate - 1
        with contextlib.nullcontext() if last else self._parallel.no_sync():
            loss, after = self._parallel(step, state)
        return Update(loss, after, self._loss.tokens * self._processes)

    def rate_share(self, step: int) -> float:
        """The same for all processes."""
        return self._task.rate_share(step)

    def tokens_in(self, split: str) -> int:
        """Tokens of a split."""
        return self._task.tokens_in(split)

    def score(self, split: str, check: Check) -> Result:
        """How well the network predicts a split; one process does it alone."""
        return self._task.score(split, check)

    def score_training(self, most: int, check: Check) -> Result:
        """How well the network predicts a part of the training split; one process does it alone."""
        return self._task.score_training(most, check)

    def samples(self) -> Iterator[tuple[str, str]]:
        """What the network makes of each prompt; one process does it alone."""
        return self._task.samples()

    def guard(self) -> None:
        """Raise RnnbenchError when a prediction sees what it must not."""
        self._task.guard()
