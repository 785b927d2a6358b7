"""Every action of the workbench, once: key bindings, footer, help, palette and the key table are made from this list.

Actions of a place come in the order of the list; the panes' come first in the line of keys.
"""

from collections.abc import Iterator

from textual.binding import Binding, BindingType

from rnnbench.tui.actions import compare, dialogs, everywhere, inspect, machine, panes, picking, queue, runs
from rnnbench.tui.actions.kinds import Action

ACTIONS: tuple[Action, ...] = (
    *panes.ACTIONS,
    *runs.ACTIONS,
    *compare.ACTIONS,
    *inspect.ACTIONS,
    *queue.ACTIONS,
    *machine.ACTIONS,
    *everywhere.ACTIONS,
    *dialogs.ACTIONS,
    *picking.ACTIONS,
)

_BY_ID = {action.id: action for action in ACTIONS}
_WRITING = {action.call for action in ACTIONS if action.writes}


def by_id(id: str) -> Action:
    """The action of that name."""
    return _BY_ID[id]


def actions_for(*places: str) -> Iterator[Action]:
    """The actions that belong to any of the places, in the order of the registry."""
    return (action for action in ACTIONS if set(places) & set(action.where))


def bindings(place: str) -> list[BindingType]:
    """The key bindings of a screen or pane."""
    return [
        Binding(",".join(action.keys), action.call, action.title, show=False, id=action.id)
        for action in actions_for(place)
        if not action.built_in and action.keys
    ]


def writes(call: str) -> bool:
    """Whether what a binding calls starts, steers, changes or deletes something."""
    return call in _WRITING
