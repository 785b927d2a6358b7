"""Tokens and ids: the order, what is unknown, and a digest that notices every change."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.errors import BadDataError
from rnnbench.text.tokenizers import TokenizerFacts
from rnnbench.text.vocabulary import Numbering, Vocabulary, build

CHARACTERS = TokenizerFacts("character")
SPACED = TokenizerFacts("whitespace", "re", "1")


def numbered(tokens: Sequence[str], facts: TokenizerFacts = CHARACTERS, **options: Any) -> Numbering:
    """The vocabulary of some tokens in a row."""
    counts = Counter(tokens)  # keeps the order of first appearance
    return build(
        list(counts), np.array(list(counts.values()), dtype=np.int64), tokenizer=facts, corpus_digest="c", **options
    )


def vocabulary(text: str, **options: Any) -> Vocabulary:
    """The vocabulary of a text's characters."""
    return numbered(list(text), **options).vocabulary


# -- order -------------------------------------------------------------------------------------------------------------


def test_the_unknown_token_comes_first_then_frequent_before_rare() -> None:
    """<unk> is 0; equals stay in the order in which they appeared first."""
    assert vocabulary("ccbbbadc").tokens == ("<unk>", "c", "b", "a", "d")
    assert vocabulary("zyxzyx").tokens == ("<unk>", "z", "y", "x")


@given(st.text(max_size=60))
def test_the_order_is_by_falling_count_and_then_by_first_appearance(text: str) -> None:
    """For any text, and every id leads back to its token."""
    found = vocabulary(text)
    keys = [(-text.count(token), text.index(token)) for token in found.tokens[1:]]
    assert keys == sorted(keys)
    assert set(found.tokens[1:]) == set(text)
    assert [found.decode([number]) for number in found.encode(text)] == list(text)


def test_reserved_tokens_come_after_the_unknown_one_in_the_order_given() -> None:
    """Named twice they count once, and <unk> is not named again."""
    found = vocabulary("ab", reserved=("<pad>", "<bos>", "<pad>", "<unk>", "<eos>"))
    assert found.tokens == ("<unk>", "<pad>", "<bos>", "<eos>", "a", "b")
    assert found.specials == 4


def test_rare_tokens_become_unknown() -> None:
    """Below the minimum frequency there is no id; at it there is one."""
    found = numbered("aaabbc", minimum_frequency=2)
    assert found.vocabulary.tokens == ("<unk>", "a", "b")
    assert found.id_of_number.tolist() == [1, 2, 0]


@pytest.mark.parametrize(("size", "tokens"), [(3, ("<unk>", "<pad>", "a")), (2, ("<unk>", "<pad>")), (99, None)])
def test_the_largest_size_counts_every_entry(size: int, tokens: tuple[str, ...] | None) -> None:
    """The most frequent stay; special tokens take room too."""
    found = vocabulary("aaabbc", reserved=("<pad>",), maximum_size=size)
    assert found.tokens == (tokens or ("<unk>", "<pad>", "a", "b", "c"))


def test_tokens_that_were_not_counted_are_unknown() -> None:
    """A token that stands only outside the counted part has a number and no id."""
    found = build(["a", "b", "c"], np.array([2, 0, 1]), tokenizer=CHARACTERS, corpus_digest="c")
    assert found.vocabulary.tokens == ("<unk>", "a", "c")
    assert found.id_of_number.tolist() == [1, 0, 2]


# -- text and ids ------------------------------------------------------------------------------------------------------


def test_unknown_tokens_are_named_once_each() -> None:
    """In the order of the text, so that a warning can name them."""
    found = vocabulary("abc")
    assert found.encode("axbyx") == [1, 0, 2, 0, 0]
    assert found.unknown("axbyx") == ["x", "y"]
    assert found.unknown("cab") == []


def test_a_text_that_spells_a_special_token_does_not_produce_it() -> None:
    """Neither <unk> nor a reserved token can be written by a text, whole or letter by letter."""
    words = numbered(["a", "<unk>", "<pad>", "b"], SPACED, reserved=("<pad>",)).vocabulary
    outside = numbered(["a", "b"], SPACED, reserved=("<pad>",)).vocabulary
    assert outside.encode("<pad>") == outside.encode("<unk>") == [0]
    assert outside.unknown("<pad> <unk>")[0] == "<pad>"
    for text in ("<unk>", "<pad>"):
        (number,) = words.encode(text)
        assert number >= words.specials
        assert words.decode([number]) == text
    letters = vocabulary("<unk>ab", reserved=("<pad>",))
    assert min(letters.encode("<unk>")) >= letters.specials
    assert letters.decode(letters.encode("<unk>")) == "<unk>"


def test_special_ids_show_their_names() -> None:
    """What the model writes beyond text can be seen."""
    assert vocabulary("ab", reserved=("<eos>",)).decode([2, 0, 1, 3]) == "a<unk><eos>b"


# -- digest and storage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        vocabulary("aabd"), vocabulary("abb"), vocabulary("aab", reserved=("<pad>",)), vocabulary("aabc"),
        replace(vocabulary("aab"), specials=2), replace(vocabulary("aab"), tokenizer=SPACED),
        replace(vocabulary("aab"), tokenizer=replace(CHARACTERS, version="2")),
        replace(vocabulary("aab"), tokens=("<unk>", "ab")), replace(vocabulary("aab"), tokens=("<unk>", "a", "b", "")),
    ],
    ids=lambda found: f"{found.tokens}-{found.specials}-{found.tokenizer.name}",
)  # fmt: skip
def test_the_digest_notices_every_change(other: Vocabulary) -> None:
    """A token, its place, a special one, or the tokenizer: weights belong to exactly one vocabulary."""
    assert other.digest != vocabulary("aab").digest


def test_the_digest_is_that_of_the_tokens_and_not_of_the_text() -> None:
    """Two texts with the same tokens in the same order have one vocabulary."""
    assert vocabulary("aaab").digest == vocabulary("aab").digest == replace(vocabulary("aab"), corpus_digest="x").digest


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_vocabulary_survives_being_stored(text: str) -> None:
    """Whatever characters it holds, through JSON and back."""
    found = vocabulary(text, reserved=("<pad>",))
    stored = json.loads(json.dumps(found.to_json()))
    assert Vocabulary.from_json(stored) == found
    assert Vocabulary.from_json(stored).digest == found.digest


def removed(key: str) -> Callable[[dict[str, Any]], Any]:
    """The record without a key."""
    return lambda record: {name: value for name, value in record.items() if name != key}


def changed(**values: Any) -> Callable[[dict[str, Any]], Any]:
    """The record with other values."""
    return lambda record: record | values


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "token": changed(tokens=["<unk>", "a", "c"]),
    "order": changed(tokens=["<unk>", "b", "a"]),
    "one more": changed(tokens=["<unk>", "a", "b", "c"]),
    "one less": changed(tokens=["<unk>", "a"]),
    "specials": changed(specials=2),
    "tokenizer": changed(tokenizer={"name": "whitespace"}),
    "digest": changed(digest="0" * 64),
    "no digest": removed("digest"),
    "no tokens": removed("tokens"),
    "no tokenizer": removed("tokenizer"),
    "tokens null": changed(tokens=None),
    "specials text": changed(specials="many"),
    "tokenizer list": changed(tokenizer=[1]),
    "tokenizer field": changed(tokenizer={"name": "character", "danger": "x"}),
    "list": lambda record: [record],
    "null": lambda record: None,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_changed_vocabulary_is_refused(damage: Callable[[dict[str, Any]], Any]) -> None:
    """Edited or damaged, it is never used with weights that were trained on another."""
    record = json.loads(json.dumps(vocabulary("aab").to_json()))
    assert Vocabulary.from_json(record).tokens == ("<unk>", "a", "b")
    with pytest.raises(BadDataError, match="the vocabulary"):
        Vocabulary.from_json(damage(record))
