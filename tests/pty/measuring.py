"""A budget's row in the table, and the scratch workspace in which it is measured."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from folders import end, training_run
from terminal import Terminal

from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace

WIDE, NARROW = (120, 40), (80, 24)


@dataclass(frozen=True)
class Row:
    """One budget: what was measured, at its best, and whether it was kept. No limit: only for information."""

    what: str
    unit: str
    values: tuple[float, ...]
    limits: tuple[float | None, float | None, float | None] = (None, None, None)
    at_least: bool = False

    @property
    def figures(self) -> tuple[float, float, float]:
        """Median, 95th percentile and largest."""
        ordered = sorted(self.values)
        return statistics.median(ordered), ordered[round(0.95 * (len(ordered) - 1))], ordered[-1]

    @property
    def verdict(self) -> str:
        """ok, missed, or nothing where there is no budget."""
        pairs = [(figure, limit) for figure, limit in zip(self.figures, self.limits, strict=True) if limit is not None]
        kept = all(figure >= limit if self.at_least else figure <= limit for figure, limit in pairs)
        return ("ok" if kept else "missed") if pairs else ""

    def line(self) -> str:
        """The row of the table."""
        sign = ">=" if self.at_least else "<="
        named = zip(("p50", "p95", "max"), self.limits, strict=True)
        budget = ", ".join(f"{name} {sign} {limit:g}" for name, limit in named if limit is not None)
        figures = " | ".join(f"{figure:,.3g}" if figure < 1000 else f"{figure:,.0f}" for figure in self.figures)
        return f"| {self.what} ({self.unit}, n={len(self.values)}) | {budget} | {figures} | {self.verdict} |"


class Bench:
    """A scratch workspace, and how thorough to be."""

    def __init__(self, root: Path, quick: bool) -> None:
        self.root, self.quick = root, quick
        self.workspace = Workspace(root)
        (root / "corpora").mkdir()
        for number in range(4):
            lines = (f"Line {n}: keeper {n * 7 % 13} winds clock {n * number % 12}.\n" for n in range(1500))
            (root / "corpora" / f"alarm-{number}.txt").write_text("".join(lines))

    def few(self, thorough: int, quick: int) -> int:
        """How often, or how long."""
        return quick if self.quick else thorough

    @contextmanager
    def opened(self, *words: str, size: tuple[int, int] = WIDE, full: bool = True) -> Iterator[Terminal]:
        """The workbench on a terminal."""
        environment = {"RNNBENCH_HOME": str(self.root), "XDG_CONFIG_HOME": str(self.root / "settings")}
        terminal = Terminal(list(words), self.root, *size, environment, controlling=False)
        try:
            if full:
                terminal.wait_for(is_full)
            yield terminal
        finally:
            terminal.close()

    @contextmanager
    def training(self) -> Iterator[Run]:
        """A real run, training at full speed on one thread."""
        job = training_run(self.workspace)
        try:
            while job.run.progress().step < 100 and job.exit_code is None:
                time.sleep(0.2)
            yield job.run
        finally:
            end(job)

    def forget_runs(self) -> None:
        """An empty list of runs for the next measurement."""
        for run in RunStore(self.workspace).runs():
            RunStore(self.workspace).delete(run.name)


def is_full(text: str) -> bool:
    """The whole first screen: a pane's name, a text in the list, and the line of keys."""
    return all(word in text for word in ("orpora", "alarm-3", "Palette"))
