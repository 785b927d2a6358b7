"""The options that say how the workbench opens: on every command that can open it, and before it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from rnnbench.cli.field_options import with_options
from rnnbench.cli.output import SETTINGS
from rnnbench.tui.settings_file import Asked

_KEPT = "rnnbench.looks"
_HELP = {
    "theme": "Colours of the workbench: dark, light, safe-dark, safe-light, terminal or plain.",
    "ascii": "Draw the workbench with ASCII only.",
    "slow_link": "Send less: words once a second, curves every ten.",
    "read_only": "Look on: start, steer and delete nothing.",
}
OPTIONS = tuple(_HELP)


def _parameters() -> list[inspect.Parameter]:
    made = []
    for name, text in _HELP.items():
        kind: Any = str if name == "theme" else bool
        option = typer.Option(f"--{name.replace('_', '-')}", help=text)
        made.append(
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=None if kind is str else False,
                annotation=Annotated[kind | None if kind is str else kind, option],
            )
        )
    return made


def with_looks(after: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """These options behind the parameter `after` of a command, which takes them as keywords."""
    return with_options(_parameters(), after)


def keep(context: typer.Context, options: Mapping[str, Any]) -> None:
    """Remember what was given before the name of a command, or beside it; the latter wins.

    Raises UsageError for a theme that there is not.
    """
    given = {name: options[name] for name in OPTIONS if options.get(name)}
    context.meta[_KEPT] = replace(context.meta.get(_KEPT, Asked()), **given).checked()


def asked(context: typer.Context) -> Asked:
    """What was asked for; --no-color asks for the plain theme where no other is named."""
    found: Asked = context.meta.get(_KEPT, Asked())
    return replace(found, theme="plain") if SETTINGS.no_color and found.theme is None else found
