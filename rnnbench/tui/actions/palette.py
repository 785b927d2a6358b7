"""The palette: every action that can be done here, found by its name or by what it says of itself."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen

from rnnbench.tui.actions.kinds import PANES, WORKBENCH, Action
from rnnbench.tui.actions.registry import actions_for


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
