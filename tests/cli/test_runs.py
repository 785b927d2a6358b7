"""runs: list, show, rename, delete, as tables and as the JSON of the contract."""

import json
import os

import pytest

from rnnbench.runs.store import RunStore

CONTRACT = {
    "name": (), "state": (), "step": (), "epoch": (), "parameters": (), "checkpoints": (), "schema_version": (),
    "config": ("corpus", "text", "model", "training", "evaluation", "checkpoints", "machine"),
    "progress": {
        "train": ("loss_nats", "perplexity", "bits_per_character"),
        "validation": ("loss_nats", "perplexity", "bits_per_character"),
        "best": ("loss_nats", "perplexity", "bits_per_character", "step"),
        "tokens_per_second": (), "elapsed_seconds": (),
    },
    "corpus": ("digest", "characters", "tokens", "vocabulary_size"),
}  # fmt: skip


@pytest.fixture
def show(cli, trained):
    """`rnnbench runs show tm` in the trained workspace."""
    return lambda *words: cli("runs", "show", "tm", *words, home=trained.root)


def test_show_json_has_the_keys_of_the_contract(show, holds):
    """Scripts rely on them, for a run that has finished."""
    record = show("--json").json
    assert holds(record, CONTRACT)
    assert (record["name"], record["state"], record["step"], record["corpus"]["characters"]) == (
        "tm",
        "finished",
        120,
        3000,
    )
    best = record["progress"]["best"]
    assert best["coverage"] == 1.0 and best["tokens_scored"] == best["tokens_total"] - 1
    assert [saved["best"] for saved in record["checkpoints"]].count(True) == 1
    assert record["baselines"]["unigram"]["loss_nats"] > best["loss_nats"]


def test_a_run_that_has_not_begun_has_the_same_keys(cli, workspace, make_config):
    """What is not known yet is null, and nothing is missing."""
    RunStore(workspace).create("new", make_config())
    record = cli("runs", "show", "new", "--json").json
    assert set(CONTRACT) <= set(record) and set(CONTRACT["progress"]) <= set(record["progress"])
    assert (record["state"], record["step"], record["parameters"], record["corpus"]) == ("crashed", 0, None, None)
    assert record["progress"]["best"] is None


def test_show_tells_the_same_in_words(show):
    """Plain lines in a pipe, with the figures of the JSON answer."""
    record, answer = show("--json").json, show()
    assert answer.code == 0 and "\x1b" not in answer.out and answer.err == ""
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    assert "finished" in lines["state"] and "120 of 120" in lines["step"]
    for name in ("validation", "best", "test"):
        assert f"{record['progress'][name]['loss_nats']:.4f} nats" in lines[name]
    assert f"{record['parameters']:,} parameters" in lines["model"]


def test_the_log_is_a_line_for_each_thing_that_happened(show):
    """--log tells the story that the headless trainer told."""
    lines = show("--log").out.splitlines()
    assert "parameters" in lines[0] and "finished at step 120" in lines[-1]
    assert sum("validation at step" in line for line in lines) == 4


def test_a_failed_run_tells_why(cli, workspace, make_config):
    """The message of its last event, and the end of what it printed."""
    run = RunStore(workspace).create("bad", make_config())
    run.events_file.write_text(
        '{"event":"LogOpened"}\n{"event":"RunFinished","reason":"failed","step":3,"elapsed_seconds":1.0,'
        '"message":"the loss \\u001b[31m is not finite"}\n'
    )
    run.stderr_file.write_text("Traceback\nValueError: \x1b]0;title\x07here\n")
    answer = cli("runs", "show", "bad")
    assert "state        failed" in answer.out and "is not finite" in answer.out and "here" in answer.out
    assert "\x1b" not in answer.out and "\x07" not in answer.out


def test_a_crashed_run_tells_how_to_go_on(cli, workspace, make_config):
    """No lock and no last word: crashed, with the command that continues it."""
    run = RunStore(workspace).create("gone", make_config())
    run.events_file.write_text('{"event":"LogOpened"}\n')
    answer = cli("runs", "show", "gone")
    assert "crashed" in answer.out and "rnnbench resume gone --headless" in answer.out


def test_no_runs_are_an_empty_list(cli):
    """Nothing on stdout for people, an empty list for scripts."""
    answer = cli("runs", "list")
    assert (answer.code, answer.out) == (0, "") and "no runs in" in answer.err
    assert cli("runs", "list", "--json").json["runs"] == []


def test_the_list(cli, trained, holds):
    """A row for each run, newest first; the JSON has the same rows."""
    answer = cli("runs", "list", home=trained.root)
    header, row = answer.out.splitlines()
    assert answer.err == "" and "\x1b" not in answer.out
    assert header.split()[:2] == ["run", "state"] and row.split()[:2] == ["tm", "finished"] and "lstm 24 " in row
    (record,) = cli("runs", "list", "--json", home=trained.root).json["runs"]
    assert holds(record, ("name", "state", "step", "planned_steps", "corpus", "model", "best", "last_event_at"))
    assert (record["name"], record["planned_steps"]) == ("tm", 120)


def test_newest_first(cli, workspace, make_config):
    """The run to which something happened last stands first."""
    store = RunStore(workspace)
    for age, name in enumerate(("b", "c", "a")):
        run = store.create(name, make_config())
        run.events_file.write_text("")
        os.utime(run.events_file, (1000 - age, 1000 - age))
    assert [run["name"] for run in cli("runs", "list", "--json").json["runs"]] == ["b", "c", "a"]


def test_a_damaged_run_does_not_hide_the_others(cli, workspace, make_config):
    """A broken configuration or log is one odd row, not an error."""
    store = RunStore(workspace)
    for name in ("good", "noconfig", "nolog"):
        store.create(name, make_config())
    store.find("noconfig").config_file.write_text("{")
    store.find("nolog").events_file.write_bytes(b"\xff\x00\n{}\n" * 3)
    (workspace.runs / "a-file").write_text("")
    (workspace.runs / "a-folder").mkdir()
    (workspace.runs / "a-link").symlink_to(store.find("good").folder)
    answer = cli("runs", "list", "--json")
    assert {run["name"] for run in answer.json["runs"]} == {"good", "noconfig", "nolog"}
    assert cli("runs", "list").code == 0
    for name in ("noconfig", "nolog"):
        assert json.loads(cli("runs", "show", name, "--json").out)["name"] == name
        assert cli("runs", "show", name).code == 0


HOSTILE = [
    "..",
    ".",
    "../tm",
    "/etc",
    "a/b",
    "a\nb",
    "a\x1b[31m",
    "-rf",
    "",
    " ",
    "x" * 300,
    "a b",
    "tm/",
    "\u202eevil",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "command", [("runs", "show"), ("runs", "delete", "--yes"), ("resume", "--headless"), ("sample",)]
)
def test_hostile_names_are_refused(cli, trained, digest_of, complaint, command, name):
    """No command reads or removes anything outside of runs/: exit code 2, and everything is there."""
    before = digest_of(trained.root)
    answer = cli(*command, "--", name, home=trained.root)
    assert answer.code == 2 and "not a run name" in complaint(answer)
    assert digest_of(trained.root) == before


@pytest.mark.parametrize("command", ["show", "delete"])
def test_a_run_that_is_not_there(cli, trained, complaint, command):
    """Exit code 2, with the names that are."""
    answer = cli("runs", command, "tn", home=trained.root)
    assert answer.code == 2 and "known: tm" in complaint(answer)


def test_delete_asks_and_a_script_must_say_yes(cli, workspace, make_config, complaint):
    """Without a terminal nothing is deleted unless --yes is given."""
    RunStore(workspace).create("old", make_config())
    answer = cli("runs", "delete", "old")
    assert answer.code == 2 and "--yes" in complaint(answer) and (workspace.runs / "old").exists()
    answer = cli("runs", "delete", "old", "--yes")
    assert (answer.code, answer.out) == (0, "") and "deleted old" in answer.err
    assert not (workspace.runs / "old").exists()


def test_a_run_that_is_being_trained_is_not_deleted(cli, workspace, make_config, complaint, digest_of, held_elsewhere):
    """Exit code 3 with the process that has it."""
    run = RunStore(workspace).create("tm", make_config())
    with held_elsewhere(run.folder) as pid:
        before = digest_of(run.folder)
        answer = cli("runs", "delete", "tm", "--yes")
        assert answer.code == 3 and f"process {pid}" in complaint(answer)
        assert digest_of(run.folder) == before
        assert cli("runs", "show", "tm", "--json").json["state"] == "running"


def test_a_planted_link_is_not_deleted(cli, workspace, make_config, tmp_path):
    """A link in runs/ is refused; what it points to stays."""
    elsewhere = RunStore(workspace).create("real", make_config()).folder.rename(tmp_path / "elsewhere")
    (workspace.runs / "link").symlink_to(elsewhere)
    answer = cli("runs", "delete", "link", "--yes")
    assert answer.code == 2 and "link" in answer.err
    assert (elsewhere / "config.json").is_file()


def test_rename(cli, workspace, make_config, complaint):
    """The run has its new name, and nothing else has changed; a name in use is refused."""
    config = make_config()
    RunStore(workspace).create("old", config)
    RunStore(workspace).create("other", config)
    answer = cli("runs", "rename", "old", "new")
    assert (answer.code, answer.out) == (0, "") and "old to new" in answer.err
    assert RunStore(workspace).find("new").config() == config
    for name, told in (("other", "taken"), ("../new", "not a run name")):
        answer = cli("runs", "rename", "new", name)
        assert answer.code == 2 and told in complaint(answer)
    assert sorted(path.name for path in workspace.runs.iterdir()) == ["new", "other"]


def test_a_run_that_is_being_trained_keeps_its_name(cli, workspace, make_config, complaint, held_elsewhere):
    """Exit code 3 with the process that has it."""
    run = RunStore(workspace).create("tm", make_config())
    with held_elsewhere(run.folder) as pid:
        answer = cli("runs", "rename", "tm", "new")
        assert answer.code == 3 and f"process {pid}" in complaint(answer)
    assert [path.name for path in workspace.runs.iterdir()] == ["tm"]
