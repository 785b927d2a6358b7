"""Every screen at sizes nobody works at: it may show little, but it lives, and what matters is there at 60x20."""

import pytest

from rnnbench.runs.events import SampleDrawn

TINY = ((1, 1), (5, 3), (20, 5), (2, 40), (200, 2))
SMALL, WIDE = (60, 20), (120, 40)
# Keys from the first screen, what is seen there when there is room, and what must be seen at 60x20.
PLACES = {
    "corpora": ("1", "story.txt", "story.txt"),
    "model": ("2", "hidden", "cell"),
    "training": ("3", "step 40/100", "step 40/100"),
    "generate": ("4", "text to write on from", "text to write on from"),
    "runs": ("r", "bits/char", "plain"),
    "compare": ("r space space c", "settings that differ", "perplexity"),
    "inspect": ("i", "1 Surprisal", "Units"),
    "help": ("1 question_mark", "The texts that can be trained on", "The texts that can be"),
    "command": ("1 c", "rnnbench train --headless", "rnnbench train"),
    "settings": ("3 v", "learning rate", "learning rate"),
    "samples": ("3 m", "a sample of the story", "a sample of the story"),
    "palette": ("1 ctrl+p", "Find an action by name", "Get"),
    "machine": ("y", "cpu", "cpu"),
    "queue": ("k", "nothing waits", "plain"),
}


QUICK = ("training",)


def _quick_or_slow(place):
    return place if place in QUICK else pytest.param(place, marks=pytest.mark.slow)


@pytest.fixture
def two_runs(make_run, script):
    """An older finished run, and one that is training."""
    make_run("other", script.started(), script.step(7), script.finished(7), model={"hidden": 7})
    steps = [script.step(number, 1 / number) for number in range(1, 41)]
    run = make_run("plain", script.started(), *steps, SampleDrawn(step=40, prompt="", text="a sample of the story"))
    (run.checkpoints / "step-00000040.json").write_text('{"step": 40, "loss_nats": 1.0}')  # a model to look into
    return run


async def _at(it, size):
    await it.pilot.resize_terminal(*size)
    await it.pilot.pause()
    assert it.app.size == size
    rows = it.app.screen._compositor.render_strips()
    assert [sum(segment.cell_length for segment in row) for row in rows] == [size[0]] * size[1]
    assert it.app.is_running and it.app.return_code is None


async def _go(it, keys):
    await it.until(lambda: it.screen.attachment is not None and it.screen.attachment.state == "running")
    await it.keys("escape", *keys.split())


@pytest.mark.parametrize("place", [_quick_or_slow(place) for place in PLACES])
async def test_no_size_is_too_small(bench, two_runs, script, place):
    """Shrunk to next to nothing and grown again, each screen shows what it showed."""
    keys, seen, _ = PLACES[place]
    with script.training(two_runs):
        async with bench(WIDE, run="plain") as it:
            await _go(it, keys)
            await it.see(seen)
            for size in (*TINY, SMALL):
                await _at(it, size)
            await _at(it, WIDE)
            await it.see(seen)


@pytest.mark.parametrize("place", [_quick_or_slow(place) for place in PLACES])
async def test_a_small_screen_shows_what_matters(bench, two_runs, script, place):
    """At 60x20 the main thing of every place can be seen, and the way to the palette."""
    keys, _, needed = PLACES[place]
    with script.training(two_runs):
        async with bench(SMALL, run="plain") as it:
            await _go(it, keys)
            await it.see(needed)
