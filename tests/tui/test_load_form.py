"""Filling the form from a run or a file: what is taken, and what is said of a file that is wrong."""

import pytest

from rnnbench import config as configuration
from rnnbench.errors import UsageError
from rnnbench.tui.panes.model import ModelPane
from rnnbench.tui.panes.path_input import complete
from rnnbench.tui.screens.find_field import FieldLine, ranked
from rnnbench.tui.screens.load import read_file


async def test_form_is_filled_from_a_run_found_by_a_few_letters(bench, make_run, script):
    """The list of runs is searched by typing; enter takes the choices of the one under the cursor."""
    make_run("small", model={"hidden": 12})
    make_run("large", model={"hidden": 99})
    async with bench(script.NARROW) as it:
        pane = it.screen.query_one(ModelPane)
        await it.until(lambda: pane.form.base.name)
        await it.keys("2", "l")
        await it.see("small", "large", "lstm 99")
        await it.type("sm")
        await it.until(lambda: "lstm 99" not in it.text())
        await it.keys("enter")
        await it.until(lambda: pane.form.values()["model.hidden"] == "12")
        assert (pane.form.base.name, pane.form.changed()) == ("small", [])


async def test_form_is_filled_from_a_file_after_its_faults_were_told(bench, tmp_path, script):
    """What is wrong with a file stands below the field; put right, it fills the form, and the chosen text stays."""
    file = tmp_path / "mine.toml"
    file.write_text("[model]\nhiden = 3\n")
    async with bench(script.NARROW) as it:
        pane = it.screen.query_one(ModelPane)
        pane.choose("corpus.file", "story.txt")
        await it.keys("2", "l")
        it.app.screen.query_one("#pick-filter").value = str(file)
        await it.keys("enter")
        await it.see("unknown key model.hiden", "did you mean model.hidden")
        file.write_text("[model]\nhidden = 3\n")
        await it.keys("enter")
        await it.until(lambda: pane.form.values()["model.hidden"] == "3")
        assert pane.form.texts["corpus.file"] == "story.txt"
        await it.see("filled from mine.toml")


def test_fields_are_found_by_their_very_name_first():
    """Then come names that begin so, names that have it, and what only helps say."""
    told = {"a.other": "a rate", "b.my_rate": "", "c.rate_of": "", "d.rate": "", "e.none": ""}
    fields = [FieldLine(key, "", said, changed=False) for key, said in told.items()]
    assert [field.key for field in ranked(fields, "rate")] == ["d.rate", "c.rate_of", "b.my_rate", "a.other"]
    assert [field.key for field in ranked(fields, "my rate")] == ["b.my_rate"]


def test_saved_configuration_is_read_back(tmp_path):
    """What is saved as TOML loads as the same choices."""
    config = configuration.validate({"corpus": {"file": "a.txt"}, "model": {"hidden": 7}})
    file = tmp_path / "a.toml"
    file.write_text(configuration.to_toml(config))
    assert configuration.validate(read_file(str(file)).tables) == config


@pytest.mark.parametrize(
    "text,message",
    [("[model", "not valid TOML"), ('model = "x"', "model"), ("[corpus]\nencoding = 7", "corpus.encoding")],
    ids=["broken", "no-table", "no-text"],
)
def test_file_that_is_no_configuration_is_refused(tmp_path, text, message):
    """Each file that cannot be used says why."""
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_file(str(file))


def test_path_is_completed_as_far_as_it_is_certain(tmp_path):
    """Up to where names part; folders get their slash; hidden names only when asked for."""
    for name in ("alpha one.txt", "alpha two.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert complete(f"{tmp_path}/a").text == f"{tmp_path}/alpha "
    assert complete(f"{tmp_path}/alpha ").names == ("alpha one.txt", "alpha two.txt")
    assert complete(f"{tmp_path}/fo").text == f"{tmp_path}/folder/"
    assert complete(f"{tmp_path}/.h").text == f"{tmp_path}/.hidden"
    assert complete(f"{tmp_path}/").names == ("alpha one.txt", "alpha two.txt", "folder/")
    assert complete(f"{tmp_path}/zz").names == ()


async def test_undo_says_what_it_brought_back_and_stops_where_the_form_began(bench, make_run, script):
    """The form that was filled when the workbench opened is its beginning: undoing does not empty it."""
    make_run("old", script.started(), model={"hidden": 77})
    async with bench(script.NARROW) as it:
        pane = it.screen.query_one(ModelPane)
        await it.until(lambda: pane.form.base.name == "old")
        await it.keys("2", "z")
        await it.see("nothing was changed")
        assert pane.form.texts["model.hidden"] == "77"
        pane.choose("model.hidden", "12")
        pane.choose("training.seed", "9")
        await it.keys("z")
        await it.see("seed is 1 again")
        await it.keys("z")
        await it.see("hidden is 77 again")
        await it.keys("z")
        await it.see("nothing was changed")


async def test_every_row_of_the_form_is_found(bench, script):
    """Preset and run name too, which are no settings of a run."""
    async with bench(script.NARROW) as it:
        for name in ("preset", "run name"):
            await it.keys("escape", "2", "slash")
            await it.see("Search the fields")
            await it.type(name)
            await it.keys("enter")
            await it.until(lambda: it.app.screen is it.screen)
            row = it.screen.query_one(ModelPane).rows()[name.replace(" ", ".")]
            await it.until(lambda row=row: it.screen.focused is row.control)


async def test_an_error_of_another_path_goes_when_the_path_is_changed(bench, script, tmp_path):
    """What could not be written there is not said of the path that is typed now."""
    async with bench(script.NARROW) as it:
        await it.see("story.txt")
        await it.keys("1", "home", "enter", "c")
        await it.see("This form as a command")
        field = it.app.screen.query_one("#toml-path")
        field.value = str(tmp_path / "nowhere" / "x.toml")
        field.focus()
        await it.keys("enter")
        await it.see("cannot write")
        await it.keys("backspace")
        await it.until(lambda: "cannot write" not in it.text())
