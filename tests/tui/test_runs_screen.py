"""The list of runs: what it shows, and what can be done from it."""

import math
import os
import time

from textual.widgets import DataTable

from rnnbench.runs.store import RunStore
from rnnbench.tui import run_rows
from rnnbench.tui.run_rows import RunReader, age


async def open_runs(it):
    """Go to the list of runs and wait for its rows."""
    await it.keys("escape", "r")
    await it.until(lambda: it.app.screen.query(DataTable) and it.app.screen.query_one(DataTable).row_count)


def make_older(run, seconds):
    """As if nothing had happened to the run for a while."""
    then = time.time() - seconds
    os.utime(run.events_file, (then, then))


async def test_runs_are_listed_newest_first_with_their_figures(bench, make_run, script):
    """Each run shows its state, text, model, step, best perplexity and bits, the one that changed last on top."""
    old = make_run("old", script.started(), script.evaluated(5, math.log(4)), script.finished(5), model={"layers": 2})
    make_older(old, 500)
    new = make_run("new", script.started(), script.step(7))
    with script.training(new):
        async with bench(script.WIDE) as it:
            await open_runs(it)
            await it.see("Runs: 2 runs", "lstm 256 x 2", "story.txt", "4.000", "1.980", "running", "finished")
            lines = it.text().splitlines()
            places = {
                name: next(i for i, line in enumerate(lines) if line.strip().startswith(name))
                for name in ("new", "old")
            }
            assert places["new"] < places["old"]


async def test_enter_opens_a_run_on_the_workbench(bench, make_run, script):
    """The selected run replaces the open one, and the training pane has the focus."""
    older = make_run("older", script.started(), script.step(3))
    make_older(older, 500)
    make_run("newer", script.started())
    async with bench(script.WIDE) as it:
        await it.see("newer")
        await open_runs(it)
        await it.keys("down", "enter")
        await it.until(lambda: it.screen.attachment.run.name == "older")
        await it.see("step 3/100")
        assert it.focused_in("training")


async def test_delete_asks_by_name_and_detaches_the_open_run(bench, make_run, script, workspace):
    """A run is removed only after a yes to a question that names it; if it was open, it no longer is."""
    make_run("doomed", script.started(), script.finished(1))
    async with bench(script.WIDE) as it:
        await it.see("doomed")
        await open_runs(it)
        await it.keys("d")
        await it.see("Delete run doomed?", "cannot be undone")
        await it.keys("n")
        assert RunStore(workspace).exists("doomed")
        await it.keys("d", "y")
        await it.until(lambda: not (workspace.runs / "doomed").exists())
        await it.see("There are no runs yet")
        await it.keys("escape")
        await it.see("No run is open")
        assert it.screen.attachment is None


async def test_running_run_cannot_be_deleted(bench, make_run, script, workspace):
    """The refusal says who trains it, and the folder stays."""
    run = make_run("busy", script.started())
    with script.training(run):
        async with bench(script.WIDE) as it:
            await open_runs(it)
            await it.keys("d", "y")
            await it.see("is being trained")
            assert run.config_file.exists()


async def test_stop_and_resume_from_the_list(bench, make_run, fake_jobs, script):
    """`x` and `u` work on the selected run as they do on the open one."""
    run = make_run("r", script.started())
    async with bench(script.WIDE) as it:
        await open_runs(it)
        with script.training(run):
            await it.keys("x", "y")
            await it.until(lambda: list(run.requests.glob("*.json")))
        await it.keys("u")
        await it.until(lambda: fake_jobs.resumed == ["r"])


async def test_empty_list_does_nothing(bench, script):
    """Keys on an empty list are answered, not obeyed."""
    async with bench(script.WIDE) as it:
        await it.keys("escape", "r")
        await it.see("There are no runs yet")
        for key in ("enter", "d", "x", "u"):
            await it.keys(key)
        await it.keys("escape")
        assert it.app.screen is it.screen


async def test_list_follows_the_disk(bench, make_run, script, monkeypatch):
    """A run that appears, or goes on, is seen without a key, and the cursor stays on its run."""
    from rnnbench.tui.screens import runs

    monkeypatch.setattr(runs, "REFRESH_SECONDS", 0.05)
    first = make_run("first", script.started(), script.step(1))
    async with bench(script.WIDE) as it:
        await open_runs(it)
        make_run("second", script.started())
        await it.see("second", "2 runs")
        assert it.app.screen._selected_name() == "first"
        script.write(first, script.step(77))
        await it.see("77")


def test_logs_that_did_not_change_are_not_read_again(make_run, workspace, script, monkeypatch):
    """A second look at a hundred runs costs no second pass over their logs."""
    make_run("a", script.started())
    changing = make_run("b", script.started(), script.step(1))
    read = []
    original = run_rows.read_row
    monkeypatch.setattr(run_rows, "read_row", lambda run: (read.append(run.name), original(run))[1])
    reader = RunReader(RunStore(workspace))
    reader.rows()
    script.write(changing, script.step(2))
    rows = reader.rows()
    assert sorted(read) == ["a", "b", "b"]
    assert {row.name: row.step for row in rows} == {"a": "0", "b": "2"}


def test_damaged_run_is_listed(make_run, workspace, script):
    """A configuration that cannot be read does not hide the run, or the others."""
    make_run("good", script.started())
    make_run("bad", script.started()).config_file.write_text("{")
    rows = {row.name: row for row in RunReader(RunStore(workspace)).rows()}
    assert rows["bad"].model == "-" and rows["good"].model == "lstm 256"


def test_age_is_said_in_one_unit():
    """Seconds, minutes, hours and days."""
    assert [age(now, 0) for now in (5, 90, 7300, 200000)] == ["now", "2 min", "2 h", "2 d"]
