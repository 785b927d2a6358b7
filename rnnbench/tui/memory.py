"""What the workbench remembers from one time to the next: a small file in the user's state folder."""

import json
import threading
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from rnnbench import storage
from rnnbench.errors import RnnbenchError

_LIMIT = 65_536  # bytes; a larger file is not ours
_lock = threading.Lock()
_noted: dict[str, str] = {}  # choices that are not written down yet, the last one of each field


@dataclass(frozen=True)
class Memory:
    """Choices made with keys. An empty text means that nothing was chosen yet."""

    theme: str = ""
    layout: str = ""


def memory_file() -> Path:
    """Where it is kept: `rnnbench/workbench.json` in the user's state folder."""
    import platformdirs

    return platformdirs.user_state_path("rnnbench") / "workbench.json"


def load_memory(path: Path | None = None) -> Memory:
    """What is remembered. A file that is missing or damaged remembers nothing: no choice in it is worth an error."""
    try:
        kept = json.loads(storage.read_file(path or memory_file(), limit=_LIMIT))
    except (OSError, RnnbenchError, ValueError, RecursionError):
        return Memory()
    if not isinstance(kept, dict):
        return Memory()
    known = {field.name: kept[field.name] for field in fields(Memory) if isinstance(kept.get(field.name), str)}
    return Memory(**known)


def note(**choices: str) -> None:
    """Take note of choices, fields of Memory, at once. They are kept by the next `write_down`."""
    _noted.update(choices)


def write_down(path: Path | None = None) -> None:
    """Write what was noted, beside the other fields of Memory; nothing is written that is remembered already.

    Waits for the disk: call it in the background. Of two calls at the same time the later one has nothing to do: an
    older choice never replaces a newer one. Raises RnnbenchError when the file cannot be written.
    """
    path = path or memory_file()
    with _lock:
        choices = {name: _noted.pop(name) for name in list(_noted)}
        before = load_memory(path)
        after = replace(before, **choices)
        if after != before:
            storage.make_folder(path.parent)
            storage.write_json(path, asdict(after))
