"""What all tests share: small texts, a workspace of their own, configurations, events, commands, other processes."""

import gc
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from rnnbench import config as configuration
from rnnbench.config import RunConfig
from rnnbench.runs.events import Event
from rnnbench.workspace import Workspace

# Several test processes with several torch threads each would fight for the cores; children inherit this.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

# The same examples every time, and no clock that could fail a slow machine.
settings.register_profile(
    "rnnbench",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("rnnbench")


def pytest_collection_finish() -> None:
    """Leave the collected tests and the imported libraries out of every later garbage collection: going through them
    again and again took a quarter of the time of the workbench's tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


SHARED_CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"

_WHO = ("the keeper", "a gull", "the ferry", "her brother", "an old clock", "the captain", "nobody", "a small boy")
_DID = ("watched", "followed", "counted", "forgot", "painted", "carried", "heard", "mended")
_WHAT = ("the harbour", "a lantern", "seven boats", "the cold rain", "her letters", "a brass key", "the tide", "bread")
_WHEN = ("at dawn", "before supper", "every winter", "in silence", "twice", "while it snowed", "again", "by the wall")

EventKind = TypeVar("EventKind", bound=Event)
MakeConfig = Callable[..., RunConfig]
MakeEvent = Callable[..., Any]


def _write_text(characters: int) -> str:
    """English sentences without end, cut to length; the same on every machine."""
    state, sentences, length = 12345, [], 0
    while length < characters:
        words = []
        for choices in (_WHO, _DID, _WHAT, _WHEN):
            state = (state * 1103515245 + 12345) % 2**31
            words.append(choices[(state >> 16) % 8])
        sentence = " ".join(words)
        end = "\n\n" if len(sentences) % 9 == 8 else "\n" if len(sentences) % 3 == 2 else " "
        sentences.append(f"{sentence[0].upper()}{sentence[1:]}.{end}")
        length += len(sentences[-1])
    return "".join(sentences)[:characters]


@pytest.fixture(scope="session")
def make_text() -> Callable[[int], str]:
    """English text of so many characters, always the same."""
    return _write_text


@pytest.fixture(scope="session")
def english_text() -> str:
    """A small English text: 4,000 characters, a few of them rare."""
    return _write_text(4000)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the settings or the workspace of whoever runs it, or leaves anything there."""
    for name in [name for name in os.environ if name.startswith("RNNBENCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("NO_COLOR", raising=False)
    own = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(own / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(own / "state"))


@pytest.fixture
def workspace(tmp_path: Path, english_text: str) -> Workspace:
    """An own workspace with one text, known by the name `small`."""
    root = tmp_path / "workspace"
    (root / "corpora").mkdir(parents=True)
    (root / "runs").mkdir()
    (root / "corpora" / "small.txt").write_text(english_text, encoding="utf-8")
    return Workspace(root)


@pytest.fixture
def corpus_file(workspace: Workspace) -> Path:
    """The small text of the workspace."""
    return workspace.root / "corpora" / "small.txt"


@pytest.fixture(scope="session")
def make_config() -> MakeConfig:
    """Build a configuration small enough to train in a blink; tables given by name replace single values.

    `make_config(model={"hidden": 4}, training={"max_steps": 3})`.
    """

    def make(**tables: dict[str, Any]) -> RunConfig:
        small: dict[str, dict[str, Any]] = {
            "corpus": {"file": "small"},
            "model": {"hidden": 8, "embedding": 6},
            "training": {"batch_size": 4, "steps_per_sequence": 8, "max_steps": 20},
            "evaluation": {"sample_length": 20, "train_tokens": 0},
            "machine": {"device": "cpu", "threads": 1},
        }
        return configuration.validate(configuration.merge(small, tables))

    return make


_SAMPLE_VALUES: dict[str, Any] = {"str": "text", "int": 1, "float": 0.5, "bool": False, "tuple[float, ...]": (0.5,)}


@pytest.fixture(scope="session")
def make_event() -> MakeEvent:
    """Build an event of a kind from the values that matter; the others get a valid small one."""

    def make(kind: type[EventKind], **values: Any) -> EventKind:
        for field in fields(kind):
            if field.default is MISSING and field.default_factory is MISSING and field.name not in values:
                declared = getattr(field.type, "__name__", str(field.type)).removesuffix(" | None")
                values[field.name] = _SAMPLE_VALUES.get(declared, _SAMPLE_VALUES.get(str(field.type)))
        return kind(**values)

    return make


@pytest.fixture(scope="session")
def shared_corpus() -> Callable[[str], Path]:
    """The path of a larger real text; the test is skipped where those texts are not."""

    def find(name: str) -> Path:
        path = SHARED_CORPORA / name
        if not path.is_file():
            pytest.skip(f"{name} is not in ../shared/corpora")
        return path

    return find


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, and the bytes of stdout and stderr as text."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def complaint(self) -> str:
        """The one line on stderr that a failed command must leave; nothing on stdout but the name of a new run."""
        assert self.out == "" or re.fullmatch("run [^ ]+\n", self.out), self.out
        assert self.err.startswith("rnnbench: ") and self.err.count("\n") == len(self.err.splitlines()) == 1, self.err
        assert "Traceback" not in self.err and "\x1b" not in self.err
        return self.err.removeprefix("rnnbench: ").rstrip()

    def refused(self) -> str:
        """That line, as bad data must leave it: with exit code 4."""
        line = self.complaint()
        assert self.code == 4 and "unexpected" not in line, (self.code, line)
        return line


class Told(io.BytesIO):
    """Bytes that are kept, and shown to somebody line by line."""

    def __init__(self, on_line: Callable[[bytes], None] | None = None) -> None:
        super().__init__()
        self.on_line = on_line

    def close(self) -> None:
        """Nothing is lost when the text layer above it goes."""

    def write(self, data: Any) -> int:
        written = super().write(data)
        for line in bytes(data).splitlines() if self.on_line else []:
            self.on_line(line)
        return written


class CommandLine:
    """Runs `rnnbench ...` in this process, as a script would: no terminal anywhere."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self.monkeypatch, self.home = monkeypatch, home

    def __call__(
        self, *words: object, home: Path | None = None, on_line: Callable[[bytes], None] | None = None
    ) -> Answer:
        from rnnbench.cli.app import main

        out, err = Told(on_line), Told()
        with self.monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["rnnbench", *map(str, words)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8", write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding="utf-8", write_through=True))
            patch.setattr(os, "fsync", lambda descriptor: None)  # no test of commands cuts the power
            patch.setenv("RNNBENCH_HOME", str(home or self.home))
            with pytest.raises(SystemExit) as left:
                main()
        return Answer(int(left.value.code or 0), out.getvalue().decode(), err.getvalue().decode())


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Iterator[CommandLine]:
    """The command line, in the test's own workspace or in another `home`; it leaves no settings to the next test."""
    from rnnbench.cli.output import SETTINGS

    yield CommandLine(monkeypatch, workspace.root)
    SETTINGS.quiet = SETTINGS.verbose = SETTINGS.no_color = SETTINGS.debug = False
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)  # training sets it for the whole process; hypothesis would notice


@pytest.fixture
def other_process() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `python -c code arguments...`, with pipes for text; what is still running is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


_HOLD = """
import json, pathlib, sys
from rnnbench.runs.store import Run
with Run(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held_elsewhere(other_process: Callable[..., Any]) -> Callable[[Path], AbstractContextManager[int]]:
    """Hold a run folder's lock in another process while a `with` block lasts; gives that process's id."""

    @contextmanager
    def hold(folder: Path) -> Iterator[int]:
        process = other_process(_HOLD, folder)
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()
        assert process.wait() == 0

    return hold


class Crash(BaseException):
    """The process is gone: no clean-up of its own runs to any effect."""


class FaultyOS:
    """Stands in for the os module inside `rnnbench.storage`: the Nth system call goes wrong, the others do not.

    `fail` raises that error number once, `crash` lets no call succeed from the Nth on. `longest_write` makes every
    write a short one, `corrupt` flips a bit of the first byte written. `calls` names the calls that were made.
    """

    NAMES = ("open", "write", "fsync", "close", "rename", "unlink", "dup", "ftruncate", "pwrite")

    def __init__(self, nth: int = 0, *, fail: int = 0, crash: bool = False, longest_write: int = 0) -> None:
        self.nth, self.fail, self.crash, self.longest_write = nth, fail, crash, longest_write
        self.corrupt = False
        self.calls: list[str] = []
        self.reached = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return partial(self._call, name, real) if name in self.NAMES else real

    def _call(self, name: str, real: Callable[..., Any], *arguments: Any) -> Any:
        self.calls.append(name)
        due = len(self.calls) == self.nth or (self.crash and self.reached)
        if due:
            self.reached = True
            if name == "close":
                real(*arguments)  # the kernel frees a descriptor even when close reports an error
            raise Crash if self.crash else OSError(self.fail, os.strerror(self.fail))
        if name == "write" and self.longest_write:
            arguments = (arguments[0], arguments[1][: self.longest_write])
        if name == "write" and self.corrupt:
            data = bytearray(arguments[1])
            data[0] ^= 1
            arguments = (arguments[0], bytes(data))
        return real(*arguments)


@pytest.fixture
def faulty_os(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FaultyOS]:
    """Put a FaultyOS into storage and return it; the next one replaces it."""

    def install(*arguments: Any, **options: Any) -> FaultyOS:
        faulty = FaultyOS(*arguments, **options)
        monkeypatch.setattr("rnnbench.storage.os", faulty)
        return faulty

    return install


@pytest.fixture(scope="session")
def crash() -> type[BaseException]:
    """What a FaultyOS raises when it crashes."""
    return Crash
