"""The log: only what is visible is rendered, and it follows the end until the user leaves it."""

import random
import tracemalloc

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.selection import Selection

from rnnbench.tui.widgets import log_search, log_view
from rnnbench.tui.widgets.log_lines import LogLines
from rnnbench.tui.widgets.log_search import Finder, words_of
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


async def test_the_end_of_a_long_log_is_seen_before_it_is_read():
    """Whoever follows sees the last lines at once; whoever scrolls sees what has been read; in the end they are one."""
    app = Logs()
    async with app.run_test(size=(30, 5)) as pilot:
        app.log_view.show_end(_numbered(91, 100))
        app.log_view.append(_numbered(1, 20))
        app.log_view.focus()
        await pilot.pause()
        assert app.rows() == _numbered(96, 100)
        await pilot.press("home")
        await pilot.wait_for_scheduled_animations()
        assert app.rows() == _numbered(1, 5)
        await pilot.press("end")
        await pilot.pause()
        assert app.rows() == _numbered(96, 100)
        app.log_view.filter_by("2")
        assert app.rows()[:3] == ["line 2", "line 12", "line 20"]
        app.log_view.filter_by("")
        app.log_view.append(_numbered(21, 100))
        app.log_view.show_end([])
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


def _mixed(count: int) -> list[str]:
    return [f"{'Evaluation' if number % 10 == 0 else 'step'} {number} end" for number in range(1, count + 1)]


async def test_a_filter_leaves_only_the_lines_with_every_word(monkeypatch):
    """All words, in upper or lower case, and none that is barred; new lines that match are followed."""
    monkeypatch.setattr(log_search, "SLICE_LINES", 7)
    app = Logs()
    async with app.run_test(size=(30, 4)) as pilot:
        app.log_view.append(_mixed(100))
        await pilot.pause()
        app.log_view.filter_by("EVAL end !70 !90")
        while app.log_view.looking:
            await pilot.pause()
        assert app.rows() == [f"Evaluation {number} end" for number in (50, 60, 80, 100)]
        assert app.log_view.shown_count == 8
        app.log_view.append(["step 101", "evaluation 110 END"])
        await pilot.pause()
        assert app.rows()[-1] == "evaluation 110 END" and app.log_view.shown_count == 9
        app.log_view.filter_by("")
        assert app.log_view.shown_count == 102 and app.log_view.following


async def test_the_line_under_the_eye_stays_when_a_filter_comes_and_goes(monkeypatch):
    """Taking a filter off shows what is around a line that it found."""
    monkeypatch.setattr(log_search, "SLICE_LINES", 50)
    app = Logs()
    async with app.run_test(size=(30, 4)) as pilot:
        app.log_view.append(_mixed(1000))
        await pilot.pause()
        app.log_view.scroll_to(y=495, animate=False)
        await pilot.pause()
        app.log_view.filter_by("evaluation")
        while app.log_view.looking:
            await pilot.pause()
        await pilot.pause()
        assert app.rows()[0] == "Evaluation 500 end"
        app.log_view.scroll_to(y=29, animate=False)
        await pilot.pause()
        assert app.rows()[0] == "Evaluation 300 end"
        app.log_view.append(["Evaluation 2000"])
        app.log_view.filter_by("")
        await pilot.pause()
        assert app.rows() == ["Evaluation 300 end", "step 301 end", "step 302 end", "step 303 end"]


async def test_a_search_goes_from_hit_to_hit(monkeypatch):
    """The nearest above the end first, then round and round, also among filtered lines; hits stand out."""
    monkeypatch.setattr(log_search, "SLICE_LINES", 64)
    app = Logs()
    async with app.run_test(size=(40, 4)) as pilot:
        view = app.log_view
        view.append([f"line {number} {'Needle here' if number in (5, 300, 900) else ''}" for number in range(1000)])
        await pilot.pause()

        async def here() -> tuple[int, int, bool]:
            while view.looking:
                await pilot.pause()
            await pilot.pause()
            seen = any("Needle" in row for row in app.rows())
            return view.hit_place, view.hit_count, seen

        view.search_for("needle h")
        assert await here() == (3, 3, True)
        marked = [strip for y in range(4) for strip in view.render_line(y) if strip.text == "Needle h"]
        assert len(marked) == 1 and marked[0].style.reverse
        for by, place in ((-1, 2), (-1, 1), (-1, 3), (1, 1), (1, 2)):
            view.go_to_hit(by)
            assert await here() == (place, 3, True)
        assert not view.following
        view.filter_by("!300")
        assert (await here())[1] == 2
        view.search_for("not there")
        assert await here() == (0, 0, False) or view.hit_count == 0


async def test_a_hit_beyond_the_edge_is_brought_into_view():
    """A phrase far to the right of a long line can be read when the search stops there."""
    app = Logs()
    async with app.run_test(size=(30, 4)) as pilot:
        app.log_view.append(["x" * 100 + "needle" + "y" * 100])
        await pilot.pause()
        app.log_view.search_for("needle")
        await pilot.pause()
        assert "needle" in app.rows()[0]


async def test_dropped_lines_take_their_hits_along(monkeypatch):
    """Counts stay right, and the reader's line in its row, when the oldest lines go."""
    monkeypatch.setattr(log_view, "MAX_LINES", 100)
    monkeypatch.setattr(log_view, "_SLACK", 10)
    app = Logs()
    async with app.run_test(size=(30, 3)) as pilot:
        app.log_view.append(_mixed(100))
        app.log_view.filter_by("evaluation")
        app.log_view.search_for("eval")
        await pilot.pause()
        app.log_view.append(["step"] * 30)
        assert (app.log_view.line_count, app.log_view.shown_count, app.log_view.hit_count) == (90, 6, 6)
        assert app.rows() == ["Evaluation 80 end", "Evaluation 90 end", "Evaluation 100 end"]


def test_lines_are_found_beyond_four_gigabytes():
    """Where lines begin is kept in 32 bits, however much was dropped before them."""
    lines = LogLines()
    lines._dropped_bytes = 2**32 - 5
    lines.append(["one", "two", "three"])
    assert [lines.line(number) for number in range(3)] == ["one", "two", "three"]
    lines.drop(2)
    assert (lines.line(2), lines.text(0, 9), len(lines)) == ("three", "three", 1)


def test_lines_are_kept_in_few_bytes():
    """A line costs its text and about eight bytes, and comes back as it was, or harmless."""
    lines = LogLines()
    given = ["plain", "", "山中有友居", "a\nb\x1b", "\udc80", "end"]
    lines.append(given)
    lines.append([])
    assert [lines.line(number) for number in range(6)] == ["plain", "", "山中有友居", "a␊b␛", "\ufffd", "end"]
    lines.drop(2)
    assert (lines.first, len(lines), lines.line(2), lines.text(0, 99).count("\n")) == (2, 4, "山中有友居", 3)
    with pytest.raises(IndexError):
        lines.line(1)
    tracemalloc.start()
    try:
        many = LogLines()
        many.append([f"step {number:07} and so on, a line of the usual length" for number in range(20_000)])
        used, text = tracemalloc.get_traced_memory()[0], 20_000 * 52
    finally:
        tracemalloc.stop()
    assert used - text < 20_000 * 24


def test_a_finder_finds_what_a_plain_look_finds():
    """Slice by slice and line by line it is the same lines, whatever comes and goes meanwhile."""
    source = random.Random(5)
    lines, kept = LogLines(), []
    finder = Finder(lines, words_of("A !b ß"))
    for _ in range(60):
        new = ["".join(source.choices("abß ", k=source.randint(0, 4))) for _ in range(source.randint(0, 30))]
        lines.append(new)
        kept += new
        finder.follow()
        finder.look(source.randint(1, 20))
        gone = source.randint(0, 5)
        lines.drop(gone)
        finder.follow()
    while not finder.done:
        finder.look(10)
    wanted = [
        number
        for number, line in enumerate(kept)
        if number >= lines.first and "a" in line and "ß" in line and "b" not in line
    ]
    assert list(finder.hits) == wanted
