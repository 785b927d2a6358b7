"""The list of runs: what it shows, and what can be done from it."""

import math
import os
import threading
import time

from rnnbench.errors import UsageError
from rnnbench.runs import exporting, notes
from rnnbench.runs.store import RunStore
from rnnbench.tui import run_cache, run_reader, run_rows
from rnnbench.tui.run_cache import Known, Signature
from rnnbench.tui.run_reader import RunReader
from rnnbench.tui.run_rows import age
from rnnbench.tui.screens import control, runs
from rnnbench.tui.widgets.line_table import LineTable


async def open_runs(it):
    """Go to the list of runs and wait for its rows."""
    await it.keys("escape", "r")
    await it.until(lambda: it.app.screen.query(LineTable) and it.app.screen.query_one(LineTable).row_count)


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
        await it.see("Delete run doomed?", "kB, go to the trash")
        await it.keys("n")
        assert RunStore(workspace).exists("doomed")
        await it.keys("d")
        await it.see("Delete run doomed?")
        await it.keys("y")
        await it.until(lambda: not (workspace.runs / "doomed").exists())
        await it.see("No runs yet")
        await it.keys("escape")
        await it.see("No run is open")
        assert it.screen.attachment is None


async def test_running_run_cannot_be_deleted(bench, make_run, script, workspace):
    """The refusal says who trains it, and the folder stays."""
    run = make_run("busy", script.started())
    with script.training(run):
        async with bench(script.WIDE) as it:
            await open_runs(it)
            await it.keys("d")
            await it.see("Delete run busy?")
            await it.keys("y")
            await it.see("is being trained")
            assert run.config_file.exists()


async def test_stop_and_resume_from_the_list(bench, make_run, fake_jobs, script):
    """`x` and `u` work on the selected run as they do on the open one."""
    run = make_run("r", script.started())
    (run.checkpoints / "step-00000000.json").write_text("{}")
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
        await it.see("No runs yet")
        for key in ("enter", "d", "x", "u", "space", "R", "l", "n", "e", "i", "o", "O", "up", "down", "left", "z"):
            await it.keys(key)
        await it.keys("escape")
        assert it.app.screen is it.screen


async def test_list_follows_the_disk(bench, make_run, script, monkeypatch):
    """A run that appears, or goes on, is seen without a key, and the cursor stays on its run."""
    monkeypatch.setattr(runs, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(runs, "_LONGEST_WAIT", 0.05)
    first = make_run("first", script.started(), script.step(1))
    async with bench(script.WIDE) as it:
        await open_runs(it)
        make_run("second", script.started())
        await it.see("second", "2 runs")
        assert it.app.screen._selected_name() == "first"
        script.write(first, script.step(77))
        await it.see("77")


async def test_a_deleted_run_comes_back_with_one_key(bench, make_run, script, workspace):
    """`z` brings back the run that was deleted last, whole and under its name, and puts the cursor on it."""
    make_run("other", script.started(), script.finished(1))
    doomed = make_run("doomed", script.started(), script.step(3), script.finished(3))
    log = doomed.events_file.read_bytes()
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.until(lambda: it.app.screen._selected_name() == "doomed")
        await it.keys("d")
        await it.see("Delete run doomed?")
        await it.keys("y")
        await it.see("Runs: 1 run", "z brings it back")
        await it.keys("z")
        await it.see("Runs: 2 runs", "brought back doomed")
        assert doomed.events_file.read_bytes() == log
        await it.until(lambda: it.app.screen._selected_name() == "doomed")
        await it.keys("z")
        await it.see("the trash is empty")


async def test_runs_are_sorted_by_key_and_the_column_is_marked(bench, make_run, script):
    """`o` turns through the columns, `O` reverses; the arrow in the header shows it, at 80 columns too."""
    for name, loss in (("a", 2.0), ("b", 1.0), ("c", 3.0)):
        make_run(name, script.started(), script.evaluated(5, loss), script.finished(5))
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.see("age ▲")
        await it.keys("o", "o", "o", "o")
        await it.see("perplexity ▲")
        assert [row.name for row in it.app.screen._rows] == ["b", "a", "c"]
        await it.keys("O")
        await it.see("perplexity ▼")
        assert it.app.screen._selected_name() == "c"


async def test_the_filter_leaves_what_has_the_words(bench, make_run, script):
    """What is typed after `/` filters at once; enter leads to the list, esc shows every run again, then goes back."""
    for name in ("small-gru", "small-lstm", "large-lstm"):
        make_run(name, script.started(), script.finished(1))
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.keys("slash")
        await it.type("small !gru")
        await it.until(lambda: [row.name for row in it.app.screen._rows] == ["small-lstm"])
        await it.keys("enter", "space")
        assert it.app.screen._marked == ["small-lstm"]
        await it.keys("escape")
        await it.until(lambda: len(it.app.screen._rows) == 3)
        assert it.app.screen._marked == ["small-lstm"]
        await it.keys("escape")
        assert it.app.screen is it.screen


async def test_tags_notes_and_names_are_changed_in_dialogs(bench, make_run, script, workspace):
    """Each is checked as it is typed, and shown below the list; a hostile note is harmless."""
    run = make_run("one", script.started(), script.step(4), script.finished(4), training={"seed": 77})
    make_run("taken", script.started(), script.finished(1))
    make_older(RunStore(workspace).run("taken"), 999)
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.until(lambda: it.app.screen._selected_name() in ("one", "taken"))
        it.app.screen._table.move_cursor([row.name for row in it.app.screen._rows].index("one"))
        await it.keys("l")
        await it.see("Tags of one")
        await it.type("good a@b")
        await it.see("not a tag")
        await it.keys("enter", *["backspace"] * 4, "enter")
        await it.until(lambda: notes.read_notes(run.folder).tags == ("good",))
        await it.see("#good", "seed 77", "trained for 4.0 s", "tagged one: #good")
        notes.note(run.folder, "ring \x07 [bold]loud[/x] \x1b[31m")
        await it.see("ring ␇ [bold]loud[/x] ␛[31m")
        await it.keys("R")
        await it.see("Rename one")
        await it.keys(*["backspace"] * 3)
        await it.type("taken")
        await it.see("taken is taken")
        await it.keys("2", "enter")
        await it.until(lambda: RunStore(workspace).exists("taken2"))
        await it.until(lambda: it.app.screen._selected_name() == "taken2")


async def test_a_run_that_died_early_is_started_again(bench, make_run, fake_jobs, script, workspace):
    """What a crashed run printed is shown; without a checkpoint, `u` asks, and starts the same settings anew."""
    run = make_run("dead", script.started(), model={"hidden": 24})
    run.stderr_file.write_text("\nrnnbench: no such device \x1b[2J\n")
    config = run.config()
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.see("no such device ␛[2J", "hidden 24")
        await it.keys("u")
        await it.see("Start dead again?")
        await it.keys("y")
        await it.until(lambda: fake_jobs.started)
        assert fake_jobs.started == [(config, "dead")]
        assert [entry.name for entry in RunStore(workspace).trash.entries()] == ["dead"]


async def test_an_export_runs_beside_the_screen(bench, make_run, script, workspace, monkeypatch):
    """The dialog refuses a folder that holds something; what the process says at its end is shown."""
    asked = []

    def export(workspace, name, folder, form):
        asked.append((name, folder.name, form))
        raise UsageError("only language models are written as ONNX")

    monkeypatch.setattr(exporting, "export", export)
    make_run("one", script.started(), script.finished(1))
    (workspace.root / "exports" / "one").mkdir(parents=True)
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.keys("e")
        await it.see("Export one", "exports/one-2")
        await it.keys(*["backspace"] * 5)
        await it.type("one/..")
        await it.see("not empty")
        await it.keys("enter", *["backspace"] * 3, "enter")
        await it.see("only language models")
        assert asked == [("one", "one", "safetensors")]


async def test_what_is_done_during_a_look_is_seen_by_the_next(bench, make_run, script, monkeypatch):
    """Another look follows at once, not after the usual wait; the cursor goes to the run it was to go to."""
    monkeypatch.setattr(runs, "REFRESH_SECONDS", 600.0)
    monkeypatch.setattr(runs, "_LONGEST_WAIT", 600.0)
    make_run("first", script.started())
    async with bench(script.NARROW) as it:
        await open_runs(it)
        screen, looked, go_on = it.app.screen, threading.Event(), threading.Event()
        await it.until(lambda: screen._whole and not screen._reading)
        read = screen._reader.read
        monkeypatch.setattr(screen._reader, "read", lambda seconds: (read(seconds), looked.set(), go_on.wait(20))[0])
        screen.read_again()
        await it.until(looked.is_set)
        make_older(make_run("second", script.started()), 500)
        screen.select("second")
        screen.read_again()
        go_on.set()
        await it.see("Runs: 2 runs")
        assert screen._selected_name() == "second"


async def test_an_export_leaves_room_for_other_words(bench, make_run, script, monkeypatch):
    """How long it takes is told again when nothing else is being said."""
    over = threading.Event()

    def export(*asked):
        over.wait(20)
        raise UsageError("over")

    monkeypatch.setattr(exporting, "export", export)
    make_run("one", script.started(), script.finished(1))
    async with bench(script.NARROW) as it:
        await open_runs(it)
        screen = it.app.screen
        await it.keys("e", "enter")
        await it.see("exporting one ... ")
        screen.say("something else")
        screen._tell_export()
        assert screen.status.message == "something else"
        screen.status._forget()
        screen._tell_export()
        assert "exporting one" in screen.status.message
        over.set()
        await it.see("over")


def test_logs_that_did_not_change_are_not_read_again(make_run, workspace, script, monkeypatch):
    """A second look at a hundred runs costs no second pass over their logs."""
    make_run("a", script.started())
    changing = make_run("b", script.started(), script.step(1))
    read = []
    original = run_reader.read_row
    monkeypatch.setattr(run_reader, "read_row", lambda run: (read.append(run.name), original(run))[1])
    reader = RunReader(RunStore(workspace))
    reader.rows()
    script.write(changing, script.step(2))
    rows = reader.rows()
    assert sorted(read) == ["a", "b", "b"]
    assert {row.name: row.step for row in rows} == {"a": 0, "b": 2}


def test_a_long_log_that_grows_is_read_now_and_then(make_run, workspace, script, monkeypatch):
    """While a run trains, its log is read again only after a multiple of the time that takes; its end is seen at once."""
    monkeypatch.setattr(run_reader, "_READING_SHARE", 1e9)
    run = make_run("a", script.started(), script.step(1))
    reader = RunReader(RunStore(workspace))
    with script.training(run):
        steps = [reader.rows()[0].step]
        script.write(run, script.step(2))
        steps.append(reader.rows()[0].step)
        notes.tag(run.folder, ["good"])
        assert reader.rows()[0].tags == ("good",)
    script.write(run, script.finished(3))
    row = reader.rows()[0]
    assert (steps, row.step, row.state) == ([1, 1], 2, "finished")


def test_damaged_run_is_listed(make_run, workspace, script):
    """A configuration that cannot be read does not hide the run, or the others."""
    make_run("good", script.started())
    make_run("bad", script.started()).config_file.write_text("{")
    rows = {row.name: row for row in RunReader(RunStore(workspace)).rows()}
    assert rows["bad"].model == "-" and rows["good"].model == "lstm 256"


def test_age_is_said_in_one_unit():
    """Seconds, minutes, hours and days."""
    assert [age(now, 0) for now in (5, 90, 7300, 200000)] == ["now", "2 min", "2 h", "2 d"]


def test_the_rows_are_kept_on_disk(make_run, workspace, script, monkeypatch):
    """Another program reads no log that has not changed; what does not fit the file is read from the logs again."""
    make_run("a", script.started(), script.evaluated(3, 1.5), script.finished(4))
    notes.tag(make_run("b", script.started(), script.step(1), script.finished(1)).folder, ["good"])
    first = RunReader(RunStore(workspace))
    rows = first.rows()
    first.keep()
    original, read = run_reader.read_row, []
    monkeypatch.setattr(run_reader, "read_row", lambda run: (read.append(run.name), original(run))[1])
    assert RunReader(RunStore(workspace)).rows() == rows
    assert read == []
    notes.tag(RunStore(workspace).run("b").folder, ["new"])
    assert {row.name: row.tags for row in RunReader(RunStore(workspace)).rows()} == {"a": (), "b": ("good", "new")}
    assert read == []
    with script.training(RunStore(workspace).run("a")):
        assert {row.name: row.state for row in RunReader(RunStore(workspace)).rows()}["a"] == "running"
    for damage in (b"[]", b"{", b'{"version":1,"runs":[{"row":{},"signature":[1]},7]}', b"\xff" * 99):
        (workspace.cache / "rows.json").write_bytes(damage)
        assert {row.name: row.state for row in RunReader(RunStore(workspace)).rows()} == dict.fromkeys("ab", "finished")


def test_every_field_of_a_row_is_kept(make_run, workspace, script):
    """A field that is added to a row and forgotten in the file would make every start slow."""
    row = run_rows.RunRow("a", message="x", tags=("t",), note="n", bits=1.5, best_loss_nats=1.0, seed=3, step=9)
    known = Known(Signature((1, 2), (3, 4), (-1, -1), held=False), row)
    run_cache.write(workspace.cache / "rows.json", {"a": known})
    assert run_cache.read(workspace.cache / "rows.json") == {"a": known}


async def test_a_filter_gives_the_cursor_back(bench, make_run, script):
    """A filter that leaves nothing, or other runs, does not lose the run that was selected."""
    for name in ("first", "second", "third"):
        make_run(name, script.started(), script.finished(1))
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.see("Runs: 3 runs")
        await it.keys("end")
        await it.until(lambda: it.app.screen._table.cursor == 2)
        last = it.app.screen._selected_name()
        await it.keys("slash")
        await it.type("zzz")
        await it.see("No run has all of these words")
        await it.keys("enter", "escape")
        await it.until(lambda: it.app.screen._selected_name() == last)
        other = next(name for name in ("first", "second") if name != last)
        await it.keys("slash")
        await it.type(other)
        await it.until(lambda: it.app.screen._selected_name() == other)
        await it.keys("enter", "escape")  # it was gone to: now that is the run that is selected
        await it.see("Runs: 3 runs")
        assert it.app.screen._selected_name() == other


async def test_marks_stay_when_the_list_is_left(bench, make_run, script):
    """Looking at the workbench in between costs no mark."""
    make_run("a", script.started(), script.finished(1))
    make_run("b", script.started(), script.finished(1))
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.see("Runs: 2 runs")
        await it.keys("space")
        await it.see("1 marked")
        await it.keys("escape")
        await it.until(lambda: it.app.screen is it.screen)
        await it.keys("r")
        await it.see("1 marked")


async def test_a_run_is_asked_about_once(bench, make_run, script, monkeypatch):
    """Pressing `d` again while the size of the run is measured opens no second question."""
    measured = threading.Event()
    monkeypatch.setattr(control, "bytes_in", lambda folder: measured.wait(10) and 5)
    make_run("doomed", script.started(), script.finished(1))
    async with bench(script.NARROW) as it:
        await open_runs(it)
        await it.see("Runs: 1 run")
        await it.keys("d", "d")
        measured.set()
        await it.see("Delete run doomed?")
        assert [type(each).__name__ for each in it.app.screen_stack].count("ConfirmScreen") == 1
        await it.keys("n")
        await it.until(lambda: isinstance(it.app.screen, runs.RunsScreen))
        await it.keys("d")
        await it.see("Delete run doomed?")
