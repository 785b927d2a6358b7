"""Ten thousand texts that would drive a terminal, run an action or tear a row, through everything that shows text."""

import os
import random
import unicodedata

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.events import Paste
from textual.widget import Widget
from textual.widgets import Input

from rnnbench.errors import RnnbenchError
from rnnbench.runs.events import SampleDrawn, Warned
from rnnbench.runs.narration import Narrator
from rnnbench.tui.cells import cut, padded, wrap
from rnnbench.tui.inspector import Alternative, Reading, Token
from rnnbench.tui.panes import voices
from rnnbench.tui.panes.transcript import NOTE, Transcript
from rnnbench.tui.run_rows import RunRow
from rnnbench.tui.screens.inspect_drawing import BITS, detail, quoted
from rnnbench.tui.widgets.coloured_text import Coloured, lay_out
from rnnbench.tui.widgets.legend import last_values, legend
from rnnbench.tui.widgets.log_view import LogView
from rnnbench.tui.widgets.parts import Look, Rule, Series
from rnnbench.visible import visible

COUNT = 10_000
WIDTH = 57
_PIECES = (
    *(chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))),
    *("\x1b[2J", "\x1b[31m", "\x1b]52;c;ZXZpbA==\x07", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "\x1bP+q\x1b\\"),
    *("\x9b31m", "\x9d52;c;eA==\x9c", "\x1b[?1049l", "\x1b[6n", "\x1bc", "\x1b]0;title\x07", "\x1b_G\x1b\\"),
    *(
        "[bold",
        "[bold]",
        "[/x]",
        "[/]",
        "[@click=app.quit]",
        "[@click='app.quit']x[/]",
        "$text-error",
        "\\[",
        "[red on",
    ),
    *("\u202e", "\u202d", "\u2066", "\u2069", "\u200f", "\u200e", "\u061c", "\u2028", "\u2029", "\u0085"),
    *("\u200d", "\u200c", "\u200b", "\u2060", "\ufeff", "\ufe0f", "\ufe0e", "\u00ad", "\u034f", "\U000e0001"),
    *("a" + "\u0301" * 9, "\u0301", "\u20e3", "1\ufe0f\u20e3", "e\u0301\u0323"),
    *("👨\u200d👩\u200d👧", "❤\ufe0f", "👍🏽", "🇩🇪", "🇩", "🏴\U000e0067\U000e007f", "😀", "\U0001f3fd"),
    *("山中邮局", "（全角）", "한국", "\u1100\u1161\u11a8", "ﾊﾝｶｸ", "क्\u200dष", "می\u200cخواهم", "\u3000"),
    *("\ud800", "\udfff", "\ud83d", "\ufffe", "\uffff", "\U0010ffff", "\ue000"),
    *(" ", "  ", "x", "word", "-", "_", ".", "/", "%s", "{0}", "&amp;", "<b>", "w" * 30, "字" * 30),
)
_ACTING = {"Cc", "Cs", "Zl", "Zp"}
_DIRECTING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _texts(count=COUNT, seed=1):
    draw = random.Random(seed)
    texts = ["".join(draw.choices(_PIECES, k=draw.randrange(1, 8))) for _ in range(count)]
    texts[3] = "\x1b[31m[bold" * 2000
    return texts


def _harmless(text):
    """No character acts on a terminal, and every terminal that goes character by character agrees on the width."""
    for character in set(text):
        assert unicodedata.category(character) not in _ACTING, ascii(text)
        assert unicodedata.bidirectional(character) not in _DIRECTING, ascii(text)
    assert cell_len(text) == sum(map(cell_len, text)), ascii(text)


def _row(strip, width):
    """A row as wide as it has to be, harmless, and without an action under it but those of our own."""
    text = "".join(segment.text for segment in strip)
    assert sum(cell_len(segment.text) for segment in strip) == width, ascii(text)
    _harmless(text)
    assert not any(segment.control for segment in strip)
    assert not any("quit" in str(segment.style.meta.get("@click", "")) for segment in strip if segment.style)


def _screen(app):
    """The whole screen, row by row."""
    rows = app.screen._compositor.render_strips()
    assert len(rows) == app.size.height
    for strip in rows:
        _row(strip, app.size.width)


class _Alone(App):
    """A widget and nothing else."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self._only = widget

    def compose(self):
        yield self._only


def test_the_gate_lets_no_text_through():
    """What the gate lets through acts on nothing, and its width does not depend on the terminal."""
    for text in _texts():
        _harmless(visible(text))
        for line in visible(text, keep_newlines=True).split("\n"):
            _harmless(line)


def test_cells_are_counted_right():
    """Cut, padded and wrapped texts fit exactly."""
    for number, text in enumerate(map(visible, _texts())):
        width = number % 40
        assert cell_len(cut(text, width)) <= width
        assert cell_len(padded(text, width)) == width
        assert all(cell_len(line) <= max(width, 2) for line in wrap(text, width)), ascii(text)


async def test_log_lines():
    """Every line of the log is one row as wide as the log, from any column on."""
    async with _Alone(log := LogView()).run_test(size=(WIDTH, 20)) as pilot:
        texts = _texts()
        log.append(texts)
        await pilot.pause()
        width = log.scrollable_content_region.width
        for place in (0, 1, 30):
            log._start = place
            for y in range(0, COUNT, 1 if not place else 7):
                _row(log.render_line(y - log.scroll_offset.y), width)


async def test_transcript():
    """Prompts, what is written on, piece by piece, and notes."""
    async with _Alone(transcript := Transcript()).run_test(size=(WIDTH, 20)) as pilot:
        texts = _texts()
        for place in range(0, COUNT, 4):
            transcript.begin(texts[place])
            transcript.extend(texts[place + 1])
            transcript.extend(texts[place + 2])
            transcript.add(texts[place + 3], NOTE)
        await pilot.pause()
        for y in range(len(transcript._rows)):
            _row(transcript.render_line(y - transcript.scroll_offset.y), transcript.size.width)


def test_names_of_curves():
    """A legend of any names is no wider than it may be."""
    for text in _texts():
        row = legend(last_values([Series(text, [1], [2.0], "x")], [Rule(text, 3.0, "y")], Look()), WIDTH)
        shown = "".join(piece for piece, _ in row)
        _harmless(shown)
        assert cell_len(shown) <= WIDTH


def test_cells_of_the_list_of_runs():
    """Names, texts and models of any kind."""
    for text in _texts():
        for cell in RunRow(name=text, corpus=text, model=text).cells(0.0):
            _harmless(cell)


def test_tokens_that_are_inspected():
    """Coloured text, its tokens one by one, and the alternatives."""
    texts = _texts()
    for place in range(0, COUNT, 20):
        tokens = texts[place : place + 20]
        for line in lay_out(Coloured(tokens, [1.0] * len(tokens), BITS, max), WIDTH):
            assert sum(cells.width for cells in line) <= WIDTH
            for cells in line:
                _harmless(cells.text)
                assert cells.width == cell_len(cells.text)
        others = tuple(Alternative(text, 0.1) for text in tokens[:5])
        reading = Reading(1, 2.0, 1.0, tuple(Token(text, 1.0, 1, others) for text in tokens))
        for line in detail(reading, place % 20, None, WIDTH).plain.split("\n"):
            _harmless(line)
    for text in texts:
        _harmless(quoted(text))


def test_lines_about_events(make_event):
    """Warnings and samples become log lines that are harmless already."""
    narrator = Narrator()
    for text in _texts():
        for event in (Warned(message=text), make_event(SampleDrawn, prompt=text, text=text)):
            for line in narrator.tell(event):
                _harmless(line)


@pytest.fixture
def sampler(monkeypatch, fake_sampler):
    """No sampling process."""
    monkeypatch.setattr(voices, "Sampler", fake_sampler)
    return lambda: fake_sampler.made[-1]


def _as_file_names(texts):
    """Texts that can be the names of files: no slash, no NUL, short enough, no two alike."""
    names = {
        os.fsencode(text.encode("utf-8", "surrogateescape")[:80].decode("utf-8", "surrogateescape")) for text in texts
    }
    return sorted(names)


def _usable(texts):
    cleaned = (text.replace("/", "").replace("\0", "").strip(".") for text in texts)
    return [text for text in cleaned if text and not any("\ud800" <= each <= "\udfff" for each in text)]


@pytest.mark.slow
async def test_files_and_folders_on_the_screens(bench, make_run, workspace, script, sampler):
    """Names of texts and of runs, previews, configurations, samples: each screen keeps its rows, none runs an action."""
    texts = _usable(_texts(24, seed=2))
    for name in _as_file_names(texts):
        (workspace.root / "corpora" / os.fsdecode(name + b".txt")).write_text(
            "\n".join(texts), encoding="utf-8", errors="replace"
        )
    run = make_run(
        "plain",
        script.started(),
        *(script.step(number, 1.0) for number in range(1, 20)),
        *(Warned(message=text) for text in texts),
        *(SampleDrawn(step=19, prompt=text, text=text) for text in texts),
        script.finished(19, "failed", texts[0]),
        corpus={"file": texts[1]},
    )
    script.write(make_run("other", corpus={"file": texts[2]}, model={"hidden": 7}), script.started())
    for text in texts[:5]:
        (workspace.root / "runs" / text[:60]).mkdir(exist_ok=True)
    async with bench(script.WIDE, run=run.name) as it:
        await it.until(lambda: it.screen.attachment is not None)
        for _ in range(8):
            await it.keys("down")
            await it.pilot.pause()
            _screen(it.app)
        for keys in (["m"], ["left"], ["escape"], ["c"], ["escape"], ["question_mark"], ["escape"], ["r"]):
            await it.keys(*(("3", *keys) if keys == ["m"] else keys))
            await it.pilot.pause(0.1)
            _screen(it.app)
        await it.keys("space", "space", "c")
        await it.pilot.pause(0.2)
        _screen(it.app)


@pytest.mark.slow
async def test_what_is_said_and_entered(bench, make_run, script, sampler):
    """Errors, notifications, the status line, what a person pastes, recalls and gets as an answer."""
    run = make_run("r", script.started(), script.step(60), script.finished(60))
    (run.checkpoints / "step-60").mkdir()
    async with bench(script.WIDE, run="r") as it:
        await it.until(lambda: it.screen.attachment is not None)
        await it.keys("f4")
        for text in _texts(20, seed=3):
            it.screen.fail(RnnbenchError(text + "\n" + text * 9, text))
            it.screen.say(text)
            it.screen.query_one("#prompt").post_message(Paste(text))
            await it.pilot.pause()
            _screen(it.app)
            await it.keys("enter")
            if sampler().asked:
                sampler().answer(text, unknown=(text,))
            await it.keys("up")
            await it.pilot.pause()
            _screen(it.app)
            it.screen.query_one("#prompt", Input).value = ""
            it.app.clear_notifications()


async def test_last_words_of_a_trainer(bench, make_run, script):
    """What a trainer that crashed has printed."""
    run = make_run("crashed", script.started(), script.step(3))
    said = "\n".join(_texts(400, seed=4)).encode("utf-8", "surrogatepass")
    run.stderr_file.write_bytes(said)
    async with bench(script.WIDE, run="crashed") as it:
        await it.see("ended without saying why")
        _screen(it.app)


def test_every_kind_of_text_is_among_them():
    """The generator leaves nothing out."""
    drawn = "".join(_texts())
    assert all(piece in drawn for piece in _PIECES)
