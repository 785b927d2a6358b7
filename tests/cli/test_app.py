"""The command as a whole: options that every command has, errors as one line, and a light start."""

import errno
import subprocess
import sys
import tomllib

import pytest
import typer

from rnnbench import __main__, __version__
from rnnbench.cli import output, train
from rnnbench.errors import ExitCode, UnavailableError, UsageError
from rnnbench.runs.store import RunStore

COMMANDS = [
    (), ("train",), ("resume",), ("stop",), ("attach",), ("tui",), ("sample",), ("demo",),
    ("runs",), ("runs", "list"), ("runs", "show"), ("runs", "delete"), ("corpora",), ("corpora", "list"),
    ("corpora", "show"), ("presets",), ("presets", "list"), ("presets", "show"), ("config",), ("config", "schema"),
    ("config", "validate"), ("config", "show"),
]  # fmt: skip


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(cli, command, flag):
    """Help goes to stdout, exit code 0, without escape sequences in a pipe."""
    answer = cli(*command, flag)
    assert answer.code == 0 and answer.err == ""
    assert answer.out.startswith("Usage: rnnbench") and "\x1b" not in answer.out


def test_the_version(cli):
    """One line of data."""
    assert (cli("--version").code, cli("--version").out) == (0, f"rnnbench {__version__}\n")


def test_without_a_terminal_there_is_help_and_exit_code_2(cli):
    """`rnnbench` in a script opens nothing: help on stderr, nothing on stdout."""
    answer = cli()
    assert (answer.code, answer.out) == (2, "") and "Usage: rnnbench" in answer.err


@pytest.mark.parametrize("words", [
    ("tran",), ("train", "--no-such-option"), ("runs", "show"), ("runs", "frob"), ("train", "--hidden", "many"),
    ("sample",), ("sample", "x", "--length", "-3"), ("stop", "x", "y"),
])  # fmt: skip
def test_wrong_usage_is_exit_code_2(cli, words):
    """A mistyped command, option, number or count of arguments: stderr says what, stdout stays empty."""
    answer = cli(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err and "Traceback" not in answer.err


@pytest.mark.parametrize("group", ["runs", "corpora", "presets", "config"])
def test_a_group_alone_answers_with_its_help(cli, group):
    """`rnnbench runs` is not an error without a message."""
    answer = cli(group)
    assert answer.code == 2 and "Usage: rnnbench" in answer.out + answer.err


@pytest.mark.parametrize("words", [
    ("-q", "runs", "list"), ("runs", "-q", "list"), ("runs", "list", "-q"), ("runs", "list", "--quiet"),
    ("runs", "list", "--json", "-q"), ("runs", "list", "-q", "--json"),
])  # fmt: skip
def test_quiet_may_stand_anywhere(cli, words):
    """Narration is off wherever the option stands."""
    answer = cli(*words)
    assert answer.code == 0 and answer.err == ""
    assert "no runs" in cli("runs", "list").err


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("equals", [False, True])
def test_the_workspace_may_stand_anywhere(cli, trained, place, equals):
    """And it wins over RNNBENCH_HOME."""
    option = [f"--workspace={trained.root}"] if equals else ["--workspace", str(trained.root)]
    words = ["runs", "list", "--json"]
    answer = cli(*words[:place], *option, *words[place:])
    assert [run["name"] for run in answer.json["runs"]] == ["tm"]


def test_the_current_folder_is_the_workspace_of_last_resort(cli, trained, monkeypatch):
    """--workspace, else RNNBENCH_HOME, else where the user stands."""
    monkeypatch.chdir(trained.root)
    assert cli("runs", "list", "--json").json["runs"] == []
    assert [run["name"] for run in cli("runs", "list", "--json", home="").json["runs"]] == []
    monkeypatch.setattr(cli, "home", ".")
    assert [run["name"] for run in cli("runs", "list", "--json").json["runs"]] == ["tm"]


@pytest.mark.parametrize("word", ["-q", "-v", "--debug", "--quiet"])
def test_the_value_of_an_option_is_not_taken_for_an_option(cli, trained, word):
    """A prompt may look like one of ours, given with = or after --."""
    words = ("sample", "tm", "--length", "3", "--json", "--seed", "1")
    assert cli(*words, f"--prompt={word}", home=trained.root).json["prompt"] == word
    if not word.startswith("--"):
        assert cli(*words, "--prompt", word, home=trained.root).json["prompt"] == word


def test_words_after_two_dashes_are_left_alone(cli):
    """`--` ends the options, ours too: what follows is a name."""
    answer = cli("runs", "show", "--", "-q")
    assert answer.code == 2 and "not a run name" in answer.err


def test_debug_shows_the_traceback(cli, monkeypatch):
    """With --debug the error itself gets through; without, one line."""
    monkeypatch.setattr(RunStore, "find", lambda self, name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli("runs", "show", "x", "--debug")
    assert cli("runs", "show", "x").code == 1


ERRORS = [
    (ZeroDivisionError("by zero"), 1, "unexpected ZeroDivisionError: by zero"),
    (MemoryError(), 3, "out of memory"),
    (OSError(errno.EIO, "Input/output error"), 1, "Input/output error"),
]


@pytest.mark.parametrize(("error", "code", "text"), ERRORS)
def test_what_nobody_expected_is_one_line_too(cli, complaint, monkeypatch, error, code, text):
    """Whatever goes wrong ends as a line and an exit code."""

    def fail(self, name):
        raise error

    monkeypatch.setattr(RunStore, "find", fail)
    answer = cli("runs", "show", "x")
    assert answer.code == code and text in complaint(answer)


def test_an_interruption_is_no_failure(cli, monkeypatch):
    """Control-C in any command is exit code 130, without a traceback."""

    def interrupt(self, name):
        raise KeyboardInterrupt

    monkeypatch.setattr(RunStore, "find", interrupt)
    answer = cli("runs", "show", "x")
    assert (answer.code, answer.out) == (130, "") and "Traceback" not in answer.err


def test_an_interruption_before_any_command_is_none_either(cli, complaint, monkeypatch):
    """Control-C while the options are put together, where the option library does not look out for it."""

    def interrupt(app):
        raise KeyboardInterrupt

    monkeypatch.setattr(typer.main, "get_command", interrupt)
    answer = cli("runs", "list")
    assert (answer.code, complaint(answer)) == (130, "interrupted")


def test_an_error_cannot_drive_the_terminal(cli, complaint):
    """Control characters of a name come out as pictures."""
    answer = cli("train", "--headless", "--corpus", "a\x1b[31m\x07b\u202e")
    text = complaint(answer)
    assert "␛[31m␇b\\u202e" in text and not any(character in text for character in "\x1b\x07\u202e")


def test_a_reader_that_goes_away_is_no_failure(cli, trained, monkeypatch):
    """`rnnbench runs list | head -1` ends quietly."""

    def gone(text):
        raise BrokenPipeError

    monkeypatch.setattr(output, "data", gone)
    monkeypatch.setattr(output, "json_data", gone)
    assert cli("runs", "list", "--json", home=trained.root).code == 0


_LIGHT = """
import io, sys
from rnnbench.cli.app import main
heavy = ("torch", "jieba", "textual", "numpy", "safetensors", "rnnbench.engine.trainer", "rnnbench.text.corpora")
for words in (["--help"], ["train", "--help"], ["sample", "-h"], ["--version"], ["runs", "list"],
              ["runs", "show", "tm"], ["runs", "list", "--json"], ["runs", "show", "tm", "--json"], ["corpora", "list"], ["presets", "list"],
              ["presets", "show", "demo"], ["config", "schema"], ["config", "show"], ["tui"], ["nonsense"]):
    sys.argv, sys.stdout = ["rnnbench", *words], io.StringIO()
    try:
        main()
    except SystemExit:
        pass
    sys.stdout = sys.__stdout__
    print(words, [name for name in heavy if name in sys.modules])
"""


def test_light_commands_load_nothing_heavy(trained):
    """Help, lists, the configuration: no torch, no numpy, no tokenizers, no screen library."""
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=True,
        env={"RNNBENCH_HOME": str(trained.root), "PATH": "", "PYTHONPATH": ":".join(filter(None, sys.path))},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 15 and all(line.endswith("[]") for line in lines), done.stdout


def test_the_program_is_installed_under_its_name(monkeypatch, capsys):
    """`python -m rnnbench` and `rnnbench` are the same program, which runs what stands on its command line."""
    import importlib.metadata

    (entry,) = [e for e in importlib.metadata.entry_points(group="console_scripts") if e.name == "rnnbench"]
    assert entry.value == "rnnbench.__main__:main"
    monkeypatch.setattr(sys, "argv", ["rnnbench", "--version"])
    with pytest.raises(SystemExit) as end:
        __main__.main()
    assert end.value.code == 0 and capsys.readouterr().out.startswith("rnnbench ")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UnavailableError("no room"), ExitCode.UNAVAILABLE, "rnnbench: no room\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "rnnbench: interrupted\n"),
        (OSError(5, "Input/output error", "x"), ExitCode.FAILED, "rnnbench: Input/output error: x\n"),
    ],
    ids=["ours", "interrupt", "disk"],
)
def test_the_workbench_that_fails_ends_as_every_command(monkeypatch, capsys, error, code, line):
    """Without a word on the command line it opens without the other commands; its errors are lines all the same."""

    def fail(workspace):
        raise error

    monkeypatch.setattr(sys, "argv", ["rnnbench"])
    monkeypatch.setattr(__main__, "_is_at_a_terminal", lambda: True)
    monkeypatch.setattr("rnnbench.tui.app.run_workbench", fail)
    with pytest.raises(SystemExit) as end:
        __main__.main()
    assert end.value.code == code and capsys.readouterr().err == line


def test_presets_and_options_agree(cli):
    """Every option that names a field of the configuration is one that train takes."""
    from rnnbench import config as configuration

    text = cli("train", "--help").out
    for field in configuration.fields():
        assert not field.flag or field.flag in text, field.flag


def test_config_show_is_toml(cli):
    """What is printed can be read back as a configuration."""
    tables = tomllib.loads(cli("config", "show").out)
    assert tables["model"]["cell"] == "lstm" and tables["corpus"]["file"] == "TEXT"


def test_hints_name_the_options_of_the_command_line(cli, monkeypatch, complaint):
    """Layers below name settings, which the workbench has as fields; here they are options, where they have one."""

    def fail(*_):
        raise UsageError("corpus.file is odd", "give corpus.encoding, or corpus.pairs, or a.b")

    monkeypatch.setattr(RunStore, "find", fail)
    assert complaint(cli("runs", "show", "x")).endswith("corpus.file is odd (give --encoding, or corpus.pairs, or a.b)")


def test_a_program_is_told_of_settings(cli, complaint, corpus_file):
    """The workbench reads `corpora show --progress`, and knows no options."""
    corpus_file.write_bytes(b"This was \xff text.\n" * 99)
    words = ("corpora", "show", "small", "--set", "corpus.encoding=utf-8")
    told = complaint(cli(*words, "--progress"))
    assert "give the right corpus.encoding, or corpus.errors replace to read on" in told and "--" not in told
    assert "give the right --encoding, or --errors replace to read on" in complaint(cli(*words))


def test_attach_without_a_run(cli, complaint, workspace, make_config, monkeypatch):
    """It is the only one that is going; else the runs that there are are named."""
    opened = []
    monkeypatch.setattr(train, "open_workbench", lambda _, run: opened.append(run))
    answer = cli("attach")
    assert answer.code == 2 and "known: none yet" in complaint(answer)
    one, other = (RunStore(workspace).create(name, make_config()) for name in ("one", "other"))
    answer = cli("attach")
    assert answer.code == 2 and "none is going (known: " in complaint(answer) and "one" in complaint(answer)
    with other.locked():
        assert cli("attach").code == 0
        with one.locked():
            answer = cli("attach")
    assert opened == ["other"] and "2 are going" in complaint(answer)


def test_the_home_of_nobody_is_no_text(cli, complaint):
    """A path that begins with a user who does not exist is not found like any other."""
    answer = cli("corpora", "show", "~nobodyx/f")
    assert "corpus not found: ~nobodyx/f" in complaint(answer)
