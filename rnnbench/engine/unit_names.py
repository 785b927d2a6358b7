"""What a hidden unit is called: LAYER:NUMBER, and LAYER:NUMBER:c for its memory. Loads no torch."""

import re
from dataclasses import dataclass

from rnnbench import sizing
from rnnbench.config import ModelConfig
from rnnbench.errors import UsageError

STATES = ("h", "c")
"""The parts of a state, in their order in it."""
_WRITTEN = re.compile(r"([0-9]{1,6}):([0-9]{1,6})(?::([hc]))?")


@dataclass(frozen=True)
class Unit:
    """A unit of a layer, both counted from 1: its output h, or its memory c."""

    layer: int
    number: int
    state: str = "h"

    def __str__(self) -> str:
        return f"{self.layer}:{self.number}" + ("" if self.state == "h" else f":{self.state}")


def read_unit(written: str, model: ModelConfig) -> Unit:
    """LAYER:NUMBER, with :c for the memory. Raises UsageError for a unit that the network does not have."""
    found = _WRITTEN.fullmatch(written)
    states = STATES[: sizing.STATES[model.cell]]
    if found is None:
        raise UsageError(f"{written!r} names no unit", "write LAYER:NUMBER, as in 1:17, or 1:17:c for its memory")
    unit = Unit(int(found[1]), int(found[2]), found[3] or "h")
    if not (1 <= unit.layer <= model.layers and 1 <= unit.number <= model.hidden and unit.state in states):
        has = f"layers 1 to {model.layers} with units 1 to {model.hidden} each, and of each {' and '.join(states)}"
        raise UsageError(f"there is no unit {written}", f"the network has {has}")
    return unit
