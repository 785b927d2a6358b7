"""What the user prefers, and where that is said: options, environment, settings.toml, memory."""

import pytest

from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.tui.memory import Memory, load_memory, memory_file, note, write_down
from rnnbench.tui.preferences import PLAIN, SUITABLE, THEME_NAMES
from rnnbench.tui.settings_file import Asked, SettingsTable, Surroundings, read_settings, resolve, settings_file


@pytest.fixture
def settings():
    """Writes settings.toml where the workbench looks for it."""

    def write(text: str):
        settings_file().parent.mkdir(parents=True, exist_ok=True)
        settings_file().write_text(text, encoding="utf-8")
        return settings_file()

    return write


def around(encoding="utf-8", **environment):
    return Surroundings(environment, encoding)


def test_without_any_settings_nothing_is_special():
    """Who says nothing gets colours that suit the terminal, all signs, English, and may do everything."""
    found = resolve(Asked(), around(TERM="xterm-256color"))
    assert (found.theme, found.ascii, found.slow_link, found.read_only) == (SUITABLE, False, False, False)
    assert (found.language, found.notify, dict(found.keys), found.problems) == ("en", True, {}, ())


def test_option_over_environment_over_file_over_memory(settings):
    """Each layer wins over those below it, key by key."""
    note(theme="safe-light")
    write_down()
    assert resolve(Asked(), around()).theme == "safe-light"
    settings('theme = "light"\nslow_link = true\nnotify = false\n[keys]\nstop = "ctrl+x"\n')
    found = resolve(Asked(), around())
    assert (found.theme, found.slow_link, found.notify, dict(found.keys)) == ("light", True, False, {"stop": "ctrl+x"})
    environment = around(RNNBENCH_THEME="terminal", RNNBENCH_SLOW_LINK="no", RNNBENCH_READ_ONLY="1")
    found = resolve(Asked(), environment)
    assert (found.theme, found.slow_link, found.read_only) == ("terminal", False, True)
    assert resolve(Asked(theme="safe-dark", slow_link=True), environment).theme == "safe-dark"
    assert resolve(Asked(theme="safe-dark", slow_link=True), environment).slow_link


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("asci = true", "settings.toml: unknown setting asci (did you mean ascii?)"),
        ('theme = "drak"', "settings.toml: theme = 'drak' is no theme (did you mean dark?)"),
        ("ascii = 1", "settings.toml: ascii = 1 is neither true nor false"),
        ('language = "fr"', "settings.toml: language = 'fr' is not one of auto, en, zh"),
        ("[keys]\nstop = 3", "settings.toml: keys.stop = 3 is not the name of a key in quotes"),
        ('asci = true\ntheme = "drak"', "(did you mean dark?) settings.toml: unknown setting asci"),
        ("theme = ", "is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line_and_the_rest_counts(settings, text, told):
    """The workbench opens whatever the file holds; what is right in it is used."""
    settings(f"slow_link = true\n{text}\n")
    found = resolve(Asked(), around())
    assert told in " ".join(found.problems) and "\n" not in "".join(found.problems)
    assert found.theme == SUITABLE and not found.ascii and found.language == "en"
    assert found.slow_link == ("valid TOML" not in told)


def test_a_file_that_cannot_be_read_is_told(settings):
    """Bytes that are no text, or a folder in the place of the file, leave the defaults."""
    path = settings("")
    path.write_bytes(b"\xff\xfe")
    assert "cannot read" in resolve(Asked(), around()).problems[0]
    path.unlink()
    path.mkdir()
    assert "cannot read" in resolve(Asked(), around()).problems[0]


def test_a_wrong_variable_is_told_and_a_wrong_option_refused():
    """A mistake in the environment is not worth stopping for; one that was just typed is."""
    found = resolve(Asked(), around(RNNBENCH_ASCII="perhaps", RNNBENCH_THEME="light"))
    assert found.problems == ("RNNBENCH_ASCII: ascii = 'perhaps' is neither true nor false",) and found.theme == "light"
    with pytest.raises(UsageError, match=r"unknown theme plane \(did you mean plain\?\)"):
        resolve(Asked(theme="plane"), around())


@pytest.mark.parametrize(
    ("environment", "encoding", "ascii"),
    [
        ({"TERM": "linux"}, "utf-8", True),
        ({"TERM": "dumb"}, "utf-8", True),
        ({"TERM": "xterm"}, "iso8859-1", True),
        ({"TERM": "xterm"}, "gb18030", True),
        ({"TERM": "xterm"}, "UTF-8", False),
        ({"TERM": "linux", "RNNBENCH_ASCII": "0"}, "utf-8", False),
    ],
)
def test_ascii_by_itself_where_signs_would_be_lost(environment, encoding, ascii):
    """A terminal without a font for them, or an encoding without them, asks for ASCII; who says otherwise is heard."""
    assert resolve(Asked(), around(encoding, **environment)).ascii == ascii


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "RNNBENCH_LANGUAGE": "en"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "TERM": "linux"}, "en"),
        ({"LANG": "fr_FR"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_is_that_of_the_locale_unless_said(environment, language):
    """LC_ALL over LC_MESSAGES over LANG; English where there are no words, or no font."""
    assert resolve(Asked(), around(**environment)).language == language


def test_no_color_asks_for_the_plain_theme_and_a_named_theme_wins(settings):
    """NO_COLOR counts as part of the environment: over the file, under a theme that is named there or as an option."""
    settings('theme = "light"')
    assert resolve(Asked(), around(NO_COLOR="1")).theme == PLAIN
    assert resolve(Asked(), around(NO_COLOR="")).theme == "light"
    assert resolve(Asked(), around(NO_COLOR="1", RNNBENCH_THEME="dark")).theme == "dark"
    assert resolve(Asked(theme="dark"), around(NO_COLOR="1")).theme == "dark"


def test_every_theme_can_be_set(tmp_path):
    """The names that a settings file may hold are the names of the themes."""
    for name in THEME_NAMES:
        path = tmp_path / "settings.toml"
        path.write_text(f'theme = "{name}"')
        assert read_settings(path) == ({"theme": name}, [])
    assert SettingsTable(theme="dark").model_fields_set == {"theme"}


def test_memory_keeps_what_is_not_changed_and_writes_only_changes():
    """One choice does not wipe out another, and the same choice again costs no write."""
    assert load_memory() == Memory()
    note(theme="light")
    write_down()
    note(layout="wide")
    write_down()
    assert load_memory() == Memory(theme="light", layout="wide")
    before = memory_file().stat()
    note(theme="light")
    write_down()
    assert memory_file().stat().st_mtime_ns == before.st_mtime_ns
    assert memory_file().stat().st_ino == before.st_ino


def test_the_last_of_several_choices_is_what_is_remembered():
    """However their writers take turns: whoever comes first writes all, and an older choice never comes last."""
    note(layout="narrow", theme="light")
    note(layout="wide")
    write_down()
    assert load_memory() == Memory(theme="light", layout="wide")
    written = memory_file().stat().st_mtime_ns
    write_down()
    assert memory_file().stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", [b"", b"[1]", b"\xff", b'{"theme": 7, "later": "x"}', b"[" * 60_000])
def test_a_damaged_memory_is_an_empty_one(damage):
    """Whatever the file holds, the workbench opens, and can remember again."""
    memory_file().parent.mkdir(parents=True)
    memory_file().write_bytes(damage)
    assert load_memory() == Memory() and resolve(Asked(), around()).theme == SUITABLE
    note(theme="light")
    write_down()
    assert load_memory().theme == "light"


def test_a_memory_that_cannot_be_written_says_so():
    """A full disk is told by who asked."""
    memory_file().parent.parent.mkdir(parents=True, exist_ok=True)
    memory_file().parent.write_text("in the way")
    with pytest.raises(RnnbenchError, match="cannot create folder"):
        note(theme="light")
        write_down()


def test_options_stand_before_and_behind_the_command(cli):
    """Each command that opens the workbench knows the options, and a wrong theme is refused before anything starts."""
    for words in (["tui"], ["attach", "r"], ["resume", "r"], ["train", "--corpus", "small"]):
        answer = cli(*words, "--theme", "drak")
        assert answer.code == 2 and answer.complaint() == "unknown theme drak (did you mean dark?)"
    answer = cli("--theme", "drak", "tui")
    assert answer.code == 2 and "did you mean dark?" in answer.complaint()
    assert not (cli.home / "runs").exists()


def test_the_workbench_gets_what_was_asked_for(cli, monkeypatch):
    """Options before the command and behind it are joined, the latter winning; --no-color means the plain theme."""
    seen = []
    monkeypatch.setattr("rnnbench.cli.train._need_a_terminal", lambda: None)
    monkeypatch.setattr("rnnbench.tui.app.run_workbench", lambda workspace, run, asked: seen.append(asked) or 0)
    cli("--ascii", "--theme", "light", "tui", "--theme", "dark", "--slow-link")
    cli("tui", "--no-color", "--read-only")
    cli("tui")
    assert seen == [
        Asked(theme="dark", ascii=True, slow_link=True),
        Asked(theme="plain", read_only=True),
        Asked(),
    ]
