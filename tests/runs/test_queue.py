"""The queue: nothing that waits is lost, nothing is started twice, and no two runs share a device."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from rnnbench import config as configuration
from rnnbench import storage
from rnnbench.errors import CorpusError, RnnbenchError, UnavailableError, UsageError
from rnnbench.runs import jobs, queue_runner
from rnnbench.runs.queue import Queue
from rnnbench.runs.queue_runner import _Runner, run_queue
from rnnbench.runs.store import RunStore

# In place of the trainer: notes its start beside the runs, writes the configuration as the trainer does, and leaves.
TRAINER = """
import os, sys
folder = sys.argv[2] + "/runs/" + sys.argv[sys.argv.index("--run") + 1]
with open(sys.argv[2] + "/starts", "a") as file:
    file.write(os.path.basename(folder) + " ")
if "bad" in folder:
    sys.exit("cannot train")
with open(folder + "/config.json", "w") as file:
    file.write("{}")
"""


@pytest.fixture
def queue(workspace):
    """An empty queue."""
    return Queue(workspace)


@pytest.fixture
def trainer(monkeypatch):
    """No run is really trained."""
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-S", "-c", TRAINER))


@pytest.fixture
def add(queue, make_config):
    """Adds runs to the queue, on the CPU or another device."""

    def put(*names, device="cpu"):
        return [queue.add(make_config(machine={"device": device}), name) for name in names]

    return put


def names(queue):
    """What waits, in order."""
    return [entry.name for entry in queue.entries()]


def starts(queue):
    """The runs that a trainer was started for, in order."""
    path = queue.workspace.root / "starts"
    return path.read_text().split() if path.exists() else []


def run_to_the_end(queue):
    """Everything is started; what the runner said."""
    said = []
    run_queue(queue.workspace, said.append, poll_seconds=0.005)
    return said


# -- the list ----------------------------------------------------------------------------------------------------------


def test_what_is_added_waits_in_order_with_its_whole_configuration(queue, add, make_config):
    """Each is told how many come before it on its device; the configuration comes back as it was."""
    assert [added.before for added in add("a", "b")] == [0, 1]
    assert [added.before for added in add("g", device="cuda:1")] == [0]
    assert names(queue) == ["a", "b", "g"]
    assert [entry.slot for entry in queue.entries()] == ["cpu", "cpu", "cuda:1"]
    assert queue.find("a").config == make_config()


def test_a_name_belongs_to_one_run(queue, add, make_config):
    """One that waits, or has been trained, is refused, and no name is proposed that a run in the queue will have."""
    store = RunStore(queue.workspace)
    store.create("old", make_config())
    add("a")
    for name, problem in (("a", "in the queue already"), ("old", "already exists"), ("../x", "not a run name")):
        with pytest.raises(UsageError, match=problem):
            add(name)
    assert store.free_name("a") == "a-2"
    assert [run.name for run in store.runs()] == ["old"], "the queue's own folder is no run"


def test_entries_move_and_leave(queue, add):
    """Up and down by a place, not beyond the ends; one that is not there is an error that names the others."""
    add("a", "b", "c")
    queue.move("c", -1)
    assert names(queue) == ["a", "c", "b"]
    queue.move("a", -1)
    queue.move("a", 1)
    assert names(queue) == ["c", "a", "b"]
    queue.remove("a")
    assert names(queue) == ["c", "b"]
    for change in (lambda: queue.remove("a"), lambda: queue.move("a", 1)):
        with pytest.raises(UsageError, match="a is not in the queue .waiting: c, b"):
            change()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"order": 1e999, "added_at": 0, "config": {}}', "[" * 5000])
def test_a_damaged_entry_is_listed_and_stops_nothing(queue, add, trainer, content):
    """It can be seen and removed, and the runs behind it are started."""
    add("a")
    (queue.folder / "odd.json").write_text(content)
    assert {entry.name: queue.state(entry) for entry in queue.entries()} == {"a": "waiting", "odd": "unreadable"}
    queue.move("a", -1)
    run_to_the_end(queue)
    assert (starts(queue), names(queue)) == (["a"], ["odd"])
    queue.remove("odd")
    assert names(queue) == []


def test_other_files_in_the_folder_are_no_entries(queue, add, tmp_path):
    """Names that no run can have, and links, are left alone."""
    add("a")
    (queue.folder / "-x.json").write_text("{}")
    target = tmp_path / "target.json"
    target.write_bytes((queue.folder / "a.json").read_bytes())
    (queue.folder / "link.json").symlink_to(target)
    assert {entry.name: entry.config is not None for entry in queue.entries()} == {"a": True, "link": False}


def test_a_link_in_place_of_the_queue_is_not_followed(queue, add, tmp_path):
    """Nothing is written or started where it leads."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    queue.folder.symlink_to(elsewhere, target_is_directory=True)
    for change in (lambda: add("a"), queue.hold, queue.lock_runner, lambda: run_to_the_end(queue)):
        with pytest.raises(RnnbenchError, match="links are not followed"):
            change()
    assert list(elsewhere.iterdir()) == []


# -- the runner --------------------------------------------------------------------------------------------------------


def test_runs_are_started_in_order_until_nothing_waits(queue, add, trainer):
    """One on a device at a time; one that fails at once stops nothing, is out of the queue, and shows as crashed."""
    add("a", "bad", "c")
    said = run_to_the_end(queue)
    assert starts(queue) == ["a", "bad", "c"]
    assert names(queue) == [] and not queue.is_run
    assert "bad ended (exit code 1)" in said
    run = RunStore(queue.workspace).find("bad")
    assert run.state(run.progress()) == "crashed" and "cannot train" in run.stderr_tail()


def test_a_device_that_is_in_use_is_waited_for(queue, add, trainer, make_config, held_elsewhere):
    """A run that somebody started by hand on the CPU holds up what waits for the CPU, and nothing else."""
    run = RunStore(queue.workspace).create("by-hand", make_config())
    runner = _Runner(queue, lambda text: None)
    with held_elsewhere(run.folder):
        assert [added.before for added in add("a")] == [1]
        add("g", device="cuda:0")
        runner.work()
        assert list(runner.jobs) == ["g"]
        runner.jobs["g"].process.wait()
    os.utime(run.config_file, (0, 0))  # else it might be one that comes up
    runner.work()
    assert list(runner.jobs) == ["a"]
    runner.jobs["a"].process.wait()


def test_a_run_whose_device_is_not_known_yet_is_waited_for(queue, add, trainer):
    """A trainer that has just been started has no configuration on the disk, and may be on any device."""
    run = RunStore(queue.workspace).reserve("coming-up")
    output = storage.open_append(run.stderr_file)
    storage.hold(output)
    add("a")
    runner = _Runner(queue, lambda text: None)
    runner.work()
    assert runner.jobs == {}
    os.close(output)
    runner.work()
    runner.jobs["a"].process.wait()


def test_a_held_queue_starts_nothing(queue, add, trainer):
    """The runner leaves; released, the queue goes on where it was."""
    add("a")
    queue.hold()
    assert [queue.state(entry) for entry in queue.entries()] == ["held"]
    run_to_the_end(queue)
    assert (starts(queue), names(queue)) == ([], ["a"])
    assert queue_runner.keep_going(queue.workspace) == 0
    queue.release()
    run_to_the_end(queue)
    assert (starts(queue), names(queue)) == (["a"], [])


def test_a_name_that_was_taken_meanwhile_waits_for_a_person(queue, add, trainer, make_config):
    """Another run of that name is not touched, the entry is not lost, and the others are started."""
    add("a", "b")
    RunStore(queue.workspace).create("a", make_config(model={"hidden": 9}))
    os.utime(RunStore(queue.workspace).run("a").config_file, (0, 0))
    run_to_the_end(queue)
    assert starts(queue) == ["b"]
    assert [(entry.name, queue.state(entry)) for entry in queue.entries()] == [("a", "name taken")]
    assert RunStore(queue.workspace).find("a").config().model.hidden == 9


def test_there_is_one_runner(queue, add):
    """A second one is refused while the first has the queue, and none is started beside it."""
    add("a")
    descriptor = queue.lock_runner()
    with pytest.raises(UnavailableError, match="another process runs the queue"):
        run_queue(queue.workspace, print)
    assert queue_runner.keep_going(queue.workspace) == 0
    os.close(descriptor)
    assert not queue.is_run and names(queue) == ["a"]


def test_a_runner_is_started_where_runs_wait(queue, make_config, monkeypatch, tmp_path):
    """Adding starts `rnnbench queue run` in this workspace, with its words in a file; an empty queue starts nothing."""
    said = "import sys; print(sys.argv[1:])"
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-S", "-c", said))
    assert queue_runner.keep_going(queue.workspace) == 0
    queue_runner.add(queue.workspace, make_config(), "a")
    deadline = time.monotonic() + 60
    while not (queue.log_file.exists() and queue.log_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert queue.log_file.read_text() == f"['--workspace', '{queue.workspace.root}', 'queue', 'run']\n"


def test_a_text_is_the_same_wherever_the_runner_works(queue, make_config, monkeypatch, tmp_path):
    """A path is kept whole, also one into a corpora folder; a name stays one; a text that is not there is refused."""
    monkeypatch.setattr(queue_runner, "keep_going", lambda workspace: 0)
    (tmp_path / "own.txt").write_text("mine")
    small = queue.workspace.root / "corpora" / "small.txt"
    monkeypatch.chdir(tmp_path)
    for file, kept in (("own.txt", tmp_path / "own.txt"), ("small", "small"), (small.relative_to(tmp_path), small)):
        added = queue_runner.add(queue.workspace, make_config(corpus={"file": str(file)}), f"r{len(names(queue))}")
        assert queue.find(added.entry.name).config.corpus.file == str(kept)
    with pytest.raises(CorpusError, match="not found: nowhere"):
        queue_runner.add(queue.workspace, make_config(corpus={"file": "nowhere"}), "r")


# -- kills -------------------------------------------------------------------------------------------------------------


def test_a_runner_killed_at_any_write_loses_nothing_and_starts_nothing_twice(queue, add, trainer, faulty_os, crash):
    """Dead at its 1st, 2nd, 3rd ... call: the next runner starts every run, each once."""
    for nth in itertools.count(1):
        name = f"a{nth}"
        add(name)
        runner = _Runner(queue, lambda text: None)
        faulty = faulty_os(nth, crash=True)
        with contextlib.suppress(crash):
            runner.work()
        faulty_os()
        for job in runner.jobs.values():
            job.process.wait()
        run_to_the_end(queue)
        assert names(queue) == []
        assert starts(queue)[-1:] == [name] and len(starts(queue)) == nth, f"died at call {nth}"
        shutil.rmtree(queue.workspace.runs / name)  # a runner looks at every run, and would have ever more to call
        if not faulty.reached:
            break
    assert nth > 8


@pytest.mark.parametrize("got_to", ["claimed", "reserved", "silent", "coming up", "speaking", "begun", "failed"])
def test_what_a_dead_runner_left_is_taken_up(queue, add, trainer, got_to):
    """Each state between the claim and the trainer's first word leads to one start, or to none where it was begun."""
    add("a")
    queue.claim("a")
    run = RunStore(queue.workspace).run("a")
    if got_to != "claimed":
        run.folder.mkdir(parents=True)
    output = storage.open_append(run.stderr_file) if got_to not in ("claimed", "reserved") else None
    if got_to in ("failed", "speaking"):
        os.write(output, b"no such corpus\n")
    if got_to == "begun":
        run.config_file.write_bytes(configuration.to_json(queue.find("a").config))
    if got_to in ("coming up", "speaking"):
        storage.hold(output)
        runner = _Runner(queue, lambda text: None)
        runner.work()
        assert runner.jobs == {} and not runner.is_done() and names(queue) == ["a"]
    if output is not None:
        os.close(output)
    run_to_the_end(queue)
    assert starts(queue) == ([] if got_to in ("begun", "failed", "speaking") else ["a"])
    assert names(queue) == []


@pytest.mark.slow
def test_real_runs_are_trained_one_after_another_through_kills(queue, make_config):
    """The runner is killed again and again while three real runs are trained: all finish, none overlaps another."""
    three = ["a", "b", "c"]
    for name in three:
        queue.add(make_config(), name)
    command = [*jobs.PROGRAM, "--workspace", str(queue.workspace.root), "queue", "run"]
    for patience in itertools.cycle((0.4, 1.0, 2.5, 4.0)):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if not names(queue):
            break
    runs = [RunStore(queue.workspace).find(name) for name in three]
    for run in runs:
        while queue.occupied():
            time.sleep(0.05)
        assert run.state(run.progress()) == "finished", run.stderr_tail()
    spans = [(run.progress().started.at, run.progress().finished.at) for run in runs]
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))
