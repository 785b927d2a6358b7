"""The palette: every action that can be done here, found by its name or by what it says of itself."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.fuzzy import Matcher
from textual.screen import Screen

from rnnbench.tui.actions.keymap import key_map_of
from rnnbench.tui.actions.kinds import PANES, WORKBENCH, Action
from rnnbench.tui.actions.registry import actions_for
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.words import tr

_ID_COUNTS, _HELP_COUNTS = 0.9, 0.8  # what a match is worth beside one of the title


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
            yield DiscoveryHit(tr(action.title), self._runner(action), action.title, help=self._help(action))

    async def search(self, query: str) -> Hits:
        """What matches the query: its letters in this order in the title or the id, or its words in the help."""
        matcher = self.matcher(query)
        for action in self._available():
            score = max(_score(matcher, action.id, action.title, action.help), _score(matcher, "", *_words(action)))
            if score > 0:
                title = matcher.highlight(tr(action.title))
                yield Hit(score, title, self._runner(action), tr(action.title), help=self._help(action))

    def _available(self) -> list[Action]:
        screen: Screen[object] = self.screen
        if not isinstance(screen, HasPlaces):
            return []
        places = screen.places()
        everywhere = dict.fromkeys((*places, *PANES) if WORKBENCH in places else places)
        read_only = preferences_of(screen).read_only
        found = dict.fromkeys(action for place in everywhere for action in actions_for(place))
        done = [action for action in found if not action.built_in and not (read_only and action.writes)]
        return [action for action in done if action.applies(screen.run_state)]

    def _help(self, action: Action) -> str:
        keys = key_map_of(self.screen).text(action)
        return f"{tr(action.help)}  ({keys})" if keys else tr(action.help)

    def _runner(self, action: Action) -> "_Runner":
        return _Runner(self.screen, action)


def _words(action: Action) -> tuple[str, str]:
    """Its title and its help in the user's language; the English ones are found as well."""
    return tr(action.title), tr(action.help)


def _score(matcher: Matcher, id: str, title: str, does: str) -> float:
    said = all(word in does.lower() for word in matcher.query.lower().split())
    return max(matcher.match(title), matcher.match(id) * _ID_COUNTS, said * matcher.match(does) * _HELP_COUNTS)


@dataclass(frozen=True)
class _Runner:
    screen: Screen[object]
    action: Action

    async def __call__(self) -> None:
        assert isinstance(self.screen, HasPlaces)
        performer = self.screen.performer(self.action)
        await self.screen.app.run_action(self.action.call, performer)
