"""What the user prefers: how the workbench looks, what it sends over the line, and what it lets be done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnnbench.tui.words import ENGLISH

if TYPE_CHECKING:  # the command line reads preferences without loading the interface
    from textual.dom import DOMNode

DARK, LIGHT, SAFE_DARK, SAFE_LIGHT = "dark", "light", "safe-dark", "safe-light"
TERMINAL, PLAIN = "terminal", "plain"
THEME_NAMES = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT, TERMINAL, PLAIN)
SUITABLE = ""  # the theme that suits the number of colours of the terminal


@dataclass(frozen=True)
class Preferences:
    """How this workbench was asked to be.

    `theme` is one of THEME_NAMES, or SUITABLE. `language` is resolved: one of words.LANGUAGES. `keys` are other keys
    for actions, by their ids. `problems` is what was wrong with the settings, to be told once.
    """

    theme: str = DARK
    ascii: bool = False
    slow_link: bool = False
    read_only: bool = False
    language: str = ENGLISH
    notify: bool = True
    keys: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


DEFAULTS = Preferences()


def preferences_of(node: "DOMNode") -> Preferences:
    """The preferences of the workbench that a widget is in; the defaults in any other app."""
    found = getattr(node.app, "preferences", DEFAULTS)
    return found if isinstance(found, Preferences) else DEFAULTS
