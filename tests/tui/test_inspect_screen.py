"""Looking into a model: a text by surprisal, units, gates; the program that answers is played by a small script."""

import json
import math
import os
import sys
import threading
from contextlib import asynccontextmanager

import pytest
from textual.widgets import DataTable, Input

from rnnbench.config import validate
from rnnbench.runs import jobs, ramp
from rnnbench.runs.events import SampleDrawn
from rnnbench.runs.ramp import Scale
from rnnbench.runs.store import RunStore
from rnnbench.tui import inspect_texts
from rnnbench.tui.app import WorkbenchApp
from rnnbench.tui.inspect_texts import excerpt, from_one_line, on_one_line, validation_text
from rnnbench.tui.inspector import GATES, SURPRISAL, Inspected, Inspector, Question
from rnnbench.tui.screens.inspect import InspectScreen
from rnnbench.tui.screens.inspect_drawing import detail, quoted
from rnnbench.tui.widgets.coloured_text import Coloured, ColouredText, lay_out

PROGRAM = r"""
import json, math, os, pathlib, sys, time
words = sys.argv[1:]
if "inspect" not in words:
    sys.exit(1)
option = lambda name: words[words.index(name) + 1]
what, path = option("--what"), pathlib.Path(option("--file"))
text = path.read_text(encoding="utf-8")
home = pathlib.Path(option("--workspace"))
with open(home / "asked.jsonl", "a") as log:
    log.write(json.dumps({"run": words[words.index("inspect") + 1], "what": what, "text": text, "words": words}) + "\n")
if text == "hang":
    (home / "pid").write_text(str(os.getpid()))
    time.sleep(600)
if text == "fail":
    sys.stderr.write("checkpoint of step 7\nrnnbench: no checkpoint \x1b[31mhere\n  train it first\n")
    sys.exit(2)
if text == "garble":
    print("[1, 2")
    sys.exit(0)
sys.stderr.write("checkpoint of step 7\nwarning: 2 tokens are few\n")
head = {"schema_version": 1, "run": "r", "checkpoint": 1234, "what": what}
if what == "surprisal":
    best = [{"text": "\x1b[2J[bold]", "probability": 0.5}, {"text": "b", "probability": 0.25}]
    tokens = [
        {"text": c, "surprisal_nats": place * math.log(2), "rank": place + 1, "alternatives": best}
        for place, c in enumerate(text)
    ]
    head |= {"perplexity": 3.5, "bits_per_character": 1.8074, "tokens": tokens}
elif what == "unit":
    unit = option("--unit")
    head |= {"unit": unit, "tokens": [{"text": c, "activation": place / 10} for place, c in enumerate(text)]}
elif what == "units":
    units = [{"unit": "1:3:c", "r": 0.75, "searched_r": 0.8}, {"unit": "1:1", "r": -0.5, "searched_r": -0.6}]
    head["properties"] = [
        {"property": "inside quotes", "meaning": "between marks", "mean": 0.1, "units": units},
        {"property": "digit", "meaning": "a digit", "mean": 0.0, "units": []},
    ]
else:
    head["gates"] = [{"layer": 1, "gate": "forget", "mean": 0.625, "closed": 0.0625, "open": 0.5}]
print(json.dumps(head))
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The script stands in for our program."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-S", str(path)))


@pytest.fixture
def asked(workspace):
    """What the program was asked, oldest first."""

    def read():
        path = workspace.root / "asked.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read


@pytest.fixture
def looking(bench, make_run, script, program, workspace, monkeypatch):
    """Opens the screen for a run, alone or from the workbench, in a terminal of 256 colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)

    @asynccontextmanager
    async def open_screen(size=None, sample="", through_workbench=False, **tables):
        drawn = [SampleDrawn(step=1, prompt=sample[:1], text=sample[1:])] if sample else []
        run = make_run("r", script.started(), script.step(1), *drawn, script.finished(1), **tables)
        (run.checkpoints / "step-00000001.json").write_text(json.dumps({"step": 1, "loss_nats": 1.0}))
        if not through_workbench:
            monkeypatch.setattr(WorkbenchApp, "get_default_screen", lambda app: InspectScreen(workspace, run, sample))
        async with bench(size or script.WIDE) as it:
            if through_workbench:
                await it.until(lambda: it.screen.attachment is not None)
                await it.until(lambda: it.screen.attachment.progress.step == 1)
                await it.keys("escape", "i")
                await it.until(
                    lambda: isinstance(it.app.screen, InspectScreen) and it.app.screen.query("#inspect-text")
                )
            yield it

    return open_screen


def field(it, name="text"):
    return it.app.screen.query_one(f"#inspect-{name}", Input)


async def opened(it):
    """The text that is offered has been read."""
    await it.until(lambda: it.app.screen._reading is not None)


async def enter(it, text):
    """Type a text and send it."""
    await opened(it)
    await it.keys("e")
    field(it).value = text
    await it.keys("enter")


async def read(it, text):
    """Type a text and have it read."""
    await enter(it, text)
    await it.until(lambda: it.app.screen._text == text.replace("↵", "\n"))
    await it.see("1.807 bits/character", "perplexity 3.500")


async def test_text_is_read_and_the_cursor_tells_of_each_token(looking, script, asked):
    """Enter reads the text; below it stand surprisal, rank and what was expected instead of the token at the cursor."""
    async with looking(script.NARROW) as it:
        await read(it, "ab↵cd")
        question = asked()[-1]
        assert (question["run"], question["what"], question["text"]) == ("r", "surprisal", "ab\ncd")
        await it.see("ab↵", "cd", "surprisal 0.00 bits", "rank 1", "0.2500")
        await it.keys("right")
        await it.see("'b'   surprisal 1.00 bits   rank 2   probability 0.5")
        await it.keys("down")
        await it.see("'d'   surprisal 4.00 bits")
        await it.keys("up", "home", "end", "left")
        await it.see("'c'   surprisal 3.00 bits")


async def test_colours_are_those_of_the_levels(looking):
    """Each token stands on the colour of its surprisal, but for the one at the cursor."""
    async with looking() as it:
        await read(it, "abcdefghijkl")
        papers = [tuple(each.style.bgcolor.triplet) for each in it.app.screen.query_one(ColouredText).render_line(0)]
        levels = [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9]
        assert papers[1:12] == [ramp.rgb(ramp.RAMP[level]) for level in levels]
        assert papers[0] not in papers[1:]


async def test_last_sample_is_offered_and_kept_to_the_letter(looking, asked):
    """The field begins with what the model wrote last; its control characters are shown harmless and asked as they are."""
    async with looking(sample="So\n\x1b[31mred\t.", through_workbench=True) as it:
        await it.until(lambda: field(it).value)
        assert field(it).value == "So↵␛[31mred␉."
        await it.see("So↵", "step 1,234")
        assert asked()[0]["text"] == "So\n\x1b[31mred\t."
        assert "\x1b" not in it.text()


async def test_validation_text_is_offered_without_a_sample(looking, workspace):
    """A run that wrote nothing yet offers the opening of the text it is validated on."""
    async with looking() as it:
        await it.until(lambda: field(it).value)
        config = RunStore(workspace).run("r").config()
        assert field(it).value == on_one_line(validation_text(workspace, config, 600))
        assert field(it).value


async def test_a_validation_text_that_is_empty_by_now_is_told(looking, monkeypatch):
    """The text of the field stays, nothing is said to be computed, and esc leads out of the field, not of the screen."""
    async with looking() as it:
        await it.until(lambda: field(it).value and not it.app.screen._busy)
        before = field(it).value
        monkeypatch.setattr(inspect_texts, "excerpt", lambda *of: "")
        await it.keys("v")
        await it.see("there is no text to look at")
        assert field(it).value == before and not it.app.screen._busy
        await it.keys("e", "escape")
        assert isinstance(it.app.screen, InspectScreen) and not isinstance(it.app.screen.focused, Input)


async def test_units_are_listed_and_colour_the_text(looking, asked):
    """2 lists properties with their best units, Enter colours the text by one, n takes the next, 1 goes back."""
    async with looking(model={"hidden": 3}) as it:
        await read(it, "abc")
        await it.keys("2")
        await it.see("inside quotes", "1:3:c", "+0.750", "+0.800", "between marks", "never changes: digit")
        assert len(asked()[-1]["text"]) > 50  # the validation text, not the three letters
        await it.keys("enter")
        await it.see("unit 1:3:c: 0 is 0.000, 9 is 0.200", "unit 1:3:c +0.000   surprisal 0.00 bits")
        await it.keys("right", "n")
        await it.see("unit 1:1:c +0.100")
        await it.keys("b", "b")
        await it.see("unit 1:2:c +0.100")
        assert next(each["text"] for each in asked() if each["what"] == "unit") == "abc"
        await it.keys("1")
        await it.see("surprisal in bits")
        await it.keys("2")
        await it.see("inside quotes")
        assert sum(each["what"] == "units" for each in asked()) == 1


async def test_units_are_sought_in_a_given_file(looking, workspace, asked):
    """A file's opening is read into the field, and its whole text is what units are sought in."""
    path = workspace.root / "other.txt"
    path.write_text("x" * 6000, encoding="utf-8")
    async with looking() as it:
        await opened(it)
        await it.keys("f")
        field(it, "file").value = str(path)
        await it.keys("enter")
        await it.see("5,000 tokens")
        await it.keys("2")
        await it.see("inside quotes", "one half of the file")
        assert [(each["what"], each["text"]) for each in asked()[1:]] == [
            ("surprisal", "x" * 5000),
            ("units", "x" * 6000),
        ]


async def test_missing_file_is_named(looking, workspace):
    """A path that leads nowhere is refused by name, and nothing goes on being busy."""
    async with looking() as it:
        field(it, "file").focus()
        field(it, "file").value = str(workspace.root / "gone.txt")
        await it.keys("enter")
        await it.until(lambda: "gone.txt" in it.app.screen.status.message)
        assert not it.app.screen._busy
        assert "esc stops it" not in it.text()


async def test_an_offer_that_comes_late_is_not_read(looking, workspace, monkeypatch, asked):
    """An excerpt that comes after something was asked for stands in the field, and is left there."""
    late = threading.Event()

    def excerpt_later(*_):
        assert late.wait(10)
        return "late"

    monkeypatch.setattr(inspect_texts, "excerpt", excerpt_later)
    async with looking() as it:
        await it.until(lambda: it.app.screen._config is not None)
        field(it, "file").focus()
        field(it, "file").value = str(workspace.root / "gone.txt")
        await it.keys("enter")
        await it.until(lambda: "gone.txt" in it.app.screen.status.message)
        late.set()
        await it.until(lambda: field(it).value == "late")
        assert not it.app.screen._busy
        assert asked() == []


async def test_a_field_that_is_typed_into_keeps_the_focus(looking):
    """The first answer may come while a path is typed."""
    async with looking() as it:
        field(it, "file").focus()
        await it.type("stor")
        await opened(it)
        await it.type("y")
        assert field(it, "file").value == "story"


async def test_gates_are_a_table(looking, asked):
    """3 shows each gate's mean and how often it is nearly closed and nearly open."""
    async with looking() as it:
        await read(it, "abc")
        await it.keys("3")
        await it.see("forget", "0.625", "6.2%", "50.0%")
        assert asked()[-1]["text"] == "abc"


async def test_escape_ends_the_child_then_leaves(looking, workspace):
    """Esc ends what computes and the screen stays; the next one leaves the field, the one after that goes back."""
    async with looking(through_workbench=True) as it:
        await enter(it, "hang")
        pid_file = workspace.root / "pid"
        await it.until(lambda: pid_file.exists() and pid_file.read_text())
        await it.keys("escape")
        await it.until(lambda: not alive(int(pid_file.read_text())))
        await it.see("stopped")
        assert isinstance(it.app.screen, InspectScreen)
        await it.keys("escape")
        assert isinstance(it.app.screen.focused, ColouredText)
        await it.keys("escape")
        await it.until(lambda: it.app.screen is it.screen)


async def test_leaving_the_program_ends_the_child(looking, workspace):
    """Nothing goes on computing for a screen that is gone."""
    async with looking() as it:
        await enter(it, "hang")
        pid_file = workspace.root / "pid"
        await it.until(lambda: pid_file.exists() and pid_file.read_text())
        it.app.exit()
    for thread in [each for each in threading.enumerate() if each.name == "inspector"]:
        thread.join(20)
    assert not alive(int(pid_file.read_text()))


async def test_failure_and_warning_reach_the_user(looking):
    """What the program complains of is said, without its narration; what it warns of is said beside an answer."""
    async with looking() as it:
        await enter(it, "fail")
        await it.until(lambda: it.app.screen.status.message == "no checkpoint ␛[31mhere train it first")
        await read(it, "ab")
        await it.until(lambda: it.app.screen.status.message == "warning: 2 tokens are few")


async def test_screen_says_what_to_do_until_a_text_is_read(looking, asked):
    """What is offered is read at once; until there is an answer the keys are named; v takes an excerpt."""
    async with looking(sample="hang", through_workbench=True) as it:
        await it.see("e type or paste a text", "v read an excerpt", "reading the text")
        await it.until(asked)
        await it.keys("escape", "v")
        await opened(it)
        assert len(it.app.screen._text) > 50 and asked()[-1]["text"] == it.app.screen._text
        await it.see("esc Back  1 Surprisal")
        await it.until(lambda: "type or paste" not in it.text())
        await it.keys("e")
        await it.see("esc Back  enter Read")


@pytest.mark.parametrize(
    "model,reason",
    [
        ({"task": "seq2seq"}, "is a seq2seq run; only language models can be looked into"),
        ({}, "has no checkpoint yet: there is no model to look into"),
    ],
    ids=["pairs", "no checkpoint"],
)
async def test_what_cannot_be_looked_into_is_refused_before_the_screen_opens(bench, make_run, script, model, reason):
    """Also in the list of runs; a long name gives way, not the reason."""
    name = "a-run-with-a-name-that-is-far-too-long-for-a-line"
    make_run(name, script.started(**model), script.step(1), script.finished(1), model=model)
    async with bench(script.NARROW, run=name) as it:
        await it.until(lambda: it.screen.attachment is not None)
        await it.keys("escape", "i")
        await it.see(reason)
        await it.keys("r")
        await it.until(lambda: it.app.screen is not it.screen)
        await it.see("a-run-with")
        await it.keys("i")
        await it.see(reason)


@pytest.mark.parametrize("number,found", [(0, "a"), (1, "b"), (2, "c"), (3, "a"), (7, "b")])
def test_excerpts_come_round(workspace, number, found):
    """Each press takes the next part of the validation text, and after the last the first."""
    text = "x" * 1000 + "a" * 600 + "b" * 600 + "c" * 100 + "x" * 1000
    (workspace.root / "corpora" / "parts.txt").write_text(text, encoding="utf-8")
    split = {"validation_fraction": 1300 / 3300, "test_fraction": 1000 / 3300}
    config = validate({"corpus": {"file": "parts.txt"} | split})
    assert set(excerpt(workspace, config, number)) == {found}


async def test_only_language_models_can_be_looked_into(looking, asked):
    """Of another kind of run the screen says so, and asks nothing."""
    async with looking(model={"task": "cloze", "bidirectional": True}) as it:
        await it.see("r is a cloze run; only language models can be looked into")
        field(it).value = "abc"
        await it.keys("enter")
        assert not asked()


async def test_without_colours_digits_stand_below_the_text(looking, script):
    """NO_COLOR loses nothing: each token has its level below it."""
    async with looking(script.NARROW) as it:
        it.app.no_color = True
        await read(it, "汉b\nc")
        await it.see("the digit below a token: surprisal in bits")
        lines = [line.strip() for line in it.text().splitlines()]
        place = lines.index("汉b↵")
        assert lines[place + 1 : place + 4] == ["0 12", "c", "3"]


@pytest.mark.parametrize("size", [(20, 8), (1, 1), (200, 60)], ids=["small", "one cell", "large"])
async def test_no_size_breaks_it(looking, size):
    """A tiny or a huge screen shows what fits, also of a table, and stays alive."""
    async with looking(size) as it:
        await opened(it)
        field(it).value = "abc" * 50
        await it.keys("enter")
        await it.until(lambda: len(it.app.screen._text) == 150)
        await it.keys("end", "up", "pageup", "2")
        await it.until(lambda: it.app.screen.query_one(DataTable).row_count or size == (1, 1))
        assert it.app.is_running


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_answer_that_is_none_is_a_problem(inbox, workspace, program):
    """What is no JSON answer becomes a message for a person, not a dead thread."""
    inspector = Inspector(inbox, workspace, "r")
    inspector.ask(Question(SURPRISAL, "garble"))
    message = inbox.next()
    assert isinstance(message, Inspected)
    assert message.answer is None and message.problem == "the program ended without an answer"


def test_only_the_last_question_is_answered(inbox, workspace, program):
    """A question that was replaced gets no answer, however far it was."""
    inspector = Inspector(inbox, workspace, "r")
    for _ in range(3):
        inspector.ask(Question(SURPRISAL, "hang"))
    last = Question(GATES, "ab")
    inspector.ask(last)
    message = inbox.next()
    assert isinstance(message, Inspected) and message.question is last
    assert inbox.messages.empty()


def test_program_that_cannot_start_is_a_problem(inbox, workspace, monkeypatch):
    """Without the program there is a message that says so."""
    monkeypatch.setattr(jobs, "PROGRAM", (str(workspace.root / "none"),))
    Inspector(inbox, workspace, "r").ask(Question(SURPRISAL, "ab"))
    message = inbox.next()
    assert isinstance(message, Inspected) and "could not be looked at" in message.problem


def test_lines_are_as_wide_as_they_may_be():
    """Never wider, wide characters and long tokens too; a mark joins what it stands on; a line end ends its line."""
    tokens = ["a", "汉", "b", "word", "c", "\n", "e", "\u0301", "x\ny", "abcdefgh", "\x9b"]
    coloured = Coloured(tokens, [0, 3, 9.5, 2, 99, 1, 4, 3, 6, 7, 8], Scale(0, 1), ramp.add)
    lines = lay_out(coloured, 6)
    assert ["".join(cells.text for cells in line) for line in lines] == [
        "a汉b", "wordc↵", "e\u0301x↵", "y", "abcdef", "gh\\x9b",
    ]  # fmt: skip
    assert all(sum(cells.width for cells in line) <= 6 for line in lines)
    assert [(cells.token, cells.level) for cells in lines[2]] == [(6, 7), (8, 6), (8, 6)]
    assert lay_out(Coloured([], [], Scale(0, 1), ramp.add), 6) == []


def test_a_field_gives_back_the_lines_it_was_given():
    """Line ends survive the way through a field of one line."""
    assert from_one_line(on_one_line("a\n\nb\n")) == "a\n\nb\n"


@pytest.mark.parametrize("train_tokens,start", [(None, 160), (50, 50)], ids=["all", "fewer"])
def test_validation_text_follows_what_is_trained_on(workspace, train_tokens, start):
    """It is the part that training leaves out: behind what is trained on, before what is tested on."""
    text = "".join(chr(0x4E00 + place) for place in range(200))
    (workspace.root / "corpora" / "numbered.txt").write_text(text, encoding="utf-8")
    split = {"validation_fraction": 0.1, "test_fraction": 0.1, "train_tokens": train_tokens}
    config = validate({"corpus": {"file": "numbered.txt"} | split})
    assert validation_text(workspace, config, 1000) == text[start : start + 20]
    assert validation_text(workspace, config, 5) == text[start : start + 5]


def test_tokens_of_a_table_are_harmless():
    """A token with escapes is quoted without them, and cut when it is long."""
    assert quoted("\x1b[0m ") == "'␛[0m '"
    assert len(quoted("x" * 500)) <= 48


def test_detail_beyond_the_text_is_empty():
    """A cursor without a token tells nothing."""
    from rnnbench.tui.inspector import Reading, Token

    reading = Reading(1, None, None, (Token("a", math.log(2), 1, ()),))
    assert not detail(reading, 5, None, 80).plain
    assert "probability 0.5" in detail(reading, 0, None, 80).plain
