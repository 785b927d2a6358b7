"""The clipboard from inside a terminal, over SSH and inside tmux.

tmux takes a text and hands it to the terminal itself. Elsewhere the terminal is asked by an escape sequence, OSC 52,
which it may refuse without a word: the text is in a file then as well.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from textual.app import App
from textual.dom import DOMNode

from rnnbench import storage
from rnnbench.errors import RnnbenchError
from rnnbench.tui.background import in_background
from rnnbench.tui.words import tr

_SECONDS = 2.0
LONGEST = 74_000
"""Bytes that a terminal takes by OSC 52: xterm's limit of 100,000 bytes in base64, as others have it too."""


@runtime_checkable
class SendsOsc52(Protocol):
    """An application that copies by several ways, of which this is one."""

    def send_osc_52(self, text: str) -> None:
        """Hand the text to the terminal."""


@dataclass(frozen=True)
class Copied:
    """Where a text went: to tmux, or into a file (None when that could not be written) and to the terminal."""

    characters: int
    through_tmux: bool = False
    too_long: bool = False
    file: Path | None = None
    problem: str = ""

    @property
    def told(self) -> str:
        """The way it went, for a person."""
        if self.through_tmux:
            return tr("{count} characters copied through tmux", count=f"{self.characters:,}")
        if self.too_long and self.file:
            return tr("too long for the terminal's clipboard; it is in {file}", file=self.file)
        if self.too_long:
            return tr("too long for the terminal's clipboard: {problem}", problem=self.problem)
        said = tr("{count} characters copied with OSC 52 (the terminal must allow it)", count=f"{self.characters:,}")
        return tr("{said}; also in {file}", said=said, file=self.file) if self.file else said


def clipboard_file() -> Path:
    """Where a copied text is kept when nobody is sure to have taken it."""
    import platformdirs

    return platformdirs.user_state_path("rnnbench") / "clipboard.txt"


def copy(node: DOMNode, text: str, tell: Callable[[str], object]) -> None:
    """Copy a text by the first way that works, without holding the screen up; `tell` is given the way in words."""
    in_background(
        node, partial(_hand_over, text), partial(_handed_over, node.app, text, tell), lambda error: tell(str(error))
    )


def _hand_over(text: str) -> Copied:
    """The ways that take time: tmux, or else the file."""
    if copy_through_tmux(text):
        return Copied(len(text), through_tmux=True)
    too_long = len(text.encode("utf-8", "replace")) > LONGEST
    path = clipboard_file()
    try:
        storage.make_folder(path.parent)
        storage.write_file(path, text.encode("utf-8", "replace"))
    except (RnnbenchError, OSError) as error:
        return Copied(len(text), too_long=too_long, problem=str(error))
    return Copied(len(text), too_long=too_long, file=path)


def _handed_over(app: App[object], text: str, tell: Callable[[str], object], copied: Copied) -> None:
    if not copied.through_tmux and not copied.too_long:
        send = app.send_osc_52 if isinstance(app, SendsOsc52) else app.copy_to_clipboard
        send(text)
    tell(copied.told)


def copy_through_tmux(text: str) -> bool:
    """Hand the text to tmux, which passes it on to the terminal; False outside tmux or when it refuses."""
    if not os.environ.get("TMUX") or not (tmux := shutil.which("tmux")):
        return False
    try:
        done = subprocess.run(
            [tmux, "load-buffer", "-w", "-"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
