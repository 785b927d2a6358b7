"""Scoring: every token but the first, exactly once, and the same figure however it is cut."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from rnnbench.engine import evaluation, optimization
from rnnbench.engine.batches import make_batches
from rnnbench.engine.evaluation import WARM_UP, measure, score
from rnnbench.errors import Stopped
from rnnbench.metrics import Score


def as_split(ids):
    """A split of these ids; what its text weighs does not matter here."""
    return SimpleNamespace(
        name="validation", ids=np.asarray(ids), characters=len(ids), bytes=len(ids), unknown_tokens=0, spelling_nats=0
    )


class Counting:
    """Stands for a network on a stream where token i is followed by token i + 1.

    Predicting i + 1 after i costs `costs[i]`, anything else 20 nats more, so the total tells which were scored.
    """

    def __init__(self, costs):
        self.vocabulary = len(costs) + 1
        self.costs = costs
        self.read = []

    def eval(self):
        return self

    def initial_state(self, lanes):
        return torch.full((1, 1, lanes, 1), -1.0)

    def __call__(self, ids, state):
        """The state is the last token read: each lane must go on where it was."""
        self.read.append((ids.clone(), state.clone()))
        after = torch.clamp(ids + 1, max=self.vocabulary - 1).flatten()
        stay = torch.exp(-self.costs[ids.clamp(max=len(self.costs) - 1).flatten()])
        logits = torch.full((ids.numel(), self.vocabulary), 1.0) * ((1 - stay) / (self.vocabulary - 1)).log()[:, None]
        logits[torch.arange(ids.numel()), after] = stay.log()
        return logits.view(*ids.shape, -1), ids[-1].float().view(1, 1, -1, 1)


@pytest.mark.parametrize("lanes", [None, 1, 2, 3, 7, 64])
@pytest.mark.parametrize("tokens", [2, 3, 64, 65, 66, 257, 258, 700])
def test_every_token_is_scored_exactly_once(tokens, lanes):
    """N - 1 of N tokens, each from the token before it, whatever the number of lanes."""
    costs = 0.01 + torch.rand(tokens - 1, dtype=torch.float64)
    found = score(Counting(costs), as_split(np.arange(tokens)), lanes=lanes)
    assert (found.tokens_scored, found.tokens_total, found.coverage) == (tokens - 1, tokens, 1.0)
    assert found.loss_nats * found.tokens_scored == pytest.approx(float(costs.sum()), rel=1e-5)


@pytest.mark.parametrize("lanes", [2, 5])
def test_lanes_are_warmed_up_and_then_carry_their_state(lanes):
    """Lane 0 starts from the first state at the first token, the others read what lies before them, and no state is lost."""
    network = Counting(0.01 + torch.rand(3000 - 1))
    score(network, as_split(np.arange(3000)), lanes=lanes)
    width = -(-2999 // lanes)
    first_ids, _ = network.read[0]
    assert first_ids[0, 1:].tolist() == [lane * width - WARM_UP for lane in range(1, lanes)]
    last = [None] * lanes
    for ids, state in network.read:
        for lane in range(lanes):
            remembered = float(state[0, 0, lane, 0])
            if lane == 0 and int(ids[0, 0]) == 0:
                assert remembered == -1.0, "lane 0 has nothing before it"
            elif last[lane] is not None:
                assert remembered == last[lane]
            last[lane] = float(ids[-1, lane])


@pytest.fixture(scope="module")
def trained(make_network, make_training, make_text):
    """A network trained for a moment, and text it has not seen."""
    torch.manual_seed(3)
    text = make_text(20_000)
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    network = make_network(len(letters), cell="gru", hidden=32, embedding=16)
    training = make_training(batch_size=8, steps_per_sequence=32, learning_rate=0.01, optimizer="adam")
    batches, optimizer = (
        make_batches(ids[:14_000], training),
        optimization.make_optimizer(network.parameters(), training),
    )
    state = network.initial_state(8)
    for step in range(120):
        batch = batches.batch(step)
        loss, state = network.loss(batch.ids_TB, batch.targets_TB, state.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network, ids[14_000:]


def one_by_one(network, ids):
    """The plain way: one token at a time, the state carried, in double precision."""
    double = type(network)(network.config, network.vocabulary).double()
    double.load_state_dict(network.state_dict())
    double.eval()
    state, total = double.initial_state(1), 0.0
    with torch.inference_mode():
        for before, after in zip(ids, ids[1:], strict=False):
            logits, state = double(torch.tensor([[int(before)]]), state)
            total += float(functional.cross_entropy(logits[0], torch.tensor([int(after)])))
    return total / (len(ids) - 1)


def test_the_figure_is_that_of_the_plain_loop(trained):
    """A single pass agrees with feeding one token at a time."""
    network, ids = trained
    found = score(network, as_split(ids[:1500]), lanes=1)
    assert found.loss_nats == pytest.approx(one_by_one(network, ids[:1500]), abs=1e-5)
    assert found.loss_nats < 2.5, "the network has learnt something"


@pytest.mark.parametrize("lanes", [1, 4])
def test_the_accuracy_is_the_share_of_right_guesses(trained, lanes):
    """A token counts as right when nothing was more probable; the score beside it is that of `score`."""
    network, ids = trained
    found = measure(network, as_split(ids[:1500]), lanes=lanes)
    with torch.inference_mode():
        logits, _ = network(torch.as_tensor(ids[:1499]).unsqueeze(1), network.initial_state(1))
    right = logits[:, 0].argmax(1).numpy() == ids[1:1500]
    assert set(found.figures) == {"accuracy_at_1"}
    assert found.figures["accuracy_at_1"] == pytest.approx(right.mean(), abs=2e-3 if lanes > 1 else 1e-9)
    assert 0.3 < right.mean() < 1, "the network has learnt something"
    assert found.score == score(network, as_split(ids[:1500]), lanes=lanes)


def test_many_lanes_agree_with_one(trained):
    """Scoring 64 lanes side by side moves the perplexity by less than a thousandth."""
    network, ids = trained
    alone = score(network, as_split(ids), lanes=1)
    for lanes in (2, 64):
        together = score(network, as_split(ids), lanes=lanes)
        assert together.perplexity == pytest.approx(alone.perplexity, rel=1e-3)
        assert together.tokens_scored == alone.tokens_scored == len(ids) - 1


def test_cold_lanes_would_not_agree(trained, monkeypatch):
    """The warm-up is what makes lanes agree: without it the figure is visibly another."""
    network, ids = trained
    alone = score(network, as_split(ids), lanes=1)
    monkeypatch.setattr(evaluation, "WARM_UP", 0)
    cold = score(network, as_split(ids), lanes=64)
    assert abs(cold.perplexity / alone.perplexity - 1) > 1e-3


def test_the_size_of_a_block_does_not_matter(trained, monkeypatch):
    """Blocks of logits are cut to a budget of memory; the figure stays."""
    network, ids = trained
    whole = score(network, as_split(ids[:3000]), lanes=4)
    for budget in (1, 7 * 4 * network.vocabulary):
        monkeypatch.setattr(evaluation, "_LOGIT_BUDGET", budget)
        assert score(network, as_split(ids[:3000]), lanes=4).loss_nats == pytest.approx(whole.loss_nats, abs=1e-6)


def test_scoring_changes_nothing(trained):
    """Weights, gradients and random numbers are as before; the same score comes twice."""
    network, ids = trained
    network.zero_grad()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    first, second = (score(network, as_split(ids[:900])) for _ in range(2))
    assert first == second
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_dropout_is_off_while_scoring(make_network, numbered):
    """A network that is being trained is scored as it will be used."""
    network = make_network(100, dropout=0.5).train()
    assert len({score(network, as_split(numbered(100))).loss_nats for _ in range(3)}) == 1


def test_the_split_is_passed_on(encoded, tiny, make_network):
    """Characters, bytes and unknown tokens of the score are those of the split's text."""
    corpus = encoded(tiny(text={"minimum_frequency": 5}))
    split = replace(corpus.split("validation"), spelling_nats=12.5)
    found = score(make_network(len(corpus.vocabulary)), split)
    assert isinstance(found, Score)
    assert (found.characters, found.bytes, found.tokens_total) == (split.characters, split.bytes, len(split))
    assert (found.unknown_tokens, found.spelling_nats) == (split.unknown_tokens, 12.5)
    assert found.unknown_tokens > 0


def test_scoring_can_be_left(trained):
    """The check is asked at every block, and what it raises ends the work."""
    network, ids = trained
    looks = []

    def check():
        looks.append(None)
        if len(looks) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        score(network, as_split(ids), lanes=1, check=check)
    assert len(looks) == 3
