"""bfloat16 in training, float32 in everything that is kept or told; and algorithms that repeat."""

import os

import pytest
import torch

from rnnbench.config import MachineConfig
from rnnbench.engine import checkpoints, devices, evaluation, precision
from rnnbench.runs.events import EvaluationDone, RunStarted, Warned

CPU = torch.device("cpu")
BFLOAT16 = MachineConfig(precision="bfloat16")
KINDS = [("lstm", "torch"), ("lstm", "fused"), ("lstm", "scratch"), ("gru", "torch"), ("gru_reset_before", "scratch"),
         ("lstm_layer_norm", "scratch"), ("min_gru", "scratch"), ("elman", "fused"), ("rnn", "torch")]  # fmt: skip


@pytest.fixture
def instructions(monkeypatch):
    """Say whether the CPU has bfloat16 instructions."""

    def say(present):
        monkeypatch.setattr(precision, "_computes_in_bfloat16", lambda: present)

    return say


def losses(network, precisions, state):
    """The loss of one batch in each precision, and the gradients."""
    ids = torch.randint(11, (9, 3), generator=torch.Generator().manual_seed(1))
    found = []
    for machine in precisions:
        network.zero_grad()
        with precision.autocast(CPU, machine):
            loss, after = network.loss(ids, ids, state)
        loss.backward()
        found.append((loss, after, [parameter.grad.clone() for parameter in network.parameters()]))
    return found


@pytest.mark.parametrize("with_instructions", [False, True])
@pytest.mark.parametrize(("cell", "implementation"), KINDS)
def test_bfloat16_is_near_float32(cell, implementation, with_instructions, make_network, instructions):
    """Loss and gradients agree to the precision of 8 bits, are float32, and are not the same: it was really used."""
    if with_instructions and not precision._computes_in_bfloat16():
        pytest.skip("this CPU has no bfloat16 instructions")
    instructions(with_instructions)
    network = make_network(cell=cell, implementation=implementation, layers=2, hidden=16, embedding=16)
    full, reduced = losses(network, (MachineConfig(), BFLOAT16), network.initial_state(3))
    assert reduced[0].dtype == torch.float32 and reduced[0] != full[0]
    torch.testing.assert_close(reduced[0], full[0], rtol=0, atol=0.02)
    for found, wanted in zip(reduced[2], full[2], strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, wanted, rtol=0, atol=0.02)


def test_torch_layers_stay_in_float32_where_the_cpu_lacks_the_instructions(make_network, instructions):
    """There oneDNN has no such layer and fails; the state, which only the layers make, is float32's bit by bit."""
    instructions(False)
    network = make_network(implementation="torch")
    full, reduced = losses(network, (MachineConfig(), BFLOAT16), network.initial_state(3))
    assert torch.equal(full[1], reduced[1]) and full[0] != reduced[0]


@pytest.mark.parametrize("implementation", ["fused", "scratch"])
def test_our_own_loops_stay_in_float32(implementation, make_network):
    """From the same one-hot rows, which no product touches, the state is float32's bit by bit."""
    network = make_network(implementation=implementation, input="one_hot")
    full, reduced = losses(network, (MachineConfig(), BFLOAT16), network.initial_state(3))
    assert torch.equal(full[1], reduced[1]) and full[0] != reduced[0]


@pytest.mark.parametrize("task", ["language_model", "cloze", "seq2seq"])
def test_what_is_kept_is_float32_and_a_run_in_pieces_is_the_run_in_one_go(task, trainings, tiny, outcome_of, workspace):
    """Weights, moments and carried state; and resuming is exact in bfloat16 too."""
    lines = "".join(f"one {word} more\t{word} and {word}\n" for word in ("gull", "boat", "bell", "tide") * 12)
    (workspace.root / "corpora" / "pairs.txt").write_text(lines, encoding="utf-8")
    config = tiny(
        corpus={"file": "pairs" if task == "seq2seq" else "small", "first_characters": 800},
        model={"task": task, "dropout": 0.2},
        training={"max_steps": 9, "steps_per_sequence": 6},
        evaluation={"every_steps": 4, "sample_length": 4},
        machine={"device": "cpu", "threads": 1, "precision": "bfloat16"},
    )
    whole = trainings.whole("whole", config)
    tensors = checkpoints.load(checkpoints.choose(whole.checkpoints, "last")).tensors
    assert {tensor.dtype for name, tensor in tensors.items() if not name.startswith("random")} == {torch.float32}
    run, stops = trainings.in_pieces("pieces", config, looks=5)
    assert stops and outcome_of(run) == outcome_of(whole)


def test_scores_are_taken_in_float32(trainings, tiny, encoded, make_network):
    """The score that a bfloat16 run tells is the float32 score of its weights, bit by bit."""
    config = tiny(training={"max_steps": 5}, machine={"device": "cpu", "threads": 1, "precision": "bfloat16"})
    run = trainings.run("run", config)
    told = [event for event in trainings.go_on(run) if isinstance(event, EvaluationDone) and event.step == 5]
    corpus = encoded(config)
    network = make_network(len(corpus.vocabulary), **config.model.model_dump())
    tensors = checkpoints.load(checkpoints.choose(run.checkpoints, "5")).tensors
    network.load_state_dict({name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model")})
    assert evaluation.score(network, corpus.split("validation")).loss_nats == told[0].loss_nats


@pytest.mark.parametrize("present", [False, True])
def test_a_cpu_that_is_slow_at_it_is_told_of(present, trainings, tiny, instructions):
    """A warning where the instructions are missing, none where they are there; the start event names the precision."""
    instructions(present)
    config = tiny(training={"max_steps": 1}, machine={"device": "cpu", "threads": 1, "precision": "bfloat16"})
    events = trainings.go_on(trainings.run("run", config))
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert [("no bfloat16 instructions" in message) for message in warnings] == ([] if present else [True])
    assert [event.precision for event in events if isinstance(event, RunStarted)] == ["bfloat16"]


def test_a_run_of_every_day_says_float32_and_warns_of_nothing(trainings, tiny):
    """The default on a CPU."""
    events = trainings.go_on(trainings.run("run", tiny(training={"max_steps": 1})))
    assert [event.precision for event in events if isinstance(event, RunStarted)] == ["float32"]
    assert not [event for event in events if isinstance(event, Warned)]


@pytest.fixture
def repeatable(monkeypatch):
    """Whatever a test asks of torch's algorithms is taken back."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    fills = torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = fills


@pytest.mark.usefixtures("repeatable")
def test_deterministic_algorithms_are_asked_for_before_a_gpu_is_touched(make_config):
    """torch refuses others, cuBLAS gets its fixed workspace; the next run of the process is free again."""
    devices.prepare(make_config(machine={"deterministic": True}))
    assert torch.are_deterministic_algorithms_enabled() and os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    devices.prepare(make_config())
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.usefixtures("repeatable")
@pytest.mark.parametrize(("cell", "implementation"), [("lstm", "torch"), ("gru", "fused")])
def test_a_deterministic_run_is_the_same_run_on_a_cpu(cell, implementation, trainings, tiny, outcome_of):
    """No operation of a training step is refused, and a CPU computes what it computes anyway."""
    tables = {"model": {"cell": cell, "implementation": implementation, "dropout": 0.2}, "training": {"max_steps": 6}}
    free = outcome_of(trainings.whole("free", tiny(**tables)))
    machine = {"device": "cpu", "threads": 1, "deterministic": True}
    assert outcome_of(trainings.whole("strict", tiny(**tables, machine=machine))) == free
