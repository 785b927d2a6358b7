"""Lines that a person types, or a pipe brings: editing, history, prompts of several lines."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnbench.cli import output
from rnnbench.errors import RnnbenchError
from rnnbench.runs.history import append_history, load_history

_BLOCK = '"""'
Read = Callable[[str], str]


@dataclass(frozen=True)
class Entry:
    """What was entered. A block, written between three quotes, is a prompt whatever it begins with."""

    text: str
    block: bool = False


def read_entry(read: Read) -> Entry:
    """A line, or several: one that ends in a backslash goes on, and so does a block. Raises EOFError at the end.

    A command is one line, whatever it ends in.
    """
    line = read("> ")
    if line.lstrip().startswith(_BLOCK):
        return Entry(_read_block(line.lstrip().removeprefix(_BLOCK), read), block=True)
    lines = [line]
    is_command = line.startswith("/") and not line.startswith("//")
    while lines[-1].endswith("\\") and not is_command:
        lines[-1] = lines[-1][:-1]
        try:
            lines.append(read(". "))
        except EOFError:
            break
    return Entry("\n".join(lines))


def _read_block(first: str, read: Read) -> str:
    """Everything up to the next three quotes, or to the end; quotes on a line of their own add no line end."""
    lines = [first]
    while not lines[-1].rstrip().endswith(_BLOCK):
        try:
            lines.append(read(". "))
        except EOFError:
            break
    lines[-1] = lines[-1].rstrip().removesuffix(_BLOCK) if lines[-1].rstrip().endswith(_BLOCK) else lines[-1]
    inner = lines[1:] if len(lines) > 1 and not lines[0] else lines
    return "\n".join(inner[:-1] if len(inner) > 1 and not inner[-1] else inner)


def is_interactive() -> bool:
    """Whether a person types the lines."""
    return sys.stdin is not None and sys.stdin.isatty()


def make_reader(history: Path) -> Read:
    """What reads a line after a prompt: with editing and history on a terminal, plainly from a pipe."""
    if not is_interactive():
        return _read_from_pipe
    if not output.is_terminal():
        return _read_beside_pipe
    return _Edited(history).read


def _read_from_pipe(prompt: str) -> str:
    line = sys.stdin.buffer.readline() if sys.stdin is not None else b""
    if not line:
        raise EOFError
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _read_beside_pipe(prompt: str) -> str:
    """From a terminal while stdout is a file: the prompt must not land in it."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return _read_from_pipe(prompt)


class _Edited:
    """Lines edited by Python's readline, where it was built with that; they are kept from one session to the next."""

    def __init__(self, history: Path) -> None:
        self._path: Path | None = history
        try:
            import readline
        except ImportError:
            self._path = None
            return
        with self._warned():
            for line in load_history(history):
                readline.add_history(line)

    def read(self, prompt: str) -> str:
        sys.stdout.flush()
        line = input(prompt).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if line.strip() and self._path is not None:
            with self._warned():
                append_history(self._path, line)
        return line

    @contextlib.contextmanager
    def _warned(self) -> Iterator[None]:
        """A history that cannot be kept is told once, and is no reason not to talk."""
        try:
            yield
        except RnnbenchError as error:
            self._path = None
            output.say(f"warning: no history: {error}")
