"""Numbers that no training tells, each of a type and a size that a log may hold: nothing ends, and others are told."""

import json
import random
import threading
from types import SimpleNamespace

import pytest

from rnnbench.runs import notes
from rnnbench.runs.events import _ACCEPTED, KINDS, from_line
from rnnbench.runs.narration import Narrator, last_lines
from rnnbench.runs.progress import RUNNING_WINDOW, RunProgress
from rnnbench.runs.store import RunStore
from rnnbench.tui import inspect_texts, measuring, notifying, run_cache
from rnnbench.tui.attachment import GrowingPerplexity
from rnnbench.tui.form import CORPUS, Form
from rnnbench.tui.notifying import RunEnded, RunWatch, outcome
from rnnbench.tui.panes import curve_story, training
from rnnbench.tui.run_cache import Known, Signature
from rnnbench.tui.run_details import strip_lines
from rnnbench.tui.run_reader import RunReader
from rnnbench.tui.run_rows import RunRow

_VALUES = {
    int: (0, 1, -1, 2, 10, 100, 2**31, 2**62, 2**63 - 1, 1 - 2**63, 5, 50),
    float: (0.0, 1.0, -1.0, 2.5, 1e308, -1e308, 5e-324, 1e300, 700.5, 3, 0, 1),
    str: ("", "language_model", "cloze", "seq2seq", "validation", "train", "test", "finished", "failed", "x\n\x1b"),
    bool: (False, True),
    type(None): (None,),
}


def _value(kinds, rng):
    kind = rng.choice(kinds)
    if kind is dict:
        return {rng.choice(["accuracy", "bleu", "chrf", "z"]): _value((float,), rng) for _ in range(rng.randrange(3))}
    if kind is list:
        return [_value((float,), rng) for _ in range(rng.randrange(6))]
    return rng.choice(_VALUES[kind])


def _some_events(rng):
    """A short log of events that are as wild as their types allow."""
    found = []
    for _ in range(rng.randrange(1, 8)):
        kind = rng.choice([*KINDS, "StepDone", "RunStarted", "EvaluationDone"])
        record = {name: _value(kinds, rng) for name, kinds in _ACCEPTED[KINDS[kind]].items()}
        found.append(from_line(json.dumps({"event": kind} | record).encode()))
    return [event for event in found if event is not None]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_log_says_can_be_told(seed):
    """Folded, narrated, drawn and headed without an error."""
    rng = random.Random(seed)
    for _ in range(400):
        events, progress, narrator = _some_events(rng), RunProgress(), Narrator()
        curves = (GrowingPerplexity(RUNNING_WINDOW), GrowingPerplexity())
        for event in events:
            progress.apply(event)
            assert all("\x1b" not in line for line in narrator.tell(event))
            for grown, curve in zip(curves, (progress.train, progress.validation), strict=True):
                grown.update(curve, progress.resumed_at)
        attachment = SimpleNamespace(
            progress=progress, state="running", is_training=True, run=SimpleNamespace(name="x"), is_read=True
        )
        assert "x" in training.headline(attachment, 80).plain
        curve_story.marks(progress)
        assert all("inf" not in curve_story.when(progress, step) for step in progress.train.steps[:3])
        assert outcome("failed", progress) and outcome("finished", progress)
        assert progress.running_loss_nats is None or len(progress.train)
        last_lines(events[0] if events else None, events)


def test_a_run_of_nonsense_keeps_no_other_from_being_told_of(make_run, script, workspace, inbox, monkeypatch):
    """The watch outlives whatever is raised over one run; so do the rates of the others."""
    made = {name: make_run(name, script.started(), script.step(1)) for name in ("bad", "good")}
    skim = notifying.skim

    def fails(path):
        if path.parent.name == "bad":
            raise OverflowError
        return skim(path)

    monkeypatch.setattr(notifying, "skim", fails)
    monkeypatch.setattr("rnnbench.runs.skimming.skim", fails)
    assert [rate.run for rate in measuring.rates_of_runs(RunStore(workspace))] == ["good"]
    watch = RunWatch(inbox, RunStore(workspace), look_seconds=0.02)
    with script.training(made["bad"]), script.training(made["good"]):
        watch.start()
        while set(watch._training) != set(made):
            watch._stopping.wait(0.01)
    told = inbox.next()
    assert isinstance(told, RunEnded) and told.run_name == "good"
    assert watch._thread.is_alive()
    watch.stop()


def test_the_watch_outlives_a_look_that_fails(workspace, inbox, monkeypatch):
    """Nothing is said, and it looks again."""
    looked = threading.Semaphore(0)

    def fails(watch):
        looked.release()
        raise ValueError

    monkeypatch.setattr(RunWatch, "_look", fails)
    watch = RunWatch(inbox, RunStore(workspace), look_seconds=0.01)
    watch.start()
    assert looked.acquire(timeout=20) and looked.acquire(timeout=20)
    watch.stop()


@pytest.mark.parametrize(
    "change",
    [
        {"changed": 10**400},
        {"changed": -1.0},
        {"started": 1e300},
        {"step": 10**400},
        {"seed": -(10**30)},
        {"best_loss_nats": 10**400},
        {"elapsed_seconds": 10**400},
    ],
    ids="-".join,
)
def test_rows_of_nonsense_are_not_taken_from_the_disk(workspace, change):
    """A number that no run has makes its row be read from the log again."""
    path, row = workspace.cache / "rows.json", RunRow("a", changed=1e9, started=1e9, step=3, seed=1)
    signature = Signature((1, 2), (3, 4), (-1, -1), held=False)
    run_cache.write(path, {"a": Known(signature, row)})
    assert run_cache.read(path)
    value = json.loads(path.read_text())
    value["runs"][0]["row"] |= change
    path.write_text(json.dumps(value))
    assert run_cache.read(path) == {}


@pytest.mark.parametrize("started", [1e300, 1e17, -1e300])
def test_a_time_that_no_calendar_has_is_not_told(started):
    """The strip says what else is known of the run."""
    lines = "\n".join(line.plain for line in strip_lines(RunRow("a", started=started, seed=7), None, 60, 5))
    assert "seed 7" in lines and "started" not in lines


def test_a_note_that_is_no_text_is_listed_and_kept(make_run, script, workspace):
    """Half a character, from a file or in a row, keeps no rows from the disk but its own."""
    run = make_run("a", script.started(), script.step(1), script.finished(1))
    notes.notes_file(run.folder).write_text('{"version": 1, "tags": [], "note": "caf\\ud8e9"}')
    reader = RunReader(RunStore(workspace))
    assert [row.note for row in reader.rows()] == ["caf\ufffd"]
    reader.keep()
    assert list(run_cache.read(workspace.cache / "rows.json")) == ["a"]
    bad = Known(Signature((1, 2), (3, 4), (-1, -1), held=False), RunRow("a", corpus="\ud800"))
    run_cache.write(workspace.cache / "other.json", {"a": bad})
    assert not (workspace.cache / "other.json").exists()


def test_a_path_that_cannot_be_is_refused(workspace):
    """The home of nobody, and a name that no file can have, are a text that is not there."""
    form = Form(RunStore(workspace))
    form.set(CORPUS, "~nobody-of-that-name/x.txt")
    assert form.corpus_path() is None and "is not here" in form.problems()[CORPUS]
    for name in ("~nobody-of-that-name/x.txt", "a\0b"):
        with pytest.raises(inspect_texts.CorpusError):
            inspect_texts.searched(workspace, None, name)
