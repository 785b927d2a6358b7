"""The names of runs that nobody names."""

import pytest

from rnnbench.runs.naming import usual_name


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        ("harbour-clock", "harbour-clock-gru"),
        ("harbour-clock.txt", "harbour-clock-gru"),
        ("couplets.tsv", "couplets-gru"),
        ("texts/couplets.TSV.gz", "couplets-gru"),
        ("C:\\texts\\novel.md", "novel-gru"),
        ("papers.tar.xz", "papers-gru"),
        ("novel.v2.zip", "novel.v2-gru"),
        (".txt", ".txt-gru"),
        ("红楼梦.csv", "红楼梦-gru"),
    ],
)
def test_how_a_text_is_stored_is_no_part_of_a_name(corpus, name):
    """All endings of texts and of packed texts are left out, others stay."""
    assert usual_name(corpus, "gru") == name
