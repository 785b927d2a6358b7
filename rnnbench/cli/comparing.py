"""runs compare and runs plot: several runs side by side."""

import sys
from shutil import get_terminal_size
from typing import Annotated, Any

import typer

from rnnbench import config as configuration
from rnnbench.cli import output, records
from rnnbench.cli.records import Record
from rnnbench.errors import UsageError
from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure, perplexity_name
from rnnbench.runs.narration import duration
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.store import Run, RunStore
from rnnbench.visible import visible

_MOST_CURVES = 8  # as many as can be told apart
_PIPE_WIDTH, _HIGHEST, _MARGIN = 80, 24, 3
_INKS = ("36", "33", "35", "32", "34", "31", "96", "93")  # foreground colours that every terminal has
_FAINT = "2"

Runs = Annotated[list[str], typer.Argument(metavar="RUN...", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def compare(context: typer.Context, runs: Runs, json: Json = False) -> None:
    """The figures of several runs, and the settings in which they differ."""
    found = _find(context, runs)
    if len(found) < 2:
        raise UsageError("one run cannot be compared with itself", "name two or more")
    told = [_told(records.run_record(run)) for run in found]
    differing = configuration.differences(run.config() for run in found)
    if json:
        output.json_data({"runs": told, "differences": differing})
        return
    rows = [[label, *texts] for label, texts in _rows(told) if any(text != "-" for text in texts)]
    rows += [[key, *map(_setting, values)] for key, values in differing.items()]
    output.table(["", *(run.name for run in found)], rows)
    if any(key.startswith(("corpus.", "text.")) for key in differing):
        output.say("the texts or their tokens differ: compare bits/character, and those only on the same text")


def _find(context: typer.Context, names: list[str]) -> list[Run]:
    """The runs in the order given, each once."""
    store = RunStore(context.obj)
    return [store.find(name) for name in dict.fromkeys(names)]


def _told(record: Record) -> Record:
    """What `compare --json` tells of a run."""
    progress = record["progress"]
    plain = {name: record[name] for name in ("name", "task", "state", "step", "planned_steps", "parameters")}
    scores = {name: progress[name] for name in ("best", "test")}
    return {**plain, **scores, **{name: progress[name] for name in ("tokens_per_second", "elapsed_seconds")}}


def _rows(told: list[Record]) -> list[tuple[str, list[str]]]:
    """The figures as text, a row for each; a pseudo-perplexity never stands in the row of perplexities."""
    rows = [
        ("state", [str(record["state"]) for record in told]),
        ("step", [f"{record['step']:,}" for record in told]),
        ("parameters", [_whole(record["parameters"]) for record in told]),
    ]
    for split in ("best", "test"):
        scores = [record[split] or {} for record in told]
        label = "best validation" if split == "best" else "test"
        rows += [
            (f"{label} perplexity", [_figure(score.get("perplexity")) for score in scores]),
            (f"{label} pseudo-perplexity", [_figure(score.get("pseudo_perplexity")) for score in scores]),
            (f"{label} bits/character", [_decimals(score.get("bits_per_character"), 3) for score in scores]),
            (f"{label} loss, nats", [_decimals(score.get("loss_nats"), 4) for score in scores]),
        ]
    times = [record["elapsed_seconds"] for record in told]
    rows.append(("tokens/s", [_whole(record["tokens_per_second"]) for record in told]))
    return [*rows, ("trained for", [duration(seconds) if seconds else "-" for seconds in times])]


def _figure(value: float | None) -> str:
    return "-" if value is None else figure(value)


def _decimals(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _setting(value: Any) -> str:
    """A setting as it is written in a file of settings, without its quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# -- curves --------------------------------------------------------------------------------------------------------


def plot(context: typer.Context, runs: Runs, json: Json = False) -> None:
    """The validation perplexity of runs over their steps, as a chart of text."""
    found = _find(context, runs)
    if len(found) > _MOST_CURVES:
        raise UsageError(f"{len(found)} curves cannot be told apart in one chart", f"name at most {_MOST_CURVES} runs")
    told = [(run.name, run.progress()) for run in found]
    names = {perplexity_name(progress.task) for _, progress in told if progress.validation}
    if json:
        output.json_data({"runs": [_points(name, progress) for name, progress in told]})
    elif len(names) > 1:
        raise UsageError("a pseudo-perplexity compares with no perplexity", "plot cloze runs on their own")
    elif not names:
        output.say("none of these runs has been validated yet")
    else:
        _draw(told, names.pop())


def _points(name: str, progress: RunProgress) -> Record:
    """A curve as numbers."""
    losses = [records.finite(loss) for loss in progress.validation.values]
    return {
        "name": name,
        "task": progress.task or None,
        "steps": list(progress.validation.steps),
        "losses_nats": losses,
    }


def _draw(told: list[tuple[str, RunProgress]], title: str) -> None:
    """The chart, and below it a line for each run. Where there are no colours, every curve has a sign of its own."""
    from rnnbench.tui.widgets.drawing import Look, Series, draw
    from rnnbench.tui.widgets.envelope import Envelope

    coloured = output.is_terminal() and output.colours() and _encodes("⣿")
    look = Look(ascii=not coloured)
    width, height = get_terminal_size() if output.is_terminal() else (_PIPE_WIDTH, _HIGHEST)
    height = min(height - len(told) - _MARGIN, _HIGHEST)
    series, envelopes = [], []
    for index, (name, progress) in enumerate(told):
        values = [perplexity(loss) for loss in progress.validation.values]
        series.append(Series(name, progress.validation.steps, values, _INKS[index]))
        envelopes.append(Envelope())
        envelopes[-1].follow(progress.validation.steps, values)
    output.data(f"validation {title}, logarithmic, over steps")
    for row in draw(series, envelopes, [], width, max(height, 8), look, "nothing that can be drawn")[1:]:
        output.data("".join(_inked(text, style) if coloured else text for text, style in row).rstrip())
    for index, (name, progress) in enumerate(told):
        line = f"{look.curve_mark(index)} {visible(name)}  {_summary(progress)}"
        output.data(_inked(line, _INKS[index]) if coloured else line)


def _encodes(text: str) -> bool:
    """Whether stdout can carry the characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _inked(text: str, style: str) -> str:
    """Text in a colour; the axes, whose style is a name, faint."""
    return f"\x1b[{style if style.isdigit() else _FAINT}m{text}\x1b[0m" if style and text.strip() else text


def _summary(progress: RunProgress) -> str:
    """The best and the last point of a curve."""
    best, curve = progress.best, progress.validation
    if best is None or not curve:
        return "not validated yet"
    lowest, last = figure(perplexity(best.loss_nats)), figure(perplexity(curve.values[-1]))
    return f"best {lowest} at step {best.step:,}, last {last} at step {curve.steps[-1]:,}"
