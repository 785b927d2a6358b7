"""presets and config: the configuration, described by itself."""

import tomllib

import pytest

from rnnbench import config as configuration
from rnnbench.tui import settings_file


def test_every_preset_is_listed_and_valid(cli):
    """The list names each with its text and model, and each resolves to a whole configuration."""
    answer = cli("presets", "list")
    names = [line.split()[0] for line in answer.out.splitlines()[1:]]
    assert answer.code == 0 and names == configuration.preset_names() and "demo" in names
    records = cli("presets", "list", "--json").json["presets"]
    for name in names:
        assert configuration.validate(records[name]) == configuration.validate(configuration.read_preset(name))
        shown = cli("presets", "show", name)
        assert shown.code == 0
        assert configuration.validate(tomllib.loads(shown.out)) == configuration.validate(records[name])
        assert cli("presets", "show", name, "--json").json["config"] == records[name]


def test_an_unknown_preset_names_the_nearest(cli, complaint):
    """Exit code 2."""
    answer = cli("presets", "show", "dmo")
    assert answer.code == 2 and "did you mean demo" in complaint(answer)


def test_the_schema_tells_every_field(cli):
    """Key, default, option, choices and meaning of each; --json is a JSON schema."""
    text = cli("config", "schema").out
    for field in configuration.fields():
        (row,) = [line for line in text.splitlines() if line.split()[:1] == [field.key]]
        assert field.help in row and field.flag in row
    schema = cli("config", "schema", "--json").json
    assert set(schema["properties"]) == set(configuration.RunConfig.model_fields)


def test_a_valid_file(cli, tmp_path):
    """Said to be valid, on stderr."""
    path = tmp_path / "own.toml"
    path.write_text('[corpus]\nfile = "small"\n[training]\nclip_norm = "off"\n')
    answer = cli("config", "validate", path)
    assert (answer.code, answer.out) == (0, "") and "is a valid configuration" in answer.err


WRONG = {
    "[corpus": "not valid TOML",
    '[corpus]\nfile = "a"\n[model]\nhiden = 5': "unknown key model.hiden; did you mean model.hidden",
    '[corpus]\nfile = "a"\n[modell]\nhidden = 5': "unknown key modell",
    '[corpus]\nfile = "a"\n[model]\nlayers = 0': "model.layers",
    "[model]\nhidden = 5": "--corpus",
    '[corpus]\nfile = "a"\n[training]\nlearning_rate = nan': "training.learning_rate",
}


@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_file_names_the_field(cli, tmp_path, complaint, content):
    """Exit code 2, and the place of the mistake."""
    path = tmp_path / "own.toml"
    path.write_text(content)
    answer = cli("config", "validate", path)
    assert answer.code == 2 and WRONG[content] in complaint(answer)


def test_every_wrong_field_has_a_line_of_its_own(cli, tmp_path):
    """Three mistakes are three lines, in the order of the file's sections, even where a key holds a line end."""
    path = tmp_path / "own.toml"
    path.write_text('[corpus]\nfile = "a"\n[model]\nhidden = "5x"\nlayers = 0\n"two\\nlines" = 1\n')
    answer = cli("config", "validate", path)
    lines = answer.err.splitlines()
    assert (answer.code, answer.out, len(lines)) == (2, "", 3) and all(line.startswith("rnnbench: ") for line in lines)
    assert [line.split()[1] for line in lines[:2]] == ["model.hidden:", "model.layers:"]
    assert "unknown key model.two" in lines[2]


def test_show_joins_preset_file_and_environment(cli, tmp_path, monkeypatch):
    """Environment over file over preset over defaults."""
    path = tmp_path / "own.toml"
    path.write_text("[model]\nhidden = 33\nlayers = 3\n")
    monkeypatch.setenv("RNNBENCH_MODEL_LAYERS", "2")
    tables = tomllib.loads(cli("config", "show", path, "--preset", "demo").out)
    preset = configuration.read_preset("demo")
    assert (tables["model"]["hidden"], tables["model"]["layers"]) == (33, 2)
    assert tables["model"]["embedding"] == preset["model"]["embedding"]
    assert tables["training"]["momentum"] == 0.0


def test_the_keys_are_those_in_force(cli, monkeypatch, tmp_path):
    """With the user's, and what is wrong with them told; --defaults leaves them out, as the documentation does."""
    plain = cli("config", "keys").out
    assert "| `w` | Save | `save` |" in plain and plain == cli("config", "keys", "--defaults").out
    monkeypatch.setattr(settings_file, "settings_file", lambda: tmp_path / "settings.toml")
    (tmp_path / "settings.toml").write_text('[keys]\nsave = "ctrl+s f5"\nnope = "x"\n')
    answer = cli("config", "keys")
    assert "| `^s` `F5` | Save | `save` |" in answer.out and "`w` | Save" not in answer.out
    assert answer.code == 0 and "[keys] nope" in answer.err
    plainly = cli("config", "keys", "--defaults")
    assert (plainly.out, plainly.err) == (plain, "")
