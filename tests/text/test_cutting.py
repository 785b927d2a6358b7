"""A text beside its tokens: no character is lost, and values of characters find their token."""

import numpy as np
import pytest

from rnnbench.text import tokenizers, vocabulary
from rnnbench.text.cutting import CutText


def known(name, text):
    """The vocabulary of a text."""
    numbers = tokenizers.numberer(tokenizers.make(name))
    numbers.feed(text)
    numbers.finish()
    counts = np.ones(len(numbers.tokens), dtype=np.int64)
    return vocabulary.build(numbers.tokens, counts, tokenizer=numbers.tokenizer.facts, corpus_digest="").vocabulary


@pytest.mark.parametrize("name", ["character", "byte", "word", "whitespace"])
def test_the_pieces_are_the_text(name):
    """Joined they give the text back, and each token has the id the vocabulary gives it."""
    text = 'Émile said: "汉字 🙂!"\n\nAnd  left.'
    words = known(name, text)
    cut = CutText.of(words, text)
    assert "".join(cut.pieces) == text and len(cut.pieces) == len(cut)
    assert cut.ids_N.tolist() == words.encode(text) and cut.unknown == 0


def test_a_token_has_the_value_of_its_last_character():
    """A word that of its last letter; each byte of a character that of the character."""
    text = "ab é"
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert CutText.of(known("word", text), text).at_tokens(values).tolist() == [2, 3, 4]
    assert CutText.of(known("byte", text), text).at_tokens(values).tolist() == [1, 2, 3, 4, 4]


def test_unknown_tokens_are_counted():
    """What the vocabulary lacks is id 0, and a text that spells a special token is text."""
    words = known("character", "abc")
    cut = CutText.of(words, "axb<unk>")
    assert cut.ids_N.tolist() == [1, 0, 2, 0, 0, 0, 0, 0] and cut.unknown == 6


def test_the_surroundings_of_a_token():
    """Characters before and after it, fewer at the ends of the text."""
    text = "one two three"
    cut = CutText.of(known("word", text), text)
    assert cut.around(2, 3) == ("ne ", " th") and cut.around(0, 9) == ("", " two thre") and cut.around(4, 2)[1] == ""
