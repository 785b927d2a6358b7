"""Options made from the choices that models declare, so that a new choice is an option at once."""

import inspect
import keyword
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo

from rnnbench import config as configuration
from rnnbench.config import ConfigField, Values
from rnnbench.runs.asking import Sampling

_SHOWN = 6  # choices that are listed in the help; more are left to `config schema`


def with_options(made: Iterable[inspect.Parameter], after: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put options behind the parameter `after` of a command, which takes them as keywords."""

    def extend(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
        place = next(index for index, item in enumerate(own, 1) if item.name == after)
        parameters = [*own[:place], *made, *own[place:]]
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return command

    return extend


def with_field_options(after: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option for every field of the configuration that has a flag."""
    return with_options([_parameter(field) for field in configuration.fields() if field.flag], after)


def sampling_options() -> list[inspect.Parameter]:
    """An option for every choice of sampling; one that was not given is None, or empty."""
    return [_sampling_option(name, info) for name, info in Sampling.model_fields.items()]


def _sampling_option(name: str, info: FieldInfo) -> inspect.Parameter:
    several = info.annotation == tuple[str, ...]
    kind: Any = list[str] | None if several else bool if info.annotation is bool else info.annotation | None  # type: ignore[operator]
    flag = "--" + {"banned": "ban", "forced": "force"}.get(name, name).replace("_", "-")
    shown = "" if several or info.default in (False, "") else f" [default: {info.default:g}]"
    option = typer.Option(flag, help=f"{info.description}{shown}")
    default = False if info.annotation is bool else None
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=Annotated[kind, option]
    )


def chosen_fields(options: Mapping[str, Any]) -> Values:
    """The options that were given, as nested tables."""
    tables: Values = {}
    for field in configuration.fields():
        if field.flag and options.get(_name(field)) is not None:
            tables.setdefault(field.section, {})[field.name] = options[_name(field)]
    return tables


def _name(field: ConfigField) -> str:
    name = field.flag.removeprefix("--").replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _parameter(field: ConfigField) -> inspect.Parameter:
    option = typer.Option(field.flag, help=_help(field), metavar=_metavar(field))
    annotation = Annotated[_kind(field) | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(_name(field), inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def _kind(field: ConfigField) -> type:
    """int and float are read by the command line; words by the configuration, which knows the choices."""
    annotation = field.info.annotation
    kinds = [kind for kind in (get_args(annotation) or (annotation,)) if kind in (int, float)]
    return kinds[0] if kinds else str


def _metavar(field: ConfigField) -> str | None:
    return "RUN" if field.key == "training.start_from" else None


def _help(field: ConfigField) -> str:
    choices = field.choices
    listed = ", ".join(choices[:_SHOWN]) + (" ..." if len(choices) > _SHOWN else "")
    return f"{field.help}." + (f" One of {listed}." if choices else "")
