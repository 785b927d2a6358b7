"""The choices one by one: where each lives, how it is described and written, and what is wrong with a value."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from rnnbench.config.models import RunConfig, Section
from rnnbench.errors import UsageError


@dataclass(frozen=True)
class ConfigField:
    """One choice of the configuration: where it lives and how it is described."""

    section: str
    name: str
    info: FieldInfo

    @property
    def key(self) -> str:
        """`section.name`, as `--set` and error messages write it."""
        return f"{self.section}.{self.name}"

    @property
    def flag(self) -> str:
        """The command-line option, or an empty string where only --set reaches the field."""
        extra = self.info.json_schema_extra
        return str(extra.get("flag", "")) if isinstance(extra, dict) else ""

    @property
    def help(self) -> str:
        """The one-line help."""
        return self.info.description or ""

    @property
    def default(self) -> Any:
        """The default as a file would write it ("off" for None); None for a required field."""
        return None if self.info.is_required() else as_written(self.info.default)

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed words of a choice field, else nothing."""
        return tuple(self.info.annotation.__args__) if _is_literal(self.info.annotation) else ()  # type: ignore[union-attr]


def _is_literal(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is Literal


def fields() -> Iterator[ConfigField]:
    """Every choice of the configuration, in the order in which the models declare them."""
    for section, info in RunConfig.model_fields.items():
        model = info.annotation
        assert isinstance(model, type) and issubclass(model, Section)
        for name, field in model.model_fields.items():
            yield ConfigField(section, name, field)


def as_written(value: Any) -> Any:
    """A value as TOML and the form write it: None is "off", a tuple is a list."""
    if value is None:
        return "off"
    return list(value) if isinstance(value, tuple) else value


def value_of(config: RunConfig, key: str) -> Any:
    """The value at `section.name`."""
    section, name = key.split(".")
    return getattr(getattr(config, section), name)


def validate(values: Mapping[str, Any]) -> RunConfig:
    """The configuration described by nested tables. Raises UsageError that names every wrong field."""
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(problems(error).values())) from None


def check(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the tables: `section.name` -> message; empty when they make a configuration."""
    try:
        RunConfig.model_validate(values)
    except ValidationError as error:
        return problems(error)
    return {}


def problems(error: ValidationError) -> dict[str, str]:
    """A validation error as one sentence for each field, with the nearest known name for an unknown one."""
    found: dict[str, str] = {}
    for item in error.errors():
        key, message = ".".join(str(part) for part in item["loc"][:2]), item["msg"]
        if not key:  # about the configuration as a whole: the message begins with the key it is about
            key, _, message = message.removeprefix("Value error, ").partition(": ")
        found[key] = _sentence(key, str(item["type"]), message, item["input"])
    return found


def _sentence(key: str, kind: str, message: str, given: Any) -> str:
    if kind == "extra_forbidden":
        return f"unknown key {key}{_nearest(key)}"
    if kind == "missing":
        flag = next((field.flag for field in fields() if key in {field.key, field.section}), "")
        return f"{key} is required" + (f" (give {flag})" if flag else "")
    text = message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        text = "should be auto, cpu, mps, cuda or cuda:N"
    return f"{key}: {text[:1].lower()}{text[1:]}" + ("" if kind == "value_error" else f", not {given!r:.60}")


def _nearest(key: str) -> str:
    """The right name in the wrong section, else the nearest name in the same section, else anywhere."""
    section, _, name = key.rpartition(".")
    anywhere = {field.name: field.key for field in fields()}
    here = {field.name: field.key for field in fields() if field.section == section}
    if not section:
        here = {other: other for other in RunConfig.model_fields}
    for known in ({name: anywhere[name]} if name in anywhere else {}, here, anywhere):
        for close in difflib.get_close_matches(name, known, n=1, cutoff=0.6):
            return f"; did you mean {known[close]}?"
    return "; `rnnbench config schema` lists the known ones"
