"""The workbench in Chinese: what is shown is found by its words in either language, and columns stay in line."""

import pytest
from rich.cells import cell_len

from rnnbench.runs.store import FINISHED, RUNNING
from rnnbench.tui import run_table, words
from rnnbench.tui.actions.palette import ActionProvider
from rnnbench.tui.run_order import Filter, Order
from rnnbench.tui.run_rows import AGE, COLUMNS, STATE, RunRow
from rnnbench.tui.terms import measured, told_of


@pytest.fixture(autouse=True)
def chinese():
    """Chinese during a test, English after it."""
    words.use_language(words.CHINESE)
    yield
    words.use_language(words.ENGLISH)


def test_runs_are_found_by_their_state_in_both_languages():
    """The filter looks at the state that is shown and at the word that logs and commands have for it."""
    rows = [RunRow("over", FINISHED), RunRow("going", RUNNING)]
    for text in ("已完成", "finished"):
        assert [row.name for row in Filter(text).apply(rows)] == ["over"]


def test_columns_of_runs_are_as_wide_as_their_cells():
    """A Chinese title or state takes two cells a character, and its colour is still that of the state."""
    rows = [RunRow("over", FINISHED), RunRow("going", RUNNING)]
    columns = run_table.columns(run_table.widest(rows), Order(), 120)
    cells = run_table.row_maker(rows, (), columns[0].width)(0)
    state = COLUMNS.index(STATE)
    assert cells[state].text == "已完成" and cells[state].style
    assert all(cell_len(cell.text) <= column.width for cell, column in zip(cells, columns, strict=True))
    assert columns[COLUMNS.index(AGE)].width >= cell_len("59 分前")


def test_words_from_below_become_sentences():
    """What the runs say of themselves is looked up as a whole; what is unknown stays as it is."""
    assert told_of("r", "is not training") == "r 不在训练"
    assert told_of("r", "is on the moon") == "r is on the moon"
    assert measured("accuracy at 1 61.2%") == "前 1 准确率 61.2%"
    assert measured("BLEU 23.1") == "BLEU 23.1"


async def test_the_palette_is_searched_in_both_languages(bench):
    """An action is found by its Chinese words and by its English ones, and shown in Chinese."""
    async with bench() as it:
        words.use_language(words.CHINESE)
        provider = ActionProvider(it.screen)
        for query in ("采样", "samples", "样例"):
            found = [str(hit.text) async for hit in provider.search(query)]
            assert ("样例" in found) == (query != "采样")
