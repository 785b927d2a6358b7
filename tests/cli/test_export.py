"""runs export: a folder whose README is a program that runs without rnnbench."""

import json
import os
import re
import subprocess
import sys

import pytest
import safetensors

from rnnbench.engine.control import Control
from rnnbench.engine.trainer import train
from rnnbench.runs.recording import record
from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace

RUNS = {
    "characters": {"model": {"hidden": 16}},
    "bytes": {"model": {"cell": "gru", "input": "one_hot", "layers": 2}, "text": {"tokenizer": "byte"}},
    "words": {"model": {"cell": "rnn", "implementation": "scratch"}, "text": {"tokenizer": "word", "lower_case": True}},
    "bpe": {"model": {"cell": "gru"}, "text": {"tokenizer": "bpe", "bpe_size": 300}},
    "elman": {"model": {"cell": "elman", "input": "one_hot"}},
    "gaps": {"model": {"task": "cloze"}},
}
ALONE = "import sys\nsys.modules['rnnbench'] = None\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory, make_text, make_config):
    """A workspace with a small run of each kind, trained when it is first asked for."""
    home = Workspace(tmp_path_factory.mktemp("models"))
    (home.root / "corpora").mkdir()
    (home.root / "corpora" / "small.txt").write_text("“Où?” " + make_text(3000), encoding="utf-8")

    def of(name):
        store = RunStore(home)
        if not store.exists(name):
            if name == "bpe":
                pytest.importorskip("tokenizers", reason="the extra bpe is not installed")
            budget = {"training": {"max_steps": 30, "learning_rate": 0.03}}
            config = make_config(**budget, **RUNS[name])
            run = store.create(name, config)
            for _ in record(run, train(config, run, home, Control())):
                pass
        return home.root

    return of


def program_of(folder):
    """The code in the README."""
    return re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]


def run_alone(folder, code):
    """What the code prints, in a process that cannot import rnnbench, within the folder."""
    environment = {**os.environ, "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "error", "-c", ALONE + code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("characters", "safetensors"), ("bytes", "safetensors"), ("words", "safetensors"), ("bpe", "safetensors"),
        ("characters", "onnx"), ("elman", "onnx"),
    ],
)  # fmt: skip
def test_the_readme_writes_what_sample_writes(cli, models, tmp_path, name, form):
    """Its few lines, alone, go on as `rnnbench sample --greedy` does from where the run's own samples begin."""
    if form == "onnx":
        pytest.importorskip("onnx", reason="the extra onnx is not installed")
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    home, folder = models(name), tmp_path / "out"
    answer = cli("runs", "export", name, folder, "--format", form, home=home)
    assert (answer.code, answer.out) == (0, "") and f"model.{form}" in answer.err
    code, prompt = program_of(folder), RunStore(Workspace(home)).find(name).progress().samples[-1].prompt[:60]
    sampled = cli("sample", name, "--greedy", "--length", "200", "--prompt", prompt, home=home)
    assert prompt and len(code.splitlines()) <= 17
    assert run_alone(folder, code) == sampled.out + "\n"


def test_the_files_are_plain_and_tell_no_path(cli, models, tmp_path):
    """Weights, vocabulary, choices, README; nothing of the disk they come from."""
    home, folder = models("characters"), tmp_path / "deep" / "out"
    told = cli("runs", "export", "characters", folder, "--checkpoint", "last", "--json", home=home).json
    names = {"README.md", "config.json", "model.safetensors", "vocabulary.json"}
    assert set(told["files"]) == names == {path.name for path in folder.iterdir()}
    assert told["bytes"] == sum(path.stat().st_size for path in folder.iterdir()) and told["step"] == 30
    config = json.loads((folder / "config.json").read_text())
    assert config["model"]["hidden"] == 16 and config["torch_layout"] and "corpus" not in config
    with safetensors.safe_open(folder / "model.safetensors", "pt") as file:
        assert file.get_slice("stack.weight_ih_l0").get_shape() == [64, 6]
    assert not [path for path in folder.iterdir() if str(home).encode() in path.read_bytes()]


@pytest.mark.parametrize("name", ["elman", "gaps"])
def test_what_torch_has_no_layer_for_comes_with_its_names(cli, models, tmp_path, name):
    """The README lists every tensor and says where the equations are; it promises no program."""
    folder = tmp_path / "out"
    assert cli("runs", "export", name, folder, home=models(name)).code == 0
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "docs/models.md" in text and "```python" not in text
    with safetensors.safe_open(folder / "model.safetensors", "pt") as file:
        assert [key for key in set(file.keys()) if f"`{key}`" not in text] == []


def test_a_folder_with_something_in_it_is_refused(cli, models, tmp_path, complaint):
    """Nothing is overwritten or mixed: exit code 2, and what was there is there alone."""
    home = models("characters")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("full", "full/mine.txt", "link"):
        answer = cli("runs", "export", "characters", tmp_path / name, home=home)
        assert answer.code == 2 and "new one" in complaint(answer)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert cli("runs", "export", "characters", tmp_path / "empty", home=home).code == 0


def test_onnx_refuses_other_tasks(cli, models, tmp_path, complaint):
    """Exit code 2 before anything is written, with the format that holds them."""
    answer = cli("runs", "export", "gaps", tmp_path / "out", "--format", "onnx", home=models("gaps"))
    assert answer.code == 2 and "cloze" in complaint(answer) and not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_not_there(cli, models, tmp_path, complaint):
    """Exit code 4, and no folder."""
    home = models("characters")
    answer = cli("runs", "export", "characters", tmp_path / "out", "--checkpoint", "7", home=home)
    assert answer.code == 4 and "7" in complaint(answer) and not (tmp_path / "out").exists()
