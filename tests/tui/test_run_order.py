"""The order of the list of runs, and its filter: pure functions of the rows."""

import pytest

from rnnbench.runs.events import SettingChanged
from rnnbench.tui.run_details import Details, Likeness, nearest, read_details, strip_lines
from rnnbench.tui.run_order import SORTED_BY, Filter, Order
from rnnbench.tui.run_rows import RunRow, read_row
from rnnbench.tui.run_table import columns, widest

ROWS = (
    RunRow(
        "beta", "finished", "story.txt", "lstm 64", step=30, best_loss_nats=1.0, bits=2.0, changed=3, tags=("good",)
    ),
    RunRow("Alpha", "crashed", "诗.txt", "gru 64", step=10, changed=2, tags=("goodish", "old")),
    RunRow("gamma", "running", "story.txt", "gru 128", step=20, best_loss_nats=2.0, bits=1.0, changed=1),
    RunRow("cloze", "finished", "story.txt", "lstm 9", task="cloze", best_loss_nats=0.1, step=5, changed=0),
)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("name", "Alpha beta cloze gamma"),
        ("state", "gamma Alpha beta cloze"),
        ("perplexity", "beta gamma Alpha cloze"),
        ("bits/char", "gamma beta Alpha cloze"),
        ("age", "beta Alpha gamma cloze"),
        ("step", "beta gamma Alpha cloze"),
    ],
)
def test_each_order(column, names):
    """Names by letter, what goes on first, figures from the best, ages from the youngest; what has none is last."""
    assert [row.name for row in Order(column).apply(ROWS)] == names.split()


def test_the_other_way_round():
    """A run without the figure stays last, a pseudo-perplexity is never among the perplexities."""
    assert [row.name for row in Order("perplexity", reverse=True).apply(ROWS)] == ["gamma", "beta", "Alpha", "cloze"]


def test_turning_comes_round():
    """Every column once, then the first again."""
    order = Order()
    seen = []
    for _ in SORTED_BY:
        order = order.turned()
        seen.append(order.column)
    assert sorted(seen) == sorted(SORTED_BY) and order == Order()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "beta Alpha gamma cloze"),
        ("ALPHA", "Alpha"),
        ("story lstm", "beta cloze"),
        ("诗", "Alpha"),
        ("good", "beta Alpha"),
        ("#good", "beta"),
        ("!#good gru", "Alpha gamma"),
        ("!finished", "Alpha gamma"),
        ("! #", "beta Alpha gamma cloze"),
        ("nothing", ""),
    ],
)
def test_the_filter(text, names):
    """Every word somewhere; #tag is that very tag; ! is without; half a word filters nothing."""
    assert [row.name for row in Filter(text).apply(ROWS)] == names.split()


@pytest.mark.parametrize("room", [80, 120])
def test_figures_fit_a_terminal_of_80_columns(room):
    """However long the names are, the columns up to the age are seen; the sorted column is marked."""
    long = RunRow("n" * 64, step=123456, best_loss_nats=9.0, bits=12.345, changed=1.0)
    found = columns(widest([long, *ROWS]), Order("step"), room)
    shown = sum(column.width + 2 for column in found[: [column.title for column in found].index("tags")])
    assert shown <= room and "step ▼" in [column.title for column in found]


def test_a_configuration_is_told_by_what_is_not_as_in_a_preset(make_config):
    """The nearest ready-made experiment and the settings that differ from it; a seed is no difference."""
    from rnnbench import config as configuration

    preset = configuration.read_preset("time-machine-gru")
    found = nearest(
        configuration.validate(configuration.merge(preset, {"model": {"hidden": 33}, "training": {"seed": 9}}))
    )
    assert (found.preset, found.differing) == ("time-machine-gru", ("hidden 33",))


def test_what_a_run_is_breaks_between_its_settings():
    """In the rows that there are, a setting beside its value; the last row says that there is more."""
    settings = ("hidden 8", "batch size 8", "optimizer sgd", "learning rate 900", "max steps 5,000,000")
    row, details = RunRow("r", "finished", seed=1), Details(9000, Likeness("", settings))
    lines = [line.plain for line in strip_lines(row, details, 44, 5)]
    assert lines == [
        "r",
        "seed 1, 9 kB on disk",
        "not default: hidden 8, batch size 8,",
        "optimizer sgd, learning rate 900,",
        "max steps 5,000,000",
    ]
    assert strip_lines(row, details, 44, 4)[-1].plain.endswith("…")


def test_what_was_changed_on_the_way_is_told(make_run, script, workspace):
    """A setting that is no more what the run was begun with: as it is now, and since when."""
    changes = [SettingChanged(step=2, name="training.learning_rate", value=value) for value in ("0.5", "0.001")]
    run = make_run("one", script.started(), script.step(4), *changes, script.finished(4))
    row = read_row(run)
    lines = [line.plain for line in strip_lines(row, read_details(run, row), 60, 9)]
    assert "changed on the way: learning rate 0.001 from step 2" in lines
