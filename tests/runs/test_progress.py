"""Where a run stands, as a pure fold over its events."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.runs.events import (
    CheckpointSaved,
    EvaluationDone,
    Event,
    Prepared,
    RunContinued,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    SampleDrawn,
    SettingChanged,
    StepDone,
    Warned,
)
from rnnbench.runs.progress import KEPT_WARNINGS, RUNNING_WINDOW, Curve, RunProgress, fold

MakeEvent = Callable[..., Any]


@pytest.fixture
def steps(make_event: MakeEvent) -> Callable[..., StepDone]:
    """A StepDone that reports the steps first..last, each with its own number as the loss, a tenth second each."""

    def make(first: int, last: int, stride: int = 1, **values: Any) -> StepDone:
        losses = tuple(float(step) for step in range(first, last + 1, stride))
        plain = {"step": last, "losses_nats": losses, "elapsed_seconds": last / 10, "loss_nats": float(last)}
        event: StepDone = make_event(StepDone, **(plain | values))
        return event

    return make


@pytest.fixture
def validation(make_event: MakeEvent) -> Callable[..., EvaluationDone]:
    """An EvaluationDone of a split at a step with a loss."""

    def make(step: int, loss: float, split: str = "validation") -> EvaluationDone:
        event: EvaluationDone = make_event(EvaluationDone, step=step, loss_nats=loss, split=split)
        return event

    return make


def seconds(curve: Curve) -> list[float]:
    """The training seconds at each point."""
    return [curve.elapsed(place) for place in range(len(curve))]


def test_nothing_has_happened() -> None:
    """A run without events has no figures, and asking for them is no error."""
    empty = fold([])
    assert (empty.step, empty.epoch, empty.elapsed_seconds, empty.last_event_at) == (0, 0.0, 0.0, 0.0)
    for figure in ("running_loss_nats", "latest", "best", "test", "tokens_per_second", "fraction_done", "seconds_left"):
        assert getattr(empty, figure) is None
    assert empty.diverged_at is None
    assert empty.finished is None


def test_every_step_has_a_point(steps: Callable[..., StepDone]) -> None:
    """A StepDone tells the losses of all steps since the last one; each gets its step and its share of the time."""
    progress = fold([steps(1, 3), steps(4, 8)])
    assert list(progress.train.steps) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert list(progress.train.values) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert seconds(progress.train) == pytest.approx([0.1 * step for step in range(1, 9)])
    assert (progress.step, progress.elapsed_seconds) == (8, 0.8)


def test_losses_of_several_steps_each(steps: Callable[..., StepDone], make_event: MakeEvent) -> None:
    """When one loss stands for ten steps, its point is at the last of them."""
    progress = fold([make_event(RunStarted, steps_per_loss=10), steps(10, 40, 10), steps(50, 60, 10)])
    assert list(progress.train.steps) == [10, 20, 30, 40, 50, 60]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_the_history_does_not_depend_on_when_it_was_told(make_event: MakeEvent, sizes: list[int]) -> None:
    """However the clock groups the steps into events, the curve of losses is the same."""
    progress, first = RunProgress(), 1
    for size in sizes:
        losses = tuple(float(step) for step in range(first, first + size))
        progress.apply(make_event(StepDone, step=first + size - 1, losses_nats=losses))
        first += size
    assert list(progress.train.steps) == list(range(1, first))
    assert list(progress.train.values) == [float(step) for step in range(1, first)]


def test_a_resumed_run_shows_each_step_once(
    steps: Callable[..., StepDone], validation: Callable[..., EvaluationDone], make_event: MakeEvent
) -> None:
    """What the log holds beyond the checkpoint did not happen: points, scores, samples and checkpoints go."""
    before: list[Event] = [
        steps(1, 4), validation(4, 3.0), make_event(CheckpointSaved, step=4), make_event(SampleDrawn, step=4),
        make_event(SettingChanged, step=3), make_event(Warned), steps(5, 9), validation(8, 2.0),
        make_event(CheckpointSaved, step=8), make_event(SampleDrawn, step=8), make_event(SettingChanged, step=8),
        validation(9, 1.0, "test"), make_event(RunFinished, reason="stopped", step=9),
    ]  # fmt: skip
    progress = fold([*before, make_event(RunResumed, step=4)])
    assert list(progress.train.steps) == [1, 2, 3, 4]
    assert list(progress.validation.steps) == [4]
    kept = (progress.evaluations, progress.checkpoints, progress.samples)
    assert [[event.step for event in events] for events in kept] == [[4], [4], [4]]
    assert [event.step for event in progress.settings] == [3]
    assert (progress.step, progress.finished, progress.test) == (4, None, None)
    assert progress.resumed_at == [4]
    assert len(progress.warnings) == 1
    for event in (steps(5, 6), validation(6, 2.5), steps(7, 9)):
        progress.apply(event)
    assert list(progress.train.steps) == list(range(1, 10))
    assert list(progress.validation.steps) == [4, 6]
    assert progress.best is not None
    assert progress.best.step == 6


def test_time_never_runs_backwards_in_a_resumed_run(
    steps: Callable[..., StepDone], validation: Callable[..., EvaluationDone], make_event: MakeEvent
) -> None:
    """After going back the clock is that of the last step kept, for the steps, the scores and the whole run."""
    progress = fold([steps(1, 4), steps(5, 9), make_event(RunResumed, step=4), validation(4, 1.0)])
    assert progress.elapsed_seconds == pytest.approx(0.4)
    assert seconds(progress.validation) == pytest.approx([0.4])
    progress.apply(steps(5, 8))
    assert seconds(progress.train) == pytest.approx([0.1 * step for step in range(1, 9)])


def test_a_run_resumed_twice_at_the_same_step(steps: Callable[..., StepDone], make_event: MakeEvent) -> None:
    """Two crashes after the same checkpoint leave one history."""
    again = make_event(RunResumed, step=2)
    progress = fold([steps(1, 3), again, steps(3, 5), again, steps(3, 4)])
    assert list(progress.train.steps) == [1, 2, 3, 4]
    assert progress.resumed_at == [2, 2]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 20)), max_size=8))
def test_any_sequence_of_crashes_leaves_every_step_once(make_event: MakeEvent, attempts: list[tuple[int, int]]) -> None:
    """Train some steps, fall back to some step before, again and again: steps stay strictly rising, without gaps."""
    progress, at = RunProgress(), 0
    for count, back in attempts:
        losses = tuple(float(step) for step in range(at + 1, at + count + 1))
        progress.apply(make_event(StepDone, step=at + count, losses_nats=losses))
        at = max(at + count - back, 0)
        progress.apply(make_event(RunResumed, step=at))
        assert list(progress.train.steps) == list(range(1, at + 1))
        assert progress.step == at


def test_best_latest_and_test_are_told_apart(validation: Callable[..., EvaluationDone]) -> None:
    """Best is the lowest validation loss and the first of equals; a test score or one on train is neither."""
    progress = fold(
        [validation(1, 3.0), validation(2, 1.5), validation(2, 0.1, "train"), validation(3, 1.5), validation(4, 2.0),
         validation(4, 0.2, "test"), validation(4, 0.3, "test")]
    )  # fmt: skip
    assert progress.best is not None
    assert progress.latest is not None
    assert progress.test is not None
    assert (progress.best.step, progress.best.loss_nats) == (2, 1.5)
    assert progress.latest.step == 4
    assert progress.test.loss_nats == 0.3
    assert list(progress.validation.values) == [3.0, 1.5, 1.5, 2.0]


def test_the_running_loss_is_a_mean_of_the_last_steps(steps: Callable[..., StepDone]) -> None:
    """Only the newest steps count, so that the figure follows the training; all of them at the beginning."""
    assert fold([steps(1, 3)]).running_loss_nats == pytest.approx(2.0)
    long = fold([steps(1, 200)])
    last = range(201 - RUNNING_WINDOW, 201)
    assert long.running_loss_nats == pytest.approx(sum(last) / len(last))


@pytest.mark.parametrize(
    ("planned", "fraction"),
    [
        ({"planned_steps": 40, "planned_seconds": None}, 0.25),
        ({"planned_steps": None, "planned_seconds": 2.0}, 0.5),
        ({"planned_steps": 40, "planned_seconds": 2.0}, 0.5),
        ({"planned_steps": 5, "planned_seconds": None}, 1.0),
        ({"planned_steps": None, "planned_seconds": None}, None),
    ],
    ids=str,
)
def test_how_much_of_the_budget_is_used(
    planned: dict[str, Any], fraction: float | None, steps: Callable[..., StepDone], make_event: MakeEvent
) -> None:
    """By steps or by the clock, whichever is nearer its end, never more than all of it; the time left follows."""
    progress = fold([make_event(RunStarted, **planned), steps(1, 10)])
    assert progress.fraction_done == fraction
    if fraction is None:
        assert progress.seconds_left is None
    else:
        assert progress.seconds_left == pytest.approx(1.0 / fraction - 1.0)


@pytest.mark.parametrize(
    ("stride", "step"),
    [(2**62, 1), (1, 1 - 2**63), (1, 2), (2**63 - 1, 2**63 - 1)],
    ids=["far", "below", "part", "edge"],
)
def test_steps_that_nobody_made_are_passed_over(
    steps: Callable[..., StepDone], make_event: MakeEvent, stride: int, step: int
) -> None:
    """A line of a damaged log may hold any number of 64 bits: those before step 0 leave the run where it was."""
    wild = make_event(StepDone, step=step, losses_nats=(1.0,) * 5)
    progress = fold([make_event(RunStarted, steps_per_loss=stride), make_event(StepDone, step=7), wild])
    assert (progress.step, list(progress.train.steps)) == (7, [7])


def test_a_time_without_end_is_not_left(make_event: MakeEvent) -> None:
    """A pace that is too slow for a number says nothing of the time left."""
    started = make_event(RunStarted, planned_steps=2**62, planned_seconds=None)
    assert fold([started, make_event(StepDone, step=1, elapsed_seconds=1e300)]).seconds_left is None


def test_a_run_that_goes_on_is_not_finished(steps: Callable[..., StepDone], make_event: MakeEvent) -> None:
    """The last event counts: training again after a stop takes the end back."""
    end = make_event(RunFinished, reason="stopped")
    assert fold([steps(1, 2), end]).finished == end
    for event in (make_event(RunStarted), make_event(RunResumed, step=2), steps(3, 4)):
        assert fold([steps(1, 2), end, event]).finished is None


def test_a_run_waits_until_it_goes_on(steps: Callable[..., StepDone], make_event: MakeEvent) -> None:
    """The last of pause and continue counts, or any sign of training; waiting, there is no pace and no time left."""
    before = [make_event(RunStarted, planned_steps=40, planned_seconds=None), steps(1, 10)]
    waiting = fold([*before, make_event(RunPaused, step=10), make_event(SettingChanged, step=10)])
    assert waiting.paused
    assert (waiting.tokens_per_second, waiting.seconds_left) == (None, None)
    for event in (make_event(RunContinued, step=10), make_event(RunResumed, step=10), make_event(RunFinished)):
        going = fold([*before, make_event(RunPaused, step=10), event])
        assert not going.paused and going.tokens_per_second and going.seconds_left


def test_preparing_ends_with_the_first_step(steps: Callable[..., StepDone], make_event: MakeEvent) -> None:
    """The phase that is shown before training is gone once it trains."""
    phase = make_event(Prepared, phase="reading the text")
    assert fold([phase]).preparing == phase
    assert fold([phase, steps(1, 1)]).preparing is None


def test_where_a_run_diverged(make_event: MakeEvent) -> None:
    """Only a failure of the loss is divergence; a full disk is not."""
    diverged = make_event(RunFinished, reason="failed", step=7, message="the loss is not finite")
    full = make_event(RunFinished, reason="failed", step=7, message="the disk is full")
    stopped = make_event(RunFinished, reason="stopped", step=7, message="finite")
    assert [fold([event]).diverged_at for event in (diverged, full, stopped)] == [7, None, None]


def test_the_time_of_the_last_event(make_event: MakeEvent) -> None:
    """A clock that was set back does not make a run look older than it is."""
    assert fold([make_event(Warned, at=5.0), make_event(Warned, at=3.0)]).last_event_at == 5.0


def test_a_curve_forgets_what_lies_beyond() -> None:
    """The point at the step itself stays."""
    curve = Curve()
    for step in (10, 20, 30):
        curve.add(step, step / 2, step / 4)
    curve.drop_beyond(20)
    assert (list(curve.steps), list(curve.values), seconds(curve)) == ([10, 20], [5.0, 10.0], [2.5, 5.0])
    curve.drop_beyond(5)
    assert len(curve) == 0


def test_a_curve_knows_the_time_of_points_of_which_later_ones_were_dropped() -> None:
    """Points of one event share its time evenly, also when only the first of them are left, and when others follow."""
    curve = Curve()
    curve.extend([1, 2], [0.5, 0.5], 2.0)
    curve.extend([3, 4, 5, 6], [0.5] * 4, 10.0)
    curve.drop_beyond(4)
    assert seconds(curve) == [1.0, 2.0, 4.0, 6.0]
    curve.extend([5, 6], [0.5, 0.5], 7.0)
    assert seconds(curve) == [1.0, 2.0, 4.0, 6.0, 6.5, 7.0]


def test_of_very_many_warnings_the_last_are_kept(make_event: MakeEvent) -> None:
    """A run that warns at every step does not fill the memory of who watches it."""
    progress = fold(make_event(Warned, message=str(number)) for number in range(KEPT_WARNINGS + 5))
    assert [len(progress.warnings), progress.warnings[0].message] == [KEPT_WARNINGS, "5"]
