"""Describes texts in a child process, one after the other; a text that is not wanted any more is left at once.

The child is our own `corpora show --json`: what tokenizers load and compute never slows the screen down.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread

from pydantic import TypeAdapter, ValidationError
from textual.message import Message
from textual.message_pump import MessagePump

from rnnbench.config import CorpusConfig, Section, TextConfig, as_written
from rnnbench.runs import jobs
from rnnbench.text.descriptions import BaselineFacts, CorpusDescription
from rnnbench.tui.background import raise_again
from rnnbench.tui.words import tr

_LONG_BYTES, _NICENESS = 20_000_000, 10
_DESCRIPTION = TypeAdapter(CorpusDescription)
_BASELINES = TypeAdapter(tuple[BaselineFacts, ...])


@dataclass(frozen=True)
class Wanted:
    """A text, as it was on the disk when it was asked for, and how it is to be cut."""

    path: Path
    signature: tuple[int, int]
    corpus: CorpusConfig
    text: TextConfig
    workspace: Path | None = None

    @classmethod
    def of(cls, path: Path, corpus: CorpusConfig, text: TextConfig) -> "Wanted":
        """The request for the file as it is now; an unreadable file is found out by reading it."""
        signature = (0, 0)
        with contextlib.suppress(OSError):
            status = path.stat()
            signature = (status.st_size, status.st_mtime_ns)
        return cls(path, signature, corpus.model_copy(update={"file": str(path)}), text)

    def with_baselines(self, workspace: Path) -> "Wanted":
        """The same and what counting achieves on it, for which the text is encoded in the workspace's cache."""
        return replace(self, workspace=workspace)

    def command(self) -> list[str]:
        """The command that describes it."""
        sets = [*_settings("corpus", self.corpus), *_settings("text", self.text)]
        place = ["--workspace", str(self.workspace)] if self.workspace else []
        more = ["--baselines"] if self.workspace else []
        return [*jobs.PROGRAM, *place, "corpora", "show", "--json", "--progress", *more, *sets, "--", str(self.path)]


def _settings(section: str, choices: Section) -> Iterator[str]:
    """What differs from the defaults, as `--set` options."""
    for name, info in type(choices).model_fields.items():
        value = getattr(choices, name)
        if name != "file" and value != info.default:
            yield from ("--set", f"{section}.{name}={json.dumps(as_written(value), ensure_ascii=False)}")


class Described(Message):
    """A text was read: either its description, or what is wrong with it."""

    def __init__(
        self,
        wanted: Wanted,
        description: CorpusDescription | None,
        problem: str = "",
        baselines: tuple[BaselineFacts, ...] = (),
    ) -> None:
        super().__init__()
        self.wanted = wanted
        self.description = description
        self.problem = problem
        self.baselines = baselines


class Reading(Message):
    """A text is being read: what is done with it, and how much of that is done, from 0 to 1."""

    def __init__(self, wanted: Wanted, phase: str, share: float) -> None:
        super().__init__()
        self.wanted = wanted
        self.phase = phase
        self.share = share


class Describer:
    """Describes the wanted texts one after the other."""

    def __init__(self, target: MessagePump) -> None:
        self._target = target
        self._lock = Lock()
        self._wanted: list[Wanted] = []
        self._working = False
        self._child: tuple[Wanted, subprocess.Popen[bytes]] | None = None

    def want(self, *wanted: Wanted) -> None:
        """Describe these, in this order, and forget what was wanted before."""
        with self._lock:
            self._wanted = list(dict.fromkeys(wanted))
            if self._child is not None and self._child[0] not in self._wanted:
                self._child[1].kill()
            if self._working or not self._wanted:
                return
            self._working = True
        Thread(target=self._work, name="describer", daemon=True).start()

    def close(self) -> None:
        """Nothing is wanted any more."""
        self.want()

    def _work(self) -> None:
        while (wanted := self._next()) is not None:
            result = self._described(wanted)
            with self._lock:
                if wanted in self._wanted:
                    self._wanted.remove(wanted)
            if result is not None:
                self._target.post_message(result)

    def _next(self) -> Wanted | None:
        with self._lock:
            self._working = bool(self._wanted)
            return self._wanted[0] if self._wanted else None

    def _described(self, wanted: Wanted) -> Described | None:
        try:
            return self._ask(wanted)
        except OSError as error:  # such as no more processes, or no more files: that passes
            return Described(wanted, None, str(error))
        except Exception as error:
            self._target.call_later(raise_again, error)
            return None

    def _ask(self, wanted: Wanted) -> Described | None:
        with self._lock:
            if wanted not in self._wanted:
                return None
            process = subprocess.Popen(
                wanted.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            self._child = (wanted, process)
            if wanted.signature[0] > _LONG_BYTES:  # a long reading gives way to the screen and to what trains
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        complaint: list[bytes] = []
        listener = Thread(
            target=self._listen, args=(wanted, process, complaint), name="describer-progress", daemon=True
        )
        listener.start()
        with process:
            output = process.stdout.read() if process.stdout is not None else b""
            listener.join()
        with self._lock:
            self._child = None
            if wanted not in self._wanted:
                return None
        return _answer(wanted, output, b"".join(complaint))

    def _listen(self, wanted: Wanted, process: "subprocess.Popen[bytes]", complaint: list[bytes]) -> None:
        """Tell how far the child is; what it says besides is its complaint."""
        for line in process.stderr or ():
            reading = _reading(wanted, line)
            if reading is None:
                complaint.append(line)
            elif wanted in self._wanted:
                self._target.post_message(reading)


def _reading(wanted: Wanted, line: bytes) -> Reading | None:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        told = json.loads(line)
        return Reading(wanted, str(told["phase"]), float(told["share"]))
    return None


def _answer(wanted: Wanted, output: bytes, complaint: bytes) -> Described:
    try:
        record = json.loads(output)
        rows = record.pop("baselines", {}).get("rows", [])
        return Described(wanted, _DESCRIPTION.validate_python(record), "", _BASELINES.validate_python(rows))
    except (ValueError, AttributeError, ValidationError):
        problem = complaint.decode("utf-8", "replace").strip().removeprefix("rnnbench: ")
        return Described(wanted, None, problem or tr("the text could not be described"))
