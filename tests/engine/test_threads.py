"""How many threads: what is tried, what is kept, and what is said when the machine is not ours alone."""

import os
from dataclasses import replace

import pytest
import torch

from rnnbench.engine import checkpoints, devices, threads
from rnnbench.engine.checkpoints import choose, load
from rnnbench.engine.launch import ALONE, Place
from rnnbench.engine.tasks import make_task
from rnnbench.engine.threads import busy_cores
from rnnbench.runs.events import RunResumed, RunStarted, Warned

CPU = torch.device("cpu")
CHOSEN_HERE = {"device": "cpu", "threads": 0}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of four idle cores on which nothing was tried yet; gives the numbers of threads that torch was told.

    torch itself keeps to one: more would wait for each other where other tests run at the same time.
    """
    told = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_CHOSEN", {})
    monkeypatch.setattr(threads, "_TRIAL_SECONDS", 0.0)
    monkeypatch.setattr(threads, "busy_cores", lambda: 0.0)
    monkeypatch.setattr(devices, "usable_cores", lambda: 4)
    return told


@pytest.fixture
def takes(monkeypatch):
    """Script how many seconds a step takes with each number of threads; gives the list of what was tried."""

    def script(seconds):
        tried = []

        def time_it(step, count):
            tried.append(count)
            return seconds[count]

        monkeypatch.setattr(threads, "_time", time_it)
        return tried

    return script


@pytest.fixture
def busy(monkeypatch):
    """Let other processes keep so many cores busy."""
    return lambda cores: monkeypatch.setattr(threads, "busy_cores", lambda: cores)


@pytest.mark.parametrize(("seconds", "best"), [
    ({1: 0.010, 2: 0.006, 4: 0.004}, 4),
    ({1: 0.010, 2: 0.006, 4: 0.009}, 2),
    ({1: 0.001, 2: 0.004, 4: 0.009}, 1),
    ({1: 0.00410, 2: 0.0040, 4: 0.0040}, 1),
    ({1: 0.0050, 2: 0.0040, 4: 0.0039}, 2),
], ids=str)  # fmt: skip
def test_the_fewest_threads_that_are_as_fast_as_any(seconds, best, takes, make_config):
    """A second thread has to pay: it is a core that somebody else could use."""
    takes(seconds)
    assert threads.try_out(make_config(), lambda: None).threads == best


def test_one_configuration_is_tried_once_in_a_process(takes, make_config):
    """Asked again, the answer is there; another network is another question."""
    tried = takes({1: 0.01, 2: 0.01, 4: 0.01})
    threads.try_out(make_config(), lambda: None)
    count = len(tried)
    threads.try_out(make_config(), lambda: None)
    assert len(tried) == count > 0
    threads.try_out(make_config(model={"hidden": 9}), lambda: None)
    assert len(tried) == 2 * count


@pytest.mark.parametrize(("seconds", "most"), [(30.0, 1), (0.5, 2)])
def test_a_trial_of_a_large_network_is_one_or_two_steps(seconds, most, takes, make_config):
    """Nobody waits for a comparison whose result is known: large products use every core."""
    tried = takes({4: seconds})
    assert threads.try_out(make_config(), lambda: None).threads == 4
    assert len(tried) == most


@pytest.mark.parametrize(("cores", "tried_at_most"), [(0.2, 4), (1.1, 2), (2.0, 2)])
def test_cores_that_others_use_are_left_to_them(cores, tried_at_most, takes, busy, make_config):
    """Threads wait for each other, so one that shares its core would hold all of them up."""
    tried = takes(dict.fromkeys((1, 2, 3, 4), 0.01))
    busy(cores)
    choice = threads.try_out(make_config(), lambda: None)
    assert max(count for count in tried if count in (1, 2, 4)) == tried_at_most and max(tried) <= 4 - round(cores)
    assert ("cores busy" in choice.warning) == (cores >= 0.5)


def test_where_all_cores_are_busy_one_thread_is_taken_untried(takes, busy, make_config):
    """The warning names how many of how many."""
    tried = takes({})
    busy(3.9)
    choice = threads.try_out(make_config(), lambda: None)
    assert (choice.threads, tried) == (1, [])
    assert "3.9 of 4 cores" in choice.warning and "--threads" in choice.warning


@pytest.mark.parametrize(("value", "expected"), [("2", 2), ("64", 4), ("0", 4), ("many", 4)])
def test_who_has_limited_the_threads_of_a_process_is_heard(value, expected, monkeypatch):
    """OMP_NUM_THREADS is a limit, not more; what is no number is not heard."""
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads.most_threads() == expected


def test_a_trial_leaves_no_trace(tiny, encoded, machine):
    """Weights, random numbers and the first batch's loss are what they were; no gradient is left."""
    config = tiny(model={"dropout": 0.5}, machine=CHOSEN_HERE)
    task = make_task(config, encoded(config), CPU)
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items()}
    random = torch.get_rng_state()
    chosen = threads.settle(config, CPU, task, ALONE, None)
    assert machine[-1] == chosen.threads in (1, 2, 4) and {1, 2, 4} == set(machine)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.network.state_dict().items())
    assert all(parameter.grad is None for parameter in task.network.parameters())


@pytest.mark.parametrize(("asked", "made_with", "place", "expected"), [
    (3, None, ALONE, 3), (3, 2, ALONE, 3), (0, 2, ALONE, 2), (0, 64, ALONE, 4),
    (0, None, Place(0, 4, 0, 4), 1), (0, 2, Place(0, 4, 0, 4), 1), (0, 2, Place(1, 2, 0, 1), 2),
], ids=str)  # fmt: skip
def test_who_decides(asked, made_with, place, expected, takes, tiny, encoded, machine):
    """The user before the checkpoint before a trial; of several processes none tries anything out."""
    tried = takes({})
    config = tiny(machine={"device": "cpu", "threads": asked})
    task = make_task(config, encoded(config), CPU)
    assert threads.settle(config, CPU, task, place, made_with).threads == machine[-1] == expected
    assert tried == []


@pytest.mark.parametrize(("asked", "expected", "exact"), [(0, 2, True), (1, 1, False)])
def test_a_resumed_run_keeps_the_threads_of_its_checkpoint(asked, expected, exact, trainings, tiny, stop_at):
    """Unless somebody asks for another number; then the log says that it is not bit by bit."""
    config = tiny(machine={"device": "cpu", "threads": asked})
    run = trainings.run("run", config)
    trainings.go_on(run, stop_at(9))
    last = load(choose(run.checkpoints, "last"))
    checkpoints.save(run.checkpoints, replace(last, origin=replace(last.origin, threads=2)), None)
    events = trainings.go_on(run)
    assert [event.threads for event in events if isinstance(event, RunStarted)] == [expected]
    assert [event.exact for event in events if isinstance(event, RunResumed)] == [exact]


def test_a_busy_machine_is_told_of_at_the_start_of_a_run(trainings, tiny, busy):
    """As a warning among the first events; not when the threads were chosen by the user."""
    busy(4.0)
    events = trainings.go_on(trainings.run("run", tiny(training={"max_steps": 1}, machine=CHOSEN_HERE)))
    assert next(event.message for event in events if isinstance(event, Warned)).startswith("other processes keep 4.0")
    events = trainings.go_on(trainings.run("other", tiny(training={"max_steps": 1})))
    assert not [event for event in events if isinstance(event, Warned)]


# -- how busy the cores are --------------------------------------------------------------------------------------------


@pytest.fixture
def stat(monkeypatch, tmp_path):
    """A /proc/stat that shows one text before the wait and another after it, to a process that may use two cores."""

    def show(before, after):
        file = tmp_path / "stat"
        file.write_text(before)
        monkeypatch.setattr(threads, "_STAT", file)
        monkeypatch.setattr(threads.time, "sleep", lambda seconds: file.write_text(after))
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2}, raising=False)

    return show


def test_busy_cores_are_counted_from_what_they_spent_their_time_on(stat):
    """Idle and waiting for a disk is not busy; cores that this process may not use do not count."""
    stat(
        "cpu 9 9 9 9 9 9 9 9 9 9\ncpu0 100 0 0 500 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\ncpu2 0 0 0 0 0 0 0 0 0 0\n",
        "cpu 9 9 9 9 9 9 9 9 9 9\ncpu0 106 1 1 500 2 0 0 0 6 0\ncpu1 9 0 0 0 0 0 0 0 0 0\ncpu2 1 0 1 5 1 0 1 1 0 0\n"
        "intr 5\n\n",
    )
    assert busy_cores() == pytest.approx(0.8 + 0.4)


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "cpu0 1 x 3 4 5 6 7 8\n"], ids=["empty", "no cores", "no numbers"])
def test_where_the_system_does_not_tell_nobody_is_accused(text, stat):
    """None, and a choice without a warning."""
    stat(text, text)
    assert busy_cores() is None
    assert threads.Choice(2, None).warning == threads.Choice(2, 0.3).warning == ""
