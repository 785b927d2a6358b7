"""Every action of the workbench, once: key bindings, footer, help and palette are all made from this list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen

WORKBENCH, RUNS = "workbench", "runs"
CORPORA, MODEL, TRAINING, GENERATE = "corpora", "model", "training", "generate"
PANES = (CORPORA, MODEL, TRAINING, GENERATE)
PLACES = (WORKBENCH, RUNS, *PANES)
FOOTER, BUILT_IN, IN_FIELD = "footer", "built in", "in a field"


@dataclass(frozen=True)
class Action:
    """Something the user can do. `where` are the screens and panes it belongs to, `call` what runs it.

    A `built_in` action is done by the widget that has the focus; it is listed here to be documented. An `in_field`
    action can be called while a text field has the focus.
    """

    id: str
    keys: tuple[str, ...]
    title: str
    help: str
    where: tuple[str, ...]
    footer: bool
    built_in: bool
    in_field: bool
    call: str

    @property
    def key_text(self) -> str:
        """The keys as a person reads them."""
        return " ".join(_KEY_NAMES.get(key, key) for key in self.keys)


_KEY_NAMES = {"question_mark": "?", "escape": "esc", "ctrl+p": "^p"} | {
    f"f{number}": f"F{number}" for number in range(1, 5)
}


def _act(id: str, keys: str, title: str, help: str, *marks: str, call: str = "") -> Action:
    """An action; the marks are its places and what is special about it."""
    where = tuple(mark for mark in marks if mark in PLACES)
    return Action(
        id, tuple(keys.split()), title, help, where, FOOTER in marks, BUILT_IN in marks, IN_FIELD in marks, call or id
    )


ACTIONS = (
    # In the panes. Actions of the registry's first half come first in the line of keys.
    _act("choose_corpus", "enter", "Choose", "Train on the text under the cursor", CORPORA, BUILT_IN, FOOTER),
    _act("add_corpus", "a", "Add path", "Add a text from anywhere on the disk", CORPORA, FOOTER),
    _act("turn_encoding", "e", "Encoding", "Read texts in the next encoding: UTF-8, GB18030 ...", CORPORA),
    _act("turn_errors", "b", "Bad bytes", "Refuse bytes that are not text, or replace them", CORPORA),
    _act("open_choice", "enter", "All choices", "Open the list of a choice", MODEL, BUILT_IN, FOOTER),
    _act("change_choice", "left right", "Change", "The choice before or after", MODEL, BUILT_IN),
    _act("move_field", "up down", "Move", "To the field above or below", MODEL, BUILT_IN),
    _act("toggle_log", "l", "Log scale", "Switch the curve between a log and a linear scale", TRAINING, FOOTER),
    _act("scroll_log", "up down", "Scroll", "Leave the end of the log; end follows it again", TRAINING, BUILT_IN),
    _act("send", "enter", "Send", "Write on from the text, or obey the /command", GENERATE, BUILT_IN, IN_FIELD, FOOTER),
    _act("cancel", "escape", "Cancel", "Stop the writing, or leave the field", GENERATE, IN_FIELD, FOOTER),
    _act("history", "up down", "History", "What was entered before", GENERATE, BUILT_IN),
    # In the list of runs.
    _act("open", "enter", "Open", "Open the run on the workbench", RUNS, BUILT_IN, FOOTER),
    _act("close", "escape", "Back", "Back to the workbench", RUNS, FOOTER),
    _act("delete", "d", "Delete", "Delete the run, after asking", RUNS, FOOTER),
    # Everywhere on the workbench.
    _act("start", "s", "Start", "Train the model of the form on the chosen text", WORKBENCH, FOOTER),
    _act("stop", "x", "Stop", "Ask the run to save and stop", WORKBENCH, RUNS, FOOTER),
    _act("show_help", "question_mark", "Help", "What this place is for and every key", WORKBENCH, RUNS, FOOTER),
    _act("quit", "q", "Quit", "Leave; training goes on", WORKBENCH, RUNS, FOOTER, call="app.quit"),
    _act("show_runs", "r", "Runs", "Every run of the workspace", WORKBENCH, FOOTER),
    _act("resume", "u", "Resume", "Go on from the last checkpoint", WORKBENCH, RUNS, FOOTER),
    _act("show_command", "c", "Command", "This form as a command; save it as TOML", WORKBENCH, FOOTER),
    *(
        _act(
            f"show_{name}",
            f"{number} f{number}",
            name.capitalize(),
            f"Go to pane {number}",
            WORKBENCH,
            call=f"show_pane('{name}')",
        )
        for number, name in enumerate(PANES, 1)
    ),
    _act("next_field", "tab", "Next field", "To the next field; shift+tab goes back", WORKBENCH, BUILT_IN),
    _act("leave_field", "escape", "Leave field", "Out of a text field: single keys work again", WORKBENCH, IN_FIELD),
    _act("toggle_theme", "t", "Light/dark", "A dark or a light theme", WORKBENCH, RUNS, call="app.toggle_theme"),
    _act("palette", "ctrl+p", "Palette", "Find an action by name", WORKBENCH, RUNS, BUILT_IN, IN_FIELD),
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


@runtime_checkable
class HasPlaces(Protocol):
    """A screen that knows where the user is, and who does what there."""

    def places(self) -> tuple[str, ...]:
        """The focused pane, if any, and the screen."""

    def performer(self, action: Action) -> DOMNode:
        """The screen or the pane that has the action's method."""


class ActionProvider(Provider):
    """The palette: the actions of the screen, and of its panes."""

    async def discover(self) -> Hits:
        """Everything, while nothing is typed."""
        for action in self._available():
            yield DiscoveryHit(action.title, self._runner(action), action.title, help=self._help(action))

    async def search(self, query: str) -> Hits:
        """What matches the query, by title or by help."""
        matcher = self.matcher(query)
        for action in self._available():
            score = max(matcher.match(action.title), matcher.match(action.help) * 0.8)
            if score > 0:
                shown = matcher.highlight(action.title)
                yield Hit(score, shown, self._runner(action), action.title, help=self._help(action))

    def _available(self) -> list[Action]:
        screen: Screen[object] = self.screen
        if not isinstance(screen, HasPlaces):
            return []
        places = screen.places()
        everywhere = (*PANES, *places) if WORKBENCH in places else places
        return [action for action in actions_for(*everywhere) if not action.built_in]

    def _help(self, action: Action) -> str:
        return f"{action.help}  ({action.key_text})"

    def _runner(self, action: Action) -> "_Runner":
        return _Runner(self.screen, action)


@dataclass(frozen=True)
class _Runner:
    screen: Screen[object]
    action: Action

    async def __call__(self) -> None:
        assert isinstance(self.screen, HasPlaces)
        performer = self.screen.performer(self.action)
        await self.screen.app.run_action(self.action.call, performer)
