"""The words of the interface in the user's language.

English is the language of the code: `tr("Every run of {folder}", folder=...)` looks the sentence up in the catalogue of
the chosen language and fills it in; a sentence that a catalogue lacks stays English. What a run writes and what is
typed on a command line is the same in every language, as are logs and error messages of the engine.
"""

import tomllib
from importlib import resources
from typing import Protocol

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)

_KEY = "{key["
_catalogue: dict[str, str] = {}
_keys: "list[Keys]" = []


def use_language(language: str) -> None:
    """Speak `language`, one of LANGUAGES, from now on. Raises ValueError for another."""
    if language not in LANGUAGES:
        raise ValueError(f"no words for the language {language!r}")
    _catalogue.clear()
    if language != ENGLISH:
        _catalogue.update(read_catalogue(language))


class Keys(Protocol):
    """The key that each action has now, as a person reads it, by the id of the action."""

    def __getitem__(self, id: str, /) -> str: ...


def use_keys(keys: Keys) -> None:
    """Name these keys from now on, in sentences such as "{key[start]} starts a run"."""
    _keys[:] = [keys]


def read_catalogue(language: str) -> dict[str, str]:
    """The sentences of a language by their English form."""
    file = resources.files("rnnbench.tui") / "languages" / f"{language}.toml"
    words: dict[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))
    return words


def language_of(environment: str) -> str:
    """The language that a value of LANG or LC_ALL, such as zh_CN.UTF-8, asks for; English when there are no words."""
    short = environment.replace("-", "_").split("_")[0].split(".")[0].lower()
    return short if short in LANGUAGES else ENGLISH


def tr(sentence: str, /, **values: object) -> str:
    """The sentence in the chosen language, with the values filled in at {names}, and the key that an action has now at
    {key[id]}. Only the sentence is looked up, so untrusted values are never read as a pattern."""
    said = _catalogue.get(sentence, sentence)
    if _KEY in said:
        return said.format(key=_keys[0], **values)
    return said.format(**values) if values else said


def later(sentence: str) -> str:
    """The sentence itself, marked as one that `tr` will be asked for: for tables that are made before the language is
    known."""
    return sentence
