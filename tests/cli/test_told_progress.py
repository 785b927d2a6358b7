"""How far a reading is, told to a program on stderr."""

import json

from rnnbench.cli import told_progress
from rnnbench.cli.told_progress import ToldProgress


def test_share_and_phase_are_told_as_json_lines(monkeypatch, capsys):
    """Each line is a record; a phase that begins again, because a long text is read twice, says so."""
    monkeypatch.setattr(told_progress, "SECONDS", 0.0)
    told = ToldProgress()
    for done in (0, 34, 100, 10):
        told("reading the text", done, 100)
    told("counting", 5, 0)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["share"] for line in lines] == [0.0, 0.34, 1.0, 0.1, 1.0]
    assert [line["phase"] for line in lines][-2:] == ["reading the text again", "counting"]


def test_lines_are_few(capsys):
    """However often it hears something, it speaks a few times a second."""
    told = ToldProgress()
    for done in range(1000):
        told("reading the text", done, 1000)
    assert len(capsys.readouterr().err.splitlines()) < 100


def test_description_comes_with_its_progress(cli):
    """`corpora show --progress` answers on stdout as before."""
    answer = cli("corpora", "show", "small", "--json", "--progress")
    assert answer.json["characters"] and json.loads(answer.err.splitlines()[0])["phase"]
