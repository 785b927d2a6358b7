"""Where preferences come from, one over the other: options, environment, settings.toml, what is remembered, defaults.

settings.toml is in the user's configuration folder:

    theme = "light"
    slow_link = true

    [keys]
    stop = "ctrl+x"

Nothing that is wrong with it keeps the workbench from opening: what is right in it counts, the rest is told.
"""

import difflib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from rnnbench import config as configuration
from rnnbench.errors import UsageError
from rnnbench.tui.memory import Memory, load_memory
from rnnbench.tui.preferences import PLAIN, SUITABLE, THEME_NAMES, Preferences
from rnnbench.tui.words import ENGLISH, LANGUAGES, language_of

AUTO = "auto"
_POOR_TERMINALS = ("linux", "dumb")  # their fonts have neither braille nor Chinese
_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_FLAGS = ("ascii", "slow_link", "read_only", "notify")
_VARIABLES = {name: f"RNNBENCH_{name.upper()}" for name in ("theme", "ascii", "slow_link", "read_only", "language")}


class SettingsTable(BaseModel):
    """What settings.toml may hold; None where it says nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    theme: Literal["dark", "light", "safe-dark", "safe-light", "terminal", "plain"] | None = None
    ascii: bool | None = None
    slow_link: bool | None = None
    read_only: bool | None = None
    language: Literal["auto", "en", "zh"] | None = None
    notify: bool | None = None
    keys: dict[str, str] | None = None


@dataclass(frozen=True)
class Asked:
    """What options of the command line ask for. An option that was not given is None."""

    theme: str | None = None
    ascii: bool | None = None
    slow_link: bool | None = None
    read_only: bool | None = None

    def checked(self) -> "Asked":
        """The same. Raises UsageError for a theme that there is not."""
        if self.theme is not None and self.theme not in THEME_NAMES:
            raise UsageError(f"unknown theme {self.theme}", _nearest(self.theme, THEME_NAMES))
        return self


@dataclass(frozen=True)
class Surroundings:
    """What the terminal and the system say: the environment, and the encoding in which text reaches the terminal."""

    environment: Mapping[str, str]
    encoding: str

    @classmethod
    def present(cls) -> "Surroundings":
        """Those of this process. Textual writes to stderr."""
        return cls(os.environ, getattr(sys.__stderr__, "encoding", None) or "utf-8")

    @property
    def poor(self) -> bool:
        """Whether the terminal has no font to speak of."""
        return self.environment.get("TERM", "") in _POOR_TERMINALS

    @property
    def ascii(self) -> bool:
        """Whether drawings are lost on the way to the terminal, or on it."""
        return self.poor or self.encoding.lower().replace("_", "-") not in ("utf-8", "utf8")

    @property
    def language(self) -> str:
        """The language of the locale; that of the code where the terminal could not show it."""
        names = (self.environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
        return ENGLISH if self.poor else language_of(next((name for name in names if name), ""))


def settings_file() -> Path:
    """`rnnbench/settings.toml` in the user's configuration folder."""
    import platformdirs

    return platformdirs.user_config_path("rnnbench") / "settings.toml"


def resolve(asked: Asked, around: Surroundings | None = None, path: Path | None = None) -> Preferences:
    """Options over environment over settings.toml over defaults; a theme that none of them names is the remembered one.

    Raises UsageError for an option that is wrong; what else is wrong is told by `problems`.
    """
    asked.checked()
    around = around or Surroundings.present()
    file, wrong = read_settings(path or settings_file())
    table, strange = _environment_table(around.environment)
    chosen = {**file, **table, **{name: value for name, value in vars(asked).items() if value is not None}}
    problems = [*wrong, *strange]
    return Preferences(
        theme=chosen.get("theme") or _remembered_theme(load_memory()),
        ascii=chosen.get("ascii", around.ascii),
        slow_link=chosen.get("slow_link", False),
        read_only=chosen.get("read_only", False),
        language=around.language if chosen.get("language", AUTO) == AUTO else chosen["language"],
        notify=chosen.get("notify", True),
        keys=chosen.get("keys", {}),
        problems=tuple(problems),
    )


def _remembered_theme(memory: Memory) -> str:
    return memory.theme if memory.theme in THEME_NAMES else SUITABLE


def read_settings(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What is right in a settings file, by name, and what is wrong with it, line by line. A missing file is fine."""
    try:
        tables = configuration.read_toml(path) if path.exists() else {}
    except (UsageError, OSError) as error:
        return {}, [str(error)]
    return _checked(tables, path.name)


def _checked(tables: Mapping[str, Any], source: str) -> tuple[dict[str, Any], list[str]]:
    """The settings of a table that can be used, and a line for each that cannot."""
    try:
        SettingsTable.model_validate(tables)
        return dict(tables), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
    wrong = [f"{source}: {_complaint(detail)}" for detail in details]
    bad = {detail["loc"][0] for detail in details}
    return {name: value for name, value in tables.items() if name not in bad}, wrong


def _complaint(detail: ErrorDetails) -> str:
    """One line that names the setting, what it is, and what it could be."""
    names = [str(part) for part in detail["loc"]]
    name, given = ".".join(names), detail["input"]
    if detail["type"] == "extra_forbidden":
        return f"unknown setting {name} ({_nearest(name, SettingsTable.model_fields)})"
    if name == "theme":
        return f"theme = {given!r} is no theme ({_nearest(str(given), THEME_NAMES)})"
    if name == "language":
        return f"language = {given!r} is not one of {', '.join((AUTO, *LANGUAGES))}"
    if names[0] == "keys":
        return f"{name} = {given!r} is not the name of a key in quotes"
    return f"{name} = {given!r} is neither true nor false"


def _nearest(word: str, known: Any) -> str:
    """What may have been meant."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _environment_table(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """RNNBENCH_THEME and its like; without a theme there, NO_COLOR (no-color.org) asks for the plain one."""
    table: dict[str, Any] = {}
    wrong: list[str] = []
    for name, variable in _VARIABLES.items():
        if text := environment.get(variable, "").strip():
            value: str | bool = _WORDS.get(text.lower(), text) if name in _FLAGS else text
            found, complaints = _checked({name: value}, variable)
            table, wrong = table | found, wrong + complaints
    if "theme" not in table and environment.get("NO_COLOR"):
        table["theme"] = PLAIN
    return table, wrong
