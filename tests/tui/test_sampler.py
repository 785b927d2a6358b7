"""Asking a sampling process, played here by a small script."""

import os
import sys
import time
from pathlib import Path

import pytest
from textual.message import Message

from rnnbench.tui import sampler as sampling
from rnnbench.tui.messages import (
    AnswerArrived,
    AnswersEnded,
    FillingArrived,
    NoveltyMeasured,
    SampleBegun,
    SampleEnded,
    SamplerFailed,
    SamplerReady,
    SamplerRemarked,
    TokensArrived,
)
from rnnbench.tui.sampler import Sampler, SampleRequest
from rnnbench.workspace import Workspace

PATIENCE = 20.0

CHILD = r"""
import json, os, sys, threading, queue, time
requests, cancelled = queue.SimpleQueue(), set()

def tell(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)

def listen():
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("cancel"):
            cancelled.add(request["id"])
        else:
            requests.put(request)
    requests.put(None)

threading.Thread(target=listen, daemon=True).start()
tell("ready", run="tm")
print("this line is no answer", flush=True)
tell("token", id=[], text=None)
while (request := requests.get()) is not None:
    number, prompt = request["id"], request["prompt"]
    if prompt == "die":
        sys.stderr.write("Traceback:\n\nMemoryError: no \x1b[31mroom\n")
        sys.exit(1)
    if prompt == "vanish":
        sys.exit(7)
    if prompt == "wrong":
        tell("error", id=number, message="no checkpoint \x1b[1mhere")
        continue
    if prompt == "_":
        tell("begun", id=number, step=600, seed=None, unknown=[])
        for text, probability in (("a", 0.5), ("b", 0.25)):
            tell("filling", id=number, text=text, pieces=[text], probability=probability)
        tell("done", id=number, answers=2, seconds=0.5, cancelled=False)
        continue
    if prompt == "line":
        tell("begun", id=number, step=600, seed=None, unknown=[])
        tell("answer", id=number, text="other", tokens=5, log_probability_nats=-2.5)
        tell("done", id=number, answers=1, seconds=0.5, cancelled=False)
        continue
    tell("begun", id=number, step=600, seed=request.get("seed", 12), unknown=["龘"])
    count = 0
    if prompt == "stubborn":
        time.sleep(600)
    if prompt == "long":
        tell("token", id=number, text="x" * 3_000_000)
    if prompt == "echo":
        tell("token", id=number, text=json.dumps(request, sort_keys=True))
    while number not in cancelled and (count < request["length"] or prompt == "for ever"):
        tell("token", id=number, text="字")
        count += 1
    tell("done", id=number, tokens=count, log_probability_nats=-1.5 * count, tokens_per_second=3100.0,
         cancelled=number in cancelled)
    if prompt == "novel":
        tell("novelty", id=number, tokens=9, longest_copied=4, unit="characters", memorised=False,
             novel_shares={"1": 0.0, "2": 0.5})
        tell("remark", id=number, message="gone \x1b[1m")
"""


@pytest.fixture
def sampler(inbox, tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD, encoding="utf-8")
    sampler = Sampler(inbox, Workspace(tmp_path), "tm", [sys.executable, "-I", "-S", str(script)])
    yield sampler
    sampler.close()


def _text(messages: list[Message]) -> str:
    return "".join(message.text for message in messages if isinstance(message, TokensArrived))


def _wait_for(condition) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        os.sched_yield()
    return condition()


def test_a_sample_from_beginning_to_end(sampler, inbox):
    """Ready, begun, every token in order, ended, all with the id that ask() returned."""
    number = sampler.ask(SampleRequest("我有", length=500, seed=7))
    ready, begun, *tokens, ended = inbox.until(SampleEnded)
    assert ready == SamplerReady("tm")
    assert begun == SampleBegun(number, step=600, seed=7, unknown=("龘",))
    assert {message.request_id for message in tokens} == {number}
    assert _text(tokens) == "字" * 500
    assert ended == SampleEnded(number, 500, -750.0, 3100.0, cancelled=False)
    assert not sampler.busy


def test_tokens_are_gathered(sampler, inbox):
    """Thousands of tokens a second are a few messages: the interface has other things to do."""
    sampler.ask(SampleRequest("x", length=5000))
    messages = inbox.until(SampleEnded)
    assert _text(messages) == "字" * 5000
    assert sum(isinstance(message, TokensArrived) for message in messages) < 1000


def test_the_request_reaches_the_process_whole(sampler, inbox):
    """Every choice is sent under its protocol name; a seed that was not chosen is not sent."""
    number = sampler.ask(SampleRequest("echo", length=0, temperature=0.5, top_k=3, greedy=True, checkpoint="step-5"))
    assert _text(inbox.until(SampleEnded)) == (
        f'{{"checkpoint": "step-5", "greedy": true, "id": {number}, "length": 0, "prompt": "echo", '
        '"temperature": 0.5, "top_k": 3}'
    )


def test_cancel_ends_the_sample(sampler, inbox):
    """A sample that would never end does, says that it was cancelled, and the process stays for the next."""
    sampler.ask(SampleRequest("for ever"))
    inbox.until(TokensArrived)
    assert sampler.busy
    sampler.cancel()
    assert inbox.until(SampleEnded)[-1].cancelled
    number = sampler.ask(SampleRequest("next", length=2))
    messages = inbox.until(SampleEnded)
    assert _text(messages) == "字字"
    assert messages[-1].request_id == number
    assert not any(isinstance(message, SamplerReady) for message in messages)


def test_a_long_prompt_does_not_hold_the_caller(inbox, tmp_path):
    """A process that does not read blocks neither ask() nor close(), however much is sent."""
    stubborn = Sampler(inbox, Workspace(tmp_path), "tm", [sys.executable, "-c", "import time; time.sleep(600)"])
    stubborn.ask(SampleRequest("长" * 1_000_000))
    stubborn.ask(SampleRequest("长" * 1_000_000))
    stubborn.close()
    assert inbox.messages.empty()


def test_a_request_that_fails(sampler, inbox):
    """An error names its request, is made harmless, and ends nothing else."""
    number = sampler.ask(SampleRequest("wrong"))
    assert inbox.until(SamplerFailed)[-1] == SamplerFailed("no checkpoint ␛[1mhere", number)
    assert not sampler.busy
    sampler.ask(SampleRequest("right", length=1))
    assert _text(inbox.until(SampleEnded)) == "字"


@pytest.mark.parametrize(
    ("prompt", "message"),
    [("die", "MemoryError: no ␛[31mroom"), ("vanish", "the sampler ended with exit code 7")],
)
def test_a_process_that_dies_says_why_and_is_started_again(sampler, inbox, prompt, message):
    """The last line of its stderr is the message; the next request has a process again."""
    sampler.ask(SampleRequest(prompt))
    assert inbox.until(SamplerFailed)[-1] == SamplerFailed(message)
    assert not sampler.busy
    sampler.ask(SampleRequest("again", length=3))
    messages = inbox.until(SampleEnded)
    assert isinstance(messages[0], SamplerReady)
    assert _text(messages) == "字字字"


def test_a_program_that_cannot_be_started(inbox, tmp_path):
    """A missing program is a message, not an exception in the interface."""
    sampler = Sampler(inbox, Workspace(tmp_path), "tm", [str(tmp_path / "nothing")])
    sampler.ask(SampleRequest("x"))
    assert "could not be started" in inbox.until(SamplerFailed)[-1].message
    sampler.close()


def test_nothing_is_started_before_the_first_request(inbox, tmp_path):
    """Opening the pane costs no process, and closing or cancelling one that never ran is no error."""
    started = tmp_path / "started"
    sampler = Sampler(inbox, Workspace(tmp_path), "tm", ["touch", str(started)])
    sampler.cancel()
    sampler.close()
    assert not started.exists()
    sampler.ask(SampleRequest("x"))
    assert _wait_for(started.exists)
    sampler.close()


PIDFILE_CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
temporary = sys.argv[1] + ".part"
with open(temporary, "w") as file:
    file.write(str(os.getpid()))
os.rename(temporary, sys.argv[1])
time.sleep(600)
"""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_close_ends_even_a_process_that_does_not_want_to(inbox, tmp_path):
    """After close() no process stays behind, and no message of its death comes."""
    pid_file = tmp_path / "pid"
    sampler = Sampler(inbox, Workspace(tmp_path), "tm", [sys.executable, "-I", "-c", PIDFILE_CHILD, str(pid_file)])
    sampler.ask(SampleRequest("x"))
    assert _wait_for(pid_file.exists)
    pid = int(Path(pid_file).read_text())
    sampler.close()
    assert _wait_for(lambda: not _alive(pid))
    assert inbox.messages.empty()


def test_late_answers_cannot_be_taken_for_another_samplers(inbox, tmp_path):
    """Request ids are not repeated by a second sampler."""
    first, second = (Sampler(inbox, Workspace(tmp_path), "tm", ["true"]) for _ in range(2))
    assert first.ask(SampleRequest("x")) != second.ask(SampleRequest("x"))
    first.close()
    second.close()


def test_fillings_and_answers_arrive_one_by_one(sampler, inbox):
    """Each is a message, best first, and the end says how many and how long."""
    number = sampler.ask(SampleRequest("_", task="cloze"))
    _, begun, *fillings, ended = inbox.until(AnswersEnded)
    assert begun == SampleBegun(number, step=600, seed=None, unknown=())
    assert fillings == [FillingArrived(number, "a", 0.5), FillingArrived(number, "b", 0.25)]
    assert ended == AnswersEnded(number, answers=2, seconds=0.5, cancelled=False) and not sampler.busy
    number = sampler.ask(SampleRequest("line", task="seq2seq"))
    assert inbox.until(AnswersEnded)[1] == AnswerArrived(number, "other", 5, -2.5)


def test_what_is_measured_afterwards_arrives(sampler, inbox):
    """The novelty of a text and a remark come after its end, under its id."""
    number = sampler.ask(SampleRequest("novel", length=1))
    inbox.until(SampleEnded)
    assert inbox.next() == NoveltyMeasured(number, 9, 4, "characters", False, (0.0, 0.5))
    assert inbox.next() == SamplerRemarked(number, "gone ␛[1m")


def test_a_process_that_does_not_stop_is_replaced(sampler, inbox, monkeypatch):
    """What was cancelled and goes on cannot hold up the next request: another process answers that."""
    monkeypatch.setattr(sampling, "STUCK_SECONDS", -1.0)
    sampler.ask(SampleRequest("stubborn"))
    inbox.until(SampleBegun)
    sampler.cancel()
    sampler.ask(SampleRequest("next", length=2))
    messages = inbox.until(SampleEnded)
    assert isinstance(messages[0], SamplerReady) and _text(messages) == "字字"


def test_a_very_long_line_arrives_whole(sampler, inbox):
    """A text of megabytes in one event is put together again."""
    sampler.ask(SampleRequest("long", length=0))
    assert len(_text(inbox.until(SampleEnded))) == 3_000_000
