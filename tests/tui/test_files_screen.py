"""Finding a file by walking folders."""

import os

import pytest

from rnnbench.tui.panes.corpora import CorporaPane
from rnnbench.tui.panes.model import ModelPane
from rnnbench.tui.screens.files import FilesScreen, fitting, look_into


async def test_file_is_found_by_letters_and_chosen(bench, workspace, script):
    """A few letters and enter open a folder, then choose a file in it."""
    folder = workspace.root / "shelf"
    folder.mkdir()
    (folder / "a-novel.md").write_text("It was a dark night.\n" * 50)
    (folder / ".secret").touch()
    async with bench(script.NARROW) as it:
        await it.keys("1", "f")
        await it.see("shelf/", "corpora/")
        await it.type("she")
        await it.keys("enter")
        await it.see("a-novel.md", "1.05 kB", "../")
        assert ".secret" not in it.text()
        await it.keys("enter")
        await it.see("● a-novel.md")
        path = str(folder / "a-novel.md")
        await it.until(lambda: it.screen.query_one(ModelPane).form.texts.get("corpus.file") == path)


async def test_letters_that_no_name_has_are_answered_in_the_list(bench, workspace, script):
    """The box is not left empty, enter and the arrows do nothing, and the folder is still named."""
    async with bench(script.NARROW) as it:
        await it.keys("1", "f")
        await it.see("corpora/")
        await it.type("zqx")
        await it.see("no name in this folder has these letters", str(workspace.root)[:24])
        await it.keys("down", "enter", "backspace", "backspace", "backspace")
        await it.see("corpora/")


async def test_empty_field_and_backspace_go_up(bench, workspace, script):
    """Backspace walks up, and the cursor is on the folder that was left."""
    async with bench(script.NARROW) as it:
        await it.keys("1", "f")
        await it.see("corpora/")
        await it.type("cor")
        await it.keys("enter")
        await it.see("story.txt")
        await it.keys("backspace")
        await it.see("corpora/")
        screen = it.app.screen
        assert isinstance(screen, FilesScreen)
        await it.until(lambda: screen.query_one("#pick-list").highlighted == 1)
        await it.keys("escape")
        assert it.app.screen is it.screen


def test_links_are_shown_and_hidden_files_are_not(tmp_path):
    """A link says where it leads, one that leads nowhere is listed too; a dot asks for hidden names."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "lost").symlink_to("nowhere")
    (tmp_path / ".hidden").touch()
    found = look_into(tmp_path)
    assert [item.name for item in fitting(found, "")] == ["..", "link", "real", "lost"]
    assert {item.name: item.target for item in found if item.target} == {"link": "real"}
    assert [item.name for item in fitting(found, ".h")] == [".hidden"]
    assert [item.name for item in fitting(found, "li")] == ["link"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
async def test_folder_that_may_not_be_read_says_so(bench, workspace, script):
    """The reason stands in a line, and the list stays as it was."""
    (workspace.root / "closed").mkdir(mode=0)
    async with bench(script.NARROW) as it:
        await it.keys("1", "f")
        await it.type("closed")
        await it.keys("enter")
        await it.see("Permission denied")


async def test_hostile_names_are_harmless(bench, workspace, script):
    """ESC and markup in the name of a file are shown as text."""
    (workspace.root / "[@click=app.quit]red\x1b[31m.txt").write_text("Words and words.\n" * 40)
    async with bench(script.NARROW) as it:
        await it.keys("1", "f")
        await it.see("[@click=app.quit]red␛[31m.txt")
        assert "\x1b" not in it.text()


async def test_added_text_is_remembered_and_taken_off(bench, workspace, tmp_path_factory, script):
    """A text from elsewhere is listed the next time too, until d takes it off; its file stays."""
    text = tmp_path_factory.mktemp("elsewhere") / "far.txt"
    text.write_text("Far away and long ago.\n" * 50)
    async with bench(script.WIDE) as it:
        await it.see("story.txt")
        pane = it.screen.query_one(CorporaPane)
        pane.add(text, pane.log)
        await it.see("● far.txt")
        await it.until((workspace.cache / "added_texts.json").exists)
    async with bench(script.WIDE) as it:
        await it.see("far.txt")
        await it.keys("1", "end", "d")
        await it.until(lambda: "far.txt is off the list" in it.screen.status.message)
        await it.keys("home", "d")
        await it.until(lambda: "lies in the workspace" in it.screen.status.message)
        pane = it.screen.query_one(CorporaPane)
        await it.until(lambda: "far.txt" not in (workspace.cache / "added_texts.json").read_text())
        assert text.exists() and text not in pane._paths
