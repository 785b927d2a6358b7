"""The log: only what is visible is rendered, and it follows the end until the user leaves it."""

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.selection import Selection

from rnnbench.tui.widgets import log_view
from rnnbench.tui.widgets.log_view import LogView, fitted, part


class Logs(App[None]):
    """A log alone on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.log_view = LogView()

    def compose(self) -> ComposeResult:
        yield self.log_view

    def rows(self) -> list[str]:
        """What is on the screen."""
        return [self.log_view.render_line(y).text.rstrip() for y in range(self.log_view.size.height)]


def _numbered(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last + 1)]


async def test_it_shows_the_newest_lines():
    """Lines that do not fit are above, the newest is at the bottom."""
    app = Logs()
    async with app.run_test(size=(30, 5)) as pilot:
        app.log_view.append(_numbered(1, 3))
        await pilot.pause()
        assert app.rows() == [*_numbered(1, 3), "", ""]
        app.log_view.append(_numbered(4, 100))
        await pilot.pause()
        assert app.rows() == _numbered(96, 100)


async def test_it_lets_go_when_the_user_scrolls_up_and_takes_hold_again_at_the_end():
    """New lines never move what a reader has scrolled to; back at the end it follows again."""
    app = Logs()
    async with app.run_test(size=(30, 5)) as pilot:
        app.log_view.append(_numbered(1, 100))
        app.log_view.focus()
        await pilot.pause()
        await pilot.press("up", "up")
        await pilot.wait_for_scheduled_animations()
        shown = app.rows()
        assert shown == _numbered(94, 98)
        assert not app.log_view.following
        app.log_view.append(_numbered(101, 200))
        await pilot.pause()
        assert app.rows() == shown
        await pilot.press("end")
        await pilot.pause()
        assert app.rows() == _numbered(196, 200)
        app.log_view.append(_numbered(201, 201))
        await pilot.pause()
        assert app.rows() == _numbered(197, 201)


async def test_it_stays_at_the_end_when_its_size_changes():
    """A resize does not count as scrolling up."""
    app = Logs()
    async with app.run_test(size=(30, 9)) as pilot:
        app.log_view.append(_numbered(1, 100))
        await pilot.pause()
        for height in (4, 12, 5):
            await pilot.resize_terminal(30, height)
            await pilot.pause()
            assert app.rows() == _numbered(101 - height, 100)
            assert app.log_view.following


async def test_hostile_lines_are_shown_not_obeyed():
    """Escape sequences, markup and line breaks in a line are text."""
    app = Logs()
    async with app.run_test(size=(60, 4)) as pilot:
        app.log_view.append(["\x1b[31mred", "loss[/x] [@click=app.quit]go[/]", "a\nb\tc", "\x9b2J"])
        await pilot.pause()
        assert app.rows() == ["␛[31mred", "loss[/x] [@click=app.quit]go[/]", "a␊b␉c", "\\x9b2J"]


@pytest.mark.parametrize(
    ("line", "width", "expected"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("中文句子", 8, "中文句子"),
        ("中文句子", 7, "中文句…"),
        ("中文句子", 6, "中文 …"),
        ("anything", 0, ""),
        ("x" * 100_000, 4, "xxx…"),
    ],
)
def test_long_lines_are_cut_by_cells(line, width, expected):
    """A cut line ends with an ellipsis and never passes the edge, though Chinese takes two cells."""
    assert fitted(line, width) == expected
    assert cell_len(fitted(line, width)) <= width


async def test_clear_starts_anew():
    """After clear() nothing is left, and the log follows again."""
    app = Logs()
    async with app.run_test(size=(30, 3)) as pilot:
        app.log_view.append(_numbered(1, 100))
        app.log_view.scroll_to(y=10, animate=False)
        await pilot.pause()
        app.log_view.clear()
        await pilot.pause()
        assert app.rows() == ["", "", ""]
        app.log_view.append(_numbered(1, 50))
        await pilot.pause()
        assert app.rows() == _numbered(48, 50)


async def test_the_oldest_lines_go_first(monkeypatch):
    """Memory is bounded, and a reader who has scrolled up keeps the lines in view."""
    monkeypatch.setattr(log_view, "MAX_LINES", 100)
    monkeypatch.setattr(log_view, "_SLACK", 10)
    app = Logs()
    async with app.run_test(size=(30, 3)) as pilot:
        app.log_view.append(_numbered(1, 100))
        await pilot.pause()
        app.log_view.scroll_to(y=50, animate=False)
        await pilot.pause()
        assert app.rows() == _numbered(51, 53)
        app.log_view.append(_numbered(101, 105))
        await pilot.pause()
        assert app.log_view.line_count == 90
        assert app.rows() == _numbered(51, 53)


async def test_only_visible_rows_are_rendered(monkeypatch):
    """A hundred thousand lines cost no more painting than a screenful."""
    app = Logs()
    rendered: list[str] = []
    monkeypatch.setattr(log_view, "fitted", lambda line, width: rendered.append(line) or fitted(line, width))
    async with app.run_test(size=(30, 5)) as pilot:
        app.log_view.append(_numbered(1, 100_000))
        await pilot.pause()
        assert set(rendered) <= set(_numbered(99_996, 100_000))


async def test_selected_text_can_be_copied():
    """A mouse selection gives the lines as they are shown, and is marked on the screen."""
    app = Logs()
    async with app.run_test(size=(30, 5)) as pilot:
        app.log_view.append(["one", "t\x1bwo", "three"])
        await pilot.pause()
        selection = Selection(Offset(1, 0), Offset(3, 1))
        plain = app.log_view.render_line(1)
        app.screen.selections = {app.log_view: selection}
        await pilot.pause()
        assert app.log_view.get_selection(selection) == ("ne\nt␛w", "\n")
        assert app.log_view.render_line(1) != plain


@pytest.mark.parametrize(
    ("start", "width", "expected"),
    [(0, 5, "abcd…"), (3, 5, "…efg…"), (5, 5, "…ghij"), (8, 5, "…j"), (9, 5, "…"), (12, 5, "")],
)
def test_a_part_of_a_line(start, width, expected):
    """What is cut at either end is marked, and stands in its own cell."""
    assert part("abcdefghij", start, width) == expected


def test_half_a_wide_character_is_a_blank():
    """The other characters stay where they are."""
    assert part("中文句子", 2, 6) == "… 句子"
    assert part("中文句子", 1, 7) == "…文句子"


async def test_long_lines_are_read_sideways():
    """Right goes on to the end of the longest line that is seen and no further, left comes back."""
    app = Logs()
    async with app.run_test(size=(10, 3)) as pilot:
        app.log_view.append(["0123456789abcdefghij", "short"])
        app.log_view.focus()
        await pilot.press("right")
        assert app.rows()[:2] == ["…6789abcd…", ""]
        await pilot.press("right", "right", "right")
        assert app.rows()[0] == "…bcdefghij"
        await pilot.press("left", "left", "left")
        assert app.rows()[:2] == ["012345678…", "short"]
