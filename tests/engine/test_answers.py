"""Figures of free-running answers, counted by hand; and whose answers they are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rnnbench.config import CorpusConfig, ModelConfig, TextConfig
from rnnbench.engine.answers import Answered, answer_split, evenly, figures, longest_answer
from rnnbench.engine.decoding import DecodeChoices, answer
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.text.pair_corpus import EncodedPairs, encode_pairs


def characters(source: str, answer: str, *references: str) -> Answered:
    """An answer in characters."""
    return Answered(source, references, answer, len(source), len(answer))


@pytest.fixture
def make_pairs(tmp_path: Path) -> Callable[..., EncodedPairs]:
    """Two answers to each of forty lines."""

    def make(**text: object) -> EncodedPairs:
        lines = [
            f"{number:06b}".replace("0", "a").replace("1", "b")[: 4 + number % 3] + f"{number}" for number in range(40)
        ]
        path = tmp_path / "pairs.tsv"
        path.write_text("".join(f"{line}\t{line[::-1]}\n{line}\t{line}{line}\n" for line in lines))
        return encode_pairs(path, CorpusConfig(file="x", validation_fraction=0.3), TextConfig(**text))

    return make


@pytest.fixture
def make_network() -> Callable[[EncodedPairs], EncoderDecoder]:
    """A small network of random weights, its output sharp enough to say something."""

    def make(pairs: EncodedPairs) -> EncoderDecoder:
        model = ModelConfig(task="seq2seq", cell="gru", hidden=12, embedding=8, attention="dot", dropout=0.5)
        network = EncoderDecoder(model, len(pairs.read_vocabulary), len(pairs.vocabulary))
        with torch.no_grad():
            network.output.weight.mul_(8)
        return network

    return make


def test_form_is_counted_by_position():
    """Shares of answers, and of the positions that both lines have."""
    found = figures([
        characters("春雨催笋", "暖风醒藤", "暖风醒藤"),
        characters("春雨催笋", "春风", "秋月照人"),
        characters("春雨", "", "秋月"),
    ])  # fmt: skip
    assert found["exact_match"] == pytest.approx(1 / 3)
    assert found["length_match"] == pytest.approx(1 / 3)
    assert found["position_repeat"] == pytest.approx(1 / 6)


def test_any_reference_is_a_right_answer():
    """Several answers are right; being one of them is a full score."""
    both = ("courez !", "cours vite maintenant !")
    answers = [characters("run !", text, *both) for text in both] + [
        characters("go .", "va vite , mon ami .", "va vite , mon ami .")
    ]
    found = figures(answers)
    assert found["exact_match"] == 1 and found["bleu"] == pytest.approx(100) and found["chrf"] == pytest.approx(100)
    wrong = figures([replace(one, references=one.references[-1:]) for one in answers])
    assert wrong["exact_match"] == pytest.approx(2 / 3) and wrong["bleu"] < 100 and wrong["chrf"] < 100


def test_bleu_is_the_product_of_precisions_and_brevity():
    """4 of 5 words right in order: (4/5 3/4 2/3 1/2)^(1/4) without a penalty, as Papineni et al. define it."""
    found = figures([characters("x", "a b c d z", "a b c d e")])
    assert found["bleu"] == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_chinese_is_counted_by_characters():
    """A line without blanks is no single word."""
    found = figures([characters("x", "山高水长天地宽", "山高水长天地久")])
    assert found["bleu"] == pytest.approx(100 * (6 / 7 * 5 / 6 * 4 / 5 * 3 / 4) ** 0.25)


def test_nothing_is_said_aloud(capsys):
    """Full stops make sacrebleu warn about its own tokens; here it stays silent."""
    figures([characters("x", "a b c .", "a b c .")] * 200)
    assert capsys.readouterr() == ("", "")


def test_no_answer_at_all_is_zero():
    """An untrained network may say nothing."""
    assert set(figures([characters("ab", "", "cd")]).values()) == {0.0}


def test_source_lines_are_taken_evenly(make_pairs):
    """Each line once, however many answers it has; few of them lie far apart, the first among them."""
    split = make_pairs().split("validation")
    whole = evenly(split, 1000)
    assert len({split.pairs[place].source for place in whole}) == len(whole) == 12
    assert evenly(split, 4).tolist() == whole[::3].tolist()


@pytest.mark.parametrize("tokenizer", ["character", "word"])
def test_answers_are_the_networks_own(make_pairs, make_network, tokenizer):
    """The same as asking line by line, with all the references of each; dropout does not act and nothing is drawn."""
    pairs = make_pairs(tokenizer=tokenizer, vocabulary_from="all")
    network = make_network(pairs).train()
    before, looks = torch.get_rng_state(), []
    longest = longest_answer(pairs.split("train"))
    found = answer_split(network, pairs.vocabulary, pairs.split("validation"), 7, longest, lambda: looks.append(1))
    assert network.training and torch.equal(before, torch.get_rng_state()) and looks
    assert len(found) == 7 and any(one.answer for one in found)
    for one in found:
        choices = DecodeChoices(longest=longest)
        (alone,) = answer(network, pairs.read_vocabulary, pairs.vocabulary, one.source, choices)
        assert (one.answer, one.answer_tokens) == (alone.text.strip(), alone.tokens)
        assert set(one.references) == {one.source[::-1], one.source * 2}
        assert one.source_tokens == len(pairs.read_vocabulary.encode(one.source))
