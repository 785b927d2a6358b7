"""What every screen of ours does less of than Textual's: styling and painting what has not changed."""

from typing import TypeVar

from textual.events import Event, ScreenResume
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

Result = TypeVar("Result")


class StyledScreen(Screen[Result]):
    """Its widgets have their styles from when they were mounted: that it comes to the front changes none of them.
    Textual would style all of them again, which is a tenth of the time to the first screen.

    That the focus moves is seen on the two widgets that it leaves and reaches, which paint themselves. Textual would
    paint the screen, and send all of it.
    """

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    async def on_event(self, event: Event) -> None:
        """Let a screen that comes to the front keep its styles."""
        if isinstance(event, ScreenResume):
            event.refresh_styles = False
        await super().on_event(event)
