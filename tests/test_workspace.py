"""Where texts and runs are looked for."""

from pathlib import Path

import pytest

from rnnbench import workspace as module
from rnnbench.errors import CorpusError
from rnnbench.workspace import Workspace


def test_the_option_wins_over_the_environment_and_that_over_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--workspace, else RNNBENCH_HOME, else here; always an absolute path."""
    here, home, option = tmp_path / "here", tmp_path / "home", tmp_path / "option"
    here.mkdir()
    monkeypatch.chdir(here)
    assert Workspace.choose().root == here
    monkeypatch.setenv("RNNBENCH_HOME", str(home))
    assert Workspace.choose().root == home
    assert Workspace.choose(option).root == option
    assert Workspace.choose(Path("sub")).root == here / "sub"


def test_a_tilde_means_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RNNBENCH_HOME=~/x works where no shell has expanded it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RNNBENCH_HOME", "~/x")
    assert Workspace.choose().root == tmp_path / "x"
    monkeypatch.setenv("RNNBENCH_HOME", "~nobody-of-that-name/x")
    assert Workspace.choose().root == Path.cwd() / "~nobody-of-that-name/x"


def test_a_tilde_that_is_nobodys_home_is_a_name(workspace: Workspace, corpus_file: Path) -> None:
    """A text called `~draft.txt` is found by its name and by its path; the home of nobody is a text that is not there."""
    draft = corpus_file.with_name("~nobody-of-that-name.txt")
    draft.write_text("text")
    for name in ("~nobody-of-that-name", "~nobody-of-that-name.txt", str(draft)):
        assert workspace.find_corpus(name) == draft
    with pytest.raises(CorpusError, match="corpus not found: ~gone/x"):
        workspace.find_corpus("~gone/x.txt")


def test_a_text_wins_over_a_home_of_its_name(
    workspace: Workspace, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~` alone is the home folder only where no text is called so."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert workspace.find_corpus("~") == tmp_path
    corpus_file.with_name("~.txt").write_text("text")
    assert workspace.find_corpus("~") == corpus_file.with_name("~.txt")


def test_a_text_is_known_by_its_name_with_or_without_suffix(workspace: Workspace, corpus_file: Path) -> None:
    """`small` and `small.txt` both mean corpora/small.txt."""
    assert workspace.find_corpus("small") == corpus_file
    assert workspace.find_corpus("small.txt") == corpus_file


def test_a_path_means_that_file(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An absolute path and one from the current folder are taken as they are, and made absolute."""
    other = tmp_path / "other.txt"
    other.write_text("text")
    assert workspace.find_corpus(str(other)) == other
    monkeypatch.chdir(tmp_path)
    assert workspace.find_corpus("other.txt") == other
    assert workspace.find_corpus("./other.txt") == other


def test_a_path_is_not_looked_up_under_corpora(workspace: Workspace, tmp_path: Path) -> None:
    """`missing/small` names a place, so the workspace's small.txt does not answer to it."""
    with pytest.raises(CorpusError, match="corpus not found: missing/small"):
        workspace.find_corpus("missing/small")


def test_an_unknown_text_is_refused_with_the_known_names(workspace: Workspace) -> None:
    """The error says what could have been meant."""
    with pytest.raises(CorpusError, match=r"corpus not found: nothing \(texts known by name: .*small"):
        workspace.find_corpus("nothing")


def test_bundled_texts_are_known_in_every_workspace(workspace: Workspace) -> None:
    """A fresh workspace can begin with the texts that came with the project."""
    assert workspace.find_corpus("harbour-clock").read_bytes().startswith(b"The Harbour Clock")
    assert {"harbour-clock.txt", "shanzhong-youju.txt", "small.txt"} <= {path.name for path in workspace.corpora()}


def test_the_workspaces_own_text_comes_before_a_bundled_one_of_the_same_name(workspace: Workspace) -> None:
    """Whoever puts a text into corpora/ means that one."""
    own = workspace.root / "corpora" / "harbour-clock.txt"
    own.write_text("mine")
    assert workspace.find_corpus("harbour-clock") == own
    assert [path for path in workspace.corpora() if path.name == own.name] == [own]


def test_the_list_holds_texts_only(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Notes and folders beside the texts are not offered as texts, and the list is sorted."""
    monkeypatch.setattr(module, "bundled_corpora", lambda: tmp_path / "absent")
    folder = workspace.root / "corpora"
    (folder / "README.md").write_text("notes")
    (folder / "a-folder.txt").mkdir()
    (folder / "another.txt").write_text("text")
    names = [path.name for path in workspace.corpora()]
    assert "README.md" not in names
    assert [name for name in names if name in {"another.txt", "small.txt"}] == ["another.txt", "small.txt"]


def test_a_workspace_without_folders_is_empty_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be prepared before the first command."""
    monkeypatch.setattr(module, "bundled_corpora", lambda: tmp_path / "absent")
    assert Workspace(tmp_path).corpora() == []
    with pytest.raises(CorpusError, match="known by name: none"):
        Workspace(tmp_path).find_corpus("small")


def test_runs_and_their_cache_are_inside_the_workspace(tmp_path: Path) -> None:
    """Nothing is staged elsewhere: runs/ and runs/.cache."""
    assert Workspace(tmp_path).runs == tmp_path / "runs"
    assert Workspace(tmp_path).cache.parent == tmp_path / "runs"
