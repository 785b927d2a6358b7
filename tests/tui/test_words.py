"""The interface in another language: every sentence the code can say is in the catalogue, and is filled in safely."""

import ast
import inspect
import pkgutil
import string
from importlib import import_module
from pathlib import Path

import pytest

import rnnbench.tui
from rnnbench.tui import words
from rnnbench.tui.actions import ACTIONS, DEFAULT_KEYS, read_key_map
from rnnbench.tui.form import FIELDS

SOURCES = sorted(Path(rnnbench.tui.__file__).parent.rglob("*.py"))


@pytest.fixture(autouse=True)
def english():
    """Every test leaves the interface English."""
    yield
    words.use_language(words.ENGLISH)


def spoken_in(source: str) -> set[str]:
    """The literal first arguments of all tr(...) and later(...) calls."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("tr", "later") and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant):
                found.add(argument.value)
    return found


def about_texts() -> set[str]:
    """What the screens and panes say of themselves."""
    found = set()
    for module in pkgutil.walk_packages(rnnbench.tui.__path__, "rnnbench.tui."):
        for _, item in inspect.getmembers(import_module(module.name), inspect.isclass):
            found.add(getattr(item, "ABOUT", ""))
    return {text for text in found if isinstance(text, str) and text}


def all_sentences() -> set[str]:
    """Everything the interface can say in another language."""
    said = {text for path in SOURCES for text in spoken_in(path.read_text(encoding="utf-8"))}
    said |= {text for action in ACTIONS for text in (action.title, action.help)}
    said |= {field.help for field in FIELDS.values()}
    return said | about_texts()


def names_in(sentence: str) -> list[str]:
    """The names in braces."""
    return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None)


def test_chinese_says_everything():
    """No sentence of the interface is missing in the Chinese catalogue, and none there is said nowhere."""
    catalogue = words.read_catalogue(words.CHINESE)
    said = all_sentences()
    assert sorted(said - set(catalogue)) == []
    assert sorted(set(catalogue) - said) == []


def test_values_have_the_same_names():
    """A translated sentence is filled in with exactly the values of the English one."""
    catalogue = words.read_catalogue(words.CHINESE)
    wrong = {english for english, chinese in catalogue.items() if names_in(english) != names_in(chinese)}
    assert wrong == set()


def test_keys_in_sentences_are_those_of_actions():
    """A sentence that names a key names it by the id of an action, in the code and in the catalogue."""
    named = {name for sentence in all_sentences() for name in names_in(sentence) if name.startswith("key[")}
    assert named and named <= {f"key[{action.id}]" for action in ACTIONS}


def test_keys_in_sentences_follow_the_users_choice():
    """A changed key is the one that a sentence names; of several keys the first."""
    sentence = words.later("add by path ({key[add_corpus]})")
    try:
        words.use_keys(read_key_map({"add_corpus": "f5 ctrl+t"}))
        assert words.tr(sentence) == "add by path (F5)"
    finally:
        words.use_keys(DEFAULT_KEYS)
    assert words.tr(sentence) == "add by path (a)"


def test_values_are_never_patterns():
    """Braces in a value, such as a file's name, stay as they are."""
    assert words.tr("started {name}", name="{0.__class__}") == "started {0.__class__}"


@pytest.mark.parametrize(
    ("environment", "language"),
    [("zh_CN.UTF-8", "zh"), ("zh-TW", "zh"), ("en_US.UTF-8", "en"), ("C", "en"), ("", "en"), ("de_DE", "en")],
)
def test_language_of_an_environment(environment, language):
    """LANG decides where nothing else does; a language without words becomes English."""
    assert words.language_of(environment) == language


def test_unknown_language_is_refused():
    """There is no silent fallback for a language that was asked for by name."""
    with pytest.raises(ValueError, match="tlh"):
        words.use_language("tlh")
