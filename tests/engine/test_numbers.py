"""Mistakes that published training scripts make with their figures: each is made here, and told apart from ours."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rnnbench.engine import evaluation
from rnnbench.engine.rescoring import Scorer
from rnnbench.metrics import LossReducer, perplexity
from rnnbench.runs.events import EvaluationDone


@pytest.fixture(scope="module")
def learned(tmp_path_factory, make_text, make_config):
    """A run that has learned something, its corpus and its network with the best weights."""
    from rnnbench.engine.control import Control
    from rnnbench.engine.loading import open_model
    from rnnbench.engine.trainer import train
    from rnnbench.runs.recording import record
    from rnnbench.runs.store import RunStore
    from rnnbench.text import corpora
    from rnnbench.workspace import Workspace

    home = Workspace(tmp_path_factory.mktemp("numbers"))
    (home.root / "corpora").mkdir()
    (home.root / "corpora" / "small.txt").write_text(make_text(6000) + "\nzebra quartz!" * 9, encoding="utf-8")
    config = make_config(
        training={"max_steps": 150, "learning_rate": 0.02, "batch_size": 8, "steps_per_sequence": 16},
        evaluation={"every_steps": 50, "train_tokens": 1000},
        model={"hidden": 32},
    )
    run = RunStore(home).create("tm", config)
    events = list(record(run, train(config, run, home, Control())))
    torch.set_flush_denormal(False)
    corpus = corpora.encode(home.root / "corpora" / "small.txt", config.corpus, config.text, home.cache)
    return SimpleNamespace(run=run, home=home, events=events, corpus=corpus, network=open_model(run).network)


def scored(learned, name):
    """The loss of a split under the best weights."""
    return evaluation.score(learned.network, learned.corpus.split(name)).loss_nats


def evaluations(learned, split):
    """What the log says of a split."""
    return [event for event in learned.events if isinstance(event, EvaluationDone) and event.split == split]


def test_the_last_batch_over_the_number_of_batches():
    """exp(0.2065 / 173) reads 1.00; the mean over all tokens of that log is 1.23."""
    losses = [0.2065] * 173
    faulty = math.exp(losses[-1] / len(losses))
    reducer = LossReducer()
    for loss in losses:
        reducer.add(loss, 6400)
    assert f"{faulty:.2f}" == "1.00" and f"{perplexity(reducer.loss_nats):.2f}" == "1.23"


def test_a_mean_of_exponentials():
    """Perplexity is exp of the mean, not the mean of exps, which one bad batch dominates."""
    losses = [1.0, 1.0, 5.0]
    reducer = LossReducer()
    for loss in losses:
        reducer.add(loss, 100)
    assert (
        perplexity(reducer.loss_nats) == pytest.approx(math.exp(7 / 3)) != pytest.approx(sum(map(math.exp, losses)) / 3)
    )


def test_a_test_loss_of_the_training_text(learned):
    """The name of a figure comes with the data: train ids cannot be reported as a test, and would look better."""
    (test,) = evaluations(learned, "test")
    faulty = evaluation.measure(learned.network, learned.corpus.split("train"))
    assert faulty.split == "train" and faulty.score.loss_nats < test.loss_nats - 0.05
    assert test.loss_nats == pytest.approx(scored(learned, "test"), abs=1e-6)
    train, held = learned.corpus.split("train"), learned.corpus.split("test")
    assert train.digest != held.digest


def test_a_training_loss_while_the_weights_were_moving(learned):
    """The running loss of an interval is not that of the weights at its end: those score the same text again."""
    frozen = [event.loss_nats for event in evaluations(learned, "train")]
    running = learned.run.progress().train.values
    assert len(frozen) == 4 and abs(running[10] - frozen[1]) > 0.02
    again = evaluation.score(learned.network, learned.corpus.split("train").beginning(1000)).loss_nats
    best = min(evaluations(learned, "validation"), key=lambda event: event.loss_nats)
    assert frozen[[e.step for e in evaluations(learned, "validation")].index(best.step)] == pytest.approx(
        again, abs=1e-5
    )


def test_random_windows_from_a_cold_state(learned):
    """Crops that begin from zero score another, higher loss than the stream with its state carried."""
    split = learned.corpus.split("validation")
    starts = np.random.default_rng(1).integers(len(split.ids) - 9, size=40)
    with torch.inference_mode():
        logits, _ = learned.network(
            torch.from_numpy(np.stack([split.ids[s : s + 8] for s in starts], 1).astype(np.int64)),
            learned.network.initial_state(40),
        )
        targets = torch.from_numpy(np.stack([split.ids[s + 1 : s + 9] for s in starts], 1).astype(np.int64))
        faulty = float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))
    assert faulty > scored(learned, "validation") + 0.05


@pytest.mark.parametrize("lanes", [4, 64])
def test_lanes_agree_with_one_pass(learned, lanes):
    """However many lanes score side by side, the figure is that of one pass within 0.1 %, and nothing is left out."""
    split = learned.corpus.split("train")
    one = evaluation.score(learned.network, split, lanes=1)
    many = evaluation.score(learned.network, split, lanes=lanes)
    assert many.loss_nats == pytest.approx(one.loss_nats, rel=1e-3)
    assert one.coverage == many.coverage == 1.0 and many.tokens_scored == len(split.ids) - 1


def test_a_vocabulary_of_the_whole_text(learned):
    """Characters that only the held-out text has are unknown, counted, and charged for in bits per character."""
    held = learned.corpus.split("test")
    text = (learned.home.root / "corpora" / "small.txt").read_text()
    assert "z" in text and "z" not in learned.corpus.vocabulary.tokens
    (test,) = evaluations(learned, "test")
    assert test.unknown_tokens == held.unknown_tokens > 0 and test.score.out_of_vocabulary_rate > 0
    free = test.loss_nats * test.tokens_scored / (math.log(2) * test.characters)
    assert test.score.bits_per_character > free + 0.1


def test_characters_and_words_in_one_column(learned):
    """Perplexities of a text cut in two ways differ by powers; its bits per character are one figure."""
    nats, characters = 1000.0, 800
    by_character, by_word = perplexity(nats / 800), perplexity(nats / 160)
    assert by_word > by_character**4.9
    bits = nats / (math.log(2) * characters)
    from rnnbench.metrics import Score

    for tokens in (800, 160):
        score = Score(nats / tokens, tokens, tokens + 1, characters, characters)
        assert score.bits_per_character == pytest.approx(bits)


def test_a_score_again_is_the_same_score(learned):
    """Evaluating a finished run later gives the figure of its log."""
    found = Scorer(learned.run, learned.home, "best", lambda *_: None, lambda: None).split("test")
    (test,) = evaluations(learned, "test")
    assert found.result.score.loss_nats == pytest.approx(test.loss_nats, abs=1e-6) and found.result.split == "test"
