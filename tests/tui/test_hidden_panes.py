"""At 80x24 one pane is seen; what changes in the others is seen when they come back."""

import pytest

from rnnbench.tui.panes.model import ModelPane

NAME = "another-much-longer-name"
SEEN = {
    "1": (f"● {NAME}.txt", "6.5 kB utf-8", f"{NAME}.txt", "6,500 characters  500 lines  utf-8"),
    "2": (f"corpus              {NAME}.txt", f"{NAME}-lstm", "hidden           •  32"),
    "3": ("step 77/100", "train 3.490", "1 min 17 s"),
}


@pytest.mark.parametrize("front", [*(pytest.param(key, marks=pytest.mark.slow) for key in SEEN), "4"])
async def test_a_pane_comes_back_with_what_changed_meanwhile(bench, make_run, script, workspace, front):
    """Texts, tokens, sizes, a run's state: whatever happened behind another pane, no old row comes back."""
    (workspace.root / "corpora" / f"{NAME}.txt").write_text("abc def ghi.\n" * 500, encoding="utf-8")
    run = make_run("r", script.started(), script.step(3))
    with script.training(run):
        async with bench(script.NARROW) as it:
            await it.until(lambda: it.screen.attachment and it.screen.attachment.progress.step == 3)
            form = it.screen.query_one(ModelPane)
            await it.until(lambda: form.form.texts.get("corpus.file") == "story.txt")
            for key in SEEN:  # each has been seen once
                await it.keys("escape", key)
                await it.pilot.pause()
            await it.keys("escape", front)
            form.choose_corpus(workspace.root / "corpora" / f"{NAME}.txt")
            form.choose("text.tokenizer", "word")
            form.choose("model.hidden", "32")
            script.write(run, script.step(77, 1.5))
            await it.until(lambda: it.screen.attachment.progress.step == 77)
            for key, texts in SEEN.items():
                if key != front:
                    await it.keys("escape", key)
                    await it.see(*texts)
