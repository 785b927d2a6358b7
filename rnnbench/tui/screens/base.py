"""What the workbench and the list of runs have in common: a status line, a line of keys, and how they speak."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.dom import DOMNode
from textual.events import DescendantBlur, DescendantFocus, Key

from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.tui import actions
from rnnbench.tui.actions import Action
from rnnbench.tui.jump import Spot, focusable_spots
from rnnbench.tui.panes.bars import ANSWER_SECONDS, KeyLine, StatusLine
from rnnbench.tui.screens.help import HelpScreen
from rnnbench.tui.screens.styled import StyledScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible


def _go(spot: Spot | None) -> None:
    if spot is not None:
        spot.go()


class PlaceScreen(StyledScreen[str | None]):
    """A screen with actions of its own."""

    AUTO_FOCUS: ClassVar[str | None] = ""
    ABOUT: ClassVar[str] = ""

    def compose_bars(self) -> ComposeResult:
        """The two lines at the bottom."""
        yield StatusLine()
        yield KeyLine()

    def places(self) -> tuple[str, ...]:
        """Where the user is, most local first."""
        raise NotImplementedError

    @property
    def run_state(self) -> str:
        """The state of the run that actions are done to; empty when there is none."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of two actions on one key, do the one that makes sense now."""
        return not actions.key_map_of(self).gives_way(action, self.run_state, self.places())

    def performer(self, action: Action) -> DOMNode:
        """Who has the action's method."""
        return self

    @property
    def status(self) -> StatusLine:
        """The status line."""
        return self.query_one(StatusLine)

    def say(self, message: str) -> None:
        """Tell the user something that can wait."""
        self.status.say(message)

    def nothing(self, reason: str) -> None:
        """Tell the user why nothing was done."""
        self.status.say(reason, error=True, answer=True)

    def warn(self, message: str) -> None:
        """Tell the user something that is wrong whatever key is pressed next."""
        self.status.warn(message)
        self.notify_if_cut(message, error=True)

    def notify_if_cut(self, message: str, *, error: bool = False) -> None:
        """Show what the status line has no room for; it is never markup."""
        if not self.status.has_room_for(message):
            severity: Literal["error", "information"] = "error" if error else "information"
            self.notify(visible(message), severity=severity, markup=False, timeout=ANSWER_SECONDS)

    def fail(self, error: RnnbenchError) -> None:
        """Tell the user what did not work; its text is never markup. What was asked for and cannot be is an answer."""
        self.status.say(str(error), error=True, answer=isinstance(error, UsageError))
        self.notify_if_cut(str(error), error=True)

    def on_key(self, event: Key) -> None:
        """What was answered to the key before may go: what this key does is yet to come."""
        self.status.forget_answer()

    def show_keys(self) -> None:
        """Bring the line of keys up to date."""
        self.query_one(KeyLine).show(self.places(), self.run_state, self.focused)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Other keys mean something now."""
        self.call_next(self.show_keys)

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """Other keys mean something now."""
        self.call_next(self.show_keys)

    @on(KeyLine.Picked)
    async def _key_picked(self, event: KeyLine.Picked) -> None:
        event.stop()
        action = event.action
        if action.built_in:
            self.app.simulate_key(actions.key_map_of(self).keys(action)[0])
        else:
            await self.app.run_action(action.call, self.performer(action))

    def about(self) -> str:
        """What the place is for."""
        return tr(self.ABOUT)

    def action_show_help(self) -> None:
        """What this place is for, and its keys."""
        self.app.push_screen(HelpScreen(self.places(), self.about(), self.run_state))

    def spots(self) -> Iterator[Spot]:
        """Where a letter can lead: everything that can have the focus and is seen."""
        return focusable_spots(self)

    def action_jump(self) -> None:
        """Letters over everything that can have the focus; the next key leads there."""
        from rnnbench.tui.screens.jump import JumpScreen

        self.app.push_screen(JumpScreen(self), _go)
