"""A text as ids on disk: encoded once, split by contiguous span, weighed, and made again when it is damaged."""

import errno
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench import storage
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import CorpusError, RnnbenchError, Stopped
from rnnbench.text import corpora
from rnnbench.text.baselines import unigram_loss_nats
from rnnbench.text.compression import xz_cost
from rnnbench.text.corpora import EncodedCorpus, Written, describe
from rnnbench.text.splits import split_spans

Encode = Callable[..., EncodedCorpus]
SPLITS = ("train", "validation", "test")
UNICODE_SCALARS = 0x110000 - 0x800


def corpus_config(**values: Any) -> CorpusConfig:
    """How a text is cut; its name does not matter here."""
    return CorpusConfig.model_validate({"file": "x", **values})


def text_config(**values: Any) -> TextConfig:
    """How text becomes tokens."""
    return TextConfig.model_validate(values)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where encoded texts are kept."""
    return tmp_path / "cache"


@pytest.fixture
def encode(tmp_path: Path, cache: Path) -> Encode:
    """Encode a text or a file into the cache; options of both sections by name."""
    ours = CorpusConfig.model_fields

    def make(
        text: str | Path, report: Callable[[str, int, int], None] = corpora.silent, **options: Any
    ) -> EncodedCorpus:
        path = text if isinstance(text, Path) else tmp_path / "text.txt"
        if isinstance(text, str):
            path.write_bytes(text.encode())
        for_corpus = {name: value for name, value in options.items() if name in ours}
        for_text = {name: value for name, value in options.items() if name not in ours}
        return corpora.encode(path, corpus_config(**for_corpus), text_config(**for_text), cache, report)

    return make


def ids(corpus: EncodedCorpus) -> list[int]:
    """All ids, split after split."""
    return [int(number) for name in SPLITS for number in corpus.split(name).ids]


# -- splits ------------------------------------------------------------------------------------------------------------


def test_splits_follow_each_other_without_gap_or_overlap() -> None:
    """Training, then validation, then test, together the whole text."""
    assert split_spans(1000, corpus_config(validation_fraction=0.1, test_fraction=0.05)) == {
        "train": (0, 850), "validation": (850, 950), "test": (950, 1000),
    }  # fmt: skip
    assert split_spans(1000, corpus_config(test_fraction=0))["test"] == (1000, 1000)


@given(st.integers(0, 3000), st.floats(0.001, 0.5), st.floats(0, 0.4999))
def test_a_text_is_split_or_the_minimum_is_said(tokens: int, validation: float, test: float) -> None:
    """Either every token is in one split and two can be trained and validated on, or the length named is enough."""
    config = corpus_config(validation_fraction=validation, test_fraction=test)
    try:
        spans = split_spans(tokens, config)
    except CorpusError as error:
        smallest = int(error.hint.rpartition(" ")[2].replace(",", ""))
        assert smallest > tokens
        split_spans(smallest, config)
    else:
        places = [place for name in SPLITS for place in spans[name]]
        assert places == sorted(places)
        assert (places[0], places[-1], places[1], places[3]) == (0, tokens, places[2], places[4])
        assert spans["train"][1] >= 2
        assert spans["validation"][1] - spans["validation"][0] >= 2


@pytest.mark.parametrize("text", ["a", "ab" * 9, "   "])
def test_a_text_that_is_too_short_is_refused(encode: Encode, cache: Path, text: str) -> None:
    """With the number of tokens it has and the number it needs; nothing is left in the cache."""
    with pytest.raises(CorpusError, match=rf"has {len(text)} tokens, too few .* \(it needs at least 20\)"):
        encode(text)
    assert list(cache.iterdir()) == []


# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", ["character", "byte", "word", "whitespace"])
def test_ids_lead_back_to_the_text(encode: Encode, english_text: str, tokenizer: str) -> None:
    """All splits one after the other are the text, token by token, when the vocabulary is counted on all of it."""
    found = encode(english_text, tokenizer=tokenizer, vocabulary_from="all")
    assert found.vocabulary.decode(ids(found)) == english_text
    assert found.vocabulary.encode(english_text) == ids(found)
    assert (found.characters, found.lines) == (4000, english_text.count("\n") + (not english_text.endswith("\n")))
    assert found.tokens == len(ids(found)) == sum(len(found.split(name)) for name in SPLITS)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00\ufeff"), min_size=40, max_size=120).map(
        "ab".__add__
    )
)
def test_any_text_comes_back(encode: Encode, text: str) -> None:
    """Whatever characters it holds; what only the later splits hold is <unk> there and known by its weight."""
    found = encode(text, encoding="utf-8", vocabulary_from="all")
    assert found.vocabulary.decode(ids(found)) == text
    found = encode(text, encoding="utf-8")
    train, rest = text[: len(found.split("train"))], text[len(found.split("train")) :]
    assert found.vocabulary.decode(found.split("train").ids) == train
    assert sum(found.split(name).unknown_tokens for name in SPLITS) == sum(item not in train for item in rest)
    assert ids(found).count(0) == sum(item not in train for item in rest)


def test_splits_weigh_their_text(encode: Encode) -> None:
    """Characters and UTF-8 bytes of each split, as if it were a file of its own."""
    text = "é你a\n" * 100
    found = encode(text)
    for name in SPLITS:
        split = found.split(name)
        part = found.vocabulary.decode(split.ids)
        assert (split.characters, split.bytes) == (len(part), len(part.encode()))


@pytest.mark.parametrize(("kinds", "dtype"), [(255, "uint8"), (256, "uint16"), (300, "uint16")])
def test_ids_take_the_room_they_need(encode: Encode, kinds: int, dtype: str) -> None:
    """One byte for up to 256 entries with <unk>, two for more; the last id is stored whole."""
    text = "".join(chr(0x4E00 + number) for number in range(kinds)) * 3
    found = encode(text)
    assert found.dtype == dtype
    assert max(ids(found)) == kinds
    assert found.vocabulary.decode(ids(found)) == text


def test_ids_are_mapped_and_cannot_be_changed(encode: Encode, english_text: str) -> None:
    """A split is a window on the file, not a copy."""
    split = encode(english_text).split("train")
    assert isinstance(split.ids, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        split.ids[0] = 0


def test_a_split_cannot_pass_for_another(encode: Encode, english_text: str) -> None:
    """Each split of each text and pipeline has a digest of its own."""
    variants = [encode(english_text), encode(english_text, test_fraction=0.1), encode(english_text, tokenizer="byte"),
                encode(english_text + "x")]  # fmt: skip
    digests = [found.split(name).digest for found in variants for name in SPLITS]
    assert len(set(digests)) == len(digests)
    assert encode(english_text).split("test").digest == digests[2]


def test_line_ends_and_a_mark_do_not_change_the_ids(encode: Encode, english_text: str, tmp_path: Path) -> None:
    """The same text saved on Windows gives the same ids from another file."""
    other = tmp_path / "windows.txt"
    other.write_bytes(b"\xef\xbb\xbf" + english_text.replace("\n", "\r\n").encode())
    plain, windows = encode(english_text), encode(other)
    assert ids(plain) == ids(windows)
    assert plain.vocabulary.digest == windows.vocabulary.digest
    assert plain.file_digest != windows.file_digest


def test_the_first_characters_only(encode: Encode, english_text: str) -> None:
    """A shorter text from the same file is another corpus."""
    found = encode(english_text, first_characters=1000, vocabulary_from="all")
    assert found.vocabulary.decode(ids(found)) == english_text[:1000]


# -- unknown tokens ----------------------------------------------------------------------------------------------------


def test_the_vocabulary_is_that_of_the_training_part(encode: Encode) -> None:
    """What only later parts hold is unknown there; a preset may say that all of the text is counted."""
    text = "ab" * 85 + "abz" * 10
    found = encode(text)
    assert "z" not in found.vocabulary.tokens
    assert found.split("train").unknown_tokens == 0
    assert found.split("validation").unknown_tokens + found.split("test").unknown_tokens == 10
    assert "z" in encode(text, vocabulary_from="all").vocabulary.tokens


def test_unknown_characters_pay_for_their_spelling(encode: Encode) -> None:
    """By the character unigram of the training text; a character it never saw pays the escape and a code point.

    160 characters to train on: 120 a, 39 b, 1 c. With a minimum frequency of 2 the c is unknown too.
    """
    text = "a" * 120 + "b" * 39 + "c" + "abcz" + "z" * 16 + "ac" * 10
    found = encode(text, validation_fraction=0.1, test_fraction=0.1, minimum_frequency=2)
    assert found.vocabulary.tokens == ("<unk>", "a", "b")
    assert [len(found.split(name)) for name in SPLITS] == [160, 20, 20]
    rare = math.log((160 + 3) / 1)
    never = math.log((160 + 3) / 3) + math.log(UNICODE_SCALARS)
    assert found.split("train").spelling_nats == pytest.approx(rare)
    assert found.split("validation").spelling_nats == pytest.approx(rare + 17 * never)
    assert found.split("test").spelling_nats == pytest.approx(10 * rare)
    assert [found.split(name).unknown_tokens for name in SPLITS] == [1, 18, 10]


def test_unknown_words_pay_for_their_letters_and_their_end(encode: Encode) -> None:
    """A word is spelled letter by letter, and its end is one more event that was never seen."""
    text = "ab " * 80 + "ba " * 10 + "ab " * 10
    found = encode(text, tokenizer="whitespace", validation_fraction=0.1, test_fraction=0.1)
    assert found.vocabulary.tokens == ("<unk>", "ab", " ")
    letters = math.log((240 + 3) / 80)
    end = math.log((240 + 3) / 3)
    assert found.split("validation").unknown_tokens == 10
    assert found.split("validation").spelling_nats == pytest.approx(10 * (2 * letters + end))
    assert found.split("test").spelling_nats == 0


def test_known_tokens_cost_nothing_to_spell(encode: Encode, english_text: str) -> None:
    """Where nothing is unknown, the figures per character are those of the model alone."""
    found = encode(english_text, vocabulary_from="all")
    assert [found.split(name).spelling_nats for name in SPLITS] == [0.0, 0.0, 0.0]
    assert [found.split(name).unknown_tokens for name in SPLITS] == [0, 0, 0]


def test_the_unigram_loss_by_hand(encode: Encode) -> None:
    """Counts of the training part, one added to each of the three entries, <unk> among them."""
    text = "a" * 60 + "b" * 20 + "ab" * 4 + "az" + "b" * 10
    found = encode(text, validation_fraction=0.1, test_fraction=0.1)
    assert [len(found.split(name)) for name in SPLITS] == [80, 10, 10]
    a, b, unknown = (-math.log((count + 1) / 83) for count in (60, 20, 0))
    # abababab az without its first token: 4 a, 4 b, 1 z
    train, validation, test = (found.split(name).ids for name in SPLITS)
    assert unigram_loss_nats(train, validation, 3) == pytest.approx((4 * a + 4 * b + unknown) / 9)
    assert unigram_loss_nats(train, test, 3) == pytest.approx(b)


@pytest.mark.parametrize("tokenizer", ["character", "byte", "word", "whitespace", "jieba", "bpe"])
def test_xz_reads_the_text_itself(encode: Encode, tmp_path: Path, tokenizer: str) -> None:
    """Tokens that the vocabulary lacks are not one symbol to a compressor: it reads what stands there."""
    if tokenizer in ("jieba", "bpe"):
        pytest.importorskip({"jieba": "jieba", "bpe": "tokenizers"}[tokenizer])
    text = "".join(chr(0x4E00 + number * number % 997) + "，\n"[number % 5 == 0] for number in range(900)) + "Ab " * 90
    options = {"lower_case": True, "tokenizer": tokenizer, "minimum_frequency": 3, "test_fraction": 0.1}
    found = encode(text, **options, validation_fraction=0.2)
    path, corpus = tmp_path / "text.txt", corpus_config(validation_fraction=0.2, test_fraction=0.1)
    del options["test_fraction"]
    written = Written(path, corpus, text_config(**options))
    for name in ("validation", "test"):
        train, split = (found.span_characters(part) for part in ("train", name))
        right = xz_cost([text.lower()[slice(*train)]], [text.lower()[slice(*split)]])
        measured = corpora.measure_baselines(found, name, written=written).xz
        assert measured is not None
        assert measured.bits_per_character == right.bits_per_character
        assert found.split(name).characters == right.characters


def test_spans_in_characters_follow_each_other(encode: Encode) -> None:
    """Also where fewer tokens are trained on than there are."""
    found = encode("aé\n" * 400, tokenizer="byte", train_tokens=100, test_fraction=0.1)
    spans = [found.span_characters(name) for name in SPLITS]
    assert spans[0] == (0, 75)
    assert [stop for _, stop in spans[:2]] == [start for start, _ in spans[1:]]


def test_a_text_that_became_shorter_is_not_compressed(encode: Encode, tmp_path: Path, english_text: str) -> None:
    """What is read again has to be what was encoded."""
    found = encode(english_text)
    written = Written(tmp_path / "text.txt", corpus_config(), text_config())
    written.path.write_text(english_text[:2000])
    with pytest.raises(CorpusError, match="changed while it was read"):
        corpora.measure_baselines(found, written=written)


def test_equal_tokens_have_one_digest(encode: Encode, english_text: str) -> None:
    """However the text was read; another border, another vocabulary or another text gives another."""
    plain = encode(english_text)
    assert encode(english_text, encoding="utf-8", minimum_frequency=1).tokens_digest == plain.tokens_digest
    assert encode(english_text, encoding="utf-8").digest != plain.digest
    for options in ({"test_fraction": 0.2}, {"minimum_frequency": 20}, {"tokenizer": "byte"}, {"train_tokens": 900}):
        assert encode(english_text, **options).tokens_digest != plain.tokens_digest, options
    assert encode(english_text.swapcase()).tokens_digest != plain.tokens_digest


# -- the cache ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_encoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, encoding is a mistake: only the cache may answer."""

    def forbid() -> None:
        def encoded_again(*arguments: object) -> None:
            raise AssertionError("encoded again")

        monkeypatch.setattr(corpora, "_encode_into", encoded_again)

    return forbid


def test_a_text_is_encoded_once(
    encode: Encode, english_text: str, tmp_path: Path, no_encoding: Callable[[], None]
) -> None:
    """The same bytes are known again, also in a file of another name; another text or another choice is not."""
    first = encode(english_text)
    copy = tmp_path / "copy.txt"
    copy.write_text(english_text)
    no_encoding()
    assert encode(english_text) == encode(copy) == first
    others: list[tuple[str, dict[str, Any]]] = [
        (english_text + "x", {}),
        (english_text, {"test_fraction": 0.1}),
        (english_text, {"minimum_frequency": 2}),
        (english_text, {"reserved": ["<pad>"]}),
    ]
    for text, options in others:
        with pytest.raises(AssertionError, match="encoded again"):
            encode(text, **options)


def corpus_record(folder: Path, **changes: Any) -> None:
    """Change what is stored of a corpus."""
    path = folder / "corpus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "ids cut": lambda folder: (folder / "ids.bin").write_bytes((folder / "ids.bin").read_bytes()[:-1]),
    "ids longer": lambda folder: (folder / "ids.bin").write_bytes((folder / "ids.bin").read_bytes() + b"x"),
    "ids gone": lambda folder: (folder / "ids.bin").unlink(),
    "record cut": lambda folder: (folder / "corpus.json").write_bytes((folder / "corpus.json").read_bytes()[:100]),
    "record empty": lambda folder: (folder / "corpus.json").write_bytes(b""),
    "record gone": lambda folder: (folder / "corpus.json").unlink(),
    "record list": lambda folder: (folder / "corpus.json").write_bytes(b"[]"),
    "record deep": lambda folder: (folder / "corpus.json").write_bytes(b"[" * 99_999),
    "vocabulary": lambda folder: corpus_record(folder, vocabulary={}),
    "other corpus": lambda folder: corpus_record(folder, digest="0" * 40),
    "unknown field": lambda folder: corpus_record(folder, surprise=1),
    "tokens text": lambda folder: corpus_record(folder, tokens="many"),
    "dtype": lambda folder: corpus_record(folder, dtype="object"),
    "dtype unknown": lambda folder: corpus_record(folder, dtype="nonsense"),
    "splits": lambda folder: corpus_record(folder, splits=[{"name": "train"}]),
    "folder empty": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_made_again(encode: Encode, english_text: str, damage: Callable[[Path], object]) -> None:
    """Everything in the cache can be made from the text: damage costs time and nothing else."""
    first = encode(english_text)
    expected = ids(first)
    damage(first.folder)
    again = encode(english_text)
    assert again == first
    assert ids(again) == expected
    assert [path.name for path in first.folder.parent.iterdir()] == [first.folder.name]


def test_what_a_crash_left_is_not_taken_for_a_corpus(encode: Encode, english_text: str, cache: Path) -> None:
    """A folder that was being filled has another name; it is in nobody's way."""
    first = encode(english_text)
    first.folder.rename(first.folder.with_name(f"{first.folder.name}.0123abcd{storage.TEMPORARY}"))
    assert ids(encode(english_text)) == ids(encode(english_text))
    assert first.folder.is_dir()


@pytest.mark.parametrize("reports", [1, 2, 3, 4, 5])
def test_work_that_is_stopped_leaves_nothing_behind(
    encode: Encode, english_text: str, cache: Path, reports: int
) -> None:
    """Stopped at any report: no half corpus, no litter, and the next attempt begins anew."""
    told: list[str] = []

    def report(phase: str, done: int, total: int) -> None:
        told.append(phase)
        assert 0 <= done <= total
        if len(told) == reports:
            raise Stopped

    try:
        encode(english_text, report)
    except Stopped:
        assert not cache.exists() or list(cache.iterdir()) == []
    else:
        assert len(told) < reports
    assert encode(english_text).tokens == 4000


def test_a_disk_that_is_full_leaves_nothing_behind(
    encode: Encode, english_text: str, cache: Path, faulty_os: Callable[..., Any]
) -> None:
    """Whichever system call fails: an error for a person, nothing half made, and then it works."""
    nth, reached = 0, True
    while reached:
        nth += 1
        shutil.rmtree(cache, ignore_errors=True)
        faulty = faulty_os(nth, fail=errno.ENOSPC)
        try:
            encode(english_text)
        except RnnbenchError:
            left = [path.name for path in cache.iterdir()] if cache.exists() else []
            assert not [name for name in left if name.endswith(storage.TEMPORARY)]
        reached = faulty.reached
        faulty_os()
        assert encode(english_text).tokens == 4000
    assert nth > 8


ENCODE = """
import pathlib, sys
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.text.corpora import encode
path, cache = map(pathlib.Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
found = encode(path, CorpusConfig(file="x"), TextConfig(), cache)
print(found.ids_digest, found.split("train").ids.sum(), flush=True)
"""


def test_two_processes_encode_one_text_at_once(
    encode: Encode, make_text: Callable[[int], str], tmp_path: Path, cache: Path, other_process: Callable[..., Any]
) -> None:
    """Both get the same ids, one folder stays, and nobody reads a half-written one."""
    path = tmp_path / "text.txt"
    path.write_text(make_text(300_000))
    both = [other_process(ENCODE, path, cache) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.stdout.readline() for process in both]
    assert answers[0] == answers[1] != ""
    found = encode(path)
    assert answers[0] == f"{found.ids_digest} {found.split('train').ids.sum()}\n"
    assert [item.name for item in cache.iterdir()] == [found.folder.name]


# -- describing --------------------------------------------------------------------------------------------------------


def test_a_description_tells_what_encoding_would_make(encode: Encode, tmp_path: Path, cache: Path) -> None:
    """The same figures, and nothing is written."""
    text = "ab" * 850 + "abz\n" * 75
    path = tmp_path / "text.txt"
    path.write_text(text)
    before = sorted(tmp_path.iterdir())
    told = describe(path, corpus_config(), text_config())
    assert sorted(tmp_path.iterdir()) == before
    found = encode(path)
    assert (told.characters, told.lines, told.tokens) == (found.characters, found.lines, found.tokens)
    assert (told.vocabulary_size, told.digest) == (len(found.vocabulary), found.file_digest)
    assert (told.bytes, told.tokenizer) == (2000, "character")
    assert told.most_common == (("a", 925), ("b", 925), ("z", 75), ("\n", 75))
    for split in told.splits:
        same = found.split(split.name)
        assert (split.tokens, split.characters) == (len(same), same.characters)
        assert split.out_of_vocabulary_rate == pytest.approx(same.unknown_tokens / len(same))


def test_a_description_can_be_given_up(corpus_file: Path) -> None:
    """A long text is left as soon as nobody wants to know any more."""
    with pytest.raises(Stopped):
        describe(corpus_file, corpus_config(), text_config(), lambda: True)


# -- figures known from elsewhere --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "characters", "symbols"),
    [("moliere.txt", 1_687_290, 85), ("timemachine.txt", 178_979, 70), ("tinyshakespeare.txt", 1_115_394, 65)],
)
def test_real_texts_have_the_figures_they_are_known_for(
    shared_corpus: Callable[[str], Path], name: str, characters: int, symbols: int
) -> None:
    """Characters, and distinct ones beside <unk>."""
    told = describe(shared_corpus(name), corpus_config(), text_config(vocabulary_from="all"))
    assert (told.characters, told.tokens, told.vocabulary_size) == (characters, characters, symbols + 1)


def test_the_first_characters_of_moliere(shared_corpus: Callable[[str], Path]) -> None:
    """The tutorial's first 50,000 have 73 symbols."""
    told = describe(
        shared_corpus("moliere.txt"), corpus_config(first_characters=50_000), text_config(vocabulary_from="all")
    )
    assert (told.characters, told.vocabulary_size) == (50_000, 74)


def test_a_real_text_leads_back_to_itself(encode: Encode, shared_corpus: Callable[[str], Path]) -> None:
    """Every character of a whole play after play, from disk to ids and back."""
    path = shared_corpus("moliere.txt")
    found = encode(path, vocabulary_from="all")
    assert found.vocabulary.decode(ids(found)) == path.read_text(encoding="utf-8")
