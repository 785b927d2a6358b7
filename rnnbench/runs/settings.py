"""Settings of training that a run takes while it is going: which, how large, and what they are now."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rnnbench.config import RunConfig
from rnnbench.errors import UsageError
from rnnbench.runs.progress import RunProgress

_LARGEST: Mapping[str, float] = {"learning_rate": 1000.0, "clip_norm": 1e9}
CHANGEABLE = tuple(_LARGEST)


@dataclass(frozen=True)
class Setting:
    """A setting of training with its value as it is written: a number, or off."""

    name: str
    text: str

    @property
    def title(self) -> str:
        """Its name as a person reads it."""
        return self.name.replace("_", " ")


def setting(name: str, value: str | float | None) -> float | None:
    """The value of a changeable setting, "off" as None. Raises UsageError that says what would be right."""
    if name not in CHANGEABLE:
        raise UsageError(f"{name} cannot be changed while a run is going", f"one of {', '.join(CHANGEABLE)}")
    if name == "clip_norm" and value == "off":
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number <= _LARGEST[name]:
        raise UsageError(f"{name} = {value}: should be a number above 0 and at most {_LARGEST[name]:g}")
    return number


def present(config: RunConfig, progress: RunProgress) -> tuple[Setting, ...]:
    """The changeable settings as they are: what was changed last, else what the run was started with."""
    clip = config.training.clip_norm
    begun = {"learning_rate": f"{config.training.learning_rate:g}", "clip_norm": f"{clip:g}" if clip else "off"}
    changed = {event.name.removeprefix("training."): event.value for event in progress.settings}
    return tuple(Setting(name, changed.get(name, begun[name])) for name in CHANGEABLE)
