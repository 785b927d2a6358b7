"""The run folder: names that can do no harm, nothing overwritten, a state that is derived and never stored."""

import contextlib
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.config import RunConfig
from rnnbench.errors import ExitCode, RnnbenchError, UnavailableError, UsageError
from rnnbench.runs.events import RunContinued, RunFinished, RunPaused, RunResumed, StepDone, to_line
from rnnbench.runs.progress import fold
from rnnbench.runs.store import Run, RunStore, check_name, space_left
from rnnbench.workspace import Workspace

MakeEvent = Callable[..., Any]
HeldElsewhere = Callable[[Path], contextlib.AbstractContextManager[int]]


@pytest.fixture
def store(workspace: Workspace) -> RunStore:
    """The runs of an empty workspace."""
    return RunStore(workspace)


@pytest.fixture
def config(make_config: Callable[..., RunConfig]) -> RunConfig:
    """A small configuration."""
    return make_config()


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


HOSTILE = {
    "empty": "", "dot": ".", "parent": "..", "hidden": ".cache", "slash": "a/b", "absolute": "/etc", "climb": "../x",
    "backslash": "a\\b", "nul": "a\x00b", "escape": "a\x1b[2J", "newline": "a\n", "blank": "a b", "leading": " a",
    "option": "-rf", "long": "a" * 65, "longer": "a" * 300, "colon": "a:b", "star": "*", "tilde": "~", "emoji": "🙂",
    "surrogate": "a\udc80", "bidi": "a\u202eb", "accent": "é", "percent": "%2e", "zero width": "a\u200bb",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_is_refused_everywhere(store: RunStore, config: RunConfig, name: str) -> None:
    """No name leaves runs/, hides, looks like an option or holds what a terminal obeys; nothing is created."""
    before = sorted(store.workspace.root.parent.rglob("*"))
    for attempt in (
        lambda: store.create(name, config),
        lambda: store.reserve(name),
        lambda: store.find(name),
        lambda: store.delete(name),
        lambda: store.exists(name),
    ):
        with pytest.raises(UsageError, match="not a run name"):
            attempt()
    assert sorted(store.workspace.root.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("my run", "(a blank cannot be in it; 1 to 64 letters"),
        ("my run (2)", "(a blank, '(', ')' cannot be in it; "),
        ("a/b/c", "('/' cannot be in it; "),
        ("a\x1b[1m", r"('\x1b', '[' cannot be in it; "),
        ("café", "('é' cannot be in it; "),
        ("tab\there\u3000", r"('\t', '\u3000' cannot be in it; "),
        ("a?b*c:d;e|f", "('?', '*', ':', ';' cannot be in it; "),
        ("", "(it is empty; "),
        ("x" * 65, "(it has 65 characters; "),
        (".hidden", "(it begins with '.'; "),
        ("-x", "(it begins with '-'; "),
    ],
    ids=ascii,
)
def test_a_wrong_name_is_told_what_is_wrong_with_it(name: str, fault: str) -> None:
    """The characters that cannot be in it, each once, or its beginning, or its length."""
    with pytest.raises(UsageError) as refused:
        check_name(name)
    assert fault in str(refused.value)


@pytest.mark.parametrize("name", ["a", "A-1", "small-lstm", "v1.2_b", "_x", "9", "红楼梦-lstm", "a" * 64, "a..b"])
def test_ordinary_names_are_taken(store: RunStore, config: RunConfig, name: str) -> None:
    """Letters, digits, Chinese characters, dots and dashes inside."""
    assert check_name(name) == name
    run = store.create(name, config)
    assert run.folder == store.folder / name
    assert [found.name for found in store.runs()] == [name]


def test_a_created_run_holds_its_configuration(store: RunStore, config: RunConfig) -> None:
    """What was asked for is stored as it was resolved, and the folders that training needs are there."""
    run = store.create("one", config)
    assert run.config() == config
    assert run.checkpoints.is_dir()
    assert run.requests.is_dir()
    assert store.exists("one")
    assert store.find("one") == run
    assert not store.exists("two")


def test_create_never_overwrites(store: RunStore, config: RunConfig, make_config: Callable[..., RunConfig]) -> None:
    """A second run of the name is refused and every byte of the first stays."""
    run = store.create("one", config)
    run.events_file.write_bytes(b"history\n")
    (run.checkpoints / "weights").write_bytes(b"precious")
    before = snapshot(run.folder)
    with pytest.raises(UsageError, match=r"run one already exists \(.*rnnbench resume one"):
        store.create("one", make_config(model={"hidden": 99}))
    with pytest.raises(UsageError, match="run one already exists"):
        store.reserve("one")
    store.remove_reserved(run)
    assert snapshot(run.folder) == before


CREATE = """
import pathlib, sys
from rnnbench.config import validate
from rnnbench.errors import RnnbenchError
from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace
print("ready", flush=True)
sys.stdin.readline()
try:
    RunStore(Workspace(pathlib.Path(sys.argv[1]))).create("one", validate({"corpus": {"file": sys.argv[2]}}))
    print("created", flush=True)
except RnnbenchError as error:
    print("refused", flush=True)
"""


def test_of_several_processes_one_creates_the_run(store: RunStore, other_process: Callable[..., Any]) -> None:
    """All at once: one gets the name, the others are refused, and the configuration is the winner's."""
    rivals = [other_process(CREATE, store.workspace.root, f"text-{number}") for number in range(3)]
    for rival in rivals:
        assert rival.stdout.readline() == "ready\n"
    for rival in rivals:
        rival.stdin.write("go\n")
        rival.stdin.flush()
    answers = [rival.stdout.readline() for rival in rivals]
    assert sorted(answers) == ["created\n", "refused\n", "refused\n"]
    assert store.find("one").config().corpus.file == f"text-{answers.index('created' + chr(10))}"


def test_a_run_that_is_being_trained_is_not_taken(
    store: RunStore, config: RunConfig, held_elsewhere: HeldElsewhere
) -> None:
    """Its name, its folder and its deletion are refused with the process that holds it, as something for later."""
    run = store.create("one", config)
    with held_elsewhere(run.folder) as pid:
        for attempt in (
            lambda: store.create("one", config),
            lambda: store.delete("one"),
            lambda: run.locked().__enter__(),
        ):
            with pytest.raises(
                UnavailableError, match=rf"one is being trained by process {pid} on .* since \d"
            ) as caught:
                attempt()
            assert caught.value.exit_code == ExitCode.UNAVAILABLE
        assert [found.name for found in store.running()] == ["one"]
    assert store.running() == []
    store.delete("one")
    assert not run.folder.exists()


def test_a_reserved_folder_is_taken_over_by_its_run(store: RunStore, config: RunConfig) -> None:
    """The workbench reserves a name, the trainer it starts creates the run there; what is unused is taken back."""
    run = store.reserve("one")
    assert not store.exists("one")
    run.stderr_file.write_bytes(b"starting\n")
    assert store.create("one", config).config() == config
    assert run.stderr_file.read_bytes() == b"starting\n"
    empty = store.reserve("two")
    store.remove_reserved(empty)
    assert not empty.folder.exists()


def test_a_reserved_name_cannot_be_reserved_again(store: RunStore) -> None:
    """Two workbenches that choose one name do not get one folder."""
    store.reserve("one")
    with pytest.raises(UsageError, match="already exists"):
        store.reserve("one")


@pytest.mark.parametrize("nth", range(1, 12))
def test_a_disk_that_fails_during_creation_leaves_no_half_run(
    store: RunStore, config: RunConfig, faulty_os: Callable[..., Any], nth: int
) -> None:
    """Whichever call fails: the run exists with its whole configuration, or can be created again."""
    faulty_os(nth, fail=errno.ENOSPC)
    with contextlib.suppress(RnnbenchError, OSError):
        store.create("one", config)
    faulty_os()
    if not store.exists("one"):
        store.create("one", config)
    assert store.find("one").config() == config
    with store.find("one").locked():
        pass


# -- links -------------------------------------------------------------------------------------------------------------


def test_a_planted_link_is_never_followed(store: RunStore, config: RunConfig, tmp_path: Path) -> None:
    """A link in runs/ is not read, not written and not deleted through, and is not listed as a run."""
    victim = tmp_path / "victim"
    outside = RunStore(Workspace(tmp_path / "elsewhere"))
    real = outside.create("victim", config)
    victim = real.folder
    before = snapshot(victim)
    (store.folder / "one").symlink_to(victim, target_is_directory=True)
    for attempt in (
        lambda: store.create("one", config),
        lambda: store.find("one"),
        lambda: store.delete("one"),
    ):
        with pytest.raises(UsageError, match="run one is a link; links are not followed"):
            attempt()
    with pytest.raises(UsageError, match="already exists"):
        store.reserve("one")
    assert not store.exists("one")
    assert store.runs() == []
    assert snapshot(victim) == before


def test_deleting_a_run_spares_what_its_links_point_to(store: RunStore, config: RunConfig, tmp_path: Path) -> None:
    """A link inside a run goes with the run; its target stays."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    run = store.create("one", config)
    (run.folder / "samples").symlink_to(precious, target_is_directory=True)
    store.delete("one")
    assert not run.folder.exists()
    assert (precious / "file").read_bytes() == b"x"


def test_a_lock_that_is_a_link_is_not_written_through(store: RunStore, config: RunConfig, tmp_path: Path) -> None:
    """The note of the holder never lands in somebody's file."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    run = store.create("one", config)
    run.lock_file.unlink()
    run.lock_file.symlink_to(victim)
    with pytest.raises(RnnbenchError, match="cannot lock"), run.locked():
        pass
    assert victim.read_bytes() == b"precious"


# -- state -------------------------------------------------------------------------------------------------------------


def state(run: Run) -> str:
    """The state as every view derives it."""
    return run.state(run.progress())


@pytest.mark.parametrize("reason", ["finished", "stopped", "failed"])
def test_the_last_event_says_how_a_run_ended(
    store: RunStore, config: RunConfig, make_event: MakeEvent, reason: str
) -> None:
    """finished, stopped and failed are what the trainer wrote last."""
    run = store.create("one", config)
    run.events_file.write_bytes(to_line(make_event(StepDone)) + to_line(make_event(RunFinished, reason=reason)))
    assert state(run) == reason


def test_a_run_without_an_end_has_crashed(store: RunStore, config: RunConfig, make_event: MakeEvent) -> None:
    """Nobody holds the lock and no end was written: killed, or the machine went down."""
    run = store.create("one", config)
    assert state(run) == "crashed"
    run.events_file.write_bytes(to_line(make_event(StepDone)))
    assert state(run) == "crashed"
    end, again = to_line(make_event(RunFinished, reason="stopped")), to_line(make_event(RunResumed))
    run.events_file.write_bytes(to_line(make_event(StepDone)) + end + again)
    assert state(run) == "crashed"


def test_a_state_that_no_trainer_writes_is_none(store: RunStore, config: RunConfig, make_event: MakeEvent) -> None:
    """Whatever a log claims, there are six states."""
    run = store.create("one", config)
    run.events_file.write_bytes(to_line(make_event(RunFinished, reason="\x1b[2Jrunning")))
    assert state(run) == "crashed"


def test_a_run_is_running_while_a_process_holds_its_lock(
    store: RunStore, config: RunConfig, make_event: MakeEvent, held_elsewhere: HeldElsewhere
) -> None:
    """Whatever the log says, a living trainer is running; when it has gone the log counts again."""
    run = store.create("one", config)
    run.events_file.write_bytes(to_line(make_event(RunFinished, reason="stopped")))
    with held_elsewhere(run.folder):
        assert state(run) == "running"
    assert state(run) == "stopped"


def test_a_run_is_paused_while_its_trainer_waits(
    store: RunStore, config: RunConfig, make_event: MakeEvent, held_elsewhere: HeldElsewhere
) -> None:
    """The lock is held and the last word was a pause; a trainer that died waiting has crashed like any other."""
    run = store.create("one", config)
    run.events_file.write_bytes(to_line(make_event(StepDone)) + to_line(make_event(RunPaused)))
    with held_elsewhere(run.folder):
        assert state(run) == "paused"
        with run.events_file.open("ab") as log:
            log.write(to_line(make_event(RunContinued)))
        assert state(run) == "running"
    run.events_file.write_bytes(to_line(make_event(StepDone)) + to_line(make_event(RunPaused)))
    assert state(run) == "crashed"


def test_a_killed_trainer_leaves_a_crashed_run(
    store: RunStore, config: RunConfig, other_process: Callable[..., Any]
) -> None:
    """kill -9 frees the lock; the note in it is no evidence of life."""
    run = store.create("one", config)
    code = (
        "import pathlib, sys\nfrom rnnbench.runs.store import Run\n"
        "with Run(pathlib.Path(sys.argv[1])).locked():\n    print('held', flush=True); sys.stdin.read()"
    )
    trainer = other_process(code, run.folder)
    assert trainer.stdout.readline() == "held\n"
    assert state(run) == "running"
    trainer.kill()
    trainer.wait()
    assert json.loads(run.lock_file.read_bytes())["pid"] == trainer.pid
    assert state(run) == "crashed"
    with run.locked():
        assert state(run) == "running"


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": 1}', b'{"pid":1,"host":"h","since":"x"}', b"\xff"])
def test_a_damaged_note_names_nobody(store: RunStore, config: RunConfig, note: bytes) -> None:
    """The note is for a person to read; without one it is another process."""
    run = store.create("one", config)
    run.lock_file.write_bytes(note)
    assert run.holder() == "another process"


# -- lists and names ---------------------------------------------------------------------------------------------------


def test_the_list_holds_runs_only(store: RunStore, config: RunConfig) -> None:
    """Files, hidden folders, foreign folders and reserved names without a trainer are no runs."""
    assert store.runs() == []
    for name in ("b", "a"):
        store.create(name, config)
    (store.folder / ".cache").mkdir()
    (store.folder / "README.md").write_text("notes")
    (store.folder / "foreign folder").mkdir()
    (store.folder / "empty").mkdir()
    store.reserve("reserved")
    assert [run.name for run in store.runs()] == ["a", "b"]
    with pytest.raises(UsageError, match=r"no run named reserved .*known: "):
        store.find("reserved")


def test_a_workspace_without_runs(tmp_path: Path) -> None:
    """No folder is needed for a question, and asking makes none."""
    store = RunStore(Workspace(tmp_path / "fresh"))
    assert store.runs() == store.newest(3) == store.running() == []
    with pytest.raises(UsageError, match="known: none yet"):
        store.find("one")
    assert not (tmp_path / "fresh").exists()


def test_the_newest_run_is_the_one_something_happened_to(store: RunStore, config: RunConfig) -> None:
    """The log's time counts, not the name or the age of the folder."""
    for name in ("a", "b", "c"):
        run = store.create(name, config)
        os.utime(run.config_file, (1000, 1000))
    old, new = store.run("c"), store.run("a")
    old.events_file.touch()
    os.utime(old.events_file, (2000, 2000))
    new.events_file.touch()
    os.utime(new.events_file, (3000, 3000))
    assert [run.name for run in store.newest(2)] == ["a", "c"]


def test_a_free_name_is_the_stem_or_the_next_number(store: RunStore, config: RunConfig, tmp_path: Path) -> None:
    """small, small-2, small-3; folders of any kind and dangling links count as taken."""
    assert store.free_name("small") == "small"
    store.create("small", config)
    assert store.free_name("small") == "small-2"
    store.reserve("small-2")
    (store.folder / "small-3").symlink_to(tmp_path / "nowhere")
    assert store.free_name("small") == "small-4"


@given(st.text(max_size=80))
def test_a_free_name_can_be_a_runs_name(workspace: Workspace, stem: str) -> None:
    """Whatever a text is called, its runs get a name that is allowed."""
    store = RunStore(workspace)
    assert check_name(store.free_name(stem))


def test_a_free_name_keeps_what_it_can(store: RunStore) -> None:
    """Chinese stays, blanks and signs become dashes, nothing is left of the rest."""
    assert store.free_name("红楼梦 (第一回) lstm") == "红楼梦-第一回-lstm"
    assert store.free_name("../../etc") == "etc"
    assert store.free_name("...") == "run"


def test_the_end_of_what_a_trainer_printed(store: RunStore) -> None:
    """The last words are evidence after a crash: only the end of a long output, whatever bytes it holds."""
    run = store.reserve("one")
    assert run.stderr_tail() == ""
    run.stderr_file.write_bytes(b"x" * 10_000 + b"\xff\nlast words\n")
    tail = run.stderr_tail()
    assert tail.endswith("\nlast words\n")
    assert len(tail) < 5000


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b"[" * 90_000], ids=["empty", "no text", "bytes", "deep"])
def test_a_damaged_configuration_is_told(store: RunStore, config: RunConfig, damage: bytes) -> None:
    """A run whose configuration cannot be read is an error for a person."""
    run = store.create("one", config)
    run.config_file.write_bytes(damage)
    with pytest.raises(RnnbenchError):
        run.config()


def test_progress_is_read_from_the_disk_each_time(store: RunStore, config: RunConfig, make_event: MakeEvent) -> None:
    """Nothing is cached: what another process wrote is seen at the next look."""
    run = store.create("one", config)
    assert run.progress().step == 0
    events = [make_event(StepDone, step=step) for step in (1, 2)]
    run.events_file.write_bytes(b"".join(map(to_line, events)))
    assert run.progress() == fold(events)


def test_the_space_left_for_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """Before a run is made, the disk that will hold it is asked."""
    assert space_left(tmp_path / "runs" / "one") > 0


def test_a_renamed_run_is_whole_under_one_name(store: RunStore, config: RunConfig) -> None:
    """Everything is under the new name and nothing under the old one."""
    run = store.create("one", config)
    run.events_file.write_text("{}\n")
    renamed = store.rename("one", "two")
    assert renamed == store.find("two") and renamed.config() == config and renamed.events_file.read_text() == "{}\n"
    assert [found.name for found in store.runs()] == ["two"] and not run.folder.exists()


def test_a_name_in_use_is_not_taken(store: RunStore, config: RunConfig) -> None:
    """Another run, a folder that is only reserved, a file or a link of that name: refused, and all is as it was."""
    store.create("one", config)
    store.create("two", config)
    reserved = store.reserve("three").folder
    (store.folder / "four").write_text("mine")
    (store.folder / "five").symlink_to(store.folder / "nowhere")
    for name in ("one", "two", "three", "four", "five"):
        with pytest.raises(UsageError, match="taken"):
            store.rename("one", name)
    assert [run.name for run in store.runs()] == ["one", "two"]
    assert list(reserved.iterdir()) == [] and (store.folder / "four").read_text() == "mine"


def test_a_failed_rename_leaves_the_run_under_one_name(
    store: RunStore, config: RunConfig, faulty_os: Callable[..., Any]
) -> None:
    """Whichever system call goes wrong, the run is whole under the old name or the new one, and no folder is left."""
    nth, reached = 1, True
    while reached:
        store.create("one", config)
        faulty = faulty_os(nth, fail=errno.EIO)
        with contextlib.suppress(RnnbenchError, OSError):
            store.rename("one", "two")
        reached, nth = faulty.reached, nth + 1
        faulty_os()
        (run,) = store.runs()
        left = [path.name for path in store.folder.iterdir() if path != store.trash.folder]
        assert run.config() == config and left == [run.name]
        store.delete(run.name)
    assert nth > 3
