"""Keys in the order in which they were typed, however fast they come; and what they may do.

Textual hands a key to the focused widget's queue and runs its binding only when the key has come back up through every
parent. Keys that arrive together, typed ahead on a slow line or sent by a script, overtake each other on that way: in
"backspace 5" the digit is inserted first, and after "tab" it lands in the field that is being left.
"""

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.widgets import Input

from rnnbench.tui import actions
from rnnbench.tui.panes.clipboard import copy
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.words import use_keys
from rnnbench.visible import visible

if TYPE_CHECKING:
    from textual.actions import ActionParseResult

Result = TypeVar("Result")


class OrderedKeys(App[Result]):
    """An application that handles one key after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Key] = deque()
        self._due: events.Key | None = None  # posted again, perhaps behind keys that came after it: those wait for it
        self._key_under_way = False

    async def on_event(self, event: events.Event) -> None:
        """Hold a key back while the one before it is under way."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_under_way and event is not self._due:
            self._waiting.append(event)
        else:
            self._key_under_way = True
            target: MessagePump = self.focused or self.screen
            await super().on_event(event)
            self._follow(target)

    def _follow(self, pump: MessagePump | None) -> None:
        """Go up behind the key, queue by queue: where this arrives, the key has been dealt with."""
        while pump is not None and pump is not self:
            parent = pump._parent
            if pump.call_later(self._follow, parent):
                return
            pump = parent  # a widget that is being removed takes no messages
        self.call_later(self._next_key)

    def _next_key(self) -> None:
        self._key_under_way = bool(self._waiting)
        self._due = self._waiting.popleft() if self._waiting else None
        if self._due is not None:
            self.post_message(self._due)


class ActionKeys(OrderedKeys[Result]):
    """An application whose keys are the registry's or the user's, and that refuses what may not be done."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self.key_map = actions.read_key_map(keys)
        use_keys(self.key_map)
        self.set_keymap(self.key_map.for_bindings())

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Every key, every entry of the palette and every click on the line of keys comes through here."""
        own = isinstance(default_namespace, Input)  # a text field does its own editing
        if isinstance(action, str) and not own and actions.writes(action) and (reason := actions.refusal(self)):
            self.tell(reason, error=True)
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy by the first way that works, and say which."""
        self._clipboard = text
        copy(self, text, self.tell)

    def send_osc_52(self, text: str) -> None:
        """Hand the text to the terminal."""
        super().copy_to_clipboard(text)

    def tell(self, message: str, *, error: bool = False) -> None:
        """Say something on whatever is on top."""
        if not isinstance(self.screen, PlaceScreen):
            self.notify(visible(message), severity="error" if error else "information", markup=False)
        elif error:
            self.screen.nothing(message)
        else:
            self.screen.say(message)
