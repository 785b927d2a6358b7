"""Events as plain lines: the same run tells the same story, and no line acts on a terminal."""

import math
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.runs.events import (
    KINDS,
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
from rnnbench.runs.figures import figure, score_text
from rnnbench.runs.narration import Narrator, duration, last_lines, round_number

MakeEvent = Callable[..., Any]


def told(*events: Event, every: int | None = None) -> list[str]:
    """The lines of a story."""
    narrator = Narrator(every)
    return [line for event in events for line in narrator.tell(event)]


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(0, 1),  (1.9, 1), (2, 2), (4.9, 2), (5, 5), (9.9, 5), (10, 10), (33.3, 20), (50, 50), (99, 50), (5e9, 5e9)],
)  # fmt: skip
def test_round_numbers(value: float, rounded: int) -> None:
    """The largest of 1, 2, 5, 10, 20, 50 ... that is not above the value."""
    assert round_number(value) == rounded


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"), (7800, "2 h 10 min"), (360000, "100 h 00 min"),
        (math.inf, "?"), (-math.inf, "?"), (math.nan, "?"), (1e300, "?"),
    ],
)  # fmt: skip
def test_durations_as_a_person_says_them(seconds: float, text: str) -> None:
    """Never 60 seconds or 60 minutes."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.000"), (9.9949, "9.995"), (12.345, "12.35"), (999.99, "999.99"), (1234.5, "1,234"),
        (123456.0, "123,456"), (2.5e6, "2.50e+06"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_perplexities_have_about_four_digits(value: float, text: str) -> None:
    """Small ones keep what tells them apart, large ones stay short."""
    assert figure(value) == text


@pytest.mark.parametrize(("loss", "mean"), [(1e308, "inf"), (-1e308, "-inf")])
def test_losses_whose_sum_is_no_number_are_told(make_event: MakeEvent, loss: float, mean: str) -> None:
    """A log may hold numbers that are as large as numbers get: the line comes, as of any other step."""
    event = make_event(StepDone, step=5, losses_nats=(loss,) * 5)
    (*_, line) = told(make_event(RunStarted, steps_per_loss=1), event, every=5)
    assert line.startswith("step 5") and f"loss {mean} nats" in line


def test_a_phase_of_nonsense_is_told(make_event: MakeEvent) -> None:
    """Of a clock that jumped nobody knows the time left."""
    began = make_event(Prepared, phase="writing ids", done=1, total=2**62, at=1.0)
    now = make_event(Prepared, phase="writing ids", done=2**61, total=2**62, at=1e308)
    assert told(began, now)[-1].endswith("? left")


def stretch(make_event: MakeEvent, first: int, last: int, stride: int = 1) -> StepDone:
    """A StepDone for the steps first..last, each with a hundredth of its number as the loss."""
    losses = tuple(step / 100 for step in range(first, last + 1, stride))
    event: StepDone = make_event(StepDone, step=last, losses_nats=losses, learning_rate=0.1, gradient_norm=2.0)
    return event


def step_figures(lines: list[str]) -> list[tuple[int, float]]:
    """(step, mean loss) of the step lines."""
    found = [re.match(r"step (\d+).*loss (\S+) nats", line) for line in lines]
    return [(int(match[1]), float(match[2])) for match in found if match]


@given(st.lists(st.integers(1, 45), min_size=1, max_size=12))
def test_the_story_does_not_depend_on_the_clock(make_event: MakeEvent, sizes: list[int]) -> None:
    """However the steps were grouped into events, the same steps are told with the same mean losses."""
    events, at = [make_event(RunStarted, planned_steps=600, steps_per_loss=1)], 0
    for size in sizes:
        events.append(stretch(make_event, at + 1, at + size))
        at += size
    one_by_one = [events[0], *(stretch(make_event, step, step) for step in range(1, at + 1))]
    expected = [(step, round(sum(range(step - 19, step + 1)) / 2000, 4)) for step in range(20, at + 1, 20)]
    assert step_figures(told(*events)) == pytest.approx(expected)
    assert step_figures(told(*one_by_one)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("planned", "every"), [(30, 1), (600, 20), (3000, 100), (10**6, 100), (None, 100), (10, 1)], ids=str
)
def test_step_lines_come_at_round_steps(make_event: MakeEvent, planned: int | None, every: int) -> None:
    """About thirty lines a run and at least one for every hundred steps."""
    started = make_event(RunStarted, planned_steps=planned, planned_seconds=9.0, steps_per_loss=1)
    lines = told(started, stretch(make_event, 1, 250))
    assert [step for step, _ in step_figures(lines)] == list(range(every, 251, every))


def test_the_interval_can_be_chosen(make_event: MakeEvent) -> None:
    """Whoever asks for a line every 50 steps gets it, but no more often than losses are told."""
    started = make_event(RunStarted, planned_steps=600, steps_per_loss=1)
    assert [step for step, _ in step_figures(told(started, stretch(make_event, 1, 160), every=50))] == [50, 100, 150]
    coarse = make_event(RunStarted, planned_steps=600, steps_per_loss=40)
    lines = told(coarse, stretch(make_event, 40, 160, 40), every=10)
    assert step_figures(lines) == [(40, 0.4), (80, 0.8), (120, 1.2), (160, 1.6)]


def test_a_step_line_says_what_its_figures_are(make_event: MakeEvent) -> None:
    """Running loss and its perplexity, learning rate, gradient norm, and what the rate counts."""
    started = make_event(RunStarted, planned_steps=10, steps_per_loss=1)
    step = make_event(StepDone, step=1, epoch=0.25, losses_nats=(math.log(2),), learning_rate=0.004, gradient_norm=1.5,
                      tokens_per_second=12345.6)  # fmt: skip
    assert told(started, step)[-1] == (
        "step 1/10  epoch 0.25  loss 0.6931 nats  perplexity 2.000 (running)  lr 0.004  |g| 1.5  12,346 tokens/s"
    )


def test_after_a_resume_the_mean_begins_anew(make_event: MakeEvent) -> None:
    """Losses from before the crash do not enter the first mean after it; a machine that differs is named."""
    started = make_event(RunStarted, planned_steps=600, steps_per_loss=1)
    lines = told(started, stretch(make_event, 1, 30), make_event(RunResumed, step=20), stretch(make_event, 21, 40))
    assert step_figures(lines) == [(20, 0.105), (40, 0.305)]
    assert told(make_event(RunResumed, step=20, exact=True)) == ["resumed at step 20"]
    assert told(make_event(RunResumed, step=20, exact=False)) == [
        "resumed at step 20 (not exact: machine, threads, processes or learning rate differ)"
    ]


@given(st.lists(st.integers(0, 45), max_size=12), st.integers(0, 14))
def test_the_end_of_a_log_is_told_as_by_who_read_all_of_it(make_event: MakeEvent, sizes: list[int], cut: int) -> None:
    """From wherever the end is taken: no line differs, none is missing after the first."""
    events, at = [make_event(RunStarted, planned_steps=600, steps_per_loss=1)], 0
    for number, size in enumerate(sizes):
        events.append(make_event(Warned, message=str(number)))
        if size == 40:
            events.append(make_event(RunResumed, step=at))
        elif size:
            events.append(stretch(make_event, at + 1, at + size))
            at += size
    ending = events[1 + min(cut, len(events) - 1) :]
    lines = last_lines(events[0], ending)
    assert lines == told(*events)[-len(lines) :] or not lines
    assert len(told(*ending)) == 0 or lines or step_figures(told(events[0], *ending))


def test_the_end_of_a_log_tells_nothing_that_it_cannot_know(make_event: MakeEvent) -> None:
    """Not without the start of the run, and not of a phase that began before."""
    started = make_event(RunStarted, planned_steps=600, steps_per_loss=1)
    phase = [make_event(Prepared, phase="counting tokens", done=done, total=100) for done in (30, 60, 90)]
    assert last_lines(None, [make_event(Warned, message="a")]) == []
    assert last_lines(None, [make_event(Warned, message="a"), started]) == told(started)
    assert last_lines(started, [*phase, make_event(Warned, message="a")]) == ["warning: a"]


def test_a_run_begins_with_what_is_known(make_event: MakeEvent) -> None:
    """Size, device, budget, text, and the perplexities that a model has to beat."""
    lines = told(
        make_event(
            RunStarted, parameters=12345, implementation="torch", device="cpu", threads=2, planned_steps=600,
            planned_seconds=90.0, steps_per_epoch=33, corpus_characters=4000, corpus_tokens=4000, vocabulary_size=30,
            uniform_loss_nats=math.log(30), unigram_loss_nats=math.log(18.5),
        )
    )  # fmt: skip
    text = "\n".join(lines)
    for part in (
        "12,345 parameters (torch) on cpu, 2 threads", "for 600 steps or 1 min 30 s", "33 steps an epoch",
        "4,000 characters", "vocabulary 30", "a uniform guess 30.00", "a unigram 18.50",
    ):  # fmt: skip
        assert part in text


def test_a_long_phase_is_told_once_when_it_begins(make_event: MakeEvent) -> None:
    """The same position told again and again is one line; another phase is another line."""
    reading = make_event(Prepared, phase="reading the text", done=0, total=100)
    writing = make_event(Prepared, phase="writing ids", done=0, total=100)
    assert told(reading, reading, writing, writing) == ["reading the text ...", "writing ids ..."]


def evaluation(make_event: MakeEvent, **values: Any) -> EvaluationDone:
    """A full score of 101 tokens at ln 4 nats each."""
    plain = {
        "step": 40, "split": "validation", "loss_nats": math.log(4), "tokens_scored": 100, "tokens_total": 101,
        "characters": 100, "bytes": 100, "unknown_tokens": 0, "spelling_nats": 0.0, "best": False,
    }  # fmt: skip
    event: EvaluationDone = make_event(EvaluationDone, **(plain | values))
    return event


def test_a_score_shows_perplexity_and_bits_side_by_side(make_event: MakeEvent) -> None:
    """Bits per character stand beside every perplexity; what is not whole or not known is said."""
    plain = "validation at step 40: perplexity 4.000  loss 1.3863 nats  2.000 bits/character"
    assert told(evaluation(make_event)) == [plain]
    assert told(evaluation(make_event, best=True)) == [plain + "  best so far"]
    assert told(evaluation(make_event, unknown_tokens=1)) == [plain + "  unknown 0.99%"]
    half = evaluation(make_event, tokens_scored=50)
    assert told(half) == [plain.replace("2.000 bits", "1.000 bits") + "  coverage 50.0%"]
    assert score_text(evaluation(make_event, characters=0).score) == "perplexity 4.000  loss 1.3863 nats"


@pytest.mark.parametrize(
    ("kind", "values", "line"),
    [
        (SampleDrawn, {"step": 3, "prompt": "你是", "text": "谁"}, "sample at step 3: 你是谁"),
        (CheckpointSaved, {"step": 3, "best": True, "bytes": 1234567}, "checkpoint at step 3: 1.2 MB, best"),
        (Warned, {"message": "slow disk"}, "warning: slow disk"),
        (SettingChanged, {"step": 3, "name": "learning_rate", "value": "0.1"}, "learning_rate is now 0.1, from step 3"),
        (
            RunFinished,
            {"reason": "finished", "step": 9, "elapsed_seconds": 65.0},
            "finished at step 9 after 1 min 05 s",
        ),
        (RunFinished, {"reason": "failed", "step": 9, "message": "why"}, "of training: why"),
    ],
    ids=str,
)
def test_the_other_events_in_a_line(
    kind: type[Event], values: dict[str, Any], line: str, make_event: MakeEvent
) -> None:
    """Each says what happened and when."""
    (only,) = told(make_event(kind, **values))
    assert line in only


def test_a_sample_of_any_length_is_one_line(make_event: MakeEvent) -> None:
    """Line ends are pictures and the length is capped."""
    (line,) = told(make_event(SampleDrawn, text="a\nb" * 5000))
    assert "a↵b" in line
    assert len(line) < 5000


CANARY = "\x1b[2J\x07\x9b1m\u202e\n\r"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_line_acts_on_the_terminal(kind: type[Event], make_event: MakeEvent) -> None:
    """A log that somebody has edited cannot send escape sequences through any text field of any event."""
    texts = {field.name: CANARY for field in fields(kind) if field.type is str}
    for line in told(make_event(kind, **texts)):
        assert not set(line) & set(CANARY.replace("[2J", "").replace("1m", "")), line


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_number_in_a_log_stops_the_story(kind: type[Event], make_event: MakeEvent) -> None:
    """The largest, smallest and most negative numbers that a log can hold are told somehow."""
    for number in (0, -1, 2**63 - 1, -(2**63) + 1):
        values = {field.name: number for field in fields(kind) if field.type is int}
        values |= {field.name: float(number) for field in fields(kind) if field.type is float}
        for line in told(make_event(kind, **values)):
            assert line
    for number in (1e308, -1e308, 5e-324):
        values = {field.name: number for field in fields(kind) if field.type is float}
        assert isinstance(told(make_event(kind, **values)), list)


def test_a_pause_and_its_end_are_told(make_event: MakeEvent) -> None:
    """Where the run waits, that it is saved, and from where it goes on."""
    events = make_event(RunPaused, step=7), make_event(RunContinued, step=7)
    assert told(*events) == ["paused at step 7, saved", "goes on from step 7"]
