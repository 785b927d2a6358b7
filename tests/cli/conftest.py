"""What the tests of the command line share: one trained run to look at, and what answers must look like."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnbench.config import RunConfig
from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace

SMALL = (
    "--hidden", "8", "--batch-size", "4", "--steps-per-sequence", "8", "--device", "cpu", "--threads", "1",
    "--set", "model.embedding=6", "--set", "corpus.first_characters=800", "--set", "evaluation.sample_length=8",
    "--set", "evaluation.every_steps=5",
)  # fmt: skip


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Options for a run that is trained in a blink; a budget is to be added."""
    return SMALL


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_text: Callable[[int], str], make_config: Callable[..., RunConfig]
) -> Workspace:
    """A workspace with the finished run `tm`, only to be looked at."""
    import torch

    from rnnbench.engine.control import Control
    from rnnbench.engine.trainer import train
    from rnnbench.runs.recording import record

    home = Workspace(tmp_path_factory.mktemp("trained"))
    (home.root / "corpora").mkdir()
    (home.root / "corpora" / "small.txt").write_text(make_text(3000), encoding="utf-8")
    config = make_config(
        training={"max_steps": 120, "learning_rate": 0.02, "batch_size": 8, "steps_per_sequence": 16},
        evaluation={"every_steps": 40, "sample_length": 20},
        model={"hidden": 24},
    )
    run = RunStore(home).create("tm", config)
    for _ in record(run, train(config, run, home, Control())):
        pass
    torch.set_flush_denormal(False)  # training sets it for the whole process; hypothesis would notice
    return home


@pytest.fixture(scope="session")
def digest_of() -> Callable[[Path], dict[str, str]]:
    """Everything in a folder, by path: links as links, files by their digest."""

    def digest(folder: Path) -> dict[str, str]:
        found = {}
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                found[name] = f"link to {path.readlink()}"
            else:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        return found

    return digest


def has_keys(record: Any, keys: Any) -> bool:
    """Whether a JSON answer has these keys, nested ones as tables."""
    if isinstance(keys, dict):
        return all(name in record and has_keys(record[name], inner) for name, inner in keys.items())
    return all(name in record for name in keys)


@pytest.fixture(scope="session")
def holds() -> Callable[[Any, Any], bool]:
    """Whether a JSON answer has the keys of the contract."""
    return has_keys


@pytest.fixture(scope="session")
def complaint() -> Callable[[Any], str]:
    """The one line on stderr that a failed command must leave; nothing on stdout but the name of a new run."""
    return lambda answer: str(answer.complaint())
