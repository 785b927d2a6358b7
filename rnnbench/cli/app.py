"""The rnnbench command: options that every command has, and errors turned into one line and an exit code."""

import gc
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from rnnbench import __version__
from rnnbench import config as configuration
from rnnbench.cli import (
    bench,
    control,
    corpora,
    demo,
    doctor,
    evaluate,
    inspect,
    looks,
    output,
    presets,
    queue,
    repl,
    runs,
    sample,
    train,
)
from rnnbench.cli.output import SETTINGS
from rnnbench.errors import ExitCode, RnnbenchError, Stopped, UsageError
from rnnbench.workspace import Workspace

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_EVERYWHERE = ("--debug", "--no-color", "--quiet", "--verbose", "-q", "-v")

app = typer.Typer(
    name="rnnbench",
    help="Train, watch and talk to small recurrent language models, in a terminal.",
    context_settings=_CONTEXT,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=True,
)


def _version(wanted: bool) -> None:
    if wanted:
        output.data(f"rnnbench {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
@looks.with_looks(after="workspace")
def _main(
    context: typer.Context,
    workspace: Annotated[
        Path | None, typer.Option(help="Folder with corpora/ and runs/; else RNNBENCH_HOME, else this folder.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (NO_COLOR does the same).")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version.")] = False,
    **options: Any,
) -> None:
    """Open the workbench when no command is given and stdout is a terminal."""
    SETTINGS.quiet, SETTINGS.verbose, SETTINGS.no_color, SETTINGS.debug = quiet, verbose, no_color, debug
    SETTINGS.for_program = False
    context.obj = Workspace.choose(workspace)
    looks.keep(context, options)
    if workspace is not None and not context.obj.root.is_dir():
        raise UsageError(f"the workspace {context.obj.root} is not a folder", "give one that exists")
    if context.invoked_subcommand is None:
        if not output.is_terminal():
            output.complain(context.get_help())
            raise typer.Exit(ExitCode.USAGE)
        train.open_workbench(context, None)  # which loads more, and collects garbage when that is done
    gc.enable()


train.register(app)
sample.register(app)
repl.register(app)
evaluate.register(app)
control.register(app)
inspect.register(app)
demo.register(app)
doctor.register(app)
bench.register(app)
app.add_typer(runs.app, name="runs")
app.add_typer(queue.app, name="queue")
app.add_typer(corpora.app, name="corpora")
app.add_typer(presets.app, name="presets")
app.add_typer(presets.config_app, name="config")


def main() -> None:
    """Run the command line; every error ends as one line on stderr and its exit code."""
    try:
        outcome = app(args=_hoisted(sys.argv[1:]), prog_name="rnnbench", standalone_mode=False)
    except BaseException as error:
        end_by(error)
    else:
        sys.exit(outcome if isinstance(outcome, int) else ExitCode.DONE)


def end_by(cause: BaseException) -> NoReturn:
    """End as this error asks for: with a line on stderr and an exit code."""
    try:
        raise cause
    except Stopped as stopped:
        sys.exit(stopped.exit_code)
    except RnnbenchError as error:
        hint = error.hint if SETTINGS.for_program else _with_options(error.hint)
        _fail(f"{error.message} ({hint})" if hint else error.message, error.exit_code, error)
    except typer.Abort:
        _fail("nothing was done", ExitCode.FAILED, None)
    except TyperException as error:
        _fail(_usage(error), ExitCode.USAGE, error)
    except KeyboardInterrupt:
        _fail("interrupted", ExitCode.INTERRUPTED, None)
    except BrokenPipeError:
        output.forget_stdout()  # the reader of our output has gone, which is no fault of ours
        sys.exit(ExitCode.DONE)
    except OSError as error:
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", ExitCode.FAILED, error)
    except MemoryError as error:
        _fail("out of memory: use a smaller model or batch", ExitCode.UNAVAILABLE, error)
    except Exception as error:
        _fail(f"unexpected {type(error).__name__}: {error} (--debug shows where)", ExitCode.FAILED, error)


def _with_options(hint: str) -> str:
    """A hint with the options of the command line for the settings that it names: layers below know of no options."""
    flags = {field.key: field.flag for field in configuration.fields() if field.flag}
    return re.sub(r"\b[a-z]+\.[a-z_]+\b", lambda found: flags.get(found[0], found[0]), hint)


def _usage(error: TyperException) -> str:
    """What is wrong with the options, in one line; a group called without a command answers with its help."""
    text = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    return text if "\n" in text else f"{text} (-h lists the options)"


def _fail(message: str, code: ExitCode, error: BaseException | None) -> NoReturn:
    if SETTINGS.debug and error is not None:
        raise error
    output.complain(f"rnnbench: {message}")
    sys.exit(code)


def _hoisted(words: list[str]) -> list[str]:
    """Options that every command has may stand anywhere: moved in front of the command."""
    front: list[str] = []
    rest: list[str] = []
    iterator = iter(words)
    for word in iterator:
        if word == "--":
            return [*front, *rest, word, *iterator]
        if word == "--workspace":
            front += [word, *([value] if (value := next(iterator, None)) is not None else [])]
        elif word.startswith("--workspace=") or (word in _EVERYWHERE and not _is_value(word, rest)):
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest]


def _is_value(word: str, before: list[str]) -> bool:
    """Whether a short option of ours stands where another option's value is expected, as in --prompt -q."""
    if word.startswith("--") or not before or not before[-1].startswith("--") or "=" in before[-1]:
        return False
    return any(before[-1] in option.opts and not option.is_flag for option in _options(typer.main.get_command(app)))


def _options(command: Any) -> Iterator[Any]:
    yield from (parameter for parameter in command.params if parameter.param_type_name == "option")
    for inner in getattr(command, "commands", {}).values():
        yield from _options(inner)
