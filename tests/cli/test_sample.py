"""sample: the text and nothing else on stdout, the same for the same seed."""

import json
import subprocess
import sys

import pytest

from rnnbench.engine import checkpoints
from rnnbench.runs.store import RunStore


@pytest.fixture
def sample(cli, trained):
    """`rnnbench sample tm` in the trained workspace."""
    return lambda *words: cli("sample", "tm", *words, home=trained.root)


def test_only_the_text_is_on_stdout(sample):
    """As many characters as were asked for, no prompt, no line end; remarks are on stderr."""
    answer = sample("--prompt", "The ", "--length", "57", "--seed", "4")
    assert answer.code == 0 and len(answer.out) == 57
    assert answer.err == "checkpoint of step 120, seed 4\n"
    assert sample("--prompt", "The ", "--length", "57", "--seed", "4", "-q").err == ""


def test_a_real_pipe_gets_the_same_bytes_twice(trained, sample):
    """`rnnbench sample ... > file` twice gives two equal files."""
    command = [sys.executable, "-m", "rnnbench", "sample", "tm", "--prompt", "The ", "--length", "80", "--seed", "4"]
    first = subprocess.run([*command, "--workspace", str(trained.root)], capture_output=True, check=True).stdout
    assert len(first) == 80 and first.decode() == sample(*command[5:]).out


def test_seeds_repeat_a_text(sample):
    """The same seed writes the same, another seed another; without one it is drawn and told, and repeats it."""
    words = ("--length", "60", "--prompt", "A ")
    texts = {seed: sample(*words, "--seed", seed).out for seed in (1, 2, 3)}
    assert len(set(texts.values())) == 3
    drawn = sample(*words)
    seed = drawn.err.rsplit(" ", 1)[1].strip()
    assert sample(*words, "--seed", seed).out == drawn.out


def test_greedy_needs_no_seed(sample):
    """The most probable text is one text, and nothing is said of seeds."""
    first, second = (sample("--greedy", "--length", "40", "--prompt", "The k", "--seed", seed) for seed in (1, 2))
    assert first.out == second.out and first.err == ""
    assert sample("--top-k", "1", "--length", "40", "--prompt", "The k").out == first.out
    assert sample("--temperature", "1e-30", "--length", "40", "--prompt", "The k").out == first.out


def test_json_has_the_keys_of_the_contract(sample, holds):
    """One object on one line: prompt, text, tokens, log-probability, rate, seed, checkpoint."""
    answer = sample("--json", "--prompt", "The ", "--length", "30", "--seed", "9")
    (record,) = answer.lines
    keys = (
        "prompt",
        "text",
        "tokens",
        "log_probability_nats",
        "tokens_per_second",
        "seed",
        "checkpoint",
        "schema_version",
    )
    assert answer.code == 0 and answer.err == "" and holds(record, keys)
    assert (record["prompt"], record["tokens"], record["seed"], record["checkpoint"]) == ("The ", 30, 9, 120)
    assert record["text"] == sample("--prompt", "The ", "--length", "30", "--seed", "9").out
    assert record["log_probability_nats"] < 0


def test_several_samples_have_seeds_of_their_own(sample):
    """--count n is n samples with consecutive seeds: JSON lines, or texts on lines of their own."""
    records = sample("--json", "--count", "3", "--length", "20", "--seed", "5").lines
    assert [record["seed"] for record in records] == [5, 6, 7]
    texts = [sample("--length", "20", "--seed", seed).out for seed in (5, 6, 7)]
    assert [record["text"] for record in records] == texts
    assert sample("--count", "3", "--length", "20", "--seed", "5").out == "\n".join(texts)


def test_echo_repeats_the_prompt(sample):
    """With --echo the prompt stands before the text, as it was given."""
    text = sample("--length", "20", "--seed", "5", "--prompt", "The ").out
    assert sample("--length", "20", "--seed", "5", "--prompt", "The ", "--echo").out == "The " + text


def test_no_tokens_are_no_bytes(sample):
    """--length 0 writes nothing."""
    assert (sample("--length", "0").code, sample("--length", "0").out) == (0, "")


def test_unknown_characters_are_named(sample):
    """What the vocabulary lacks is told on stderr, and the text comes all the same."""
    answer = sample("--prompt", "漢T\x1b", "--length", "5", "--seed", "1")
    assert answer.code == 0 and len(answer.out) == 5
    assert "warning: not in the vocabulary" in answer.err and "'漢'" in answer.err and "\x1b" not in answer.err


def test_any_kept_checkpoint_can_be_asked(sample, trained):
    """best, last and every step that is there; another is exit code 4 with those that are."""
    run = RunStore(trained).find("tm")
    steps = [manifest.step for manifest in checkpoints.manifests(run.checkpoints)]
    for which in ("best", "last", *map(str, steps)):
        (record,) = sample("--json", "--length", "1", "--checkpoint", which).lines
        assert record["checkpoint"] == checkpoints.choose(run.checkpoints, which).step
    answer = sample("--checkpoint", "77")
    assert answer.code == 4 and all(str(step) in answer.err for step in steps)


WRONG = [
    (("--temperature", "0"), 2, "--temperature"), (("--temperature", "-1"), 2, "--temperature"),
    (("--temperature", "nan"), 2, "--temperature"), (("--temperature", "inf"), 2, "--temperature"),
    (("--length", "-1"), 2, "--length"), (("--top-k", "-1"), 2, "--top-k"), (("--count", "0"), 2, "--count"),
    (("--seed", "x"), 2, "--seed"), (("--seed", "-1"), 2, "--seed"), (("--seed", str(2**80)), 2, "seed"),
    (("--checkpoint", "newest"), 4, "newest"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "named"), WRONG, ids=lambda value: " ".join(value)
                         if isinstance(value, tuple) else None)  # fmt: skip
def test_wrong_values_are_named(sample, complaint, words, code, named):
    """An impossible number is refused in one line."""
    answer = sample(*words)
    assert answer.code == code and named in complaint(answer)


def test_a_run_that_is_not_there(cli, trained, complaint):
    """Exit code 2, with the names that are."""
    answer = cli("sample", "nope", home=trained.root)
    assert answer.code == 2 and "known: tm" in complaint(answer)


def test_a_run_without_a_checkpoint(cli, workspace, make_config, complaint):
    """A run that has not begun yet cannot be asked: exit code 4, and what to wait for."""
    RunStore(workspace).create("new", make_config())
    answer = cli("sample", "new")
    assert answer.code == 4 and "yet" in complaint(answer)


@pytest.mark.parametrize("file", ["checkpoint", "vocabulary.json", "config.json"])
def test_a_damaged_run_is_refused(cli, trained, tmp_path, complaint, file):
    """A changed byte in the weights, the vocabulary or the configuration: exit code 4 or 2, no text."""
    import shutil

    home = tmp_path / "copy"
    shutil.copytree(trained.root, home)
    run = home / "runs" / "tm"
    path = next(run.glob("checkpoints/*120.safetensors")) if file == "checkpoint" else run / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    answer = cli("sample", "tm", "--checkpoint", "120", home=home)
    assert answer.code in (2, 4) and complaint(answer)


def test_the_run_is_only_read(sample, trained, digest_of):
    """Sampling writes nothing."""
    before = digest_of(trained.root)
    sample("--length", "10")
    assert digest_of(trained.root) == before


def test_text_is_written_as_it_comes(cli, trained, monkeypatch):
    """A reader sees each token at once, not the whole text at its end."""
    pieces = []
    answer = cli("sample", "tm", "--length", "12", "--seed", "3", home=trained.root, on_line=pieces.append)
    assert b"".join(pieces) == answer.out.replace("\n", "").encode() and len(pieces) > 8
    assert json.dumps(answer.out)


def test_a_beam_finds_the_likeliest_text(sample):
    """A beam of 1 is greedy, a wider one finds no worse; the best of them are given, most probable first."""
    words = ("--prompt", "The k", "--length", "30", "--json")
    (greedy,), (one,) = sample(*words, "--greedy").lines, sample(*words, "--beam", "1").lines
    assert one["text"] == greedy["text"]
    assert one["log_probability_nats"] == pytest.approx(greedy["log_probability_nats"], abs=1e-3)
    several = sample(*words, "--beam", "8", "--count", "3").lines
    nats = [record["log_probability_nats"] for record in several]
    assert len({record["text"] for record in several}) == 3 and nats == sorted(nats, reverse=True)
    assert nats[0] >= greedy["log_probability_nats"] - 1e-3
    assert sample("--prompt", "The k", "--length", "30", "--beam", "8").out == several[0]["text"]
    stopped = sample(*words, "--beam", "4", "--stop", several[0]["text"][4:6], "--length-penalty", "0").lines[0]
    assert several[0]["text"][4:6] not in stopped["text"]


def test_unknown_symbols_can_be_refused(sample, complaint):
    """--unknown refuse names them and writes nothing; replace is what happens without it."""
    answer = sample("--prompt", "漢T\x1b", "--unknown", "refuse", "--length", "5")
    assert answer.code == 2 and "'漢'" in complaint(answer)
    assert "--" not in complaint(answer), "the workbench says the same, and has no options"
    words = ("--prompt", "漢T", "--length", "5", "--seed", "1")
    assert sample(*words, "--unknown", "replace").out == sample(*words).out


def test_a_text_can_begin_in_the_training_text(sample, trained, cli, tmp_path, complaint):
    """The seed decides the place, which is read and not shown; without the text it is an error."""
    import shutil

    words = ("--from-corpus", "--length", "30")
    texts = [sample(*words, "--seed", seed).out for seed in (1, 2, 1)]
    assert texts[0] == texts[2] != texts[1] and len(texts[0]) == 30
    assert sample(*words, "--seed", "1", "--count", "2").out == f"{texts[0]}\n{texts[1]}"
    shutil.copytree(trained.root, tmp_path / "copy")
    (tmp_path / "copy" / "corpora" / "small.txt").unlink()
    answer = cli("sample", "tm", *words, home=tmp_path / "copy")
    assert answer.code == 2 and "--from-corpus" in complaint(answer)


def test_checkpoints_side_by_side(sample, trained, holds):
    """The same prompt and seed for each, under a heading with its step and validation; none of them twice."""
    run = RunStore(trained).find("tm")
    steps = [manifest.step for manifest in checkpoints.manifests(run.checkpoints)]
    words = ("--prompt", "The ", "--length", "20", "--seed", "3")
    each = [word for which in (*steps, "best", "last") for word in ("--checkpoint", which)]
    records = sample(*words, *each, "--json").lines
    assert [record["checkpoint"] for record in records] == steps and len(steps) > 1
    for record in records:
        assert holds(record, ("run", "validation_loss_nats", "seed"))
        assert record["text"] == sample(*words, "--checkpoint", record["checkpoint"]).out
    answer = sample(*words, *each)
    sections = answer.out.split("== tm, step ")[1:]
    assert len(sections) == len(steps) and answer.out.startswith("== tm, step ")
    for section, record in zip(sections, records, strict=True):
        heading, text = section.split("\n", 1)
        assert heading.startswith(f"{record['checkpoint']:,}, validation ") and text == record["text"] + "\n"
    assert f"keeps the checkpoints of steps {', '.join(map(str, steps))}" in answer.err


def test_runs_side_by_side(sample, trained, cli, tmp_path):
    """Another run is asked the same."""
    import shutil

    shutil.copytree(trained.root, tmp_path / "copy")
    shutil.copytree(tmp_path / "copy" / "runs" / "tm", tmp_path / "copy" / "runs" / "other")
    answer = cli("sample", "tm", "--beside", "other", "--length", "9", "--seed", "2", "--json", home=tmp_path / "copy")
    first, second = answer.lines
    assert (first["run"], second["run"]) == ("tm", "other") and first["text"] == second["text"]


NOT_TOGETHER = [
    (("--beam", "3", "--temperature", "0.5"), "--temperature means nothing beside --beam"),
    (("--beam", "3", "--greedy", "--force", "x"), "--greedy, --force mean nothing beside --beam"),
    (("--length-penalty", "0.5"), "--beam"), (("--from-corpus", "--prompt", "The"), "--from-corpus"),
    (("--beam", "0"), "--beam"), (("--unknown", "maybe"), "--unknown"), (("--beside", "nope"), "known: tm"),
    (("--beam", "2", "--length-penalty", "-1"), "--length-penalty"), (("--serve", "--beside", "tm2"), "tm2"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "named"), NOT_TOGETHER, ids=lambda value: " ".join(value)
                         if isinstance(value, tuple) else None)  # fmt: skip
def test_options_that_do_not_go_together_are_named(sample, complaint, words, named):
    """Exit code 2, one line."""
    answer = sample(*words)
    assert answer.code == 2 and named in complaint(answer)
