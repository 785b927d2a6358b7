"""inspect: the forms of its answers, what it refuses, and that nothing in a text or a model drives the terminal."""

import math
import re
from xml.etree import ElementTree  # noqa: ICN001

import pytest

from rnnbench.runs.store import RunStore

TEXT = "The keeper watched the harbour at dawn.\nA gull heard bread"


@pytest.fixture
def inspect(cli, trained):
    """`rnnbench inspect tm` in the trained workspace."""
    return lambda *words: cli("inspect", "tm", *words, home=trained.root)


@pytest.fixture
def on_screen(inspect, monkeypatch):
    """The same on a terminal of 40 columns."""

    def run(*words, **environment):
        monkeypatch.setattr("rnnbench.cli.output.is_terminal", lambda: True)
        monkeypatch.setenv("COLUMNS", "40")
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return inspect(*words)

    return run


def rows(answer):
    """A table from a pipe."""
    assert answer.code == 0, answer.err
    header, *lines = [line.split("\t") for line in answer.out.splitlines()]
    assert {len(line) for line in lines} <= {len(header)}
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_a_pipe_gets_a_row_for_each_token(inspect):
    """Token, surprisal, rank and what was expected; the figures of the whole are on stderr."""
    answer = inspect("--text", TEXT)
    found = rows(answer)
    assert "".join(row["token"] for row in found) == TEXT.replace("\n", "␊")
    total = sum(float(row["surprisal_nats"]) for row in found)
    assert (
        f"log-probability {-total:.2f} nats" in answer.err and "the first token predicted from the first" in answer.err
    )
    assert all((row["rank"] == "1") == (row["token"] == row["expected"]) for row in found)


def test_json_has_every_token_and_its_alternatives(inspect):
    """Surprisal, rank, alternatives by falling probability; perplexity and bits per character of the whole."""
    record = inspect("--text", TEXT, "--json", "--top", "3").json
    assert (record["what"], record["run"], record["checkpoint"], record["first_given"]) == (
        "surprisal", "tm", 120, "the first state",
    )  # fmt: skip
    tokens = record["tokens"]
    assert "".join(token["text"] for token in tokens) == TEXT
    assert record["perplexity"] == pytest.approx(math.exp(-record["log_probability_nats"] / len(TEXT)))
    assert record["bits_per_character"] == pytest.approx(-record["log_probability_nats"] / len(TEXT) / math.log(2))
    for token in tokens:
        chances = [other["probability"] for other in token["alternatives"]]
        assert len(chances) == 3 and chances == sorted(chances, reverse=True)
        if token["rank"] <= 3:
            alternative = token["alternatives"][token["rank"] - 1]
            assert alternative["text"] == token["text"]
            assert alternative["probability"] == pytest.approx(math.exp(-token["surprisal_nats"]), rel=1e-6)
    worst = [tokens[place]["surprisal_nats"] for place in record["most_surprising"]]
    assert worst == sorted((token["surprisal_nats"] for token in tokens), reverse=True)[:3]


def test_a_terminal_gets_colours(on_screen):
    """The text on coloured cells, a key to the levels, and the most surprising places in their context."""
    answer = on_screen("--text", TEXT, "--top", "2")
    lines = re.sub("\x1b\\[[0-9;]*m", "", answer.out).splitlines()
    assert answer.code == 0 and "\x1b[48;5;17;38;5;231m" in answer.out
    assert lines[:2] == ["The keeper watched the harbour at dawn.↵", "A gull heard bread"]
    assert lines[2].split()[:10] == list("0123456789") and lines[4].startswith("bits  rank  token")
    assert len(lines) == 7


@pytest.mark.parametrize("how", [["--no-color"], {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colours_there_are_digits(on_screen, how):
    """No escape sequence at all; a line of digits below each line of the text, in its columns."""
    words, environment = (how, {}) if isinstance(how, list) else ([], how)
    answer = on_screen("--text", TEXT, *words, **environment)
    lines = answer.out.splitlines()
    assert "\x1b" not in answer.out and lines[0] == "The keeper watched the harbour at dawn.↵"
    assert re.fullmatch("[0-9]{40}", lines[1]) and re.fullmatch("[0-9]{18}", lines[3])


def test_one_unit_along_the_text(inspect, on_screen):
    """Its activations are those that JSON tells; its memory is another; on a terminal they colour the text."""
    found = rows(inspect("--text", TEXT, "--unit", "1:3"))
    record = inspect("--text", TEXT, "--unit", "1:3", "--json").json
    assert [float(row["activation"]) for row in found] == pytest.approx(
        [token["activation"] for token in record["tokens"]], rel=1e-4
    )
    assert all(-1 < token["activation"] < 1 for token in record["tokens"])
    memory = inspect("--text", TEXT, "--what", "unit", "--unit", "1:3:c", "--json").json
    assert memory["unit"] == "1:3:c" and memory["tokens"] != record["tokens"]
    assert "unit 1:3: 0 is " in on_screen("--text", TEXT, "--unit", "1:3").out


def test_units_for_every_property(inspect, corpus_file):
    """A file is searched; both correlations are told, what cannot be followed is named, and how it was done is said."""
    answer = inspect("--file", corpus_file, "--what", "units", "--top", "2")
    found = rows(answer)
    assert [row["property"] for row in found].count("capital letter") == 2
    assert "inside quotes" in answer.err.split("nothing can follow it: ")[1] and "no part in the choice" in answer.err
    records = inspect("--file", corpus_file, "--pattern", "[Tt]he ", "--json").json["properties"]
    assert records[-1]["property"] == "pattern" and len(records[-1]["units"]) == 5
    assert 0 < records[-1]["mean"] < 1 and abs(records[-1]["units"][0]["r"]) <= 1


def test_few_tokens_and_endless_patterns_are_warned_of(inspect):
    """A short text makes chance look like a finding; a repeated repeat may never end."""
    answer = inspect("--text", "The gull", "--pattern", "(g+)+")
    assert answer.code == 0 and "8 tokens are few" in answer.err and "Ctrl-C" in answer.err


def test_gates_over_a_text(inspect):
    """Each gate of each layer, its mean and how much of it is saturated."""
    assert [(row["layer"], row["gate"]) for row in rows(inspect("--text", TEXT, "--what", "gates"))] == [
        ("1", "input"), ("1", "forget"), ("1", "output"),
    ]  # fmt: skip
    record = inspect("--text", TEXT, "--what", "gates", "--json").json
    assert all(0 < gate["mean"] < 1 and gate["closed"] + gate["open"] <= 1 for gate in record["gates"])


def test_the_next_token_after_any_part_of_a_text(inspect):
    """--at says after how many tokens; it agrees with the alternatives of that place."""
    whole = inspect("--text", TEXT, "--json", "--top", "4").json["tokens"]
    for place in (0, 7):
        record = inspect("--text", TEXT, "--what", "next", "--at", place, "--json", "--top", "4").json
        texts = [[other["text"] for other in each["alternatives"]] for each in (record, whole[place])]
        assert texts[0] == texts[1] and record["entropy_nats"] > 0
    assert len(rows(inspect("--text", TEXT, "--what", "next", "--top", "100"))) > 20
    assert inspect("--text", "", "--what", "next").code == 0
    assert inspect("--text", "ab", "--what", "next", "--at", "3").complaint() == "--at 3: the text has 2 tokens"


def test_texts_are_compared(inspect):
    """The most probable first in a table, in the order given as JSON."""
    texts = ("xq.vA", "the harbour", "teh harbour")
    words = [word for text in texts for word in ("--text", text)]
    found = rows(inspect(*words))
    values = [float(row["log_probability_nats"]) for row in found]
    assert values == sorted(values, reverse=True) and found[0]["text"] != "teh harbour"
    records = inspect(*words, "--json").json["texts"]
    assert [record["text"] for record in records] == list(texts) and records[0]["unknown_tokens"] > 0
    assert inspect(*words, "--what", "gates").code == 2


def test_pictures_are_written_whole(inspect, tmp_path):
    """A page and a drawing of the text, beside the usual answer."""
    page, drawing = tmp_path / "a.html", tmp_path / "a.svg"
    answer = inspect("--text", TEXT + "<script>", "--html", page, "--svg", drawing)
    assert len(rows(answer)) == len(TEXT) + 8 and f"wrote {page}" in answer.err
    assert "<script>" not in page.read_text() and "&lt;" in page.read_text()
    texts = [element.text for element in ElementTree.fromstring(drawing.read_bytes()).iter() if element.text]
    assert "keeper watched the harbour" in "".join(texts)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != "") == ["a.html", "a.svg"]


@pytest.mark.parametrize("words", [
    ["--what", "surprisal"], ["--what", "next"], ["--unit", "1:1"], ["--what", "surprisal", "--no-color"],
])  # fmt: skip
def test_hostile_text_drives_nothing(inspect, on_screen, words):
    """ESC, C1, markup, bidirectional controls and bytes that are no text come out as pictures, in a pipe and on screen."""
    hostile = "a\x1b]0;t\x07\x9b2J[bold]\u202eb\udcff\r\tz"
    for run in (inspect, on_screen):
        answer = run("--text", hostile, *words)
        assert answer.code == 0, answer.err
        ours = re.sub("\x1b\\[[0-9;]*m", "", answer.out + answer.err)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", ours)
        assert "\x1b" not in answer.err


@pytest.mark.parametrize(("words", "said"), [
    ([], "--text"),
    (["--text", "a", "--file", "b"], "not both"),
    (["--text", ""], "no text to look at"),
    (["--text", "a", "--what", "unit"], "which unit"),
    (["--text", "a", "--unit", "7:1"], "there is no unit 7:1"),
    (["--text", "a", "--unit", "1:1", "--what", "gates"], "--unit means nothing to --what gates"),
    (["--text", "a", "--pattern", "(", "--what", "units"], "unterminated subpattern at character 1"),
    (["--text", "a", "--pattern", "a", "--what", "next"], "--pattern means nothing"),
    (["--text", "a", "--at", "1"], "--at means nothing"),
    (["--text", "a", "--what", "gates", "--html", "x.html"], "colours no text"),
    (["--text", "a", "--what", "colours"], "colours"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(inspect, words, said):
    """One line and exit code 2, before torch is loaded for it."""
    answer = inspect(*words)
    assert answer.code == 2 and said in answer.complaint()


@pytest.mark.parametrize("task", ["cloze", "seq2seq"])
def test_other_tasks_are_refused_clearly(cli, trained, workspace, make_config, task):
    """Only language models can be looked into, and the run is told to be another."""
    RunStore(workspace).create("other", make_config(model={"task": task}))
    answer = cli("inspect", "other", "--text", "a")
    assert answer.code == 2 and f"run other is a {task} run" in answer.complaint()


def test_a_file_that_is_missing_or_long(inspect, tmp_path, monkeypatch):
    """A missing one is bad data; of a long one only the beginning is looked at, and that is said."""
    assert inspect("--file", tmp_path / "none.txt").code == 4
    monkeypatch.setattr("rnnbench.cli.inspect.LONGEST", 30)
    path = tmp_path / "long.txt"
    path.write_text(TEXT)
    answer = inspect("--file", path)
    assert len(rows(answer)) == 30 and "only its first 30 characters" in answer.err


def test_a_picture_of_a_long_text_has_an_end(inspect, tmp_path, monkeypatch):
    """Only its first tokens are drawn, and that is said; the table has all."""
    monkeypatch.setattr("rnnbench.cli.inspect_text._DRAWN", 10)
    answer = inspect("--text", TEXT, "--html", tmp_path / "a.html")
    assert len(rows(answer)) == len(TEXT) and "the first 10 tokens" in answer.err
    body = (tmp_path / "a.html").read_text().split("<pre>")[1]
    assert re.sub("<[^>]*>", "", body).strip() == TEXT[:10]


def test_tokens_of_a_model_drive_nothing(trained, on_screen, monkeypatch):
    """A vocabulary from somewhere else may hold anything; what it expects is shown as pictures too."""
    from rnnbench.cli import inspect_text

    monkeypatch.setattr(inspect_text, "token", lambda subject, number: "\x1b]0;t\x07\u202e\ud800")
    answer = on_screen("--text", TEXT, "--no-color")
    assert answer.code == 0 and "␛]0;t␇\\u202e\ufffd" in answer.out and "\x1b" not in answer.out


def test_unknown_tokens_are_named(inspect):
    """They cost what <unk> costs, and bits per character are withheld."""
    answer = inspect("--text", "The 汉")
    assert "'汉'" in answer.err and "bits per character withheld" in answer.err
    record = inspect("--text", "The 汉", "--json").json
    assert record["unknown_tokens"] == 1 and record["bits_per_character"] is None
