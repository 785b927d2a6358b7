"""What was entered comes back in the next session."""

import threading

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.runs import history
from rnnbench.runs.history import append_history, load_history


def test_history_is_kept_and_cut(tmp_path):
    """Lines come back in order in the next session, at most a thousand of them, each on one line."""
    path = tmp_path / "history"
    assert load_history(path) == []
    for number in range(history.MOST_LINES + 50):
        append_history(path, f"漢 {number}")
    kept = load_history(path)
    assert len(kept) == history.MOST_LINES and kept[-1] == f"漢 {history.MOST_LINES + 49}"
    there = path.read_text(encoding="utf-8").splitlines()
    assert len(there) < history.MOST_LINES + 50 and there[-history.MOST_LINES :] == kept == load_history(path)


def test_a_history_that_is_no_text_file_is_refused(tmp_path):
    """A link is not followed; bytes that are no text do no harm."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RnnbenchError, match="link"):
        load_history(tmp_path / "link")
    with pytest.raises(RnnbenchError):
        append_history(tmp_path / "link", "x")
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\nab\n\n")
    assert load_history(tmp_path / "bytes") == ["\ufffd\ufffd", "ab"]


def test_a_hostile_history_is_harmless(tmp_path):
    """Control characters come back as pictures, lines too long are left out, and a folder is made when needed."""
    path = tmp_path / ".cache" / "prompts"
    for line in ("\x1b[31mred\u202e", "x" * (history.LONGEST_LINE + 1), "山\t水"):
        append_history(path, line)
    assert load_history(path) == ["␛[31mred\\u202e", "山\t水"]
    path.write_bytes(b"y" * (history.LONGEST_LINE + 1) + b"\nz\n")
    before = path.read_bytes()
    assert load_history(path) == ["z"] and path.read_bytes() == before, "looking changes nothing"


def test_lines_of_two_programs_are_all_kept_when_the_file_is_cut(tmp_path, monkeypatch):
    """Whoever cuts the file has read what the other added: both write at once, and nobody's last lines are missing."""
    monkeypatch.setattr(history, "MOST_LINES", 60)
    monkeypatch.setattr(history, "_MORE_LINES", 0)
    path = tmp_path / "history"
    for number in range(80):
        append_history(path, f"old {number}")

    def enter(who):
        for number in range(30):
            append_history(path, f"{who} {number}")

    both = [threading.Thread(target=enter, args=(who,)) for who in "ab"]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(load_history(path)) == sorted(f"{who} {number}" for who in "ab" for number in range(30))
