"""The event log: appended line by line, followed byte by byte."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.errors import RnnbenchError, UnavailableError
from rnnbench.runs import log as module
from rnnbench.runs.events import LogOpened, RunStarted, SampleDrawn, StepDone, Warned, to_line
from rnnbench.runs.log import EventFollower, EventWriter, read_end, read_events

MESSAGES = ["plain", "山中邮局 你是谁", "é\u00a0ü", "two\nlines", "𝄞 clef", ""]
LINES = b"".join(to_line(Warned(message=message, at=1.0)) for message in MESSAGES)


def messages(found: list[Any]) -> list[str]:
    """The texts of warnings."""
    return [event.message for event in found if isinstance(event, Warned)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log will be."""
    return tmp_path / "events.jsonl"


def test_what_is_written_is_read_in_order_with_its_time(path: Path) -> None:
    """The log begins with its format; every event comes back as it was written, with the time of writing."""
    writer = EventWriter(path)
    written = [writer.append(Warned(message=message)) for message in MESSAGES]
    writer.close()
    first, *rest = read_events(path)
    assert isinstance(first, LogOpened)
    assert rest == written
    assert all(event.at > 1.6e9 for event in rest)
    assert [event.at for event in rest] == sorted(event.at for event in rest)


def test_a_log_opened_again_is_gone_on_with(path: Path) -> None:
    """A resumed run appends to its log and does not write the first line twice."""
    for message in ("before", "after"):
        writer = EventWriter(path)
        writer.append(Warned(message=message))
        writer.close()
    found = list(read_events(path))
    assert [type(event) for event in found] == [LogOpened, Warned, Warned]
    assert messages(found) == ["before", "after"]


@pytest.mark.parametrize("torn", [b'{"event":"Warned","mess', b"\xe4\xb8", b"{", b'{"event":"Warned","message":"x"'])
def test_a_torn_last_line_does_not_swallow_the_next(path: Path, torn: bytes) -> None:
    """What a crash left of a line is closed; the events before and after it are whole."""
    path.write_bytes(LINES + torn)
    writer = EventWriter(path)
    writer.append(Warned(message="after"))
    writer.close()
    follower = EventFollower(path)
    assert messages(list(follower.drain())) == [*MESSAGES, "after"]
    assert follower.skipped == 1


def test_a_full_disk_is_told_with_the_file(path: Path, faulty_os: Callable[..., Any]) -> None:
    """An event that could not be written is an error that can be tried again, not a silent gap."""
    writer = EventWriter(path)
    faulty_os(1, fail=errno.ENOSPC)
    with pytest.raises(UnavailableError, match=r"events\.jsonl"):
        writer.append(Warned(message="lost"))
    writer.close()


def test_a_log_that_is_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    """A planted link is not written through."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path.symlink_to(victim)
    with pytest.raises(RnnbenchError, match="cannot open"):
        EventWriter(path)
    assert victim.read_bytes() == b"precious"


def test_a_follower_sees_each_event_once_and_as_soon_as_its_line_is_whole(path: Path) -> None:
    """Bytes arrive one at a time, in the middle of characters too: each event comes with its line end."""
    follower = EventFollower(path)
    assert follower.poll() == []
    found: list[str] = []
    whole = 0
    with path.open("wb", buffering=0) as file:
        for position in range(len(LINES)):
            file.write(LINES[position : position + 1])
            whole += LINES[position : position + 1] == b"\n"
            found += messages(follower.poll())
            assert len(found) == whole
    assert found == MESSAGES
    assert follower.skipped == 0
    assert follower.at_end


@given(st.lists(st.integers(1, 60)), st.integers(1, 70))
def test_any_way_of_arriving_and_of_reading_gives_the_same_events(
    tmp_path: Path, pieces: list[int], limit: int
) -> None:
    """However the bytes are cut by the writer and by the reader's limit."""
    path = tmp_path / "cut.jsonl"
    path.unlink(missing_ok=True)
    follower = EventFollower(path)
    found: list[str] = []
    written = 0
    for piece in pieces:
        written += piece
        path.write_bytes(LINES[:written])
        found += messages(follower.poll(limit))
    path.write_bytes(LINES)
    while not follower.at_end:
        found += messages(follower.poll(limit))
    assert found == MESSAGES


@given(padding=st.lists(st.integers(0, 90), max_size=12), chunk=st.integers(1, 60), limit=st.integers(1, 2000))
def test_the_end_comes_with_the_start_that_it_belongs_to(
    tmp_path_factory: pytest.TempPathFactory, make_event: Callable[..., Any], padding: list[int], chunk: int, limit: int
) -> None:
    """Wherever the end begins and however the rest is searched: whole events, and the last start before them."""
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    events = [LogOpened()]
    for number, size in enumerate(padding):
        events.append(make_event(RunStarted, parameters=number) if size % 5 == 0 else Warned(message="x" * size))
    path.write_bytes(b"".join(map(to_line, events)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", chunk)
        started, ending = read_end(path, limit)
    assert ending == (events[-len(ending) :] if ending else [])
    before = [event for event in events[: len(events) - len(ending)] if isinstance(event, RunStarted)]
    assert started == (before[-1] if before else None)


@pytest.mark.parametrize("message", ["", "of the new run, " * 40], ids=["shorter", "longer"])
def test_another_log_of_the_name_is_not_taken_for_the_rest(path: Path, message: str) -> None:
    """A run that was deleted and started again: nothing more comes until the follower begins anew."""
    path.write_bytes(LINES)
    follower = EventFollower(path)
    assert messages(list(follower.drain())) == MESSAGES
    path.unlink()
    assert follower.poll() == [] and follower.at_end and not follower.replaced
    path.write_bytes(to_line(Warned(message=message)))
    for _ in range(2):
        assert list(follower.drain()) == []
        assert follower.replaced and follower.at_end
    follower.begin_anew()
    assert messages(list(follower.drain())) == [message]
    assert not follower.replaced


def test_a_copy_of_a_log_is_gone_on_with(path: Path) -> None:
    """A log that was moved, or brought back from a copy, is the same one."""
    path.write_bytes(LINES)
    follower = EventFollower(path)
    list(follower.drain())
    kept = path.with_name("kept")
    path.rename(kept)
    path.write_bytes(LINES + to_line(Warned(message="more")))
    assert messages(list(follower.drain())) == ["more"]
    assert not follower.replaced


def test_damaged_lines_are_counted_and_passed_over(path: Path) -> None:
    """A bad line in the middle costs that line and nothing else; empty lines cost nothing."""
    good = to_line(Warned(message="good"))
    path.write_bytes(good + b"\x00\xff\n" + b"{}\n" + b"\n\n" + b'{"event":"Unknown"}\n' + good)
    follower = EventFollower(path)
    assert messages(list(follower.drain())) == ["good", "good"]
    assert follower.skipped == 3


def test_a_line_without_an_end_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded: what is longer than any event is damage, and what follows it is read."""
    monkeypatch.setattr(module, "MAX_LINE", 1000)
    path.write_bytes(b"x" * 5000 + b"\n" + to_line(Warned(message="after")))
    follower = EventFollower(path)
    found: list[str] = []
    while not follower.at_end:
        found += messages(follower.poll(100))
        assert len(follower._remainder) <= 1100
    assert found == ["after"]
    assert follower.skipped > 0


def test_a_log_longer_than_one_read_is_read_to_its_end(path: Path, make_event: Callable[..., Any]) -> None:
    """Draining gives everything that is in the file, in order, however long it is."""
    text = "邮" * 2000
    path.write_bytes(b"".join(to_line(make_event(SampleDrawn, step=step, text=text)) for step in range(400)))
    assert path.stat().st_size > 2 << 20
    assert [event.step for event in read_events(path) if isinstance(event, SampleDrawn)] == list(range(400))


def test_a_log_that_is_not_there_is_empty_and_may_still_come(path: Path, make_event: Callable[..., Any]) -> None:
    """A run that has only been reserved has no log yet; the follower waits for it."""
    assert list(read_events(path)) == []
    follower = EventFollower(path)
    assert follower.at_end
    path.write_bytes(to_line(make_event(StepDone, step=3)))
    assert not follower.at_end
    assert [event.step for event in follower.poll() if isinstance(event, StepDone)] == [3]


def test_each_event_is_one_line_of_json(path: Path) -> None:
    """Other programs can read the log with any JSON library."""
    writer = EventWriter(path)
    writer.append(Warned(message="two\nlines"))
    writer.close()
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [record["event"] for record in records] == ["LogOpened", "Warned"]
