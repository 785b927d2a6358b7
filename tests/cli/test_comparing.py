"""runs compare and runs plot: figures, differing settings and curves of several runs side by side."""

from contextlib import closing
from pathlib import Path

import pytest

from rnnbench.cli import comparing
from rnnbench.runs import comparing as comparisons
from rnnbench.runs.events import EvaluationDone, RunStarted, SettingChanged
from rnnbench.runs.log import EventWriter
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.store import Run, RunStore

LOSSES = {"fast": (4.0, 2.5, 2.0), "slow": (4.0, 3.5, 3.0)}


@pytest.fixture
def make_run(workspace, make_config, make_event):
    """Create a run that was scored at steps 0, 50, 100; tables replace single choices."""

    def make(name, losses=(), task="language_model", **tables):
        run = RunStore(workspace).create(name, make_config(**{"model": {"task": task}, **tables}))
        with closing(EventWriter(run.events_file)) as log:
            log.append(make_event(RunStarted, task=task, parameters=1234, planned_steps=100))
            for step, loss in zip((0, 50, 100), losses, strict=False):
                log.append(make_event(EvaluationDone, step=step, split="validation", loss_nats=loss, best=True))
        return run

    return make


@pytest.fixture
def two(make_run):
    """The runs `fast` and `slow`, which differ in one setting."""
    make_run("fast", LOSSES["fast"], training={"learning_rate": 0.02})
    make_run("slow", LOSSES["slow"], training={"learning_rate": 0.001})


def rows_of(answer):
    """The table of two runs: the two values of each row, by its label."""
    return {row.split("  ")[0]: row.split()[-2:] for row in answer.out.splitlines()[1:]}


def test_figures_and_what_differs(cli, two):
    """A row for each figure, then one for each setting that is not the same, and only those."""
    answer = cli("runs", "compare", "fast", "slow")
    assert answer.out.splitlines()[0].split() == ["fast", "slow"] and "\x1b" not in answer.out
    table = rows_of(answer)
    assert table["best validation perplexity"] == ["7.389", "20.09"]
    assert table["parameters"] == ["1,234", "1,234"]
    assert table["training.learning_rate"] == ["0.02", "0.001"]
    assert [name for name in table if "." in name] == ["training.learning_rate"]
    assert answer.err == "" and "test perplexity" not in table


def test_the_same_as_json(cli, two):
    """Scripts get the numbers, in the order of the names given; a name given twice is one run."""
    told = cli("runs", "compare", "slow", "fast", "slow", "--json").json
    assert [run["name"] for run in told["runs"]] == ["slow", "fast"]
    assert [run["best"]["loss_nats"] for run in told["runs"]] == [3.0, 2.0] and told["schema_version"] == 1
    assert told["differences"] == {"training.learning_rate": [0.001, 0.02]}


def test_other_tokens_are_pointed_out(cli, make_run):
    """Perplexities per token of different tokens are not set side by side without a word."""
    make_run("letters", (2.0,))
    make_run("words", (2.0,), text={"tokenizer": "word"})
    assert "bits/character" in cli("runs", "compare", "letters", "words").err


def test_a_pseudo_perplexity_has_a_row_of_its_own(cli, make_run):
    """What a cloze run reaches never stands in the row of perplexities."""
    make_run("plain", (2.0,))
    make_run("gaps", (1.0,), task="cloze")
    rows = {
        line[:40].rsplit("  ", 1)[0].split("  ")[0]: line
        for line in cli("runs", "compare", "plain", "gaps").out.splitlines()
    }
    assert rows["best validation perplexity"].split()[-2:] == ["7.389", "-"]
    assert rows["best validation pseudo-perplexity"].split()[-2:] == ["-", "2.718"]


def test_one_run_is_not_compared(cli, two, complaint):
    """Two different runs are needed: exit code 2."""
    for names in (("fast",), ("fast", "fast")):
        answer = cli("runs", "compare", *names)
        assert answer.code == 2 and "two" in complaint(answer)


@pytest.mark.parametrize("command", ["compare", "plot"])
def test_a_run_that_is_not_there(cli, two, complaint, command):
    """Exit code 2, with the names that are."""
    answer = cli("runs", command, "fast", "nope")
    assert answer.code == 2 and "known: " in complaint(answer)


def test_the_chart_in_a_pipe(cli, two):
    """Plain characters, a sign for each run: the lower curve falls further."""
    answer = cli("runs", "plot", "fast", "slow")
    lines = answer.out.splitlines()
    assert answer.code == 0 and answer.out.isascii() and "\x1b" not in answer.out
    assert lines[0] == "validation perplexity, logarithmic, over steps"
    assert lines[-2:] == [
        "* fast  best 7.389 at step 100, last 7.389 at step 100",
        "o slow  best 20.09 at step 100, last 20.09 at step 100",
    ]
    rows = {mark: [at for at, line in enumerate(lines[1:-3]) if mark in line] for mark in "*o"}
    assert max(rows["*"]) > max(rows["o"]) and lines[-3].startswith("step") and lines[-3].endswith("100")
    assert max(len(line) for line in lines) <= 80


def test_curves_as_numbers(cli, two):
    """--json gives the points; a run without any has an empty curve."""
    runs = cli("runs", "plot", "slow", "--json").json["runs"]
    assert [(run["name"], run["steps"], run["losses_nats"]) for run in runs] == [
        ("slow", [0, 50, 100], [4.0, 3.5, 3.0])
    ]


def test_colours_on_a_terminal(cli, two, monkeypatch):
    """A person at a terminal gets finer lines, a colour for each run; with NO_COLOR the signs of a pipe."""
    monkeypatch.setattr(comparing.output, "is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = cli("runs", "plot", "fast", "slow").out
    assert "\x1b[36m━ fast" in text and "\x1b[33m━ slow" in text and any("⠁" <= sign <= "⣿" for sign in text)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = cli("runs", "plot", "fast", "slow").out
    assert plain.isascii() and "\x1b" not in plain and max(map(len, plain.splitlines())) <= 60


def test_nothing_to_draw_yet(cli, make_run):
    """No curve is a remark, not an error; beside a curve the run is named."""
    make_run("new")
    answer = cli("runs", "plot", "new")
    assert (answer.code, answer.out) == (0, "") and "validated" in answer.err
    make_run("old", (3.0, 2.0))
    assert "o new  not validated yet" in cli("runs", "plot", "old", "new").out


def test_curves_that_cannot_stand_in_one_chart(cli, make_run, complaint):
    """Pseudo-perplexities beside perplexities, and more curves than signs: exit code 2."""
    make_run("gaps", (1.0, 0.5), task="cloze")
    for number in range(8):
        make_run(f"r{number}", (3.0, 2.0))
    answer = cli("runs", "plot", "gaps", "r1")
    assert answer.code == 2 and "pseudo-perplexity" in complaint(answer)
    assert "validation pseudo-perplexity" in cli("runs", "plot", "gaps").out
    answer = cli("runs", "plot", "gaps", *(f"r{number}" for number in range(8)))
    assert answer.code == 2 and "at most 8" in complaint(answer)


def test_a_loss_beyond_numbers_leaves_a_hole(cli, make_run):
    """A perplexity that overflows is no point of the curve; the JSON has no infinities."""
    make_run("wild", (3.0, 1e4, 2.0))
    answer = cli("runs", "plot", "wild")
    assert answer.code == 0 and "best 7.389 at step 100" in answer.out
    assert cli("runs", "plot", "wild", "--json").json["runs"][0]["losses_nats"] == [3.0, 1e4, 2.0]


def test_what_was_changed_on_the_way_is_a_difference(cli, workspace, make_run, make_event):
    """Also between runs that began alike; a setting says what it was, what it is and since when."""
    for name in ("kept", "turned"):
        make_run(name, (2.0,), training={"learning_rate": 0.003})
    run = RunStore(workspace).find("turned")
    with closing(EventWriter(run.events_file)) as log:
        log.append(make_event(SettingChanged, step=1200, name="training.learning_rate", value="0.001"))
    rows = cli("runs", "compare", "kept", "turned").out.splitlines()
    assert [row.split(maxsplit=2) for row in rows if row.startswith("training.")] == [
        ["training.learning_rate", "0.003", "0.003, then 0.001 (step 1,200)"]
    ]
    changes = [run["changes"] for run in cli("runs", "compare", "kept", "turned", "--json").json["runs"]]
    assert changes == [[], [{"step": 1200, "name": "training.learning_rate", "value": "0.001"}]]
    with closing(EventWriter(run.events_file)) as log:
        log.append(make_event(SettingChanged, step=1300, name="training.clip_norm", value="off"))
        log.append(make_event(SettingChanged, step=1400, name="training.clip_norm", value="0.5"))
    shown = cli("runs", "show", "turned").out
    assert "changed      learning rate 0.003, 0.001 from step 1,200 on\n" in shown
    assert "changed      clip norm 1.0, off from step 1,300 on, 0.5 from step 1,400 on\n" in shown
    assert "(step 1,400, last of 2 changes)" in cli("runs", "compare", "kept", "turned").out
    assert "changed " not in cli("runs", "show", "kept").out


SAME = {"tokens_digest": "same"}


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ((SAME, {}), (SAME, {"corpus": {"file": "small.txt", "encoding": "utf-8", "maximum_gigabytes": 9}}), False),
        ((SAME, {}), (SAME, {"text": {"minimum_frequency": 2}}), False),
        ((SAME, {}), ({"tokens_digest": "other"}, {}), True),
        (({}, {}), ({}, {"corpus": {"file": "folder/small.txt", "encoding": "utf-8"}}), False),
        (({}, {}), ({}, {"corpus": {"test_fraction": 0.1}}), True),
        (({}, {}), ({"corpus_digest": "other"}, {}), True),
        (({}, {}), ({"encoding": "gbk"}, {"corpus": {"encoding": "gbk"}}), True),
        (({}, {}), (SAME, {"text": {"tokenizer": "word"}}), True),
        ((None, {}), (SAME, {"corpus": {"file": "corpora/small.txt"}}), False),
        ((None, {}), (SAME, {"corpus": {"file": "large"}}), True),
    ],
)
def test_tokens_are_told_apart_by_what_was_read(make_config, make_event, one, other, differ):
    """By a digest where the runs have one; else by what they told of their text and the settings that matter."""
    runs = []
    for told, tables in (one, other):
        progress = RunProgress()
        if told is not None:
            progress.apply(make_event(RunStarted, **told))
        runs.append(comparisons.compared(Run(Path("x")), progress, "finished", make_config(**tables)))
    assert comparisons.texts_differ(runs) is differ
