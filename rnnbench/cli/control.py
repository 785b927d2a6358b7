"""ask, change: what can be wished of a run while it is going."""

from enum import StrEnum
from typing import Annotated

import typer

from rnnbench.cli import output
from rnnbench.errors import UsageError
from rnnbench.runs import jobs
from rnnbench.runs.store import RunStore


class Request(StrEnum):
    """What the trainer understands besides `stop`, which has a command of its own."""

    PAUSE = "pause"
    CONTINUE = "continue"
    SAVE = "save"
    SAMPLE = "sample"


_DONE = {
    Request.PAUSE: "to pause after the step that is being made",
    Request.CONTINUE: "to go on",
    Request.SAVE: "to write a checkpoint now",
    Request.SAMPLE: "to write a sample into its log now",
}
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(ask)
    app.command()(change)


def ask(
    context: typer.Context,
    run: RunArgument,
    request: Annotated[Request, typer.Argument(help="What it should do.", show_default=False)],
) -> None:
    """Ask a run that is going to pause, to continue, to save or to write a sample."""
    jobs.ask(RunStore(context.obj).find(run), request.value)
    output.say(f"asked {run} {_DONE[request]}")


def change(
    context: typer.Context,
    run: RunArgument,
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="learning_rate=0.001 or clip_norm=0.5 (or off).")
    ],
) -> None:
    """Change the learning rate or the clipping of a run while it is going."""
    from rnnbench.engine.control import setting

    found, wanted = RunStore(context.obj).find(run), [text.partition("=") for text in settings]
    for name, equals, value in wanted:  # all are looked at before any is asked for
        if not equals:
            raise UsageError(f"{name}: not of the form name=value", "such as learning_rate=0.001")
        setting(name.strip(), value.strip())
    for name, _, value in wanted:
        jobs.ask(found, "set", name=name.strip(), value=value.strip())
        output.say(f"asked {run} to use {name.strip()} {value.strip()} from its next step on")
