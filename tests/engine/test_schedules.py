"""The learning rate over the budget."""

import math

import pytest

from rnnbench.engine.schedules import learning_rate

SCHEDULES = ("constant", "step", "exponential", "cosine", "one_cycle", "plateau")


def over_budget(training, drops=0):
    """The rates at 101 points of the budget, far behind the warm-up."""
    return [learning_rate(training, 10**6, done / 100, drops) for done in range(101)]


def test_every_schedule_of_the_configuration_is_tested():
    """A new one is added here too."""
    from rnnbench.config import fields

    (choices,) = [field.choices for field in fields() if field.key == "training.schedule"]
    assert choices == SCHEDULES


def test_a_constant_rate_stays(make_training):
    """No schedule, no warm-up: the rate is the one that was chosen."""
    training = make_training(learning_rate=0.25)
    assert {learning_rate(training, step, step / 100) for step in range(101)} == {0.25}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_multiplies_every_schedule(schedule, make_training):
    """A linear rise: the first step already moves, the last of the warm-up has all that the schedule says."""
    warm = make_training(learning_rate=0.8, warmup_steps=4, schedule=schedule)
    cold = make_training(learning_rate=0.8, schedule=schedule)
    shares = [learning_rate(warm, step, 0.4) / learning_rate(cold, step, 0.4) for step in range(6)]
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_rate_beyond_the_budget_is_that_of_its_end(schedule, make_training):
    """The clock may run over, and never below zero."""
    training = make_training(schedule=schedule)
    assert learning_rate(training, 9, 1.7) == learning_rate(training, 9, 1.0) > 0
    assert learning_rate(training, 9, -0.1) == learning_rate(training, 9, 0.0) > 0


def test_the_cosine_falls_from_the_rate_to_its_end(make_training):
    """Whole at the start, half way between at half the budget, two per cent at its end, and never rising."""
    rates = over_budget(make_training(learning_rate=1.0, schedule="cosine"))
    assert rates[0] == 1.0 and rates[50] == pytest.approx(0.51) and rates[-1] == pytest.approx(0.02)
    assert rates == sorted(rates, reverse=True)
    assert over_budget(make_training(learning_rate=1.0, schedule="cosine", final_share=0.5))[-1] == 0.5


def test_steps_are_spread_evenly(make_training):
    """Three drops cut the budget into four equal parts, each with a third of the rate before."""
    rates = over_budget(make_training(learning_rate=27.0, schedule="step", drops=3, drop_factor=1 / 3))
    parts = [rates[0:25], rates[25:50], rates[50:75], rates[75:]]
    for part, rate in zip(parts, (27, 9, 3, 1), strict=True):
        assert part == pytest.approx([rate] * len(part))


def test_the_exponential_falls_by_the_same_share_everywhere(make_training):
    """From the rate to its final share, each hundredth of the budget the same factor."""
    rates = over_budget(make_training(learning_rate=2.0, schedule="exponential", final_share=0.01))
    assert rates[0] == 2.0 and rates[-1] == pytest.approx(0.02)
    assert [after / before for before, after in zip(rates, rates[1:], strict=False)] == pytest.approx(
        [0.01**0.01] * 100
    )


def test_one_cycle_rises_and_falls(make_training):
    """From a 25th up to the rate at three tenths of the budget, then down to its final share, without a jump."""
    rates = over_budget(make_training(learning_rate=1.0, schedule="one_cycle", final_share=0.001))
    assert rates[0] == pytest.approx(0.04) and rates[30] == 1.0 and rates[-1] == pytest.approx(0.001)
    assert rates[:31] == sorted(rates[:31]) and rates[30:] == sorted(rates[30:], reverse=True)
    assert rates[15] == pytest.approx(0.52) and rates[65] == pytest.approx(0.5005)
    assert max(abs(after - before) for before, after in zip(rates, rates[1:], strict=False)) < 0.06


def test_plateau_follows_the_drops_alone(make_training):
    """The budget does not matter, the number of drops does."""
    training = make_training(learning_rate=8.0, schedule="plateau", drop_factor=0.5)
    assert [set(over_budget(training, drops)) for drops in range(4)] == [{8.0}, {4.0}, {2.0}, {1.0}]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_only_plateau_looks_at_the_drops(schedule, make_training):
    """Drops of an evaluation mean nothing to the other schedules."""
    training = make_training(schedule=schedule)
    assert (over_budget(training, 3) != over_budget(training)) == (schedule == "plateau")


@pytest.mark.parametrize("schedule", ["step", "exponential", "cosine", "one_cycle"])
def test_a_budget_of_minutes_is_followed_by_the_clock(schedule, trainings, tiny, monkeypatch):
    """With minutes alone the share of the time that has passed decides the rate."""
    from rnnbench.engine import session, trainer

    now, told = [1000.0], []

    def clock():
        now[0] += 0.01
        return now[0]

    update, fraction = trainer._update, session.Session.fraction_done

    def watched(self):
        told.append(fraction(self))
        return told[-1]

    def remembered(one):
        found = update(one)
        rates.append((found[2], told[-1], one.position.step - 1))
        return found

    rates = []
    monkeypatch.setattr(session.time, "perf_counter", clock)
    monkeypatch.setattr(session.Session, "fraction_done", watched)
    monkeypatch.setattr(trainer, "_update", remembered)
    training = {"max_steps": "off", "minutes": 0.05, "schedule": schedule}
    config = tiny(training=training, evaluation={"sample_length": 0})
    trainings.go_on(trainings.run("run", config))
    assert rates[0][1] < 0.2 and rates[-1][1] > 0.9
    for rate, done, step in rates:
        assert math.isclose(rate, learning_rate(config.training, step, done))
