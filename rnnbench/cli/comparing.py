"""runs compare and runs plot: several runs side by side."""

import sys
from shutil import get_terminal_size
from typing import Annotated

import typer

from rnnbench import config as configuration
from rnnbench.cli import output, records
from rnnbench.cli.records import Record
from rnnbench.errors import UsageError
from rnnbench.metrics import perplexity
from rnnbench.runs import comparing
from rnnbench.runs.figures import figure, perplexity_name
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
    if json:
        told = [_told(records.run_record(run)) for run in found]
        output.json_data({"runs": told, "differences": configuration.differences(run.config() for run in found)})
        return
    compared = [comparing.read(run) for run in found]
    settings = comparing.setting_rows(compared)
    rows = [[row.label, *row.texts] for row in (*comparing.figure_rows(compared), *settings)]
    output.table(["", *(run.name for run in found)], rows)
    if comparing.texts_differ(compared):
        output.say(comparing.OTHER_TEXTS)


def _find(context: typer.Context, names: list[str]) -> list[Run]:
    """The runs in the order given, each once."""
    store = RunStore(context.obj)
    return [store.find(name) for name in dict.fromkeys(names)]


def _told(record: Record) -> Record:
    """What `compare --json` tells of a run."""
    progress = record["progress"]
    plain = {name: record[name] for name in ("name", "task", "state", "step", "planned_steps", "parameters", "changes")}
    scores = {name: progress[name] for name in ("best", "test")}
    return {**plain, **scores, **{name: progress[name] for name in ("tokens_per_second", "elapsed_seconds")}}


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
