"""Training events on a screen or in a pipe: plain lines, JSON lines, or a live display."""

import sys
from collections.abc import Iterator, Sequence

from rnnbench.cli import output
from rnnbench.metrics import perplexity
from rnnbench.runs.events import Event, RunFinished, StepDone, to_line
from rnnbench.runs.figures import figure, figure_texts, perplexity_name, score_text
from rnnbench.runs.narration import Narrator, duration
from rnnbench.runs.progress import RunProgress
from rnnbench.visible import visible

_BARS = "▁▂▃▄▅▆▇█"


def _going_on(events: Iterator[Event]) -> None:
    """Nobody reads any more; the run goes on and writes its log."""
    output.forget_stdout()
    for _ in events:
        pass


def tell(events: Iterator[Event], *, as_json: bool, name: str) -> None:
    """Tell every event: as JSON lines, as plain lines in a pipe, or live on a terminal."""
    try:
        if as_json:
            _tell_json(events)
        elif output.SETTINGS.quiet or sys.stdout is None:
            for _ in events:
                pass
        elif output.is_terminal():
            _tell_live(events, name)
        else:
            _tell_plain(events, name)
    except BrokenPipeError:
        _going_on(events)


def _tell_json(events: Iterator[Event]) -> None:
    for event in events:
        sys.stdout.buffer.write(to_line(event))
        sys.stdout.buffer.flush()


def _tell_plain(events: Iterator[Event], name: str) -> None:
    narrator = Narrator()
    output.data(f"run {name}")
    for event in events:
        for line in _lines(narrator, event):
            output.data(line)
        sys.stdout.flush()


def _lines(narrator: Narrator, event: Event) -> list[str]:
    """The event's lines; a failure is left to whoever raised it, to be told once, on stderr."""
    failed = isinstance(event, RunFinished) and event.reason == "failed"
    return [] if failed else narrator.tell(event)


def _tell_live(events: Iterator[Event], name: str) -> None:
    """Lines scroll above; below them stay a bar, the figures and a sparkline of perplexity."""
    from rich.console import Console, Group, RenderableType
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    progress, narrator = RunProgress(), Narrator()
    console = Console(no_color=not output.colours(), highlight=False)

    def picture() -> RenderableType:
        width = min(console.width, 100)
        bar = ProgressBar(total=1.0, completed=progress.fraction_done or 0.0, width=width)
        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in status_lines(progress, name, width)]
        return Group(bar, *lines)

    with Live(picture(), console=console, refresh_per_second=4, transient=True, redirect_stdout=False) as live:
        for event in events:
            progress.apply(event)
            for line in _lines(narrator, event):
                if not isinstance(event, StepDone):
                    live.console.print(Text(line))
            live.update(picture())


def status_lines(progress: RunProgress, name: str, width: int) -> list[str]:
    """The run in three lines: where it is, how fast, and perplexity over the whole run."""
    started, loss = progress.started, progress.running_loss_nats
    if progress.preparing is not None and not progress.step:
        done = progress.preparing.done / max(progress.preparing.total, 1)
        return [f"{visible(name)}: {progress.preparing.phase} {done:.0%}"]
    if started is None or loss is None:
        return [f"{name}: preparing"]
    planned = f"/{started.planned_steps:,}" if started.planned_steps else ""
    left = f", {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    rate = f"{progress.tokens_per_second:,.0f} tokens/s" if progress.tokens_per_second else ""
    pace = "paused" if progress.paused else f"{rate}{left}"
    lines = [f"{visible(name)}  step {progress.step:,}{planned}  epoch {progress.epoch:.2f}  {pace}"]
    now = f" {figure(perplexity(loss))} (running)"
    label = f"{perplexity_name(progress.task)} "
    lines.append(label + sparkline(progress.train.values, width - len(label) - len(now)) + now)
    if progress.best is not None:
        unigram = figure(perplexity(started.unigram_loss_nats))
        beside = "".join(f"  {text}" for text in figure_texts(progress.best.figures))
        lines.append(f"best validation: {score_text(progress.best.score, progress.task)}{beside}  (unigram {unigram})")
    return lines


def sparkline(values: Sequence[float], width: int) -> str:
    """Losses as bars, each column the mean of its share: the scale of the loss is the logarithm of perplexity."""
    if not values or width < 1:
        return ""
    columns = min(width, len(values))
    means = []
    for column in range(columns):
        part = values[column * len(values) // columns : (column + 1) * len(values) // columns]
        means.append(sum(part) / len(part))
    low, high = min(means), max(means)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * scale)] for mean in means)
