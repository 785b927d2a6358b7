"""Tags, notes and the trash from the command line."""

import pytest

from rnnbench.runs.store import RunStore


@pytest.fixture
def run(workspace, make_config):
    """A run that nothing happened to."""
    return RunStore(workspace).create("tm", make_config())


def test_tags_are_added_and_taken_away(cli, run):
    """`+good -old` changes, no words only tell; list and show have the tags, as text and as JSON."""
    assert cli("runs", "tag", "tm", "+good", "old", "-never").out == "good old\n"
    assert cli("runs", "tag", "tm", "-old", "+hot").out == "good hot\n"
    assert cli("runs", "tag", "tm", "-hot").out == "good\n"
    assert cli("runs", "tag", "tm", "--json").json["tags"] == ["good"]
    assert cli("runs", "show", "tm", "--json").json["tags"] == ["good"]
    assert [run["tags"] for run in cli("runs", "list", "--json").json["runs"]] == [["good"]]
    assert cli("runs", "list").out.splitlines()[1].endswith("  good")
    assert "tags         good" in cli("runs", "show", "tm").out


def test_a_note_is_written_and_taken_away(cli, run):
    """An empty text takes it away; what a terminal would obey is shown, and told as it is in JSON."""
    assert cli("runs", "note", "tm", "ring \x07 twice\n").out == "ring ␇ twice\n"
    assert cli("runs", "note", "tm").out == "ring ␇ twice\n"
    assert cli("runs", "show", "tm", "--json").json["note"] == "ring \x07 twice"
    assert "note         ring ␇ twice" in cli("runs", "show", "tm").out
    assert cli("runs", "note", "tm", "").out == ""
    assert cli("runs", "show", "tm", "--json").json["note"] == ""
    assert not (run.folder / "notes.json").exists()


@pytest.mark.parametrize("words", [("+a b",), ("-",), ("#x",), ("x" * 33,), ("--no-such-option=1",)])
def test_what_cannot_be_a_tag(cli, run, complaint, words):
    """Exit code 2, and nothing is changed."""
    answer = cli("runs", "tag", "tm", "+fine", *words)
    assert answer.code == 2 and "not a tag" in complaint(answer)
    assert cli("runs", "tag", "tm").out == ""


def test_a_deleted_run_is_brought_back(cli, run, workspace, complaint):
    """`undelete` brings it back, under another name where its own is taken; the trash says what it has."""
    assert "runs undelete tm" in cli("runs", "delete", "tm", "--yes").err
    (entry,) = cli("runs", "trash", "--json").json["trash"]
    assert entry["name"] == "tm" and entry["bytes"] > 0
    assert "tm" in cli("runs", "trash").out
    assert cli("runs", "list", "--json").json["runs"] == []
    assert "brought back tm" in cli("runs", "undelete", "tm").err
    assert RunStore(workspace).exists("tm")
    answer = cli("runs", "undelete", "tm")
    assert answer.code == 2 and "in the trash: nothing" in complaint(answer)


def test_emptying_the_trash_asks(cli, run, workspace, complaint):
    """Without a terminal nothing is removed unless --yes is given."""
    cli("runs", "delete", "tm", "--yes")
    answer = cli("runs", "empty-trash")
    assert answer.code == 2 and "--yes" in complaint(answer)
    assert len(RunStore(workspace).trash.entries()) == 1
    answer = cli("runs", "empty-trash", "--yes")
    assert (answer.code, answer.out) == (0, "") and "removed 1 deleted run" in answer.err
    assert cli("runs", "trash").err == "the trash is empty\n"
