"""ask and change: a script can rely on it that what was asked has been done."""

import json
import threading
import time

import pytest

from rnnbench.runs import jobs, wishes
from rnnbench.runs.events import RunPaused, SettingChanged, StepDone
from rnnbench.runs.log import EventWriter
from rnnbench.runs.settings import Setting
from rnnbench.runs.store import RunStore


@pytest.fixture
def run(workspace, make_config, make_event):
    """A run that has made a step, and that nobody trains."""
    made = RunStore(workspace).create("r", make_config())
    append(made, make_event(StepDone, step=3))
    return made


def append(run, *events):
    """Write events as the trainer does."""
    log = EventWriter(run.events_file)
    for event in events:
        log.append(event)
    log.close()


@pytest.mark.parametrize("words", [("ask", "r", "pause"), ("change", "r", "clip_norm=off")])
def test_a_run_that_is_not_trained_is_asked_nothing(cli, run, complaint, words):
    """Exit code 2, the reason, and the way to continue it."""
    answer = cli(*words)
    assert answer.code == 2
    assert "run r is not being trained" in complaint(answer) and "rnnbench resume r" in complaint(answer)
    assert list(run.requests.iterdir()) == []


@pytest.mark.parametrize("words", ["learning_rate", "learning_rate=fast", "hidden=8"])
def test_a_change_that_cannot_be_is_refused_before_any_is_asked_for(cli, run, complaint, words):
    """Exit code 2, and the good change beside it is not made either."""
    with run.locked():
        answer = cli("change", "r", "clip_norm=1", words)
    assert answer.code == 2 and words.partition("=")[0] in complaint(answer)
    assert list(run.requests.iterdir()) == []


def test_a_run_that_does_not_answer(cli, run, complaint):
    """Exit code 3 when the time is up; the request stays for the trainer."""
    with run.locked():
        answer = cli("ask", "r", "save", "--timeout", "0")
    assert answer.code == 3 and "was asked to write a checkpoint and has not after 0 s" in complaint(answer)
    assert len(list(run.requests.iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [(("ask", "r", "pause"), "r is paused already (step 3)"), (("ask", "r", "save"), "and was saved when it paused")],
)
def test_what_is_so_already_is_no_error(cli, run, make_event, words, told):
    """Asked twice, a script goes on, and the trainer is not bothered."""
    append(run, make_event(RunPaused, step=3))
    with run.locked():
        answer = cli(*words)
    assert (answer.code, answer.out) == (0, "") and told in answer.err
    assert list(run.requests.iterdir()) == []


def test_a_paused_run_writes_no_sample(cli, run, make_event, complaint):
    """Exit code 2, and how to let it go on."""
    append(run, make_event(RunPaused, step=3))
    with run.locked():
        answer = cli("ask", "r", "sample")
    assert answer.code == 2 and "rnnbench ask r continue" in complaint(answer)


def test_a_change_is_waited_for_and_told(cli, run, make_event):
    """The value and the step from which it counts, as the log has it."""

    def obey():
        while not (asked := jobs.pending(run)):
            time.sleep(0.01)
        ((_, values),) = asked
        append(run, make_event(SettingChanged, step=4, name=f"training.{values['name']}", value=values["value"]))

    trainer = threading.Thread(target=obey)
    with run.locked():
        trainer.start()
        answer = cli("change", "r", "learning_rate=0.5", "--timeout", "60")
        trainer.join()
    assert (answer.code, answer.err) == (0, "r: training.learning_rate is now 0.5, from step 4\n")


def test_a_real_run_does_what_it_is_asked(cli, small, workspace):
    """Paused it stays where it is, `resume` lets it go on in its own process, and every wish is in the log."""
    run, answers = RunStore(workspace).run("tm"), []

    def ask_for_everything():
        while not any(run.checkpoints.glob("*.json")):
            time.sleep(0.01)
        rate = wishes.change(Setting("learning_rate", "0.5"))
        for wish in (wishes.PAUSE, rate, wishes.CONTINUE, wishes.SAMPLE, wishes.SAVE):
            answers.append(wishes.ask_and_wait(run, wish, 60))
            answers.append(run.state(run.progress()))
        jobs.ask(run, "stop")

    asker = threading.Thread(target=ask_for_everything)
    asker.start()
    words = ("train", "--headless", "--json", "--corpus", "small", "--run", "tm", "--max-steps", 1_000_000, *small)
    answer = cli(*words)
    asker.join()
    assert answer.code == 143
    assert answers[1::2] == ["paused", "paused", "running", "running", "running"] and all(answers[::2])
    kinds = [json.loads(line)["event"] for line in answer.out.splitlines()]
    assert kinds.index("RunPaused") < kinds.index("SettingChanged") < kinds.index("RunContinued")


_WAITING = """
import pathlib, sys, time
from rnnbench.runs import jobs
from rnnbench.runs.events import RunContinued, RunPaused
from rnnbench.runs.log import EventWriter
from rnnbench.runs.store import Run
run = Run(pathlib.Path(sys.argv[1]))
with run.locked():
    log = EventWriter(run.events_file)
    log.append(RunPaused(step=3))
    print("held", flush=True)
    while not (found := jobs.pending(run)):
        time.sleep(0.01)
    assert found == [("continue", {})]
    log.append(RunContinued(step=3))
    sys.stdin.read()
"""


def test_resume_lets_a_paused_run_go_on(cli, run, other_process):
    """The process that has it goes on; no second one is started, and the state follows."""
    process = other_process(_WAITING, run.folder)
    assert process.stdout.readline() == "held\n"
    assert json.loads(cli("runs", "show", "r", "--json").out)["state"] == "paused"
    assert "let it go on with `rnnbench resume r`" in cli("runs", "show", "r").out
    assert [row["state"] for row in cli("runs", "list", "--json").json["runs"]] == ["paused"]
    answer = cli("resume", "r", "--headless")
    assert (answer.code, answer.err) == (0, "r: goes on from step 3\n")
    assert run.state(run.progress()) == "running"
    process.stdin.close()
    assert process.wait() == 0
