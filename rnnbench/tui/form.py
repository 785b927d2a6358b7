"""The choices of the form as text, apart from any widget: what is set, what is wrong, what would be trained."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnbench import config as configuration
from rnnbench.config import ConfigField, RunConfig
from rnnbench.errors import CorpusError, UsageError
from rnnbench.runs.naming import usual_name
from rnnbench.runs.store import RunStore, check_name
from rnnbench.tui.words import tr
from rnnbench.visible import visible

CORPUS = "corpus.file"
RUN_NAME = "run.name"
START_FROM = "training.start_from"
FIELDS: dict[str, ConfigField] = {item.key: item for item in configuration.fields()}
MAIN = (
    "model.task",
    "model.cell",
    "model.hidden",
    "model.layers",
    "model.input",
    "model.embedding",
    "model.dropout",
    "training.optimizer",
    "training.learning_rate",
    "training.batch_size",
    "training.steps_per_sequence",
    "training.schedule",
    "training.epochs",
    "training.max_steps",
    "training.minutes",
    "training.seed",
    "machine.device",
)
MORE = tuple(key for key in FIELDS if key not in MAIN and key != CORPUS)
SECTIONS = {
    section: tuple(key for key in MORE if FIELDS[key].section == section)
    for section in dict.fromkeys(FIELDS[key].section for key in MORE)
}
"""The fields of MORE by the section that they are in."""
BUDGETS = ("training.epochs", "training.max_steps", "training.minutes")
_SWITCH = {True: "on", False: "off"}
_BOUNDS = ("ge", "gt", "le", "lt")


def choices(key: str) -> tuple[str, ...]:
    """The words a field can have; nothing for a field that is typed."""
    return ("off", "on") if is_switch(key) else FIELDS[key].choices


def is_switch(key: str) -> bool:
    """Whether the field is on or off."""
    return FIELDS[key].info.annotation is bool


def as_text(key: str, value: Any) -> str:
    """A value as the form shows it."""
    if is_switch(key):
        return _SWITCH[bool(value)]
    written = configuration.as_written(value)
    return _as_words(written) if isinstance(written, list) else str(written)


def _as_words(texts: list[str]) -> str:
    """Texts with blanks between them; as a list in brackets where blanks are in them."""
    plain = all(text and not text.startswith("[") and text.split() == [text] for text in texts)
    return " ".join(texts) if plain else json.dumps(texts, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_value(key: str, text: str) -> Any:
    """What a text of the form means; a text that means nothing stays a text, and is found wrong by the check."""
    if is_switch(key):
        return text == _SWITCH[True]
    annotation = FIELDS[key].info.annotation
    if FIELDS[key].choices or annotation is str:
        return text
    read = _read(text)
    if annotation == tuple[str, ...]:
        return read if isinstance(read, list) else text.split()
    return read


def _read(text: str) -> Any:
    """The text as a TOML value; as it stands where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def bounds(key: str) -> str:
    """The numbers that a field can be, such as "1 to 64"; nothing where there is no limit."""
    found = {
        name: str(getattr(limit, name))
        for limit in FIELDS[key].info.metadata
        for name in _BOUNDS
        if getattr(limit, name, None) is not None
    }
    if found.keys() == {"ge", "le"}:
        return tr("{least} to {most}", least=found["ge"], most=found["le"])
    said = [
        tr("at least {limit}", limit=found["ge"]) if "ge" in found else "",
        tr("above {limit}", limit=found["gt"]) if "gt" in found else "",
        tr("at most {limit}", limit=found["le"]) if "le" in found else "",
        tr("below {limit}", limit=found["lt"]) if "lt" in found else "",
    ]
    return ", ".join(filter(None, said))


@dataclass(frozen=True)
class Base:
    """What the form was filled from: defaults, a preset, a run or a file; its choices and the value of every field."""

    name: str
    texts: Mapping[str, str]
    values: Mapping[str, str]

    @classmethod
    def of(cls, name: str, texts: Mapping[str, str]) -> "Base":
        """The base with these choices, of which nothing may be wrong."""
        config = configuration.validate(_tables({CORPUS: "?"} | dict(texts)))
        return cls(name, dict(texts), {key: as_text(key, configuration.value_of(config, key)) for key in FIELDS})


@dataclass(frozen=True)
class FormState:
    """The form at one moment, to go back to."""

    texts: Mapping[str, str]
    run_name: str
    preset: str
    base: Base


@dataclass
class Form:
    """The choices that differ from the defaults, by `section.name`; a field that is not set follows the others."""

    store: RunStore
    texts: dict[str, str] = field(default_factory=dict)
    run_name: str = ""
    preset: str = ""
    base: Base = field(default_factory=lambda: Base.of("", {}))
    _resolved: tuple[dict[str, str], RunConfig | None] | None = field(default=None, repr=False, compare=False)

    def state(self) -> FormState:
        """The form as it is now."""
        return FormState(dict(self.texts), self.run_name, self.preset, self.base)

    def go_back(self, state: FormState) -> None:
        """Be as at that moment."""
        self.texts, self.run_name = dict(state.texts), state.run_name
        self.preset, self.base = state.preset, state.base

    def values(self) -> dict[str, str]:
        """The value of every field; while something is wrong, the text that was set or else the base's value."""
        config = self.resolved()
        if config is None:
            return {key: self.texts.get(key) or self.base.values[key] for key in FIELDS}
        return {key: as_text(key, configuration.value_of(config, key)) for key in FIELDS}

    def changed(self) -> list[str]:
        """The fields whose values are not those of the base; which corpus is chosen is no matter of the base."""
        values = self.values()
        return [key for key in FIELDS if key != CORPUS and values[key] != self.base.values[key]]

    def reset(self, key: str) -> None:
        """Give a field the value that it has in the base."""
        self.texts.pop(key, None)
        if key in self.base.texts:
            self.texts[key] = self.base.texts[key]

    def reset_all(self) -> None:
        """Give every field but the corpus the value that it has in the base."""
        kept = {CORPUS: self.texts[CORPUS]} if CORPUS in self.texts else {}
        self.texts = dict(self.base.texts) | kept

    def set(self, key: str, text: str) -> None:
        """Set a field; an empty text, or the default of a choice, takes it back."""
        if not text or (choices(key) and text == as_text(key, FIELDS[key].default)):
            self.texts.pop(key, None)
        else:
            self.texts[key] = text

    def shown(self, key: str) -> str:
        """What the field means now: the text that was set, else the value it follows."""
        return self.texts.get(key) or self.following(key)

    def following(self, key: str) -> str:
        """The value of a field that is not set: sgd's learning rate is not adam's."""
        unset = {other: text for other, text in self.texts.items() if other != key}
        tables = _tables({CORPUS: "?"} | unset)
        if configuration.check(tables):
            return as_text(key, FIELDS[key].default)
        return as_text(key, configuration.value_of(configuration.validate(tables), key))

    def following_all(self) -> dict[str, str]:
        """`following` of every field that is not set, with one look at the models."""
        config = self.resolved()
        if config is None:
            return {}
        return {key: as_text(key, configuration.value_of(config, key)) for key in FIELDS if key not in self.texts}

    def tables(self) -> configuration.Values:
        """The nested tables of what was set, for `config.validate`."""
        return _tables(self.texts)

    def problems(self) -> dict[str, str]:
        """What is wrong, by `section.name`; a rule between several fields is found under its section."""
        found = configuration.check(self.tables())
        problems = {key: _short(message.removeprefix(f"{key}: ")) for key, message in found.items()}
        if CORPUS not in self.texts:
            problems = {key: message for key, message in problems.items() if key not in ("corpus", CORPUS)}
            problems[CORPUS] = tr("no corpus is chosen; choose one in pane 1")
        elif self.corpus_path() is None:
            name = self.texts[CORPUS]
            problems[CORPUS] = tr("{name} is not here: choose a text in pane 1, or get it there", name=name)
        if message := self._name_problem():
            problems[RUN_NAME] = message
        return problems

    def corpus_path(self) -> Path | None:
        """Where the chosen corpus is; None when none is chosen or it cannot be found."""
        try:
            return self.store.workspace.find_corpus(self.texts[CORPUS])
        except (KeyError, CorpusError):
            return None

    def _name_problem(self) -> str:
        try:
            taken = bool(self.run_name) and self.store.run(check_name(self.run_name)).folder.exists()
        except UsageError as error:
            return error.hint or error.message
        return tr("a run of this name exists") if taken else ""

    def resolved(self) -> RunConfig | None:
        """The whole configuration, whichever corpus is chosen; None while something is wrong."""
        if self._resolved is None or self._resolved[0] != self.texts:  # asked for several times at every key
            tables = _tables({CORPUS: "?"} | self.texts)
            config = None if configuration.check(tables) else configuration.validate(tables)
            self._resolved = (dict(self.texts), config)
        return self._resolved[1]

    def config(self) -> RunConfig:
        """The configuration to train. Raises UsageError with everything that is wrong."""
        problems = self.problems()
        if problems:
            raise UsageError("; ".join(_sentence(key, message) for key, message in problems.items()))
        return configuration.validate(self.tables())

    def name(self) -> str:
        """The name the run would get."""
        return self.run_name or self.store.free_name(self._stem())

    def _stem(self) -> str:
        if self.preset:
            return self.preset
        return usual_name(self.texts.get(CORPUS, "run"), self.shown("model.cell"))

    def load_preset(self, name: str) -> None:
        """Take the choices of a ready-made experiment, the chosen corpus included where it names one."""
        corpus = self.texts.get(CORPUS)
        tables = configuration.read_preset(name) if name else {}
        self.preset = name
        self.texts = {CORPUS: corpus} if corpus else {}
        self._take(tables)
        self._stand_on(name)

    def load_tables(self, tables: Mapping[str, Mapping[str, Any]], name: str) -> None:
        """Take the choices of a file, which have been checked; the chosen corpus stays where it names none."""
        corpus = self.texts.get(CORPUS)
        self.texts, self.preset, self.run_name = {CORPUS: corpus} if corpus else {}, "", ""
        self._take(tables)
        self._stand_on(name)

    def _stand_on(self, name: str) -> None:
        """From now on, differ from what is chosen now."""
        self.base = Base.of(name, {key: text for key, text in self.texts.items() if key != CORPUS})

    def fill(self, config: RunConfig, name: str = "") -> None:
        """Take every choice of a run that differs from what it would have been."""
        optimizer = {"optimizer": config.training.optimizer}
        plain = configuration.validate({"corpus": {"file": config.corpus.file}, "training": optimizer})
        self.texts, self.preset, self.run_name = {CORPUS: config.corpus.file}, "", ""
        for key in FIELDS:
            value = configuration.value_of(config, key)
            if value != configuration.value_of(plain, key) and not (value is None and key in BUDGETS):
                self.set(key, as_text(key, value))
        self.set("training.optimizer", config.training.optimizer)
        self._stand_on(name)

    def _take(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        for section, table in tables.items():
            for name, value in table.items():
                key = f"{section}.{name}"
                self.set(key, value if isinstance(value, str) else as_text(key, value))


def _short(message: str) -> str:
    """The message without what its place beside the field already says."""
    return (
        message.removeprefix("input ")
        .replace(", unable to parse string as an integer", "")
        .replace(", unable to parse string as a number", "")
    )


def _sentence(key: str, message: str) -> str:
    return message if key == CORPUS else f"{visible(key)}: {message}"


def _tables(texts: Mapping[str, str]) -> configuration.Values:
    tables: configuration.Values = {}
    for key, text in texts.items():
        section, name = key.split(".")
        tables.setdefault(section, {})[name] = as_value(key, text)
    return tables
