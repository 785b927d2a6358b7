"""The lines that were entered, kept from one session to the next, for both faces."""

import contextlib
import os
from pathlib import Path

from rnnbench import storage
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

MOST_LINES = 1000
LONGEST_LINE = 4000  # characters; a longer line is not kept
_MORE_LINES = 40  # the file may have so many more, lest it be written anew with every line; it stays within the limit
_LIMIT_BYTES = 16 << 20
_NAME = "prompts"


def history_file(workspace: Workspace) -> Path:
    """Where the lines of a workspace are."""
    return workspace.cache / _NAME


def load_history(path: Path) -> list[str]:
    """The last lines that were entered; what could drive a terminal is shown as a picture. Nothing is written.

    Raises RnnbenchError when the file cannot be used.
    """
    return ["\t".join(map(visible, line.split("\t"))) for line in _worth_keeping(_lines(path))]


def _lines(path: Path) -> list[str]:
    try:
        return storage.read_file(path, limit=_LIMIT_BYTES).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []


def _worth_keeping(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip() and len(line) <= LONGEST_LINE][-MOST_LINES:]


def append_history(path: Path, line: str) -> None:
    """Add a line at once, so that a terminal that is closed loses none; cut the file when it has become long.

    Under the folder's lock: what another program adds meanwhile is not cut away. Raises RnnbenchError.
    """
    if len(line) > LONGEST_LINE:
        return
    storage.make_folder(path.parent)
    with storage.folder_lock(path.parent):
        _append(path, line)
        lines = _lines(path)
        if len(lines) > MOST_LINES + _MORE_LINES:
            storage.write_file(path, "".join(f"{kept}\n" for kept in _worth_keeping(lines)).encode())


def _append(path: Path, line: str) -> None:
    descriptor = storage.open_append(path)
    try:
        storage.append(descriptor, line.encode("utf-8", "replace") + b"\n", path)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
