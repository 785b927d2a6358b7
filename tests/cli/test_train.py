"""train: plain lines, events, refusals that overwrite nothing, signals that save."""

import json
import os
import signal
import subprocess
import sys

import pytest

from rnnbench.engine import checkpoints
from rnnbench.runs.events import RunFinished, from_line
from rnnbench.runs.log import read_events
from rnnbench.runs.store import RunStore


@pytest.fixture
def train(cli, small):
    """`rnnbench train --headless` of a small run of the small text; later options win."""

    def run(*words, steps=12, **options):
        return cli("train", "--headless", "--corpus", "small", "--max-steps", steps, *small, *words, **options)

    return run


def test_a_run_in_a_pipe_is_plain_lines(train, workspace):
    """stdout has the story, a line for each thing that happened, without colours or cursor movements."""
    answer = train("--run", "tm")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "run tm" and "finished at step 12" in lines[-1]
    assert "\x1b" not in answer.out and "\r" not in answer.out
    for word in ("parameters", "validation at step 10", "test at step", "sample at step 0", "checkpoint at step 12"):
        assert sum(word in line for line in lines) == 1, word
    run = RunStore(workspace).find("tm")
    assert run.config().training.max_steps == 12 and run.state(run.progress()) == "finished"


def test_json_is_the_event_log(train, workspace):
    """--json gives one event a line, the same lines that the run's log has."""
    answer = train("--run", "tm", "--json")
    log = RunStore(workspace).find("tm").events_file.read_text(encoding="utf-8").splitlines()
    assert (answer.code, answer.err) == (0, "") and answer.out.splitlines() == log[1:]
    assert all(from_line(line.encode()) is not None for line in answer.out.splitlines())


def test_quiet_says_nothing(train):
    """--quiet leaves stdout and stderr empty."""
    answer = train("--run", "tm", "--quiet")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_a_run_gets_a_name_when_none_is_given(train, workspace):
    """Made from text and cell, and numbered when it is taken."""
    for _ in range(2):
        assert train("--cell", "gru", steps=1).code == 0
    assert [run.name for run in RunStore(workspace).runs()] == ["small-gru", "small-gru-2"]


def test_the_same_command_makes_the_same_model(train, workspace):
    """Twice the same options and seed: the same bytes of every weight."""
    for name in ("a", "b"):
        train("--run", name, "--seed", "5")
    runs = [RunStore(workspace).find(name) for name in ("a", "b")]
    first, second = (checkpoints.choose(run.checkpoints, "last").sha256 for run in runs)
    assert first == second


def test_options_reach_the_configuration(train, workspace):
    """Flags, --set and a file, each over the one before it."""
    path = workspace.root / "own.toml"
    path.write_text('[model]\nhidden = 5\ncell = "rnn"\n[training]\nseed = 77\nbatch_size = 2\n')
    answer = train(
        "--run", "tm", "--config", path, "--cell", "gru", "--layers", "2", "--learning-rate", "0.5",
        "--set", "training.clip_norm=off", "--set", "training.momentum=0.25", "--optimizer", "sgd",
    )  # fmt: skip
    assert answer.code == 0
    config = RunStore(workspace).find("tm").config()
    assert (config.model.cell, config.model.layers, config.model.hidden) == ("gru", 2, 8)
    assert (config.training.seed, config.training.batch_size) == (77, 4)
    assert (config.training.learning_rate, config.training.clip_norm, config.training.momentum) == (0.5, None, 0.25)


def test_the_environment_is_between_file_and_flags(train, workspace, monkeypatch):
    """RNNBENCH_SECTION_KEY wins over a file and loses to a flag."""
    path = workspace.root / "own.toml"
    path.write_text("[training]\nseed = 77\n[model]\nlayers = 3\n")
    monkeypatch.setenv("RNNBENCH_TRAINING_SEED", "78")
    monkeypatch.setenv("RNNBENCH_MODEL_LAYERS", "2")
    assert train("--run", "tm", "--config", path, "--layers", "1", steps=1).code == 0
    config = RunStore(workspace).find("tm").config()
    assert (config.training.seed, config.model.layers) == (78, 1)


def test_a_path_means_the_same_text_later(train, workspace, english_text, monkeypatch):
    """A relative path is stored as the absolute one, so the run can be resumed from anywhere."""
    (workspace.root / "elsewhere").mkdir()
    monkeypatch.chdir(workspace.root / "elsewhere")
    (workspace.root / "elsewhere" / "own.txt").write_text(english_text)
    assert train("--corpus", "own.txt", "--run", "tm", steps=1).code == 0
    assert RunStore(workspace).find("tm").config().corpus.file == str(workspace.root / "elsewhere" / "own.txt")


def put(workspace, name, data):
    """A text of the workspace with these bytes."""
    (workspace.root / "corpora" / name).write_bytes(data)


WRONG = [
    # what is given, exit code, what the message must name
    (("--corpus", "nowhere"), 4, ("corpus not found: nowhere", "small")),
    (("--corpus", "/no/such/file.txt"), 4, ("/no/such/file.txt",)),
    (("--corpus", "empty"), 4, ("empty.txt", "is empty")),
    (("--corpus", "blank-name "), 4, ("corpus not found",)),
    (("--corpus", "single"), 4, ("1 token", "at least")),
    (("--corpus", "short"), 4, ("tokens", "at least")),
    (("--corpus", "binary"), 4, ("binary.txt",)),
    (("--corpus", ""), 2, ("corpus.file",)),
    (("--corpus", "pipe"), 4, ("pipe.txt",)),
    (("--corpus", "folder"), 4, ("folder",)),
    (("--cell", "transformer"), 2, ("model.cell", "transformer", "'gru'")),
    (("--optimizer", "magic"), 2, ("training.optimizer", "magic")),
    (("--tokenizer", "syllable"), 2, ("text.tokenizer", "syllable")),
    (("--device", "tpu"), 2, ("machine.device", "tpu")),
    (("--device", "cuda:99"), 3, ("cuda:99", "--device cpu")),
    (("--hidden", "0"), 2, ("model.hidden", "0")),
    (("--hidden", "three"), 2, ("--hidden", "integer")),
    (("--learning-rate", "nan"), 2, ("training.learning_rate",)),
    (("--learning-rate", "1e400"), 2, ("training.learning_rate",)),
    (("--seed", "-1"), 2, ("training.seed",)),
    (("--set", "training.lerning_rate=1"), 2, ("unknown key training.lerning_rate", "training.learning_rate")),
    (("--set", "hidden=3"), 2, ("hidden=3", "section.key=value")),
    (("--set", "model.hidden"), 2, ("section.key=value",)),
    (("--set", "modle.hidden=3"), 2, ("modle",)),
    (("--set", 'model.hidden="wide"'), 2, ("model.hidden", "wide")),
    (("--set", "evaluation.every_steps=0"), 2, ("evaluation.every_steps",)),
    (("--set", "model.tie_weights=true"), 2, ("tie_weights", "embedding = hidden")),
    (("--preset", "dmeo"), 2, ("unknown preset dmeo", "demo")),
    (("--config", "/no/such.toml"), 2, ("/no/such.toml",)),
    (("--run", "../escape"), 2, ("../escape",)),
    (("--run", ".hidden"), 2, (".hidden",)),
    (("--run", "a/b"), 2, ("a/b",)),
    (("--run", "x" * 65), 2, ("not a run name",)),
    (("--run", "a\x1bb"), 2, ("not a run name",)),
]


@pytest.mark.parametrize(("words", "code", "named"), WRONG, ids=lambda value: " ".join(map(str, value))[:50]
                         if isinstance(value, tuple) else None)  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_is_left(train, workspace, complaint, digest_of, words, code, named):
    """A wrong text, value, key or name: its exit code, one line that names it, and a workspace as it was."""
    put(workspace, "empty.txt", b"")
    put(workspace, "single.txt", b"x")
    put(workspace, "short.txt", b"abcd " * 6)
    put(workspace, "binary.txt", bytes(range(256)) * 40)
    os.mkfifo(workspace.root / "corpora" / "pipe.txt")
    (workspace.root / "corpora" / "folder").mkdir()
    before = digest_of(workspace.root)
    answer = train("--run", "new", *words) if "--run" not in words else train(*words)
    text = complaint(answer)
    assert answer.code == code, text
    for word in named:
        assert word in text
    after = {name: value for name, value in digest_of(workspace.root).items() if not name.startswith("runs/.cache")}
    assert after == {name: value for name, value in before.items() if not name.startswith("runs/.cache")}


def test_no_text_at_all_is_told_with_the_option(cli, complaint):
    """The option that is missing is named."""
    answer = cli("train", "--headless")
    assert answer.code == 2 and "--corpus" in complaint(answer)


def test_a_folder_is_no_run(train, workspace, complaint):
    """A file where the run's folder should be is refused and kept."""
    (workspace.root / "runs" / "tm").write_text("mine")
    answer = train("--run", "tm")
    assert answer.code != 0 and "tm" in complaint(answer)
    assert (workspace.root / "runs" / "tm").read_text() == "mine"


def test_a_planted_link_is_not_followed(train, workspace, tmp_path, complaint):
    """A link in runs/ does not lead a run elsewhere."""
    (tmp_path / "target").mkdir()
    (workspace.root / "runs" / "tm").symlink_to(tmp_path / "target")
    answer = train("--run", "tm")
    assert answer.code == 2 and "link" in complaint(answer)
    assert list((tmp_path / "target").iterdir()) == []


def test_an_existing_run_is_not_touched(train, workspace, complaint, digest_of):
    """The name is taken: exit code 2, every byte as before, and the way on is named."""
    assert train("--run", "tm").code == 0
    before = digest_of(workspace.runs)
    answer = train("--run", "tm", "--seed", "9")
    text = complaint(answer)
    assert answer.code == 2 and "run tm already exists" in text and "rnnbench resume tm" in text
    assert digest_of(workspace.runs) == before


def test_a_run_that_is_being_trained_is_not_touched(train, workspace, complaint, digest_of, held_elsewhere):
    """A second trainer of one run, old or new: exit code 3, with the process that has it."""
    assert train("--run", "tm").code == 0
    folder = workspace.runs / "tm"
    with held_elsewhere(folder) as pid:
        before = digest_of(folder)
        answer = train("--run", "tm")
        assert answer.code == 3 and f"process {pid}" in complaint(answer)
        assert digest_of(folder) == before


def test_a_name_stays_free_when_the_run_never_began(train, workspace):
    """A mistyped text does not take the name it was to have."""
    assert train("--run", "tm", "--corpus", "nowhere").code == 4
    put(workspace, "short.txt", b"abcd " * 6)
    assert train("--run", "tm", "--corpus", "short").code == 4
    assert train("--run", "tm", "--device", "cuda:99").code == 3
    assert RunStore(workspace).runs() == [] and not (workspace.runs / "tm").exists()
    assert train("--run", "tm").code == 0


def test_without_headless_a_terminal_is_needed(cli, small, workspace, complaint):
    """In a script `train` without --headless starts nothing."""
    answer = cli("train", "--corpus", "small", "--run", "tm", "--max-steps", "5", *small)
    assert answer.code == 2 and "--headless" in complaint(answer)
    assert not (workspace.runs / "tm").exists()


def test_a_diverging_run_is_exit_code_1(train, workspace):
    """The failure is on stderr once, with advice; what was saved is finite, and the run stays to be looked at."""
    answer = train(
        "--run", "tm", "--optimizer", "sgd", "--learning-rate", "1000", "--set", "training.clip_norm=off",
        "--set", "training.weight_decay=10", "--set", "evaluation.every_steps=500", steps=500,
    )  # fmt: skip
    assert answer.code == 1
    assert len(answer.err.splitlines()) == 1 and "not finite at step" in answer.err and "--learning-rate" in answer.err
    assert "not finite" not in answer.out
    run = RunStore(workspace).find("tm")
    assert run.state(run.progress()) == "failed"
    tensors = checkpoints.load(checkpoints.choose(run.checkpoints, "last")).tensors.values()
    assert all(tensor.isfinite().all() for tensor in tensors if tensor.is_floating_point())


SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("kind", ["RunStarted", "CheckpointSaved", "EvaluationDone", "SampleDrawn"])
def test_a_signal_ends_a_run_saved(train, workspace, number, code, kind):
    """Wherever it comes: the step ends, a checkpoint is verified, the last event says stopped, stderr stays empty."""
    sent = []

    def on_line(line):
        if json.loads(line)["event"] == kind and not sent:
            sent.append(kind)
            os.kill(os.getpid(), number)

    answer = train("--run", "tm", "--json", steps=100_000, on_line=on_line)
    assert (answer.code, answer.err) == (code, "")
    run = RunStore(workspace).find("tm")
    progress = run.progress()
    assert run.state(progress) == "stopped"
    assert checkpoints.load(checkpoints.choose(run.checkpoints, "last")).position.step == progress.finished.step


@pytest.mark.parametrize("signals", [SIGNALS[:1], pytest.param(SIGNALS, marks=pytest.mark.slow)], ids=["one", "all"])
def test_real_signals_to_a_real_process(workspace, small, signals):
    """Trained, resumed and resumed again, ended by SIGTERM, SIGINT and SIGHUP: 143, 130, 129, each saved."""
    program = [sys.executable, "-m", "rnnbench", "--workspace", str(workspace.root)]
    command = [*program, "train", "--headless", "--json", "--corpus", "small", "--run", "tm", "--max-steps", "1000000"]
    command += [*small, "--set", "evaluation.every_steps=1000"]
    steps = [-1]
    for (number, code), kind in zip(signals, ("SampleDrawn", "RunResumed", "StepDone"), strict=False):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert any(json.loads(line)["event"] == kind for line in process.stdout), process.stderr.read()
        process.send_signal(number)
        _, err = process.communicate()
        assert (process.returncode, err) == (code, "")
        command = [*program, "resume", "tm", "--headless", "--json"]
        run = RunStore(workspace).find("tm")
        checkpoint = checkpoints.load_latest(run.checkpoints, pytest.fail)
        *_, last = read_events(run.events_file)
        assert isinstance(last, RunFinished) and last.reason == "stopped"
        steps.append(checkpoint.position.step)
    assert steps == sorted(steps) and steps[-1] > steps[0]
