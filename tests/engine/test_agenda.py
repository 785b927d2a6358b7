"""When a run is scored: steps that the configuration decides, denser at first, and a share of a budget of time."""

import pytest

from rnnbench.config import EvaluationConfig
from rnnbench.engine.agenda import decided_by_steps, is_due, seconds_until_next
from rnnbench.runs.events import EvaluationDone


def due(planned, epoch=100, **values):
    """The steps at which a run of so many steps is scored, its end apart."""
    evaluation = EvaluationConfig(**values)
    return [step for step in range(planned) if is_due(step, evaluation, planned, epoch)]


@pytest.mark.parametrize(("planned", "first"), [
    (12_400, [0, 100, 200, 500, 1000, 2000]), (600, [0, 5, 10, 20, 50, 100]), (200, [0, 5, 10, 20, 40, 60]),
    (40, [0, 5, 10, 15, 20, 25]), (3, [0]),
])  # fmt: skip
def test_the_first_interval_is_divided(planned, first):
    """A long run shows more than its untrained network soon, then goes on evenly; a short one is just even."""
    steps = due(planned)
    assert steps[: len(first)] == first
    assert len({b - a for a, b in zip(steps[4:], steps[5:], strict=False)}) <= 1


@pytest.mark.parametrize("planned", [50, 120, 333, 600, 1000, 4999, 12_400, 100_000])
def test_the_number_of_evaluations_stays_in_bounds(planned):
    """Ten to thirty, however long the run."""
    assert 10 <= len(due(planned)) <= 30


def test_chosen_steps_are_taken_as_they_are():
    """No early ones are added, and the budget does not matter."""
    assert due(25, every_steps=7) == [0, 7, 14, 21]


@pytest.mark.parametrize(("epochs", "epoch", "steps"), [
    (1, 10, [0, 10, 20]), (0.5, 10, [0, 5, 10, 15, 20, 25]), (2, 10, [0, 20]), (0.5, 5, [0, 3, 5, 8, 10, 13, 15, 18, 20,
     23, 25, 28]), (0.3, 10, [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]), (0.01, 10, list(range(30))), (100, 10, [0]),
])  # fmt: skip
def test_epochs_are_rounded_to_steps(epochs, epoch, steps):
    """Each multiple, also of a part of an epoch that is no whole number of steps, at the nearest step."""
    assert due(30, epoch, every_epochs=epochs) == steps


def test_steps_and_epochs_hold_together():
    """Either makes an evaluation due."""
    assert due(25, 10, every_steps=8, every_epochs=1) == [0, 8, 10, 16, 20, 24]


def test_the_clock_decides_only_where_nothing_else_does():
    """Neither a chosen interval nor a planned number of steps."""
    assert not decided_by_steps(EvaluationConfig(), None)
    assert decided_by_steps(EvaluationConfig(), 10)
    assert decided_by_steps(EvaluationConfig(every_steps=3), None)
    assert decided_by_steps(EvaluationConfig(every_epochs=0.5), None)


def test_a_budget_of_time_is_divided_too():
    """Waits double up to a tenth of the budget and never above two minutes; a slow evaluation waits its share."""
    elapsed, waits = 0.0, []
    while elapsed < 160:
        waits.append(seconds_until_next(160.0, elapsed, 0.01))
        elapsed += waits[-1]
    assert waits[:6] == [2.0, 2.0, 4.0, 8.0, 16.0, 16.0] and set(waits[4:]) == {16.0}
    assert seconds_until_next(100_000.0, 50_000.0, 1.0) == 120.0
    assert seconds_until_next(160.0, 100.0, 3.0) == 60.0


def test_a_run_is_scored_at_every_epoch(trainings, tiny):
    """As events of a run: the start, each epoch, the end."""
    config = tiny(training={"max_steps": "off", "epochs": 2}, evaluation={"every_steps": "off", "every_epochs": 1})
    events = trainings.go_on(trainings.run("run", config))
    found = [event.step for event in events if isinstance(event, EvaluationDone) and event.split == "validation"]
    assert found == [0, 20, 40]
