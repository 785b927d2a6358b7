"""corpora: list and show."""

import hashlib

import pytest

CONTRACT = (
    "path", "bytes", "encoding", "encoding_confidence", "characters", "lines", "tokenizer", "tokens",
    "vocabulary_size", "most_common", "splits", "digest", "schema_version",
)  # fmt: skip


def test_show_json_has_the_keys_of_the_contract(cli, workspace, corpus_file, english_text, holds):
    """Scripts rely on them; the counts are those of the text."""
    record = cli("corpora", "show", "small", "--json").json
    assert holds(record, CONTRACT)
    assert (record["path"], record["bytes"], record["encoding"]) == (str(corpus_file), 4000, "utf-8")
    assert (record["characters"], record["tokens"], record["tokenizer"]) == (4000, 4000, "character")
    assert record["lines"] == english_text.count("\n") + (not english_text.endswith("\n"))
    assert record["digest"] == hashlib.sha256(corpus_file.read_bytes()).hexdigest()
    token, count = record["most_common"][0]
    assert count == max(english_text.count(character) for character in set(english_text)) == english_text.count(token)
    assert [split["name"] for split in record["splits"]] == ["train", "validation", "test"]
    assert [split["tokens"] for split in record["splits"]] == [3400, 400, 200]


def test_show_tells_the_same_in_words(cli):
    """Plain lines in a pipe."""
    answer = cli("corpora", "show", "small")
    assert answer.code == 0 and answer.err == "" and "\x1b" not in answer.out
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    assert "4,000" in lines["characters"] and "3,400 tokens" in lines["train"]


def test_a_path_is_as_good_as_a_name(cli, corpus_file):
    """Absolute or from the workspace, with its suffix or without."""
    records = [cli("corpora", "show", name, "--json").json for name in ("small", "small.txt", corpus_file)]
    assert records[0] == records[1] == records[2]


def test_looking_writes_nothing(cli, workspace, digest_of):
    """Neither the list nor a look into a text leaves anything behind."""
    before = digest_of(workspace.root)
    assert cli("corpora", "show", "small").code == cli("corpora", "list").code == 0
    assert digest_of(workspace.root) == before


def test_a_text_cannot_drive_the_terminal(cli, workspace):
    """Control characters of a text come out as pictures."""
    (workspace.root / "corpora" / "evil.txt").write_text("\x1b]0;title\x07\x9b31m\u202eabc\n" * 50)
    answer = cli("corpora", "show", "evil")
    assert answer.code == 0
    assert not any(character in answer.out for character in "\x1b\x07\x9b\u202e")


def test_the_list(cli, corpus_file):
    """The workspace's own texts and the bundled ones, by name; the JSON has the same."""
    rows = {row.split()[0]: row for row in cli("corpora", "list").out.splitlines()}
    assert str(corpus_file) in rows["small"] and "harbour-clock" in rows
    records = {record["name"]: record for record in cli("corpora", "list", "--json").json["corpora"]}
    assert records["small"] == {"name": "small", "path": str(corpus_file), "bytes": 4000}
    assert set(records) == set(rows) - {"name"}


@pytest.mark.parametrize(("name", "named"), [
    ("nowhere", "corpus not found: nowhere"), ("/no/such/file", "/no/such/file"), ("empty", "empty.txt"),
    ("single", "at least"),
])  # fmt: skip
def test_a_text_that_is_none(cli, workspace, complaint, name, named):
    """Missing, empty, or of one character: exit code 4, in one line."""
    (workspace.root / "corpora" / "empty.txt").write_text("")
    (workspace.root / "corpora" / "single.txt").write_text("x")
    answer = cli("corpora", "show", name)
    assert answer.code == 4 and named in complaint(answer)
