"""Settings that a run takes while it is going."""

import pytest

from rnnbench.errors import UsageError
from rnnbench.runs.events import SettingChanged
from rnnbench.runs.progress import fold
from rnnbench.runs.settings import Setting, present, setting


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [("learning_rate", "0.001", 0.001), ("learning_rate", 2, 2.0), ("clip_norm", "5", 5.0), ("clip_norm", "off", None)],
)
def test_what_a_value_means(name, value, meant):
    """A number, or off where that has a meaning."""
    assert setting(name, value) == meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", "0"), ("learning_rate", "-1"), ("learning_rate", "nan"), ("learning_rate", "inf"),
        ("learning_rate", "off"), ("learning_rate", "fast"), ("learning_rate", "1e9"), ("learning_rate", None),
        ("clip_norm", ""), ("clip_norm", "0"), ("hidden", "8"),
    ],
)  # fmt: skip
def test_what_a_value_cannot_be(name, value):
    """The refusal names the setting."""
    with pytest.raises(UsageError, match=name):
        setting(name, value)


def test_the_present_values(make_config, make_event):
    """What was changed last; before that what the run was started with."""
    config = make_config(training={"learning_rate": 0.02, "clip_norm": "off"})
    assert present(config, fold([])) == (Setting("learning_rate", "0.02"), Setting("clip_norm", "off"))
    changes = [make_event(SettingChanged, name="training.learning_rate", value=text) for text in ("0.5", "0.25")]
    assert present(config, fold(changes))[0].text == "0.25"
