"""Choosing a text, adding one by path, and what is said about it."""

from textual.widgets import Input, OptionList

from rnnbench.tui.cells import wrap
from rnnbench.tui.panes.corpora import CorporaPane
from rnnbench.tui.panes.model import ModelPane


async def test_chosen_text_is_marked_and_goes_into_the_form(bench, script):
    """Enter chooses the text under the cursor: a dot before its name, corpus.file in the form."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter")
        await it.see("● story.txt")
        assert it.screen.query_one(ModelPane).form.texts["corpus.file"] == "story.txt"
        await it.keys("down", "enter")
        await it.see("● 山中.txt")
        assert "● story" not in it.text()
        assert it.screen.query_one(ModelPane).form.texts["corpus.file"] == "山中.txt"


async def test_text_under_the_cursor_is_described(bench, script):
    """Counts, splits and the most common symbols follow the cursor, without a choice."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home")
        await it.see(
            "1,060 characters",
            "vocabulary of 24",
            "validation 106",
            "most common ␣",
        )
        await it.keys("down")
        await it.see("720 characters", "山中有友居")


async def test_text_with_control_codes_is_shown_harmless(bench, workspace, script):
    """ESC, markup and a click action in a text are shown as text."""
    hostile = "\x1b[31m[@click=app.quit]red[/] [b\x07\n" * 30
    (workspace.root / "corpora" / "aaa[red]\x1b.txt").write_text(hostile, encoding="utf-8")
    async with bench(script.WIDE) as it:
        await it.keys("1", "home")
        await it.see("aaa[red]␛.txt", "␛[31m[@click=app.quit]red[/] [b␇")
        assert "\x1b" not in it.text()


async def test_added_path_is_listed_and_chosen(bench, tmp_path, script):
    """A path to any file is read, listed and chosen; the form gets the whole path."""
    elsewhere = tmp_path / "else" / "other.md"
    elsewhere.parent.mkdir()
    elsewhere.write_text("Something else.\n" * 50)
    async with bench(script.WIDE) as it:
        await it.keys("1", "a")
        it.screen.query_one("#corpus-path", Input).value = str(elsewhere)
        await it.keys("enter")
        await it.see("● other.md")
        await it.until(lambda: it.screen.query_one(ModelPane).form.texts.get("corpus.file") == str(elsewhere))
        assert isinstance(it.screen.focused, OptionList)


async def test_wrong_path_is_refused_beside_the_field(bench, script):
    """What is wrong with a path stands below it until it is changed."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "a")
        await it.type("/no/such[b]")
        await it.keys("enter")
        await it.see("corpus not found: /no/such[b]")
        await it.keys("x")
        assert "corpus not found" not in it.text()
        field = it.screen.query_one("#corpus-path", Input)
        for path, shown in (("a\0b", "a␀b"), ("~nobody-of-that-name/x", "~nobody-of-that-name/x")):
            field.value = path
            await it.keys("enter")
            await it.see("corpus not found", shown)


async def test_unreadable_text_says_why(bench, workspace, script):
    """An empty file is told of in the details, and the workbench goes on."""
    (workspace.root / "corpora" / "aaa.txt").touch()
    async with bench(script.WIDE) as it:
        await it.keys("1", "home")
        await it.see("is empty")
        await it.keys("down")
        await it.see("1,060 characters")


async def test_split_of_the_form_is_used(bench, script):
    """The splits shown are those that the form asks for."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter")
        await it.see("validation 106")
        pane = it.screen.query_one(ModelPane)
        pane.form.set("corpus.validation_fraction", "0.5")
        pane.post_message(ModelPane.Changed())
        await it.see("validation 530")


async def test_counting_baselines_of_the_chosen_text_are_told(bench, script):
    """What a network has to beat stands with the chosen text."""
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter")
        await it.see("perplexity of unigram", "5-gram", "xz -9")


async def test_encoding_and_bad_bytes_are_chosen_by_key(bench, workspace, script):
    """A text in an encoding that cannot be told is read by turning to the right one; bad bytes can be replaced."""
    (workspace.root / "corpora" / "aaa.txt").write_bytes("山中有一间小小的邮局。\n".encode("gb18030") * 40 + b"\xff\n")
    async with bench(script.WIDE) as it:
        await it.keys("1", "home", "enter", "e", "e")
        await it.see("gb18030: byte 920", "b replaces bytes")
        await it.keys("b")
        await it.see("1 character replaced", "山中有一间小小的邮局")
        assert it.screen.query_one(ModelPane).form.texts["corpus.encoding"] == "gb18030"


async def test_a_row_says_why_it_knows_nothing(bench, workspace, script):
    """Of a text that is not what was chosen, and of an empty one."""
    (workspace.root / "corpora" / "aaa.txt").write_bytes("Où est passé l'été".encode("latin-1") * 40)
    (workspace.root / "corpora" / "none.txt").touch()
    async with bench(script.NARROW) as it:
        await it.keys("1", "home", "e")
        await it.until(lambda: {"aaa.txt": "unreadable", "none.txt": "empty"}.items() <= rows_of(it).items())


def rows_of(it):
    """The last word of each row of the list by its first."""
    return {line.split()[0]: line.split()[-1] for line in it.text().splitlines() if ".txt" in line}


async def test_figures_stay_with_what_they_are_of(bench, script):
    """Facts that have no room beside each other stand below each other, none is broken."""
    async with bench((44, 24)) as it:
        await it.keys("1", "home")
        await it.see("most common")
        lines = [line.strip() for line in it.text().splitlines()]
        assert any(line.startswith("train 901  validation 106") for line in lines)
        assert not any(line.startswith(("train", "validation", "test")) and line[-1].isalpha() for line in lines)


async def test_no_texts_at_all_is_said(bench, workspace, script):
    """An empty workspace tells what to do instead of showing nothing."""
    for path in (workspace.root / "corpora").iterdir():
        path.unlink()
    async with bench(script.WIDE) as it:
        await it.see("No texts here yet")
        assert it.screen.query_one(CorporaPane).highlighted is None
        await it.keys("1", "enter", "down")


def test_wrapping_counts_cells():
    """Wide characters take two cells, words are not broken, and a word longer than a line is."""
    assert wrap("the quick brown", 9) == ["the quick", "brown"]
    assert wrap("山中有友居", 4) == ["山中", "有友", "居"]
    assert wrap("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrap("a\n\nb", 9) == ["a", "", "b"]
