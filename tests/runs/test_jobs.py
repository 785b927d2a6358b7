"""Training processes: how they are started, asked and waited for."""

import contextlib
import errno
import inspect
import itertools
import json
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnbench import config as configuration
from rnnbench.cli import train as cli
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError, UnavailableError, UsageError
from rnnbench.runs import jobs
from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace

HeldElsewhere = Callable[[Path], contextlib.AbstractContextManager[int]]

TELL = """
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "environment": dict(os.environ), "stdin": sys.stdin.read(),
                  "leads": os.getsid(0) == os.getpid(), "tty": os.isatty(1)}))
print("to stderr", file=sys.stderr)
sys.exit(7)
"""


@pytest.fixture
def run(workspace: Workspace, make_config: Callable[..., RunConfig]) -> Run:
    """A run that nobody trains."""
    return RunStore(workspace).create("one", make_config())


@pytest.fixture
def telling_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the real program, one that prints how it was started."""
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", TELL))


# -- starting ----------------------------------------------------------------------------------------------------------


def test_the_command_of_a_run_says_all_that_was_chosen(make_config: Callable[..., RunConfig]) -> None:
    """Headless, with the name, and every choice that is no default."""
    config = make_config(training={"clip_norm": "off"})
    assert jobs.train_command(config, "one") == [
        *("train", "--headless", "--run", "one"), *configuration.as_options(config),
    ]  # fmt: skip
    assert "training.clip_norm=off" in jobs.train_command(config, "one")


def test_every_flag_of_a_field_is_an_option_of_train() -> None:
    """A run started from the workbench is never refused for an option that its command does not know."""
    given = {word for parameter in inspect.signature(cli.train).parameters.values() for word in _words(parameter)}
    flags = [field.flag for field in configuration.fields() if field.flag]
    assert [flag for flag in flags if flag not in given] == []


def _words(parameter: inspect.Parameter) -> list[str]:
    """How an option of train is written."""
    declared = [word for item in getattr(parameter.annotation, "__metadata__", ()) for word in item.param_decls or ()]
    return [str(item.default) for item in getattr(parameter.annotation, "__metadata__", ())] + declared


@pytest.mark.usefixtures("telling_program")
def test_a_started_process_is_on_its_own(
    workspace: Workspace, make_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has left our terminal, reads nothing, prints into the run's folder, and sees no RNNBENCH choices twice."""
    monkeypatch.setenv("RNNBENCH_MODEL_HIDDEN", "999")
    monkeypatch.setenv("RNNBENCH_HOME", "/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    config = make_config()
    job = jobs.start(workspace, config, "one")
    job.process.wait()
    assert job.exit_code == 7
    assert job.run.folder == workspace.runs / "one"
    told, last = job.run.stderr_file.read_text().splitlines()
    seen = json.loads(told)
    assert last == "to stderr"
    assert seen["words"] == ["--workspace", str(workspace.root), *jobs.train_command(config, "one")]
    assert (seen["leads"], seen["stdin"], seen["tty"]) == (True, "", False)
    assert "RNNBENCH_MODEL_HIDDEN" not in seen["environment"]
    assert seen["environment"]["KEPT"] == "yes"


@pytest.mark.usefixtures("telling_program")
def test_a_taken_name_is_not_started(workspace: Workspace, run: Run, make_config: Callable[..., RunConfig]) -> None:
    """Nothing is started for a name that has a run."""
    with pytest.raises(UsageError, match="run one already exists"):
        jobs.start(workspace, make_config(), "one")
    assert not run.stderr_file.exists()


@pytest.mark.usefixtures("telling_program")
def test_a_run_is_resumed_by_its_name(workspace: Workspace, run: Run) -> None:
    """The configuration is the stored one; what was printed before stays above."""
    run.stderr_file.write_text("before\n")
    job = jobs.resume(workspace, "one")
    job.process.wait()
    before, told, _ = run.stderr_file.read_text().splitlines()
    assert before == "before"
    assert json.loads(told)["words"] == ["--workspace", str(workspace.root), "resume", "one", "--headless"]


@pytest.mark.usefixtures("telling_program")
def test_a_run_that_is_being_trained_is_not_resumed(
    workspace: Workspace, run: Run, held_elsewhere: HeldElsewhere
) -> None:
    """The process that trains it is named; a run that does not exist is another error."""
    with held_elsewhere(run.folder) as pid, pytest.raises(UnavailableError, match=f"trained by process {pid} on"):
        jobs.resume(workspace, "one")
    with pytest.raises(UsageError, match="no run named two"):
        jobs.resume(workspace, "two")


def test_a_sampler_is_our_own_program(workspace: Workspace) -> None:
    """It runs in the same workspace with the same interpreter."""
    words = jobs.sampler_command(workspace, "one")
    assert words[0] == sys.executable
    assert words[-5:] == ["--workspace", str(workspace.root), "sample", "one", "--serve"]


# -- asking ------------------------------------------------------------------------------------------------------------


def test_requests_are_taken_once_and_in_order(run: Run) -> None:
    """Oldest first, with their values; a second look finds nothing."""
    with run.locked():
        jobs.ask(run, "save")
        jobs.ask(run, "set", name="learning_rate", value=0.5)
        jobs.ask(run, "stop")
    assert jobs.pending(run) == [("save", {}), ("set", {"name": "learning_rate", "value": 0.5}), ("stop", {})]
    assert jobs.pending(run) == []
    assert list(run.requests.iterdir()) == []


def test_a_request_reaches_another_process(run: Run, other_process: Callable[..., Any]) -> None:
    """What this process asks, the process that holds the run takes."""
    code = (
        "import pathlib, sys\nfrom rnnbench.runs import jobs\nfrom rnnbench.runs.store import Run\n"
        "run = Run(pathlib.Path(sys.argv[1]))\n"
        "with run.locked():\n    print('held', flush=True); sys.stdin.readline(); print(jobs.pending(run), flush=True)"
    )
    trainer = other_process(code, run.folder)
    assert trainer.stdout.readline() == "held\n"
    jobs.ask(run, "stop")
    trainer.stdin.write("look\n")
    trainer.stdin.flush()
    assert trainer.stdout.readline() == "[('stop', {})]\n"


def test_nobody_is_asked_when_nobody_trains(run: Run) -> None:
    """A request that no trainer would take is refused, and not left for the next one."""
    with pytest.raises(UsageError, match=r"run one is not being trained \(continue it with `rnnbench resume one`\)"):
        jobs.ask(run, "stop")
    assert jobs.pending(run) == []


def test_a_run_without_a_folder_for_requests_has_none(workspace: Workspace) -> None:
    """Looking is no error before the folder is there, or where a file is in its place."""
    run = RunStore(workspace).run("one")
    assert jobs.pending(run) == []
    run.folder.mkdir()
    run.requests.write_text("a file")
    assert jobs.pending(run) == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"[1]", b'"stop"', b"3", b"null", b"{}", b"\xff", b"[" * 60_000,
        b'{"request":"stop"}' + b" " * 70_000,
    ],
    ids=["empty", "torn", "list", "longer list", "text", "number", "null", "nothing", "bytes", "deep", "large"],
)  # fmt: skip
def test_what_is_no_request_does_not_stop_the_trainer(run: Run, content: bytes) -> None:
    """A damaged file among the requests is removed; the others are answered."""
    (run.requests / "1-odd.json").write_bytes(content)
    (run.requests / "2-save.json").write_bytes(b'{"request": "save"}')
    assert jobs.pending(run) == [("save", {})]
    assert list(run.requests.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "fifo", "link", "dangling"])
def test_odd_files_among_the_requests_do_no_harm(run: Run, kind: str, tmp_path: Path) -> None:
    """A folder, a FIFO or a link is no request: nothing waits, nothing is followed, nothing fails."""
    odd, target = run.requests / "1-odd.json", tmp_path / "target.json"
    if kind == "folder":
        odd.mkdir()
    elif kind == "fifo":
        os.mkfifo(odd)
    else:
        odd.symlink_to(target)
    if kind == "link":
        target.write_bytes(b'{"request": "stop"}')
    (run.requests / "2-save.json").write_bytes(b'{"request": "save"}')
    assert jobs.pending(run) == [("save", {})]
    assert jobs.pending(run) == []
    if kind == "link":
        assert target.read_bytes() == b'{"request": "stop"}'


def test_a_link_in_place_of_the_requests_is_not_followed(run: Run, tmp_path: Path) -> None:
    """Files elsewhere are neither taken for requests nor removed, and no request is written there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.json").write_bytes(b'{"request": "stop"}')
    run.requests.rmdir()
    run.requests.symlink_to(elsewhere, target_is_directory=True)
    assert jobs.pending(run) == []
    with run.locked(), pytest.raises(RnnbenchError, match="links are not followed"):
        jobs.ask(run, "save")
    assert [path.name for path in elsewhere.iterdir()] == ["mine.json"]


def test_a_request_is_seen_whole_or_not_at_all(run: Run, faulty_os: Callable[..., Any]) -> None:
    """Whichever call fails while asking: the trainer sees the request or nothing, and no litter stays."""
    for nth in itertools.count(1):
        with run.locked():
            faulty = faulty_os(nth, fail=errno.ENOSPC)
            told = None
            try:
                jobs.ask(run, "stop")
            except (RnnbenchError, OSError) as error:
                told = error
            faulty_os()
        seen = jobs.pending(run)
        assert seen == [("stop", {})] or (seen == [] and told is not None)
        assert list(run.requests.iterdir()) == []
        if not faulty.reached:
            break
    assert nth > 5


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_waiting_ends_when_the_trainer_has_gone(
    run: Run, held_elsewhere: HeldElsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again until the lock is free."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(held_elsewhere(run.folder))
        looks: list[float] = []

        def sleep(seconds: float) -> None:
            looks.append(seconds)
            stack.close()

        monkeypatch.setattr(jobs, "time", types.SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
        assert jobs.wait_until_idle(run, 60.0)
        assert len(looks) == 1


def test_waiting_has_an_end(run: Run, held_elsewhere: HeldElsewhere) -> None:
    """A trainer that does not stop is not waited for longer than was said; an idle run not at all."""
    with held_elsewhere(run.folder):
        assert not jobs.wait_until_idle(run, 0.0)
    assert jobs.wait_until_idle(run, 0.0)
