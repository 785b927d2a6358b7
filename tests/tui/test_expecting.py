"""How long a training would take: from runs, from a trial, and how it is said."""

import json
import sys

import pytest

from rnnbench.config import validate
from rnnbench.errors import UnavailableError
from rnnbench.runs.store import RunStore
from rnnbench.tui import measuring
from rnnbench.tui.expecting import Kind, Rate, expect, multiply_adds, nearest, said, work_of
from rnnbench.tui.measuring import rate_from, rates_of_runs, trial_of
from rnnbench.tui.panes.model import ModelPane


def configured(**tables):
    """A configuration with a corpus."""
    return validate({"corpus": {"file": "story.txt"}} | tables)


def rate(config, vocabulary, speed, run=""):
    """The rate of a training of that configuration."""
    batch = config.training.batch_size
    return Rate(Kind.of(config), batch, multiply_adds(config, vocabulary), speed, run)


def test_time_scales_with_the_multiply_adds():
    """A network with about four times the multiply-adds takes about four times as long."""
    small, large = configured(model={"hidden": 128}), configured(model={"hidden": 256, "embedding": 256})
    known = rate(small, 100, 10_000.0, "tm")
    ratio = multiply_adds(large, 100) / multiply_adds(small, 100)
    assert known.scaled(multiply_adds(large, 100)) == pytest.approx(10_000 / ratio)
    epochs = configured(training={"epochs": 2, "batch_size": 10, "steps_per_sequence": 10})
    found = expect(epochs, work_of(epochs, 50_000), 1000.0)
    assert (found.seconds, found.updates, found.epochs, found.by_clock) == (100.0, 1000, 2.0, False)


def test_minutes_are_answered_in_steps_and_epochs():
    """Where the clock ends the run, the question is how far it comes."""
    config = configured(training={"minutes": 5, "batch_size": 10, "steps_per_sequence": 10, "accumulate": 2})
    found = expect(config, work_of(config, 100_000), 1000.0)
    assert (found.seconds, found.updates, found.epochs, found.by_clock) == (300.0, 1500, 3.0, True)
    assert said(found, rate(config, 20, 1000.0, "tm")) == "about 1,500 steps, 3 epochs in 5 min (run tm)"


def test_most_similar_run_tells():
    """Another cell tells nothing; of the rest the nearest size is taken."""
    asked = configured(model={"hidden": 100})
    runs = [
        rate(configured(model={"hidden": 1000}), 50, 1.0, "large"),
        rate(configured(model={"hidden": 90}), 50, 2.0, "near"),
        rate(configured(model={"hidden": 100, "cell": "gru"}), 50, 3.0, "other"),
    ]
    found = nearest(runs, asked, multiply_adds(asked, 50))
    assert found is not None and found.run == "near"
    assert nearest(runs[2:], asked, 1) is None


def test_budget_and_seed_ask_for_no_other_trial():
    """What does not change the speed does not have it measured again; what does, does."""
    plain = configured()
    assert trial_of(configured(training={"epochs": 3, "seed": 5}, checkpoints={"keep": 9})) == trial_of(plain)
    assert trial_of(configured(model={"hidden": 9})) != trial_of(plain)


def test_speed_is_read_from_the_log_of_a_run(workspace, make_run, script):
    """The last report of a run is its rate; a run without steps has none."""
    make_run("tm", script.started(), script.step(5))
    make_run("new", script.started())
    (found,) = rates_of_runs(RunStore(workspace))
    assert (found.run, found.tokens_per_second) == ("tm", 4321.0)


async def test_form_tells_the_time_while_it_is_typed(bench, make_run, script):
    """With a run of the same cell the time is there at once and follows the size; with minutes it says how far."""
    make_run("tm", script.started(), script.step(5))
    async with bench(script.WIDE) as it:
        pane = it.screen.query_one(ModelPane)
        await it.until(lambda: pane.form.base.name == "tm")
        await it.keys("1", "home", "enter")
        await it.see("steps, 10 epochs (run tm)")
        before = str(pane.query_one("#model-time").render())
        pane.choose("model.hidden", "2000")
        await it.until(lambda: str(pane.query_one("#model-time").render()) != before)
        pane.choose("training.minutes", "2")
        await it.see("epochs in 2 min")


async def test_speed_is_measured_when_no_run_tells_it(bench, monkeypatch, script):
    """A trial in a child process answers, once; the same question is not asked again."""
    record = {"vocabulary_size": 24, "tokens_per_second": 5000, "tokens_per_step": 2048, "steps_per_epoch": 1}
    asked = []

    def command(workspace, trial):
        asked.append(trial)
        return [sys.executable, "-c", f"print({json.dumps(json.dumps(record))})"]

    monkeypatch.setattr(measuring, "REST_SECONDS", 0.02)
    monkeypatch.setattr(measuring, "trial_command", command)
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter")
        await it.see("(measured)")
        it.screen.query_one(ModelPane).choose("training.epochs", "20")
        await it.see("20 epochs")
        assert len(asked) == 1


@pytest.mark.parametrize("output", [b"", b"[]", b'{"vocabulary_size": 3}'], ids=["nothing", "list", "part"])
def test_trial_that_says_nothing_is_no_rate(output):
    """A child that failed is an error that can be told, not a rate."""
    with pytest.raises(UnavailableError):
        rate_from(configured(), output)
