"""A glance: encoding, language and symbols from the beginning of a text, however long it is."""

import pytest

from rnnbench.config import CorpusConfig
from rnnbench.text import languages
from rnnbench.text.glancing import glance


def test_short_text_is_known_whole(tmp_path):
    """Of a short text the count of symbols is exact."""
    path = tmp_path / "a.txt"
    path.write_text("The cat and the dog went to the sea, and it was of no use.\n" * 20)
    seen = glance(path, CorpusConfig(file="?"))
    assert (seen.encoding, seen.language, seen.whole) == ("utf-8", "en", True)
    assert seen.symbols == len(set(path.read_text())) and seen.opening.startswith("The cat")


def test_long_text_is_only_begun(tmp_path):
    """What stands far behind is not read: the count of symbols is a lower bound."""
    path = tmp_path / "a.txt"
    path.write_text("ab" * 500_000 + "c")
    seen = glance(path, CorpusConfig(file="?"))
    assert (seen.symbols, seen.whole, len(seen.opening)) == (2, False, 1200)


@pytest.mark.parametrize(
    "text,language",
    [
        ("The sea was calm and the ship lay at anchor in the bay.", "en"),
        ("Der Mann und die Frau sind nicht in der Stadt, und das ist gut.", "de"),
        ("Il est dans la maison et les enfants ne sont pas dans le jardin.", "fr"),
        ("山中有一间小小的邮局。", "zh"),
        ("これは山の中の小さな郵便局です。", "ja"),
        ("В горах была маленькая почта.", "ru"),
        ("산 속에 작은 우체국이 있었다.", "ko"),
        ("0101 1100 0011", ""),
        ("xq zzt prrf gnn", ""),
        ("", ""),
    ],
    ids=["en", "de", "fr", "zh", "ja", "ru", "ko", "digits", "nonsense", "empty"],
)
def test_language_is_guessed_or_left_open(text, language):
    """A script or the commonest words tell; where they do not, nothing is said."""
    assert languages.guess(text) == language
