"""Texts outside the workspace that were added to its list: remembered there, so that they are listed the next time."""

import threading
from collections.abc import Iterable
from pathlib import Path

from rnnbench import storage
from rnnbench.errors import RnnbenchError
from rnnbench.workspace import Workspace

_LIMIT_BYTES = 1 << 20
_MOST = 500
_lock = threading.Lock()  # the list is read and written by threads that take their time


def _file(workspace: Workspace) -> Path:
    return workspace.cache / "added_texts.json"


def remembered(workspace: Workspace) -> list[Path]:
    """The texts that were added, in the order in which they were; none where the list cannot be read."""
    try:
        paths = storage.read_json(_file(workspace), limit=_LIMIT_BYTES)
    except (OSError, RnnbenchError):
        return []
    texts = [text for text in paths if isinstance(text, str)] if isinstance(paths, list) else []
    return [Path(text) for text in texts if text.startswith("/") and "\0" not in text][:_MOST]


def remember(workspace: Workspace, path: Path) -> None:
    """List a text from now on. Raises RnnbenchError when that cannot be written down."""
    with _lock:
        _write(workspace, dict.fromkeys([*remembered(workspace), path]))


def forget(workspace: Workspace, path: Path) -> None:
    """Do not list a text any more; its file stays. Raises RnnbenchError when that cannot be written down."""
    with _lock:
        known = remembered(workspace)
        if path in known:
            _write(workspace, (other for other in known if other != path))


def _write(workspace: Workspace, paths: Iterable[Path]) -> None:
    storage.make_folder(workspace.cache)
    # A name that is no UTF-8 cannot be written down, and is only known until the workbench is left.
    texts = [text for text in map(str, paths) if _is_utf8(text)]
    storage.write_json(_file(workspace), texts[-_MOST:])


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
