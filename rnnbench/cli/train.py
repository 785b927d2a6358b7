"""train, resume, stop, attach, tui."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rnnbench import config as configuration
from rnnbench.cli import looks, output, stdin
from rnnbench.cli.field_options import chosen_fields, with_field_options
from rnnbench.config import RunConfig, Values
from rnnbench.engine import launch
from rnnbench.errors import CorpusError, RnnbenchError, UnavailableError, UsageError
from rnnbench.runs import jobs, wishes
from rnnbench.runs.naming import usual_name
from rnnbench.runs.store import FINISHED, PAUSED, Run, RunStore
from rnnbench.workspace import Workspace

_STOP_SECONDS = 60.0

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)]
Headless = Annotated[bool, typer.Option("--headless", help="Train here, without the workbench.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object for each event.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (train, resume, stop, attach, tui):
        app.command()(command)


@looks.with_looks(after="json")
@with_field_options(after="run")
def train(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="Start from a ready-made experiment.")] = None,
    config: Annotated[Path | None, typer.Option(help="Read choices from a TOML file.")] = None,
    run: Annotated[str | None, typer.Option(help="Name of the new run; else made from text and cell.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any other choice; may be repeated.")
    ] = None,
    headless: Headless = False,
    dry_run_only: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be trained, how large and how fast; write nothing.")
    ] = False,
    json: Json = False,
    queued: Annotated[
        bool, typer.Option("--queue", help="Train it when the runs before it on its device have ended.")
    ] = False,
    **options: Any,
) -> None:
    """Train a model: in the workbench, or here with --headless."""
    workspace: Workspace = context.obj
    looks.keep(context, options)
    if not launch.find_place().leads:
        return follow(workspace, trains=headless and not dry_run_only)
    sets = [configuration.parse_setting(text) for text in setting or []]
    flags = configuration.join(chosen_fields(options), *sets)
    chosen = resolve(preset, config, flags, begun_with(workspace, flags))
    store = RunStore(workspace)
    path = find_corpus(workspace, chosen.corpus.file)
    chosen = store.lasting(chosen, path)
    if dry_run_only:
        from rnnbench.cli import dry_run

        dry_run.show(chosen, path, as_json=json)
        return
    launch.find_place().check(chosen, headless=headless)
    name = run or store.free_name(usual_name(path.name, chosen.model.cell))
    if queued:
        from rnnbench.cli import queue

        queue.add(workspace, chosen, name)
        return
    if not headless:
        _need_a_terminal()
        jobs.start(workspace, chosen, name)
        open_workbench(context, name)
        return
    train_here(workspace, store.create(name, chosen), chosen, as_json=json)


def find_corpus(workspace: Workspace, name: str) -> Path:
    """The text of that name, or from standard input, which is kept under corpora/.

    Raises CorpusError, which for a text of the catalogue says how to get it.
    """
    if name == stdin.STDIN:
        return stdin.keep(workspace.root / "corpora")
    try:
        return workspace.find_corpus(name)
    except CorpusError as error:
        from rnnbench.text import catalogue

        if name not in {entry.name for entry in catalogue.entries()}:
            raise
        hint = f"get it with `rnnbench corpora get {name}`, or use a bundled one: --corpus harbour-clock"
        raise CorpusError(error.message, hint) from None


def begun_with(workspace: Workspace, flags: Values) -> Values:
    """How the run that this one begins with reads its text and computes: nothing where there is none."""
    name = flags.get("training", {}).get("start_from")
    if not name:
        return {}
    tables = RunStore(workspace).find(name).config().model_dump(mode="json")
    return {section: tables[section] for section in ("text", "model")}


def resolve(preset: str | None, config: Path | None, flags: Values, beneath: Values | None = None) -> RunConfig:
    """Flags over environment over file over preset over what is beneath them over defaults."""
    layers = [beneath or {}, *([configuration.read_preset(preset)] if preset else [])]
    layers += [configuration.read_toml(config)] if config else []
    return configuration.validate(configuration.merge(*layers, configuration.from_environment(), flags))


@looks.with_looks(after="json")
def resume(
    context: typer.Context, run: RunArgument, headless: Headless = False, json: Json = False, **options: Any
) -> None:
    """Continue a run exactly where its last verified checkpoint stands."""
    workspace: Workspace = context.obj
    looks.keep(context, options)
    if not launch.find_place().leads:
        return follow(workspace, trains=headless)
    found = RunStore(workspace).find(run)
    progress = found.progress()
    state = found.state(progress)
    if state == FINISHED:
        raise UsageError(f"run {run} has finished", "train a new run with a larger budget")
    if state == PAUSED:
        go_on(context, found, headless=headless)
        return
    launch.find_place().check(found.config(), headless=headless)
    if not headless:
        _need_a_terminal()
        jobs.resume(workspace, run)
        open_workbench(context, run)
        return
    train_here(workspace, found, found.config(), as_json=json)


def go_on(context: typer.Context, run: Run, *, headless: bool) -> None:
    """Let a paused run go on where it waits, in the process that has it."""
    from rnnbench.cli import control

    if not headless:
        _need_a_terminal()
    control.fulfil(run, wishes.CONTINUE, control.SECONDS)
    if not headless:
        open_workbench(context, run.name)


def follow(workspace: Workspace, *, trains: bool) -> None:
    """Take part in the training that another process leads, and leave with its exit code; that one does the talking.

    Where nothing is trained, such as in a dry run, this process has nothing to do.
    """
    if not trains:
        return
    from rnnbench.engine.follower import follow as follow_to_the_end

    place = launch.find_place()
    try:
        code = follow_to_the_end(place, workspace)
    except RnnbenchError as error:
        raise type(error)(f"rank {place.rank}: {error.message}", error.hint) from error
    raise typer.Exit(code)


def train_here(workspace: Workspace, run: Run, config: RunConfig, *, as_json: bool) -> None:
    """Train in this process and tell every event. Signals end it after the step, saved."""
    from rnnbench.cli import render
    from rnnbench.engine.control import Control
    from rnnbench.runs.recording import record

    control = Control(run)
    try:
        shared = launch.find_place().size > 1
        with control.signals(then_ignored=shared):  # before torch is loaded: a stop asked for in those seconds is kept
            from rnnbench.engine.trainer import train as train_events

            events = record(run, train_events(config, run, workspace, control))
            render.tell(events, as_json=as_json, name=run.name)
    except (RnnbenchError, KeyboardInterrupt):
        _discard_if_never_begun(workspace, run)
        raise


def _discard_if_never_begun(workspace: Workspace, run: Run) -> None:
    """A run that failed before its first checkpoint holds nothing; it should not block its name."""
    begun = any(run.checkpoints.glob("*.json")) if run.checkpoints.is_dir() else False
    if not begun and not run.stderr_file.exists():
        try:
            RunStore(workspace).discard(run.name)
        except UnavailableError:
            return  # somebody else is training it


def stop(
    context: typer.Context,
    run: RunArgument,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until it has saved.")] = _STOP_SECONDS,
) -> None:
    """Ask a run to save and stop; wait until it has."""
    found = RunStore(context.obj).find(run)
    jobs.ask(found, "stop")
    output.say(f"asked {run} to save and stop ...")
    if not jobs.wait_until_idle(found, timeout):
        raise UnavailableError(f"run {run} has not stopped after {timeout:g} s", "it was asked to; look again later")
    progress = found.progress()
    output.say(f"{run} is {found.state(progress)} at step {progress.step}")


@looks.with_looks(after="run")
def attach(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="The run's name; else the only one that is going.", show_default=False),
    ] = None,
    **options: Any,
) -> None:
    """Open the workbench on a running or finished run."""
    tui(context, run or _only_one_going(RunStore(context.obj)), **options)


def _only_one_going(store: RunStore) -> str:
    """The run that is being trained. Raises UsageError with the names there are when there is none or several."""
    going = [run.name for run in store.running()]
    if len(going) == 1:
        return going[0]
    why = f"{len(going)} are going" if going else "none is going"
    known = ", ".join(going or [run.name for run in store.newest(8)]) or "none yet"
    raise UsageError(f"attach to which run? {why}", f"known: {known}")


@looks.with_looks(after="run")
def tui(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Open it on this run.", show_default=False)] = None,
    **options: Any,
) -> None:
    """Open the full-screen workbench."""
    looks.keep(context, options)
    if run is not None:
        RunStore(context.obj).find(run)
    open_workbench(context, run)


def open_workbench(context: typer.Context, run: str | None) -> None:
    """Run the workbench until the user leaves it."""
    _need_a_terminal()
    from rnnbench.tui.app import run_workbench

    raise typer.Exit(run_workbench(context.obj, run, looks.asked(context)))


def _need_a_terminal() -> None:
    if not (output.is_terminal() and sys.stdin.isatty()):
        raise UsageError("the workbench needs a terminal", "scripts use --headless")
