"""Measures the workbench in a real pseudo-terminal against its budgets and prints a Markdown table.

`make bench-tui`, or `python tests/pty/bench_tui.py [--quick] [--json FILE] [--only WORD]`. Nothing here is a test: the
figures belong to the machine, and to whatever else it does meanwhile.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import psutil
from folders import growing, history, many_runs
from measuring import NARROW, WIDE, Bench, Row, is_full
from terminal import Replay, Terminal

from rnnbench.runs.events import StepDone
from rnnbench.runs.log import read_events
from rnnbench.runs.store import Run

_LEFT_HALF = 40  # columns of the corpora and the model pane, in which training changes nothing


def _user(terminal: Terminal) -> psutil.Process:
    return psutil.Process(terminal.process.pid)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _watched(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """Bytes a second and percent of a core over some seconds."""
    process, began = _user(terminal), time.monotonic()
    before = _cpu(process)
    time.sleep(seconds)
    passed = time.monotonic() - began
    return terminal.bytes_since(began) / passed, 100 * (_cpu(process) - before) / passed


def first_screen(bench: Bench) -> Iterator[Row]:
    """From the start of the process to the last byte of the first full screen."""
    for size in (NARROW, WIDE):
        taken = []
        for _ in range(1 + bench.few(7, 3)):
            with bench.opened(size=size) as terminal:
                terminal.settle(1.5)  # no child of this one is to slow the next one down
                moment = terminal.replay().when(lambda screen: is_full(screen.text))
                taken.append(1000 * ((moment or 0) - terminal.began))
        yield Row(f"first full screen at {size[0]}x{size[1]}", "ms", tuple(taken[1:]), (600, None, None))


def idle(bench: Bench) -> Iterator[Row]:
    """Nothing happens, and nothing is sent."""
    with bench.opened() as terminal:
        terminal.settle(3.0)
        sent, busy = _watched(terminal, bench.few(5, 5))
    yield Row("sent idle, 5 s", "bytes/s", (sent,), (None, None, 0))
    yield Row("CPU of the workbench idle", "% of a core", (busy,), (None, None, 0.5))


_HOME = "\x1b[H"
_DOWN, _UP, _FIRST_PANE, _SECOND_PANE, _TAB = "\x1b[B", "\x1b[A", "\x1bOP", "\x1bOQ", "\t"
_KEYS = (_DOWN, _DOWN, _UP, _UP, _SECOND_PANE, _TAB, _TAB, _FIRST_PANE)


def latency(bench: Bench) -> Iterator[Row]:
    """From a key to the first byte that changes what the key changes, while a run trains."""
    with bench.training(), bench.opened() as terminal:
        terminal.wait_for("running")
        for key in (_FIRST_PANE, _HOME, *[_DOWN] * 5, *[_UP] * 3):  # every text is read once before it counts
            terminal.send(key)
            time.sleep(0.7)
        replay, taken = terminal.replay(), []
        for number in range(bench.few(200, 32)):
            time.sleep(0.15 + 0.011 * (number % 9))  # at no fixed phase of the four drawings a second
            taken.append(_answer(terminal, replay, _KEYS[number % len(_KEYS)]))
    answered = tuple(each for each in taken if each is not None)
    yield Row("key to paint while a run trains", "ms", answered, (10, 30, 100))
    if missing := len(taken) - len(answered):
        yield Row("keys without an answer", "keys", (missing,), (None, None, 0))


def _answer(terminal: Terminal, replay: Replay, key: str) -> float | None:
    replay.until(time.monotonic())
    before = replay.screen.cells(0, _LEFT_HALF)
    pressed = terminal.send(key)
    while time.monotonic() < pressed + 3:
        if found := replay.when(lambda screen: screen.cells(0, _LEFT_HALF) != before):
            return 1000 * (found - pressed)
        time.sleep(0.002)
    return None


def traffic(bench: Bench) -> Iterator[Row]:
    """What a run that trains sends, and what drawing it costs."""
    slow = "--slow-link" in subprocess.run(
        [sys.executable, "-m", "rnnbench", "--help"], capture_output=True, text=True, check=True
    ).stdout.replace("\n", "")  # fmt: skip
    seconds = bench.few(30, 6)
    with bench.training():
        for size in (WIDE, NARROW):
            yield from _sent(bench, f"a run that trains, {size[0]}x{size[1]}", (), seconds, 6.0, size)
        if slow:
            yield from _sent(bench, "a run that trains, --slow-link", ("--slow-link",), seconds, 1.0)
    bench.forget_runs()
    with growing(bench.workspace, lines_per_second=10):
        yield from _sent(bench, "a log of 10 lines/s", (), seconds, 16.0)
        if slow:
            yield from _sent(bench, "a log of 10 lines/s, --slow-link", ("--slow-link",), seconds, None)


def _sent(
    bench: Bench, what: str, words: tuple[str, ...], seconds: float, limit: float | None, size: tuple[int, int] = WIDE
) -> Iterator[Row]:
    with bench.opened(*words, size=size) as terminal:
        terminal.send("3")
        terminal.wait_for("running")
        time.sleep(3)  # what is seen once, such as the whole curve, has been drawn
        sent, busy = _watched(terminal, seconds)
    yield Row(f"sent, {what}", "KB/s", (sent / 1000,), (None, None, limit))
    yield Row(f"CPU of the workbench, {what}", "% of a core", (busy,), (None, None, 5))


def speed(bench: Bench) -> Iterator[Row]:
    """Training watched, and with a terminal that takes nothing, against training alone; in turn."""
    seconds = bench.few(10, 4)
    alone, watched, stalled = [], [], []
    with bench.training() as run:
        for _ in range(bench.few(5, 2)):
            alone.append(_steps_a_second(run, seconds))
            with bench.opened() as terminal:
                terminal.wait_for("running")
                time.sleep(1)
                watched.append(_steps_a_second(run, seconds))
                terminal.stall()
                stalled.append(_steps_a_second(run, seconds))
    yield Row("training alone", "steps/s", tuple(alone))
    pairs = tuple(100 * b / (a or 1) for a, b in zip(alone, watched, strict=True))
    yield Row("training speed, watched", "% of alone", pairs, (99, None, None), at_least=True)
    pairs = tuple(100 * b / (a or 1) for a, b in zip(alone, stalled, strict=True))
    yield Row("training speed, terminal stalled", "% of alone", pairs, (98, None, None), at_least=True)


def _steps_a_second(run: Run, seconds: float) -> float:
    began = time.time()
    time.sleep(seconds)
    events = [event for event in read_events(run.events_file) if isinstance(event, StepDone) and event.at >= began]
    if len(events) < 2:
        return 0.0
    return (events[-1].step - events[0].step) / (events[-1].at - events[0].at)


def leave(bench: Bench) -> Iterator[Row]:
    """From q to the end of the process, while a run trains and after a text was written."""
    taken = []
    with bench.training():
        for _ in range(bench.few(5, 1)):
            with bench.opened() as terminal:
                terminal.wait_for("running")
                terminal.send("4")
                terminal.send("Line 7\r")
                terminal.wait_for("nats/token")
                terminal.send("\x1b")
                time.sleep(0.5)
                began = terminal.send("q")
                terminal.wait_for_exit(30)
                taken.append(time.monotonic() - began)
    yield Row("leaving while a run trains, a sampler used", "s", tuple(taken), (None, None, 1.0))


def long_curve(bench: Bench) -> Iterator[Row]:
    """A run of many steps: until all of it is seen, and the memory it takes."""
    steps = bench.few(1_000_000, 50_000)
    with _small(bench) as small:
        history(bench.workspace, "long", steps=steps)
        with bench.opened("tui", "long") as terminal:
            terminal.wait_for(f"step {steps:,}")
            terminal.settle(1.5)
            replay = terminal.replay()
            first = replay.when(lambda screen: "step" in screen.text and "┤" in screen.text)
            full = replay.when(lambda screen: f"step {steps:,}" in screen.text)
            grown = _user(terminal).memory_info().rss - small
        attached = _from_the_list(bench, "long", f"step {steps:,}")
    bench.forget_runs()
    yield Row(
        f"{steps:,} points: whole curve after its run is opened",
        "ms",
        (attached,),
        (1000, None, None),
    )
    yield Row(f"{steps:,} points: first curve after the start", "ms", (1000 * ((first or 0) - terminal.began),))
    yield Row(f"{steps:,} points: whole curve after the start", "ms", (1000 * ((full or 0) - terminal.began),))
    yield Row(f"{steps:,} points: memory beyond an empty run", "MB", (grown / 1e6,), (None, None, 40))
    yield Row("curve of these points redrawn at 120x30", "ms", tuple(asyncio.run(_redraws(steps))), (8, None, None))


def _from_the_list(bench: Bench, name: str, seen: str) -> float:
    """Milliseconds from enter on the newest run in the list until something of it is seen."""
    with bench.opened("tui", "small") as terminal:
        terminal.wait_for("step 100")
        terminal.settle(1.5)
        terminal.send("r")
        terminal.wait_for(name)
        terminal.settle(0.5)
        terminal.send(_HOME)
        terminal.settle(0.5)
        chosen = terminal.send("\r")
        terminal.wait_for(seen, 60)
        return 1000 * ((terminal.replay().when(lambda screen: seen in screen.text) or 0) - chosen)


@contextmanager
def _small(bench: Bench) -> Iterator[int]:
    """The memory that a run of a few steps takes."""
    history(bench.workspace, "small", steps=100)
    with bench.opened("tui", "small") as terminal:
        terminal.wait_for("step 100")
        terminal.settle(1.5)
        small = _user(terminal).memory_info().rss
    yield small


async def _redraws(points: int) -> list[float]:
    from textual.app import App, ComposeResult

    from rnnbench.tui.widgets.chart import TRAIN_STYLE, LearningCurve, Series

    class Alone(App[None]):
        def compose(self) -> ComposeResult:
            yield LearningCurve()

    app, taken = Alone(), []
    async with app.run_test(size=(120, 30)) as pilot:
        curve = app.query_one(LearningCurve)
        values = [20 / (1 + step / 5000) + 2 + step * 7919 % 100 / 100 for step in range(points)]
        curve.show([Series("train", range(1, points + 1), values, TRAIN_STYLE)], [])
        for _ in range(30):
            await pilot.pause()
            began = time.perf_counter()
            curve._redraw()
            taken.append(1000 * (time.perf_counter() - began))
    return taken


def long_log(bench: Bench) -> Iterator[Row]:
    """A log of many lines: until its end is seen, jumps, and memory."""
    lines = bench.few(999_000, 20_000)  # of a million the view would have let the first go
    last = f"note {lines - 1:07}"
    with _small(bench) as small:
        history(bench.workspace, "wordy", steps=100, lines=lines)
        with bench.opened("tui", "wordy") as terminal:
            terminal.send("3")
            terminal.wait_for("✓ finished", 300)
            terminal.settle(1.5)
            replay = terminal.replay()
            opened = replay.when(lambda screen: last in screen.text)
            read = replay.when(lambda screen: "✓ finished" in screen.text)
            grown = _user(terminal).memory_info().rss - small
            jumps = []
            for _ in range(bench.few(10, 3)):
                jumps += [_jump(terminal, "\x1b[H", "1,000 parameters"), _jump(terminal, "\x1b[F", last)]
            terminal.send("f" + f"{lines // 2:07}"[:-1])  # all but the last figure of the line in the middle
            terminal.settle(3.0)
            hit = _jump(terminal, f"{lines // 2:07}"[-1], " 1 of ")
        shown = _from_the_list(bench, "wordy", last)
    yield Row(f"{lines:,} log lines: last line shown after its run is opened", "ms", (shown,), (300, None, None))
    for what, when in (("shown", opened), ("read", read)):
        yield Row(f"{lines:,} log lines: start to last line {what}", "ms", (1000 * ((when or 0) - terminal.began),))
    yield Row(f"{lines:,} log lines: last letter of a filter to its hit", "ms", (hit,), (None, None, 300))
    yield Row(f"{lines:,} log lines: jump to start or end", "ms", tuple(jumps), (None, None, 300))
    yield Row(f"{lines:,} log lines: memory beyond an empty run", "MB", (grown / 1e6,), (None, None, 40))


def _jump(terminal: Terminal, key: str, seen: str) -> float:
    pressed = terminal.send(key)
    terminal.wait_for(seen)
    replay = terminal.replay()
    replay.until(pressed)
    return 1000 * ((replay.when(lambda screen: seen in screen.text) or 0) - pressed)


def runs_list(bench: Bench) -> Iterator[Row]:
    """From r to a full list of runs."""
    bench.forget_runs()
    count, taken = bench.few(1000, 100), []
    many_runs(bench.workspace, count)
    for _ in range(bench.few(5, 2)):
        with bench.opened() as terminal:
            terminal.wait_for("crowd-")
            terminal.settle(1.0)
            pressed = terminal.send("r")
            terminal.wait_for(_lists_runs)
            replay = terminal.replay()
            replay.until(pressed)
            taken.append(1000 * ((replay.when(lambda screen: _lists_runs(screen.text)) or 0) - pressed))
    yield Row(f"list of {count:,} runs, from its key", "ms", tuple(taken))


def _lists_runs(text: str) -> bool:
    return text.count("crowd-") > 20 and "bits/char" in text


MEASURES: tuple[Callable[[Bench], Iterator[Row]], ...] = (
    first_screen, idle, latency, traffic, speed, leave, long_curve, long_log, runs_list,
)  # fmt: skip


def machine() -> str:
    """What the figures depend on."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {platform.machine()}, Python {platform.python_version()}, load {load}"


def main() -> None:
    """Measure, print as the figures come, and write them down when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions and small histories")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--only", nargs="*", default=[], help="names of measurements")
    chosen = parser.parse_args()
    print(machine(), flush=True)
    print("\n| what | budget | p50 | p95 | max | |\n|---|---|---|---|---|---|", flush=True)
    rows = []
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    for measure in MEASURES:
        if chosen.only and measure.__name__ not in chosen.only:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for row in measure(Bench(Path(folder), chosen.quick)):
                rows.append(row)
                print(row.line(), flush=True)
    print(f"\n{machine()}")
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
