"""What the user says of a run: checked when it is written, harmless when it is read."""

import contextlib
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnbench.errors import BadDataError, RnnbenchError, UsageError
from rnnbench.runs import notes
from rnnbench.runs.notes import LONGEST_NOTE, LONGEST_TAG, MOST_TAGS, Notes


def test_tags_come_and_go(tmp_path: Path) -> None:
    """Tags are added and taken away without touching the note; without both there is no file."""
    notes.note(tmp_path, "the  best\nso far")
    notes.tag(tmp_path, ["good", "红"], [])
    assert notes.tag(tmp_path, ["new"], ["good", "never"]) == Notes(("new", "红"), "the best so far")
    assert notes.read_notes(tmp_path) == Notes(("new", "红"), "the best so far")
    notes.tag(tmp_path, remove=["new", "红"])
    notes.note(tmp_path, "")
    assert list(tmp_path.iterdir()) == []


def test_words_are_changes() -> None:
    """A minus takes away, a plus or nothing adds."""
    assert notes.changes(["+good", "-old", "new", "-a-b"]) == (["good", "new"], ["old", "a-b"])


@pytest.mark.parametrize("word", ["", "+", "-", "a b", "a/b", "#x", "a\x1b", "--x", ".x", "x" * (LONGEST_TAG + 1), "é"])
def test_what_cannot_be_a_tag(word: str) -> None:
    """Nothing that a terminal obeys, a shell splits or a filter reads otherwise."""
    with pytest.raises(UsageError, match="not a tag"):
        notes.changes([word])


def test_there_is_an_end_to_tags_and_notes(tmp_path: Path) -> None:
    """Too many tags and too long a note are refused, and what was there stays."""
    notes.tag(tmp_path, [f"t{number}" for number in range(MOST_TAGS)])
    with pytest.raises(UsageError, match="at most"):
        notes.tag(tmp_path, ["one-more"])
    with pytest.raises(UsageError, match="at most"):
        notes.note(tmp_path, "x" * (LONGEST_NOTE + 1))
    assert len(notes.read_notes(tmp_path).tags) == MOST_TAGS


HOSTILE: dict[str, bytes] = {
    "no json": b"{",
    "a list": b"[]",
    "bytes": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "huge": b" " * (1 << 17),
    "another version": b'{"version": 2, "tags": ["good"], "note": "x"}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_cannot_be_read_hides_nothing_and_is_not_lost(tmp_path: Path, data: bytes) -> None:
    """A list shows the run without notes; a change is refused instead of overwriting what somebody wrote."""
    notes.notes_file(tmp_path).write_bytes(data)
    assert notes.read_notes(tmp_path) == Notes()
    with pytest.raises(BadDataError, match=r"notes\.json"):
        notes.tag(tmp_path, ["good"])
    assert notes.notes_file(tmp_path).read_bytes() == data


def test_what_is_no_tag_is_left_out(tmp_path: Path) -> None:
    """Of a file edited by hand, what is valid is shown."""
    record = {"version": 1, "tags": ["ok", 7, "a b", "\x1b[2J", None, "ok"], "note": ["x"], "more": 1}
    notes.notes_file(tmp_path).write_text(json.dumps(record))
    assert notes.read_notes(tmp_path) == Notes(("ok",), "")
    record = {"version": 1, "tags": "good", "note": "x" * 9999}
    notes.notes_file(tmp_path).write_text(json.dumps(record))
    assert notes.read_notes(tmp_path) == Notes((), "x" * LONGEST_NOTE)


def test_what_is_no_text_becomes_a_mark(tmp_path: Path) -> None:
    """Half a character, typed in another encoding or put into the file, can be written and is read as U+FFFD."""
    assert notes.note(tmp_path, "caf\udce9") == Notes(text="caf\ufffd")
    notes.notes_file(tmp_path).write_text('{"version": 1, "tags": ["caf\\ud8e9", "ok"], "note": "caf\\ud8e9"}')
    assert notes.read_notes(tmp_path) == Notes(("ok",), "caf\ufffd")
    assert notes.tag(tmp_path, ["more"]) == Notes(("more", "ok"), "caf\ufffd")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Notes that are a link are not read, and nothing is written through it."""
    victim = tmp_path / "victim"
    victim.write_text('{"version": 1, "tags": ["secret"], "note": ""}')
    run = tmp_path / "run"
    run.mkdir()
    notes.notes_file(run).symlink_to(victim)
    assert notes.read_notes(run) == Notes()
    with pytest.raises(BadDataError, match="link"):
        notes.note(run, "x")
    assert "secret" in victim.read_text()


@pytest.mark.parametrize("nth", range(1, 12))
def test_a_disk_that_fails_leaves_the_old_notes_or_the_new(
    tmp_path: Path, faulty_os: Callable[..., Any], nth: int
) -> None:
    """Whichever call fails, the file is whole and no part of another is left."""
    notes.note(tmp_path, "before")
    faulty_os(nth, fail=errno.ENOSPC)
    with contextlib.suppress(RnnbenchError, OSError):
        notes.note(tmp_path, "after")
    faulty_os()
    assert notes.read_notes(tmp_path).text in ("before", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]
