"""Describing texts in a child: how far it is, what it complains of, and that it is left when nobody wants it."""

import sys

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.tui.describer import Described, Describer, Reading, Wanted
from rnnbench.tui.panes.corpus_facts import facts
from rnnbench.tui.panes.corpus_rows import TextRow, columns, line


def wanted(path):
    """The request for a file."""
    return Wanted.of(path, CorpusConfig(file="?"), TextConfig())


def child(monkeypatch, code):
    """Let that be what describes."""
    monkeypatch.setattr(Wanted, "command", lambda self: [sys.executable, "-c", code])


def test_progress_is_told_and_is_no_complaint(monkeypatch, tmp_path, inbox):
    """Lines of progress arrive as they come; what else is said on stderr is what is wrong with the text."""
    said = r"""import sys; sys.stderr.write('{"phase": "reading the text", "share": 0.34}\nrnnbench: it is empty\n')"""
    child(monkeypatch, said)
    Describer(inbox).want(wanted(tmp_path))
    *told, answer = inbox.until(Described)
    assert [(item.phase, item.share) for item in told if isinstance(item, Reading)] == [("reading the text", 0.34)]
    assert isinstance(answer, Described) and answer.problem == "it is empty"


def test_text_that_is_left_is_not_read_on(monkeypatch, tmp_path, inbox):
    """Wanting another text ends the reading of the first, which is not told of any more."""
    first, second = tmp_path / "first", tmp_path / "second"
    code = "import sys, time; 'first' in sys.argv[1] and time.sleep(600); sys.exit('second is empty')"
    monkeypatch.setattr(Wanted, "command", lambda self: [sys.executable, "-c", code, self.path.name])
    describer = Describer(inbox)
    describer.want(wanted(first))
    describer.want(wanted(second))
    (answer,) = inbox.until(Described)
    assert isinstance(answer, Described) and (answer.wanted.path, answer.problem) == (second, "second is empty")


def test_a_child_that_cannot_be_started_is_told_of(monkeypatch, tmp_path, inbox):
    """Where the system gives no process, the text has a problem, and the workbench goes on."""
    monkeypatch.setattr(Wanted, "command", lambda self: [str(tmp_path / "nowhere")])
    Describer(inbox).want(wanted(tmp_path))
    (answer,) = inbox.until(Described)
    assert isinstance(answer, Described) and "No such file" in answer.problem


def test_share_that_is_read_is_shown(tmp_path):
    """While a long text is read, its place says how much of it is."""
    reading = Reading(wanted(tmp_path), "reading the text", 0.34)
    assert [str(part) for part in facts(None, reading, 40)] == ["reading the text 34%"]
    assert [str(part) for part in facts(None, None, 40)] == ["reading the text ..."]


def test_columns_of_the_list_go_where_there_is_no_room():
    """A wide list shows everything; a narrow one drops language and symbols first, and cuts names last."""
    row = TextRow("harbour-clock.txt", "77.1 kB", "utf-8", "en", "73")
    assert str(line(row, columns([row.name], 76))).split() == ["harbour-clock.txt", "77.1", "kB", "utf-8", "73", "en"]
    assert str(line(row, columns([row.name], 43))).split() == ["harbour-clock.txt", "77.1", "kB", "utf-8"]
    mixed = TextRow("lyrics.zip", "10.7 kB", "gb18030 + utf-8", "zh", "947")
    assert "gb18030 +1 " in str(line(mixed, columns([mixed.name], 76)))
    narrow = line(row, columns([row.name], 18))
    assert "…" in str(narrow) and narrow.cell_length <= 18
