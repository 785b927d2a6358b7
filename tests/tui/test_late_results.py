"""What comes late or twice: a result for a dialog that is covered, a run that was replaced, a curve that was emptied."""

import shutil

from textual.command import CommandPalette

from rnnbench.runs.events import RunResumed
from rnnbench.runs.progress import Curve
from rnnbench.tui.attachment import Attachment, GrowingPerplexity
from rnnbench.tui.panes.scrolled import ScrolledContent
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
            await it.until(lambda: len(it.screen.attachment.progress.train) == 3)
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
