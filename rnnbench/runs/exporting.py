"""Write a model into a folder through a process of our own: whoever asks never loads the mathematics."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.errors import RnnbenchError
from rnnbench.runs.jobs import PROGRAM
from rnnbench.workspace import Workspace

FORMATS = ("safetensors", "onnx")
"""What `rnnbench runs export --format` takes."""


@dataclass(frozen=True)
class Exported:
    """What was written: the files by name, their bytes in all, and the step of the weights."""

    files: tuple[str, ...]
    bytes: int
    step: int


def target_problem(folder: Path) -> str:
    """Why nothing can be exported to a folder; empty when it can, as far as is plain before it is tried."""
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return "that is not a folder"
        if folder.is_dir() and any(folder.iterdir()):
            return "that folder is not empty"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def export_command(workspace: Workspace, name: str, folder: Path, form: str) -> list[str]:
    """The whole command that exports a run."""
    words = ["runs", "export", name, str(folder.absolute()), "--format", form, "--json"]
    return [*PROGRAM, "--workspace", str(workspace.root), *words]


def export(workspace: Workspace, name: str, folder: Path, form: str) -> Exported:
    """Export a run and wait for it; takes some seconds. Raises RnnbenchError with what the process said at its end."""
    done = subprocess.run(
        export_command(workspace, name, folder, form),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        start_new_session=True,  # leaving the workbench does not tear it
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["the process left without a word"]
        raise RnnbenchError(said[-1].removeprefix("rnnbench: "))
    return _exported(done.stdout)


def _exported(answer: bytes) -> Exported:
    try:
        record: dict[str, Any] = json.loads(answer)
        return Exported(tuple(map(str, record["files"])), int(record["bytes"]), int(record["step"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RnnbenchError(f"the export gave an answer that cannot be read: {error}") from None
