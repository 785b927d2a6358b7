"""The first screen: layout, keys, opening, starting, stopping, leaving."""

import asyncio
import os
import signal
import time

import pytest
from textual.widget import Widget
from textual.widgets import Input, Static

from rnnbench.errors import UsageError
from rnnbench.runs.queue import Queue
from rnnbench.runs.store import RunStore
from rnnbench.tui import actions
from rnnbench.tui.app import farewell, run_workbench
from rnnbench.tui.background import in_background
from rnnbench.tui.panes.fields import FieldRow
from rnnbench.tui.panes.model import ModelPane
from rnnbench.tui.panes.training import TrainingPane
from rnnbench.tui.preferences import LIGHT, TERMINAL

PANES = ("corpora", "model", "training", "generate")


async def test_wide_screen_shows_all_panes(bench, script):
    """At 120 columns the four panes are seen at once, Training wider than Corpora and above Generate."""
    async with bench(script.WIDE) as it:
        regions = {name: it.screen.pane(name).region for name in PANES}
        assert all(region.area for region in regions.values())
        assert regions["training"].width > regions["corpora"].width
        assert regions["training"].bottom == regions["generate"].y
        assert regions["corpora"].bottom == regions["model"].y
        await it.see("1 Corpora", "2 Model", "3 Training", "4 Generate")


@pytest.mark.parametrize("number,name", list(enumerate(PANES, 1)))
async def test_every_pane_is_reached_by_its_key_on_a_narrow_screen(bench, script, number, name):
    """At 80x24 one pane is seen at a time, and its number and its F-key both lead there."""
    async with bench(script.NARROW) as it:
        await it.keys("escape", str(number))
        assert [pane for pane in PANES if it.screen.pane(pane).display] == [name]
        assert it.focused_in(name)
        other = 1 if number != 1 else 2
        await it.keys(f"f{other}", f"f{number}")
        assert [pane for pane in PANES if it.screen.pane(pane).display] == [name]


async def test_resizing_keeps_the_widgets_and_the_focus(bench, script):
    """The same four widgets are laid out anew, and what was being typed stays."""
    async with bench(script.WIDE) as it:
        panes = [it.screen.pane(name) for name in PANES]
        await it.keys("4")
        await it.type("hello")
        await it.pilot.resize_terminal(*script.NARROW)
        await it.pilot.pause()
        assert [it.screen.pane(name) for name in PANES] == panes
        assert it.screen.query_one("#prompt", Input).value == "hello"
        assert [pane.NAME for pane in panes if pane.display] == ["generate"]
        await it.pilot.resize_terminal(*script.WIDE)
        await it.pilot.pause()
        assert all(pane.display for pane in panes)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 10), (300, 80)])
async def test_no_size_is_too_small_or_too_large(bench, make_run, script, size):
    """Nothing breaks on a tiny or a huge screen, with a run open and every pane visited."""
    make_run("r", script.started(), script.step(1, 2.0), script.evaluated(1, 2.0))
    async with bench(size) as it:
        for key in ("f1", "f2", "f3", "f4", "escape", "question_mark", "escape", "r", "escape"):
            await it.keys(key)
        assert it.app.is_running


async def test_tab_goes_from_field_to_field(bench, script):
    """Tab and shift+tab move between fields of a pane."""
    async with bench(script.NARROW) as it:
        await it.keys("2")
        first = it.screen.focused
        await it.keys("tab")
        second = it.screen.focused
        assert second is not first and it.focused_in("model")
        await it.keys("shift+tab")
        assert it.screen.focused is first


async def test_escape_leaves_a_field_so_that_digits_are_keys_again(bench, script):
    """In a text field a digit is text; after escape it is a pane."""
    async with bench(script.WIDE) as it:
        await it.keys("4", "1")
        assert it.screen.query_one("#prompt", Input).value == "1"
        await it.keys("escape")
        assert it.focused_in("generate")
        await it.keys("1")
        assert it.focused_in("corpora")
        assert it.screen.query_one("#prompt", Input).value == "1"


async def test_start_runs_what_the_form_says(bench, fake_jobs, script):
    """`s` starts the chosen corpus with the changed fields under a free name, and opens that run."""
    async with bench(script.WIDE) as it:
        await it.see("story.txt")
        it.screen.query_one(ModelPane).form.set("model.hidden", "32")
        await it.keys("1", "home", "enter", "s")
        await it.until(lambda: it.screen.attachment is not None)
        ((config, name),) = fake_jobs.started
        assert (config.corpus.file, config.model.hidden, name) == ("story.txt", 32, "story-lstm")
        await it.see("story-lstm", "starting")
        await it.until(lambda: it.focused_in("training"))


async def test_start_is_refused_without_a_corpus(bench, fake_jobs, script):
    """Nothing is started, and the message says where to choose a text."""
    async with bench(script.WIDE) as it:
        await it.keys("escape", "s")
        await it.until(lambda: "no corpus is chosen" in it.screen.status.message)
        assert not fake_jobs.started
        assert it.focused_in("corpora")


async def test_start_beside_a_running_run_asks_first(bench, make_run, fake_jobs, script):
    """A second `s` does not quietly halve the speed of the first run."""
    run = make_run("first", script.started(), script.step(1))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.until(lambda: it.screen.attachment and it.screen.attachment.state == "running")
            await it.until(lambda: "corpus.file" in it.screen.query_one(ModelPane).form.texts)
            await it.keys("escape", "s")
            await it.see("first is still training")
            await it.keys("n")
            assert not fake_jobs.started
            await it.keys("s", "y")
            await it.until(lambda: fake_jobs.started)


async def test_failure_to_start_is_told_as_plain_text(bench, fake_jobs, script, monkeypatch):
    """An error whose text looks like markup is shown as it is."""
    from rnnbench.runs import jobs

    def fail(*_):
        raise UsageError("no [bold]luck[/x] \x1b[31m")

    monkeypatch.setattr(jobs, "start", fail)
    async with bench(script.WIDE) as it:
        await it.see("story.txt")
        await it.keys("1", "home", "enter", "s")
        await it.see("no [bold]luck[/x] ␛[31m")


async def test_opens_on_the_running_run(bench, make_run, script):
    """At the start the workbench attaches to the run that is training, not to a newer one that is over."""
    running = make_run("running", script.started(), script.step(1, 2.0))
    older = time.time() - 1000
    os.utime(running.events_file, (older, older))
    make_run("newer", script.started(), script.finished(1))
    with script.training(running):
        async with bench(script.WIDE) as it:
            await it.see("running", "▶ running", "step 1/100")


async def test_opens_on_the_newest_run_and_fills_the_form_from_it(bench, make_run, script):
    """Without a running run the newest one is opened, and its choices can be started again under a free name."""
    make_run("old", script.started(), model={"hidden": 77}, training={"optimizer": "sgd", "max_steps": 9})
    async with bench(script.WIDE) as it:
        form = it.screen.query_one(ModelPane).form
        await it.until(lambda: form.texts.get("model.hidden") == "77")
        assert it.screen.status.message == "the form is filled from run old"
        assert form.texts == {
            "corpus.file": "story.txt",
            "model.hidden": "77",
            "training.optimizer": "sgd",
            "training.max_steps": "9",
        }
        assert form.config() == RunStore(it.screen._workspace).run("old").config()
        await it.until(lambda: it.screen.query_one(ModelPane).form.name() == "story-lstm")


async def test_opens_the_run_that_was_asked_for(bench, make_run, script):
    """A name given at the start wins over what is newest or running."""
    make_run("asked", script.started(), script.step(3))
    make_run("newer", script.started())
    async with bench(script.WIDE, run="asked") as it:
        await it.see("asked", "step 3/100")


def test_unknown_run_is_refused_before_the_screen_opens(workspace):
    """A wrong name is an error with the known names, not an empty screen."""
    with pytest.raises(UsageError, match="no run named nope"):
        run_workbench(workspace, "nope")


async def test_stop_asks_and_leaves_a_request(bench, make_run, script):
    """`x` stops only after a yes, by the request that the trainer looks for."""
    run = make_run("r", script.started(), script.step(1))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.until(lambda: it.screen.attachment and it.screen.attachment.state == "running")
            await it.keys("escape", "x")
            await it.see("Stop training r?")
            await it.keys("escape")
            assert not list(run.requests.iterdir())
            await it.keys("x", "y")
            await it.until(lambda: [path for path in run.requests.iterdir() if path.suffix == ".json"])
            await it.until(lambda: "asked r to stop" in it.screen.status.message)


async def test_resume_goes_on_with_the_open_run(bench, make_run, fake_jobs, script):
    """`u` resumes a run that is over, once, and shows that it is starting."""
    make_run("r", script.started(), script.step(5), script.saved(5), script.finished(5, "stopped"))
    async with bench(script.WIDE) as it:
        await it.see("stopped")
        await it.keys("escape", "u")
        await it.see("starting")
        assert fake_jobs.resumed == ["r"]
        await it.keys("u")
        assert fake_jobs.resumed == ["r"]


async def test_quit_is_at_once_and_says_what_goes_on(bench, make_run, workspace, script):
    """Leaving does not wait for a run that trains; the farewell names it, and says how many wait in the queue."""
    run = make_run("r", script.started(), script.step(1))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.see("▶ running")
            await it.keys("escape")
            await it.keys("q")
            await it.until(lambda: not it.app.is_running or it.app._exit)
        assert "Training goes on in the background: r. Open" in farewell(workspace)
        Queue(workspace).add(run.config(), "next")
        assert "in the background: r. 1 waits in the queue." in farewell(workspace)
    Queue(workspace).remove("next")
    assert farewell(workspace) == ""


@pytest.mark.parametrize("number,code", [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_signals_leave_the_screen_in_order(bench, script, number, code):
    """SIGTERM and SIGHUP end the app the ordinary way, which restores the terminal, with their exit code."""
    async with bench(script.NARROW) as it:
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
        await it.until(lambda: it.app._exit)
    assert it.app.return_value == code


async def test_help_names_every_action_of_the_place(bench, script):
    """`?` shows what the pane is for and all its keys, from the registry."""
    async with bench((120, 90)) as it:
        await it.keys("1", "question_mark")
        await it.see("The texts that can be trained on")
        for action in actions.actions_for("corpora", "workbench"):
            assert action.help in it.text()
        await it.keys("escape")
        assert it.focused_in("corpora")


async def test_palette_finds_actions_of_the_registry(bench, script):
    """ctrl+p offers every action and does the one that is picked, even from inside a text field."""
    async with bench(script.WIDE) as it:
        await it.keys("4", "ctrl+p")
        await it.see("Train the model of the form on the chosen text")
        assert it.app.screen.query_one(Input).cursor_blink is False
        await it.type("Light")
        await it.see("A dark or a light theme")
        await it.keys("enter")
        await it.until(lambda: it.app.theme == LIGHT)


async def test_command_shows_the_exact_line_and_saves_toml(bench, script, tmp_path, monkeypatch):
    """`c` shows the command of the form, saves the TOML, and replaces a file only after a yes."""
    monkeypatch.chdir(tmp_path)
    async with bench(script.WIDE) as it:
        await it.see("story.txt")
        await it.keys("1", "home", "enter")
        it.screen.query_one(ModelPane).form.set("model.hidden", "9")
        await it.keys("c")
        await it.see("This form as a command")
        shown = it.app.screen.query_one("#command-line", Static).content
        assert shown == "rnnbench train --headless --run story-lstm --corpus story.txt --hidden 9"
        await it.keys("enter")
        await it.see("saved")
        path = tmp_path / "story-lstm.toml"
        assert "hidden = 9" in path.read_text()
        path.write_text("mine")
        await it.keys("enter")
        await it.see("Replace it?")
        await it.keys("n")
        assert path.read_text() == "mine"
        await it.keys("enter", "y")
        await it.until(lambda: "hidden = 9" in path.read_text())


async def test_idle_workbench_paints_nothing(bench, make_run, script, monkeypatch):
    """With a finished run open and nobody typing, not a byte goes to the terminal."""
    make_run("r", script.started(), script.step(1), script.finished(1))
    async with bench(script.WIDE) as it:
        await it.see("finished", "vocabulary of", "5-gram")
        last = [time.monotonic()]
        monkeypatch.setattr(it.app, "_display", lambda screen, renderable: last.append(time.monotonic()))
        await it.until(lambda: time.monotonic() - last[-1] > 1.2, "it never stops painting")


async def test_entering_a_pane_paints_no_field_that_does_not_change(bench, script, monkeypatch):
    """Of a pane that becomes the active one its edges are painted, in the style of the theme, and what has the focus."""
    painted = []
    monkeypatch.setattr(FieldRow, "render_line", lambda row, y: painted.append(row) or Widget.render_line(row, y))
    async with bench(script.WIDE) as it:
        await it.keys("f1")
        await it.until(lambda: painted)
        painted.clear()
        await it.keys("f2", "f1")
        assert not painted
        model, corpora = it.screen.pane("model"), it.screen.pane("corpora")
        for pane, other in ((model, corpora), (corpora, model)):
            await it.keys(f"f{pane.number}")
            assert _edge_styles(it, pane) != _edge_styles(it, other)
        it.app.show_theme(TERMINAL)
        await it.until(lambda: any(style.reverse for style in _edge_styles(it, corpora)))


def _edge_styles(it, pane):
    strip = it.app.screen._compositor.render_strips()[pane.region.y].crop(pane.region.x, pane.region.right)
    return {segment.style for segment in strip}


async def test_training_pane_is_the_one_that_is_attached(bench, make_run, script):
    """Opening another run replaces the one that was open, in the log as well."""
    make_run("one", script.started(), script.finished(1, "failed", "first reason"))
    async with bench(script.WIDE, run="one") as it:
        await it.see("first reason")
        other = make_run("two", script.started(), script.finished(2, "failed", "second reason"))
        it.screen.open(other)
        await it.see("second reason", "two")
        assert "first reason" not in script.widget_text(it.screen.query_one(TrainingPane).query_one("LogView"))


async def test_tabs_and_keys_can_be_clicked(bench, script):
    """The mouse is a convenience: a tab shows its pane, a key in the last line does what it says."""
    async with bench(script.NARROW) as it:
        await it.pilot.click("#tabs", offset=(14, 0))
        assert it.focused_in("model")
        line = script.widget_text(it.screen.query_one("#keys"))
        await it.pilot.click("#keys", offset=(line.index("Help"), 0))
        await it.see("The choices of a new run")


async def test_bug_on_a_background_thread_is_not_swallowed(bench, script):
    """What goes wrong on a thread in a way nobody expected ends the program loudly, as it would elsewhere."""
    with pytest.raises(ZeroDivisionError):
        async with bench(script.NARROW) as it:
            in_background(it.screen, lambda: 1 // 0, lambda _: None, lambda _: None)
            await it.until(lambda: not it.app.is_running)


async def test_failing_file_system_is_told(bench, script):
    """An error of the system on a background thread becomes a message."""

    def fail():
        raise PermissionError(13, "Permission denied", "/x[y]")

    async with bench(script.NARROW) as it:
        in_background(it.screen, fail, lambda _: None, it.screen.fail)
        await it.see("Permission denied: '/x[y]'")


async def test_a_run_that_was_asked_for_is_what_is_seen(bench, make_run, script):
    """Where there is room for one pane, opening a run by name shows how it goes, not the list of texts."""
    make_run("asked", script.started(), script.step(3), script.finished(3))
    async with bench(script.NARROW, "asked") as it:
        await it.see("asked", "✓ finished", "step 3/100")
        assert it.focused_in("training")
