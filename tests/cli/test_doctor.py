"""doctor: everything about the machine in one answer, and what to do about what is missing."""

import os

from rnnbench.cli import doctor
from rnnbench.cli.doctor import Compute, Place, Terminal


def test_doctor_answers_people_and_scripts(cli, workspace, holds):
    """Exit code 0 on any machine; the folders are those of the workspace, and nothing is written anywhere."""
    before = sorted(workspace.root.rglob("*"))
    record, text = cli("doctor", "--json"), cli("doctor")
    assert (record.code, text.code) == (0, 0)
    keys = {
        "compute": ("processor", "usable_cores", "devices", "automatic_device", "gpu_driver", "memory_bytes"),
        "terminal": ("is_terminal", "columns", "rows", "term", "colours", "encoding", "multiplexer", "clipboard"),
        "versions": ("rnnbench", "python", "torch", "textual", "rjieba"),
    }
    assert holds(record.json, keys)
    assert "cpu" in record.json["compute"]["devices"]
    places = {place["name"]: place for place in record.json["places"]}
    assert places["runs"]["path"] == str(workspace.runs) and places["runs"]["is_writable"]
    assert any("no terminal" in warning for warning in record.json["warnings"])
    for label in ("processor", "devices", "terminal", "clipboard", "workspace", "packages", "WARNING"):
        assert f"\n{label}" in text.out
    assert sorted(workspace.root.rglob("*")) == before


def test_hostile_names_do_not_reach_the_terminal(cli, workspace, monkeypatch):
    """TERM and the name of a folder are shown with their control characters made visible."""
    odd = workspace.root / "a\x1b[2Jb"
    odd.mkdir()
    monkeypatch.setenv("TERM", "x\x1b]0;title\x07")
    answer = cli("doctor", home=odd)
    assert "\x1b" not in answer.out + answer.err and "␛[2J" in answer.out


def terminal(**changes):
    """A good terminal, but for the changes."""
    values = {
        "is_terminal": True, "columns": 80, "rows": 24, "term": "xterm-256color", "colorterm": "", "colours": "256",
        "encoding": "UTF-8", "multiplexer": "tmux", "clipboard": "OSC 52", "over_ssh": True,
    }  # fmt: skip
    return Terminal(**(values | changes))


def test_each_fault_of_a_terminal_has_a_warning_that_helps(monkeypatch):
    """Too small, not UTF-8, few colours; a good one has none."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert list(doctor._terminal_warnings(terminal())) == []
    for changes, words in (
        ({"columns": 60}, "60x24"),
        ({"encoding": "ANSI_X3.4-1968"}, "--ascii"),
        ({"colours": "16"}, "xterm-256color"),
        ({"is_terminal": False}, "--headless"),
    ):
        (warning,) = doctor._terminal_warnings(terminal(**changes))
        assert words in warning


def test_what_keeps_a_machine_from_its_best_is_said():
    """A limit on threads, a GPU that torch does not use, folders without rights or space."""
    fine = Compute("cpu", 4, 4, "", 1 << 34, ("cpu",), "cpu", "no NVIDIA driver")
    assert list(doctor._compute_warnings(fine)) == []
    poor = Compute("cpu", 4, 2, "1", 1 << 34, ("cpu",), "cpu", "NVIDIA H200")
    cores, threads, gpu = doctor._compute_warnings(poor)
    assert "2 of 4" in cores and "OMP_NUM_THREADS" in threads and "CUDA" in gpu
    rights, space = doctor._place_warnings(
        (
            Place("runs", "/r", False, 1 << 40),
            Place("temporary", "/t", True, 1 << 20),
            Place("cache", "/c", True, 1 << 40),
        )
    )
    assert "--workspace" in rights and "free some space" in space


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(tmp_path):
    """It can be made where the nearest folder that exists can be written to; a file in the way cannot."""
    assert doctor._place("runs", tmp_path / "a" / "b").is_writable
    (tmp_path / "file").write_text("")
    assert not doctor._place("runs", tmp_path / "file" / "b").is_writable
    assert os.listdir(tmp_path) == ["file"]


def test_every_fault_of_the_settings_is_told(cli, monkeypatch, tmp_path):
    """The workbench has one line for them; here they are all."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "rnnbench").mkdir()
    (tmp_path / "rnnbench" / "settings.toml").write_text('theem = "dark"\n[keys]\nnothing = "x"\nstart = "??"\n')
    warnings = "\n".join(cli("doctor", "--json").json["warnings"])
    for told in ("unknown setting theem", "[keys] nothing: there is no such action", "[keys] start: '??' is not a key"):
        assert told in warnings
