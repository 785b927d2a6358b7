"""evaluate: a run's score on its own splits and on any other text."""

import json
import shutil

import pytest

from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace

KEYS = (
    "run", "split", "tokens_scored", "tokens_total", "coverage", "loss_nats", "perplexity", "bits_per_character",
    "bits_per_byte", "out_of_vocabulary_rate", "baselines",
)  # fmt: skip


@pytest.fixture
def home(trained, tmp_path):
    """A copy of the workspace with the finished run `tm` that may be changed."""
    shutil.copytree(trained.root, tmp_path / "home")
    return Workspace(tmp_path / "home")


@pytest.fixture
def scored(cli, home):
    """The JSON answer of `evaluate tm ...`."""

    def score(*words):
        answer = cli("evaluate", "tm", *words, "--json", home=home.root)
        assert answer.code == 0, answer.err
        return json.loads(answer.out)

    return score


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_scores_as_it_did_in_training(scored, home, split, holds):
    """The best weights give the loss that the log has, over all tokens but the first, beside the same baselines."""
    events = RunStore(home).find("tm").progress().evaluations
    logged = min((event for event in events if event.split == split), key=lambda event: event.loss_nats)
    found = scored("--split", split)
    assert holds(found, KEYS) and found["split"] == split
    assert found["loss_nats"] == pytest.approx(logged.loss_nats, abs=1e-6)
    assert found["tokens_scored"] == found["tokens_total"] - 1 and found["coverage"] == 1.0
    assert set(found["baselines"]) >= {"uniform", "unigram"}


def test_the_test_split_is_the_usual_one(scored):
    """Without a choice the split is scored that training did not look at."""
    assert scored()["split"] == "test"


def test_another_file_is_scored_in_the_runs_vocabulary(scored, home):
    """The same text as a file gives the same tokens; what the vocabulary lacks is counted, bits are then withheld."""
    text = (home.root / "corpora" / "small.txt").read_text()
    (home.root / "other.txt").write_text(text[:500])
    known = scored(str(home.root / "other.txt"))
    assert known["tokens_total"] == 500 and known["split"] == "all" and known["unknown_tokens"] == 0
    assert known["bits_per_character"] > 0 and known["loss_nats"] < known["baselines"]["unigram"]["loss_nats"]
    (home.root / "other.txt").write_text(text[:250] + "漢字" + text[252:500])
    strange = scored(str(home.root / "other.txt"))
    assert strange["unknown_tokens"] == 2 and strange["out_of_vocabulary_rate"] == pytest.approx(2 / 500)
    assert strange["bits_per_character"] is None and strange["perplexity"] > 1


def test_a_file_needs_no_length_and_no_text_of_the_run(scored, home):
    """A line is enough; when the run's text is gone only what counts on it is missing."""
    (home.root / "line.txt").write_text("the gull")
    (home.root / "corpora" / "small.txt").unlink()
    found = scored(str(home.root / "line.txt"))
    assert found["tokens_scored"] == 7 and found["baselines"] == {}


def test_people_read_the_same_figures(cli, home):
    """Perplexity, what it covers, and the baselines beside it."""
    answer = cli("evaluate", "tm", "--split", "validation", home=home.root)
    assert answer.code == 0
    for word in ("perplexity", "bits/character", "coverage 100.0%", "unigram", "5-gram", "accuracy at 1"):
        assert word in answer.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--split", "tset"), 2, "one of train, validation, test"),
        (("small.txt", "--split", "test"), 2, "not both"),
        (("--encoding", "gbk"), 2, "are for FILE"),
        (("nowhere.txt",), 4, "nowhere.txt"),
        (("--checkpoint", "77777"), 4, "no checkpoint at step 77777"),
    ],
)
def test_what_cannot_be_scored_is_refused(cli, home, words, code, said):
    """One line that says why."""
    answer = cli("evaluate", "tm", *words, home=home.root)
    assert answer.code == code and said in answer.err and answer.err.count("\n") == 1


def test_a_text_that_changed_is_not_the_runs_own(cli, home):
    """Its splits would be others; the message offers to score it as a file."""
    path = home.root / "corpora" / "small.txt"
    path.write_text(path.read_text()[::-1])
    answer = cli("evaluate", "tm", home=home.root)
    assert answer.code == 4 and "changed" in answer.err and "name the file" in answer.err
