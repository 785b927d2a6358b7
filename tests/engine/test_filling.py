"""Filling blanks: the best tokens from both sides, with probabilities that are what they are said to be."""

import itertools

import pytest
import torch

from rnnbench.config import ModelConfig
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.filling import MOST_BLANKS, Filling, fill, find_gaps
from rnnbench.errors import UsageError
from rnnbench.text.tokenizers import TokenizerFacts
from rnnbench.text.vocabulary import Vocabulary

LETTERS = Vocabulary(("<unk>", "<pad>", *"abcdef 我有剑"), 2, TokenizerFacts("character"), "c")
WORDS = Vocabulary(("<unk>", *["a", "red", "horse", " ", "runs", "."]), 1, TokenizerFacts("word", "re", "1"), "c")
BYTES = Vocabulary(("<unk>", *map(chr, range(256))), 1, TokenizerFacts("byte"), "c")


def make(vocabulary, **values):
    """A small network whose guesses differ much from token to token."""
    torch.manual_seed(5)
    model = ModelConfig(**{"task": "cloze", "cell": "gru", "hidden": 7, "embedding": 5, **values})
    network = ClozeModel(model, len(vocabulary)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    return network


def chances(network, ids, position, specials):
    """p of every token that stands for text at one position of a text, in double precision, by a whole pass."""
    with torch.inference_mode():
        logits = network(torch.tensor(ids).unsqueeze(1))[position, 0].double()
    return logits[specials:].softmax(0).tolist()


def test_one_blank_gets_the_softmax_of_the_network():
    """The probabilities are those of the output over the tokens that stand for text, best first, and sum to 1."""
    network, known = make(LETTERS), len(LETTERS) - LETTERS.specials
    found = fill(network, LETTERS, "abc_我e", count=100)
    expected = chances(network, [*LETTERS.encode("abc"), 0, *LETTERS.encode("我e")], 3, LETTERS.specials)
    by_piece = {filling.pieces[0]: filling.probability for filling in found}
    assert len(found) == known
    assert [by_piece[token] for token in LETTERS.tokens[LETTERS.specials :]] == pytest.approx(expected, rel=1e-4)
    assert list(by_piece.values()) == sorted(by_piece.values(), reverse=True)
    assert sum(by_piece.values()) == pytest.approx(1)
    assert all(filling.text == f"abc{filling.pieces[0]}我e" for filling in found)


@pytest.mark.parametrize("text", ["__", "a_b_c", "_ab__", "我有__剑"])
def test_several_blanks_get_the_product_of_the_chain(text):
    """Each token given those before it, the blanks still empty read as <unk>; over all fillings it sums to 1."""
    network, specials = make(LETTERS), LETTERS.specials
    blanks = text.count("_")
    gaps = find_gaps(LETTERS, text)
    expected = {}
    for chosen in itertools.product(range(specials, len(LETTERS)), repeat=blanks):
        ids, p = list(gaps.ids), 1.0
        for position, token in zip(gaps.blanks, chosen, strict=True):
            p *= chain_step(network, tuple(ids), position)[token - specials]
            ids[position] = token
        expected[tuple(LETTERS.tokens[token] for token in chosen)] = p
    assert sum(expected.values()) == pytest.approx(1)
    found = fill(network, LETTERS, text, count=20)
    best = sorted(expected.items(), key=lambda item: -item[1])[:20]
    assert [filling.pieces for filling in found] == [pieces for pieces, _ in best]
    assert [filling.probability for filling in found] == pytest.approx([p for _, p in best], rel=1e-4)


_STEPS: dict[tuple[tuple[int, ...], int], list[float]] = {}


def chain_step(network, ids, position):
    """`chances`, remembered: the network is always the same."""
    if (ids, position) not in _STEPS:
        _STEPS[ids, position] = chances(network, list(ids), position, LETTERS.specials)
    return _STEPS[ids, position]


def test_a_special_token_never_fills_a_blank():
    """Not even when the network finds nothing as probable as <unk> and <pad>."""
    network = make(LETTERS)
    with torch.no_grad():
        network.output.bias[: LETTERS.specials] = 100.0
    found = fill(network, LETTERS, "a_c_", count=200)
    assert len(found) == 100
    assert not {"<unk>", "<pad>"} & {piece for filling in found for piece in filling.pieces}
    assert sum(filling.probability for filling in found) == pytest.approx(1)


def test_both_sides_are_read():
    """Another text on the left, and another on the right, changes the guess."""
    network = make(LETTERS)
    guesses = [fill(network, LETTERS, text)[0].probability for text in ("ab_cd", "aa_cd", "ab_dd")]
    assert len(set(guesses)) == 3


def test_what_the_vocabulary_does_not_hold_is_read_as_unknown_and_kept_as_written():
    """Two unknown characters give the same guess; the text shows each as it was."""
    network = make(LETTERS)
    first, second = (fill(network, LETTERS, text, count=1)[0] for text in ("aé_b", "a鳥_b"))
    assert first.pieces == second.pieces and first.probability == second.probability
    assert (first.text, second.text) == (f"aé{first.pieces[0]}b", f"a鳥{first.pieces[0]}b")


@pytest.mark.parametrize("text", ["no blank", ""])
def test_a_text_without_a_blank_is_refused_with_a_hint(text):
    """The message shows the text, harmless, and how a blank is written."""
    with pytest.raises(UsageError, match="no blank.*write _ for each missing token"):
        fill(make(LETTERS), LETTERS, text)
    with pytest.raises(UsageError) as caught:
        fill(make(LETTERS), LETTERS, "\x1b[2J a")
    assert "\x1b" not in str(caught.value)


def test_too_many_blanks_are_refused():
    """As many as are allowed are filled, one more is refused with both numbers."""
    found = fill(make(LETTERS), LETTERS, "_" * MOST_BLANKS, count=3)
    assert len(found) == 3 and all(len(filling.pieces) == MOST_BLANKS for filling in found)
    with pytest.raises(UsageError, match=f"has {MOST_BLANKS + 1} blanks.*at most {MOST_BLANKS}"):
        fill(make(LETTERS), LETTERS, "a" + "_" * (MOST_BLANKS + 1))


def test_another_mark_may_stand_for_a_blank():
    """Of any length; an underscore is then a character like others."""
    found = fill(make(LETTERS), LETTERS, "a_b[?]c", blank="[?]", count=1)
    assert found == [Filling(f"a_b{found[0].pieces[0]}c", found[0].pieces, found[0].probability)]


def test_words_are_cut_piece_by_piece():
    """A blank stands for one word; the words around it are those the vocabulary knows."""
    network = make(WORDS)
    assert find_gaps(WORDS, "a _ horse.").ids == (1, 4, 0, 4, 3, 6)
    found = fill(network, WORDS, "a _ horse.", count=100)
    assert {filling.text for filling in found} == {f"a {word} horse." for word in WORDS.tokens[1:]}


def test_bytes_of_neighbouring_blanks_join_to_a_character():
    """Two blanks can hold an é; what is no whole character is shown as U+FFFD."""
    found = fill(make(BYTES), BYTES, "caf__ noir", count=256 * 256)
    texts = [filling.text for filling in found]
    assert len(texts) == 256 * 256
    assert texts.count("café noir") == 1
    assert "caf\ufffd\ufffd noir" in texts


def test_of_a_long_text_only_the_neighbourhood_is_read():
    """Text further than 512 tokens from the blanks changes nothing, and a long text costs no more."""
    network, near = make(LETTERS), "abcdef" * 100
    lengths = []
    network.forwards.register_forward_pre_hook(lambda _, inputs: lengths.append(len(inputs[0])))
    short, long = (fill(network, LETTERS, f"{far}{near}_{near}{far}", count=3) for far in ("", "f a" * 2000))
    assert [(f.pieces, f.probability) for f in short] == [(f.pieces, f.probability) for f in long]
    assert max(lengths) <= 512


def test_filling_draws_no_random_number_and_leaves_dropout_out():
    """The same answer twice, from a network in training mode too."""
    network = make(LETTERS, dropout=0.5, layers=2).train()
    before = torch.get_rng_state()
    assert fill(network, LETTERS, "a_b_") == fill(network, LETTERS, "a_b_")
    assert torch.equal(torch.get_rng_state(), before)
