"""What the user prefers: how the workbench looks, what it sends over the line, and what it lets be done."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from textual.dom import DOMNode

from rnnbench.tui.words import ENGLISH


@dataclass(frozen=True)
class Preferences:
    """How this workbench was asked to be."""

    theme: str = "dark"
    ascii: bool = False
    slow_link: bool = False
    read_only: bool = False
    language: str = ENGLISH
    keys: Mapping[str, str] = field(default_factory=dict)


DEFAULTS = Preferences()


def preferences_of(node: DOMNode) -> Preferences:
    """The preferences of the workbench that a widget is in; the defaults in any other app."""
    found = getattr(node.app, "preferences", DEFAULTS)
    return found if isinstance(found, Preferences) else DEFAULTS
