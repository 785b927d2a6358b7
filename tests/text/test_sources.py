"""From a file to text: strict about bytes, indifferent to line ends and to how the bytes are cut."""

import codecs
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.errors import CorpusError, Stopped
from rnnbench.text import encodings, sources
from rnnbench.text.sources import Source, preview

TEXT = "Première ligne, 你是谁\nsecond line 𝄞\n\nlast line without an end é"
LINE_ENDS = st.sampled_from(["\n", "\r\n", "a", "b", "é", "邮", "𝄞", "\ufeff", " "])


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Read so many bytes at a time, also where the encoding is looked for (a mark has up to four)."""

    def cut(size: int) -> None:
        monkeypatch.setattr(sources, "CHUNK_BYTES", size)
        monkeypatch.setattr(encodings, "SAMPLE_BYTES", max(size, 4))

    return cut


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the text will be."""
    return tmp_path / "text.txt"


def read(path: Path, **options: str) -> str:
    """The whole text of a file."""
    return "".join(Source(path, **options).chunks())  # type: ignore[arg-type]


# -- what comes out ----------------------------------------------------------------------------------------------------


def test_a_text_comes_out_as_it_is_with_its_counts(path: Path) -> None:
    """Characters, lines, bytes and the digest of the bytes; a last line without an end is a line."""
    path.write_text(TEXT, encoding="utf-8")
    source = Source(path)
    assert "".join(source.chunks()) == TEXT
    assert (source.characters, source.lines) == (len(TEXT), 4)
    assert source.bytes_read == source.size == len(TEXT.encode())
    assert source.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "lines"), [("a", 1), ("a\n", 1), ("a\nb", 2), ("\n", 1), ("\n\n", 2), ("a\r\nb\r\n", 2)]
)
def test_lines_are_counted_as_an_editor_does(path: Path, text: str, lines: int) -> None:
    """A line end ends a line and begins none."""
    path.write_bytes(text.encode())
    source = Source(path)
    list(source.chunks())
    assert source.lines == lines


def test_windows_line_ends_become_line_feeds(path: Path) -> None:
    """The same tokens from the same text, wherever it was written."""
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert read(path) == TEXT


def test_a_byte_order_mark_is_no_text(path: Path) -> None:
    """It is dropped at the beginning; the same character further on is kept."""
    path.write_bytes(codecs.BOM_UTF8 + b"a\xef\xbb\xbfb")
    assert read(path) == "a\ufeffb"


@given(st.lists(LINE_ENDS, min_size=1, max_size=60).map("".join), st.integers(1, 9))
def test_any_size_of_chunk_gives_the_same_text(
    path: Path, small_chunks: Callable[[int], None], text: str, size: int
) -> None:
    """Characters, line ends and the mark may be cut anywhere."""
    path.write_bytes(codecs.BOM_UTF8 + text.encode())
    small_chunks(size)
    expected = text.replace("\r\n", "\n")
    source = Source(path, encoding="utf-8")
    assert "".join(source.chunks()) == expected
    assert (source.characters, source.bytes_read) == (len(expected), 3 + len(text.encode()))
    assert source.lines == expected.count("\n") + (not expected.endswith("\n"))


@given(st.binary(max_size=40), st.integers(1, 9))
def test_any_size_of_chunk_gives_the_same_answer_for_any_bytes(
    path: Path, small_chunks: Callable[[int], None], data: bytes, size: int
) -> None:
    """Bytes that are text in one reading are the same text in every other, and bad ones are bad at the same place."""

    def answer() -> str:
        try:
            return read(path, encoding="utf-8")
        except CorpusError as error:
            return error.message.partition(", bytes ")[0]

    path.write_bytes(data)
    small_chunks(1 << 20)
    at_once = answer()
    small_chunks(size)
    assert answer() == at_once


@pytest.mark.parametrize("size", range(1, 8))
def test_a_line_end_cut_at_a_chunk_edge(path: Path, small_chunks: Callable[[int], None], size: int) -> None:
    """CR at the end of one chunk and LF at the beginning of the next are one line end."""
    path.write_bytes(b"abc\r\ndef\r\n\r\nx\r\n")
    small_chunks(size)
    assert read(path) == "abc\ndef\n\nx\n"


@pytest.mark.parametrize("count", [1, 7, len(TEXT) - 1, len(TEXT), len(TEXT) + 5])
@pytest.mark.parametrize("size", [3, 1 << 20])
def test_the_first_characters_only(path: Path, small_chunks: Callable[[int], None], size: int, count: int) -> None:
    """Exactly so many characters, not bytes, however they are cut; all when there are fewer."""
    path.write_text(TEXT, encoding="utf-8")
    small_chunks(size)
    source = Source(path, first_characters=count)
    assert "".join(source.chunks()) == TEXT[:count]
    assert source.characters == min(count, len(TEXT))


def test_a_preview_does_not_read_a_long_text_to_its_end(path: Path, make_text: Callable[[int], str]) -> None:
    """The first characters of a long text are there after its first megabyte or two."""
    text = make_text(100_000)
    path.write_text(text * 50)
    source = Source(path, first_characters=100)
    assert "".join(source.chunks()) == text[:100]
    assert source.bytes_read <= 2 << 20 < path.stat().st_size
    assert preview(path, 100) == text[:100]
    assert len(preview(path)) == 4000


def test_chunks_are_pieces_of_bounded_size(path: Path, make_text: Callable[[int], str]) -> None:
    """One line of several megabytes does not come at once."""
    path.write_text("x" * (3 << 20))
    assert max(len(chunk) for chunk in Source(path).chunks()) <= 1 << 20


# -- bytes that are not text -------------------------------------------------------------------------------------------

LONG = "Zeile 1, Ägypten\n第二行 邮局\n" * 20


def places() -> dict[str, int]:
    """Offsets between two characters of LONG, with chunks of 64 bytes in mind."""
    starts = [len(LONG[:count].encode()) for count in range(len(LONG) + 1)]
    edge = next(offset for offset in starts if offset >= 128)
    before = [offset for offset in starts if offset < 64][-1]
    return {
        "first": 0,
        "before an edge": before,
        "at an edge": edge,
        "middle": starts[len(LONG) // 2],
        "last": starts[-1],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "auto"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["plain", "marked"])
@pytest.mark.parametrize("offset", places().values(), ids=places())
@pytest.mark.parametrize("size", [64, 1 << 20])
def test_a_bad_byte_is_refused_with_its_place(
    path: Path, small_chunks: Callable[[int], None], size: int, offset: int, mark: bytes, encoding: str
) -> None:
    """Offset in bytes from the start of the file, line from 1, and the bytes in hex; nothing is guessed."""
    data = LONG.encode()
    path.write_bytes(mark + data[:offset] + b"\xff" + data[offset:])
    small_chunks(size if encoding == "utf-8" or offset >= 128 else 1 << 20)  # detection needs more than a few bytes
    line = data[:offset].count(b"\n") + 1
    with pytest.raises(CorpusError) as caught:
        read(path, encoding=encoding)
    assert "text.txt is not utf-8" in caught.value.message
    assert f"byte {offset + len(mark):,}, line {line}, bytes ff" in caught.value.message


@pytest.mark.parametrize("size", [1, 2, 3, 4, 1 << 20])
@pytest.mark.parametrize("torn", [b"\xe4", b"\xe4\xb8", b"\xf0\x9d\x84"])
def test_a_character_cut_off_at_the_end_is_refused(
    path: Path, small_chunks: Callable[[int], None], torn: bytes, size: int
) -> None:
    """A file that ends inside a character was not copied whole; the place is where the character begins."""
    path.write_bytes(b"ab\nc" + torn)
    small_chunks(size)
    with pytest.raises(CorpusError, match=rf"byte 4, line 2, bytes {torn.hex(' ')}$"):
        try:
            read(path, encoding="utf-8")
        except CorpusError as error:
            raise CorpusError(error.message) from None


@pytest.mark.parametrize("bad", [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe4\xb8a"])
def test_what_only_looks_like_text_is_refused(path: Path, bad: bytes) -> None:
    """Overlong forms, surrogates, code points beyond Unicode and broken sequences are no UTF-8."""
    path.write_bytes(b"abc\n" * 30 + bad)
    with pytest.raises(CorpusError, match="byte 120, line 31, bytes " + bad[:1].hex()):
        read(path, encoding="utf-8")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("encoding", "bad"), [("utf-8", b"\xe4\xbd"), ("gb18030", b"\xff"), ("utf-16-le", b"\x00\xdc"), ("cp1252", b"\x81")]
)
def test_marks_of_the_text_itself_are_not_counted_as_replaced(
    path: Path, small_chunks: Callable[[int], None], encoding: str, bad: bytes, size: int
) -> None:
    """A file may hold U+FFFD; only bytes that were not text are counted, wherever the chunks end."""
    small_chunks(size)
    own = "" if encoding == "cp1252" else "\ufffd"  # which cannot write it
    pieces = [f"a{own}{own}b\n".encode(encoding), bad, f"{own}\n".encode(encoding), bad, bad, "end\n".encode(encoding)]
    path.write_bytes(b"".join(pieces))
    source = Source(path, encoding=encoding, errors="replace")
    assert "".join(source.chunks()) == f"a{own}{own}b\n\ufffd{own}\n\ufffd\ufffdend\n"
    assert [member.replaced for member in source.facts] == [3]


def test_a_text_full_of_marks_has_nothing_replaced(path: Path) -> None:
    """Valid UTF-8 is valid with --errors replace, too."""
    path.write_text("one \ufffd two\n" * 100, encoding="utf-8")
    source = Source(path, errors="replace")
    assert "".join(source.chunks()).count("\ufffd") == 100
    assert [member.replaced for member in source.facts] == [0]


# -- what is no file of text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8])
def test_an_empty_text_is_refused(path: Path, data: bytes) -> None:
    """No bytes, or nothing but a mark."""
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=r"text\.txt is empty"):
        read(path)


def test_a_missing_text_is_told(path: Path) -> None:
    """The message names it, also when the file goes after it was looked at."""
    with pytest.raises(CorpusError, match=r"corpus not found: .*text\.txt"):
        read(path)
    path.write_text(TEXT)
    source = Source(path)
    assert source.check() == len(TEXT.encode())
    path.unlink()
    with pytest.raises(CorpusError, match=r"text\.txt"):
        list(source.chunks())


def test_a_fifo_does_not_make_anyone_wait(path: Path) -> None:
    """It is refused at once, though nobody writes to it."""
    os.mkfifo(path)
    with pytest.raises(CorpusError, match="is not a regular file"):
        read(path)


def test_a_device_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    """Each with what it is."""
    with pytest.raises(CorpusError, match="is not a regular file"):
        read(Path(os.devnull))
    with pytest.raises(CorpusError, match="is a directory"):
        read(tmp_path)


def test_an_unreadable_text_is_told(path: Path, tmp_path: Path) -> None:
    """A path through a file, a link in a circle, and a file without the right to read it."""
    path.write_text(TEXT)
    with pytest.raises(CorpusError, match=r"cannot read .*: Not a directory"):
        read(path / "below")
    circle = tmp_path / "circle.txt"
    circle.symlink_to(circle)
    with pytest.raises(CorpusError, match=r"cannot read .*: Too many levels"):
        read(circle)
    if os.geteuid() != 0:  # root may read everything
        path.chmod(0)
        with pytest.raises(CorpusError, match=r"cannot read .*: Permission denied"):
            read(path)


def test_a_hostile_file_name_is_shown_harmlessly(tmp_path: Path) -> None:
    """Escape sequences in a name do not reach the terminal through an error."""
    path = tmp_path / "a\x1b[2Jb\u202e.txt"
    for data in (None, b"", b"\xff" * 9):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(CorpusError) as caught:
            read(path, encoding="utf-8")
        assert not set(str(caught.value)) & {"\x1b", "\u202e"}


# -- reports -----------------------------------------------------------------------------------------------------------


def test_progress_is_told_and_can_end_the_work(path: Path, small_chunks: Callable[[int], None]) -> None:
    """Bytes done of all bytes, never backwards, to the end; a report that raises ends the reading."""
    path.write_text(LONG, encoding="utf-8")
    small_chunks(100)
    told: list[tuple[int, int]] = []
    list(Source(path).chunks(lambda phase, done, total: told.append((done, total))))
    size = path.stat().st_size
    assert {total for _, total in told} == {size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == size

    def stop(phase: str, done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        list(Source(path).chunks(stop))


@pytest.mark.parametrize(
    ("name", "characters", "lines"),
    [
        ("moliere.txt", 1_687_290, 67_663),
        ("timemachine.txt", 178_979, 3_221),
        ("tinyshakespeare.txt", 1_115_394, 40_000),
        ("hongloumeng.txt", 849_640, 3_138),
    ],
)
def test_real_texts_have_the_characters_and_lines_they_are_known_for(
    shared_corpus: Callable[[str], Path], name: str, characters: int, lines: int
) -> None:
    """Counted elsewhere, by other programs."""
    source = Source(shared_corpus(name))
    assert sum(len(chunk) for chunk in source.chunks()) == source.characters == characters
    assert source.lines == lines
