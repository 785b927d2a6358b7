"""resume and stop: a run goes on where it stood, whatever ended it."""

import json
import os
import signal
import threading

import pytest

from rnnbench.engine import checkpoints
from rnnbench.runs import jobs
from rnnbench.runs.store import RunStore


@pytest.fixture
def train(cli, small):
    """`rnnbench train --headless` of 30 steps; with `stop_at`, ended by SIGTERM after the evaluation at that step."""

    def run(name, stop_at=None, steps=30):
        def on_line(line):
            record = json.loads(line)
            if (record.get("split"), record.get("step")) == ("validation", stop_at):
                os.kill(os.getpid(), signal.SIGTERM)

        words = ("train", "--headless", "--json", "--corpus", "small", "--run", name, "--max-steps", steps, *small)
        return cli(*words, "--set", "model.dropout=0.2", on_line=on_line)

    return run


def losses(run):
    """The recorded losses of a run and its validation curve, by step."""
    progress = run.progress()
    return [
        list(zip(curve.steps, curve.values, strict=True)) for curve in (progress.train, progress.validation)
    ] + [[(sample.step, sample.text) for sample in progress.samples]]  # fmt: skip


def test_a_resumed_run_is_the_run_in_one_go(train, cli, workspace):
    """Stopped twice and continued: the same weights and the same history, each step once."""
    assert train("whole").code == 0
    assert train("pieces", stop_at=5).code == 143
    store = RunStore(workspace)

    def on_line(line):
        record = json.loads(line)
        if (record.get("split"), record.get("step")) == ("validation", 20):
            os.kill(os.getpid(), signal.SIGINT)

    assert cli("resume", "pieces", "--headless", "--json", on_line=on_line).code == 130
    answer = cli("resume", "pieces", "--headless")
    assert answer.code == 0 and "resumed at step 20" in answer.out and "finished at step 30" in answer.out
    whole, pieces = store.find("whole"), store.find("pieces")
    assert losses(pieces) == losses(whole)
    assert checkpoints.choose(pieces.checkpoints, "last").sha256 == checkpoints.choose(whole.checkpoints, "last").sha256
    assert len(pieces.progress().resumed_at) == 2


def test_a_finished_run_is_not_resumed(train, cli, workspace, complaint, digest_of):
    """Exit code 2, and nothing changes."""
    assert train("tm").code == 0
    before = digest_of(workspace.runs / "tm")
    answer = cli("resume", "tm", "--headless")
    assert answer.code == 2 and "run tm has finished" in complaint(answer)
    assert digest_of(workspace.runs / "tm") == before


@pytest.mark.parametrize("command", [("resume", "x", "--headless"), ("stop", "x")])
def test_a_run_that_is_not_there(cli, complaint, command):
    """Exit code 2, with the names that are."""
    answer = cli(*command)
    assert answer.code == 2 and "no run named x" in complaint(answer)


def test_a_run_that_is_being_trained_is_not_resumed(train, cli, workspace, complaint, digest_of, held_elsewhere):
    """Exit code 3 with the process that has it; the run is neither written to nor removed."""
    assert train("tm", stop_at=5).code == 143
    with held_elsewhere(workspace.runs / "tm") as pid:
        before = digest_of(workspace.runs / "tm")
        answer = cli("resume", "tm", "--headless")
        assert answer.code == 3 and f"process {pid}" in complaint(answer)
        assert digest_of(workspace.runs / "tm") == before


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(train, cli, workspace, digest_of):
    """Exit code 4; nothing starts over silently, and no file of the run is lost."""
    assert train("tm", stop_at=5).code == 143
    run = RunStore(workspace).find("tm")
    for manifest in checkpoints.manifests(run.checkpoints):
        manifest.tensor_file.write_bytes(b"\0" * manifest.bytes)
    before = digest_of(run.checkpoints)
    answer = cli("resume", "tm", "--headless")
    assert answer.code == 4 and "is whole" in answer.err
    assert digest_of(run.checkpoints) == before


def test_a_changed_text_is_refused(train, cli, workspace, english_text):
    """The checkpoint belongs to the text it was trained on: exit code 4, and the run stays."""
    assert train("tm", stop_at=5).code == 143
    (workspace.root / "corpora" / "small.txt").write_text(english_text[::-1])
    answer = cli("resume", "tm", "--headless")
    assert answer.code == 4 and "corpus" in answer.err and "changed" in answer.err
    (workspace.root / "corpora" / "small.txt").write_text(english_text)
    assert cli("resume", "tm", "--headless").code == 0


def test_a_text_that_has_gone_leaves_the_run(train, cli, workspace, english_text):
    """Exit code 4 and nothing lost: with the text back, the run goes on."""
    assert train("tm", stop_at=5).code == 143
    (workspace.root / "corpora" / "small.txt").unlink()
    assert cli("resume", "tm", "--headless").code == 4
    (workspace.root / "corpora" / "small.txt").write_text(english_text)
    assert cli("resume", "tm", "--headless").code == 0


def test_without_headless_a_terminal_is_needed(train, cli, complaint):
    """In a script `resume` without --headless starts nothing."""
    assert train("tm", stop_at=5).code == 143
    answer = cli("resume", "tm")
    assert answer.code == 2 and "--headless" in complaint(answer)


def test_stop_needs_a_trainer(train, cli, complaint):
    """Nobody trains the run: exit code 2, and the way to continue it."""
    assert train("tm").code == 0
    answer = cli("stop", "tm")
    assert answer.code == 2 and "is not being trained" in complaint(answer)


def test_stop_waits_until_the_run_has_saved(cli, workspace, other_process, train):
    """The request is left in the folder; when the trainer lets go of its lock, the state is told."""
    assert train("tm", stop_at=5).code == 143
    folder = workspace.runs / "tm"
    process = other_process(_OBEDIENT, folder)
    assert process.stdout.readline() == "held\n"
    answer = cli("stop", "tm")
    assert answer.code == 0 and answer.out == "" and "tm is stopped at step" in answer.err
    assert process.wait() == 0


_OBEDIENT = """
import pathlib, sys, time
from rnnbench.runs import jobs
from rnnbench.runs.store import Run
run = Run(pathlib.Path(sys.argv[1]))
with run.locked():
    print("held", flush=True)
    while not (found := jobs.pending(run)):
        time.sleep(0.01)
assert found == [("stop", {})]
"""


def test_stop_does_not_wait_for_ever(train, cli, workspace, complaint, held_elsewhere):
    """A trainer that does not answer: exit code 3 after the time that was given."""
    assert train("tm", stop_at=5).code == 143
    with held_elsewhere(workspace.runs / "tm"):
        answer = cli("-q", "stop", "tm", "--timeout", "0.1")
    assert answer.code == 3 and "has not stopped after 0.1 s" in complaint(answer)


def test_stop_ends_a_run_that_is_going(cli, workspace, train):
    """Asked by another thread of life, a real run saves and leaves with exit code 143."""
    run = RunStore(workspace).run("tm")
    begun = threading.Event()

    def ask():
        while not run.checkpoints.is_dir() or not any(run.checkpoints.glob("*.json")):
            begun.wait(0.01)
        jobs.ask(run, "stop")

    asker = threading.Thread(target=ask)
    asker.start()
    answer = train("tm", steps=1_000_000)
    asker.join()
    assert (answer.code, answer.err) == (143, "")
    assert run.state(run.progress()) == "stopped"
