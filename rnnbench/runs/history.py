"""The lines that were entered, kept from one session to the next, for both faces."""

import contextlib
import os
from pathlib import Path

from rnnbench import storage
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

MOST_LINES = 1000
LONGEST_LINE = 4000  # characters; a longer line is not kept
_LIMIT_BYTES = 16 << 20
_NAME = "prompts"


def history_file(workspace: Workspace) -> Path:
    """Where the lines of a workspace are."""
    return workspace.cache / _NAME


def load_history(path: Path) -> list[str]:
    """The last lines that were entered, to which the file is cut; what could drive a terminal is shown as a picture.

    Raises RnnbenchError when the file cannot be used.
    """
    try:
        data = storage.read_file(path, limit=_LIMIT_BYTES)
    except FileNotFoundError:
        return []
    lines = data.decode("utf-8", "replace").splitlines()
    kept = [line for line in lines if line.strip() and len(line) <= LONGEST_LINE][-MOST_LINES:]
    if len(kept) < len(lines):
        storage.write_file(path, "".join(f"{line}\n" for line in kept).encode())
    return ["\t".join(map(visible, line.split("\t"))) for line in kept]


def append_history(path: Path, line: str) -> None:
    """Add a line at once, so that a terminal that is closed loses none. Raises RnnbenchError."""
    if len(line) > LONGEST_LINE:
        return
    storage.make_folder(path.parent)
    descriptor = storage.open_append(path)
    try:
        storage.append(descriptor, line.encode("utf-8", "replace") + b"\n", path)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
