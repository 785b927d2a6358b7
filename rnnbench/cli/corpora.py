"""corpora: list, show; fetch.py adds catalogue and get."""

from typing import TYPE_CHECKING, Annotated

import typer

from rnnbench import config as configuration
from rnnbench.cli import fetch, output, records, stdin
from rnnbench.cli.told_progress import ToldProgress
from rnnbench.errors import UsageError
from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:  # numpy would cost a third of the start-up of every command
    from rnnbench.text.baselines import Baselines
    from rnnbench.text.descriptions import CorpusDescription, LineLengths

app = typer.Typer(help="The texts: list, show, catalogue, get.", no_args_is_help=True, rich_markup_mode=None)
fetch.register(app)
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
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A path, a name under corpora/, or - for standard input.", show_default=False
        ),
    ],
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text; else detected.")] = None,
    errors: Annotated[str | None, typer.Option(help="Bytes that are not text: strict or replace.")] = None,
    members: Annotated[str | None, typer.Option(help="Which texts of an archive or folder: a pattern.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="character, byte, word, whitespace, jieba or bpe.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any choice of [corpus] or [text], as for train."),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="How well guessing, counting and xz predict its validation part.")
    ] = False,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="As source and target lines, for seq2seq: a table, or see corpus.pairs.")
    ] = False,
    progress: Annotated[
        bool, typer.Option("--progress", help="Tell on stderr how far it is, in JSON lines, for a program.")
    ] = False,
    json: Json = False,
) -> None:
    """What a text holds: encoding, characters, lines, vocabulary, how it is split."""
    from rnnbench.text import corpora as texts
    from rnnbench.text.sources import silent

    corpus = {"file": file, "encoding": encoding, "errors": errors, "members": members}
    flags = {"corpus": {key: value for key, value in corpus.items() if value is not None}}
    flags |= {"text": {"tokenizer": tokenizer}} if tokenizer else {}
    sets = [configuration.parse_setting(text) for text in setting or []]
    chosen = configuration.validate(configuration.merge(flags, *sets))
    path = stdin.keep(context.obj.cache) if file == stdin.STDIN else context.obj.find_corpus(file)
    if pairs:
        from rnnbench.cli import pairs as pair_texts

        if baselines:
            raise UsageError("--pairs and --baselines do not go together", "a seq2seq run shows its own baselines")
        pair_texts.show(path, chosen, as_json=json)
        return
    told = ToldProgress() if progress else silent
    output.SETTINGS.for_program = progress
    described = texts.describe(path, chosen.corpus, chosen.text, told=told)
    measured = None
    if baselines:
        encoded = texts.encode(path, chosen.corpus, chosen.text, context.obj.cache, told)
        written = texts.Written(path, chosen.corpus, chosen.text)
        measured = texts.measure_baselines(encoded, written=written)
    if json:
        output.json_data(records.description_record(described, measured))
        return
    for line in _lines(described) + (_baseline_lines(measured) if measured else []):
        output.data(visible(line))


def _baseline_lines(measured: "Baselines") -> list[str]:
    lines = [f"predicting the {measured.split} part without a network:"]
    for row in measured.rows:
        nats = f"perplexity {figure(perplexity(row.loss_nats))}" if row.loss_nats is not None else ""
        bits = f"{row.bits_per_character:.3f} bits/character" if row.bits_per_character is not None else ""
        part = row.learned_from < row.train_size and row.learned_from
        used = f"  (from the last {row.learned_from:,} of {row.train_size:,} {row.unit})" if part else ""
        lines.append(f"  {row.name:<10} {nats:<20} {bits}{used}")
    return lines


def _histogram(buckets: "tuple[LineLengths, ...]") -> str:
    """How many lines have which length."""
    filled = [bucket for bucket in buckets if bucket.lines]
    return ", ".join(f"{_span(bucket)}: {bucket.lines:,}" for bucket in filled)


def _span(bucket: "LineLengths") -> str:
    if bucket.longest is None:
        return f"{bucket.shortest:,}+"
    one = bucket.shortest == bucket.longest
    return f"{bucket.shortest:,}" if one else f"{bucket.shortest:,}-{bucket.longest:,}"


def _lines(described: "CorpusDescription") -> list[str]:
    most = "  ".join(f"{token!r} {count:,}" for token, count in described.most_common[:10])
    sure = "" if described.encoding_confidence >= 1 else f", {described.encoding_confidence:.0%} sure"
    lines = [
        f"path         {described.path}",
        f"size         {described.bytes:,} bytes of {described.encoding}{sure}",
        f"characters   {described.characters:,} in {described.lines:,} lines",
        f"tokens       {described.tokens:,} ({described.tokenizer}), vocabulary {described.vocabulary_size:,}",
        f"most common  {most}",
    ]
    if described.tokenizer != "character":
        lines.append(f"first tokens {' | '.join(repr(token)[1:-1] for token in described.opening[:24])}")
    if described.statistics is not None:
        counted = described.statistics
        least = "at least " if counted.types_capped else ""
        lines.append(f"words        {counted.words:,} between blanks, {least}{counted.word_types:,} different")
        lines.append(f"line lengths {_histogram(counted.line_lengths)}; the longest {counted.longest_line:,}")
    if described.switches:
        lines.append(f"changed by   {', '.join(described.switches)} (lossy)")
    if described.replaced:
        lines.append(f"replaced     {described.replaced:,} characters that were not text")
    if len(described.members) > 1:
        names = [f"{member.name} ({member.encoding})" for member in described.members]
        lines.append(f"members      {len(names)}: {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}")
    for split in described.splits:
        unknown = f", {split.out_of_vocabulary_rate:.3%} unknown" if split.name != "train" else ""
        lines.append(f"{split.name:<12} {split.tokens:,} tokens{unknown}")
    return [*lines, f"sha256       {described.digest}"]
