"""Pairs as ids: both sides numbered, weighed and split alike by everybody."""

import gzip
import math
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import CorpusError, Stopped
from rnnbench.text.pair_corpus import EOS, SPLITS, EncodedPairs, PairSplit, encode_pairs, measure_baselines

Encode = Callable[..., EncodedPairs]
OURS = CorpusConfig.model_fields
ROWS = [(f"{a}{b}{c}", f"{c}-{b}-{a}!") for a in "abcd" for b in "efgh" for c in "ijkl"]
TABLE = "".join(f"{source}\t{target}\n" for source, target in ROWS)


@pytest.fixture
def encode(tmp_path: Path) -> Encode:
    """Encode a text, or a file; options of both sections by name."""

    def make(content: str | bytes | Path = TABLE, **values: Any) -> EncodedPairs:
        path = content if isinstance(content, Path) else tmp_path / "pairs.tsv"
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        corpus = {name: value for name, value in values.items() if name in OURS}
        text = {name: value for name, value in values.items() if name not in OURS}
        return encode_pairs(path, CorpusConfig(file="x", **corpus), TextConfig(**text))

    return make


def sides(pairs: EncodedPairs, split: PairSplit) -> list[tuple[str, str]]:
    """The pairs of a split, read back from their ids."""
    read, written = pairs.read_vocabulary.decode, pairs.vocabulary.decode
    return [
        (read(split.sources[place].tolist()), written(split.targets[place].tolist())) for place in range(len(split))
    ]


@pytest.mark.parametrize("tokenizer", ["character", "byte", "word", "spaced_word", "jieba"])
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
def test_every_pair_is_read_back_from_its_ids(encode, tokenizer, shared):
    """Whatever cuts the lines, each pair stands in exactly one split, whole and beside its text."""
    pairs = encode(tokenizer=tokenizer, shared_vocabulary=shared, vocabulary_from="all")
    found = {name: sides(pairs, pairs.split(name)) for name in SPLITS}
    assert sorted(pair for name in SPLITS for pair in found[name]) == sorted(ROWS)
    assert [len(found[name]) for name in SPLITS] == [64 - 6 - 3, 6, 3]
    for name in SPLITS:
        assert found[name] == [(pair.source, pair.target) for pair in pairs.split(name).pairs]
    assert (pairs.source_vocabulary is None) == shared
    assert pairs.characters == sum(len(source) + len(target) for source, target in ROWS)


def test_bpe_learns_from_the_training_part_only(encode):
    """A sequence that only held-out lines repeat becomes no token; nothing is ever unknown."""
    pytest.importorskip("tokenizers")
    pairs = encode(tokenizer="bpe", bpe_size=300)
    assert sides(pairs, pairs.split("test")) == [(pair.source, pair.target) for pair in pairs.split("test").pairs]
    assert pairs.split("validation").unknown_tokens == 0
    train = {pair.source for pair in pairs.split("train").pairs}
    learned = [token for token in pairs.read_vocabulary.tokens[4:] if len(token) == 3]
    assert learned and set(learned) <= train


def test_specials_come_first_on_both_sides(encode):
    """<unk> 0, <pad> 1, <bos> 2, <eos> 3, then what is reserved; a line that spells one is text."""
    pairs = encode(TABLE + "<eos>\t<pad>\n", reserved=("<x>",), tokenizer="whitespace", vocabulary_from="all")
    for vocabulary in (pairs.vocabulary, pairs.read_vocabulary):
        assert vocabulary.tokens[:5] == ("<unk>", "<pad>", "<bos>", "<eos>", "<x>")
        assert vocabulary.specials == 5
    assert pairs.read_vocabulary.encode("<eos>")[0] >= 5 and pairs.vocabulary.encode("<pad>")[0] >= 5


def test_each_side_is_counted_on_the_training_part(encode):
    """Frequencies decide, rare tokens are unknown; a shared vocabulary counts both sides together."""
    pairs = encode(minimum_frequency=10)
    train = pairs.split("train").pairs
    counts = Counter("".join(pair.source for pair in train))
    assert Counter(pairs.read_vocabulary.tokens[4:]) == Counter(c for c, n in counts.items() if n >= 10)
    shared = encode(shared_vocabulary=True).vocabulary.tokens[4:]
    both = Counter("".join(pair.source + pair.target for pair in train))
    assert shared[0] == "-" and [both[c] for c in shared] == sorted(both.values(), reverse=True)


def test_weights_of_a_split_are_those_of_its_targets(encode):
    """Characters and bytes of the targets with one for each end; unknown tokens are charged their spelling."""
    rows = "".join(f"{source}\t{target.replace('-', '，')}\n" for source, target in ROWS)
    pairs = encode(rows)
    split = pairs.split("validation")
    assert split.characters == 6 * (len("i，e，a!") + 1)
    assert split.bytes == 6 * (len("i，e，a!".encode()) + 1)
    assert split.target_tokens == split.characters
    assert (split.unknown_tokens, split.spelling_nats) == (0, 0.0)
    rare = encode(rows, maximum_size=4 + 5).split("validation")
    assert rare.unknown_tokens == sum((split.targets.ids >= 9).tolist()) > 0
    assert rare.spelling_nats > rare.unknown_tokens * math.log(2)


def test_the_split_does_not_depend_on_tokens_or_machine(encode):
    """The same lines in the same splits, named by a digest of all that was done; strip_lines joins nothing."""
    one, other = encode(), encode(tokenizer="word", strip_lines=True)
    for name in SPLITS:
        assert one.split(name).pairs == other.split(name).pairs
    assert one.digest != other.digest and one.file_digest == other.file_digest
    assert len({one.split(name).digest for name in SPLITS}) == 3
    again = encode(strip_lines=True)
    assert (again.digest, again.ids_digest, again.switches) == (one.digest, one.ids_digest, ())
    assert one.split("validation").pairs[0].source == "ahk"  # drawn once, and for ever


def test_lines_that_normalisation_makes_equal_stay_in_one_split(encode):
    """Both sides are changed before the pairs are split; what is left empty is left out."""
    pairs = encode(
        TABLE + "".join(f"{source.upper()}\t{target.upper()}\n" for source, target in ROWS) + "...\tabc\n",
        lower_case=True,
        letters_only=True,
    )
    assert pairs.splitting.pairs == 64 and pairs.splitting.duplicates == 64
    assert pairs.emptied == 1 and pairs.switches == ("lower_case", "letters_only")
    assert all(pair.source.islower() and "-" not in pair.target for pair in pairs.split("train").pairs)


@pytest.mark.parametrize("suffix", [".tsv", ".gz", ".zip"])
def test_any_source_can_hold_a_table(encode, tmp_path, suffix):
    """Packed or not, in any encoding, with any line end: the same ids."""
    content = "".join(f"春{a}风{b}\t秋{b}月{a}\r\n" for a in "一二三四五六七" for b in "山水云雨雪")
    plain = encode(content)
    path = tmp_path / f"packed{suffix}"
    data = content.encode("gb18030")
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("pairs.tsv", data)
    else:
        path.write_bytes(gzip.compress(data) if suffix == ".gz" else data)
    packed = encode(path, encoding="gb18030")
    assert packed.ids_digest == plain.ids_digest and packed.members[0].encoding == "gb18030"


def test_next_line_pairs_stay_in_their_paragraph(encode):
    """Each line is answered by the next one of its paragraph, and a paragraph is never cut."""
    poems = [[f"{poem} {line}" for line in ("one", "two", "three")] for poem in range(30)]
    pairs = encode("\n\n".join("\n".join(poem) for poem in poems) + "\n", pairs="next_line", tokenizer="word")
    everything = [pair for name in SPLITS for pair in pairs.split(name).pairs]
    assert len(everything) == 60 and all(pair.source.split()[0] == pair.target.split()[0] for pair in everything)
    numbers = [{pair.source.split()[0] for pair in pairs.split(name).pairs} for name in SPLITS]
    assert sum(map(len, numbers)) == 30


def test_first_pairs_are_those_that_are_short_enough(encode):
    """longest_pair leaves pairs out, first_pairs counts the others."""
    pairs = encode("x" * 50 + "\ty\n" + TABLE, longest_pair=8, first_pairs=20)
    everything = {pair.source for name in SPLITS for pair in pairs.split(name).pairs}
    assert everything == {source for source, _ in ROWS[:20]} and pairs.reading.too_long == 1


def test_a_line_that_is_cut_off_is_no_pair(encode):
    """first_characters may end inside a line; the digest still names the whole file."""
    cut, whole = encode(first_characters=105), encode(TABLE.rstrip(), first_characters=100_000)
    assert sum(len(split) for split in cut.splits) == 105 // len("aei\ti-e-a!\n")
    assert cut.file_digest == encode().file_digest != whole.file_digest
    assert sum(len(split) for split in whole.splits) == len(ROWS)


def test_blank_lines_are_passed_over_and_others_named(encode):
    """A table with holes is refused with the number of the first line that holds no pair, and what can be done."""
    assert encode("\n" + TABLE.replace("\n", "\n\n")).reading.blank == 65
    with pytest.raises(CorpusError, match=r"line 66 of .*pairs.tsv holds no pair: no tab .*next_line"):
        encode("\n" + TABLE + "no tab \x1b[31m here\nnor here\n")
    with pytest.raises(CorpusError, match="1 lines of .* hold no pair"):
        encode("\n" * 30 + TABLE + "no tab\n")
    with pytest.raises(CorpusError, match="normalisation leaves nothing"):
        encode("1\t2\n3\t4\n5\t6\n", letters_only=True)


def test_work_can_be_stopped(encode, tmp_path):
    """Whatever the report raises ends it, also while lines are cut."""
    path = tmp_path / "pairs.tsv"
    path.write_text(TABLE)

    def report(phase: str, done: int, total: int) -> None:
        if phase == "cutting lines into tokens":
            raise Stopped

    with pytest.raises(Stopped):
        encode_pairs(path, CorpusConfig(file="x"), TextConfig(), report)


def test_baselines_score_every_target_token(encode):
    """The unigram's loss over targets and <eos>, as counted by hand; no token is given for nothing."""
    pairs = encode()
    split, size = pairs.split("validation"), len(pairs.vocabulary)
    found = measure_baselines(pairs)
    counts = np.ones(size)
    for line in range(len(pairs.split("train"))):
        np.add.at(counts, pairs.split("train").targets[line].astype(int), 1)
    counts[EOS] += len(pairs.split("train")) + 1  # and the one before the first line
    costs = -np.log(counts / counts.sum())
    total = sum(costs[split.targets[line].astype(int)].sum() + costs[EOS] for line in range(len(split)))
    assert found.tokens_scored == split.target_tokens
    assert found.unigram.loss_nats == pytest.approx(total / split.target_tokens)
    assert found.uniform.loss_nats == pytest.approx(math.log(size))
    assert found.ngram.loss_nats < found.unigram.loss_nats
    bits = found.uniform.bits_per_character
    assert bits == pytest.approx(math.log2(size) * split.target_tokens / split.characters)


def test_no_test_split_where_none_is_asked_for(encode):
    """An empty split has no tokens."""
    assert encode(test_fraction=0.0).split("test").target_tokens == 0


def test_the_tutorials_count_of_translation_tokens(encode, shared_corpus):
    """The first 600 pairs have 184 source symbols, as the tutorial prints; ours counts the blank between them too."""
    path = shared_corpus("fra-eng_5MB.tsv")
    pairs = encode(path, first_pairs=600, tokenizer="word", lower_case=True, minimum_frequency=2, vocabulary_from="all")
    assert [token for token in pairs.read_vocabulary.tokens if token.isspace()] == [" "]
    assert len(pairs.read_vocabulary) == 184 + 1
