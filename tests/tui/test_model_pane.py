"""The form: what it passes on, what it refuses, what it says while it is typed."""

import pytest
from textual.geometry import Region, Size
from textual.widgets import Input

from rnnbench.config import fields, preset_names, validate
from rnnbench.runs.store import RunStore
from rnnbench.tui import words
from rnnbench.tui.form import FIELDS, MAIN, MORE, Form, choices
from rnnbench.tui.panes.field_help import field_help
from rnnbench.tui.panes.fields import Choice
from rnnbench.tui.panes.model import ModelPane
from rnnbench.tui.panes.paragraph import filled
from rnnbench.tui.panes.section import SectionTitle
from rnnbench.tui.screens.choices import ChoicesScreen, place_beside


@pytest.fixture
def form(workspace):
    """A form with a corpus."""
    return Form(RunStore(workspace), {"corpus.file": "story.txt"})


def test_form_offers_every_field_of_the_configuration():
    """A field that is added to the models appears in the form by itself."""
    assert {*MAIN, *MORE, "corpus.file"} == {field.key for field in fields()}


def test_defaults_are_not_passed_on(form):
    """Only what was set goes into the tables, and a choice set to its default is taken back."""
    assert form.tables() == {"corpus": {"file": "story.txt"}}
    form.set("model.cell", "gru")
    form.set("model.hidden", "32")
    assert form.tables() == {"corpus": {"file": "story.txt"}, "model": {"cell": "gru", "hidden": 32}}
    form.set("model.cell", "lstm")
    form.set("model.hidden", "")
    assert form.tables() == {"corpus": {"file": "story.txt"}}


def test_unset_fields_follow_the_others(form):
    """The learning rate shown is that of the optimizer, and a budget in steps takes the epochs back."""
    assert form.following("training.learning_rate") == "0.003"
    form.set("training.optimizer", "sgd")
    assert form.following("training.learning_rate") == "1.0"
    assert form.following("training.epochs") == "10"
    form.set("training.max_steps", "5")
    assert form.following("training.epochs") == "off"


def test_filled_form_gives_the_same_configuration_back(form):
    """Whatever a run was made of, its form starts the same again."""
    config = validate(
        {
            "corpus": {"file": "山中.txt", "first_characters": 500},
            "text": {"reserved": ["<a>", "<b>"]},
            "model": {"embedding": 64, "hidden": 64, "tie_weights": True},
            "training": {"optimizer": "sgd", "momentum": 0.9, "clip_norm": "off", "minutes": 0.5},
            "evaluation": {"sample_prompts": ["12", "To be, or __", "[x]"]},
        }
    )
    form.fill(config)
    assert form.problems() == {}
    assert form.config() == config


def test_preset_fills_the_form_and_names_the_run(form):
    """A preset's choices replace what was there; the run is named after it."""
    form.set("model.hidden", "9")
    form.load_preset("demo")
    assert form.texts["training.minutes"] == "0.75"
    assert form.name() == "demo"
    form.load_preset("")
    assert "training.minutes" not in form.texts


def test_name_of_an_existing_run_is_refused(form, make_run):
    """A run is never overwritten: a taken or an impossible name is a problem of the form."""
    make_run("taken")
    form.run_name = "taken"
    assert form.problems() == {"run.name": "a run of this name exists"}
    form.run_name = "../x"
    assert "1 to 64 letters" in form.problems()["run.name"]
    form.run_name = "free"
    assert form.problems() == {}


async def test_parameters_change_while_typing(bench, script):
    """The number of parameters and the memory follow each key."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter", "2")
        await it.see("404,504 parameters", "MB of memory")
        field(it, "model.hidden").focus()
        await it.type("8")
        await it.see("7,704 parameters")
        await it.keys("backspace")
        await it.see("404,504 parameters")


async def test_wrong_value_is_told_and_refuses_to_start(bench, fake_jobs, script):
    """The message stands below the field; starting goes to the field instead."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter", "2")
        field(it, "model.hidden").focus()
        await it.type("-3x")
        await it.see("! should be a valid integer, not '-3x'")
        await it.keys("escape", "s")
        await it.until(lambda: "hidden: should be" in it.screen.status.message)
        assert not fake_jobs.started
        assert it.screen.focused is field(it, "model.hidden")


async def test_rule_between_fields_is_told(bench, script):
    """What no single field is to blame for stands where the size would be."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter")
        pane = it.screen.query_one(ModelPane)
        pane.form.set("model.tie_weights", "on")
        pane._edited()
        await it.see("tie_weights needs")


async def test_choices_turn_with_arrows_and_open_with_enter(bench, script):
    """Left and right change a choice, enter lists all words, up and down move between fields."""
    async with bench(script.WIDE) as it:
        await it.keys("2", "down", "down", "down")
        cell = field(it, "model.cell")
        assert it.screen.focused is cell
        await it.keys("left")
        words = choices("model.cell")
        form = it.screen.query_one(ModelPane).form
        await it.until(lambda: form.texts.get("model.cell") == words[words.index("lstm") - 1])
        await it.keys("enter", "home", "enter")
        await it.until(lambda: form.texts.get("model.cell") == words[0])
        rows = it.screen.query_one(ModelPane).rows()
        await it.until(lambda: not rows["model.cell"].has_class("-default"))
        assert rows["model.input"].has_class("-default")
        await it.keys("up", "up")
        assert it.screen.focused is field(it, "run.name")


async def test_list_of_choices_is_searched_by_letters_and_left(bench, script):
    """Whatever is typed ahead, a letter goes to the next word that begins with it; escape takes nothing."""
    async with bench(script.WIDE) as it:
        await it.keys("2")
        preset = field(it, "preset")
        for keys, value in (("enter",), ""), (("space", "n", "n"), "novel-rnn"), (("enter", "s", "up"), "novel-rnn"):
            await it.keys(*keys)
            shown = it.app.screen
            assert isinstance(shown, ChoicesScreen)
            await it.keys("enter" if keys[0] == "space" else "escape")
            await it.until(lambda: it.app.screen is it.screen)
            assert preset.value == value
            assert it.screen.focused is preset


async def test_list_of_choices_is_used_with_the_mouse(bench, script):
    """A click opens it, one on a word takes that, one beside it closes it."""
    async with bench(script.WIDE) as it:
        await it.keys("2")
        form = it.screen.query_one(ModelPane).form
        await it.pilot.click(field(it, "model.cell"))
        await it.until(lambda: isinstance(it.app.screen, ChoicesScreen))
        await it.pilot.click("#choices", offset=(3, 1))
        await it.until(lambda: form.texts.get("model.cell") == choices("model.cell")[0])
        await it.pilot.click(field(it, "model.cell"))
        await it.until(lambda: isinstance(it.app.screen, ChoicesScreen))
        await it.pilot.click(offset=(100, 2))
        await it.until(lambda: it.app.screen is it.screen)


def test_list_of_choices_stands_where_there_is_room():
    """Below the field, above it, or else as low as can be; never outside the screen."""
    room = Size(80, 23)
    assert place_beside(Region(20, 5, 30, 1), Size(26, 12), room) == Region(20, 6, 26, 12)
    assert place_beside(Region(20, 20, 30, 1), Size(26, 12), room) == Region(20, 8, 26, 12)
    assert place_beside(Region(60, 11, 20, 1), Size(26, 14), room) == Region(54, 9, 26, 14)
    assert place_beside(Region(3, 2, 9, 1), Size(26, 14), Size(20, 5)) == Region(0, 0, 20, 5)


async def test_section_is_folded_again(bench, script):
    """Folded fields keep what was set, and neither the focus nor a letter of a jump leads to them."""
    async with bench(script.NARROW) as it:
        pane = it.screen.query_one(ModelPane)
        await it.keys("2", "up")
        pane.go_to("machine.threads")
        await it.until(lambda: "machine.threads" in pane.rows())
        await it.until(lambda: it.screen.focused is field(it, "machine.threads"))
        await it.type("3")
        await it.keys("up", "space")
        await it.until(lambda: not pane.rows()["machine.threads"].display)
        await it.see("▶ more of machine", "1 changed")
        await it.keys("down")
        assert it.screen.focused is field(it, "preset") and pane.entry() is field(it, "preset")
        await it.keys("up", "enter")
        await it.until(lambda: "machine.threads" in pane.rows() and pane.rows()["machine.threads"].display)
        assert field(it, "machine.threads").value == "3"


async def test_help_of_the_focused_field_is_shown(bench, script):
    """The bottom line of the pane says what the field means."""
    async with bench(script.WIDE) as it:
        await it.keys("2", "down", "down", "down")
        await it.see("The recurrent cell")
        await it.keys("down")
        await it.see("Units in each layer's state")


async def test_other_fields_are_made_when_their_section_is_opened(bench, script):
    """The rest of the configuration is folded by section; its fields work like the others, and changes are counted."""
    async with bench(script.WIDE) as it:
        pane = it.screen.query_one(ModelPane)
        assert "checkpoints.keep" not in pane.rows()
        await it.keys("2", "up", "up", "enter")
        await it.until(lambda: "checkpoints.keep" in pane.rows())
        assert "model.tie_weights" not in pane.rows()
        pane.go_to("model.tie_weights")
        await it.until(lambda: "model.tie_weights" in pane.rows())
        await it.until(lambda: it.screen.focused is field(it, "model.tie_weights"))
        await it.keys("right")
        await it.until(lambda: pane.form.tables().get("model") == {"tie_weights": True})
        title = pane.query_one("#more-model", SectionTitle)
        await it.until(lambda: title.text.endswith("1 changed"))


async def test_field_is_found_by_what_it_means(bench, script):
    """`/` searches names and helps, and goes to the field, opening its section."""
    async with bench(script.NARROW) as it:
        await it.keys("2", "slash")
        await it.type("checkpoints kept")
        await it.see("checkpoints.keep", "Latest checkpoints kept beside the best")
        await it.keys("enter")
        rows = it.screen.query_one(ModelPane).rows
        await it.until(lambda: "checkpoints.keep" in rows() and it.screen.focused is field(it, "checkpoints.keep"))


def test_change_from_the_base_is_known_by_value(form):
    """What differs is told by what it means: 0.50 is the preset's 0.5, and a field that follows another can differ."""
    form.load_preset("shakespeare-minutes")
    assert form.changed() == []
    rate = form.values()["training.learning_rate"]
    form.set("training.learning_rate", f"{rate}0")
    assert form.changed() == []
    form.set("training.learning_rate", "")
    form.set("training.optimizer", "sgd")
    assert {"training.optimizer", "training.learning_rate"} <= set(form.changed())
    form.set("model.hidden", "9")
    form.reset_all()
    assert form.changed() == [] and form.texts["corpus.file"]


async def test_changed_field_is_marked_and_reset(bench, script):
    """A dot marks what differs from the preset, the help says what that has, backspace in the empty field resets."""
    async with bench(script.WIDE) as it:
        pane = it.screen.query_one(ModelPane)
        pane.form.load_preset("demo")
        pane.choose("model.layers", "")
        layers = pane.form.base.values["model.hidden"]
        pane.go_to("model.hidden")
        field(it, "model.hidden").value = "7"
        await it.until(lambda: pane.rows()["model.hidden"].changed)
        await it.see("hidden           •", f"preset: {layers}")
        await it.keys("backspace", "backspace")
        await it.until(lambda: not pane.rows()["model.hidden"].changed)
        assert pane.form.values()["model.hidden"] == layers


async def test_undo_takes_one_field_after_the_other_back(bench, script):
    """ctrl+z undoes all that was typed in a field at once, then the change before it."""
    async with bench(script.WIDE) as it:
        pane = it.screen.query_one(ModelPane)
        pane.go_to("model.hidden")
        await it.type("48")
        await it.keys("down")
        await it.type("2")
        await it.until(lambda: pane.form.texts.get("model.layers") == "2")
        await it.keys("ctrl+z")
        await it.until(lambda: pane.form.texts == {"model.hidden": "48"})
        assert field(it, "model.layers").value == ""
        await it.keys("escape", "z")
        await it.until(lambda: pane.form.texts == {})
        await it.keys("z")
        await it.until(lambda: "nothing was changed" in it.screen.status.message)


async def test_fields_are_found_in_both_languages(bench, monkeypatch, script):
    """With the interface in another language the English words of a help find its field as well, and so do its own."""
    meaning = FIELDS["text.maximum_size"].help
    async with bench(script.WIDE) as it:
        monkeypatch.setitem(words._catalogue, meaning, "词表的词元上限")
        await it.keys("2", "slash")
        await it.type("rarer ones")
        await it.see("text.maximum_size", "词表的词元上限")
        await it.keys(*["backspace"] * len("rarer ones"))
        await it.type("词元上")
        await it.until(lambda: "text.maximum_size" in it.text() and "corpus.errors" not in it.text())


def test_a_sentence_is_filled_with_styled_parts():
    """The parts stand where the sentence has their names, whatever the order, and are never read as a pattern."""
    shown = filled("共 {many} 个，见 {name}", name="{0.__class__}", many=("1,060", "bold"))
    assert shown.plain == "共 1,060 个，见 {0.__class__}"
    assert [(shown.plain[span.start : span.end], span.style) for span in shown.spans] == [("1,060", "bold")]


async def test_resetting_everything_asks(bench, script):
    """Z names what would be lost, and only yes does it."""
    async with bench(script.WIDE) as it:
        pane = it.screen.query_one(ModelPane)
        pane.choose("model.hidden", "9")
        await it.keys("2", "Z")
        await it.see("Take the change back?", "hidden")
        await it.keys("n")
        assert pane.form.changed() == ["model.hidden"]
        await it.keys("Z", "y")
        await it.until(lambda: not pane.form.changed())


def test_help_says_the_numbers_that_are_possible(form):
    """Units and ranges stand in the help of a field."""
    assert field_help(form, "model.hidden") == "Units in each layer's state (1 to 65536)"
    assert field_help(form, "model.dropout").endswith("(at least 0, below 1)")
    form.set("model.hidden", "9")
    assert "default: 256" in field_help(form, "model.hidden")
    assert all(field.help for field in fields())


async def test_preset_in_the_form(bench, script):
    """Choosing a preset shows its values in the fields."""
    async with bench(script.WIDE) as it:
        await it.keys("2", *["right"] * (preset_names().index("demo") + 1))
        pane = it.screen.query_one(ModelPane)
        await it.until(lambda: pane.form.preset == "demo")
        await it.until(lambda: field(it, "training.minutes").value == "0.75")


def field(it, key):
    """The widget of a field of the form."""
    found = it.screen.query_one(ModelPane).rows()[key].control
    assert isinstance(found, (Input, Choice))
    return found
