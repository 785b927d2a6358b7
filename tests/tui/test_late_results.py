"""What comes late or twice: a result for a dialog that is covered, a run that was replaced, a curve that was emptied."""

import shutil
import threading

from textual.command import CommandPalette

from rnnbench.runs.events import RunResumed
from rnnbench.runs.progress import Curve
from rnnbench.runs.store import Run
from rnnbench.tui.attachment import Attachment, GrowingPerplexity
from rnnbench.tui.layout import Layout
from rnnbench.tui.memory import note, write_down
from rnnbench.tui.panes import generate
from rnnbench.tui.panes.model import ModelPane
from rnnbench.tui.panes.scrolled import ScrolledContent
from rnnbench.tui.screens import arranging
from rnnbench.tui.screens.help import HelpScreen
from rnnbench.tui.widgets.chart import LearningCurve


async def test_a_result_that_comes_late_closes_its_own_screen_once(bench, script):
    """The palette over a dialog goes with it; a second result finds nothing to close."""
    async with bench(script.WIDE) as it:
        dialog = HelpScreen(("workbench",), "About.", "")
        it.app.push_screen(dialog)
        await it.see("About.")
        await it.keys("ctrl+p")
        await it.until(lambda: isinstance(it.app.screen, CommandPalette))
        dialog.dismiss(None)
        dialog.dismiss(None)
        await it.until(lambda: it.app.screen is it.screen)
        await it.keys("question_mark")
        await it.until(lambda: isinstance(it.app.screen, HelpScreen))


async def test_a_curve_that_went_back_to_nothing_is_drawn(bench, make_run, script):
    """Before it is painted again, the chart holds a series without points: whatever draws it finds none."""
    run = make_run("r", script.started(), script.step(3, 2.0, 2.0, 2.0))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.until(lambda: it.screen.attachment and len(it.screen.attachment.progress.train) == 3)
            curve = it.app.screen.query_one(LearningCurve)
            await it.until(lambda: "3" in script.widget_text(curve))
            it.screen.attachment.take([RunResumed(step=0, exact=True)])
            await it.keys("3", "l", "h", "left", "right", "plus")
            assert it.app.is_running


async def test_a_run_that_was_started_again_is_read_anew(bench, make_run, script):
    """Its folder is another one: nothing of the old log stays."""
    make_run("r", script.started(planned_steps=777), script.step(39))
    async with bench(script.WIDE) as it:
        await it.until(lambda: it.screen.attachment and it.screen.attachment.state == "crashed")
        folder = it.screen.attachment.run.folder
        await it.keys("escape", "r")
        folder.rename(folder.with_name("kept"))  # so that no new folder takes its number on the disk
        run = make_run("r", script.started(planned_steps=50), script.step(2))
        shutil.rmtree(folder.with_name("kept"))
        with script.training(run):
            await it.keys("escape")
            await it.until(lambda: it.screen.attachment.progress.step == 2)
            assert it.screen.attachment.progress.started.planned_steps == 50


def test_a_run_is_not_called_crashed_before_its_history_is_read(make_run, script, inbox):
    """Nobody trains it, and how it ended stands at the end of its log."""
    run = make_run("r", script.started(), script.step(1), script.finished(1))
    watched = Attachment(inbox, run)
    assert watched.state == "reading"
    watched.start()
    watched.take_state(inbox.state())
    watched.close()
    assert watched.state == "finished"


def test_an_evaluation_taken_again_after_a_resume_replaces_the_old():
    """Also where the resume and the evaluation come together."""
    curve, grown = Curve(), GrowingPerplexity()
    curve.add(10, 1.0, 0.0)
    curve.add(20, 0.0, 0.0)
    grown.update(curve, [])
    curve.drop_beyond(10)
    curve.add(20, 2.0, 0.0)
    grown.update(curve, [20])
    assert [round(value, 3) for value in grown.values] == [2.718, 7.389]
    curve.drop_beyond(5)
    grown.update(curve, [20])
    assert len(grown.values) == 0


async def test_facts_are_wrapped_beside_their_scroll_bar(bench, script, workspace):
    """When a longer text brings the scroll bar, no letter is lost under it, and scrolling begins where the eye is."""
    (workspace.root / "corpora" / "wide.txt").write_text(("word " * 40 + "\n") * 400, encoding="utf-8")
    async with bench((100, 40)) as it:
        await it.see("vocabulary of")
        facts = it.app.screen.query_one(ScrolledContent)
        for _ in range(3):
            await it.keys("down", "up", "down")
            await it.until(
                lambda: (
                    not facts._rows
                    or max(len(row.text) for row in facts._rows) <= facts.scrollable_content_region.width
                )
            )
        assert not facts.show_horizontal_scrollbar
        assert facts.scroll_target_y <= facts.max_scroll_y


async def test_choices_that_were_faster_than_the_run_are_kept(bench, make_run, script, monkeypatch):
    """A form that was edited while the configuration of the opened run was read is not filled from it any more."""
    make_run("old", script.started(), model={"hidden": 77})
    late, read, config = threading.Event(), threading.Event(), Run.config

    def config_later(run):
        assert late.wait(10)
        read.set()
        return config(run)

    monkeypatch.setattr(Run, "config", config_later)
    async with bench(script.WIDE) as it:
        await it.until(lambda: it.screen.attachment)
        form = it.screen.query_one(ModelPane)
        form.choose("model.hidden", "12")
        late.set()
        await it.until(read.is_set)
        await it.until(lambda: it.screen.attachment.is_read)
        await it.pilot.pause(0.1)
        assert form.form.texts == {"model.hidden": "12"}
        assert "filled from" not in it.screen.status.message


async def test_an_answer_stays_when_the_form_is_filled(bench, make_run, script, monkeypatch):
    """What a key was answered is not replaced by what nobody asked for."""
    make_run("old", script.started(), script.finished(1), model={"hidden": 77})
    late, config = threading.Event(), Run.config
    monkeypatch.setattr(Run, "config", lambda run: late.wait(10) and config(run))
    async with bench(script.WIDE) as it:
        await it.until(lambda: it.screen.attachment and it.screen.attachment.state == "finished")
        await it.keys("3", "p")
        await it.until(lambda: "no run is training here" in it.screen.status.message)
        late.set()
        await it.until(lambda: it.screen.query_one(ModelPane).form.texts.get("model.hidden") == "77")
        assert "no run is training here" in it.screen.status.message


async def test_sizes_that_were_faster_than_the_memory_are_kept(bench, script, monkeypatch):
    """The remembered layout is not taken once a key has chosen another."""
    note(layout=Layout(60).as_text())
    write_down()
    late, load = threading.Event(), arranging.load_memory
    monkeypatch.setattr(arranging, "load_memory", lambda: late.wait(10) and load())
    async with bench((140, 45)) as it:
        await it.keys("3", "greater_than_sign")
        chosen = it.screen.layout_chosen
        assert chosen not in (Layout(), Layout(60))
        monkeypatch.setattr(it.screen, "_take_layout", None)  # whoever calls it fails
        late.set()
        await it.pilot.pause(0.2)
        assert it.screen.layout_chosen == chosen


async def test_last_words_are_those_of_the_open_run(bench, make_run, script, monkeypatch):
    """What a crashed run printed is not shown for the run that was opened while it was read."""
    first, second = (make_run(name, script.started(), script.step(1)) for name in "ab")
    first.stderr_file.write_text("words of the first\n")
    second.stderr_file.write_text("words of the second\n")
    late, tail = threading.Event(), Run.stderr_tail
    monkeypatch.setattr(Run, "stderr_tail", lambda run: (run.name != "a" or late.wait(10)) and tail(run))
    async with bench(script.WIDE, "a") as it:
        await it.see("✗ crashed")
        it.screen.open(second)
        await it.see("words of the second")
        late.set()
        await it.pilot.pause(0.2)
        assert "words of the first" not in it.text()


async def test_a_run_that_is_looked_for_is_not_talked_to_once_another_is_open(bench, make_run, script, monkeypatch):
    """`/run b`, whose configuration is slow to read, gives way to the run that was opened in the meantime."""
    a, b, c = (make_run(name, script.started(), script.step(1), script.finished(1)) for name in "abc")
    late, speakers = threading.Event(), generate._speakers
    monkeypatch.setattr(generate, "_speakers", lambda *asked: late.wait(10) and speakers(*asked))
    async with bench(script.WIDE, a.name) as it:
        await it.see("finished")
        pane = it.screen.query_one(generate.GeneratePane)
        await it.keys("4")
        await it.type("/run b")
        await it.keys("enter")
        it.screen.open(c)
        late.set()
        await it.pilot.pause(0.2)
        assert pane._present.run == "c"
        await it.type("/run b")
        await it.keys("enter")
        await it.until(lambda: pane._present.run == b.name)
