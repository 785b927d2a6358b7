"""queue: what waits for a device, in which order; `train --queue` adds to it."""

import time
from typing import Annotated, Any

import typer

from rnnbench.cli import output
from rnnbench.config import RunConfig
from rnnbench.runs import queue_runner
from rnnbench.runs.narration import duration
from rnnbench.runs.queue import Entry, Queue
from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace

app = typer.Typer(
    help="Runs that wait for a device: list, remove, up, down, hold, release, run. `train --queue` adds one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
_HEADER = ["place", "run", "state", "device", "corpus", "model", "added"]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a run that waits.", show_default=False)]


def add(workspace: Workspace, config: RunConfig, name: str) -> None:
    """Put a run into the queue and say its place."""
    added = queue_runner.add(workspace, config, name)
    held = "; the queue is held: `rnnbench queue release` lets it go on" if Queue(workspace).is_held else ""
    output.say(f"queued {name}, {added.before} before it on {added.entry.slot}{held}")


@app.command("list")
def list_queue(context: typer.Context, json: Json = False) -> None:
    """What is trained now and what waits, first come first."""
    queue = Queue(context.obj)
    waiting = [_record(place, queue, entry) for place, entry in enumerate(queue.entries(), 1)]
    running = [run.name for run in RunStore(context.obj).running()]
    if json:
        state = {"held": queue.is_held, "runner": queue.is_run}
        output.json_data({**state, "running": running, "waiting": waiting})
        return
    for name in running:
        output.say(f"{name} is being trained")
    if waiting:
        output.table(_HEADER, [_row(record) for record in waiting])
    else:
        output.say("nothing waits; add a run with `rnnbench train --queue ...`")
    if queue.is_held:
        output.say("the queue is held: `rnnbench queue release` lets it go on")
    elif not queue.is_run and queue.can_start():
        output.say("nobody starts them: `rnnbench queue run` does")


def _record(place: int, queue: Queue, entry: Entry) -> dict[str, Any]:
    config = entry.config
    return {
        "place": place,
        "name": entry.name,
        "state": queue.state(entry),
        "device": entry.device if config else None,
        "slot": entry.slot if config else None,
        "corpus": config.corpus.file if config else None,
        "model": config.model.in_short if config else None,
        "added_at": entry.added_at or None,
    }


def _row(record: dict[str, Any]) -> list[str]:
    age = f"{duration(max(time.time() - record['added_at'], 0))} ago" if record["added_at"] else "-"
    shown = [str(record[key] or "-") for key in ("place", "name", "state", "slot", "corpus", "model")]
    shown[4] = shown[4].rsplit("/", 1)[-1]
    return [*shown, age]


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Take a run out of the queue."""
    Queue(context.obj).remove(name)
    output.say(f"{name} does not wait any more")


@app.command()
def up(context: typer.Context, name: Name) -> None:
    """Move a run one place nearer the front."""
    _move(context.obj, name, -1)


@app.command()
def down(context: typer.Context, name: Name) -> None:
    """Move a run one place further back."""
    _move(context.obj, name, 1)


def _move(workspace: Workspace, name: str, by: int) -> None:
    queue = Queue(workspace)
    queue.move(name, by)
    names = [entry.name for entry in queue.entries()]
    if name in names:  # else it has just been started
        output.say(f"{name} is at place {names.index(name) + 1} of {len(names)}")


@app.command()
def hold(context: typer.Context) -> None:
    """Start nothing more for now; what is being trained goes on."""
    Queue(context.obj).hold()
    output.say("the queue is held; `rnnbench queue release` lets it go on")


@app.command()
def release(context: typer.Context) -> None:
    """Let the queue go on."""
    queue_runner.release(context.obj)
    output.say(f"the queue goes on, {len(Queue(context.obj).entries())} in it")


@app.command()
def run(context: typer.Context) -> None:
    """Start what waits, one run after another on each device, until nothing waits; normally done by itself."""
    if Queue(context.obj).is_held:
        output.say("the queue is held; `rnnbench queue release` lets it go on")
        return
    queue_runner.run_queue(context.obj, lambda text: output.say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}"))
