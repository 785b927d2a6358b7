"""Keys that arrive together, as from a script or a slow line."""

import asyncio

from textual import events
from textual.app import ComposeResult
from textual.widgets import Input

from rnnbench.tui.keys import OrderedKeys


class TwoFields(OrderedKeys[None]):
    """Two text fields."""

    def compose(self) -> ComposeResult:
        yield Input("17", id="first", select_on_focus=False)
        yield Input("", id="second", select_on_focus=False)


async def _burst(pilot, *keys: str) -> None:
    """Hand over all keys before any of them is dealt with."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
    for _ in range(50):
        await pilot.pause()


async def test_keys_that_come_together_keep_their_order():
    """Deleting, typing and moving on act in the order of the keys, however fast these come."""
    async with TwoFields().run_test() as pilot:
        pilot.app.query_one("#first").focus()
        await pilot.pause()
        await _burst(pilot, "backspace", "backspace", "4", "2", "tab", "8", "home", "9")
        assert pilot.app.query_one("#first", Input).value == "42"
        assert pilot.app.query_one("#second", Input).value == "98"


async def test_keys_go_on_when_their_target_is_removed():
    """A field that disappears while a key is on its way does not block the keys after it."""
    async with TwoFields().run_test() as pilot:
        first = pilot.app.query_one("#first")
        first.focus()
        await pilot.pause()
        pilot.app.post_message(events.Key("5", "5"))
        await first.remove()
        pilot.app.query_one("#second").focus()
        await _burst(pilot, "7")
        assert pilot.app.query_one("#second", Input).value.endswith("7")


async def test_keys_that_trickle_in_keep_their_order():
    """A key that was held back is not overtaken by one that arrives while it waits for its turn."""
    typed = "abcdefghijklmnopqrstuvwxyz" * 4
    async with TwoFields().run_test() as pilot:
        second = pilot.app.query_one("#second", Input)
        second.focus()
        await pilot.pause()
        for number, key in enumerate(typed):
            pilot.app.post_message(events.Key(key, key))
            for _ in range(number % 5):
                await asyncio.sleep(0)
        for _ in range(50):
            await pilot.pause()
        assert second.value == typed
