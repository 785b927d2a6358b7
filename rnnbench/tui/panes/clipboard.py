"""The clipboard from inside a terminal, over SSH and inside tmux."""

import os
import shutil
import subprocess

_SECONDS = 2.0


def copy_through_tmux(text: str) -> bool:
    """Hand the text to tmux, which passes it on to the terminal; False outside tmux or when it refuses."""
    if not os.environ.get("TMUX") or not (tmux := shutil.which("tmux")):
        return False
    try:
        done = subprocess.run(
            [tmux, "load-buffer", "-w", "-"], input=text.encode(), capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
