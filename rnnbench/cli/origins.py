"""Which checkpoint of which run a text is from, and how good that was when it was saved."""

from dataclasses import dataclass
from typing import Any

from rnnbench.metrics import perplexity
from rnnbench.runs.asking import Unknown
from rnnbench.runs.figures import figure
from rnnbench.runs.store import Run


@dataclass(frozen=True)
class Origin:
    """A checkpoint: its run, its step, and its validation loss in nats where it was scored."""

    run: Run
    step: int
    loss_nats: float | None

    def heading(self) -> str:
        """As it stands above a text beside others."""
        if self.loss_nats is None:
            return f"== {self.run.name}, step {self.step:,}, not scored"
        scored = f"validation {self.loss_nats:.3f} nats, perplexity {figure(perplexity(self.loss_nats))}"
        return f"== {self.run.name}, step {self.step:,}, {scored}"

    def record(self) -> dict[str, Any]:
        """The keys that every JSON object about a text has."""
        return {"run": self.run.name, "checkpoint": self.step, "validation_loss_nats": self.loss_nats}


@dataclass(frozen=True)
class Shown:
    """How an answer is given: as JSON, with a heading; and what becomes of symbols that the model does not know."""

    origin: Origin
    as_json: bool = False
    headed: bool = False
    unknown: Unknown = "replace"


def origin_of(run: Run, which: str) -> Origin:
    """The checkpoint that `best`, `last` or a step means now. Raises CheckpointError with those that are there."""
    from rnnbench.engine import checkpoints

    found = checkpoints.choose_trained(run.checkpoints, which)
    return Origin(run, found.step, found.loss_nats)


def steps_of(run: Run) -> list[int]:
    """The steps of a run that can be asked: a run keeps its last checkpoints and its best."""
    from rnnbench.engine import checkpoints

    return [manifest.step for manifest in checkpoints.manifests(run.checkpoints)]
