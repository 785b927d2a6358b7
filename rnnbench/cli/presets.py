"""presets: list, show; config: schema, validate, keys, show."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from rnnbench import config as configuration
from rnnbench.cli import output
from rnnbench.cli.train import resolve
from rnnbench.config import RunConfig
from rnnbench.errors import ExitCode
from rnnbench.visible import visible

app = typer.Typer(help="The ready-made experiments.", no_args_is_help=True, rich_markup_mode=None)
config_app = typer.Typer(help="The configuration, described by itself.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command("list")
def list_presets(json: Json = False) -> None:
    """The presets, each with its text and model."""
    found = {name: configuration.validate(configuration.read_preset(name)) for name in configuration.preset_names()}
    if json:
        output.json_data({"presets": {name: chosen.model_dump(mode="json") for name, chosen in found.items()}})
        return
    rows = [[name, c.model.task, c.corpus.file, c.model.in_short] for name, c in found.items()]
    output.table(["preset", "task", "corpus", "model"], rows)


@app.command("show")
def show_preset(name: Annotated[str, typer.Argument(show_default=False)], json: Json = False) -> None:
    """A preset with everything it leaves to the defaults filled in."""
    chosen = configuration.validate(configuration.read_preset(name))
    if json:
        output.json_data({"name": name, "config": chosen.model_dump(mode="json")})
        return
    output.data(configuration.to_toml(chosen).rstrip())


@config_app.command()
def schema(json: Json = False) -> None:
    """Every field: its key, default, option and meaning."""
    if json:
        output.data(json_module.dumps(RunConfig.model_json_schema(), ensure_ascii=False, indent=1))
        return
    rows = [[f.key, _default(f), f.flag, " | ".join(f.choices), f.help] for f in configuration.fields()]
    output.table(["key", "default", "option", "choices", "meaning"], rows)


def _default(field: configuration.ConfigField) -> str:
    return "required" if field.info.is_required() else json_module.dumps(field.default, ensure_ascii=False)


@config_app.command()
def validate(file: Annotated[Path, typer.Argument(show_default=False)]) -> None:
    """Check a TOML file; every wrong field is named, each on a line of its own."""
    problems = configuration.check(configuration.read_toml(file))
    for problem in problems.values():
        output.complain(f"rnnbench: {visible(problem)}")
    if problems:
        raise typer.Exit(ExitCode.USAGE)
    output.say(f"{file} is a valid configuration")


@config_app.command()
def keys(
    defaults: Annotated[bool, typer.Option("--defaults", help="The keys without those of the settings file.")] = False,
) -> None:
    """Every key of the workbench by place, as a Markdown document: the keys that are in force."""
    from rnnbench.tui.actions import key_table, read_key_map  # loads the interface
    from rnnbench.tui.settings_file import read_settings, settings_file

    chosen, problems = ({}, []) if defaults else read_settings(settings_file())
    in_force = read_key_map(chosen.get("keys") or {})
    for problem in (*problems, *in_force.problems):
        output.complain(f"rnnbench: {visible(problem)}")
    output.data(key_table(in_force).rstrip())


@config_app.command()
def show(
    file: Annotated[Path | None, typer.Argument(show_default=False)] = None,
    preset: Annotated[str | None, typer.Option(help="Start from a preset.")] = None,
) -> None:
    """The resolved configuration: defaults, preset, file and environment together."""
    flags: configuration.Values = {} if file or preset else {"corpus": {"file": "TEXT"}}
    output.data(configuration.to_toml(resolve(preset, file, flags)).rstrip())
