"""Texts from standard input."""

import io
import sys
from types import SimpleNamespace

import pytest

from rnnbench.cli import stdin
from rnnbench.errors import CorpusError

TEXT = "".join(f"Line {number} of a text that came through a pipe.\n" for number in range(60)).encode()


@pytest.fixture
def pipe(monkeypatch):
    """Puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))

    return put


def test_the_same_text_is_the_same_file(pipe, tmp_path):
    """What comes in is kept whole, once, under a name that its bytes decide, and nothing else is left."""
    pipe(TEXT)
    path = stdin.keep(tmp_path / "corpora")
    pipe(TEXT)
    assert stdin.keep(tmp_path / "corpora") == path
    assert path.read_bytes() == TEXT
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    pipe(TEXT + b"more")
    assert stdin.keep(tmp_path / "corpora") != path


def test_nothing_on_standard_input_is_said(pipe, tmp_path, monkeypatch):
    """An empty pipe, a terminal and a closed input are refused in words; no file stays."""
    pipe(b"")
    with pytest.raises(CorpusError, match="standard input is empty"):
        stdin.keep(tmp_path)
    for nothing in (None, SimpleNamespace(isatty=lambda: True)):
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(CorpusError, match="no text comes from standard input"):
            stdin.keep(tmp_path)
    assert list(tmp_path.iterdir()) == []
