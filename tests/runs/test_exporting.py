"""Exporting through a process: what is refused before, and what the process says at its end."""

from pathlib import Path

import pytest

from rnnbench.cli.export import Format
from rnnbench.errors import RnnbenchError
from rnnbench.runs import exporting
from rnnbench.workspace import Workspace


def test_the_formats_are_those_of_the_command() -> None:
    """What the dialog offers is what `runs export --format` takes."""
    assert tuple(form.value for form in Format) == exporting.FORMATS


def test_what_the_process_says_is_told(workspace: Workspace, tmp_path: Path) -> None:
    """A refusal comes back as the one line of the command, without its name in front."""
    with pytest.raises(RnnbenchError, match=r"^no run named gone in "):
        exporting.export(workspace, "gone", tmp_path / "out", "safetensors")


def test_a_folder_that_holds_something_is_refused_as_it_is_typed(tmp_path: Path) -> None:
    """A new or an empty folder is right; a file, a link and a folder with something in it are not."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("empty", "new", "new/deeper"):
        assert exporting.target_problem(tmp_path / name) == ""
    for name in ("", "file", "link", "x" * 300):
        assert exporting.target_problem(tmp_path / name)
