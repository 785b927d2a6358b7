"""runs: list, show, rename; the other commands have files of their own."""

import time
from typing import Annotated

import typer

from rnnbench.cli import comparing, export, output, records, run_notes, run_trash
from rnnbench.cli.records import Record
from rnnbench.config import as_written, size_in_short
from rnnbench.runs.comparing import setting_text
from rnnbench.runs.figures import CLOZE, figure, figure_texts, long_perplexity_name
from rnnbench.runs.narration import Narrator, duration
from rnnbench.runs.store import CRASHED, FAILED, PAUSED, RunStore
from rnnbench.visible import visible

app = typer.Typer(
    help="The run store: list, show, compare, plot, export, rename, tag, note, delete and undelete.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command("list")
def list_runs(context: typer.Context, json: Json = False) -> None:
    """Every run, newest first."""
    store = RunStore(context.obj)
    found = [records.summary_record(run) for run in store.newest(1 << 30)]
    if json:
        output.json_data({"runs": found})
    elif not found:
        output.say(f"no runs in {store.folder} yet; start one with `rnnbench` or `rnnbench train --headless`")
    else:
        # A pseudo-perplexity has a column of its own, and only where a run has one; so have tags.
        pseudo = any(record["task"] == CLOZE for record in found)
        tagged = any(record["tags"] for record in found)
        header = ["run", "state", "step", "best perplexity", *(["pseudo-perplexity"] if pseudo else []), *_REST]
        rows = [_row(record, pseudo=pseudo) for record in found]
        if tagged:
            header.append("tags")
            rows = [[*row, " ".join(record["tags"])] for row, record in zip(rows, found, strict=True)]
        output.table(header, rows)


_REST = ["bits/character", "model", "corpus", "last event"]


def _row(record: Record, *, pseudo: bool) -> list[str]:
    best = record["best"] or {}
    bits = best.get("bits_per_character")
    planned = f"/{record['planned_steps']:,}" if record["planned_steps"] else ""
    return [
        record["name"],
        record["state"],
        f"{record['step']:,}{planned}",
        *(_or_dash(best.get(name)) for name in ("perplexity", *(["pseudo_perplexity"] if pseudo else []))),
        f"{bits:.3f}" if bits is not None else "-",
        record["model"] or "-",
        (record["corpus"] or "-").rsplit("/", 1)[-1],
        f"{duration(max(time.time() - record['last_event_at'], 0))} ago" if record["last_event_at"] else "-",
    ]


def _or_dash(perplexity: float | None) -> str:
    return figure(perplexity) if perplexity else "-"


@app.command()
def show(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
    json: Json = False,
    log: Annotated[bool, typer.Option("--log", help="The whole log, one line for each event.")] = False,
) -> None:
    """One run: where it stands, its figures, its configuration."""
    found = RunStore(context.obj).find(run)
    if log:
        narrator = Narrator()
        from rnnbench.runs.log import read_events

        for event in read_events(found.events_file):
            for line in narrator.tell(event):
                output.data(line)
        return
    record = records.run_record(found)
    if json:
        output.json_data(record)
        return
    for line in _lines(record):
        output.data(visible(line))
    if record["state"] in (CRASHED, FAILED) and (tail := found.stderr_tail().strip()):
        output.data("it printed at the end:")
        output.data(visible("\n".join(tail.splitlines()[-8:]), keep_newlines=True))
    if record["state"] == PAUSED:
        output.data(f"let it go on with `rnnbench resume {run}`")
    if record["state"] == CRASHED:
        output.data(f"continue it with `rnnbench resume {run} --headless`")


def _lines(record: Record) -> list[str]:
    config, progress = record["config"], record["progress"]
    planned = f" of {record['planned_steps']:,}" if record["planned_steps"] else ""
    lines = [f"run          {record['name']}", f"state        {record['state']}"]
    lines += [f"message      {record['message']}"] if record["message"] else []
    lines += [f"step         {record['step']:,}{planned}, epoch {record['epoch']:.2f}"]
    if config:
        model, training = config["model"], config["training"]
        lines += [f"corpus       {config['corpus']['file']}"]
        size = f", {record['parameters']:,} parameters" if record["parameters"] else ""
        task = f", {model['task']}" if model["task"] != "language_model" else ""
        lines += [f"model        {size_in_short(model['cell'], model['hidden'], model['layers'])}{task}{size}"]
        lines += [
            f"training     {training['optimizer']} {training['learning_rate']:g}, batches of "
            f"{_batch(config)}, seed {training['seed']}"
        ]
        lines += [f"changed      {text}" for text in _changes(record, training)]
    for label, key in (
        ("train", "train"),
        ("train frozen", "train_frozen"),
        ("validation", "validation"),
        ("best", "best"),
        ("test", "test"),
    ):
        lines += [f"{label:<12} {_figures(progress[key], record['task'])}"] if progress[key] else []
    for name, figures in (record["baselines"] or {}).items():
        side = "  (left to right)" if record["task"] == CLOZE and name == "5-gram" else ""
        lines += [f"{name:<12} {_figures(figures, 'language_model')}{side}"]
    if progress["tokens_per_second"]:
        lines += [f"speed        {progress['tokens_per_second']:,.0f} tokens/s"]
    if progress["elapsed_seconds"]:
        lines += [f"trained for  {duration(progress['elapsed_seconds'])}"]
    steps = ", ".join(f"{saved['step']:,}{' (best)' if saved['best'] else ''}" for saved in record["checkpoints"])
    lines += [f"checkpoints  {steps or 'none'}"]
    lines += [f"tags         {' '.join(record['tags'])}"] if record["tags"] else []
    lines += [f"note         {record['note']}"] if record["note"] else []
    return lines


def _changes(record: Record, training: Record) -> list[str]:
    """Each setting that was changed while the run was going: what it was begun with, and what came after it."""
    courses: dict[str, list[str]] = {}
    for change in record["changes"]:
        courses.setdefault(change["name"], []).append(f"{change['value']} from step {change['step']:,} on")
    texts = []
    for key, course in courses.items():
        name = key.removeprefix("training.")
        begun = setting_text(as_written(training.get(name)))
        texts.append(", ".join([f"{name.replace('_', ' ')} {begun}", *course]))
    return texts


def _batch(config: Record) -> str:
    """Lanes and time steps; lines are as long as they are."""
    training = config["training"]
    lines = config["model"]["task"] == "seq2seq"
    return (
        f"{training['batch_size']} lines" if lines else f"{training['batch_size']} x {training['steps_per_sequence']}"
    )


def _figures(figures: Record, task: str) -> str:
    value = figures["perplexity"] if figures.get("pseudo_perplexity") is None else figures["pseudo_perplexity"]
    shown = figure(value) if value is not None else "too large"
    bits = figures["bits_per_character"]
    text = f"{long_perplexity_name(task)} {shown:<8} loss {figures['loss_nats']:.4f} nats"
    text += f"  {bits:.3f} bits/character" if bits is not None else ""
    text += "".join(f"  {other}" for other in figure_texts(figures.get("figures", {})))
    if "step" in figures:
        predictable = figures["tokens_total"] - figures["tokens_given"]
        text += f"  at step {figures['step']:,}, {figures['coverage']:.0%} of {predictable:,} tokens"
    if figures.get("kind") == "running":
        text += "  (running)" + ("  memorised" if figures["memorised"] else "")
    return text


app.command()(comparing.compare)
app.command()(comparing.plot)
app.command()(export.export)


@app.command()
def rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", show_default=False)],
) -> None:
    """Give a run another name."""
    RunStore(context.obj).rename(old, new)
    output.say(f"renamed {old} to {new}")


run_notes.register(app)
run_trash.register(app)
