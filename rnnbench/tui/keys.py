"""Keys in the order in which they were typed, however fast they come.

Textual hands a key to the focused widget's queue and runs its binding only when the key has come back up through every
parent. Keys that arrive together, typed ahead on a slow line or sent by a script, overtake each other on that way: in
"backspace 5" the digit is inserted first, and after "tab" it lands in the field that is being left.
"""

from collections import deque
from typing import TypeVar

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

Result = TypeVar("Result")


class OrderedKeys(App[Result]):
    """An application that handles one key after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Key] = deque()
        self._key_under_way = False

    async def on_event(self, event: events.Event) -> None:
        """Hold a key back while the one before it is under way."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_under_way:
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
        self._key_under_way = False
        if self._waiting:
            self.post_message(self._waiting.popleft())
