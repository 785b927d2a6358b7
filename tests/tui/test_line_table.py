"""A table of any length: what is seen, where the cursor is, and what is never made."""

from textual.app import App, ComposeResult

from rnnbench.tui.widgets.line_table import Cell, Column, LineTable

COLUMNS = (Column("name", 8), Column("figure", 6, right=True), Column("rest", 40))


class OneTable(App[None]):
    """A table of many rows, which remembers which of them were made."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count, self.made, self.columns = count, set(), COLUMNS

    def compose(self) -> ComposeResult:
        yield LineTable(id="table")

    def on_mount(self) -> None:
        table = self.query_one(LineTable)
        table.focus()
        self.fill(0)

    def fill(self, cursor: int) -> None:
        self.query_one(LineTable).fill(self.columns, self.count, self.row, cursor)

    def row(self, index: int):
        self.made.add(index)
        return [Cell(f"行{index}"), Cell(str(index), "bold"), Cell("x" * 39 + "!")]

    def lines(self) -> list[str]:
        table = self.query_one(LineTable)
        return ["".join(segment.text for segment in table.render_line(y)) for y in range(table.size.height)]


async def test_only_what_is_seen_is_made():
    """Of a hundred thousand rows some dozens are ever made into text; the cursor reaches the last one."""
    app = OneTable(100_000)
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        assert app.lines()[0].split() == ["name", "figure", "rest", "→"]
        assert app.lines()[-1].startswith(" 行99999    99999  xxx")
        assert app.query_one(LineTable).cursor == 99_999
        await pilot.press("pageup", "up")
        assert app.query_one(LineTable).cursor == 99_991
        assert len(app.made) < 100


async def test_columns_that_do_not_fit_are_shifted_into_view():
    """The first column stays; right goes to the end of the last, and no further."""
    app = OneTable(3)
    async with app.run_test(size=(40, 8)) as pilot:
        assert not app.lines()[1].rstrip().endswith("!")
        await pilot.press("right", "right", "right", "right")
        assert app.lines()[1].startswith(" 行0") and app.lines()[1].rstrip().endswith("!")
        await pilot.press("left", "left", "left")
        assert "0  xxx" in app.lines()[1]


async def test_columns_are_shown_whole_or_with_a_sign_that_they_are_cut():
    """Beside the first column one begins, whatever was shifted; a number without room is left out, a text is cut."""
    app = OneTable(3)
    app.columns = (Column("name", 8), *(Column(f"text{n}", 9) for n in range(4)), Column("n", 9, right=True))
    async with app.run_test(size=(40, 8)) as pilot:
        assert app.lines()[0] == " name      text0      text1      text2 →"
        assert app.lines()[1] == " 行0       0          xxxxxxxx…         "
        await pilot.press("right")
        assert app.lines()[0] == " name      text1      text2      text3 →"
        await pilot.press("right", "right", "right")
        assert app.lines()[0].split() == ["name", "text3", "n"]
        await pilot.press("left")
        assert app.lines()[0].split()[:2] == ["name", "text2"]


async def test_fewer_rows_keep_the_cursor_inside():
    """The cursor stays in the table when rows go, and an empty table has no row under it."""
    app = OneTable(50)
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press("end")
        app.count = 2
        app.fill(49)
        await pilot.pause()
        assert app.query_one(LineTable).cursor == 1 and app.lines()[2].startswith(" 行1")
        app.count = 0
        app.fill(0)
        await pilot.press("down", "end", "enter")
        assert app.query_one(LineTable).cursor == 0 and app.lines()[1].strip() == ""
