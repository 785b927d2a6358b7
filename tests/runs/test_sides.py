"""Who answers together, and which checkpoints there are to be named."""

import json

import pytest

from rnnbench.errors import UsageError
from rnnbench.runs.kept import Kept, kept, kept_text
from rnnbench.runs.sides import MOST_SIDES, Side, read_sides
from rnnbench.runs.store import Run

MEANT = [
    ("b", [Side("a"), Side("b")]),
    ("a b", [Side("a"), Side("b")]),
    ("best last 2000", [Side("a", "best"), Side("a", "last"), Side("a", "2000")]),
    ("best b", [Side("a", "best"), Side("b")]),
    ("b@best b@7", [Side("a"), Side("b", "best"), Side("b", "7")]),
    ("a@last best", [Side("a", "last"), Side("a", "best")]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "sides"), MEANT)
def test_runs_and_checkpoints_are_told_apart(words, sides):
    """Checkpoints are of the present run, which is compared with others unless it is named itself."""
    assert list(read_sides(words, "a")) == sides


@pytest.mark.parametrize("words", ["", "a", "best", "b@", "b@soon", "../x", "b@-1", " ".join("bcdefgh")])
def test_what_makes_no_comparison_is_refused(words):
    """One alone, too many, and what is neither a run nor a checkpoint."""
    with pytest.raises(UsageError):
        read_sides(words, "a")
    assert MOST_SIDES == 6


def test_without_a_present_run_checkpoints_belong_to_nobody():
    """Runs can be compared then, steps cannot."""
    assert read_sides("a b", None) == (Side("a"), Side("b"))
    with pytest.raises(UsageError, match="no run is open"):
        read_sides("best last", None)


def test_kept_checkpoints_are_listed_without_their_tensors(tmp_path):
    """By step, the best and the last named; step 0 is not the best while there is another, damaged ones are left out."""
    run = Run(tmp_path / "r")
    assert kept(run) == [] and kept_text(run) == "run r has no checkpoint yet"
    run.checkpoints.mkdir(parents=True)
    for step, loss in ((0, 0.5), (1200, 2.0), (90, 1.5), (1300, None)):
        text = json.dumps({"step": step, "loss_nats": loss})
        (run.checkpoints / f"step-{step:08d}.json").write_text(text)
    (run.checkpoints / "step-00000007.json").write_text("[]")
    (run.checkpoints / "step-00000008.json").write_text("{")
    assert kept(run) == [Kept(0, 0.5), Kept(90, 1.5), Kept(1200, 2.0), Kept(1300, None)]
    assert kept_text(run) == (
        "checkpoints of r:  0 (0.500 nats)   90 (1.500 nats, best)   1200 (2.000 nats)   1300 (last)"
    )
