"""ask, change: what can be wished of a run while it is going."""

from enum import StrEnum
from typing import Annotated

import typer

from rnnbench import storage
from rnnbench.cli import output
from rnnbench.errors import UnavailableError, UsageError
from rnnbench.runs import wishes
from rnnbench.runs.narration import Narrator
from rnnbench.runs.settings import Setting, setting
from rnnbench.runs.store import CRASHED, FAILED, STOPPED, Run, RunStore
from rnnbench.runs.wishes import Wish

SECONDS = 10.0


class Request(StrEnum):
    """What the trainer understands besides `stop`, which has a command of its own."""

    PAUSE = "pause"
    CONTINUE = "continue"
    SAVE = "save"
    SAMPLE = "sample"


_WISHES = {
    Request.PAUSE: wishes.PAUSE,
    Request.CONTINUE: wishes.CONTINUE,
    Request.SAVE: wishes.SAVE,
    Request.SAMPLE: wishes.SAMPLE,
}
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)]
Timeout = Annotated[float, typer.Option(help="Seconds to wait until it has done so.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(ask)
    app.command()(change)


def ask(
    context: typer.Context,
    run: RunArgument,
    request: Annotated[Request, typer.Argument(help="What it should do.", show_default=False)],
    timeout: Timeout = SECONDS,
) -> None:
    """Ask a run that is going to pause, to continue, to save or to write a sample; wait until it has."""
    fulfil(RunStore(context.obj).find(run), _WISHES[request], timeout)


def change(
    context: typer.Context,
    run: RunArgument,
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="learning_rate=0.001 or clip_norm=0.5 (or off).")
    ],
    timeout: Timeout = SECONDS,
) -> None:
    """Change the learning rate or the clipping of a run while it is going; wait until it has."""
    found, wanted = RunStore(context.obj).find(run), []
    for text in settings:  # all are looked at before any is asked for
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise UsageError(f"{name}: not of the form name=value", "such as learning_rate=0.001")
        setting(name, value)
        wanted.append(wishes.change(Setting(name, value)))
    for wish in wanted:
        fulfil(found, wish, timeout)


def fulfil(run: Run, wish: Wish, seconds: float) -> None:
    """Ask, wait until the log says that it was done, and tell it. What is so already is told, and nothing is asked.

    Raises UsageError when the run cannot do it, UnavailableError when it has not done it in time.
    """
    progress = run.progress()
    state = run.state(progress)
    refusal = wishes.refusal(wish, state)
    if refusal and not wish.is_granted(state):
        raise UsageError(f"run {run.name} {refusal}", f"`rnnbench ask {run.name} continue` lets it go on")
    if wish.is_granted(state):
        output.say(f"{run.name} {refusal} (step {progress.step:,})")
        return
    answers = wishes.ask_and_wait(run, wish, seconds)
    if not answers:
        raise UnavailableError(*_unanswered(run, wish, seconds))
    narrator = Narrator()
    for event in [*([progress.started] if progress.started else []), *answers]:
        lines = narrator.tell(event)
        for line in lines if event in answers else []:
            output.say(f"{run.name}: {line}")


def _unanswered(run: Run, wish: Wish, seconds: float) -> tuple[str, str]:
    """What became of a wish that was not fulfilled, and what to do."""
    if storage.lock_is_held(run.lock_file):
        return f"run {run.name} was asked to {wish.words} and has not after {seconds:g} s", "it still may; look again"
    state = run.state(run.progress())
    again = f"continue it with `rnnbench resume {run.name}`" if state in (STOPPED, FAILED, CRASHED) else "it is over"
    return f"run {run.name} ended before it could {wish.words}: it is {state}", again
