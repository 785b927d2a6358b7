"""A process's place among those that train one run together; read from what torchrun sets, torch is not needed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rnnbench.config import RunConfig
from rnnbench.errors import UsageError

_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    """Process `rank` of `size`, and `local_rank` of the `local_size` on this machine, all counted from 0.

    Rank 0 leads: it decides, evaluates, samples, writes and speaks. The others take their share of every batch.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that decides and writes."""
        return self.rank == 0

    def lanes(self, batch_size: int) -> slice:
        """Which of B sequences are this process's: rank r of N reads [r B/N, (r + 1) B/N)."""
        own = batch_size // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def check(self, config: RunConfig, *, headless: bool) -> None:
        """Raise UsageError, which says what would do, when these processes cannot train the run together."""
        if self.size == 1:
            return
        if not headless:
            raise UsageError("several processes train without the workbench", "add --headless")
        if config.model.task == "seq2seq":
            raise UsageError(
                "seq2seq trains in one process: its batches are too uneven to be cut in equal parts",
                "leave torchrun out",
            )
        if config.machine.device not in ("auto", "cpu", "cuda"):
            raise UsageError(
                f"{self.size} processes cannot share the device {config.machine.device}",
                "use --device cpu, or --device cuda, which gives each process the GPU of its local rank",
            )
        self._check_lanes(config.training.batch_size)

    def _check_lanes(self, batch_size: int) -> None:
        if batch_size % self.size:
            larger = -(-batch_size // self.size) * self.size
            fitting = [str(count) for count in range(1, self.size) if batch_size % count == 0]
            raise UsageError(
                f"a batch of {batch_size} sequences cannot be cut in {self.size} equal parts",
                f"the next size that can is --batch-size {larger}; fewer processes that fit: {', '.join(fitting)}",
            )


ALONE = Place()


def find_place(environment: Mapping[str, str] | None = None) -> Place:
    """The place of this process; alone where the environment does not say otherwise. Raises UsageError."""
    known = os.environ if environment is None else environment
    if not all(name in known for name in _VARIABLES):
        return ALONE
    try:
        size = int(known["WORLD_SIZE"])
        local_size = int(known.get("LOCAL_WORLD_SIZE", "1"))
        place = Place(int(known["RANK"]), size, int(known["LOCAL_RANK"]), local_size)
    except ValueError:
        raise UsageError(
            "RANK, WORLD_SIZE or LOCAL_RANK is not a number", "start the processes with torchrun"
        ) from None
    if not (0 <= place.rank < size and 0 <= place.local_rank < local_size <= size):
        raise UsageError(f"there is no process {place.rank} of {size}", "start the processes with torchrun")
    return place if size > 1 else ALONE
