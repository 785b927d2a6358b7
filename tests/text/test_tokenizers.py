"""Text and tokens: nothing is lost, and how the text was cut into chunks does not show."""

import itertools
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbench.errors import UsageError
from rnnbench.text import tokenizers
from rnnbench.text.tokenizers import Tokenizer, TokenizerFacts, make

OPEN = ("character", "byte", "word", "whitespace")
TEXT = st.text(st.sampled_from("abZ09 _\t\n\r.,!'-é邮局你是谁。，𝄞\u3000\u00a0\u0301"), max_size=60)
CUTS = st.lists(st.integers(0, 60), max_size=6)
STORY = "我来到北京清华大学。The old clock, it's 9:05!\n他来到了网易杭研大厦 ABC-12 3.5%\n"


def pieces(text: str, cuts: list[int]) -> list[str]:
    """A text cut at some places; some pieces may be empty."""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:stop] for start, stop in itertools.pairwise(places)]


def tokens_of(tokenizer: Tokenizer, parts: list[str]) -> list[str]:
    """All tokens of a text in pieces."""
    return [token for part in parts for token in tokenizer.feed(part)] + tokenizer.finish()


def text_of(facts: TokenizerFacts, tokens: list[str]) -> str:
    """The text that tokens stand for."""
    decoder = tokenizers.decoder(facts)
    return "".join(decoder.feed(token) for token in tokens) + decoder.finish()


@pytest.mark.parametrize(
    ("name", "text", "tokens"),
    [
        ("character", "ab 邮\n", ["a", "b", " ", "邮", "\n"]),
        ("byte", "a邮", ["a", "\xe9", "\x82", "\xae"]),
        ("word", "It's 9:05, Zoé!\n\n", ["It", "'", "s", " ", "9", ":", "05", ",", " ", "Zoé", "!", "\n\n"]),
        ("whitespace", " It's 9:05,\t x ", [" ", "It's", " ", "9:05,", "\t ", "x", " "]),
        ("character", "", []),
        ("word", "", []),
    ],
)
def test_what_one_token_is(name: str, text: str, tokens: list[str]) -> None:
    """A code point, a byte, a run of word characters or of signs or of blanks, or whatever stands between blanks."""
    assert tokens_of(make(name), [text]) == tokens


@pytest.mark.parametrize("name", OPEN)
@given(text=TEXT, cuts=CUTS)
def test_nothing_is_lost_and_cuts_do_not_show(name: str, text: str, cuts: list[int]) -> None:
    """Tokens give the text back, and are the same however the text came."""
    tokenizer = make(name)
    tokens = tokens_of(tokenizer, pieces(text, cuts))
    assert text_of(tokenizer.facts, tokens) == text
    assert tokens == tokens_of(make(name), [text]) == tokenizers.split(tokenizer.facts, text)


@pytest.mark.parametrize("name", OPEN)
@given(text=TEXT)
def test_tokens_weigh_what_their_text_weighs(name: str, text: str) -> None:
    """Characters and bytes of the tokens add up to those of the text: figures per character are per real character."""
    facts = make(name).facts
    weights = [tokenizers.weigh(facts, token) for token in tokenizers.split(facts, text)]
    assert sum(characters for characters, _ in weights) == len(text)
    assert sum(size for _, size in weights) == len(text.encode())


def test_a_word_without_an_end_does_not_fill_the_memory() -> None:
    """A run longer than any word is cut; nothing of it is lost."""
    tokenizer = make("word")
    fed = [token for _ in range(40) for token in tokenizer.feed("x" * 5000)]
    assert len(fed) > 1
    assert "".join([*fed, *tokenizer.finish()]) == "x" * 200_000


def test_bytes_that_are_no_character_are_marked() -> None:
    """A model of bytes may write half a character: it is shown as U+FFFD and what follows is text."""
    facts = make("byte").facts
    assert text_of(facts, ["a", "\xe9", "\x82", "b", "\xe9"]) == "a\ufffdb\ufffd"
    assert tokenizers.shown(facts, "\xe9") == "\ufffd"
    assert tokenizers.shown(make("character").facts, "邮") == "邮"


@pytest.mark.parametrize("name", ["", "characters", "Byte", "__class__"])
def test_an_unknown_tokenizer_is_refused(name: str) -> None:
    """By name, also when a stored vocabulary asks for it."""
    with pytest.raises(UsageError, match=f"unknown tokenizer {name}"):
        make(name)
    with pytest.raises(UsageError, match="unknown tokenizer"):
        tokenizers.again(TokenizerFacts(name))


# -- numbers -----------------------------------------------------------------------------------------------------------


def by_hand(tokens: list[str], known: list[str]) -> tuple[list[int], list[str]]:
    """Numbers by first appearance, after those that were known before, and the tokens in order of their numbers."""
    order = list(dict.fromkeys([*known, *tokens]))
    return [order.index(token) for token in tokens], order


@pytest.mark.parametrize("name", OPEN)
@given(parts=st.lists(TEXT | st.text(max_size=20), max_size=5))
def test_tokens_are_numbered_by_first_appearance(name: str, parts: list[str]) -> None:
    """Across chunks; a tokenizer of bytes knows all of them from the start."""
    parts = [part.encode("utf-8", "replace").decode() for part in parts]
    numbers = tokenizers.numberer(make(name))
    found = [int(number) for part in parts for number in numbers.feed(part)] + [int(n) for n in numbers.finish()]
    known = [chr(byte) for byte in range(256)] if name == "byte" else []
    assert (found, numbers.tokens) == by_hand(tokens_of(make(name), parts), known)


@given(st.lists(st.lists(st.integers(0, 700), max_size=400), min_size=1, max_size=4))
@settings(max_examples=30)
def test_many_kinds_of_characters_keep_their_numbers_apart(chunks: list[list[int]]) -> None:
    """More kinds than fit into a byte, ASCII before, between and after them."""
    parts = ["".join(chr(0x4E00 + item) if item > 127 else chr(item) for item in chunk) for chunk in chunks]
    parts = ["".join(map(chr, range(0x4E00, 0x4E00 + 300))), *parts, "plain ascii", "".join(parts)]
    numbers = tokenizers.numberer(make("character"))
    found = [int(number) for part in parts for number in numbers.feed(part)]
    assert (found, numbers.tokens) == by_hand(list("".join(parts)), [])


def test_numbers_fit_what_they_are_stored_in() -> None:
    """The 255th and 256th kind of character, where one byte ends."""
    characters = [chr(0x4E00 + item) for item in range(254)] + list("abcd")
    numbers = tokenizers.numberer(make("character"))
    numbers.feed("".join(characters))
    assert np.asarray(numbers.feed("dcba")).tolist() == [257, 256, 255, 254]
    assert np.asarray(numbers.feed("a\u4e00")).tolist() == [254, 0]


# -- Chinese words and learned merges ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jieba(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Tokenizer]:
    """Fresh tokenizers of Chinese words; their cache is kept away from the user's."""
    pytest.importorskip("jieba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        make("jieba").feed("你")
    return lambda: make("jieba")


def test_chinese_words_are_those_of_jieba(jieba: Callable[[], Tokenizer]) -> None:
    """The accurate mode, as its documentation shows it."""
    assert tokens_of(jieba(), ["我来到北京清华大学。"]) == ["我", "来到", "北京", "清华大学", "。"]


@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, len(STORY)), max_size=8))
def test_chinese_words_do_not_depend_on_chunks(jieba: Callable[[], Tokenizer], cuts: list[int]) -> None:
    """A word cut at a chunk edge is still one word, and nothing is lost."""
    tokens = tokens_of(jieba(), pieces(STORY, cuts))
    assert "".join(tokens) == STORY
    assert tokens == tokens_of(jieba(), [STORY])


def test_the_fast_engine_loses_nothing() -> None:
    """The reimplementation may cut elsewhere, but never drops text; it says so when it is not installed."""
    pytest.importorskip("rjieba")
    assert "".join(tokens_of(make("jieba", engine="fast"), pieces(STORY, [3, 9, 30]))) == STORY
    with pytest.raises(UsageError, match="unknown jieba engine"):
        make("jieba", engine="faster")


@pytest.fixture(scope="module")
def merges(make_text: Callable[[int], str]) -> str:
    """Merges learned from a small text."""
    pytest.importorskip("tokenizers")
    from rnnbench.text import bpe

    return bpe.train([make_text(3000)], 400)


@settings(max_examples=40)
@given(text=TEXT, cuts=CUTS)
def test_learned_merges_lose_nothing_and_do_not_show_chunks(merges: str, text: str, cuts: list[int]) -> None:
    """Any text can be written with them, also one they were not learned from; weights are those of the text."""
    tokenizer = make("bpe", data=merges)
    tokens = tokens_of(tokenizer, pieces(text, cuts))
    assert text_of(tokenizer.facts, tokens) == text
    assert tokens == tokens_of(make("bpe", data=merges), [text])
    weights = [tokenizers.weigh(tokenizer.facts, token) for token in tokens]
    assert (sum(c for c, _ in weights), sum(b for _, b in weights)) == (len(text), len(text.encode()))


def test_learned_merges_are_stored_with_the_model(merges: str, make_text: Callable[[int], str]) -> None:
    """What cuts the text again is in the facts, and no other file is needed."""
    tokenizer = make("bpe", data=merges)
    text = make_text(500)
    tokens = tokens_of(tokenizer, [text])
    assert len(tokens) < len(text) / 2
    assert tokens_of(tokenizers.again(tokenizer.facts), [text]) == tokens


def test_a_tokenizer_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"needs the tokenizers package .*pip install"):
        make("bpe", data="{}")
