"""Jump by letter, and the sizes of the panes."""

import time

import pytest
from textual.widgets import Input

from rnnbench.tui.jump import labels
from rnnbench.tui.layout import LEAST, MOST, Layout, layout_from
from rnnbench.tui.memory import load_memory
from rnnbench.tui.screens.jump import JumpScreen


@pytest.mark.parametrize("count", [0, 1, 26, 27, 60, 600, 676, 700])
def test_labels_are_short_and_never_ambiguous(count):
    """One letter each while the alphabet lasts; beyond it two, and no label begins another."""
    found = labels(count)
    assert len(found) == len(set(found)) == min(count, 676)
    assert not [one for one in found for other in found if one != other and other.startswith(one)]
    assert all(len(label) == 1 for label in found) == (count <= 26)


async def test_letter_leads_to_a_field(bench, script):
    """`j` puts a letter over everything that is seen; the letter gives it the focus and the letters are gone."""
    async with bench((160, 45)) as it:
        await it.keys("1", "j")
        await it.until(lambda: isinstance(it.app.screen, JumpScreen) and it.app.screen._spots)
        spots = it.app.screen._spots
        assert len(spots) > 20
        wanted = it.screen.query_one("#prompt")
        label = next(label for label, spot in spots.items() if spot.at == wanted.region.offset)
        await it.see("1 Corpora")
        row = it.text().splitlines()[wanted.region.y]
        assert row[wanted.region.x] == label[0]
        await it.keys(*label)
        await it.until(lambda: it.screen.focused is wanted)
        assert not isinstance(it.app.screen, JumpScreen)


async def test_jump_from_a_field_and_back(bench, script):
    """ctrl+o does it from inside a text field, where j is a letter; escape and a wrong key lead back to the field."""
    async with bench(script.NARROW) as it:
        await it.keys("4", "j", "ctrl+o")
        await it.until(lambda: isinstance(it.app.screen, JumpScreen))
        await it.keys("escape")
        await it.until(lambda: it.app.screen is it.screen)
        await it.keys("ctrl+o", "9")
        await it.until(lambda: it.app.screen is it.screen)
        assert it.screen.focused is it.screen.query_one("#prompt") and it.screen.focused.value == "j"


@pytest.mark.slow
async def test_tabs_have_letters_and_a_resize_makes_new_ones(bench, script):
    """On a narrow screen the tabs can be jumped to; after a resize the letters stand over what is seen then."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "j")
        await it.until(lambda: isinstance(it.app.screen, JumpScreen) and it.app.screen._spots)
        wide = len(it.app.screen._spots)
        await it.pilot.resize_terminal(*script.NARROW)
        await it.until(lambda: 4 < len(it.app.screen._spots) < wide and it.screen.has_class("-tabs"))
        await it.pilot.pause()  # a pane that is told late that it was hidden gives the focus away
        await it.keys("c")
        await it.until(lambda: it.focused_in("training"))


async def test_letters_paint_nothing_while_nobody_types(bench, script, monkeypatch):
    """The letters cost the terminal one picture, and nothing after it."""
    async with bench(script.WIDE) as it:
        await it.see("vocabulary of")
        await it.keys("1", "j")
        await it.until(lambda: isinstance(it.app.screen, JumpScreen))
        last = [time.monotonic()]
        monkeypatch.setattr(it.app, "_display", lambda screen, renderable: last.append(time.monotonic()))
        await it.until(lambda: time.monotonic() - last[-1] > 0.6, "it never stops painting")


def test_layout_moves_in_steps_within_bounds():
    """Wider and taller mean the pane that has the focus; no pane is ever squeezed out."""
    assert Layout().wider("model", 1).left == 45 and Layout().wider("generate", 1).left == 35
    assert Layout().taller("training", 1).upper_right == 65 and Layout().taller("generate", 1).upper_right == 55
    assert Layout().wider("corpora", 99).left == MOST and Layout().taller("model", 99).upper_left == LEAST


@pytest.mark.parametrize("layout", [Layout(), Layout(50), Layout(20, 30, 80)])
def test_layout_is_remembered_as_text(layout):
    """What was written is read back."""
    assert layout_from(layout.as_text()) == layout


@pytest.mark.parametrize("text", ["", "x", "1 2", "10 20 30 40", "999 1 1", "- - -\n-"])
def test_damaged_layout_is_that_of_the_style_sheet(text):
    """A strange memory is no memory."""
    assert layout_from(text) == Layout()


async def test_sizes_follow_the_keys_and_are_remembered(bench, script):
    """`>` and `}` make the pane of the focus wider and taller, `=` undoes it all; the next time it is as it was."""
    async with bench((140, 45)) as it:
        pane = it.screen.pane("training")
        await it.keys("3")
        before = pane.region
        await it.keys("greater_than_sign", "greater_than_sign", "right_curly_bracket")
        await it.until(lambda: pane.region.width > before.width and pane.region.height > before.height)
        after = pane.region
        await it.until(lambda: layout_from(load_memory().layout) == it.screen.layout_chosen)
        await it.pilot.resize_terminal(*script.NARROW)
        await it.until(lambda: pane.region.width == 80)
        await it.pilot.resize_terminal(140, 45)
        await it.until(lambda: pane.region == after)
    async with bench((140, 45)) as it:
        await it.until(lambda: it.screen.pane("training").region == after)
        await it.keys("3", "equals_sign")
        await it.until(lambda: it.screen.pane("training").region == before)


async def test_one_pane_alone(bench, script):
    """`o` gives the whole screen to a pane and back again; at 80x24 it says that there is only one anyway."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "o")
        await it.until(lambda: it.screen.pane("corpora").region.width == 120)
        assert not it.screen.pane("training").display
        await it.keys("3")
        await it.until(lambda: it.screen.pane("training").region.width == 120)
        await it.keys("o")
        await it.until(lambda: it.screen.pane("corpora").display and it.screen.pane("training").region.width < 120)
        await it.pilot.resize_terminal(*script.NARROW)
        await it.keys("o")
        await it.until(lambda: "room for one pane" in it.screen.status.message)
        assert it.screen.query_one("#prompt", Input).value == ""
