"""Talking to a run: prompts, commands, answers, copies."""

import subprocess

import pytest
from textual.widgets import Input

from rnnbench.runs.slashes import SampleRequest, describe, help_text, read_line
from rnnbench.tui.messages import (
    AnswerArrived,
    AnswersEnded,
    FillingArrived,
    SampleBegun,
    SamplerFailed,
    TokensArrived,
)
from rnnbench.tui.panes import clipboard, voices
from rnnbench.tui.panes.generate import GeneratePane
from rnnbench.tui.panes.transcript import Transcript


@pytest.fixture(autouse=True)
def sampler(monkeypatch, fake_sampler):
    """No sampling process; gives the sampler of the run that was opened last."""
    monkeypatch.setattr(voices, "Sampler", fake_sampler)
    monkeypatch.setattr(voices, "LET_GO_SECONDS", 60.0)
    return lambda: fake_sampler.made[-1]


@pytest.fixture
def talk(bench, make_run, script):
    """A workbench with a run that has a checkpoint, and the cursor in the prompt."""
    run = make_run("r", script.started(), script.step(60), script.finished(60))
    (run.checkpoints / "step-60").mkdir()

    def open_talk(size=script.WIDE):
        return bench(size, run="r")

    return open_talk


async def enter(it, text):
    await it.until(lambda: it.screen.attachment is not None)
    it.screen.query_one("#prompt", Input).value = text
    it.screen.query_one("#prompt").focus()
    await it.keys("enter")


def transcript(it):
    return it.screen.query_one(Transcript).plain


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_prompt_is_written_on_from(talk, sampler, size):
    """The text streams in behind the prompt, and its figures follow in a line of their own."""
    async with talk(size) as it:
        await it.keys("f4")
        await enter(it, "The clock")
        assert sampler().asked[0].prompt == "The clock"
        sampler().answer(" struck.\nNobody looked.", unknown=("z",))
        await it.see("The clock struck.", "Nobody looked.")
        await it.see("10 tokens", "1,234 tokens/s", "-1.500 nats/token", "seed 7", "step 60")
        assert "not in the vocabulary: z" in transcript(it)


async def test_generated_control_codes_are_harmless(talk, sampler):
    """A model that has learned colour codes, or markup, cannot colour the screen."""
    async with talk() as it:
        await enter(it, "[b]x")
        sampler().answer("\x1b[31m[/b][@click=app.quit]\x9b")
        await it.see("[b]x␛[31m[/b][@click=app.quit]\\x9b")
        assert "\x1b" not in it.text()


async def test_escape_cancels_and_then_leaves(talk, sampler):
    """Esc stops a text that is being written; only the next one leaves the field."""
    async with talk() as it:
        await enter(it, "a")
        await it.keys("escape")
        assert sampler().cancelled == 1
        assert isinstance(it.screen.focused, Input)
        sampler().answer("b", cancelled=True)
        await it.see("stopped  10 tokens")
        await it.keys("escape")
        assert not isinstance(it.screen.focused, Input)


async def test_one_text_at_a_time(talk, sampler):
    """A second prompt waits in the field while the first is being written, and nothing is lost."""
    async with talk() as it:
        await enter(it, "a")
        await enter(it, "second")
        await it.see("still writing")
        assert len(sampler().asked) == 1
        assert it.screen.query_one("#prompt", Input).value == "second"
        sampler().answer(" b")
        await it.see("a b")


async def test_commands_change_what_is_asked(talk, sampler):
    """Settings go into the next request and are shown above the prompt."""
    async with talk() as it:
        for line in ("/temp 0.3", "/topk 5", "/len 12", "/seed 99", "/ckpt last"):
            await enter(it, line)
        await it.see("temp 0.3  topk 5  len 12  seed 99  ckpt last")
        await enter(it, "x")
        expected = SampleRequest("x", 12, 0.3, 5, seed=99, checkpoint="last", novelty="auto")
        assert sampler().asked == [expected]


async def test_wrong_commands_are_answered_in_the_transcript(talk, sampler):
    """An unknown command and a bad value say what is right, and nothing is asked of the model."""
    async with talk() as it:
        await enter(it, "/nope 3")
        await enter(it, "/temp hot")
        await it.see("unknown command /nope", "/temp hot: give a number above 0")
        assert sampler().asked == []


async def test_history_is_recalled_with_the_arrows(talk, sampler):
    """Up and down go through what was entered; the line being written comes back at the end."""
    async with talk() as it:
        await enter(it, "/temp 0.5")
        await enter(it, "/temp 0.6")
        prompt = it.screen.query_one("#prompt", Input)
        await it.type("draft")
        values = []
        for key in ("up", "up", "up", "down", "down"):
            await it.keys(key)
            values.append(prompt.value)
        assert values == ["/temp 0.6", "/temp 0.5", "/temp 0.5", "/temp 0.6", "draft"]


async def test_run_without_a_checkpoint_says_so(bench, make_run, script, sampler):
    """Before the first checkpoint there is nothing to talk to, and the pane says it."""
    make_run("r", script.started())
    async with bench(script.WIDE) as it:
        await enter(it, "hello")
        await it.see("run r has no checkpoint yet")
        assert sampler().asked == []


async def test_no_run_says_what_to_do(bench, script):
    """Without a run, a prompt is answered with the way to one."""
    async with bench(script.WIDE) as it:
        it.screen.query_one("#prompt").focus()
        await it.type("hello")
        await it.keys("enter")
        await it.see("no run is open: start one (s)")


async def test_failure_of_the_sampler_is_shown(talk, sampler):
    """What the sampler died of stands in the transcript, and the next prompt can be asked."""
    async with talk() as it:
        await enter(it, "a")
        sampler().target.post_message(SamplerFailed("out of memory [x]", 1))
        await it.see("out of memory [x]")
        await enter(it, "b")
        assert len(sampler().asked) == 2


async def test_another_run_has_another_sampler(talk, make_run, script, sampler):
    """Opening another run ends the sampler of the first."""
    async with talk() as it:
        await enter(it, "a")
        first = sampler()
        it.screen.open(make_run("other", script.started()))
        assert first.closed and sampler() is not first and sampler().run_name == "other"
        assert "left unfinished" in transcript(it)


async def test_save_keeps_the_last_text(talk, sampler, workspace):
    """/save writes the last text, prompt included, into the run's folder, and never over an earlier one."""
    async with talk() as it:
        await enter(it, "/save")
        await it.see("nothing has been written yet")
        await enter(it, "山")
        sampler().answer("中")
        await it.see("10 tokens")
        await enter(it, "/save")
        await it.until(lambda: "sample-1.txt" in transcript(it))
        await enter(it, "/save")
        await it.until(lambda: "sample-2.txt" in transcript(it))
        folder = workspace.runs / "r" / "samples"
        assert (folder / "sample-1.txt").read_text(encoding="utf-8") == "山中\n"


async def test_copy_says_which_way_it_went(talk, sampler, monkeypatch):
    """Outside tmux the terminal is asked by OSC 52, inside it tmux is asked; the transcript says which."""
    monkeypatch.delenv("TMUX", raising=False)
    async with talk() as it:
        await enter(it, "a")
        sampler().answer("b")
        await it.see("10 tokens")
        await enter(it, "/copy")
        await it.see("2 characters copied with OSC 52")
        monkeypatch.setattr(clipboard, "copy_through_tmux", lambda text: True)
        await enter(it, "/copy")
        await it.see("2 characters copied through tmux")


def test_copy_through_tmux_hands_over_the_text(monkeypatch):
    """tmux gets the text on its standard input; its refusal is reported."""
    calls = []

    def run(command, *, input, **_):
        calls.append((command[1:], input))
        return subprocess.CompletedProcess(command, len(calls) - 1)

    monkeypatch.setenv("TMUX", "/tmp/x")
    monkeypatch.setattr(clipboard.shutil, "which", lambda name: "/usr/bin/tmux")
    monkeypatch.setattr(clipboard.subprocess, "run", run)
    assert clipboard.copy_through_tmux("山") is True
    assert clipboard.copy_through_tmux("x") is False
    assert calls[0] == (["load-buffer", "-w", "-"], "山".encode())


async def test_notes_do_not_break_a_text_that_is_being_written(talk, sampler):
    """A setting changed in the middle stands below; the text goes on where it was."""
    async with talk() as it:
        await enter(it, "one")
        sampler().target.post_message(TokensArrived(1, " two"))
        await enter(it, "/temp 0.5")
        sampler().answer(" three")
        await it.see("one two three", "temp 0.5")


async def test_scrolled_up_transcript_stays_where_it_is(talk, sampler):
    """New text does not tear the reader away from an older one; at the end it follows again."""
    async with talk() as it:
        view = it.screen.query_one(Transcript)
        for number in range(80):
            view.add(f"line {number}")
        await it.until(lambda: view.allow_vertical_scroll)
        view.scroll_to(y=10, animate=False)
        await it.until(lambda: view.scroll_offset.y == 10)
        view.add("new")
        await it.pilot.pause()
        assert view.scroll_offset.y == 10
        view.scroll_end(animate=False)
        await it.until(lambda: view.scroll_offset.y == view.max_scroll_y)
        view.add("newest")
        await it.see("newest")


async def test_long_text_is_wrapped_by_cells_and_again_after_a_resize(talk, sampler, script):
    """Chinese text fills the line with characters of two cells, and nothing is lost on the way."""
    async with talk() as it:
        await enter(it, "山")
        sampler().answer("中有友居" * 100)
        await it.until(lambda: transcript(it).count("居") == 100)
        view = it.screen.query_one(Transcript)
        await it.pilot.resize_terminal(*script.NARROW)
        await it.pilot.pause()
        block = view._blocks[1]
        assert "".join(block.lines) == "山" + "中有友居" * 100
        assert max(len(line) for line in block.lines) * 2 <= view.size.width


@pytest.mark.parametrize(
    "line,expected",
    [
        ("/greedy on", "greedy  len 200  seed free  ckpt best"),
        ("/topk off", "temp 0.8  topk off  len 200  seed free  ckpt best"),
        ("/seed off", "temp 0.8  topk off  len 200  seed free  ckpt best"),
        ("/ckpt 600", "temp 0.8  topk off  len 200  seed free  ckpt 600"),
        ("/len", "temp 0.8  topk off  len 200  seed free  ckpt best"),
    ],
)
def test_command_language(line, expected):
    """Each command changes one setting; without a value it tells the settings."""
    reply = read_line(line, SampleRequest(""))
    assert not reply.wrong and reply.prompt is None
    assert describe(reply.settings) == expected


@pytest.mark.parametrize(
    "line",
    ["/temp 0", "/temp nan", "/topk -1", "/len 0", "/len 1000000", "/seed x", "/greedy maybe", "/ckpt first", "/"],
)
def test_bad_values_change_nothing(line):
    """A value that cannot be used is answered, and the settings stay."""
    reply = read_line(line, SampleRequest(""))
    assert reply.wrong and reply.message and reply.settings == SampleRequest("")


def test_two_slashes_begin_a_prompt_with_one():
    """A prompt may begin with a slash, and keeps its spaces."""
    assert read_line("//etc ", SampleRequest("")).prompt == "/etc "
    assert read_line(" a", SampleRequest("")).prompt == " a"


async def test_help_lists_every_command(talk):
    """/help names each command that is understood."""
    async with talk() as it:
        await enter(it, "/help")
        for name in ("/temp", "/topk", "/len", "/seed", "/greedy", "/ckpt", "/copy", "/save", "/clear"):
            assert name in transcript(it)
        await enter(it, "/clear")
        assert transcript(it) == ""


async def test_help_of_the_pane_is_the_command_language(talk):
    """The pane's help is the command language itself, said once."""
    async with talk() as it:
        about = it.app.screen.query_one(GeneratePane).about()
        assert about.startswith("Talk to the open run") and about.count("  /temp ") == 1


@pytest.fixture
def talk_of(bench, make_run, script):
    """Opens a workbench with a run of a task that has a checkpoint."""

    def open_talk(task):
        run = make_run("r", script.started(task=task), script.step(60), script.finished(60))
        (run.checkpoints / "step-60").mkdir()
        return bench(script.WIDE, run="r")

    return open_talk


async def test_blanks_are_filled_in_the_pane(talk_of, sampler):
    """The pane says what a cloze run does, asks only what it knows, and shows each filling with its probability."""
    async with talk_of("cloze") as it:
        await it.see("fills blanks written as _", "text with a blank _ for each missing token", "count free")
        await enter(it, "/count 2")
        await enter(it, "/temp 0.5")
        await it.see("/temp means nothing to a cloze run")
        await enter(it, "The c_ock")
        asked = sampler().asked[0].record()
        assert asked == {"prompt": "The c_ock", "checkpoint": "best", "count": 2}
        sampler().target.post_message(SampleBegun(1, 60, None, ("漢",)))
        sampler().target.post_message(FillingArrived(1, "The clock", 0.71))
        sampler().target.post_message(FillingArrived(1, "The c\x1bock", 0.2))
        sampler().target.post_message(AnswersEnded(1, 2, 0.125, False))
        await it.see("71.0%  The clock", "20.0%  The c␛ock", "0.12 s  step 60  not in the vocabulary: 漢")
        assert it.screen.query_one(GeneratePane)._written() == "The clock"


async def test_lines_are_answered_in_the_pane(talk_of, sampler):
    """A seq2seq run is asked with its own settings, and its answers stand below the line."""
    async with talk_of("seq2seq") as it:
        await it.see("answers a line", "a line to be answered", "beam 1  count 1")
        for line in ("/beam 3", "/count 2", "/like on"):
            await enter(it, line)
        await it.see("beam 3  count 2  as long as the line")
        await enter(it, "雲對雨")
        asked = sampler().asked[0].record()
        assert asked == {"prompt": "雲對雨", "checkpoint": "best", "count": 2, "beam": 3, "like_source": True}
        sampler().target.post_message(SampleBegun(1, 60, None, ()))
        sampler().target.post_message(AnswerArrived(1, "雪對風", 3, -1.5))
        sampler().target.post_message(AnswersEnded(1, 1, 0.5, False))
        await it.see("-> 雪對風  (-1.50 nats)", "0.50 s  step 60")


@pytest.mark.parametrize("task,others", [("cloze", ("/temp", "/beam")), ("seq2seq", ("/len", "/greedy"))])
def test_help_leaves_out_what_a_run_does_not_know(task, others):
    """/help of a task lists its commands only, and the wrong ones are answered."""
    text, settings = help_text(task), SampleRequest("", task=task)
    assert "/count" in text and "/ckpt" in text
    for other in others:
        assert other not in text
        assert read_line(f"{other} 2", settings).wrong


def test_fill_is_a_word_for_a_prompt():
    """/fill text asks a cloze run, as the prompt alone does."""
    assert read_line("/fill 我有__剑", SampleRequest("", task="cloze")).prompt == "我有__剑"
    assert read_line("/fill 我有__剑", SampleRequest("")).wrong
