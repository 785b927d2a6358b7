"""Surprisal: the numbers of the score, token by token, with ranks and alternatives."""

import math

import numpy as np
import pytest
import torch

from rnnbench.engine import evaluation, surprisal
from rnnbench.text.corpora import Split
from rnnbench.text.cutting import CutText
from rnnbench.text.tokenizers import TokenizerFacts
from rnnbench.text.vocabulary import Vocabulary


def words(*reserved, letters="abcdefgh"):
    """A vocabulary of single letters."""
    return Vocabulary(("<unk>", *reserved, *letters), 1 + len(reserved), TokenizerFacts("character"), "")


def stream(count, vocabulary=11):
    """Random ids."""
    return torch.randint(vocabulary, (count,), generator=torch.Generator().manual_seed(3)).numpy()


@pytest.mark.parametrize("cell", ["lstm", "elman", "min_gru"])
@pytest.mark.parametrize(("tokens", "lanes"), [(300, None), (2500, None), (900, 3)])
def test_surprisals_add_up_to_the_score(make_network, cell, tokens, lanes):
    """All but the first sum up to what `evaluation.score` finds, in one lane and in several."""
    network, ids = make_network(cell=cell), stream(tokens)
    found = surprisal.surprisals(network, ids, lanes=lanes)
    split = Split("validation", ids, "", tokens, tokens, 0, 0.0)
    score = evaluation.score(network, split, lanes=lanes or evaluation._choose_lanes(tokens - 1))
    assert found.nats_N[1:].mean() == pytest.approx(score.loss_nats, abs=1e-6)
    assert len(found.nats_N) == tokens and found.first_given == "the first state"


def test_every_figure_is_that_of_a_slow_reference(make_network):
    """Surprisal, rank and alternatives, one token after the other and straight from the definition."""
    network, ids = make_network(layers=2), stream(60)
    found = surprisal.surprisals(network, ids, top=3)
    state = network.initial_state(1)
    with torch.no_grad():
        logits = network.output(state[0, -1])[0]
        for place, token in enumerate(ids.tolist()):
            chances = logits.double().softmax(-1)
            order = sorted(range(11), key=lambda k: -float(chances[k]))
            assert found.nats_N[place] == pytest.approx(-math.log(chances[token]), abs=1e-6)
            assert found.ranks_N[place] == order.index(token) + 1
            assert found.best_NK[place].tolist() == order[:3]
            assert np.exp(-found.best_nats_NK[place]) == pytest.approx([float(chances[k]) for k in order[:3]], abs=1e-6)
            after, state = network(torch.tensor([[token]]), state)
            logits = after[0, 0]
    worst = found.most_surprising(4)
    assert [found.nats_N[place] for place in worst] == sorted(found.nats_N, reverse=True)[:4]


def test_equals_share_the_better_rank(make_network):
    """An output that does not tell tokens apart ranks every token first, at log V nats."""
    network = make_network()
    with torch.no_grad():
        network.output.weight.zero_()
        network.output.bias.zero_()
    found = surprisal.surprisals(network, stream(9))
    assert set(found.ranks_N.tolist()) == {1} and found.nats_N == pytest.approx(math.log(11))


def test_a_reserved_beginning_is_what_the_first_token_is_predicted_from(make_network):
    """<bos> is read before the first token, and changes no other figure; the answer says so."""
    network, vocabulary = make_network(vocabulary=10), words("<bos>")
    begin = surprisal.begin_id(vocabulary)
    assert begin == 1 and surprisal.begin_id(words()) is None
    ids = stream(20, 10)
    plain, begun = surprisal.surprisals(network, ids), surprisal.surprisals(network, ids, begin=begin)
    with torch.no_grad():
        logits, _ = network(torch.tensor([[begin]]), network.initial_state(1))
    assert begun.first_given == "<bos>"
    assert begun.nats_N[0] == pytest.approx(-float(logits[0, 0].log_softmax(-1)[ids[0]]), abs=1e-6) != plain.nats_N[0]
    assert begun.nats_N[1:].tolist() == plain.nats_N[1:].tolist()


def test_the_score_of_a_text_counts_every_token(make_network):
    """Perplexity over N of N tokens; bits per character are withheld where a token is unknown."""
    network, vocabulary = make_network(vocabulary=9), words()
    cut = CutText.of(vocabulary, "abcdefgh")
    found = surprisal.surprisals(network, cut.ids_N)
    score = found.score(cut)
    assert score.coverage == 1 and score.perplexity == pytest.approx(math.exp(found.total_nats / 8))
    assert score.bits_per_character == pytest.approx(found.total_nats / 8 / math.log(2))
    unknown = CutText.of(vocabulary, "abz")
    assert surprisal.surprisals(network, unknown.ids_N).score(unknown).bits_per_character is None


def test_texts_are_compared_by_their_probability(make_network):
    """In the order given, each with its own total and its share for each character."""
    network, vocabulary = make_network(vocabulary=9), words()
    texts = ["abc", "cba", "abcabc", "z"]
    found = surprisal.compare(network, vocabulary, texts)
    alone = [surprisal.surprisals(network, CutText.of(vocabulary, text).ids_N).total_nats for text in texts]
    assert [each.nats for each in found] == alone and [each.unknown for each in found] == [0, 0, 0, 1]
    assert found[2].nats_per_character == pytest.approx(alone[2] / 6)


def test_the_next_token_is_what_the_next_surprisal_says(make_network):
    """After each prefix the probabilities are those of the surprisals there, and the entropy is their mean."""
    network, ids = make_network(), stream(12)
    found = surprisal.surprisals(network, ids, top=11)
    for place in (0, 1, 7):
        after = surprisal.next_tokens(network, ids[:place].tolist(), top=11)
        assert list(after.ids) == found.best_NK[place].tolist()
        assert after.probabilities == pytest.approx(np.exp(-found.best_nats_NK[place]).tolist(), abs=1e-6)
        chances = np.array(after.probabilities)
        assert after.entropy_nats == pytest.approx(-(chances * np.log(chances)).sum())
    assert len(surprisal.next_tokens(network, [1], top=3).ids) == 3


def test_no_more_is_kept_of_a_block_than_was_said(make_network, monkeypatch):
    """With a large vocabulary the blocks are short: logits of a long text never exist at the same time."""
    network, sizes = make_network(vocabulary=5000), []
    forward = type(network).forward
    monkeypatch.setattr(
        type(network), "forward", lambda self, ids, state: sizes.append(ids.numel()) or forward(self, ids, state)
    )
    surprisal.surprisals(network, stream(1000, 5000))
    assert sum(sizes) == 999 and max(sizes) * 5000 * 4 <= 1 << 21
