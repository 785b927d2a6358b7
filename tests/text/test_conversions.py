"""Downloads become texts, or an error that says what they were instead."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnnbench.errors import CorpusError
from rnnbench.text.catalogue import Entry
from rnnbench.text.conversions import converted, poems_text, without_licence

ARCHIVE = Entry(
    name="tides",
    title="The Tides",
    language="en",
    address="https://texts.example/tides.zip",
    bytes=1000,
    licence="CC0",
    kind="zip",
    file="tides.txt",
    member="tides.txt",
    unpacked_bytes=1000,
)
BOOK = "Chapter 1\n\nThe tide came in.\n\n*** a row of stars ***\n\nThe tide went out.\n"


@pytest.mark.parametrize(
    "start",
    [
        "*** START OF THE PROJECT GUTENBERG EBOOK THE TIDES ***",
        "*** START OF THIS PROJECT GUTENBERG EBOOK THE TIDES ***",
        "***START OF THE PROJECT GUTENBERG EBOOK THE TIDES***",
        "*** START OF THE PROJECT GUTENBERG EBOOK THE TIDES,\nWITH A LONG TITLE ***",
        "*** START OF THE PROJECT GUTENBERG EBOOK 潮 *** ",
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_licence_around_a_text_is_cut_off(start: str, ends: str) -> None:
    """The text between the marks is left, exactly, whatever the marks' form and the line ends."""
    end = start.split("\n", maxsplit=1)[0].replace("START", "END")
    whole = f"A book\n\nTitle: The Tides\n\n{start}\n\n\n{BOOK}\n\n{end}\n\nFULL LICENSE\n"
    assert without_licence(whole.replace("\n", ends)) == BOOK


def test_the_editors_last_words_are_cut_off() -> None:
    """Older editions say before the mark that the text ends; that is not the author's sentence."""
    marks = "*** {} OF THE PROJECT GUTENBERG EBOOK X ***"
    whole = (
        f"{marks.format('START')}\n{BOOK}\nEnd of Project Gutenberg's The Tides, by Nobody\n\n{marks.format('END')}\n"
    )
    assert without_licence(whole) == BOOK


@pytest.mark.parametrize(
    "whole",
    [
        BOOK,
        "<html><body>Please log in to this network</body></html>",
        f"*** START OF THE PROJECT GUTENBERG EBOOK X ***\n{BOOK}",
        f"{BOOK}*** END OF THE PROJECT GUTENBERG EBOOK X ***\n",
        "*** END OF THE PROJECT GUTENBERG EBOOK X ***\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n",
        "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n",
    ],
)
def test_a_text_without_both_marks_is_refused(whole: str) -> None:
    """A page of a hotel's network, or a text that was cut short, does not become a corpus."""
    with pytest.raises(CorpusError, match="Project Gutenberg"):
        without_licence(whole)


LIST = [
    {"author": "甲", "rhythmic": "潮", "paragraphs": ["潮來。", "潮去。"], "tags": ["x"]},
    {"author": "乙", "rhythmic": "雨", "paragraphs": ["雨落。", " "]},
]
GROUPS = {
    "title": "二首",
    "content": [
        {"type": "一", "content": [{"chapter": "潮", "author": "甲", "paragraphs": ["潮來。", "潮去。"]}]},
        {"type": "二", "content": [{"chapter": "雨", "subchapter": None, "author": "乙", "paragraphs": ["雨落。"]}]},
    ],
}


@pytest.mark.parametrize("document", [LIST, GROUPS], ids=["list", "groups"])
def test_poems_become_paragraphs(document: Any) -> None:
    """Title and author, the lines, a blank line before the next poem, in either form that the collection uses."""
    text = poems_text(json.dumps(document, ensure_ascii=False).encode())
    assert text == "《潮》甲\n潮來。\n潮去。\n\n《雨》乙\n雨落。\n"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b"<html></html>",
        b"3",
        b'[{"paragraphs": "a line"}]',
        b'[{"paragraphs": [1]}]',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_json_of_something_else_is_refused(document: bytes) -> None:
    """Whatever was fetched instead of poems ends as one line, deep nesting included."""
    with pytest.raises(CorpusError, match="what was fetched is"):
        poems_text(document)


def archive(path: Path, **members: bytes) -> Path:
    """A zip file of these members; two underscores in a name are a slash."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/") + ".txt", data)
    return path


def test_one_member_is_taken(tmp_path: Path) -> None:
    """The wanted file is found in whatever folder it lies; nothing else is."""
    path = archive(tmp_path / "a.zip", some__folder__tides=b"in and out", about=b"read me")
    assert b"".join(converted(ARCHIVE, path)) == b"in and out"


def test_a_member_is_counted_while_it_unpacks(tmp_path: Path) -> None:
    """A small archive that unpacks to far more than the catalogue says is stopped on the way."""
    path = archive(tmp_path / "a.zip", tides=bytes(50_000_000))
    produced = 0
    with pytest.raises(CorpusError, match="unpacks to more than 2,000 bytes"):
        for block in converted(ARCHIVE, path):
            produced += len(block)
    assert produced <= 2000


def test_a_wrong_archive_is_refused(tmp_path: Path) -> None:
    """Without the member, with two of them, damaged, encrypted by its flag, or no archive: one line each."""
    whole = archive(tmp_path / "a.zip", tides=b"in and out " * 40).read_bytes()
    flagged = bytearray(whole)
    flagged[6] |= 1
    flagged[whole.index(b"PK\x01\x02") + 8] |= 1
    flipped = bytearray(whole)
    flipped[45] ^= 0xFF
    cases = [
        archive(tmp_path / "b.zip", waves=b"x").read_bytes(),
        archive(tmp_path / "c.zip", one__tides=b"x", two__tides=b"y").read_bytes(),
        whole[:-30],
        bytes(flagged),
        bytes(flipped),
        b"<html></html>",
    ]
    for case in cases:
        (tmp_path / "case.zip").write_bytes(case)
        with pytest.raises(CorpusError, match="archive"):
            list(converted(ARCHIVE, tmp_path / "case.zip"))


def test_a_text_is_left_alone(tmp_path: Path) -> None:
    """Bytes that need no conversion come through as they are."""
    data = b"\xef\xbb\xbfa\r\nb\xff"
    (tmp_path / "a").write_bytes(data)
    entry = replace(ARCHIVE, kind="text", member="", unpacked_bytes=0)
    assert b"".join(converted(entry, tmp_path / "a")) == data
