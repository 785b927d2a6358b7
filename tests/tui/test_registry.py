"""The registry: what it promises of every action, the user's own keys, the palette and the help."""

import importlib
import pkgutil
from itertools import combinations
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.binding import Binding
from textual.widgets import Input

from rnnbench.tui import actions, panes, screens
from rnnbench.tui.actions.keymap import apart, parse_key
from rnnbench.tui.actions.palette import ActionProvider
from rnnbench.tui.app import WorkbenchApp
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.pane import Pane
from rnnbench.tui.preferences import Preferences
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.screens.help import HelpScreen
from rnnbench.tui.screens.jump import JumpScreen
from rnnbench.tui.screens.workbench import WorkbenchScreen

DOCUMENT = Path(__file__).parents[2] / "docs" / "keys.md"


def _below(kind):
    return [kind, *(found for sub in kind.__subclasses__() for found in _below(sub))]


def _places():
    """Every class with bindings of its own, by its place."""
    for package in (panes, screens):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    found = {}
    for kind in [*_below(Pane), *_below(DialogScreen), *_below(PlaceScreen), JumpScreen]:
        if kind.__module__.startswith("rnnbench.") and "BINDINGS" in vars(kind):
            place = getattr(kind, "NAME", "") or getattr(kind, "PLACE", "")
            alike = (name for name in actions.SCREENS if actions.bindings(name) == kind.BINDINGS)
            found[place or next(alike, kind.__name__)] = kind
    return found


PLACES = _places()
EVERY = pytest.mark.parametrize("action", actions.ACTIONS, ids=lambda action: action.id)
OVERRIDES = {"save": "ctrl+s f5", "pause": "ctrl+t"}


def test_every_place_takes_all_its_keys_from_the_registry():
    """No screen, pane or dialog has a key that the registry does not list for its place."""
    for place, kind in PLACES.items():
        listed = {key for action in actions.actions_for(place) if action.built_in for key in action.keys}
        own = [binding for binding in kind.BINDINGS if binding not in actions.bindings(place)]
        assert {key for binding in own for key in binding.key.split(",")} <= listed, kind
        assert len(kind.BINDINGS) - len(own) == len(actions.bindings(place)), kind


def test_every_action_is_named_once():
    """An id means one action: settings and documents refer to it."""
    names = [action.id for action in actions.ACTIONS]
    assert len(set(names)) == len(names)


@EVERY
def test_action_can_be_reached(action):
    """Every action has a place that there is, and a key, or can be picked from the palette; only keys are documented
    of what a widget does by itself."""
    assert action.where
    assert action.keys or not action.built_in
    missing = [place for place in action.where if place not in PLACES and not action.built_in]
    assert not [place for place in missing if place not in (actions.MACHINE, actions.QUEUE)]


@EVERY
def test_action_has_its_method(action):
    """Whatever a key calls is there, on the screen, the pane, the dialog or the app that has to do it."""
    if action.built_in:
        return
    name = action.call.partition("(")[0]
    for kind in (PLACES[place] for place in action.where if place in PLACES):
        owner, _, method = name.rpartition(".")
        target = {"app": WorkbenchApp, "screen": WorkbenchScreen if issubclass(kind, Pane) else kind}.get(owner, kind)
        assert hasattr(target, f"action_{method}"), (action.id, target)


def test_no_two_actions_of_a_place_share_a_key_at_the_same_time():
    """A key means one thing in a place, or one for each state of the run."""
    for place in actions.PLACES:
        for one, other in combinations(actions.actions_for(place), 2):
            assert apart(one, other) or not set(one.keys) & set(other.keys), (place, one.id, other.id)


def test_every_key_is_one_that_textual_knows():
    """A key with a mistyped name would never come."""
    for action in actions.ACTIONS:
        for key in action.keys:
            assert parse_key(key) == key or key.startswith("shift+"), (action.id, key)


@pytest.mark.parametrize(
    "text,name",
    [
        ("t", "t"),
        ("T", "T"),
        ("?", "question_mark"),
        ("F5", "f5"),
        ("ctrl+T", "ctrl+t"),
        ("<", "less_than_sign"),
        ("+", "plus"),
        ("esc", "escape"),
        ("ctrl+i", "tab"),
        ("ctrl+", None),
        ("ctlr+t", None),
        ("no key", None),
        ("", None),
        ("\x1b", None),
    ],
)
def test_keys_are_read_as_people_write_them(text, name):
    """A key is a character, a name, or one of them with modifiers before it."""
    assert parse_key(text) == name


def test_wrong_keys_are_told_and_change_nothing():
    """An unknown action, a key that is none, a key in use and a key of a widget: each a sentence, and the default
    stays; what is right beside them counts."""
    wanted = {"nope\x1b": "a", "stop": "ctlr+x", "show_runs": "q", "send": "f9", "start": " ", "save": "f6"}
    keys = actions.read_key_map(wanted)
    assert keys.chosen == {"save": ("f6",)}
    told = "\n".join(keys.problems)
    assert len(keys.problems) == 5 and "\x1b" not in told
    for part in ("nope", "ctlr+x", "q is already quit in workbench", "send", "start"):
        assert part in told
    assert keys.text(actions.by_id("show_runs")) == "r"


def test_keys_can_be_swapped():
    """Two actions may exchange their keys: only the outcome counts."""
    keys = actions.read_key_map({"show_runs": "i", "inspect": "r"})
    assert not keys.problems
    assert keys.text(actions.by_id("inspect")) == "r"


async def test_other_keys_count_everywhere_at_once(bench, make_run, script, monkeypatch):
    """The user's key does the action, the old one does not; the line of keys, the help and the palette show it; an
    action that shared the old key keeps it."""
    monkeypatch.setattr(WorkbenchApp.__init__, "__defaults__", (None, Preferences(keys=OVERRIDES)))
    run = make_run("r", script.started(), script.step(3))
    with script.training(run):
        async with bench((160, 90)) as it:
            await it.until(lambda: it.screen.run_state == "running")
            await it.keys("3")
            await it.see("^t Pause", "^s F5 Save")
            await it.keys("w", "p")
            assert not list(run.requests.iterdir())
            await it.keys("ctrl+t", "f5")
            await it.until(lambda: len(list(run.requests.glob("*.json"))) == 2)
            await it.keys("question_mark")
            await it.see("^s F5")
            await it.keys("escape", "ctrl+p")
            await it.type("checkp")
            await it.see("(^s F5)")
            keys = it.app.key_map
            assert keys.for_bindings()["go_on"] == "p"


async def test_other_keys_are_typed_in_a_field(bench, script, monkeypatch):
    """A letter that the user gave to an action is still a letter in a text field."""
    monkeypatch.setattr(WorkbenchApp.__init__, "__defaults__", (None, Preferences(keys={"show_runs": "Y"})))
    async with bench(script.WIDE) as it:
        await it.keys("4", "Y")
        assert it.screen.query_one("#prompt", Input).value == "Y"
        await it.keys("escape", "Y")
        await it.until(lambda: type(it.app.screen).__name__ == "RunsScreen")


async def test_help_of_every_place_is_whole_at_80_columns(bench, script):
    """At 80x24 the help of every place names each of its actions, no line is too long for it, and it can be scrolled
    to the last of them."""
    async with bench(script.NARROW) as it:
        for place in actions.PLACES:
            listed = list(actions.actions_for(place))
            it.app.push_screen(HelpScreen((place,), f"What {place} is for.", "running"))
            await it.see(f"What {place} is for.")
            text = it.app.screen.query_one("#help-text")
            lines = str(text.content).splitlines()
            assert "The run at hand is running." in lines
            assert not [action.id for action in listed if action.title not in str(text.content)], place
            await it.until(lambda text=text, lines=lines: text.size.height == len(lines), "the help is cut")
            assert max(map(cell_len, lines)) <= text.content_size.width
            await it.keys("end")
            await it.see(*[action.title for action in listed[-1:]])
            await it.keys("escape")


async def test_palette_offers_everything_that_can_be_done(bench, script):
    """Every action of the panes and of the workbench that makes sense without a run is in the palette, with its keys,
    and is found by title, by id and by what it does."""
    async with bench((120, 60)) as it:
        offered = [(hit.text, hit.help) async for hit in ActionProvider(it.screen).discover()]
        for action in actions.actions_for(*actions.PANES, actions.WORKBENCH):
            if not action.built_in and action.applies(""):
                assert (action.title, f"{action.help}  ({action.key_text})") in offered
        await it.keys("1", "ctrl+p")
        await it.see("Train the model of the form")
        for typed in ("only_p", "whole scr"):
            it.app.screen.query_one(Input).value = typed
            await it.see("Only this pane on the whole screen")
            assert "Train the model of the form" not in it.text()


async def test_palette_of_a_dialog_offers_what_it_can_do(bench, script):
    """Over a dialog the palette has that dialog's actions, and no others."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "question_mark")
        await it.see("The texts that can be trained on")
        offered = [hit.text async for hit in ActionProvider(it.app.screen).discover()]
        assert offered == ["Close"]


async def test_read_only_workbench_refuses_what_writes(bench, make_run, script, monkeypatch):
    """Nothing is started, asked or deleted: each key says why, the line of keys leaves them out, and looking goes on."""
    monkeypatch.setattr(WorkbenchApp.__init__, "__defaults__", (None, Preferences(read_only=True)))
    run = make_run("r", script.started(), script.step(3))
    with script.training(run):
        async with bench(script.WIDE) as it:
            await it.until(lambda: it.screen.run_state == "running")
            assert "read-only" in it.app.title
            for key in ("p", "w", "x", "s", "g"):
                it.screen.say("")
                await it.keys("3", key)
                await it.until(lambda: it.screen.status.message == "this workbench is read-only", key)
            assert not list(run.requests.iterdir())
            line = script.widget_text(it.screen.query_one(KeyLine))
            assert "Pause" not in line and "Inspect" in line
            await it.see("read-only")
            await it.keys("question_mark")
            await it.see("what would change something is dimmed")


async def test_read_only_workbench_saves_no_toml(bench, script, monkeypatch, tmp_path):
    """The command is shown and can be copied, but not saved."""
    monkeypatch.setattr(WorkbenchApp.__init__, "__defaults__", (None, Preferences(read_only=True)))
    monkeypatch.chdir(tmp_path)
    async with bench(script.WIDE) as it:
        await it.see("story.txt")
        await it.keys("1", "home", "enter", "c")
        await it.see("This form as a command")
        await it.keys("enter")
        await it.see("this workbench is read-only")
        assert not list(tmp_path.glob("*.toml"))


def test_document_has_every_key():
    """docs/keys.md is what `rnnbench config keys` writes."""
    assert DOCUMENT.read_text(encoding="utf-8").rstrip() == actions.key_table().rstrip()


def test_bindings_carry_the_ids():
    """The user's keys find their action by the id of the binding."""
    assert {binding.id for binding in actions.bindings(actions.CONFIRM) if isinstance(binding, Binding)} == {
        "yes",
        "no",
    }
