"""runs tag, runs note: what the user says of a run."""

from typing import Annotated

import typer

from rnnbench.cli import output
from rnnbench.runs import notes
from rnnbench.runs.notes import Notes
from rnnbench.runs.store import RunStore
from rnnbench.visible import visible

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
# A tag to take away looks like an option: what is none of ours is a tag, and -h of "-hot" is not.
_TAGS_LOOK_LIKE_OPTIONS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


def tag(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="+TAG -TAG", help="Tags to add, and to take away.")
    ] = None,
    json: Json = False,
) -> None:
    """Add tags to a run (+good) or take them away (-old); tells the tags it has then."""
    found = RunStore(context.obj).find(run)
    answer = notes.tag(found.folder, *notes.changes(words)) if words else notes.load_notes(found.folder)
    _tell(run, answer, as_json=json, plain=" ".join(answer.tags))


def note(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="The note; an empty one takes it away.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Write a note about a run; without a text, tell the one it has."""
    found = RunStore(context.obj).find(run)
    answer = notes.load_notes(found.folder) if text is None else notes.note(found.folder, text)
    _tell(run, answer, as_json=json, plain=answer.text)


def _tell(run: str, found: Notes, *, as_json: bool, plain: str) -> None:
    if as_json:
        output.json_data({"run": run, "tags": list(found.tags), "note": found.text})
    elif plain:
        output.data(visible(plain))


def register(app: typer.Typer) -> None:
    """Add the commands to the group `runs`."""
    app.command(context_settings=_TAGS_LOOK_LIKE_OPTIONS)(tag)
    app.command()(note)
