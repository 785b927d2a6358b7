"""runs delete, undelete, trash, empty-trash: a deleted run is kept for a while."""

import sys
import time
from typing import Annotated

import typer

from rnnbench.cli import output
from rnnbench.errors import UsageError
from rnnbench.runs.narration import duration
from rnnbench.runs.skimming import skim
from rnnbench.runs.store import RunStore, bytes_in
from rnnbench.runs.trash import KEPT_DAYS

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_MB = 1e6


def delete(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
    yes: Yes = False,
) -> None:
    """Move a run to the trash, after asking: `runs undelete` brings back the last 20 for 7 days."""
    store = RunStore(context.obj)
    found = store.find(run)
    steps, size = skim(found.events_file).step, bytes_in(found.folder) / _MB
    _ask(f"deleting {run}", f"Delete run {run} with {steps:,} steps of training, {size:,.1f} MB?", yes=yes)
    store.delete(run)
    output.say(f"deleted {run}; `rnnbench runs undelete {run}` brings it back within {KEPT_DAYS} days")


def undelete(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
) -> None:
    """Bring a deleted run back, under the next free name where its name is taken by now."""
    found = RunStore(context.obj).undelete(run)
    output.say(f"brought back {run}" + (f" as {found.name}" if found.name != run else ""))


def trash(context: typer.Context, json: Json = False) -> None:
    """What can be brought back, the last deletion first."""
    entries = RunStore(context.obj).trash.entries()
    sizes = [bytes_in(entry.folder) for entry in entries]
    if json:
        rows = zip(entries, sizes, strict=True)
        output.json_data(
            {"trash": [{"name": entry.name, "deleted_at": entry.at, "bytes": size} for entry, size in rows]}
        )
    elif not entries:
        output.say("the trash is empty")
    else:
        now = time.time()
        rows = zip(entries, sizes, strict=True)
        table = [[entry.name, f"{duration(max(now - entry.at, 0))} ago", f"{size / _MB:,.1f}"] for entry, size in rows]
        output.table(["run", "deleted", "MB"], table)


def empty_trash(context: typer.Context, yes: Yes = False) -> None:
    """Remove the deleted runs for good, after asking."""
    kept = RunStore(context.obj).trash
    size = bytes_in(kept.folder) / _MB
    _ask("emptying the trash", f"Remove {len(kept.entries()):,} deleted runs, {size:,.1f} MB, for good?", yes=yes)
    count = kept.empty()
    output.say(f"removed {count:,} deleted {'run' if count == 1 else 'runs'}, {size:,.1f} MB")


def _ask(what: str, question: str, *, yes: bool) -> None:
    """Go on only after a yes. Raises UsageError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{what} needs a confirmation", "give --yes")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands to the group `runs`."""
    app.command()(delete)
    app.command()(undelete)
    app.command()(trash)
    app.command("empty-trash")(empty_trash)
