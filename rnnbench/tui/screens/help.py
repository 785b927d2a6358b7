"""The help screen: what a place is for, how its run is, and every key that does something there."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from rnnbench.runs.slashes import HELP_COLUMN
from rnnbench.tui import actions
from rnnbench.tui.actions import Action
from rnnbench.tui.cells import cell_len, padded, wrap
from rnnbench.tui.fitting import hanging
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.terms import place_title
from rnnbench.tui.words import tr

_KEYS_WIDTH, _TITLE_WIDTH = 12, 14
_WIDEST, _FRAME = 90, 8  # as the style sheet says, and the frame, the padding and the scroll bar
_STYLES = {True: ("bold $text-accent", ""), False: ("dim", "dim")}


class HelpScreen(DialogScreen[None]):
    """Made from the registry, so it cannot miss an action. What makes no sense now is dimmed and says when it does."""

    PLACE = actions.HELP
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.HELP)

    def __init__(self, places: tuple[str, ...], about: str, run_state: str = "") -> None:
        super().__init__()
        self._places = places
        self._about = about
        self._state_below = run_state

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="help") as box:
            box.border_title = tr("Help")
            yield Static("", id="help-text", markup=False)
        yield KeyLine()

    def on_resize(self, event: Resize) -> None:
        """The same lines for another width."""
        width = min(_WIDEST, event.size.width * 96 // 100) - _FRAME
        self.query_one("#help-text", Static).update(Content("\n").join(self._lines(width)))

    def _lines(self, width: int) -> Iterator[Content]:
        yield from map(Content, hanging(self._about, width, HELP_COLUMN))
        yield from self._now()
        for place in self._places:
            yield Content("")
            yield Content.styled(_title(place), "bold $text-primary")
            for action in actions.actions_for(place):
                yield from self._action(action, width)

    def _now(self) -> Iterator[Content]:
        if self._state_below:
            yield Content("")
            yield Content(tr("The run at hand is {state}.", state=tr(self._state_below)))
        if preferences_of(self).read_only:
            yield Content(tr("This workbench is read-only: what would change something is dimmed."))

    def _action(self, action: Action, width: int) -> Iterator[Content]:
        """The lines about an action; more keys than there is room for stand on a line of their own."""
        refused = action.writes and preferences_of(self).read_only
        key_style, title_style = _STYLES[action.applies(self._state_below) and not refused]
        keys, title = actions.key_map_of(self).text(action) or tr("palette"), tr(action.title)
        if cell_len(keys) >= _KEYS_WIDTH:
            yield Content.styled(keys, key_style)
            keys = ""
        text = f"{tr(action.help)}{_when(action)}"
        for line in wrap(text, max(width - _KEYS_WIDTH - _TITLE_WIDTH - 1, 20)):
            named = f"{padded(title, _TITLE_WIDTH)} "
            yield Content.assemble((padded(keys, _KEYS_WIDTH), key_style), (named, title_style), (line, "dim"))
            keys = title = ""


def _title(place: str) -> str:
    if place == actions.WORKBENCH:
        return tr("Everywhere on the workbench")
    return tr("In {place}", place=place_title(place))


def _when(action: Action) -> str:
    """The states of a run in which an action makes sense, where that is not always."""
    if not action.states:
        return ""
    return tr(" (when {states})", states=", ".join(tr(state) for state in action.states))
