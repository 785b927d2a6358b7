"""How the workbench looks: themes that can be read, with few colours and without any, ASCII only, on a slow line."""

import unicodedata
from contextlib import asynccontextmanager
from itertools import combinations
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.color import Color, ColorSystem
from textual.widgets import OptionList

import rnnbench.tui
from rnnbench.tui.app import WorkbenchApp
from rnnbench.tui.glyphs import in_ascii
from rnnbench.tui.memory import load_memory
from rnnbench.tui.panes.fields import Choice
from rnnbench.tui.panes.throttle import ORDINARY, SLOW
from rnnbench.tui.panes.training import TrainingPane
from rnnbench.tui.preferences import DARK, LIGHT, PLAIN, SAFE_DARK, SAFE_LIGHT, TERMINAL, THEME_NAMES, Preferences
from rnnbench.tui.themes import counterpart, suitable, themes

COLOURED = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT)


@pytest.fixture
def look(bench, workspace, make_run, script, monkeypatch):
    """Opens the workbench on a finished run, with preferences."""
    events = [script.step(number, 3.0 - number / 50) for number in range(1, 61)]
    make_run("r", script.started(), *events, script.evaluated(60, 1.5), script.finished(60))

    @asynccontextmanager
    async def open_look(size=script.WIDE, **preferences):
        with monkeypatch.context() as patch:
            real = WorkbenchApp.__init__
            patch.setattr(
                WorkbenchApp,
                "__init__",
                lambda app, *rest: real(app, *rest[:2], preferences=Preferences(**preferences)),
            )
            async with bench(size) as it:
                await it.until(lambda: it.screen.attachment and len(it.screen.attachment.training.steps))
                yield it

    return open_look


def painted(app):
    """Every piece of text on the screen with the style in which it is painted."""
    return [segment for strip in app.screen._compositor.render_strips() for segment in strip]


# Themes


def luminance(triplet):
    """Relative luminance of a colour (WCAG 2)."""
    return sum(part * weight for part, weight in zip(linear(triplet), (0.2126, 0.7152, 0.0722), strict=True))


def linear(triplet):
    parts = [part / 255 for part in triplet]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(segment, depth):
    """How much the letters of a segment differ from what they stand on (WCAG 2), with so many colours."""
    style = segment.style
    pair = [luminance(colour.downgrade(depth).get_truecolor()) for colour in (style.color, style.bgcolor)]
    return (max(pair) + 0.05) / (min(pair) + 0.05)


@pytest.mark.parametrize(
    "theme", [DARK, LIGHT, *(pytest.param(theme, marks=pytest.mark.slow) for theme in (SAFE_DARK, SAFE_LIGHT))]
)
async def test_every_word_can_be_read_with_all_and_with_256_colours(look, theme):
    """Contrast is at least 4.5 with all colours (WCAG 2, AA) and 3 with 256, whatever has the focus."""
    async with look(theme=theme) as it:
        for key in ("1", "2", "4", "r", "question_mark", "escape"):
            await it.keys(key)
            await it.pilot.pause()
            for segment in painted(it.app):
                if any(sign.isalnum() for sign in segment.text):
                    assert contrast(segment, ColorSystem.TRUECOLOR) >= 4.5, segment
                    assert contrast(segment, ColorSystem.EIGHT_BIT) >= 3.0, segment


# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009),
# deuteranopia and protanopia, on linear RGB.
BLIND = {
    "deuteranope": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanope": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
}


def lab(parts):
    """CIE L*a*b* of linear RGB."""
    red, green, blue = (min(max(part, 0.0), 1.0) for part in parts)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen(colour, eye):
    """A colour as such an eye sees it."""
    parts = linear(Color.parse(colour).triplet)
    return lab(sum(weight * part for weight, part in zip(row, parts, strict=True)) for row in BLIND[eye])


@pytest.mark.parametrize("eye", list(BLIND))
@pytest.mark.parametrize("name", [SAFE_DARK, SAFE_LIGHT])
def test_the_safe_themes_keep_states_and_curves_apart_for_colour_blind_eyes(name, eye):
    """Any two colours of states and curves are far apart (CIE76 at least 20; 2.3 is just noticeable)."""
    (theme,) = [theme for theme in themes() if theme.name == name]
    colours = [theme.variables[f"text-{role}"] for role in ("primary", "secondary", "warning", "error", "success")]
    for one, other in combinations(colours, 2):
        first, second = seen(one, eye), seen(other, eye)
        assert sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5 >= 20, (one, other)


def test_the_theme_that_nobody_chose_suits_the_terminal():
    """Sixteen colours are the terminal's own, a terminal without any gets none."""
    assert [suitable(system) for system in ("truecolor", "256", "standard", None)] == [DARK, DARK, TERMINAL, PLAIN]
    assert tuple(theme.name for theme in themes()) == THEME_NAMES
    assert all(counterpart(counterpart(name)) == name for name in COLOURED)


async def test_no_colour_leaves_focus_and_cursor_visible(look, monkeypatch):
    """With NO_COLOR not even a grey is sent; the pane and the cursor are told by how they are drawn."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with look(theme=PLAIN) as it:
        await it.keys("1")
        await it.until(lambda: any(segment.style.reverse and "story" in segment.text for segment in painted(it.app)))
        assert all(
            colour is None or colour.is_default for s in painted(it.app) for colour in (s.style.color, s.style.bgcolor)
        )
        assert "┏" in it.text().splitlines()[0] and it.text().count("┏") == 1
        await it.keys("3")
        await it.until(lambda: "┓" in it.text().splitlines()[0][60:])
        it.screen.query(Choice).first().focus()
        await it.until(lambda: any(segment.style.reverse and "none" in segment.text for segment in painted(it.app)))
        await it.keys("r")
        await it.until(lambda: it.app.screen is not it.screen)
        await it.until(lambda: any(segment.style.reverse and "r" in segment.text for segment in painted(it.app)))


async def test_the_terminals_own_colours_stay_its_own(look):
    """The terminal theme sends no colour but the sixteen and the default background."""
    async with look(theme=TERMINAL) as it:
        for key in ("1", "2", "T"):
            await it.keys(key)
            for segment in painted(it.app):
                for colour in (segment.style.color, segment.style.bgcolor):
                    assert colour is None or colour.is_default or colour.is_system_defined, segment


async def test_states_have_the_colours_of_the_theme(look):
    """The list of runs colours a state as the training pane does, in every theme."""
    for theme in (DARK, LIGHT, SAFE_LIGHT):
        async with look(theme=theme) as it:
            await it.keys("r")
            await it.until(lambda: any("finished" in segment.text for segment in painted(it.app)))
            state = next(segment for segment in painted(it.app) if segment.text.startswith("finished"))
            assert state.style.color.name == it.app.theme_variables["text-primary"].lower()


async def test_a_theme_is_tried_taken_back_kept_and_remembered(look):
    """T shows each theme as the cursor passes it; escape goes back, enter keeps it for the next time; t turns it."""
    async with look(theme=DARK) as it:
        await it.keys("T")
        await it.until(lambda: isinstance(it.app.focused, OptionList))
        await it.keys("down", "down")
        await it.until(lambda: it.app.theme == SAFE_DARK)
        await it.keys("escape")
        await it.until(lambda: it.app.theme == DARK and it.app.screen is it.screen)
        assert load_memory().theme == ""
        await it.keys("T", "down", "down", "enter")
        await it.until(lambda: load_memory().theme == SAFE_DARK)
        await it.keys("t")
        await it.until(lambda: it.app.theme == SAFE_LIGHT and load_memory().theme == SAFE_LIGHT)
        await it.keys("T", "down", "enter", "t")
        await it.see("T lists the others")
        assert it.app.theme == TERMINAL


async def test_what_is_wrong_with_the_settings_stands_in_the_status_line(look):
    """The workbench is there, and says what it did not understand."""
    async with look(problems=("settings.toml: unknown setting asci (did you mean ascii?)",)) as it:
        await it.see("settings.toml: unknown setting asci (did you mean ascii?)", "Corpora")


# ASCII


def test_signs_have_a_stand_in_of_their_width_and_letters_pass():
    """What is drawn keeps its place; a text keeps its letters."""
    assert in_ascii("╭─ Theme ─╮ ▶ ‖ ✓ ■ ✗ ● ← → ↑ ↓ ⣿⠀") == "+- Theme -+ > | * # x * < > ^ v . "
    assert in_ascii("山中有友居，不知春秋。 naïve") == "山中有友居，不知春秋。 naïve"
    assert cell_len(in_ascii("perplexity █▇▅▃▂▁ …")) == cell_len("perplexity █▇▅▃▂▁ …")


def test_every_sign_in_the_sources_has_a_stand_in():
    """No widget can draw a sign that a terminal with ASCII only would lose."""
    for path in sorted(Path(rnnbench.tui.__file__).parent.rglob("*.py")):
        signs = {sign for sign in in_ascii(path.read_text(encoding="utf-8")) if not sign.isascii()}
        assert not {sign for sign in signs if unicodedata.category(sign)[0] not in "LP"}, path.name


@pytest.mark.parametrize("size", [pytest.param((120, 40), marks=pytest.mark.slow), (80, 24)])
async def test_with_ascii_nothing_else_is_drawn(look, size):
    """Frames, curves, marks, arrows, lists, dialogs and the palette are ASCII; a Chinese text stays Chinese."""
    async with look(size, ascii=True) as it:
        for keys in (["1", "down"], ["2", "down", "enter"], ["escape", "3"], ["question_mark"], ["escape", "T"],
                     ["escape", "r"], ["escape", "ctrl+p"]):  # fmt: skip
            await it.keys(*keys)
            await it.pilot.pause()
            strange = {sign for sign in it.text() if not sign.isascii()}
            assert strange <= set("山中有友居，不知春秋。"), (keys, strange)
        await it.keys("escape", "3")
        await it.until(lambda: "*" in it.text() and "+" in it.text())


# A slow line


@pytest.mark.slow
async def test_a_slow_line_gets_curves_and_log_lines_seldom(look, bench, make_run, script):
    """The figures go on, the curve and the log wait for their turn."""
    run = make_run("live", script.started(), script.step(1, 3.0))
    assert SLOW.words > ORDINARY.words and SLOW.log > ORDINARY.log and SLOW.curves > ORDINARY.curves
    with script.training(run):
        async with look(slow_link=True) as it:
            pane = it.screen.query_one(TrainingPane)
            await it.until(lambda: it.screen.attachment and it.screen.attachment.training.steps)
            script.write(run, *(script.step(number, 2.0) for number in range(2, 51)))
            await it.see("step 50/100")
            assert pane.curves.pending


async def test_a_dialog_lies_over_what_it_is_about(bench, script):
    """It is in the middle of the screen, whose dimmed panes can be seen around it."""
    async with bench(script.WIDE) as it:
        await it.keys("question_mark")
        await it.until(lambda: it.app.screen.query("#help"))
        box = it.app.screen.query_one("#help").region
        await it.until(lambda: "Corpora" in it.text().splitlines()[0])
        assert abs(box.x - (it.app.size.width - box.right)) <= 1 and it.app.screen.styles.background.a < 1


async def test_several_faults_of_the_settings_are_counted_in_one_line(look):
    """Nothing lies over the panes; the command that tells all of them is named."""
    async with look(problems=("settings.toml: one fault",), keys={"nothing": "x", "start": "??"}) as it:
        await it.see("settings.toml: one fault (and 2 more: rnnbench doctor)")
        assert not it.app._notifications
