"""bench: the figures hang together, whatever they are; how large they are is not tested."""

import pytest
import torch

from rnnbench.cli import bench
from rnnbench.engine import speed, threads
from rnnbench.engine.speed import PLAIN, Case

CPU = torch.device("cpu")
KEYS = (
    "name",
    "implementation",
    "tokens_per_second",
    "fraction_of_limit",
    "ratio_to_plain_loop",
    "peak_memory_mb",
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Cases and a limit that take no time, on a machine where nobody else computes."""
    monkeypatch.setattr(speed, "CASES", (Case("rnn", 7, 4, 2, 3), Case("lstm", 7, 4, 2, 3)))
    monkeypatch.setattr(speed, "_LIMIT_SECONDS", 0.0)
    monkeypatch.setattr(speed, "_LIMIT_SIZE", 32)
    monkeypatch.setattr(speed, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(threads, "busy_cores", lambda: 0.0)


@pytest.fixture(autouse=True)
def same_threads():
    """The command sets torch's threads; the other tests get back what they had."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_operations_are_those_of_the_recurrent_and_the_output_product():
    """Two operations a multiply-add, three products a weight; the figure of the table in the benchmarks."""
    assert Case("rnn", 28, 512).operations == 6 * (512 * 512 + 512 * 28)
    assert Case("lstm", 4300, 256).operations == 6 * (4 * 256 * 256 + 256 * 4300)
    assert [case.name for case in speed.CASES] == ["rnn-4-v7", "lstm-4-v7"]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_figures_hang_together(cell, monkeypatch):
    """Speed, ratio and share of the limit are one measurement seen three ways; every implementation takes its turn."""
    case = Case(cell, 7, 4, 2, 3)
    seconds = {PLAIN: 6.0, "scratch": 3.0, "fused": 2.0, "torch": 1.0}
    turns = iter([*seconds.values()] * 5)
    monkeypatch.setattr(speed, "_time", lambda step, repeats, device: next(turns) if step() == 6 else None)
    rows = speed.measure(case, CPU, limit=1e-6)
    assert [row.implementation for row in rows] == list(seconds)
    assert [row.tokens_per_second for row in rows] == [1.0, 2.0, 3.0, 6.0]
    assert [row.ratio_to_plain_loop for row in rows] == [1.0, 2.0, 3.0, 6.0]
    assert rows[1].fraction_of_limit == pytest.approx(2.0 * case.operations / 1e3)
    assert next(turns, None) is None
    assert all(row.peak_memory_mb is None or row.peak_memory_mb >= 0 for row in rows)


def test_answers_scripts(cli):
    """The keys that scripts rely on, for each case and implementation."""
    answer = cli("bench", "--json", "--threads", "1")
    assert answer.code == 0
    record = answer.json
    assert record["limit_gflops"] > 0 and record["machine"]["threads"] == 1 and record["machine"]["processor"]
    found = [(row["name"], row["implementation"]) for row in record["cases"]]
    assert found == [(name, how) for name in ("rnn-4-v7", "lstm-4-v7") for how in (PLAIN, *speed.IMPLEMENTATIONS)]
    assert all(tuple(row) == KEYS and row["tokens_per_second"] > 0 for row in record["cases"])
    assert [row["ratio_to_plain_loop"] for row in record["cases"] if row["implementation"] == PLAIN] == [1.0, 1.0]


def test_answers_people(cli):
    """What was measured on, and a table; progress goes to stderr."""
    answer = cli("bench", "--case", "lstm-4-v7", "--threads", "1")
    lines = answer.out.splitlines()
    assert lines[0].startswith("processor") and lines[2].startswith("limit") and "GFLOP/s" in lines[2]
    assert lines[4].split() == ["case", "implementation", "tokens/s", "of", "limit", "x", "plain", "MB"]
    assert [line.split()[0] for line in lines[5:]] == ["lstm-4-v7"] * 4
    assert "measuring lstm-4-v7 (1 of 1)" in answer.err and "warning" not in answer.err


def test_a_busy_machine_is_told(cli, monkeypatch):
    """Figures that somebody else had a part in are not left without a word."""
    monkeypatch.setattr(threads, "busy_cores", lambda: 1.25)
    answer = cli("bench", "--case", "rnn-4-v7", "--json")
    assert "other processes kept 1.2 cores busy" in answer.err
    assert answer.json["machine"]["busy_cores"] == 1.25


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--case", "rnn\x1b[2J"), "no case rnn␛[2J (there are rnn-4-v7, lstm-4-v7)"),
        (("--device", "tpu\x1b"), "no device is called tpu␛"),
        (("--rounds", "4"), "greater than or equal to 5"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_measured(cli, monkeypatch, words, complaint):
    """With what there is instead."""
    monkeypatch.setattr(speed, "measure", None)
    answer = cli("bench", *words)
    assert answer.code == 2 and complaint in answer.err
    assert answer.out == ""


def test_memory_that_the_system_does_not_tell_is_left_empty(monkeypatch, tmp_path):
    """As on a system without /proc."""
    monkeypatch.setattr(speed, "_FORGET", tmp_path / "none" / "clear_refs")
    (row, *_) = speed.measure(Case("rnn", 7, 4, 2, 3), CPU, limit=1.0)
    assert row.peak_memory_mb is None
    assert bench._row(row)[-1] == "" and bench._record(row)["peak_memory_mb"] is None


def test_memory_grows_with_the_network():
    """A state of 2,000 in two matrices of that size is seen; one of four is not."""
    small = speed.measure(Case("rnn", 7, 4, 1, 1), CPU, limit=1.0)[0]
    large = speed.measure(Case("rnn", 7, 2000, 1, 1), CPU, limit=1.0)[0]
    if small.peak_memory_mb is None:
        pytest.skip("the system does not tell")
    assert large.peak_memory_mb > small.peak_memory_mb + 10
