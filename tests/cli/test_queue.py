"""The queue from the command line; no runner is started, but that of the first test."""

import os
import sys

import pytest

from rnnbench.runs import jobs, queue_runner
from rnnbench.runs.queue import Queue
from rnnbench.runs.store import RunStore


@pytest.fixture
def queue(workspace):
    """The queue of the test's workspace."""
    return Queue(workspace)


@pytest.fixture
def add(cli, small, monkeypatch):
    """`rnnbench train --queue`, starting nobody."""
    monkeypatch.setattr(queue_runner, "keep_going", lambda workspace: 0)
    return lambda name, *words: cli("train", "--queue", "--corpus", "small", "--run", name, *small, *words)


def test_train_queue_adds_what_train_would_start(cli, small, queue, monkeypatch):
    """The place is said, the configuration is that of the options, nothing is trained here, a runner is started."""
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-S", "-c", "print('runner')"))
    answer = cli("train", "--queue", "--corpus", "small", "--run", "a", "--max-steps", 7, *small)
    assert (answer.code, answer.out, answer.err) == (0, "", "queued a, 0 before it on cpu\n")
    config = queue.find("a").config
    assert (config.training.max_steps, config.model.hidden, config.corpus.file) == (7, 8, "small")
    assert queue.log_file.exists() and RunStore(queue.workspace).runs() == []


def test_without_a_name_one_is_made_that_nothing_has(cli, small, queue, add):
    """Two runs alike get two names, although neither has begun."""
    for _ in range(2):
        assert cli("train", "--queue", "--corpus", "small", *small).code == 0
    assert [entry.name for entry in queue.entries()] == ["small-lstm", "small-lstm-2"]


def test_the_list_can_be_read_by_people_and_by_scripts(cli, add, queue, workspace, make_config, held_elsewhere):
    """Place, name, state, device, text and model; what is being trained stands beside it."""
    run = RunStore(workspace).create("now", make_config())
    with held_elsewhere(run.folder):
        assert "1 before it on cpu" in add("a").err
        add("g", "--device", "cuda:1")
        answer, record = cli("queue", "list"), cli("queue", "list", "--json").json
    header, *rows = [line.split() for line in answer.out.splitlines()]
    assert header[:4] == ["place", "run", "state", "device"]
    assert [row[:5] for row in rows] == [
        ["1", "a", "waiting", "cpu", "small"],
        ["2", "g", "waiting", "cuda:1", "small"],
    ]
    assert "now is being trained" in answer.err and "nobody starts them: `rnnbench queue run` does" in answer.err
    assert (record["held"], record["runner"], record["running"]) == (False, False, ["now"])
    assert [(row["place"], row["name"], row["slot"]) for row in record["waiting"]] == [
        (1, "a", "cpu"),
        (2, "g", "cuda:1"),
    ]


def test_entries_are_moved_removed_held_and_released(cli, add, queue):
    """Each command says where things stand; a name that does not wait is a usage error."""
    for name in ("a", "b", "c"):
        add(name)
    assert cli("queue", "up", "c").err == "c is at place 2 of 3\n"
    assert cli("queue", "down", "a").err == "a is at place 2 of 3\n"
    assert cli("queue", "remove", "b").code == 0
    assert [entry.name for entry in queue.entries()] == ["c", "a"]
    assert cli("queue", "hold").code == 0 and queue.is_held
    assert "held" in cli("queue", "list").out
    assert "the queue is held" in cli("queue", "run").err
    assert cli("queue", "release").err == "the queue goes on, 2 in it\n"
    answer = cli("queue", "remove", "b")
    assert answer.code == 2 and answer.complaint() == "b is not in the queue (waiting: c, a)"


def test_run_starts_what_waits_and_says_so(cli, add, queue, monkeypatch):
    """It comes back when nothing waits; a second one at the same time is told to try later."""
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-S", "-c", "raise SystemExit('no')"))
    monkeypatch.setattr(queue_runner.time, "sleep", lambda seconds: None)
    add("a")
    answer = cli("queue", "run")
    assert answer.code == 0 and "started a on cpu\n" in answer.err
    assert queue.entries() == []
    descriptor = queue.lock_runner()
    try:
        assert cli("queue", "run").code == 3
    finally:
        os.close(descriptor)
