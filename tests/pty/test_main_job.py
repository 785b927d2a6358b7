"""The main job, as a person does it: on a real terminal, with the keyboard, with real training."""

import re
import signal
import time
from pathlib import Path

import pytest

from rnnbench import storage
from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace

pytestmark = pytest.mark.timeout(240)
SIZES = [(120, 40), (80, 24)]


def _only_run(workspace: Path) -> Run:
    (run,) = RunStore(Workspace(workspace)).runs()
    return run


def _choose_and_start(terminal, hidden: int = 48) -> None:
    """Choose the first text, set the hidden size and a long budget in the form, start."""
    terminal.wait_for("Corpora")
    terminal.send("1")
    terminal.wait_for("alarm.txt")
    terminal.send("\x1b[H\r")
    terminal.wait_for("characters")
    terminal.send("2")
    _fill_in(terminal, "Units in each layer's state", str(hidden))
    _fill_in(terminal, "Passes over the training text", "400")
    _leave_the_field(terminal)
    terminal.send("s")


def _fill_in(terminal, help_line: str, value: str) -> None:
    """Walk through the form with tab until the field with that help has the focus, and type over what it holds."""
    for _ in range(60):
        before = terminal.text
        if help_line in " ".join(before.split()):
            break
        terminal.send("\t")
        terminal.wait_for(lambda text, before=before: text != before)
        terminal.settle()
    else:
        raise AssertionError(f"no field with the help {help_line!r}\n{terminal.text}")
    terminal.send("\x1b[F" + "\x7f" * 8 + value)
    terminal.wait_for(value)


def _leave_the_field(terminal) -> None:
    """A lone escape is told from an escape sequence by the pause after it."""
    terminal.send("\x1b")
    time.sleep(0.3)


def _perplexity(text: str) -> float | None:
    found = re.findall(r"perplexity [▁▂▃▄▅▆▇█ ]+ ?(\d+\.\d+)", text)
    return float(found[0]) if found else None


def _wait_for_steps(run: Run, steps: int) -> None:
    deadline = time.monotonic() + 60
    while run.progress().step < steps:
        assert time.monotonic() < deadline, run.stderr_tail()
        time.sleep(0.1)


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_start_watch_talk_quit_reopen_stop(start, workspace: Path, columns: int, rows: int) -> None:
    """A run started in the workbench outlives it; reopening attaches with the whole curve; it stops from there."""
    terminal = start(columns=columns, rows=rows)
    _choose_and_start(terminal)
    terminal.send("3")
    terminal.wait_for("running")
    first = _perplexity(terminal.wait_for(lambda text: _perplexity(text) is not None))
    terminal.wait_for(lambda text: (_perplexity(text) or first) < first * 0.7)
    run = _only_run(workspace)
    assert run.config().model.hidden == 48

    terminal.send("4")
    terminal.send("Line 7: \r")
    assert "Line 7: " in terminal.wait_for("nats/token"), "the prompt stays above what follows it"
    _leave_the_field(terminal)
    terminal.send("q")
    assert terminal.wait_for_exit(10) == 0
    assert storage.lock_is_held(run.lock_file), "the run must go on"
    _wait_for_steps(run, run.progress().step + 20)

    again = start(columns=columns, rows=rows)
    again.wait_for("Corpora")
    again.send("3")
    again.wait_for(run.name)
    again.wait_for("running")
    again.wait_for("step 0")  # the curve begins where the run began
    again.send("x")
    again.wait_for(lambda text: "stop" in text.lower())
    again.send("y")
    again.wait_for("stopped")
    assert run.state(run.progress()) == "stopped"


def test_killing_the_workbench_leaves_the_run_alone(start, workspace: Path) -> None:
    """kill -9 of the workbench: the trainer does not notice."""
    terminal = start()
    _choose_and_start(terminal)
    terminal.wait_for("running")
    run = _only_run(workspace)
    _wait_for_steps(run, 5)
    terminal.process.send_signal(signal.SIGKILL)
    terminal.process.wait()
    _wait_for_steps(run, run.progress().step + 30)
    assert storage.lock_is_held(run.lock_file)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back_on_a_signal(start, number: signal.Signals) -> None:
    """SIGTERM and SIGHUP leave the alternate screen and turn mouse reporting off."""
    terminal = start()
    terminal.wait_for("Corpora")
    terminal.process.send_signal(number)
    terminal.wait_for_exit(10)
    time.sleep(0.2)
    tail = terminal.received[-2000:]
    assert b"\x1b[?1049l" in tail
    assert b"\x1b[?1000l" in tail
