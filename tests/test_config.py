"""The configuration: who wins, what is refused, and that every way of writing it down means the same."""

import itertools
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rnnbench import config as configuration
from rnnbench.cli.train import resolve
from rnnbench.config import ConfigField, RunConfig, Section, join, merge, parse_setting, validate
from rnnbench.errors import UsageError

CORPUS = {"corpus": {"file": "small"}}
FIELDS = list(configuration.fields())


def training(**values: Any) -> configuration.TrainingConfig:
    """The training section of a configuration."""
    return validate({**CORPUS, "training": values}).training


# -- layers ------------------------------------------------------------------------------------------------------------


def test_a_later_layer_wins_key_by_key() -> None:
    """Keys that a later layer does not name keep the value of an earlier one."""
    merged = merge(
        {"model": {"cell": "rnn", "hidden": 8}}, {"model": {"hidden": 16}, "machine": {"threads": 2}}, {"model": {}}
    )
    assert merged == {"model": {"cell": "rnn", "hidden": 16}, "machine": {"threads": 2}}


def test_merging_changes_none_of_the_layers() -> None:
    """A preset read once can be used twice."""
    first, second = {"model": {"hidden": 8}}, {"model": {"hidden": 16}}
    merge(first, second)["model"]["hidden"] = 99
    assert (first, second) == ({"model": {"hidden": 8}}, {"model": {"hidden": 16}})


@pytest.mark.parametrize(("first", "second"), itertools.permutations(("epochs", "max_steps", "minutes"), 2))
def test_a_later_budget_replaces_an_earlier_one(first: str, second: str) -> None:
    """Asking for 600 steps is not cut short by a preset's minutes."""
    merged = merge({"training": {first: 5, "seed": 3}}, {"training": {second: 600}})
    assert merged == {"training": {second: 600, "seed": 3}}


def test_budgets_of_one_layer_stay_together() -> None:
    """Whoever names steps and minutes at once means: whichever ends first."""
    both = {"training": {"max_steps": 600, "minutes": 3}}
    assert merge({"training": {"epochs": 1}}, both, {"training": {"seed": 2}})["training"] == {
        "max_steps": 600, "minutes": 3, "seed": 2,
    }  # fmt: skip


def test_without_any_budget_a_run_ends_after_some_epochs() -> None:
    """No configuration trains for ever, not even one that turns every budget off."""
    assert training().epochs == configuration.DEFAULT_EPOCHS
    assert training(epochs="off", minutes="off").epochs == configuration.DEFAULT_EPOCHS
    assert training(max_steps=5).epochs is None


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 1.0), ("adam", 0.003), ("adamw", 0.003)])
def test_the_learning_rate_fits_the_optimizer(optimizer: str, rate: float) -> None:
    """Unless a rate is given, sgd starts from 1.0 and the adaptive rules from 0.003."""
    assert training(optimizer=optimizer).learning_rate == rate
    assert training(optimizer=optimizer, learning_rate=0.25).learning_rate == 0.25


def test_auto_is_for_what_follows_from_other_fields() -> None:
    """The rate and the budgets may be left to the optimizer and the default; no other training key takes "auto"."""
    chosen = training(optimizer="sgd", learning_rate="auto", epochs="auto", max_steps="auto", minutes="auto")
    assert (chosen.learning_rate, chosen.epochs) == (1.0, configuration.DEFAULT_EPOCHS)
    may = {"learning_rate", "epochs", "max_steps", "minutes"}
    for name in configuration.TrainingConfig.model_fields.keys() - may - {"start_from"}:  # a run may have that name
        with pytest.raises(UsageError, match=rf"training\.{name}: .*'auto'"):
            training(**{name: "auto"})


def test_another_optimizer_does_not_inherit_the_rate_of_the_first() -> None:
    """A preset's rate for adamw means nothing to sgd; the same optimizer named again changes nothing."""
    preset = {"training": {"optimizer": "adamw", "learning_rate": 0.004}}
    changed = validate(merge(CORPUS, preset, {"training": {"optimizer": "sgd"}}))
    assert changed.training.learning_rate == 1.0
    same = validate(merge(CORPUS, preset, {"training": {"optimizer": "adamw"}}))
    assert same.training.learning_rate == 0.004
    both = validate(merge(CORPUS, preset, {"training": {"optimizer": "sgd", "learning_rate": 0.7}}))
    assert both.training.learning_rate == 0.7


def test_naming_the_default_optimizer_keeps_the_rate_of_a_layer_that_named_none() -> None:
    """A preset with a rate and no optimizer means adamw; --optimizer adamw says nothing new."""
    preset = {"training": {"learning_rate": 0.004}}
    assert validate(merge(CORPUS, preset, {"training": {"optimizer": "adamw"}})).training.learning_rate == 0.004
    assert validate(merge(CORPUS, preset, {"training": {"optimizer": "sgd"}})).training.learning_rate == 1.0


def test_flag_over_environment_over_file_over_preset_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source answers for what the stronger ones leave open."""
    preset = configuration.read_preset("demo")
    file = tmp_path / "c.toml"
    file.write_text("[model]\nhidden = 11\nlayers = 2\ndropout = 0.1\n")
    monkeypatch.setenv("RNNBENCH_MODEL_HIDDEN", "12")
    monkeypatch.setenv("RNNBENCH_MODEL_LAYERS", "3")
    model = resolve("demo", file, {"model": {"hidden": 13}}).model
    assert (model.hidden, model.layers, model.dropout) == (13, 3, 0.1)
    assert model.embedding == preset["model"]["embedding"] != configuration.ModelConfig().embedding
    assert model.initialisation == configuration.ModelConfig().initialisation
    assert resolve("demo", file, {}).model.hidden == 12
    monkeypatch.delenv("RNNBENCH_MODEL_HIDDEN")
    assert resolve("demo", file, {}).model.hidden == 11
    assert resolve("demo", None, {}).model.hidden == preset["model"]["hidden"]
    assert resolve(None, None, {"corpus": {"file": "x"}}).model.hidden == configuration.ModelConfig().hidden


# -- environment and settings ------------------------------------------------------------------------------------------


def test_the_environment_names_sections_and_keys() -> None:
    """RNNBENCH_<SECTION>_<KEY>, values read as TOML or as plain words; RNNBENCH_HOME and strangers are no choices."""
    tables = configuration.from_environment(
        {
            "RNNBENCH_MODEL_HIDDEN": "64",
            "RNNBENCH_MODEL_TIE_WEIGHTS": "true",
            "RNNBENCH_TRAINING_BATCH_SIZE": "7",
            "RNNBENCH_TRAINING_OPTIMIZER": "sgd",
            "RNNBENCH_HOME": "/somewhere",
            "RNNBENCH_MODEL": "x",
            "MODEL_HIDDEN": "1",
            "PATH": "/bin",
        }
    )
    assert tables == {
        "model": {"hidden": 64, "tie_weights": True},
        "training": {"batch_size": 7, "optimizer": "sgd"},
    }


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the real environment counts, also for a misspelt key, which validation then refuses."""
    assert configuration.from_environment() == {}
    monkeypatch.setenv("RNNBENCH_MODEL_HIDEN", "4")
    with pytest.raises(UsageError, match=r"unknown key model\.hiden; did you mean model\.hidden\?"):
        validate(merge(CORPUS, configuration.from_environment()))


def test_options_of_one_command_are_one_layer() -> None:
    """A rate beside --set training.optimizer stays, and so do two budgets; the later of two equal keys wins."""
    flags = {"training": {"learning_rate": 0.5, "minutes": 1}}
    sets = [{"training": {"optimizer": "sgd"}}, {"training": {"max_steps": 3}}, {"training": {"max_steps": 4}}]
    assert join(flags, *sets) == {"training": {"learning_rate": 0.5, "minutes": 1, "optimizer": "sgd", "max_steps": 4}}
    assert flags == {"training": {"learning_rate": 0.5, "minutes": 1}}


def test_two_budgets_in_the_environment_hold_together() -> None:
    """Variables are one layer: neither of two budgets replaces the other by the order of their names."""
    tables = configuration.from_environment({"RNNBENCH_TRAINING_MAX_STEPS": "5", "RNNBENCH_TRAINING_MINUTES": "1"})
    assert tables == {"training": {"max_steps": 5, "minutes": 1}}


def test_an_optimizer_and_a_rate_in_the_environment_hold_together() -> None:
    """The rate given beside an optimizer stays, whichever variable sorts first."""
    given = {"RNNBENCH_TRAINING_LEARNING_RATE": "0.5", "RNNBENCH_TRAINING_OPTIMIZER": "sgd"}
    assert configuration.from_environment(given) == {"training": {"learning_rate": 0.5, "optimizer": "sgd"}}


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("model.hidden=64", {"model": {"hidden": 64}}),
        (" model.hidden = 64 ", {"model": {"hidden": 64}}),
        ("training.clip_norm=off", {"training": {"clip_norm": "off"}}),
        ("model.tie_weights=true", {"model": {"tie_weights": True}}),
        ("evaluation.sample_prompts=you are", {"evaluation": {"sample_prompts": "you are"}}),
        ("evaluation.sample_prompts=你是", {"evaluation": {"sample_prompts": "你是"}}),
        ('evaluation.sample_prompts="a=b"', {"evaluation": {"sample_prompts": "a=b"}}),
        ("evaluation.sample_prompts=", {"evaluation": {"sample_prompts": ""}}),
        ('text.reserved=["<pad>", "<bos>"]', {"text": {"reserved": ["<pad>", "<bos>"]}}),
        ("evaluation.sample_prompts=1984", {"evaluation": {"sample_prompts": "1984"}}),
        ("evaluation.sample_prompts=true", {"evaluation": {"sample_prompts": "true"}}),
        ("corpus.file=2024-01-01", {"corpus": {"file": "2024-01-01"}}),
        ("model.hidden=" + "9" * 5000, {"model": {"hidden": "9" * 5000}}),
        ("model.hidden=" + "[" * 50_000, {"model": {"hidden": "[" * 50_000}}),
    ],
)
def test_settings_are_read_as_toml_or_as_plain_text(text: str, tables: dict[str, Any]) -> None:
    """--set section.key=value needs no quotes for plain words; where text is meant, 1984 is text."""
    assert parse_setting(text) == tables


def test_a_setting_holds_one_value_only() -> None:
    """A line break in a value is text; it cannot smuggle in a second TOML key or end the value early."""
    assert parse_setting("evaluation.sample_prompts=1\nx = 2") == {"evaluation": {"sample_prompts": "1\nx = 2"}}
    assert parse_setting("model.hidden=1\nx = 2") == {"model": {"hidden": "1\nx = 2"}}


@pytest.mark.parametrize("text", ["", "model", "model.hidden", "hidden=3", ".hidden=3", "model.=3", "=3", "model=3"])
def test_what_is_no_setting_is_refused_with_the_form(text: str) -> None:
    """The message shows how a setting is written."""
    with pytest.raises(UsageError, match=r"section\.key=value"):
        parse_setting(text)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"model": {"hiddn": 8}}, "unknown key model.hiddn; did you mean model.hidden?"),
        ({"modle": {"hidden": 8}}, "unknown key modle; did you mean model?"),
        ({"model": {"batch_size": 8}}, "unknown key model.batch_size; did you mean training.batch_size?"),
        ({"model": {"qqqq": 8}}, "unknown key model.qqqq; `rnnbench config schema` lists the known ones"),
        ({"model": {"hidden": "many"}}, "model.hidden: input should be a valid integer"),
        ({"model": {"hidden": 0}}, "model.hidden: input should be greater than or equal to 1, not 0"),
        ({"model": {"hidden": 2.5}}, "model.hidden: input should be a valid integer"),
        ({"model": {"cell": "transformer"}}, "model.cell: input should be 'rnn', "),
        ({"model": {"dropout": 1.0}}, "model.dropout: input should be less than 1, not 1.0"),
        ({"model": 3}, "model: input should be a valid dictionary"),
        ({"model": {"tie_weights": True}}, "model: tie_weights needs input = embedding and embedding = hidden"),
        ({"model": {"input": "one_hot", "implementation": "torch"}}, "model: torch's layers would have to be fed"),
        ({"machine": {"device": "tpu"}}, "machine.device: should be auto, cpu, mps, cuda or cuda:N, not 'tpu'"),
        ({"training": {"seed": -1}}, "training.seed: input should be greater than or equal to 0"),
        ({"training": {"learning_rate": "off"}}, "training.learning_rate: input should be a valid number"),
        ({"corpus": {"file": ""}}, "corpus.file: "),
        ({"corpus": {"validation_fraction": 0.5, "test_fraction": 0.5}}, "leave nothing to train on"),
    ],
    ids=str,
)
def test_a_wrong_configuration_names_the_field_and_what_it_may_be(tables: dict[str, Any], message: str) -> None:
    """One sentence with the field's path, what is allowed and what was given."""
    with pytest.raises(UsageError) as caught:
        validate(merge(CORPUS, tables))
    assert message in caught.value.message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "nan", "1e400"])
@pytest.mark.parametrize("key", ["learning_rate", "minutes", "clip_norm", "weight_decay"])
def test_numbers_that_are_not_finite_are_refused(key: str, value: object) -> None:
    """NaN and infinity, also written as text, never become a setting."""
    with pytest.raises(UsageError, match=rf"training\.{key}"):
        training(**{key: value})


def test_not_finite_in_toml_is_refused(tmp_path: Path) -> None:
    """TOML knows inf and nan and reads 1e400 as inf; the configuration does not take them."""
    for written in ("inf", "nan", "1e400"):
        file = tmp_path / "c.toml"
        file.write_text(f"[model]\nforget_bias = {written}\n")
        with pytest.raises(UsageError, match=r"model\.forget_bias"):
            validate(merge(CORPUS, configuration.read_toml(file)))


def test_the_missing_text_is_asked_for_by_its_option() -> None:
    """Without a text the message says which option gives it."""
    for tables in ({}, {"corpus": {}}):
        with pytest.raises(UsageError, match=r"corpus\S* is required \(give --corpus\)"):
            validate(tables)


def test_every_wrong_field_is_named_at_once() -> None:
    """Three mistakes are told together, not one at a time; `check` gives them by field."""
    tables = {"corpus": {"file": "x"}, "model": {"hidden": 0, "cells": 1}, "training": {"epochs": 0}}
    with pytest.raises(UsageError) as caught:
        validate(tables)
    found = configuration.check(tables)
    assert set(found) == {"model.hidden", "model.cells", "training.epochs"}
    assert all(sentence in caught.value.message for sentence in found.values())
    assert configuration.check(CORPUS) == {}


def test_a_configuration_does_not_change_once_made() -> None:
    """Every section is frozen."""
    config = validate(CORPUS)
    with pytest.raises(ValidationError):
        config.model.hidden = 3  # type: ignore[misc]


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = st.sampled_from([*RunConfig.model_fields, "unknown"])
NAMES = st.sampled_from([field.name for field in FIELDS]) | st.text(max_size=8)


@given(st.dictionaries(SECTIONS, st.dictionaries(NAMES, JSON_LIKE, max_size=4) | JSON_LIKE, max_size=4))
def test_any_tables_give_a_configuration_or_a_message(tables: dict[str, Any]) -> None:
    """Whatever a file holds, the answer is a configuration or a UsageError, never another exception."""
    try:
        config = validate(merge(tables))
    except UsageError as error:
        assert error.message
    else:
        assert isinstance(config, RunConfig)


# -- files -------------------------------------------------------------------------------------------------------------


def test_off_in_toml_is_nothing(tmp_path: Path) -> None:
    """TOML has no null: "off" turns an option off, and is written back as "off"."""
    file = tmp_path / "c.toml"
    file.write_text(
        '[corpus]\nfile = "small"\nfirst_characters = "off"\n[training]\nclip_norm = "off"\nmax_steps = 3\n'
    )
    config = validate(configuration.read_toml(file))
    assert config.corpus.first_characters is None
    assert config.training.clip_norm is None
    assert tomllib.loads(configuration.to_toml(config))["training"]["clip_norm"] == "off"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[model\n", "is not valid TOML"),
        (b"\xff\xfe", "cannot read"),
        (b"a = 1\na = 2\n", "is not valid TOML"),
        (b"a = " + b"9" * 5000, "is not valid TOML"),
        (b"a = " + b"[" * 50_000, "is not valid TOML"),
        (None, "configuration file not found"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_by_name(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    """The message says which file and what is wrong with it."""
    file = tmp_path / "broken.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        configuration.read_toml(file)
    assert "broken.toml" in caught.value.message


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    """`--config .` is a mistake of use, not a crash."""
    with pytest.raises(UsageError, match="cannot read"):
        configuration.read_toml(tmp_path)


@pytest.mark.parametrize("name", configuration.preset_names())
def test_every_preset_is_a_configuration(name: str) -> None:
    """Each ready-made experiment is valid, as it is and with a text of the user's."""
    preset = configuration.read_preset(name)
    validate(merge(CORPUS, preset))
    assert validate(merge(preset, CORPUS)).corpus.file == "small"


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    """A slip of the finger is answered with the name that was meant; a path is no preset."""
    assert "demo" in configuration.preset_names()
    with pytest.raises(UsageError, match=r"unknown preset dmeo \(did you mean demo\?\)"):
        configuration.read_preset("dmeo")
    with pytest.raises(UsageError, match=r"unknown preset \.\./presets/demo"):
        configuration.read_preset("../presets/demo")
    with pytest.raises(UsageError, match=r"known: .*demo"):
        configuration.read_preset("zzzzzz")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"3", b"null", b"\xff", b'{"corpus": {}}', b'{"x": 1}', b"[" * 99_999],
    ids=lambda data: data[:12],
)
def test_a_damaged_stored_configuration_is_a_message(data: bytes) -> None:
    """What a run folder holds may be damaged; that is never a crash."""
    with pytest.raises(UsageError):
        configuration.from_json(data)


# -- a configuration describes itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_every_field_has_help_and_a_default_that_is_allowed(field: ConfigField) -> None:
    """A form, an option and the schema can show each field; its default, as written, is a valid value."""
    assert field.help.strip()
    if field.default is not None:
        assert configuration.check(merge(CORPUS, {field.section: {field.name: field.default}})) == {}
    if field.choices:
        assert field.default in field.choices


def test_flags_are_unique_and_named_after_their_fields() -> None:
    """An option says which field it sets; no two fields share one."""
    flags = [field.flag for field in FIELDS if field.flag]
    assert len(flags) == len(set(flags)) > 10
    others = {field.key: field.flag for field in FIELDS if field.flag not in ("", "--" + field.name.replace("_", "-"))}
    assert others == {"corpus.file": "--corpus", "training.start_from": "--from"}


def test_every_section_is_a_section() -> None:
    """Each table of the configuration refuses unknown keys and numbers that are not finite."""
    for name, info in RunConfig.model_fields.items():
        assert isinstance(info.annotation, type) and issubclass(info.annotation, Section), name
        assert info.annotation.model_config["extra"] == "forbid"


# -- every way of writing it down means the same -----------------------------------------------------------------------


def _value(field: ConfigField) -> st.SearchStrategy[Any]:
    """Values for a field, from its type and limits; the model's own rules are applied afterwards."""
    if field.choices:
        return st.sampled_from(field.choices)
    limits = {name: value for item in field.info.metadata for name, value in _limits(item)}
    kind = str(field.info.annotation)
    if field.key == "machine.device":
        return st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:3"])
    if "tuple" in kind:
        return st.lists(TEXT, max_size=3, unique=True)
    if "str" in kind:
        return TEXT.filter(lambda text: len(text) >= limits.get("min_length", 0))
    if "bool" in kind:
        return st.booleans()
    off = st.just("off") if "None" in kind else st.nothing()
    if "float" in kind:
        low, high = limits.get("gt", limits.get("ge", -1e6)), limits.get("lt", limits.get("le", 1e6))
        numbers = st.floats(low, high, exclude_min="gt" in limits, exclude_max="lt" in limits, allow_subnormal=False)
        return off | numbers
    return off | st.integers(limits.get("ge", 0), limits.get("le", limits.get("lt", 2**31) - 1))


def _limits(item: Any) -> Iterator[tuple[str, Any]]:
    for name in ("gt", "ge", "lt", "le", "min_length"):
        if hasattr(item, name):
            yield name, getattr(item, name)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """Configurations with any number of their fields set to any allowed value."""
    tables: dict[str, dict[str, Any]] = {"corpus": {"file": "small"}}
    for field in draw(st.lists(st.sampled_from(FIELDS), unique_by=lambda field: field.key)):
        tables.setdefault(field.section, {})[field.name] = draw(_value(field))
    while wrong := configuration.check(tables):  # values that contradict each other: let one of them go
        tables[next(iter(wrong)).partition(".")[0]].popitem()
    return validate(tables)


def parsed(options: list[str]) -> RunConfig:
    """What `train` makes of its options: flags that name a field, and --set for the rest."""
    by_flag: dict[str, ConfigField] = {field.flag: field for field in FIELDS if field.flag}
    parts = []
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option == "--set":
            parts.append(parse_setting(value))
        else:
            parts.append({by_flag[option].section: {by_flag[option].name: value}})
    return validate(merge(join(*parts)))


@settings(max_examples=300)
@given(configs())
def test_options_parsed_again_give_the_same_configuration(config: RunConfig) -> None:
    """A run started from the workbench by its options is the run that was described."""
    assert parsed(configuration.as_options(config)) == config


@pytest.mark.parametrize(
    "text",
    [
        "\x7f",
        "0",
        "true",
        " a ",
        "'",
        '"',
        '"a"',
        "\n",
        "a # b",
        "3 # b",
        "off",
        "\x85",
        "a=b",
        "[",
        "你是",
        "\\",
        "\t",
    ],
)
def test_any_text_survives_the_way_through_the_options(text: str) -> None:
    """Blanks, quotes, numbers, line ends and control characters in a prompt reach the child process as they are."""
    config = validate(merge(CORPUS, {"evaluation": {"sample_prompts": [text]}, "text": {"reserved": [text]}}))
    assert parsed(configuration.as_options(config)) == config


@given(configs())
def test_every_written_form_reads_back_the_same(config: RunConfig) -> None:
    """TOML, JSON and the tables of the form each give the same configuration again."""
    assert validate(tomllib.loads(configuration.to_toml(config))) == config
    assert configuration.from_json(configuration.to_json(config)) == config
    assert validate(configuration.to_tables(config)) == config
    assert json.loads(configuration.to_json(config))["corpus"]["file"] == config.corpus.file


def test_options_are_as_short_as_they_can_be() -> None:
    """Only what differs from the defaults is written; the default optimizer is not."""
    assert configuration.as_options(validate(CORPUS)) == ["--corpus", "small"]
    changed = validate(merge(CORPUS, {"model": {"hidden": 64, "dropout": 0.3}, "training": {"max_steps": 9}}))
    assert configuration.as_options(changed) == [
        *("--corpus", "small"), *("--hidden", "64"), *("--set", "model.dropout=0.3"), *("--max-steps", "9"),
    ]  # fmt: skip
    sgd = validate(merge(CORPUS, {"training": {"optimizer": "sgd"}}))
    assert configuration.as_options(sgd) == ["--corpus", "small", "--optimizer", "sgd"]


def test_differences_show_only_what_differs(make_config: Callable[..., RunConfig]) -> None:
    """Comparing runs lists the keys that are not equal everywhere, values in the order of the runs."""
    one, two, three = make_config(), make_config(model={"hidden": 9}), make_config(training={"clip_norm": "off"})
    assert configuration.differences([one, two, three]) == {
        "model.hidden": [8, 9, 8],
        "training.clip_norm": [1.0, 1.0, "off"],
    }
    assert configuration.differences([one, one]) == {}
    assert configuration.differences([]) == {}


def test_a_network_in_short_is_its_cell_width_and_depth() -> None:
    """One layer goes without saying."""
    assert configuration.ModelConfig(cell="gru", hidden=256, layers=2).in_short == "gru 256 x 2"
    assert configuration.ModelConfig(hidden=24).in_short == "lstm 24"
