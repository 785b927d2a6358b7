"""What the tests of faults share: the command line, run in this process."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rnnbench.cli.app import main
from rnnbench.cli.output import SETTINGS
from rnnbench.workspace import Workspace


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, stdout and stderr."""

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

    def refused(self) -> str:
        """The one line that bad data must leave, with exit code 4; nothing on stdout but the name of a new run."""
        assert self.code == 4, (self.code, self.err)
        assert self.out == "" or (self.out.startswith("run ") and self.out.count("\n") == 1), self.out
        assert self.err.startswith("rnnbench: ") and self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err and "unexpected" not in self.err and "\x1b" not in self.err
        return self.err.removeprefix("rnnbench: ").rstrip()


class Told(io.BytesIO):
    """Bytes that are kept, and shown to somebody as they come."""

    def __init__(self, on_line: Callable[[bytes], None] | None = None) -> None:
        super().__init__()
        self.on_line = on_line

    def close(self) -> None:
        """Nothing is lost when the text layer above it goes."""

    def write(self, data: Any) -> int:
        for line in bytes(data).splitlines() if self.on_line else []:
            self.on_line(line)
        return super().write(data)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Iterator[Callable[..., Answer]]:
    """`rnnbench ...` as a script would run it, in the test's own workspace."""

    def run(*words: object, on_line: Callable[[bytes], None] | None = None) -> Answer:
        out, err = Told(on_line), Told()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["rnnbench", *map(str, words)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8", write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding="utf-8", write_through=True))
            patch.setattr(os, "fsync", lambda descriptor: None)  # no test here cuts the power
            patch.setenv("RNNBENCH_HOME", str(workspace.root))
            with pytest.raises(SystemExit) as left:
                main()
        return Answer(int(left.value.code or 0), out.getvalue().decode(), err.getvalue().decode())

    yield run
    SETTINGS.quiet = SETTINGS.verbose = SETTINGS.no_color = SETTINGS.debug = False
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)  # training sets it for the whole process; hypothesis would notice
