"""The workbench on terminals that shrink, stall, vanish and are fed nonsense; and where its cursor stands."""

import random
import re
import signal
import time
import unicodedata
from pathlib import Path

import pytest
from folders import end, growing, history, training_run
from rich.cells import cell_len

from rnnbench import storage
from rnnbench.runs.events import Warned, to_line
from rnnbench.runs.store import Run
from rnnbench.workspace import Workspace

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]
ENDING = {signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
def home(workspace: Path) -> Workspace:
    """The workspace the terminals are opened in."""
    return Workspace(workspace)


@pytest.fixture
def trained(home: Workspace):
    """A run in training; it is ended with the test."""
    job = training_run(home)
    _wait_for_steps(job.run, 20)
    yield job.run
    end(job)


def _wait_for_steps(run: Run, steps: int) -> None:
    deadline = time.monotonic() + 120
    while run.progress().step < steps:
        assert time.monotonic() < deadline, run.stderr_tail()
        time.sleep(0.1)


def _goes_on(run: Run) -> None:
    """It trains on, and nothing but a wish ends it."""
    _wait_for_steps(run, run.progress().step + 30)
    assert storage.lock_is_held(run.lock_file)


def _all_of_it_is_shown(start, run: Run) -> None:
    """Opened again, the run is there with its curve from the first step on."""
    again = start("tui", run.name)
    again.wait_for("running")
    again.wait_for("step 0")
    again.wait_for(lambda text: re.search(r"train \d", text))


def test_a_storm_of_sizes(start, trained: Run) -> None:
    """After a thousand sizes, down to one cell, the screen is right and the run has gone on."""
    terminal = start("tui", trained.name)
    terminal.wait_for("running")
    draw = random.Random(1)
    for number in range(1000):
        columns, rows = draw.choice([(1, 1), (5, 3), (20, 5), (draw.randrange(1, 250), draw.randrange(1, 80))])
        terminal.resize(columns, rows)
        time.sleep(0.01 if number % 25 else 0.3)
    terminal.resize(120, 40)
    terminal.wait_for(lambda text: all(word in text for word in ("1 Corpora", "4 Generate", "Palette", "running")))
    terminal.settle(0.05)
    assert terminal.process.poll() is None
    assert all(len(row) == 120 for row in terminal.screen.emulated.display)
    _goes_on(trained)


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("stalled", [False, True], ids=["read", "stalled"])
def test_signals_give_the_terminal_back(start, trained: Run, number: signal.Signals, stalled: bool) -> None:
    """SIGTERM and SIGHUP end the workbench with their exit code, on a terminal that takes nothing too; the alternate
    screen is left, the mouse let go, the cursor shown, and the run trains on."""
    terminal = start("tui", trained.name)
    terminal.wait_for("running")
    if stalled:
        terminal.stall()
        _wait_for_steps(trained, trained.progress().step + 200)
    terminal.process.send_signal(number)
    if not stalled:
        assert terminal.wait_for_exit() == ENDING[number]
        terminal.settle(0.3)
        tail = terminal.received[-2000:]
        assert all(mode in tail for mode in (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?25h", b"\x1b[?2004l")), tail
    else:
        assert terminal.wait_for_exit() == ENDING[number]
        terminal.go_on()
    _goes_on(trained)
    _all_of_it_is_shown(start, trained)


def test_a_killed_workbench(start, trained: Run) -> None:
    """kill -9: the run trains on, and is all there when it is opened again."""
    terminal = start("tui", trained.name)
    terminal.wait_for("running")
    terminal.process.kill()
    terminal.wait_for_exit()
    _goes_on(trained)
    _all_of_it_is_shown(start, trained)


@pytest.mark.parametrize("controlling", [True, False], ids=["signalled", "silent"])
def test_a_lost_line(start, trained: Run, controlling: bool) -> None:
    """A terminal that vanishes, with a hang-up signal or without one, ends the workbench; nothing is left spinning."""
    terminal = start("tui", trained.name, controlling=controlling)
    terminal.wait_for("running")
    terminal.hang_up()
    assert terminal.wait_for_exit() == 129
    _goes_on(trained)
    _all_of_it_is_shown(start, trained)


def test_a_terminal_that_is_not_read(start, trained: Run) -> None:
    """A line that takes nothing for a long time: the run trains on, and the workbench is right when it is read again."""
    terminal = start("tui", trained.name)
    terminal.wait_for("running")
    terminal.stall()
    time.sleep(20)
    _goes_on(trained)
    terminal.go_on()
    step = trained.progress().step
    terminal.wait_for(lambda text: _shown_step(text) >= step)
    terminal.send("2")
    terminal.send("q")
    assert terminal.wait_for_exit() == 0


def _shown_step(text: str) -> int:
    found = re.findall(r"step ([\d,]+)/", text)
    return max((int(each.replace(",", "")) for each in found), default=0)


SAID = "\x1b[31m[bold]\x9b2J\u202e👨\u200d👩 ❤\ufe0f 山中\x07\x1b]52;c;eA==\x07[@click=app.quit]x[/]\ud800\u2028e\u0301"


def test_hostile_text_on_a_terminal(start, home: Workspace) -> None:
    """File names, texts, log lines and last words full of controls: every row keeps its cells, nothing is obeyed."""
    said = SAID.replace("\ud800", "")
    name = said.replace("/", "")
    (home.root / "corpora" / f"{name[:40]}.txt").write_text(f"{said}\n" * 300)
    run = history(home, "hostile", steps=300)
    with run.events_file.open("ab") as file:
        file.writelines(to_line(Warned(message=said * (number % 7))) for number in range(40))
    terminal = start("tui", "hostile")
    terminal.wait_for("warning")
    for key in ("1", "\x1b[F", "\x1b[A", "3", "\x1b[F", "r"):
        terminal.send(key)
        terminal.settle(0.5)
        text = terminal.text
        if key != "r":
            assert _edges_are_straight(terminal), text
        shown = "".join(text.split("\n"))
        assert not [each for each in shown if unicodedata.category(each) in ("Cc", "Zl")], ascii(text)
        assert not set(shown) & set("\u202e\u200d\ufe0f"), ascii(text)
    assert _foreign_controls(terminal.received) == []
    assert terminal.process.poll() is None


def _edges_are_straight(terminal) -> bool:
    """Every frame's right edge is in the last column, its left edge in the first."""
    buffer, last = terminal.screen.emulated.buffer, terminal.columns - 1
    rows = range(terminal.rows - 2)
    return all(buffer[row][0].data in "╭╰│" and buffer[row][last].data in "╮╯│" for row in rows)


_POINTER = re.compile(rb"\x1b\]22;[a-z-]+\x07")  # the mouse pointer's shape
_CSI = re.compile(rb"\x1b\[[0-9;?<>=]*[ $]?[A-Za-z]")


def _foreign_controls(received: bytes) -> list[str]:
    """What is no escape that a screen is drawn with, and no line end: C0, C1, OSC 52 or 8."""
    rest = _POINTER.sub(b"", _CSI.sub(b"", received))
    found = re.finditer(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f].{0,9}", rest.decode())
    return [match.group() for match in found]


FIELDS = {"prompt": "4", "path": "1a", "filter": "3f"}


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
@pytest.mark.parametrize("field", FIELDS)
def test_chinese_is_typed_where_the_cursor_is(start, home: Workspace, field: str, size: tuple[int, int]) -> None:
    """The real cursor stands right behind the wide characters just typed: there an input method opens its window."""
    history(home, "plain", steps=300)
    terminal = start("tui", "plain", columns=size[0], rows=size[1])
    terminal.wait_for("Palette")
    for key in FIELDS[field]:
        terminal.send(key)
        terminal.settle(0.3)
    typed = "我有一把剑"
    for count in range(1, len(typed) + 1):
        terminal.send(typed[count - 1])
        terminal.wait_for(typed[:count])
        terminal.settle(0.3)
        assert _before_cursor(terminal).endswith(typed[:count])
    terminal.send("\x1b[D")
    terminal.settle(0.3)
    assert _before_cursor(terminal).endswith(typed[:-1])


def _before_cursor(terminal) -> str:
    """What stands left of the terminal's cursor, in its row."""
    emulated = terminal.screen.emulated
    return "".join(emulated.buffer[emulated.cursor.y][column].data for column in range(emulated.cursor.x))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
def test_chinese_in_every_pane(start, home: Workspace, size: tuple[int, int]) -> None:
    """Names, texts, log lines and an answer in Chinese: the frames stay straight."""
    (home.root / "corpora" / "山中有友居.txt").write_text("山中有友居，不知春秋。\n" * 300)
    run = history(home, "山中-lstm", steps=300)
    with run.events_file.open("ab") as file:
        file.writelines(to_line(Warned(message="春秋不知" * number)) for number in range(40))
    terminal = start("tui", run.name, columns=size[0], rows=size[1])
    terminal.wait_for("Palette")
    for key, seen in (("1", "山中有友居"), ("2", "hidden"), ("3", "山中-lstm"), ("4", "山中-lstm")):
        terminal.send(key)
        terminal.wait_for(seen)
        terminal.settle(0.4)
        assert "�" not in terminal.text
        if size == (120, 40):
            assert _edges_are_straight(terminal), terminal.text
    assert cell_len(terminal.screen.emulated.display[3]) >= size[0]


def test_a_growing_log_in_a_storm(start, home: Workspace) -> None:
    """Sizes change while lines pour in: the last line is seen at the end."""
    with growing(home, lines_per_second=40) as run:
        terminal = start("tui", run.name)
        terminal.wait_for("note 00")
        for columns, rows in [(30, 8), (200, 60), (5, 3), (79, 23), (120, 40)] * 12:
            terminal.resize(columns, rows)
            time.sleep(0.05)
        terminal.send("3")
        seen = terminal.wait_for("note 00")
        newest = max(re.findall(r"note (\d+)", seen))
        terminal.wait_for(lambda text: max(re.findall(r"note (\d+)", text), default="") > newest)
