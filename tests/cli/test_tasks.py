"""Runs that fill blanks and runs that answer lines, from the command line: trained, shown, asked, refused."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace

PAIRS = [(f"{a}{b}", f"{b}{a}") for a in "abcdefgh" for b in "stuvwxyz"]


@dataclass(frozen=True)
class Runs:
    """The workspace, and what the trainer told of each run."""

    home: Workspace
    told: dict[str, list[str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, make_text, make_config):
    """A workspace with the finished runs `gaps` (cloze), `echo` (seq2seq) and `plain` (language_model)."""
    from rnnbench.engine.control import Control
    from rnnbench.engine.trainer import train
    from rnnbench.runs.narration import Narrator
    from rnnbench.runs.recording import record

    home = Workspace(tmp_path_factory.mktemp("tasks"))
    (home.root / "corpora").mkdir()
    (home.root / "corpora" / "small.txt").write_text(make_text(3000), encoding="utf-8")
    (home.root / "corpora" / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in PAIRS), encoding="utf-8")
    training = {"max_steps": 60, "learning_rate": 0.02, "batch_size": 8, "steps_per_sequence": 16}
    tables = {
        "gaps": {"model": {"task": "cloze", "hidden": 16}, "training": training},
        "echo": {
            "model": {"task": "seq2seq", "hidden": 24, "cell": "gru"},
            "corpus": {"file": "pairs.tsv"},
            "text": {"shared_vocabulary": True},
            "training": {**training, "max_steps": 120},
        },
        "plain": {"model": {"hidden": 8}, "training": {**training, "max_steps": 5}},
    }
    told = {}
    for name, choices in tables.items():
        config, narrator = make_config(evaluation={"every_steps": 60, "sample_length": 5}, **choices), Narrator()
        run = RunStore(home).create(name, config)
        events = record(run, train(config, run, home, Control()))
        told[name] = [line for event in events for line in narrator.tell(event)]
    return Runs(home, told)


@pytest.fixture
def ask(cli, runs):
    """`rnnbench ...` in that workspace."""
    return lambda *words: cli(*words, home=runs.home.root)


# -- what is said of a run


def test_a_cloze_run_is_told_with_its_own_words(runs):
    """Its figure is a pseudo-perplexity in every line, with accuracies beside it, and never plainly a perplexity."""
    lines = [line for line in runs.told["gaps"] if line.startswith(("step ", "validation ", "test "))]
    assert len(lines) >= 3 and all("pseudo-perplexity" in line for line in lines)
    assert not any("perplexity" in line.replace("pseudo-perplexity", "") for line in lines)
    (last,) = [line for line in lines if line.startswith("test ")]
    assert "accuracy at 1 " in last and "%  " in last and "bits/character" not in last
    assert any(line.startswith("sample at step 60: ") and " -> " in line for line in runs.told["gaps"])


def test_a_seq2seq_run_is_told_with_its_own_words(runs):
    """Perplexity per target token, the figures of its answers, and samples as source -> answer."""
    (last,) = [line for line in runs.told["echo"] if line.startswith("test ")]
    assert "perplexity per target token" in last and "BLEU" in last and "length match" in last
    assert any(line.startswith("sample at step 120: ") and " -> " in line for line in runs.told["echo"])


def test_show_keeps_a_pseudo_perplexity_under_its_own_key(ask):
    """JSON: perplexity and bits are null for cloze; what scripts read as a perplexity is one."""
    best = ask("runs", "show", "gaps", "--json").json["progress"]["best"]
    assert best["perplexity"] is None and best["bits_per_character"] is None and best["pseudo_perplexity"] > 1
    assert 0 <= best["figures"]["accuracy_at_1"] <= best["figures"]["accuracy_at_5"] <= 1
    assert best["coverage"] == 1.0 and best["tokens_scored"] == best["tokens_total"]
    other = ask("runs", "show", "echo", "--json").json["progress"]["best"]
    assert other["pseudo_perplexity"] is None and other["perplexity"] > 1 and "bleu" in other["figures"]


def test_show_in_words(ask):
    """The label says which figure it is; the baselines keep theirs."""
    lines = {line.split()[0]: line for line in ask("runs", "show", "gaps").out.splitlines()}
    assert "pseudo-perplexity" in lines["best"] and "accuracy at 5" in lines["best"] and "cloze" in lines["model"]
    assert "pseudo" not in lines["unigram"] and "(left to right)" in lines["5-gram"]
    lines = {line.split()[0]: line for line in ask("runs", "show", "echo").out.splitlines()}
    assert "perplexity per target token" in lines["test"] and "exact match" in lines["test"]


def test_the_list_has_a_column_of_its_own_for_pseudo_perplexities(ask):
    """The perplexity of a cloze run is a dash; the others have a dash in the column of pseudo-perplexities."""
    header, *rows = ask("runs", "list").out.splitlines()
    start, stop = header.index("best perplexity"), header.index("pseudo-perplexity")
    cells = {row.split()[0]: (row[start:stop].strip(), row[stop : stop + 17].strip()) for row in rows}
    assert cells["gaps"][0] == "-" and float(cells["gaps"][1]) > 1
    assert float(cells["echo"][0]) > 1 and cells["echo"][1] == "-"
    assert {run["name"]: run["task"] for run in ask("runs", "list", "--json").json["runs"]} == {
        "gaps": "cloze",
        "echo": "seq2seq",
        "plain": "language_model",
    }


# -- asking a cloze run


def test_blanks_are_filled_best_first(ask):
    """One filling on a line: the text, a tab, its probability; as many as were asked for, the rest as it was."""
    answer = ask("sample", "gaps", "--prompt", "The c_ock", "--count", "4")
    rows = [line.split("\t") for line in answer.out.splitlines()]
    assert answer.code == 0 and len(rows) == 4 and answer.err == "checkpoint of step 60\n"
    assert all(len(text) == 9 and text.startswith("The c") and text.endswith("ock") for text, _ in rows)
    chances = [float(chance) for _, chance in rows]
    assert chances == sorted(chances, reverse=True) and chances[-1] > 0 and sum(chances) <= 1


def test_fillings_as_json(ask):
    """The exact text, what stands in the blanks, the probability, the checkpoint; five without --count."""
    records = ask("sample", "gaps", "--prompt", "a_b_c", "--json").lines
    assert len(records) == 5
    for record in records:
        assert record["text"] == "a{}b{}c".format(*record["pieces"]) and record["prompt"] == "a_b_c"
        assert 0 < record["probability"] < 1 and record["checkpoint"] == 60


@pytest.mark.parametrize("words", [(), ("--prompt", ""), ("--prompt", "The clock")])
def test_a_prompt_without_a_blank_is_refused_with_an_example(ask, complaint, words):
    """Exit code 2, and how a blank is written."""
    answer = ask("sample", "gaps", *words)
    assert answer.code == 2 and '--prompt "The c_ock' in complaint(answer)


def test_unknown_characters_of_any_prompt_are_named(ask):
    """By either task: told on stderr, read as unknown; the blank itself is not among them."""
    answer = ask("sample", "gaps", "--prompt", "漢_", "--count", "1")
    assert answer.code == 0 and "'漢'" in answer.err and "'_'" not in answer.err
    answer = ask("sample", "echo", "--prompt", "aQ")
    assert answer.code == 0 and "'Q'" in answer.err and "'a'" not in answer.err


# -- asking a seq2seq run


def test_a_line_is_answered(ask):
    """The answer and nothing else; the same again; several with their log-probabilities, best first."""
    answer = ask("sample", "echo", "--prompt", "as", "--like-source")
    assert answer.code == 0 and len(answer.out) == 3 and answer.out == ask(
        "sample", "echo", "--prompt", "as", "--like-source").out  # fmt: skip
    rows = [line.split("\t") for line in ask("sample", "echo", "--prompt", "as", "--count", "3").out.splitlines()]
    assert len(rows) == 3 and len({text for text, _ in rows}) == 3 and all(float(nats) <= 0 for _, nats in rows)
    (record,) = ask("sample", "echo", "--prompt", "as", "--beam", "4", "--json").lines
    assert (record["prompt"], record["checkpoint"]) == ("as", 120) and record["log_probability_nats"] <= 0
    assert record["tokens"] == len(record["text"])


def test_lines_of_standard_input_are_answered_as_they_come(ask, runs):
    """One answer on a line for each line, before the next is written; a blank line keeps its place."""
    command = [sys.executable, "-m", "rnnbench", "--workspace", str(runs.home.root), "sample", "echo", "-q"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        found = []
        for line in (b"as\n", b"\n", b"bt\r\n"):
            process.stdin.write(line)
            process.stdin.flush()
            found.append(process.stdout.readline().decode())
        process.stdin.close()
        assert process.wait() == 0 and process.stdout.read() == b""
    assert found == [ask("sample", "echo", "--prompt", "as").out, "\n", ask("sample", "echo", "--prompt", "bt").out]


OTHERS = [
    ("gaps", "--temperature", "0.5"), ("gaps", "--seed", "3"), ("gaps", "--greedy"), ("gaps", "--beam", "2"),
    ("echo", "--length", "9"), ("echo", "--top-k", "3"), ("echo", "--echo"),
    ("plain", "--like-source"),
]  # fmt: skip


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_options_of_another_task_are_refused(ask, complaint, words):
    """Exit code 2, with the option, what the run does, and the options that it knows."""
    answer = ask("sample", *words, "--prompt", "a_")
    said = complaint(answer)
    assert answer.code == 2 and f"{words[1]} means nothing to a" in said and "--count" in said


# -- by request


def served(runs, name, *requests):
    """What `sample --serve` says to some requests: its first event, and all the others."""
    command = [sys.executable, "-m", "rnnbench", "--workspace", str(runs.home.root), "sample", name, "--serve"]
    sent = "".join(json.dumps(request) + "\n" for request in requests).encode()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(sent)
        process.stdin.flush()
        found = [json.loads(process.stdout.readline())]
        while sum(event["event"] in ("done", "error") for event in found) < len(requests):
            found.append(json.loads(process.stdout.readline()))
        process.stdin.close()
        assert process.wait() == 0
    return found[0], found[1:]


def test_fillings_by_request(runs, ask):
    """ready says what can be asked; a filling event each, the same as on the command line; an error for other fields."""
    ready, events = served(
        runs, "gaps", {"id": 1, "prompt": "漢_", "count": 2}, {"id": 2, "prompt": "_", "seed": 3}, {"id": 3}
    )
    assert (ready["task"], ready["options"]) == ("cloze", ["count", "unknown"]) and "blanks" in ready["does"]
    assert [event["event"] for event in events] == ["begun", "filling", "filling", "done", "error", "begun", "error"]
    assert events[0] == {"event": "begun", "id": 1, "step": 60, "seed": None, "unknown": ["漢"]}
    records = ask("sample", "gaps", "--prompt", "漢_", "--count", "2", "--json").lines
    assert [event["text"] for event in events[1:3]] == [record["text"] for record in records]
    assert (events[3]["answers"], events[3]["cancelled"]) == (2, False)
    assert "seed means nothing to a cloze run" in events[4]["message"] and "no blank" in events[6]["message"]


def test_answers_by_request(runs, ask):
    """An answer event each, best first, the same as on the command line; nothing to answer is an error."""
    ready, events = served(runs, "echo", {"id": 1, "prompt": "as", "count": 2, "beam": 3}, {"id": 2, "prompt": " "})
    assert ready["task"] == "seq2seq" and "beam" in ready["options"]
    assert [event["event"] for event in events] == ["begun", "answer", "answer", "done", "begun", "error"]
    records = ask("sample", "echo", "--prompt", "as", "--count", "2", "--beam", "3", "--json").lines
    for event, record in zip(events[1:3], records, strict=True):
        assert {name: event[name] for name in ("text", "tokens")} == {name: record[name] for name in ("text", "tokens")}
    assert "nothing to answer" in events[5]["message"]


# -- before training


def test_pairs_are_described(ask):
    """Pairs, splits, lengths and vocabularies of a table; the JSON has the same."""
    record = ask("corpora", "show", "pairs", "--pairs", "--json").json
    assert (record["pairs"], record["distinct"], record["source_lengths"]) == (
        64, 64, {"shortest": 2, "median": 2.0, "longest": 2})  # fmt: skip
    assert record["source_vocabulary_size"] == record["target_vocabulary_size"] == 16 + 4
    assert sum(split["pairs"] for split in record["splits"]) == 64
    text = ask("corpora", "show", "pairs", "--pairs").out
    assert "64 in 64 lines" in text and "20 and 20" in text and "aw -> wa" in text


def test_bad_lines_of_a_table_are_named(cli, workspace, complaint):
    """Every one by its number on stderr, and exit code 4 as in training."""
    (workspace.root / "corpora" / "holes.tsv").write_text("a\tb\nno tab\n\nc\t\nd\te\n")
    answer = cli("corpora", "show", "holes", "--pairs")
    assert answer.code == 4 and answer.out == "" and "target: 2, 4" in answer.err and "line 2 of" in answer.err


def test_lines_of_a_text_without_tabs_are_pairs_on_request(ask, complaint):
    """Without a tab the message says how each line is answered by the next; so told, it works."""
    answer = ask("corpora", "show", "small", "--pairs")
    assert answer.code == 4 and "--set corpus.pairs=next_line" in answer.err
    answer = ask("corpora", "show", "small", "--pairs", "--set", "corpus.pairs=next_line")
    assert answer.code == 0 and "16 in 33 lines" in answer.out and "blank" in answer.out


@pytest.mark.parametrize("words", [
    ("--task", "cloze", "--corpus", "small"),
    ("--task", "seq2seq", "--corpus", "pairs"),
    ("--task", "seq2seq", "--corpus", "pairs", "--set", "text.shared_vocabulary=true"),
], ids=" ".join)  # fmt: skip
def test_a_dry_run_of_each_task(cli, runs, small, monkeypatch, words):
    """The parameter count is that of the real network, and a rate is measured."""
    from rnnbench import config as configuration
    from rnnbench.engine import estimates
    from rnnbench.engine.loading import make_network

    monkeypatch.setattr(estimates, "_TRIAL_SECONDS", 0.0)
    options = ("train", "--dry-run", "--max-steps", "50", *small, "--set", "corpus.first_characters=off", *words)
    record = cli(*options, "--json", home=runs.home.root).json
    network = make_network(
        configuration.validate(record["config"]), record["vocabulary_size"], record["source_vocabulary_size"]
    )
    assert record["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert record["tokens_per_second"] > 0 and record["seconds"] > 0
    answer = cli(*options, home=runs.home.root)
    assert "nothing was written" in answer.err and ("target tokens" in answer.out) == ("seq2seq" in words)


REFUSED = [
    (("--task", "seq2seq", "--corpus", "small"), 4, "--set corpus.pairs=next_line"),
    (("--task", "cloze", "--corpus", "pairs"), 4, "training.margin"),
    (("--corpus", "small", "--set", "model.bidirectional=true"), 2, "--task cloze"),
]


@pytest.mark.parametrize(("words", "code", "named"), REFUSED, ids=str)
def test_what_cannot_be_trained_is_refused_with_what_can(cli, runs, complaint, words, code, named):
    """A text without tabs, one too short for a window, a next-token model that has read its answer."""
    for more in (("--headless",), ("--dry-run",)):
        answer = cli("train", *more, *words, "--max-steps", "2", "--device", "cpu", home=runs.home.root)
        assert answer.code == code and named in complaint(answer)


def test_presets_say_their_task(cli):
    """The list shows which presets train what."""
    rows = {line.split()[0]: line.split()[1] for line in cli("presets", "list").out.splitlines()}
    assert (rows["fill-in"], rows["couplets"], rows["demo"]) == ("cloze", "seq2seq", "language_model")
