"""What the user says of a run: tags and a note, in a small file beside what the run says of itself."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnbench import storage
from rnnbench.errors import BadDataError, RnnbenchError, UsageError

VERSION = 1
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 32, 2000  # counted in tags, and in characters
_LARGEST_FILE = 1 << 16
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_SURROGATES = re.compile("[\ud800-\udfff]")  # alone they are no characters, and no file can hold them
_TAG = re.compile(rf"[A-Za-z0-9_{_HAN}][A-Za-z0-9._\-{_HAN}]{{0,{LONGEST_TAG - 1}}}")


@dataclass(frozen=True)
class Notes:
    """Tags in alphabetical order, and one paragraph of text without line ends."""

    tags: tuple[str, ...] = ()
    text: str = ""

    def tagged(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> "Notes":
        """With some tags more and others fewer. Raises UsageError for what cannot be a tag, and for too many."""
        tags = {*self.tags, *map(check_tag, add)} - set(map(check_tag, remove))
        if len(tags) > MOST_TAGS:
            raise UsageError(f"a run has at most {MOST_TAGS} tags, not {len(tags)}", "take some away first")
        return replace(self, tags=tuple(sorted(tags)))

    def noted(self, text: str) -> "Notes":
        """With another note; blanks and line ends become single blanks, and what was no text when it was typed becomes
        U+FFFD. Raises UsageError when it is too long."""
        line = _one_line(text)
        if len(line) > LONGEST_NOTE:
            raise UsageError(f"a note has at most {LONGEST_NOTE:,} characters, not {len(line):,}")
        return replace(self, text=line)


def check_tag(tag: str) -> str:
    """The tag, when it can be one. Raises UsageError."""
    if not _TAG.fullmatch(tag):
        allowed = f"1 to {LONGEST_TAG} letters, digits, '.', '_' or '-', not beginning with '.' or '-'"
        raise UsageError(f"not a tag: {tag[:80]!r}", allowed)
    return tag


def changes(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """`+good -old new` as (tags to add, tags to take away). Raises UsageError for what cannot be a tag."""
    add: list[str] = []
    remove: list[str] = []
    for word in words:
        (remove if word.startswith("-") else add).append(check_tag(word.removeprefix("-").removeprefix("+")))
    return add, remove


def notes_file(folder: Path) -> Path:
    """Where the notes of the run in a folder are."""
    return folder / "notes.json"


def read_notes(folder: Path) -> Notes:
    """The notes of the run in a folder; what is damaged or not there is left out, for a list that must be shown."""
    try:
        return load_notes(folder)
    except (RnnbenchError, OSError):
        return Notes()


def load_notes(folder: Path) -> Notes:
    """The same, to be changed and written back. Raises BadDataError where that would lose what is there."""
    path = notes_file(folder)
    try:
        value = storage.read_json(path, limit=_LARGEST_FILE)
    except FileNotFoundError:
        return Notes()
    hint = "remove the file to begin anew"
    if not isinstance(value, dict):
        raise BadDataError(f"{path} holds no notes", hint)
    if value.get("version") != VERSION:
        raise BadDataError(f"{path} was written by another version of rnnbench", hint)
    return Notes(_tags_of(value.get("tags")), _text_of(value.get("note")))


def _tags_of(value: Any) -> tuple[str, ...]:
    """The tags among whatever a file holds."""
    found = value if isinstance(value, list) else []
    return tuple(sorted({tag for tag in found if isinstance(tag, str) and _TAG.fullmatch(tag)}))[:MOST_TAGS]


def _text_of(value: Any) -> str:
    return _one_line(value)[:LONGEST_NOTE] if isinstance(value, str) else ""


def _one_line(text: str) -> str:
    return _SURROGATES.sub("\ufffd", " ".join(text.split()))


def write_notes(folder: Path, notes: Notes) -> None:
    """Replace the notes of the run in a folder, whole or not at all; without tags and text there is no file."""
    if notes == Notes():
        storage.remove_file(notes_file(folder))
    else:
        record = {"version": VERSION, "tags": list(notes.tags), "note": notes.text}
        storage.write_json(notes_file(folder), record)


def tag(folder: Path, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Notes:
    """Change the tags of the run in a folder; two that do it at once wait for each other."""
    with storage.folder_lock(folder):
        notes = load_notes(folder).tagged(add, remove)
        write_notes(folder, notes)
    return notes


def note(folder: Path, text: str) -> Notes:
    """Give the run in a folder another note; an empty one takes it away."""
    with storage.folder_lock(folder):
        notes = load_notes(folder).noted(text)
        write_notes(folder, notes)
    return notes
