"""Every event survives its line; nothing else becomes an event."""

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.metrics import Score
from rnnbench.runs import events
from rnnbench.runs.events import (
    KINDS,
    EvaluationDone,
    Event,
    LogOpened,
    RunFinished,
    RunStarted,
    SampleDrawn,
    StepDone,
    Warned,
    from_line,
    to_line,
)

MakeEvent = Callable[..., Any]
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8"))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**63) + 1, 2**63 - 1),
    "float": FINITE,
    "bool": st.booleans(),
    "str": TEXT,
    "int | None": st.none() | st.integers(0, 2**40),
    "float | None": st.none() | FINITE,
    "tuple[float, ...]": st.lists(FINITE, max_size=5).map(tuple),
    "dict[str, float]": st.dictionaries(TEXT, FINITE, max_size=3),
}


def declared(kind: type[Event]) -> dict[str, str]:
    """The type of each field, as written."""
    return {
        field.name: field.type.__name__
        if isinstance(field.type, type) and not hasattr(field.type, "__args__")
        else str(field.type)
        for field in fields(kind)
    }


ANY_EVENT = st.one_of(
    *(st.builds(kind, **{name: VALUES[written] for name, written in declared(kind).items()}) for kind in KINDS.values())
)


def test_every_kind_is_known() -> None:
    """An event class that is not in KINDS would be written and never read again."""
    defined = {item for item in vars(events).values() if isinstance(item, type) and issubclass(item, Event)}
    assert set(KINDS.values()) == defined - {Event}
    assert all(KINDS[kind.__name__] is kind for kind in KINDS.values())


@given(ANY_EVENT)
def test_every_event_survives_its_line(event: Event) -> None:
    """Written and read again it is equal, on one line of UTF-8 JSON, whatever text and numbers it holds."""
    line = to_line(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line(line) == event
    assert json.loads(line)["event"] == type(event).__name__


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_event_of_every_kind_survives_its_line(kind: type[Event], make_event: MakeEvent) -> None:
    """The same for the plainest event of each kind, so that none is left out by chance."""
    event = make_event(kind, at=12.5)
    assert from_line(to_line(event)) == event


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_not_written(value: float, make_event: MakeEvent) -> None:
    """A log holds JSON, which has no NaN: the trainer must say what happened in another way."""
    for event in (make_event(StepDone, losses_nats=(0.5, value)), make_event(StepDone, gradient_norm=value)):
        with pytest.raises(ValueError, match="JSON"):
            to_line(event)


def test_a_lone_surrogate_does_not_stop_the_log() -> None:
    """A file name that is not UTF-8 can be in a message; the line is still UTF-8."""
    read = from_line(to_line(Warned(message="bad \udc80 name")))
    assert read == Warned(message="bad ? name")


def test_fields_of_a_newer_version_are_passed_over(make_event: MakeEvent) -> None:
    """A log written by a later version can be read, and so can a kind without its optional fields."""
    event = make_event(RunFinished, reason="stopped", message="")
    record = json.loads(to_line(event)) | {"a_new_field": [1, {"x": None}]}
    del record["message"]
    assert from_line(json.dumps(record).encode()) == event


def step_line(**changes: Any) -> bytes:
    """The line of a plain StepDone with some fields changed; a value of ... leaves the field out."""
    record: dict[str, Any] = {
        "event": "StepDone", "at": 1.0, "step": 4, "epoch": 0.5, "loss_nats": 2.0, "losses_nats": [2.5, 2.0],
        "learning_rate": 0.1, "gradient_norm": 1.0, "tokens_per_second": 10.0, "elapsed_seconds": 3.0,
    }  # fmt: skip
    return json.dumps({key: value for key, value in (record | changes).items() if value is not ...}).encode()


def test_the_plain_line_is_an_event() -> None:
    """What the next tests damage is whole before; numbers without a fraction are floats too."""
    assert isinstance(from_line(step_line()), StepDone)
    assert from_line(step_line(epoch=1)) == replace(from_line(step_line()), epoch=1.0)  # type: ignore[type-var]


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "4"}, {"step": 4.5}, {"step": None}, {"step": True}, {"step": ...}, {"step": 2**63},
        {"step": -(2**70)},
        {"loss_nats": "2"}, {"loss_nats": False}, {"loss_nats": math.nan}, {"loss_nats": math.inf}, {"epoch": 10**400},
        {"losses_nats": 2.0}, {"losses_nats": None}, {"losses_nats": "23"}, {"losses_nats": {"1": 2}},
        {"losses_nats": [1.0, "2"]}, {"losses_nats": [True]}, {"losses_nats": [math.nan]}, {"losses_nats": [[1.0]]},
        {"losses_nats": [10**30]}, {"event": "StepUndone"}, {"event": 3}, {"event": ["StepDone"]}, {"event": ...},
        {"event": "Event"}, {"event": "__class__"}, {"at": "now"}, {"elapsed_seconds": [3]},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_edited_by_hand_is_no_event(changes: dict[str, Any]) -> None:
    """Wrong types, numbers that are not finite or do not fit, unknown kinds and missing fields are skipped."""
    assert from_line(step_line(**changes)) is None


DAMAGED = {
    "empty": b"", "blank": b" ", "list": b"[]", "number": b"3", "null": b"null", "text": b'"StepDone"',
    "not json": b"{", "bytes": b"\xff\xfe", "nul": b"\x00" * 50, "deep": b"[" * 100_000,
    "deep value": b'{"event":"Warned","message":' + b"[" * 100_000, "infinity": b'{"event":"Warned","at":1e400}',
    "long number": b'{"event":"RunResumed","step":' + b"9" * 5000 + b"}",
}  # fmt: skip


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_record_is_no_event(line: bytes) -> None:
    """Nothing that stands on a line raises."""
    assert from_line(line) is None


@given(ANY_EVENT, st.data())
def test_a_torn_line_is_no_event(event: Event, data: st.DataObject) -> None:
    """Cut anywhere before its end, a line is no event: a crash cannot change what was said."""
    line = to_line(event).rstrip(b"\n")
    assert from_line(line[: data.draw(st.integers(0, len(line) - 1))]) is None


@given(st.binary(max_size=200))
def test_any_bytes_give_an_event_or_nothing(line: bytes) -> None:
    """No line of bytes makes the reader fail."""
    assert from_line(line) is None or isinstance(from_line(line), Event)


def test_the_planned_figures_may_be_missing(make_event: MakeEvent) -> None:
    """A run that only the clock ends plans no steps, and one without a clock no seconds."""
    event = make_event(RunStarted, planned_steps=None, planned_seconds=None)
    assert from_line(to_line(event)) == event


def test_an_evaluation_knows_its_score() -> None:
    """The figures follow from the sums that are stored, unknown tokens and their spelling among them."""
    event = EvaluationDone(
        step=9, split="validation", loss_nats=1.5, tokens_scored=99, tokens_total=100, characters=100, bytes=120,
        unknown_tokens=2, spelling_nats=7.0, seconds=0.1, best=True,
    )  # fmt: skip
    assert event.score == Score(
        loss_nats=1.5, tokens_scored=99, tokens_total=100, characters=100, bytes=120, unknown_tokens=2,
        spelling_nats=7.0,
    )  # fmt: skip


def test_the_log_names_its_format() -> None:
    """The first line of a log says which version wrote it."""
    assert json.loads(to_line(LogOpened()))["version"] == events.FORMAT_VERSION


def test_text_stays_readable_in_the_log() -> None:
    """Chinese is written as Chinese; a line end inside a text does not end the line."""
    line = to_line(SampleDrawn(step=1, prompt="你是", text="一行\n二行"))
    assert "你是" in line.decode()
    assert line.count(b"\n") == 1
