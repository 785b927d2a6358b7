"""The choices of the form as text, apart from any widget: what is set, what is wrong, what would be trained."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnbench import config as configuration
from rnnbench.config import ConfigField, RunConfig
from rnnbench.errors import UsageError
from rnnbench.runs.store import RunStore, check_name
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
BUDGETS = ("training.epochs", "training.max_steps", "training.minutes")
_SWITCH = {True: "on", False: "off"}


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
    return " ".join(map(str, written)) if isinstance(written, list) else str(written)


def as_value(key: str, text: str) -> Any:
    """What a text of the form means; a text that means nothing stays a text, and is found wrong by the check."""
    if is_switch(key):
        return text == _SWITCH[True]
    annotation = FIELDS[key].info.annotation
    if FIELDS[key].choices or annotation is str:
        return text
    if annotation == tuple[str, ...]:
        return text.split()
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@dataclass
class Form:
    """The choices that differ from the defaults, by `section.name`; a field that is not set follows the others."""

    store: RunStore
    texts: dict[str, str] = field(default_factory=dict)
    run_name: str = ""
    preset: str = ""

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
            problems[CORPUS] = "no corpus is chosen; choose one in pane 1"
        if message := self._name_problem():
            problems[RUN_NAME] = message
        return problems

    def _name_problem(self) -> str:
        try:
            taken = bool(self.run_name) and self.store.run(check_name(self.run_name)).folder.exists()
        except UsageError as error:
            return error.hint or error.message
        return "a run of this name exists" if taken else ""

    def resolved(self) -> RunConfig | None:
        """The whole configuration, whichever corpus is chosen; None while something is wrong."""
        tables = _tables({CORPUS: "?"} | self.texts)
        return None if configuration.check(tables) else configuration.validate(tables)

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
        corpus = self.texts.get(CORPUS, "run").rpartition("/")[2].rpartition("\\")[2]
        return f"{corpus.removesuffix('.txt')}-{self.shown('model.cell')}"

    def load_preset(self, name: str) -> None:
        """Take the choices of a ready-made experiment, the chosen corpus included where it names one."""
        corpus = self.texts.get(CORPUS)
        tables = configuration.read_preset(name) if name else {}
        self.preset = name
        self.texts = {CORPUS: corpus} if corpus else {}
        self._take(tables)

    def fill(self, config: RunConfig) -> None:
        """Take every choice of a run that differs from what it would have been."""
        optimizer = {"optimizer": config.training.optimizer}
        plain = configuration.validate({"corpus": {"file": config.corpus.file}, "training": optimizer})
        self.texts, self.preset, self.run_name = {CORPUS: config.corpus.file}, "", ""
        for key in FIELDS:
            value = configuration.value_of(config, key)
            if value != configuration.value_of(plain, key) and not (value is None and key in BUDGETS):
                self.set(key, as_text(key, value))
        self.set("training.optimizer", config.training.optimizer)

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
