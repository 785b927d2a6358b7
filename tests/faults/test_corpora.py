"""Texts that are damaged, hostile, tiny, huge or gone: each ends as one line and exit code 4, or is read rightly."""

import bz2
import codecs
import gzip
import io
import itertools
import json
import lzma
import os
import re
import shutil
import signal
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbench import storage
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.errors import BadDataError, CorpusError, Stopped
from rnnbench.text import corpora, encodings, sources
from rnnbench.text.corpora import EncodedCorpus
from rnnbench.workspace import Workspace

TEXT = b"The keeper watched the harbour at dawn.\nA gull forgot seven boats.\n" * 12
TRAIN = (
    "train", "--headless", "--hidden", "8", "--batch-size", "4", "--steps-per-sequence", "8", "--max-steps", "2",
    "--device", "cpu", "--threads", "1", "--set", "evaluation.sample_length=0",
)  # fmt: skip
SPLITS = ("train", "validation", "test")
TOKENIZERS = ("character", "byte", "word", "whitespace", "jieba", "bpe")


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def gzipped(data: bytes) -> bytes:
    """The data as gzip without a time stamp: the same bytes in every process that collects these tests."""
    return gzip.compress(data, mtime=0)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "txt": lambda data: data,
    "gz": gzipped,
    "zip": lambda data: zipped(("a.txt", data)),
}


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a file of that name."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def tree(folder: Path) -> dict[str, int]:
    """Every file below a folder, with its size."""
    return {str(path.relative_to(folder)): path.lstat().st_size for path in sorted(folder.rglob("*"))}


# -- too little --------------------------------------------------------------------------------------------------------

TOO_LITTLE = {
    "no bytes": (b"", "character", "is empty", "at least a few hundred characters"),
    "a mark only": (codecs.BOM_UTF8, "character", "is empty", "at least a few hundred characters"),
    "blanks": (b" " * 900, "character", "only blanks", "at least 1 character"),
    "blank lines": (b"  \t\n" * 300, "character", "only blanks", "at least 1 character"),
    "blank bytes": (b"  \t\n" * 300, "byte", "only blanks", "at least 1 character"),
    "blank merges": (b"  \t\n" * 300, "bpe", "only blanks", "at least 1 character"),
    "one token": (b"harbour", "whitespace", "has 1 tokens", "at least 20"),
    "19 characters": (b"a gull and the tide", "character", "has 19 tokens", "at least 20"),
    "one symbol": (b"a" * 900, "character", "only one kind of token", "at least 2"),
    "one byte": (b"a" * 900, "byte", "only one kind of token", "at least 2"),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("case", TOO_LITTLE)
def test_too_little_text_is_refused_with_the_least_that_is_enough(
    cli: Callable[..., Any], put: Callable[..., Path], case: str, packing: str
) -> None:
    """The file, what it lacks and how much it would need, before anything is written, packed or not."""
    data, tokenizer, lack, least = TOO_LITTLE[case]
    path = put(f"little.{packing}", PACKINGS[packing](data))
    line = cli("corpora", "show", path, "--tokenizer", tokenizer).refused()
    assert f"little.{packing}" in line and lack in line and least in line


@pytest.mark.parametrize("case", ["no bytes", "blank lines", "one token", "one symbol"])
def test_too_little_text_is_not_trained_on(
    cli: Callable[..., Any], put: Callable[..., Path], workspace: Workspace, case: str
) -> None:
    """Training says the same, and leaves neither a run nor half an encoded text."""
    data, tokenizer, lack, least = TOO_LITTLE[case]
    line = cli(*TRAIN, "--corpus", put("little.txt", data), "--tokenizer", tokenizer).refused()
    assert "little.txt" in line and lack in line and least in line
    assert [name for name in tree(workspace.runs) if name != ".cache"] == []


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_text_shorter_than_one_batch_is_refused(
    cli: Callable[..., Any], put: Callable[..., Path], workspace: Workspace, packing: str
) -> None:
    """Long enough to be split, too short for T + 1 tokens in every sequence: the number needed is enough, one less not."""

    def train(characters: int) -> Any:
        path = put(f"short.{packing}", PACKINGS[packing]((TEXT * 2)[:characters]))
        fractions = ("--set", "corpus.validation_fraction=0.1", "--set", "corpus.test_fraction=0")
        return cli(*TRAIN, "--corpus", path, *fractions)

    line = train(30).refused()
    has, needed = map(int, re.findall(r"(\d+) tokens; .* at least (\d+)", line)[0])
    assert has == 27 and needed > 4 * 8
    assert not [name for name in tree(workspace.runs) if not name.startswith(".cache")]
    enough = next(size for size in itertools.count(30) if size - int(size * 0.1) >= needed)
    assert f"at least {needed}" in train(enough - 1).refused()
    assert train(enough).code == 0


# -- bytes that are not text -------------------------------------------------------------------------------------------

EDGE = sources.CHUNK_BYTES
LONG = (TEXT * (EDGE // len(TEXT) + 2))[: EDGE + 5000]
BAD_PLACES = {
    "first": 0, "middle": 1000, "before a chunk edge": EDGE - 1, "after a chunk edge": EDGE, "last": len(LONG),
}  # fmt: skip


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("offset", BAD_PLACES.values(), ids=BAD_PLACES)
def test_a_byte_that_is_no_text_is_told_by_its_place(
    cli: Callable[..., Any], put: Callable[..., Path], offset: int, packing: str
) -> None:
    """File, offset, line and the 16 bytes in hex; strict unless asked otherwise."""
    data = LONG[:offset] + b"\xff" + LONG[offset:]
    line = cli("corpora", "show", put(f"bad.{packing}", PACKINGS[packing](data))).refused()
    place = f"byte {offset:,}, line {LONG[:offset].count(10) + 1:,}, bytes {data[offset : offset + 16].hex(' ')}"
    assert f"bad.{packing}" in line and f"is not utf-8: {place} (" in line
    assert "--errors replace" in line


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
def test_the_line_of_a_bad_byte_is_that_of_an_editor(
    put: Callable[..., Path], cut_at: Callable[[int], None], size: int, end: bytes
) -> None:
    """Whatever the line ends are and wherever the chunks end."""
    cut_at(size)
    path = put("bad.txt", b"one" + end + b"two" + end + end + b"\xff" + end)
    with pytest.raises(CorpusError, match=rf"byte {6 + 3 * len(end)}, line 4, bytes ff"):
        list(sources.Source(path, encoding="utf-8").chunks())


@pytest.mark.parametrize("packing", PACKINGS)
def test_replaced_bytes_are_counted(cli: Callable[..., Any], put: Callable[..., Path], packing: str) -> None:
    """With --errors replace the text is read on, and how often it was is said in words and in JSON."""
    path = put(f"bad.{packing}", PACKINGS[packing](b"\xff" + TEXT + b"\xfe\xfd" + TEXT + b"\xfc"))
    record = cli("corpora", "show", path, "--errors", "replace", "--json").json
    assert (record["replaced"], record["characters"]) == (4, 2 * len(TEXT) + 4)
    assert re.search(r"replaced +4 characters", cli("corpora", "show", path, "--errors", "replace").out)


def test_a_run_records_what_was_replaced(cli: Callable[..., Any], put: Callable[..., Path]) -> None:
    """The count is in its RunStarted event; strict is what happens without being asked."""
    path = put("bad.txt", TEXT + b"\xff" + TEXT + b"\xfe")
    cli(*TRAIN, "--corpus", path).refused()
    answer = cli(*TRAIN, "--corpus", path, "--errors", "replace", "--json")
    assert answer.code == 0, answer.err
    started = next(event for event in answer.lines if event["event"] == "RunStarted")
    assert started["replaced_characters"] == 2


# -- encodings, line ends and chunks -----------------------------------------------------------------------------------

HAN = "一人大小中國海漁夫早上，。"
# (how it is written, what comes before it, what --encoding may say)
WRITTEN = {
    "utf-8": ("utf-8", b"", ("utf-8",)),
    "utf-8 with a mark": ("utf-8", codecs.BOM_UTF8, ("utf-8", "auto")),
    "utf-16 little": ("utf-16-le", codecs.BOM_UTF16_LE, ("utf-16", "auto")),
    "utf-16 big": ("utf-16-be", codecs.BOM_UTF16_BE, ("utf-16", "auto")),
    "utf-16-le": ("utf-16-le", b"", ("utf-16-le", "utf-16")),
    "utf-16-be": ("utf-16-be", b"", ("utf-16-be",)),
    "gb18030": ("gb18030", b"", ("gb18030",)),
    "gbk": ("gbk", b"", ("gbk", "gb18030")),
    "big5": ("big5", b"", ("big5", "cp950")),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {**PACKINGS, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture
def cut_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Read so many bytes at a time, also where the encoding is looked for (a mark has up to four)."""

    def cut(size: int) -> None:
        monkeypatch.setattr(sources, "CHUNK_BYTES", size)
        monkeypatch.setattr(encodings, "SAMPLE_BYTES", max(size, 4))

    return cut


@pytest.fixture(scope="module", autouse=True)
def _jieba_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """jieba's cache is kept away from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def encode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EncodedCorpus]:
    """Encode a path into a cache of its own, that no earlier attempt could answer from; options of both sections."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    numbers = itertools.count()
    ours = CorpusConfig.model_fields

    def make(path: Path, cache: Path | None = None, report: Any = corpora.silent, **options: Any) -> EncodedCorpus:
        cache = cache or tmp_path / f"cache{next(numbers)}"
        for_corpus = CorpusConfig.model_validate(
            {"file": "x"} | {name: value for name, value in options.items() if name in ours}
        )
        for_text = TextConfig.model_validate({name: value for name, value in options.items() if name not in ours})
        return corpora.encode(path, for_corpus, for_text, cache, report)

    return make


def ids(corpus: EncodedCorpus) -> list[int]:
    """All ids, split after split."""
    return [int(number) for name in SPLITS for number in corpus.split(name).ids]


@st.composite
def written_texts(draw: st.DrawFn) -> tuple[str, str, str, str, str, int]:
    """(text with LF, how its lines end, how it is written, what --encoding says, how it is packed, chunk size)."""
    written = draw(st.sampled_from(sorted(WRITTEN)))
    codec, _, names = WRITTEN[written]
    alphabet: Any = st.sampled_from(HAN + "abcXYZ09-'.")
    if codec.startswith("utf") or codec == "gb18030":
        alphabet = st.one_of(alphabet, st.characters(codec="utf-8", exclude_characters="\r\n\ufeff"))
    words = draw(st.lists(st.text(alphabet, min_size=1, max_size=6), min_size=25, max_size=40))
    blanks = draw(st.lists(st.sampled_from([" ", "\n", "  ", "\n\n", " \n"]), min_size=len(words), max_size=len(words)))
    text = "".join(itertools.chain.from_iterable(zip(words, blanks, strict=True))) + draw(st.sampled_from(["", "x"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    packing = draw(st.sampled_from([*PACKED, "folder"]))
    return text, end, written, draw(st.sampled_from(names)), packing, draw(st.integers(1, 40))


def lay_down(path: Path, text: str, end: str, written: str, packing: str) -> None:
    """The text at a path, or as two files of a folder that is cut at the end of a line."""
    codec, mark, _ = WRITTEN[written]

    def raw(part: str) -> bytes:
        return mark + part.replace("\n", end).encode(codec)

    if packing != "folder":
        path.write_bytes(PACKED[packing](raw(text)))
        return
    path.mkdir()
    position = text.find("\n", len(text) // 2) + 1
    (path / "1.txt").write_bytes(raw(text[:position]))
    (path / "2.txt").write_bytes(raw(text[position:]))


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=60)
@given(written_texts())
def test_the_same_text_gives_the_same_ids_however_it_is_stored_and_read(
    encode: Callable[..., EncodedCorpus],
    cut_at: Callable[[int], None],
    tmp_path: Path,
    tokenizer: str,
    drawn: tuple[str, str, str, str, str, int],
) -> None:
    """Encoding, mark, line ends, packing and chunk size do not show, and the ids give the text back."""
    text, end, written, name, packing, size = drawn
    options = {"tokenizer": tokenizer, "vocabulary_from": "all", "bpe_size": 300}
    path, plain = tmp_path / "stored", tmp_path / "plain"
    for old in (path, plain):
        shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    plain.write_bytes(text.encode())
    lay_down(path, text, end, written, packing)
    cut_at(1 << 20)
    expected = encode(plain, encoding="utf-8", **options)
    cut_at(size)
    found = encode(path, encoding=name, **options)
    assert found.ids_digest == expected.ids_digest
    assert found.vocabulary.tokens == expected.vocabulary.tokens
    assert (found.characters, found.lines) == (len(text), text.count("\n") + (not text.endswith("\n")))
    assert found.vocabulary.decode(ids(found)) == text
    assert found.vocabulary.decode(found.vocabulary.encode(text)) == text


@pytest.mark.parametrize("written", [*WRITTEN])
def test_an_encoding_is_found_or_taken(cli: Callable[..., Any], put: Callable[..., Path], written: str) -> None:
    """The same counts for one text in every encoding: found where the bytes say it, else by --encoding."""
    text = "從前有一個漁夫，他住在海邊的小屋裡。\n每天早上他都會出海，傍晚才回家。\n" * 30
    codec, mark, names = WRITTEN[written]
    path = put("text.txt", mark + text.encode(codec))
    sure = mark or codec in {"utf-8", "gb18030", "gbk", "big5"}
    for chosen in [*names, *(["auto"] if sure else [])]:
        record = cli("corpora", "show", path, "--encoding", chosen, "--json").json
        assert (record["characters"], record["lines"]) == (len(text), 60)
        assert record["most_common"][0] == ["，", 60]


@pytest.mark.parametrize("name", ["big5", "cp950", "big5hkscs", "auto"])
def test_big5_is_read_as_it_was_written_on_windows(
    cli: Callable[..., Any], put: Callable[..., Path], name: str
) -> None:
    """Its additions, such as the common 裏, are text."""
    path = put("text.txt", ("屋裏有一個漁夫，他住在海邊的小屋裏。\n" * 60).encode("cp950"))
    record = cli("corpora", "show", path, "--encoding", name, "--json").json
    assert ["裏", 120] in record["most_common"]


def test_an_encoding_that_is_not_certain_is_asked_for(cli: Callable[..., Any], put: Callable[..., Path]) -> None:
    """UTF-16 without a mark is not guessed at: exit code 4 with what it may be."""
    line = cli("corpora", "show", put("text.txt", ("早上他都會出海，" * 60).encode("utf-16-le"))).refused()
    assert "text.txt" in line and "give --encoding" in line


# -- packed files ------------------------------------------------------------------------------------------------------


def flipped(data: bytes, offset: int, bit: int = 1) -> bytes:
    """The bytes with one bit of one of them changed."""
    changed = bytearray(data)
    changed[offset] ^= bit
    return bytes(changed)


GZ, BZ2, XZ = gzipped(TEXT), bz2.compress(TEXT), lzma.compress(TEXT)
DAMAGED = {
    "gz without its last byte": ("gz", GZ[:-1]),
    "gz without its check": ("gz", GZ[:-8]),
    "gz cut in the middle": ("gz", GZ[: len(GZ) // 2]),
    "gz cut in its head": ("gz", GZ[:5]),
    "gz with another check": ("gz", flipped(GZ, -5)),
    "gz with another length": ("gz", flipped(GZ, -1)),
    "gz with a flipped bit": ("gz", flipped(GZ, 30)),
    "gz with junk after it": ("gz", GZ + b"junk"),
    "gz and another damaged": ("gz", GZ + flipped(GZ, 0)),
    "gz of nothing": ("gz", gzipped(b"")),
    "gz of no bytes": ("gz", b""),
    "gz that is a text": ("gz", TEXT),
    "bz2 cut": ("bz2", BZ2[:-3]),
    "bz2 with a flipped bit": ("bz2", flipped(BZ2, 40)),
    "bz2 with junk after it": ("bz2", BZ2 + b"junk"),
    "bz2 and another damaged": ("bz2", BZ2 + flipped(BZ2, 0)),
    "bz2 and another cut": ("bz2", BZ2 + BZ2[:9]),
    "bz2 of nothing": ("bz2", bz2.compress(b"")),
    "xz cut": ("xz", XZ[:-3]),
    "xz with a flipped bit": ("xz", flipped(XZ, 40)),
    "xz with junk after it": ("xz", XZ + b"junk"),
    "xz and another damaged": ("xz", XZ + flipped(XZ, 0)),
    "xz and another cut": ("xz", XZ + XZ[:9]),
    "xz of nothing": ("xz", lzma.compress(b"")),
    "zip cut": ("zip", zipped(("a.txt", TEXT))[:-30]),
    "zip with a flipped bit": ("zip", flipped(zipped(("a.txt", TEXT)), 50)),
    "zip with another check": ("zip", flipped(zipped(("a.txt", TEXT)), zipped(("a.txt", TEXT)).find(b"PK\1\2") + 16)),
    "zip of nothing": ("zip", zipped()),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_packed_text_is_refused(cli: Callable[..., Any], put: Callable[..., Path], case: str) -> None:
    """Cut short, changed, or followed by what does not belong to it: never read as a shorter text."""
    kind, data = DAMAGED[case]
    path = put(f"packed.txt.{kind}", data)
    assert f"packed.txt.{kind}" in cli("corpora", "show", path).refused()


@pytest.mark.parametrize(("kind", "data"), [("gz", GZ), ("bz2", BZ2), ("xz", XZ)], ids=["gz", "bz2", "xz"])
def test_packed_texts_one_after_the_other_are_one_text(
    cli: Callable[..., Any], put: Callable[..., Path], kind: str, data: bytes
) -> None:
    """As their own programs unpack them, zeros between and after them left out."""
    for whole in (data + data, data + b"\0" * 8 + data + b"\0" * 70_000):
        record = cli("corpora", "show", put(f"two.{kind}", whole), "--json").json
        assert record["characters"] == 2 * len(TEXT)


@pytest.mark.parametrize("data", [GZ, BZ2, XZ, zipped(("a.txt", TEXT))], ids=["gz", "bz2", "xz", "zip"])
def test_a_packed_text_cut_at_any_length_is_never_a_shorter_text(put: Callable[..., Path], data: bytes) -> None:
    """Every length: an error, and always one for a person."""
    for length in range(4, len(data)):
        with pytest.raises(CorpusError):
            list(sources.Source(put("cut", data[:length])).chunks())


# -- zip archives ------------------------------------------------------------------------------------------------------

CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def patched(data: bytes, field: str, offsets: tuple[int | None, int], value: int, entry: int = -1) -> bytes:
    """An archive with a field of an entry's local and central header overwritten."""
    changed = bytearray(data)
    for mark, offset in zip((LOCAL, CENTRAL), offsets, strict=True):
        places = [match.start() for match in re.finditer(re.escape(mark), data)]
        if offset is not None:
            struct.pack_into(field, changed, places[entry] + offset, value)
    return bytes(changed)


FLAGS, SIZE, WHERE, COMMENT = (6, 8), (22, 24), (None, 42), (None, 32)
TWO = zipped(("a.txt", TEXT), ("b.txt", TEXT))
INSIDE = zipped(("a.txt", zipped(("b.txt", TEXT), method=0)), ("b.txt", TEXT), method=0)
HOSTILE = {
    "encrypted": (patched(TWO, "<H", FLAGS, 1), "member b.txt is encrypted"),
    "two of a name": (
        zipped(("x.txt", TEXT), ("b.txt", TEXT)).replace(b"x.txt", b"b.txt"), "two members are called b.txt",
    ),
    "two names that read the same": (
        zipped(("XXXXXX.txt", TEXT), ("山中.txt", TEXT)).replace(b"XXXXXX", "山中".encode()), "two members are called 山中.txt",
    ),
    "zip in zip": (zipped(("inner.zip", TWO)), "holds no texts that match '*.txt'; it holds inner.zip"),
    "zip that says it is a text": (zipped(("inner.txt", TWO)), "inner.txt is not text"),
    "packed in zip": (zipped(("inner.txt.gz", GZ)), "it holds inner.txt.gz"),
    "one over the other": (patched(INSIDE, "<I", WHERE, INSIDE.find(LOCAL, 9)), "lies over the one before it"),
    "a smaller size": (patched(TWO, "<I", SIZE, 10), "is damaged"),
    "an entry hidden by a length": (patched(TWO, "<H", COMMENT, 51, entry=0), "damaged"),
    "no texts": (zipped(("a.png", TEXT), ("b.md", TEXT)), "it holds a.png, b.md"),
    "only what a Mac adds": (zipped(("__MACOSX/a.txt", TEXT), (".b.txt", TEXT)), "holds no texts"),
    "escape sequences": (zipped(("a\x1b[2J\u202e.png", TEXT)), "holds no texts"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_with_tricks_is_refused(
    cli: Callable[..., Any], put: Callable[..., Path], tmp_path: Path, case: str
) -> None:
    """What is wrong with it is said, and nothing of it is unpacked to disk."""
    data, said = HOSTILE[case]
    path = put("archive.zip", data)
    before = tree(tmp_path)
    line = cli("corpora", "show", path).refused()
    assert "archive.zip" in line and said in line
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/evil.txt", "a\\..\\evil.txt", "C:\\evil.txt", "a/../../evil.txt", "a\x1b[2J.txt"]
)
def test_names_in_an_archive_are_only_names(
    cli: Callable[..., Any], put: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    """A member called ../../evil.txt is read like any other: there is nothing that could be written anywhere."""
    path = put("archive.zip", zipped((name, TEXT)))
    before = tree(tmp_path)
    record = cli("corpora", "show", path, "--json").json
    assert (record["characters"], len(record["members"])) == (len(TEXT), 1)
    assert "\x1b" not in cli("corpora", "show", path).out
    assert tree(tmp_path) == before and not (tmp_path.parent / "evil.txt").exists()


def test_names_written_in_gbk_are_read(cli: Callable[..., Any], put: Callable[..., Path]) -> None:
    """As Chinese archivers write them, without saying so; a member can be chosen by such a name."""
    data = zipped(("XXXX.txt", TEXT), ("other.txt", b"other\n" * 40)).replace(b"XXXX", "山中".encode("gbk"))
    path = put("archive.zip", data)
    record = cli("corpora", "show", path, "--json").json
    assert [member["name"] for member in record["members"]] == ["other.txt", "山中.txt"]
    assert cli("corpora", "show", path, "--members", "山*", "--json").json["characters"] == len(TEXT)


@pytest.mark.parametrize("kind", ["zip", "zip that lies", "gz", "bz2", "xz"])
@pytest.mark.parametrize("command", ["show", "train"])
def test_a_bomb_is_stopped_by_what_it_unpacks_to(
    cli: Callable[..., Any], put: Callable[..., Path], workspace: Workspace, kind: str, command: str
) -> None:
    """Bytes that come out are counted, whatever the archive says of itself; nothing of it stays on disk."""
    data = b"boom " * 1_000_000
    packed = {"gz": gzipped, "bz2": bz2.compress, "xz": lzma.compress}.get(kind, PACKINGS["zip"])(data)
    if kind == "zip that lies":
        packed = patched(packed, "<I", SIZE, 2_000_000_000)
    assert len(packed) < 20_000
    words = ("corpora", "show") if command == "show" else (*TRAIN, "--corpus")
    line = cli(*words, put("bomb", packed), "--set", "corpus.maximum_gigabytes=0.003").refused()
    assert "unpacks to more than 0.003 GB" in line and "corpus.maximum_gigabytes" in line
    assert tree(workspace.runs) == {}


# -- what is no file of text -------------------------------------------------------------------------------------------


def make_dangling(path: Path) -> None:
    """A link to nothing."""
    path.symlink_to(path.with_name("nowhere"))


def make_folder(path: Path) -> None:
    """A folder with files that are no texts, a link that is not followed and a FIFO that nobody writes to."""
    path.mkdir()
    (path / "notes.md").write_bytes(TEXT)
    (path / "link.txt").symlink_to(path / "notes.md")
    os.mkfifo(path / "pipe.txt")


NO_TEXTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "is not a regular file"),
    "empty folder": (Path.mkdir, "is a directory without texts"),
    "folder without texts": (make_folder, "is a directory without texts"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    "link to nothing": (make_dangling, "not found"),
    "link to itself": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "nothing": (lambda path: None, "not found"),
}


@pytest.mark.parametrize("command", ["show", "train"])
@pytest.mark.parametrize("case", NO_TEXTS)
def test_what_is_no_text_is_told_at_once(
    cli: Callable[..., Any], workspace: Workspace, tmp_path: Path, case: str, command: str
) -> None:
    """Nobody waits for a FIFO or reads a device without end; no run is left."""
    make, said = NO_TEXTS[case]
    path = tmp_path / "strange"
    make(path)
    line = cli(*(("corpora", "show") if command == "show" else (*TRAIN, "--corpus")), path).refused()
    assert str(path) in line and said in line
    assert tree(workspace.runs) == {}


@pytest.mark.parametrize(
    "name", ["/dev/zero", "/dev/null", "x" * 300, "/tmp/" + "x" * 300, "a\0b", "\x1b[2J", "x/" * 3000]
)
def test_a_name_that_no_text_can_have(cli: Callable[..., Any], name: str) -> None:
    """Devices, names that are too long or hold what no name may hold: exit code 4, shown harmlessly."""
    line = cli("corpora", "show", name).refused()
    assert "not found" in line or "is not a regular file" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("what", ["file", "folder around it"])
def test_a_text_that_may_not_be_read(cli: Callable[..., Any], tmp_path: Path, what: str) -> None:
    """The reason is that of the system."""
    path = tmp_path / "folder" / "secret.txt"
    path.parent.mkdir()
    path.write_bytes(TEXT)
    locked = path if what == "file" else path.parent
    locked.chmod(0)
    try:
        line = cli("corpora", "show", path).refused()
    finally:
        locked.chmod(0o700)
    assert "secret.txt" in line and "Permission denied" in line


@pytest.mark.parametrize("phase", ["checking the text", "reading the text"])
@pytest.mark.parametrize("what", ["vanishes", "grows", "changes"])
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_a_text_that_changes_under_the_reader_is_refused(
    encode: Callable[..., EncodedCorpus], tmp_path: Path, phase: str, what: str, folder: bool
) -> None:
    """The digest of one text never names the ids of another; nothing is kept, and the text that stays is read."""
    path = tmp_path / "texts" / "text.txt"
    path.parent.mkdir()
    path.write_bytes(TEXT)
    cache, done = tmp_path / "cache", False

    def report(told: str, position: int, total: int) -> None:
        nonlocal done
        if told == phase and not done:
            done = True
            if what == "vanishes":
                path.unlink()
            else:
                path.write_bytes(TEXT + b"more\n" if what == "grows" else TEXT.replace(b"gull", b"duck"))
                os.utime(path, (1, 1))

    with pytest.raises(CorpusError, match=r"text"):
        encode(path.parent if folder else path, cache, report)
    assert done and tree(cache) == {}
    path.write_bytes(TEXT.replace(b"gull", b"tide"))
    found = encode(path, cache, vocabulary_from="all")
    assert found.vocabulary.decode(ids(found)) == TEXT.replace(b"gull", b"tide").decode()


def test_a_text_changed_since_training_is_refused_by_name(
    cli: Callable[..., Any], workspace: Workspace, corpus_file: Path
) -> None:
    """One letter of it is enough; the checkpoint stays, and with the old text the run goes on."""

    def stop(line: bytes) -> None:
        if json.loads(line).get("split") == "validation":
            os.kill(os.getpid(), signal.SIGTERM)

    words = ("--corpus", "small", "--run", "tm", "--max-steps", "30", "--set", "evaluation.every_steps=5", "--json")
    assert cli(*TRAIN, *words, on_line=stop).code == 143
    text = corpus_file.read_bytes()
    corpus_file.write_bytes(flipped(text, 1000, 2))
    before = tree(workspace.runs / "tm" / "checkpoints")
    answer = cli("resume", "tm", "--headless")
    assert answer.code == 4 and "corpus" in answer.err and "changed" in answer.err
    assert tree(workspace.runs / "tm" / "checkpoints") == before
    corpus_file.write_bytes(text)
    assert cli("resume", "tm", "--headless").code == 0


# -- the encoded text --------------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["ids.bin", "corpus.json"])
def test_one_flipped_bit_of_an_encoded_text_is_noticed(
    encode: Callable[..., EncodedCorpus], put: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    """Whichever byte it is in: the text is encoded again, so that nothing is trained on or weighed that is not in it."""
    path, cache = put("text.txt", TEXT), tmp_path / "cache"
    folder = encode(path, cache).folder
    whole = contents(folder)
    for offset in range(0, len(whole[name]), 7):
        (folder / name).write_bytes(flipped(whole[name], offset, 1 << offset % 8))
        encode(path, cache)
        assert contents(folder) == whole, offset
    assert [item.name for item in cache.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["ids.bin", "corpus.json"])
def test_an_encoded_text_cut_at_any_length_is_made_again(
    encode: Callable[..., EncodedCorpus], put: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    """Also where what is left would be a text of its own."""
    path, cache = put("text.txt", TEXT), tmp_path / "cache"
    folder = encode(path, cache).folder
    whole = contents(folder)
    for length in (*range(0, len(whole[name]), 29), len(whole[name]) - 2):  # without its last line end, JSON is whole
        (folder / name).write_bytes(whole[name][:length])
        encode(path, cache)
        assert contents(folder) == whole, length


@pytest.mark.parametrize("name", ["ids.bin", "corpus.json"])
def test_a_link_in_place_of_an_encoded_text_is_not_followed(
    encode: Callable[..., EncodedCorpus], put: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    """What is in the cache is made again; the file that the link pointed to is neither used nor changed."""
    path, cache = put("text.txt", TEXT), tmp_path / "cache"
    folder = encode(path, cache).folder
    whole = contents(folder)
    elsewhere = put("elsewhere", whole[name])
    (folder / name).unlink()
    (folder / name).symlink_to(elsewhere)
    encode(path, cache)
    assert contents(folder) == whole and elsewhere.read_bytes() == whole[name]
    assert not (folder / name).is_symlink()


def test_stopped_anywhere_leaves_no_part_behind(
    encode: Callable[..., EncodedCorpus], put: Callable[..., Path], cut_at: Callable[[int], None], tmp_path: Path
) -> None:
    """At every report of every phase, over a damaged older one too: either nothing, or a whole encoded text."""
    path, cache = put("text.txt", TEXT), tmp_path / "cache"
    whole = encode(path, cache, tokenizer="bpe", bpe_size=300)
    (whole.folder / "ids.bin").write_bytes(flipped((whole.folder / "ids.bin").read_bytes(), 5))
    cut_at(300)
    for last in itertools.count(1):
        told: list[str] = []

        def report(phase: str, done: int, total: int, told: list[str] = told, last: int = last) -> None:
            told.append(phase)
            if len(told) == last:
                raise Stopped

        try:
            found = encode(path, cache, report, tokenizer="bpe", bpe_size=300)
        except Stopped:
            assert [item.name for item in cache.iterdir()] == [whole.folder.name]
        else:
            break
    assert found == whole and {"checking the text", "reading the text", "writing ids", "verifying ids"} <= set(told)
    assert [item.name for item in cache.iterdir()] == [whole.folder.name]


ENCODE = """
import pathlib, sys
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.text.corpora import encode
path, cache = map(pathlib.Path, sys.argv[1:])
print("ready", flush=True)
for line in sys.stdin:
    found = encode(path, CorpusConfig(file="x"), TextConfig(), cache)
    print(found.ids_digest, found.split("train").ids.sum(), flush=True)
"""


def test_processes_that_find_a_damaged_text_at_once_make_one_whole_one(
    encode: Callable[..., EncodedCorpus],
    put: Callable[..., Path],
    make_text: Callable[[int], str],
    tmp_path: Path,
    other_process: Callable[..., Any],
) -> None:
    """Each replaces what is damaged, none what another has just made; no part stays."""
    path, cache = put("text.txt", make_text(60_000).encode()), tmp_path / "cache"
    found = encode(path, cache)
    answer = f"{found.ids_digest} {found.split('train').ids.sum()}\n"
    processes = [other_process(ENCODE, path, cache) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for _ in range(15):
        ids_file = found.folder / "ids.bin"
        ids_file.write_bytes(flipped(ids_file.read_bytes(), 100))
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.stdout.readline() for process in processes] == [answer] * 3
        assert [item.name for item in cache.iterdir()] == [found.folder.name]


# -- long lines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", ["character", "byte", "word", "whitespace"])
def test_one_line_of_megabytes_is_a_text(
    encode: Callable[..., EncodedCorpus], put: Callable[..., Path], tokenizer: str
) -> None:
    """5 MB without a blank or a line end come in pieces, and nothing of them is lost."""
    data = b"harbour" * 750_000
    found = encode(put("line.txt", data), tokenizer=tokenizer, vocabulary_from="all")
    assert (found.characters, found.lines) == (len(data), 1)
    assert sum(found.split(name).bytes for name in SPLITS) == len(data)
    start = found.split("train").ids[:1000].tolist()
    assert data.decode().startswith(found.vocabulary.decode(start))
    assert max(map(len, found.vocabulary.tokens)) <= sources.CHUNK_BYTES + (1 << 17)


MEASURE = """
import pathlib, resource, sys
from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.text.corpora import describe, encode
path, cache, tokenizer = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
choices = CorpusConfig(file="x"), TextConfig(tokenizer=tokenizer)
found, told = encode(path, *choices, cache), describe(path, *choices)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
status = pathlib.Path("/proc/self/status")
if status.exists():  # ru_maxrss also counts the process that started this one
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
print(found.characters, told.tokens, peak, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ["character", "word"])
@pytest.mark.parametrize("end", [b"", b"\n"], ids=["one line", "lines"])
def test_a_long_text_fits_into_little_memory(
    other_process: Callable[..., Any], tmp_path: Path, tokenizer: str, end: bytes
) -> None:
    """300 MB, be it one line: encoded and described within 500 MB."""
    path = tmp_path / "long.txt"
    block = (b"the keeper watched the harbour at dawn, " * 25 + end) * 1000
    with path.open("wb") as file:
        while file.tell() < 300_000_000:
            file.write(block)
    process = other_process(MEASURE, path, tmp_path / "cache", tokenizer)
    characters, tokens, kilobytes = map(int, process.stdout.readline().split())
    assert characters == path.stat().st_size and tokens > 100_000_000
    assert kilobytes * 1024 <= 500_000_000
    path.unlink()
    shutil.rmtree(tmp_path / "cache")


# -- files that are read whole -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["config.json", "vocabulary.json"])
def test_a_run_with_a_link_in_it_is_refused_in_one_line(
    cli: Callable[..., Any], workspace: Workspace, tmp_path: Path, file: str
) -> None:
    """The link is named and not followed: no "unexpected" error, exit code 4."""
    assert cli(*TRAIN, "--corpus", "small", "--run", "tm").code == 0
    target = tmp_path / "target"
    (workspace.runs / "tm" / file).rename(target)
    (workspace.runs / "tm" / file).symlink_to(target)
    line = cli("sample", "tm", "--length", "3").refused()
    assert f"tm/{file} is a link" in line and "not followed" in line


def test_a_file_that_cannot_be_read_is_bad_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system says of it; only a file that is not there is told apart."""
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(BadDataError, match=r"cannot read .*file/below: Not a directory"):
        storage.read_file(tmp_path / "file" / "below")

    def refuse(*arguments: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BadDataError, match=r"cannot read .*file: Permission denied"):
        storage.read_file(tmp_path / "file")


def test_a_user_dictionary_that_cannot_be_read_is_told(cli: Callable[..., Any], tmp_path: Path) -> None:
    """Missing, a folder or a link: exit code 2 with the field's path, in one line."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "missing", tmp_path, link):
        words = ("--tokenizer", "jieba", "--set", f"text.user_dictionary={path}")
        answer = cli("corpora", "show", "small", *words)
        assert answer.code == 2 and answer.err.count("\n") == 1 and answer.out == ""
        assert "text.user_dictionary" in answer.err and str(path) in answer.err and "unexpected" not in answer.err
