"""Every action of the workbench, once: key bindings, footer, help, palette and the key table are made from this list.

Actions of a place come in the order of the list; the panes' come first in the line of keys.
"""

from collections.abc import Iterator

from textual.binding import Binding, BindingType

from rnnbench.tui.actions import compare, dialogs, everywhere, inspect, panes, runs
from rnnbench.tui.actions.kinds import Action

ACTIONS: tuple[Action, ...] = (
    *panes.ACTIONS,
    *runs.ACTIONS,
    *compare.ACTIONS,
    *inspect.ACTIONS,
    *everywhere.ACTIONS,
    *dialogs.ACTIONS,
)

_BY_ID = {action.id: action for action in ACTIONS}


def by_id(id: str) -> Action:
    """The action of that name."""
    return _BY_ID[id]


def actions_for(*places: str) -> Iterator[Action]:
    """The actions that belong to any of the places, in the order of the registry."""
    return (action for action in ACTIONS if set(places) & set(action.where))


def bindings(place: str) -> list[BindingType]:
    """The key bindings of a screen or pane."""
    return [
        Binding(",".join(action.keys), action.call, action.title, show=False)
        for action in actions_for(place)
        if not action.built_in
    ]


def gives_way(call: str, state: str, places: tuple[str, ...]) -> bool:
    """Whether another action on the same key makes sense in the places with a run in that state, and this does not."""
    here = list(actions_for(*places))
    mine = [action for action in here if action.call == call and not action.applies(state)]
    rivals = [action for action in here if action.states and action.applies(state)]
    return any(set(action.keys) & set(rival.keys) for action in mine for rival in rivals)
