"""What the workbench remembers from one time to the next: a small file in the user's state folder."""

import json
import threading
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from rnnbench import storage
from rnnbench.errors import RnnbenchError

_LIMIT = 65_536  # bytes; a larger file is not ours
_lock = threading.Lock()


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


def remember(path: Path | None = None, **changes: str) -> None:
    """Remember these fields of Memory beside the others; nothing is written when they are remembered already.

    Waits for the disk: call it in the background. Raises RnnbenchError when it cannot be written.
    """
    path = path or memory_file()
    with _lock:
        before = load_memory(path)
        after = replace(before, **changes)
        if after != before:
            storage.make_folder(path.parent)
            storage.write_json(path, asdict(after))
