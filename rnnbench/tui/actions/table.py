"""The table of all keys, place by place, as the documentation shows it."""

from collections.abc import Iterator

from rnnbench.tui.actions.kinds import CONFIRM, DIALOGS, PANES, PLACES, WORKBENCH, Action
from rnnbench.tui.actions.registry import actions_for

_BEFORE = """\
# Keys

Every key of the workbench, place by place. `?` shows those of the place where you are, ctrl+p finds an action by name.
A key of a pane wins over the same key of the workbench. `[keys]` in the settings file gives an action other keys, by
its id: `save = "ctrl+s f5"`. An action without an id in the table belongs to what has the focus and keeps its keys.

This file is written by `rnnbench config keys`.
"""
_TITLES = {WORKBENCH: "Everywhere on the workbench", CONFIRM: "Questions"}


def place_title(place: str) -> str:
    """A place as a heading."""
    return _TITLES.get(place, place.capitalize())


def key_table() -> str:
    """The keys of every place as a Markdown document."""
    ordered = [WORKBENCH, *PANES, *(place for place in PLACES if place not in (WORKBENCH, *PANES, *DIALOGS)), *DIALOGS]
    return "\n".join([_BEFORE, *(line for place in ordered for line in _section(place))])


def _section(place: str) -> Iterator[str]:
    rows = [_row(action) for action in actions_for(place)]
    if rows:
        yield f"## {place_title(place)}\n"
        yield "| key | what | id | |\n|---|---|---|---|"
        yield from rows
        yield ""


def _row(action: Action) -> str:
    keys = " ".join(f"`{_escaped(name)}`" for name in action.key_text.split())
    when = f" (when {' or '.join(action.states)})" if action.states else ""
    id = "" if action.built_in else f"`{action.id}`"
    return f"| {keys or 'palette'} | {_escaped(action.title)} | {id} | {_escaped(action.help)}{when} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
