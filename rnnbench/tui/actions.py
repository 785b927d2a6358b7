"""Every action of the workbench, once: key bindings, footer, help and palette are all made from this list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen

from rnnbench.runs.store import CRASHED, FAILED, FINISHED, PAUSED, RUNNING, STOPPED, TRAINED

WORKBENCH, RUNS, COMPARE = "workbench", "runs", "compare"
INSPECT = "inspect"
CORPORA, MODEL, TRAINING, GENERATE = "corpora", "model", "training", "generate"
PANES = (CORPORA, MODEL, TRAINING, GENERATE)
CONFIRM, COMMAND, HELP, SETTINGS, SAMPLES = "confirm", "command", "help", "settings", "samples"
TOGETHER = "together"
DIALOGS = (CONFIRM, COMMAND, HELP, SETTINGS, SAMPLES, TOGETHER)
PLACES = (WORKBENCH, RUNS, INSPECT, COMPARE, *PANES, *DIALOGS)
_BROKEN_OFF = (STOPPED, FAILED, CRASHED)
FOOTER, BUILT_IN, IN_FIELD = "footer", "built in", "in a field"


@dataclass(frozen=True)
class Action:
    """Something the user can do. `where` are the screens, panes and dialogs it belongs to, `call` what runs it,
    `states` those of the run in which it makes sense; none means always. Two actions that never make sense at the
    same time may share a key.

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
    states: tuple[str, ...] = ()

    def applies(self, state: str) -> bool:
        """Whether it makes sense with a run in that state."""
        return not self.states or state in self.states

    @property
    def key_text(self) -> str:
        """The keys as a person reads them."""
        return " ".join(_KEY_NAMES.get(key, key) for key in self.keys)


_KEY_NAMES = {"question_mark": "?", "escape": "esc", "ctrl+p": "^p", "left": "←", "right": "→", "up": "↑", "down": "↓"}
_KEY_NAMES |= {f"f{number}": f"F{number}" for number in range(1, 5)}


def _act(
    id: str, keys: str, title: str, help: str, *marks: str, call: str = "", states: tuple[str, ...] = ()
) -> Action:
    """An action; the marks are its places and what is special about it."""
    where = tuple(mark for mark in marks if mark in PLACES)
    return Action(
        id,
        tuple(keys.split()),
        title,
        help,
        where,
        FOOTER in marks,
        BUILT_IN in marks,
        IN_FIELD in marks,
        call or id,
        states,
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
    _act("toggle_log", "l", "Log", "Switch the curve between a log and a linear scale", TRAINING, FOOTER),
    _act(
        "show_samples",
        "m",
        "Samples",
        "What the model wrote, evaluation by evaluation",
        TRAINING,
        FOOTER,
        call="screen.show_samples",
    ),
    _act("shift_log", "left right", "Sideways", "See the rest of long log lines", TRAINING, BUILT_IN),
    _act("scroll_log", "up down", "Scroll", "Leave the end of the log; end follows it again", TRAINING, BUILT_IN),
    _act("send", "enter", "Send", "Write on from the text, or obey the /command", GENERATE, BUILT_IN, IN_FIELD, FOOTER),
    _act("cancel", "escape", "Cancel", "Stop the writing, or leave the field", GENERATE, IN_FIELD, FOOTER),
    _act("history", "up down", "History", "What was entered before", GENERATE, BUILT_IN),
    # In the list of runs.
    _act("open", "enter", "Open", "Open the run on the workbench", RUNS, BUILT_IN, FOOTER),
    _act("close", "escape", "Back", "Back to the workbench", RUNS, FOOTER),
    _act("delete", "d", "Delete", "Delete the run, after asking", RUNS, FOOTER, states=(FINISHED, *_BROKEN_OFF)),
    _act("mark", "space", "Mark", "Mark the run to be compared, or take the mark away", RUNS, FOOTER),
    _act("compare", "c", "Compare", "The marked runs: curves, figures, differing settings", RUNS, FOOTER),
    # In the comparison of runs.
    _act("leave", "escape", "Back", "Back to the list of runs", COMPARE, FOOTER),
    _act("turn_across", "a", "Across", "The axis below: steps, tokens or time", COMPARE, FOOTER),
    _act("turn_up", "y", "Bits", "The axis at the left: perplexity or bits per character", COMPARE, FOOTER),
    _act("toggle_scale", "l", "Log", "Switch the curves between a log and a linear scale", COMPARE, FOOTER),
    _act("scroll_figures", "up down left right", "Scroll", "The rest of the table", COMPARE, BUILT_IN, FOOTER),
    _act("talk", "g", "Prompt", "The same prompt and seed for all of them, side by side", COMPARE, FOOTER),
    # Inside a model.
    _act(
        "look",
        "enter",
        "Read",
        "Read the text; on a unit: colour the text by it",
        INSPECT,
        BUILT_IN,
        IN_FIELD,
        FOOTER,
    ),
    _act(
        "leave_inspect",
        "escape",
        "Back",
        "Stop what runs, or leave the field, or the screen",
        INSPECT,
        FOOTER,
        call="leave",
    ),
    _act("move_token", "left right up down", "Move", "The token whose figures are shown", INSPECT, BUILT_IN),
    _act("view_text", "1", "Surprisal", "The text, coloured by surprisal", INSPECT, FOOTER, call="view('text')"),
    _act("view_units", "2", "Units", "Hidden units that follow something", INSPECT, FOOTER, call="view('units')"),
    _act("view_gates", "3", "Gates", "How open the gates are", INSPECT, FOOTER, call="view('gates')"),
    _act("next_unit", "n", "Next unit", "Colour the text by the next unit", INSPECT, FOOTER, call="turn_unit(1)"),
    _act("unit_before", "b", "Unit before", "Colour the text by the unit before", INSPECT, call="turn_unit(-1)"),
    _act("edit_text", "e", "Text", "To the text field", INSPECT, FOOTER),
    _act("edit_file", "f", "File", "To the file field", INSPECT, FOOTER),
    # Everywhere on the workbench.
    _act("pause", "p", "Pause", "Ask the run to save and wait", WORKBENCH, RUNS, FOOTER, states=(RUNNING,)),
    _act("go_on", "p", "Continue", "Let the paused run go on", WORKBENCH, RUNS, FOOTER, states=(PAUSED,)),
    _act("stop", "x", "Stop", "Ask the run to save and stop", WORKBENCH, RUNS, FOOTER, states=TRAINED),
    _act("resume", "u", "Resume", "Go on from the last checkpoint", WORKBENCH, RUNS, FOOTER, states=_BROKEN_OFF),
    _act("train_on", "u", "Train on", "A new run with the weights of this one", WORKBENCH, FOOTER, states=(FINISHED,)),
    _act(
        "show_help",
        "question_mark",
        "Help",
        "What this place is for and every key",
        WORKBENCH,
        RUNS,
        INSPECT,
        COMPARE,
        FOOTER,
    ),
    _act("change", "v", "Rate", "Change the learning rate or the clipping", WORKBENCH, FOOTER, states=TRAINED),
    _act("save", "w", "Save", "Write a checkpoint now", WORKBENCH, FOOTER, states=(RUNNING,)),
    _act("sample", "g", "Draw", "Write a sample into the log now", WORKBENCH, FOOTER, states=(RUNNING,)),
    _act("start", "s", "Start", "Train the model of the form on the chosen text", WORKBENCH, FOOTER),
    _act("quit", "q", "Quit", "Leave; training goes on", WORKBENCH, RUNS, INSPECT, COMPARE, FOOTER, call="app.quit"),
    _act("show_runs", "r", "Runs", "Every run of the workspace", WORKBENCH, FOOTER),
    _act("inspect", "i", "Inspect", "What is inside the open run: surprisal, units, gates", WORKBENCH, FOOTER),
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
    _act(
        "toggle_theme",
        "t",
        "Light/dark",
        "A dark or a light theme",
        WORKBENCH,
        RUNS,
        INSPECT,
        COMPARE,
        call="app.toggle_theme",
    ),
    _act(
        "palette", "ctrl+p", "Palette", "Find an action by name", WORKBENCH, RUNS, INSPECT, COMPARE, BUILT_IN, IN_FIELD
    ),
    # In dialogs.
    _act("ask_all", "enter", "Send", "Let every run write on from the text", TOGETHER, BUILT_IN, IN_FIELD, FOOTER),
    _act("look_back", "tab", "Scroll", "To an answer, to scroll it", TOGETHER, BUILT_IN, IN_FIELD, FOOTER),
    _act("stop_all", "escape", "Stop", "Stop the writing, or go back", TOGETHER, IN_FIELD, FOOTER, call="leave"),
    _act("yes", "y", "Yes", "Do it", CONFIRM, FOOTER, call="dismiss(True)"),
    _act("no", "n escape q", "No", "Leave it", CONFIRM, FOOTER, call="dismiss(False)"),
    _act("save_toml", "enter", "Save", "Save the whole configuration as TOML", COMMAND, BUILT_IN, FOOTER),
    _act("close_command", "escape", "Close", "Back", COMMAND, FOOTER, call="dismiss"),
    _act("scroll_help", "up down", "Scroll", "Up and down", HELP, SAMPLES, BUILT_IN, FOOTER),
    _act("close_help", "escape question_mark q enter", "Close", "Back", HELP, FOOTER, call="dismiss"),
    _act("apply", "enter", "Use", "Use these values from the next step on", SETTINGS, BUILT_IN, FOOTER),
    _act("next_setting", "tab", "Other field", "To the other value", SETTINGS, BUILT_IN, FOOTER),
    _act("close_settings", "escape", "Leave as it is", "Back, changing nothing", SETTINGS, FOOTER, call="dismiss"),
    _act("earlier", "left", "Earlier", "The evaluation before", SAMPLES, FOOTER, call="turn(-1)"),
    _act("later", "right", "Later", "The evaluation after", SAMPLES, FOOTER, call="turn(1)"),
    _act("close_samples", "escape q m", "Close", "Back", SAMPLES, FOOTER, call="dismiss"),
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


@runtime_checkable
class HasPlaces(Protocol):
    """A screen that knows where the user is, how the run at hand is doing, and who does what there."""

    @property
    def run_state(self) -> str:
        """The state of the run that actions are done to; empty when there is none."""

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
        found = [action for action in actions_for(*everywhere) if not action.built_in]
        return [action for action in found if action.applies(screen.run_state)]

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
