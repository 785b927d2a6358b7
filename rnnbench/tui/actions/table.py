"""The table of all keys, place by place, as the documentation shows it."""

from collections.abc import Iterator

from rnnbench.tui.actions.keymap import DEFAULT_KEYS, KeyMap
from rnnbench.tui.actions.kinds import CONFIRM, DIALOGS, PANES, PLACES, WORKBENCH, Action
from rnnbench.tui.actions.registry import actions_for

_BEFORE = """\
# Keys

Every key of the workbench, place by place. `?` shows those of the place where you are, ctrl+p finds an action by name.
A key of a pane wins over the same key of the workbench. `[keys]` in the settings file gives an action other keys, by
its id: `save = "ctrl+s f5"`. An action without an id in the table belongs to what has the focus and keeps its keys.

This file is written by `rnnbench config keys --defaults`.
"""
_CHANGED = """
Some of these keys are from `[keys]` in the settings file; `rnnbench config keys --defaults` shows them without it.
"""
_TITLES = {WORKBENCH: "Everywhere on the workbench", CONFIRM: "Questions"}


def place_title(place: str) -> str:
    """A place as a heading."""
    return _TITLES.get(place, place.capitalize())


def key_table(keys: KeyMap = DEFAULT_KEYS) -> str:
    """The keys of every place as a Markdown document; those of a user are told to be that."""
    ordered = [WORKBENCH, *PANES, *(place for place in PLACES if place not in (WORKBENCH, *PANES, *DIALOGS)), *DIALOGS]
    before = _BEFORE if keys == DEFAULT_KEYS else _BEFORE.partition("\nThis file")[0] + _CHANGED
    return "\n".join([before, *(line for place in ordered for line in _section(place, keys))])


def _section(place: str, keys: KeyMap) -> Iterator[str]:
    rows = [_row(action, keys) for action in actions_for(place)]
    if rows:
        yield f"## {place_title(place)}\n"
        yield "| key | what | id | |\n|---|---|---|---|"
        yield from rows
        yield ""


def _row(action: Action, keys: KeyMap) -> str:
    shown = " ".join(f"`{_escaped(name)}`" for name in keys.text(action).split())
    when = f" (when {' or '.join(action.states)})" if action.states else ""
    id = "" if action.built_in else f"`{action.id}`"
    return f"| {shown or 'palette'} | {_escaped(action.title)} | {id} | {_escaped(action.help)}{when} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
