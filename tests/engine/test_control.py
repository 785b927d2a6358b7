"""What the outside asks of a run: signals and request files."""

import os
import signal

import pytest

from rnnbench.engine.control import Control
from rnnbench.errors import ExitCode, Stopped
from rnnbench.runs import jobs

SIGNALS = [
    (signal.SIGTERM, ExitCode.TERMINATED, 143),
    (signal.SIGINT, ExitCode.INTERRUPTED, 130),
    (signal.SIGHUP, ExitCode.HUNG_UP, 129),
]


@pytest.mark.parametrize(("number", "code", "exit_code"), SIGNALS)
def test_a_signal_asks_for_the_end(number, code, exit_code):
    """A signal only sets a flag, which becomes Stopped, with its exit code, when somebody looks."""
    control = Control()
    with control.signals():
        assert not control.stopping
        control.check()
        os.kill(os.getpid(), number)
        assert control.stopping and control.stop_code is code == exit_code
        with pytest.raises(Stopped) as stopped:
            control.check()
        assert stopped.value.exit_code == exit_code


def test_handlers_are_put_back():
    """Outside of training signals mean what they meant before, even when training ends in an error."""
    before = [signal.getsignal(number) for number, _, _ in SIGNALS]
    with pytest.raises(ZeroDivisionError), Control().signals():
        assert all(signal.getsignal(number) not in before for number, _, _ in SIGNALS)
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number, _, _ in SIGNALS] == before


_TWICE = """
import os, signal
from rnnbench.engine.control import Control
with Control().signals():
    os.kill(os.getpid(), signal.SIGHUP)
    print("still here", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("and still", flush=True)
"""


def test_a_second_signal_means_now(other_process):
    """The first is taken as a wish, the second ends the process as it would without a handler."""
    process = other_process(_TWICE)
    output, _ = process.communicate()
    assert (output, process.returncode) == ("still here\n", -signal.SIGTERM)


_ASKED_BEFORE = """
import os, signal
from rnnbench.engine.control import Control
control = Control()
control.stop()
with control.signals(then_ignored=True):
    os.kill(os.getpid(), signal.SIGTERM)
    print("saving", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
print("left", int(control.stop_code), flush=True)
"""


def test_a_signal_after_a_request_is_the_first(other_process):
    """torchrun ends the slower processes by a signal: the one that saves was asked to stop, and goes on saving."""
    process = other_process(_ASKED_BEFORE)
    output, _ = process.communicate()
    assert (output, process.returncode) == ("saving\nleft 143\n", 0)


@pytest.fixture
def run(trainings, tiny):
    """A run that nobody trains."""
    return trainings.run("r", tiny())


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_requests_are_taken_between_steps(run):
    """save and stop, left as files by another process, arrive; each is taken once."""
    clock = Clock()
    control = Control(run, clock)
    with run.locked():
        jobs.ask(run, "save")
        assert not control.stopping and control.save_asked
        assert list(run.requests.iterdir()) == []
        jobs.ask(run, "stop")
        clock.now += 1
        assert control.stopping and control.stop_code is ExitCode.TERMINATED


def test_requests_are_looked_for_ten_times_a_second(run):
    """Steps of a millisecond do not each list a folder."""
    clock = Clock()
    control = Control(run, clock)
    assert not control.stopping
    with run.locked():
        jobs.ask(run, "stop")
    clock.now += 0.05
    assert not control.stopping
    clock.now += 0.06
    assert control.stopping


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b'{"request": 5}', b"\xff\xfe", b'{"values": "stop"}',
    b"[" * 60_000, b" " * 100_000,
])  # fmt: skip
def test_a_request_that_is_none_is_dropped(run, content):
    """Rubbish in the requests folder neither stops a run nor stays."""
    (run.requests / "1-stop.json").write_bytes(content)
    control = Control(run)
    assert not control.stopping and not control.save_asked
    assert list(run.requests.iterdir()) == []


def test_a_run_without_a_folder_is_asked_nothing():
    """Without a run there are only signals and `stop`."""
    control = Control()
    control.check()
    control.stop(ExitCode.INTERRUPTED)
    with pytest.raises(Stopped):
        control.check()


def asked(control, *requests):
    """What a control remembers after these requests were left for its run."""
    for name, values in requests:
        control._take(name, values)
    return control


def test_pausing_lasts_until_it_is_taken_back():
    """The last of the two requests counts."""
    control = asked(Control(), ("pause", {}))
    assert control.paused
    assert not asked(control, ("continue", {})).paused


def test_saving_and_sampling_are_remembered_until_done():
    """Two flags, each for its own request."""
    control = asked(Control(), ("save", {}))
    assert control.save_asked and not control.sample_asked
    assert asked(control, ("sample", {})).sample_asked


def test_changes_are_taken_once_and_in_order():
    """Numbers may come as text, as a command line gives them; off is for clipping alone."""
    control = asked(
        Control(),
        ("set", {"name": "learning_rate", "value": "0.5"}),
        ("set", {"name": "clip_norm", "value": "off"}),
        ("set", {"name": "learning_rate", "value": 0.25}),
    )
    taken = [(change.name, change.value) for change in control.take_changes()]
    assert taken == [("learning_rate", 0.5), ("clip_norm", None), ("learning_rate", 0.25)]
    assert control.take_changes() == [] and control.take_complaints() == []


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("set", {"name": "learning_rate", "value": "nan"}, "learning_rate = nan"),
        ("set", {"name": "learning_rate", "value": "off"}, "above 0"),
        ("set", {"name": "learning_rate", "value": 0}, "above 0"),
        ("set", {"name": "learning_rate", "value": 1e9}, "at most 1000"),
        ("set", {"name": "learning_rate"}, "above 0"),
        ("set", {"name": "hidden", "value": 3}, "hidden cannot be changed"),
        ("dance", {}, "not understood: dance"),
    ],
)
def test_what_cannot_be_done_is_a_complaint_and_no_change(name, values, said):
    """A request that a hand wrote wrongly is told, and the run goes on as it was."""
    control = asked(Control(), (name, values))
    assert control.take_changes() == []
    (complaint,) = control.take_complaints()
    assert said in complaint
