"""Where choices come from, one layer over the other: options, environment, files, presets."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from rnnbench.config.fields import fields
from rnnbench.config.models import BUDGETS, DEFAULT_OPTIMIZER, RunConfig, Values
from rnnbench.errors import UsageError


def merge(*layers: Mapping[str, Any]) -> Values:
    """Nested tables merged, later ones winning. A budget or optimizer in a later layer replaces an earlier one."""
    merged: Values = {}
    for layer in layers:
        for section, table in layer.items():
            if isinstance(table, Mapping):
                merged[section] = {**_kept(merged.get(section, {}), section, table), **table}
            else:
                merged[section] = table
    return merged


def _kept(earlier: Any, section: str, later: Mapping[str, Any]) -> Values:
    """What stays of the earlier layer: asking for 600 steps must not be cut short by a preset's minutes."""
    if not isinstance(earlier, Mapping):
        return {}
    dropped: set[str] = set()
    if section == "training":
        dropped |= set(BUDGETS) if later.keys() & set(BUDGETS) else set()
        before = earlier.get("optimizer", DEFAULT_OPTIMIZER)
        dropped |= {"learning_rate"} if later.get("optimizer", before) != before else set()
    return {key: value for key, value in earlier.items() if key not in dropped}


def join(*parts: Mapping[str, Any]) -> Values:
    """The parts of one layer, such as all options of one command: nothing is replaced but the same key."""
    joined: Values = {}
    for part in parts:
        for section, table in part.items():
            joined[section] = {**joined.get(section, {}), **table}
    return joined


def parse_setting(text: str) -> Values:
    """`section.key=value` as nested tables; the value is read as TOML, else as plain text."""
    key, equals, value = text.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and section and name):
        raise UsageError(f"--set {text}: not of the form section.key=value")
    return {section: {name: read_value(section, name, value.strip())}}


def read_value(section: str, name: str, text: str) -> Any:
    """The text as a TOML value; as it stands where it is none, or where the field holds text: a prompt may be 1984."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value, key = tables["value"], f"{section}.{name}"
    kind = next((field.info.annotation for field in fields() if field.key == key), None)
    meant = isinstance(value, str | list if kind == tuple[str, ...] else str) or kind not in (str, tuple[str, ...])
    return value if len(tables) == 1 and meant else text


def from_environment(environment: Mapping[str, str] | None = None) -> Values:
    """RNNBENCH_<SECTION>_<KEY> variables as nested tables."""
    tables: Values = {}
    for variable, value in sorted((environment if environment is not None else os.environ).items()):
        section, _, name = variable.removeprefix("RNNBENCH_").lower().partition("_")
        if variable.startswith("RNNBENCH_") and section in RunConfig.model_fields and name:
            tables = join(tables, {section: {name: read_value(section, name, value)}})
    return tables


def read_toml(path: Path) -> Values:
    """The tables of a TOML file. Raises UsageError with the place of a mistake."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"configuration file not found: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def preset_names() -> list[str]:
    """The ready-made experiments."""
    return sorted(item.name.removesuffix(".toml") for item in _presets().iterdir() if item.name.endswith(".toml"))


def _presets() -> Any:
    return resources.files("rnnbench") / "presets"


def read_preset(name: str) -> Values:
    """The tables of a ready-made experiment. Raises UsageError with the nearest name."""
    if name not in preset_names():
        close = difflib.get_close_matches(name, preset_names(), n=1)
        known = f"did you mean {close[0]}?" if close else f"known: {', '.join(preset_names())}"
        raise UsageError(f"unknown preset {name}", known)
    return tomllib.loads((_presets() / f"{name}.toml").read_text(encoding="utf-8"))
