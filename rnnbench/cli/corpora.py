"""corpora: list, show."""

from typing import TYPE_CHECKING, Annotated

import typer

from rnnbench.cli import output, records
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:  # numpy would cost a third of the start-up of every command
    from rnnbench.text.corpora import CorpusDescription

app = typer.Typer(help="The texts: list, show.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command("list")
def list_corpora(context: typer.Context, json: Json = False) -> None:
    """The texts that can be chosen by name."""
    workspace: Workspace = context.obj
    found = [(path, path.stat().st_size) for path in workspace.corpora()]
    if json:
        output.json_data({"corpora": [{"name": path.stem, "path": str(path), "bytes": size} for path, size in found]})
    elif not found:
        output.say(f"no texts in {' or '.join(str(folder) for folder in workspace.corpora_folders)}")
    else:
        output.table(["name", "bytes", "path"], [[path.stem, f"{size:,}", str(path)] for path, size in found])


@app.command()
def show(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A path, or a name under corpora/.", show_default=False)],
    json: Json = False,
) -> None:
    """What a text holds: characters, lines, vocabulary, how it is split."""
    from rnnbench.text import corpora as texts

    path = context.obj.find_corpus(file)
    described = texts.describe(path, CorpusConfig(file=file), TextConfig())
    if json:
        output.json_data(records.description_record(described))
        return
    for line in _lines(described):
        output.data(visible(line))


def _lines(described: "CorpusDescription") -> list[str]:
    most = "  ".join(f"{token!r} {count:,}" for token, count in described.most_common[:10])
    lines = [
        f"path         {described.path}",
        f"size         {described.bytes:,} bytes of {described.encoding}",
        f"characters   {described.characters:,} in {described.lines:,} lines",
        f"tokens       {described.tokens:,} ({described.tokenizer}), vocabulary {described.vocabulary_size:,}",
        f"most common  {most}",
    ]
    for split in described.splits:
        unknown = f", {split.out_of_vocabulary_rate:.3%} unknown" if split.name != "train" else ""
        lines.append(f"{split.name:<12} {split.tokens:,} tokens{unknown}")
    return [*lines, f"sha256       {described.digest}"]
