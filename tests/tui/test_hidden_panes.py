"""At 80x24 one pane is seen; what changes in the others is seen when they come back."""

import pytest

from rnnbench.tui.panes.model import ModelPane

PANES = ("1", "2", "3", "4")


@pytest.mark.parametrize("front", PANES)
async def test_a_pane_comes_back_as_it_would_be_drawn_anew(bench, make_run, script, workspace, front):
    """Texts, tokens, sizes, a run's state: whatever happened behind another pane, no old row comes back."""
    (workspace.root / "corpora" / "another-much-longer-name.txt").write_text("abc def ghi.\n" * 500, encoding="utf-8")
    run = make_run("r", script.started(), script.step(3))
    with script.training(run):
        async with bench(script.NARROW) as it:
            await it.until(lambda: it.screen.attachment and it.screen.attachment.progress.step == 3)
            form = it.screen.query_one(ModelPane)
            await it.until(lambda: form.form.texts.get("corpus.file") == "story.txt")
            for key in PANES:  # each has been seen once
                await it.keys("escape", key)
                await it.pilot.pause()
            await it.keys("escape", front)
            form.choose_corpus(workspace.root / "corpora" / "another-much-longer-name.txt")
            form.choose("text.tokenizer", "word")
            form.choose("model.hidden", "32")
            script.write(run, script.step(77, 1.5), script.finished(77, "stopped"))
            await it.until(lambda: it.screen.attachment.progress.step == 77)
            for key in PANES:
                if key != front:
                    await it.keys("escape", key)
                    await _is_drawn_as_anew(it, script)


async def _is_drawn_as_anew(it, script):
    """What is seen is what a terminal of another width and back again would make it."""
    width, height = script.NARROW
    shown = ""
    while shown != it.text():  # what is read in the background has come
        shown = it.text()
        await it.pilot.pause(0.4)
    await it.pilot.resize_terminal(width + 1, height)
    await it.pilot.pause()
    await it.pilot.resize_terminal(width, height)
    await it.pilot.pause()
    assert it.text() == shown
