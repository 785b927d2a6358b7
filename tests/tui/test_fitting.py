"""What is left out where a line is too short."""

import pytest
from rich.cells import cell_len
from textual.app import App

from rnnbench.runs.slashes import HELP_COLUMN, SampleRequest, help_text
from rnnbench.tui.fitting import as_many, hanging, middle_cut
from rnnbench.tui.panes.settings_line import SettingsLine
from rnnbench.tui.panes.transcript import Transcript
from rnnbench.tui.panes.voices import arranged


@pytest.mark.parametrize(
    "name,width,shown",
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefgh", 5, "ab…gh"),
        ("我有一把剑", 6, "我…剑"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_name_loses_its_middle(name, width, shown):
    """Runs differ in their beginnings or in their ends."""
    assert middle_cut(name, width) == shown
    assert cell_len(shown) <= width


def test_parts_are_left_out_whole():
    """What has no room is left out, what is shorter and less important may still have some."""
    assert as_many(["perplexity 1.2", "not in the vocabulary: x", "step 4"], 22) == ["perplexity 1.2", "step 4"]
    assert as_many(["too long"], 3) == ["too long"]


@pytest.mark.parametrize("width", [78, 50, 30, 12])
def test_help_hangs_from_its_column(width):
    """A meaning that takes several lines stays right of its command, and no line is too long."""
    text = help_text("language_model")
    lines = hanging(text, width, HELP_COLUMN)
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())
    if width == 78:
        place = next(place for place, line in enumerate(lines) if line.startswith("  /minp"))
        assert lines[place + 1] == " " * HELP_COLUMN + "best"


@pytest.mark.parametrize(
    "count,width,height,found",
    [(2, 78, 18, (1, 2)), (2, 120, 30, (2, 1)), (3, 78, 18, (1, 3)), (6, 78, 18, (2, 3)), (6, 20, 18, (1, 6))],
)
def test_voices_are_arranged_for_reading(count, width, height, found):
    """One under the other where columns would be narrow, unless there are too many of them for the height."""
    assert arranged(count, width, height) == found


class Line(App):
    """The line alone."""

    def compose(self):
        yield SettingsLine(id="line")


@pytest.mark.parametrize("width", [120, 78, 60, 40, 20, 8])
async def test_what_is_being_done_is_read_in_any_width(width):
    """The settings that are not set go first, then the last ones; the state is whole as long as it has room."""
    async with Line().run_test(size=(width, 3)) as pilot:
        line = pilot.app.query_one(SettingsLine)
        await pilot.pause()
        line.tell(["garden-gru-with-a-rather-long-name"], "writing, Esc stops", SampleRequest("", temperature=0.5))
        shown = line.render().plain
        assert cell_len(shown.rstrip()) <= width
        assert "writing, Esc stops" in shown or width < 20
        assert "len 200" in shown or width < 78
        assert not shown.endswith(("tem", "se", "fre", "ckp"))


class Page(App):
    """A transcript alone."""

    def compose(self):
        yield Transcript()


async def test_figures_take_one_line_where_there_is_little_room():
    """The most important are kept, what is found out later joins them, and all are back when there is room."""
    async with Page().run_test(size=(30, 10)) as pilot:
        view = pilot.app.query_one(Transcript)
        await pilot.pause()
        view.keep_notes_brief(True)
        view.add_note("10 tokens  perplexity 2  step 7  seed 1", ["perplexity 2", "step 7", "10 tokens"])
        view.add_to_note("copied in one piece: 1 of 10", ["copied 1"])

        def lines():
            return [view.render_line(y).text.strip() for y in range(4)]

        assert lines() == ["perplexity 2  step 7  copied 1", "", "", ""]
        view.keep_notes_brief(False)
        whole = "10 tokens perplexity 2 step 7 seed 1 copied in one piece: 1 of 10"
        assert " ".join(" ".join(lines()).split()) == whole
