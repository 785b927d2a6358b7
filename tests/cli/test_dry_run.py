"""train --dry-run: what would be trained, how large, how fast; nothing is written."""

import tomllib

import pytest

from rnnbench import config as configuration
from rnnbench.runs.store import RunStore


@pytest.fixture
def dry(cli, small, monkeypatch):
    """`rnnbench train --dry-run` of the small text, with a measured trial that is as short as it can be."""
    from rnnbench.engine import estimates

    monkeypatch.setattr(estimates, "_TRIAL_SECONDS", 0.0)
    return lambda *words: cli("train", "--dry-run", "--corpus", "small", *small, *words)


def test_nothing_is_written(dry, workspace, digest_of):
    """No run, no cache, no folder: the workspace is as it was, to the byte."""
    before = digest_of(workspace.root)
    for words in ((), ("--json",), ("--headless",), ("--run", "tm")):
        assert dry("--max-steps", "5", *words).code == 0
    assert digest_of(workspace.root) == before


def test_json(dry, cli, small, workspace, holds):
    """The resolved configuration, and estimates; the parameter count is that of the real run."""
    record = dry("--json", "--max-steps", "50", "--cell", "gru").json
    assert holds(record, ("config", "vocabulary_size", "parameters", "memory_bytes", "tokens_per_second", "seconds"))
    assert record["config"]["model"]["cell"] == "gru" and record["tokens_per_second"] > 0
    assert record["seconds"] == pytest.approx(50 * 4 * 8 / record["tokens_per_second"], abs=0.06)
    words = ("--headless", "--corpus", "small", "--run", "tm", "--cell", "gru", "--max-steps", "1")
    assert cli("train", *words, *small).code == 0
    started = RunStore(workspace).find("tm").progress().started
    assert (record["parameters"], record["vocabulary_size"]) == (started.parameters, started.vocabulary_size)


def test_in_words(dry):
    """The configuration as TOML that can be used again, then the estimates; stderr says that nothing was written."""
    answer = dry("--epochs", "2")
    toml, _, estimates = answer.out.partition("\n\nvocabulary ")
    chosen = configuration.validate(tomllib.loads(toml))
    assert (chosen.training.epochs, chosen.model.hidden) == (2, 8)
    for word in ("parameters", "memory", "tokens/s", "time"):
        assert word in estimates
    assert "nothing was written" in answer.err


def test_a_budget_of_minutes_is_its_time(dry):
    """The clock is the estimate."""
    assert dry("--json", "--minutes", "0.5").json["seconds"] == 30.0


@pytest.mark.parametrize(("words", "code"), [
    (("--corpus", "nowhere"), 4), (("--hidden", "0"), 2), (("--device", "cuda:99"), 3), (("--preset", "x"), 2),
    (("--corpus", "empty"), 4), (("--batch-size", "500"), 4),
])  # fmt: skip
def test_it_refuses_what_train_would_refuse(dry, cli, small, workspace, complaint, words, code):
    """The same exit code and the same message as the real thing."""
    (workspace.root / "corpora" / "empty.txt").write_text("")
    answer = dry("--max-steps", "5", *words)
    assert answer.code == code
    real = cli("train", "--headless", "--corpus", "small", *small, "--max-steps", "5", *words)
    assert real.code == code and complaint(real) == complaint(answer)
