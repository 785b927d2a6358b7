"""What the tests of the command line share: commands run in this process, and one trained run to look at."""

import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rnnbench.cli.app import main
from rnnbench.cli.output import SETTINGS
from rnnbench.config import RunConfig
from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace


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


class Told(io.BytesIO):
    """Bytes that are kept, and shown to somebody line by line."""

    def __init__(self, on_line: Callable[[bytes], None] | None = None) -> None:
        super().__init__()
        self.on_line = on_line

    def close(self) -> None:
        """Nothing is lost when the text layer above it goes."""

    def write(self, data: Any) -> int:
        written = super().write(data)
        if self.on_line is not None:
            for line in bytes(data).splitlines():
                self.on_line(line)
        return written


class CommandLine:
    """Runs `rnnbench ...` in this process, as a script would: no terminal anywhere."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self.monkeypatch, self.home = monkeypatch, home

    def __call__(self, *words: object, home: Path | None = None, on_line: Any = None) -> Answer:
        out, err = Told(on_line), Told()
        with self.monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["rnnbench", *map(str, words)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8", write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding="utf-8", write_through=True))
            patch.setenv("RNNBENCH_HOME", str(home or self.home))
            with pytest.raises(SystemExit) as left:
                main()
        return Answer(int(left.value.code or 0), out.getvalue().decode(), err.getvalue().decode())


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command leaves neither its settings nor those of the processor to the next test."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # no test here cuts the power
    yield
    SETTINGS.quiet = SETTINGS.verbose = SETTINGS.no_color = SETTINGS.debug = False
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)  # training sets it for the whole process; hypothesis would notice


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> CommandLine:
    """The command line, in the test's own workspace or in another `home`."""
    return CommandLine(monkeypatch, workspace.root)


SMALL = (
    "--hidden", "8", "--batch-size", "4", "--steps-per-sequence", "8", "--device", "cpu", "--threads", "1",
    "--set", "model.embedding=6", "--set", "corpus.first_characters=800", "--set", "evaluation.sample_length=8",
    "--set", "evaluation.every_steps=5",
)  # fmt: skip


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Options for a run that is trained in a blink; a budget is to be added."""
    return SMALL


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_text: Callable[[int], str], make_config: Callable[..., RunConfig]
) -> Workspace:
    """A workspace with the finished run `tm`, only to be looked at."""
    from rnnbench.engine.control import Control
    from rnnbench.engine.trainer import train
    from rnnbench.runs.recording import record

    home = Workspace(tmp_path_factory.mktemp("trained"))
    (home.root / "corpora").mkdir()
    (home.root / "corpora" / "small.txt").write_text(make_text(3000), encoding="utf-8")
    config = make_config(
        training={"max_steps": 120, "learning_rate": 0.02, "batch_size": 8, "steps_per_sequence": 16},
        evaluation={"every_steps": 40, "sample_length": 20},
        model={"hidden": 24},
    )
    run = RunStore(home).create("tm", config)
    for _ in record(run, train(config, run, home, Control())):
        pass
    return home


@pytest.fixture(scope="session")
def digest_of() -> Callable[[Path], dict[str, str]]:
    """Everything in a folder, by path: links as links, files by their digest."""

    def digest(folder: Path) -> dict[str, str]:
        found = {}
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                found[name] = f"link to {path.readlink()}"
            else:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        return found

    return digest


def has_keys(record: Any, keys: Any) -> bool:
    """Whether a JSON answer has these keys, nested ones as tables."""
    if isinstance(keys, dict):
        return all(name in record and has_keys(record[name], inner) for name, inner in keys.items())
    return all(name in record for name in keys)


@pytest.fixture(scope="session")
def holds() -> Callable[[Any, Any], bool]:
    """Whether a JSON answer has the keys of the contract."""
    return has_keys


@pytest.fixture(scope="session")
def complaint() -> Callable[[Answer], str]:
    """The one line on stderr that a failed command must leave; nothing on stdout but the name of a new run."""

    def check(answer: Answer) -> str:
        assert answer.out == "" or re.fullmatch("run [^ ]+\n", answer.out)
        lines = answer.err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("rnnbench: "), answer.err
        assert "Traceback" not in answer.err and "\x1b" not in answer.err
        return lines[0].removeprefix("rnnbench: ")

    return check
