"""A configuration in its other forms: tables, TOML, JSON, options; and what tells several apart."""

import json
from collections.abc import Iterable
from typing import Any

import tomli_w

from rnnbench.config.fields import ConfigField, as_written, fields, validate, value_of
from rnnbench.config.layers import read_value
from rnnbench.config.models import BUDGETS, DEFAULT_OPTIMIZER, RunConfig, Values
from rnnbench.errors import UsageError


def to_tables(config: RunConfig) -> Values:
    """The configuration as nested tables that TOML can hold."""
    return {
        section: {name: as_written(value) for name, value in table.items()}
        for section, table in config.model_dump().items()
    }


def to_toml(config: RunConfig) -> str:
    """The configuration as a TOML file."""
    return tomli_w.dumps(to_tables(config))


def to_json(config: RunConfig) -> bytes:
    """The configuration as the run folder stores it."""
    return json.dumps(config.model_dump(mode="json"), ensure_ascii=False, indent=1).encode() + b"\n"


def from_json(data: bytes) -> RunConfig:
    """The configuration of a stored run. Raises UsageError when it is not one."""
    try:
        return validate(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a stored configuration: {error}") from None


def as_options(config: RunConfig) -> list[str]:
    """The shortest list of `train` options that describes the configuration: what differs from the defaults."""
    plain = validate({"corpus": {"file": config.corpus.file}, "training": {"optimizer": config.training.optimizer}})
    options: list[str] = []
    for field in fields():
        value = value_of(config, field.key)
        if field.info.is_required() or field.key == "training.optimizer" or value != value_of(plain, field.key):
            options += _as_option(field, as_written(value))
    return _without_noise(options)


def _as_option(field: ConfigField, value: Any) -> list[str]:
    if value == "off" and field.name in BUDGETS:
        return []
    if field.flag:
        return [field.flag, str(value)]
    plain = isinstance(value, str) and read_value(field.section, field.name, value.strip()) == value
    return ["--set", f"{field.key}={value if plain else _toml_text(value)}"]


def _toml_text(value: Any) -> str:
    """A value as TOML on one line: JSON, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _without_noise(options: list[str]) -> list[str]:
    """The optimizer is compared with itself above; drop it again where it is the default."""
    pairs = list(zip(options[::2], options[1::2], strict=True))
    return [word for pair in pairs if pair != ("--optimizer", DEFAULT_OPTIMIZER) for word in pair]


def differences(configs: Iterable[RunConfig]) -> dict[str, list[Any]]:
    """The keys in which the configurations are not all the same, with their values in order."""
    several = list(configs)
    rows = {field.key: [as_written(value_of(config, field.key)) for config in several] for field in fields()}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}
