"""Beam search of a language model: the best of all continuations, by enumeration, and where they end."""

import itertools

import pytest
import torch

from rnnbench.engine.beams import BeamChoices, search
from rnnbench.engine.sampling import Decoding, generate
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.text.tokenizers import TokenizerFacts
from rnnbench.text.vocabulary import Vocabulary

LETTERS = "abcd\n"


@pytest.fixture
def speaker(make_network, encoded, tiny):
    """A decided network of five letters and two tokens that stand for no text, which it likes best."""
    facts = encoded(tiny()).vocabulary.tokenizer
    assert isinstance(facts, TokenizerFacts) and facts.name == "character"
    vocabulary = Vocabulary(("<unk>", "<pad>", *LETTERS), 2, facts, "")
    network = make_network(len(vocabulary), cell="lstm", layers=2, hidden=12)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 5
        network.output.bias[:2] += 2
    return network.eval(), vocabulary


def log_probability(speaker, prompt, text):
    """Of the text after the prompt, by reading both whole."""
    network, vocabulary = speaker
    ids = torch.tensor(vocabulary.encode(prompt + text)).unsqueeze(1)
    with torch.inference_mode():
        logs = network(ids[:-1], network.initial_state(1))[0].double().log_softmax(-1)
    return sum(float(logs[at, 0, ids[at + 1, 0]]) for at in range(len(prompt) - 1, len(ids) - 1))


def best(speaker, prompt="ab", **choices):
    """What the search finds after the prompt."""
    return search(*speaker, speaker[1].encode(prompt), BeamChoices(**choices))


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_wide_beam_finds_the_best_of_all(speaker, length):
    """As wide as there are continuations, the beam ranks all of them as their enumeration does."""
    every = {"".join(letters): 0.0 for letters in itertools.product(LETTERS, repeat=length)}
    every = {text: log_probability(speaker, "ab", text) for text in every}
    found = best(speaker, beam=len(every), length=length)
    assert {one.text for one in found} == set(every)
    expected = sorted(every.values(), reverse=True)
    assert [one.log_probability_nats for one in found] == pytest.approx(expected, abs=1e-4)
    assert all(one.log_probability_nats == pytest.approx(every[one.text], abs=1e-4) for one in found)


def test_a_beam_of_one_is_greedy(speaker):
    """The most probable token at each step, which is what --greedy writes."""
    (found,) = best(speaker, beam=1, length=30)
    greedy = list(generate(*speaker, "ab", Decoding(length=30, greedy=True)))
    assert found.text == "".join(token.text for token in greedy) and found.tokens == 30
    assert found.log_probability_nats == pytest.approx(sum(token.log_probability_nats for token in greedy), abs=1e-4)


def test_a_beam_is_never_worse_than_its_texts_and_keeps_them_apart(speaker):
    """Best first, all different, and each with the probability that reading it gives: states follow their texts."""
    found = best(speaker, beam=7, length=12)
    texts = [one.text for one in found]
    assert len(set(texts)) == 7 and [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        assert one.log_probability_nats == pytest.approx(log_probability(speaker, "ab", one.text), abs=1e-3)


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, 3.0])
def test_texts_that_end_early_are_ranked_by_the_stated_score(speaker, penalty):
    """log p / tokens ** penalty, among all texts that end before a line end or are cut: by enumeration."""
    scores = {}
    for length in (1, 2, 3):
        for letters in itertools.product(LETTERS, repeat=length):
            text = "".join(letters)
            if text.find("\n") in ((-1, length - 1) if length == 3 else (length - 1,)):
                scores[text] = log_probability(speaker, "ab", text) / length**penalty
    found = best(speaker, beam=len(scores), length=3, stop=("\n",), length_penalty=penalty)
    assert [one.score for one in found] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-4)
    top = max(scores, key=scores.get)
    assert (found[0].text, found[0].tokens) == (top.split("\n")[0], len(top))


def test_a_stop_text_of_several_tokens_ends_a_text(speaker):
    """It is looked for across tokens, and nothing of it is in the text."""
    for one in best(speaker, beam=40, length=6, stop=("cd", "aa")):
        assert "cd" not in one.text and "aa" not in one.text and (one.tokens == 6 or len(one.text) == one.tokens - 2)


def test_banned_tokens_are_never_chosen(speaker):
    """Neither those, nor what stands for no text; when nothing is left, that is an error."""
    assert all(set(one.text) <= set("cd") for one in best(speaker, beam=9, length=4, banned=("a", "b", "\n")))
    with pytest.raises(RnnbenchError, match="no continuation"):
        best(speaker, beam=3, length=2, banned=tuple(LETTERS))


def test_no_tokens_are_an_empty_text(speaker):
    """A length of 0 asks for nothing."""
    assert [(one.text, one.tokens) for one in best(speaker, beam=3, length=0)] == [("", 0)]


@pytest.mark.parametrize(
    "wrong", [{"beam": 0}, {"beam": 1001}, {"length_penalty": -1.0}, {"length_penalty": float("nan")}]
)
def test_senseless_choices_are_refused(wrong):
    """The message names the value."""
    with pytest.raises(UsageError, match=wrong.copy().popitem()[0].replace("_", " ")):
        BeamChoices(**{"beam": 2, "length": 3, **wrong})
