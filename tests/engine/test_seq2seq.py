"""The seq2seq task: what it is trained on, how it is scored, what it shows, and which leaks it refuses."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine import causality
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.optimization import make_optimizer
from rnnbench.engine.tasks import make_task
from rnnbench.engine.tasks.making import measure_baselines, read_text
from rnnbench.engine.tasks.seq2seq import Seq2SeqTask
from rnnbench.errors import RnnbenchError
from rnnbench.text.baselines import Baselines
from rnnbench.text.pair_corpus import EOS, EncodedPairs

Made = tuple[Seq2SeqTask, EncodedPairs, Baselines]
LETTERS = "abcdefgh"


def lines() -> list[str]:
    """160 lines of three to five letters, no two alike."""
    return list(
        dict.fromkeys(
            (LETTERS[i % 8] + LETTERS[i // 8 % 8] + LETTERS[(3 * i + i // 8) % 8] + "hg")[: 3 + i % 3]
            for i in range(160)
        )
    )


@pytest.fixture
def config(make_config: Callable[..., RunConfig]) -> Callable[..., RunConfig]:
    """A small seq2seq configuration; tables by name replace single values."""

    def make(**tables: dict) -> RunConfig:
        own = {
            "corpus": {"file": "pairs"},
            "model": {"task": "seq2seq", "cell": "gru", "hidden": 24, "embedding": 16, "attention": "dot"},
            "training": {"batch_size": 16, "learning_rate": 0.01, "max_steps": 30},
        }
        return make_config(**{name: own.get(name, {}) | tables.get(name, {}) for name in {*own, *tables}})

    return make


@pytest.fixture
def make(tmp_path: Path, config: Callable[..., RunConfig]) -> Callable[..., Made]:
    """The task on lines and what `answer` makes of each, with its text and baselines."""

    def build(answer: Callable[[str], str] = str.upper, **tables: dict) -> Made:
        path = tmp_path / "pairs.tsv"
        path.write_text("".join(f"{line}\t{answer(line)}\n" for line in lines()))
        chosen = config(**tables)
        text = read_text(path, chosen, tmp_path / "cache", lambda *_: None)
        baselines = measure_baselines(text, "validation", lambda: None)
        task = make_task(chosen, text, torch.device("cpu"))
        assert isinstance(task, Seq2SeqTask) and isinstance(text, EncodedPairs)
        return task, text, baselines

    return build


def train(task: Seq2SeqTask, config: RunConfig, steps: int) -> list[float]:
    """The losses of some steps."""
    optimizer, state, losses = make_optimizer(task.network.parameters(), config.training), task.initial_state(), []
    for step in range(steps):
        task.network.train()
        update = task.loss(step, state)
        optimizer.zero_grad()
        update.loss.backward()
        optimizer.step()
        losses.append(update.loss.item())
    return losses


def test_a_split_is_scored_by_hand(make):
    """Every target token and its <eos> once, given those before it; none is given for nothing."""
    task, text, baselines = make(model={"dropout": 0.4})
    split = text.split("validation")
    total = 0.0
    task.network.eval()
    for place in range(len(split)):
        ids = [*split.targets[place].tolist(), EOS]
        source = torch.tensor(split.sources[place].tolist()).unsqueeze(1)
        memory = task.network.encode(source)
        logits, _ = task.network.decode(torch.tensor([2, *ids[:-1]]).unsqueeze(1), memory, memory.state)
        total -= sum(logits[t, 0].log_softmax(0)[token].item() for t, token in enumerate(ids))
    task.network.train()
    score = task.score("validation", lambda: None).score
    assert score.loss_nats * score.tokens_scored == pytest.approx(total, rel=1e-5)
    assert score.tokens_scored == score.tokens_total == task.tokens_in("validation") == split.target_tokens
    assert (score.coverage, score.tokens_given, score.characters) == (1.0, 0, split.target_tokens)
    assert baselines.tokens_scored == score.tokens_scored, "baselines stand beside it, over the same tokens"


def test_the_loss_of_a_step_covers_its_targets(make):
    """A pure function of the step; nothing is carried, and an epoch's batches hold every training token."""
    task, text, _ = make(training={"batch_size": 7})
    state = task.initial_state()
    assert state.numel() == 0
    updates = [task.loss(step, state) for step in range(task.steps_per_epoch)]
    assert sum(update.tokens for update in updates) == text.split("train").target_tokens
    assert task.tokens_per_step == round(text.split("train").target_tokens / task.steps_per_epoch)
    assert task.loss(2, state).loss.item() == updates[2].loss.item() and updates[2].state is state


@pytest.mark.parametrize("attention", ["dot", "additive", "none"])
def test_it_learns(make, config, attention):
    """Answers in capitals: below the unigram within 40 steps, with any attention and without."""
    tables = {"model": {"attention": attention, "bidirectional": attention == "additive"}}
    task, _, baselines = make(**tables)
    losses = train(task, config(**tables), 40)
    score = task.score("validation", lambda: None).score
    assert losses[0] > 0.9 * baselines.uniform.loss_nats
    assert score.loss_nats < 0.8 * baselines.unigram.loss_nats


def test_figures_tell_of_answers_that_run_freely(make, config):
    """A copying model that was trained enough copies lines it has never seen, and every figure says so."""
    tables = {"text": {"shared_vocabulary": True}}
    task, text, _ = make(lambda line: line, **tables)
    untrained = task.score("validation", lambda: None).figures
    assert text.source_vocabulary is None and task.network.shared
    train(task, config(**tables), 250)
    learned = task.score("validation", lambda: None).figures
    assert set(learned) == {"bleu", "chrf", "exact_match", "length_match", "position_repeat"}
    assert untrained["exact_match"] < 0.2
    assert min(learned["exact_match"], learned["length_match"], learned["position_repeat"]) > 0.8
    assert learned["chrf"] > 80 and all(math.isfinite(value) for value in [*untrained.values(), *learned.values()])


def test_a_scoring_can_be_stopped(make):
    """The check is called on the way, also while answers are made."""
    task, _, _ = make()
    looks = []
    task.score("validation", lambda: looks.append(1))
    assert len(looks) >= 6, "three source lengths are scored and answered"


def test_samples_answer_lines(make):
    """The first lines of the validation split, or the prompts of the configuration as the network reads them."""
    task, text, _ = make()
    found = list(task.samples())
    assert [prompt for prompt, _ in found] == [pair.source for pair in text.split("validation").pairs[:4]]
    assert found == list(task.samples())
    task, _, _ = make(text={"lower_case": True}, evaluation={"sample_prompts": [" AbC ", "  ", "zzz"]})
    assert [prompt for prompt, _ in task.samples()] == ["abc", "zzz"]


class PeekingDecoder(EncoderDecoder):
    """Its decoder reads backwards: it has seen the answer before it gives it."""

    def read(self, inputs_TB, memory, state_SLBH):
        y_TBH, state_SLBH = super().read(inputs_TB.flip(0), memory, state_SLBH)
        return y_TBH.flip(0), state_SLBH


class AveragingDecoder(EncoderDecoder):
    """A little of the mean over the whole answer reaches every position."""

    def read(self, inputs_TB, memory, state_SLBH):
        y_TBH, state_SLBH = super().read(inputs_TB, memory, state_SLBH)
        return y_TBH + 1e-3 * y_TBH.mean(0), state_SLBH


@pytest.mark.parametrize("attention", ["dot", "additive", "none"])
@pytest.mark.parametrize("cell", ["gru", "lstm", "min_gru"])
def test_the_guard_lets_honest_networks_pass(make, cell, attention):
    """Whatever the cell and the attention; dropout is off while it looks, and on again afterwards."""
    task, _, _ = make(model={"cell": cell, "attention": attention, "bidirectional": True, "dropout": 0.5})
    before = torch.get_rng_state()
    task.guard()
    assert task.network.training and torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("leak", [PeekingDecoder, AveragingDecoder])
def test_the_guard_refuses_a_decoder_that_reads_ahead(make, leak):
    """Before step 1, with the positions."""
    task, text, _ = make()
    task.network = leak(task.network.config, len(text.read_vocabulary), len(text.vocabulary))
    with pytest.raises(RnnbenchError, match="sees what it should predict: at positions 0, 1"):
        task.guard()


def test_the_guard_refuses_targets_that_are_read_as_inputs(make, monkeypatch):
    """Inputs that are not one step late hand every answer over: the most common mistake in such code."""
    task, _, _ = make()

    def unshifted(targets_TB: Tensor) -> Tensor:
        return targets_TB

    with pytest.raises(RnnbenchError, match="positions 0, 1, 2"):
        causality.guard_answers(task.network, unshifted)


def test_a_run_trains_resumes_and_is_tested(trainings, config):
    """From text to the test's figures, stopped and continued on the way: the same weights and answers bit by bit."""
    path = trainings.workspace.root / "corpora" / "pairs.tsv"
    path.write_text("".join(f"{line}\t{line[::-1]}\n" for line in lines()))
    chosen = config(corpus={"file": str(path)}, training={"max_steps": 12}, evaluation={"every_steps": 5})
    whole = trainings.whole("whole", chosen).progress()
    run, stops = trainings.in_pieces("pieces", chosen, looks=30)
    pieces = run.progress()
    assert stops > 0
    for progress in (whole, pieces):
        assert [e.split for e in progress.evaluations] == [
            "validation",
            "validation",
            "validation",
            "validation",
            "test",
        ]
        assert all(set(e.figures) >= {"bleu", "chrf"} and e.tokens_given == 0 for e in progress.evaluations)
    one, other = ([(e.step, e.loss_nats, e.figures) for e in p.evaluations] for p in (whole, pieces))
    assert one == other
    assert [(s.step, s.prompt, s.text) for s in whole.samples] == [(s.step, s.prompt, s.text) for s in pieces.samples]
