"""The workbench on a real pseudo-terminal, in a small workspace of its own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no package; the measurements use the same terminal

from terminal import Terminal

Start = Callable[..., Terminal]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with one short text of its own."""
    folder = tmp_path / "corpora"
    folder.mkdir()
    lines = [
        f"Line {n}: the quick keeper of clock number {n * 7 % 13} winds it at {n * 5 % 12} o'clock.\n"
        for n in range(1500)
    ]
    (folder / "alarm.txt").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def start(workspace: Path) -> Iterator[Start]:
    """Starts the workbench on a terminal; everything that was started, trainers too, is ended afterwards."""
    terminals: list[Terminal] = []

    def begin(*words: str, columns: int = 120, rows: int = 40, controlling: bool = True) -> Terminal:
        environment = {"RNNBENCH_HOME": str(workspace), "XDG_CONFIG_HOME": str(workspace / "settings")}
        terminals.append(Terminal(list(words), workspace, columns, rows, environment, controlling=controlling))
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.close()
    _end_trainers(workspace)


def _end_trainers(workspace: Path) -> None:
    from rnnbench.runs import jobs
    from rnnbench.runs.store import RunStore
    from rnnbench.workspace import Workspace

    for run in RunStore(Workspace(workspace)).running():
        jobs.ask(run, "stop")
        jobs.wait_until_idle(run, 30)
