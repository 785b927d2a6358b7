"""Copying out of a terminal: each way, and the word about which one it was."""

import base64
import stat
import sys

import pytest

from rnnbench.tui.panes import clipboard


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """No tmux, and a state folder where the tests expect it."""
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def _fake_tmux(folder, monkeypatch, code):
    """A tmux that keeps what it is given and ends with a code."""
    folder.mkdir()
    tmux = folder / "tmux"
    tmux.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        f"pathlib.Path({str(folder)!r}, 'taken').write_bytes(' '.join(sys.argv[1:]).encode() + b'|' + sys.stdin.buffer.read())\n"
        f"sys.exit({code})\n"
    )
    tmux.chmod(tmux.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setenv("TMUX", "/tmp/socket,1,0")


async def _copied(bench, script, monkeypatch, text):
    """What was written to the terminal and what was said."""
    async with bench(script.WIDE) as it:
        written = []
        monkeypatch.setattr(it.app._driver, "write", written.append)
        it.screen.say("")
        it.app.copy_to_clipboard(text)
        await it.until(lambda: "clipboard" in it.screen.status.message or "copied" in it.screen.status.message)
        return [sent for sent in written if "]52;" in sent], it.screen.status.message


async def test_tmux_is_asked_first(bench, script, tmp_path, monkeypatch):
    """Inside tmux the text goes to tmux by its standard input, and nowhere else."""
    _fake_tmux(tmp_path / "bin", monkeypatch, 0)
    sent, told = await _copied(bench, script, monkeypatch, "春 text")
    assert not sent and told == "6 characters copied through tmux"
    assert (tmp_path / "bin" / "taken").read_bytes() == "load-buffer -w -|春 text".encode()
    assert not clipboard.clipboard_file().exists()


@pytest.mark.parametrize("inside_tmux", [False, True])
async def test_terminal_and_file_otherwise(bench, script, tmp_path, monkeypatch, inside_tmux):
    """Without tmux, or with one that refuses, OSC 52 is sent; that may be ignored, so the text is in a file as well."""
    if inside_tmux:
        _fake_tmux(tmp_path / "bin", monkeypatch, 1)
    sent, told = await _copied(bench, script, monkeypatch, "春 text")
    assert sent == [f"\x1b]52;c;{base64.b64encode('春 text'.encode()).decode()}\a"]
    assert clipboard.clipboard_file().read_text(encoding="utf-8") == "春 text"
    assert told == (
        f"6 characters copied with OSC 52 (the terminal must allow it); also in {clipboard.clipboard_file()}"
    )


async def test_text_that_no_terminal_takes(bench, script, monkeypatch):
    """A text beyond what terminals accept by OSC 52 goes into the file only, and that is said."""
    sent, told = await _copied(bench, script, monkeypatch, "x" * (clipboard.LONGEST + 1))
    assert not sent and told == f"too long for the terminal's clipboard; it is in {clipboard.clipboard_file()}"


def test_no_way_at_all_is_said(tmp_path, monkeypatch):
    """A state folder that cannot be made leaves OSC 52, and what is too long for it is not claimed to be copied."""
    (tmp_path / "state").write_text("a file in the way")
    copied = clipboard._hand_over("x" * (clipboard.LONGEST + 1))
    assert copied.file is None and "too long" in copied.told and str(tmp_path) in copied.told
    assert clipboard._hand_over("x").told == "1 characters copied with OSC 52 (the terminal must allow it)"


async def test_command_can_be_copied(bench, script):
    """The command dialog copies its line, from inside its text field."""
    async with bench(script.WIDE) as it:
        await it.see("story.txt")
        await it.keys("1", "home", "enter", "c")
        await it.see("This form as a command", "^y Copy")
        await it.keys("ctrl+y")
        await it.see("copied with OSC 52")
        assert clipboard.clipboard_file().read_text() == "rnnbench train --headless --run story-lstm --corpus story.txt"
