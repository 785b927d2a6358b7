"""Figures beside the loss: their names, their units, and which of them are no perplexity."""

import pytest

from rnnbench.metrics import Score
from rnnbench.runs.figures import bits_per_character, figure_text, figure_texts, long_perplexity_name, score_text

SCORE = Score(loss_nats=0.0, tokens_scored=10, tokens_total=10, characters=10, bytes=10, tokens_given=0)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy_at_1", 0.612, "accuracy at 1 61.2%"),
        ("bleu", 23.14, "BLEU 23.1"),
        ("length_match", 0.996, "length match 99.6%"),
        ("position_repeat", 0.0, "position repeat 0.0%"),
        ("new_thing\x1b[2J", 0.25, "new thing␛[2J 0.25"),
    ],
)
def test_a_figure_has_its_name_and_unit(name, value, text):
    """Shares in percent, BLEU and chrF as they are; one that a newer version measures is shown harmlessly."""
    assert figure_text(name, value) == text
    assert figure_texts({name: value}) == [text]


def test_each_task_names_what_it_measures():
    """A pseudo-perplexity is never called a perplexity, and has no bits; of pairs it is said what is counted."""
    assert [long_perplexity_name(task) for task in ("language_model", "cloze", "seq2seq")] == [
        "perplexity", "pseudo-perplexity", "perplexity per target token"]  # fmt: skip
    assert score_text(SCORE, "cloze") == "pseudo-perplexity 1.000  loss 0.0000 nats"
    assert score_text(SCORE, "seq2seq").endswith("0.000 bits/character")
    assert bits_per_character(SCORE, "cloze") is None and bits_per_character(SCORE, "seq2seq") == 0.0
