"""A screen that is styled once when it is opened, not twice."""

from typing import TypeVar

from textual.events import Event, ScreenResume
from textual.screen import Screen

Result = TypeVar("Result")


class StyledScreen(Screen[Result]):
    """Its widgets have their styles from when they were mounted: that it comes to the front changes none of them.

    Textual would style all of them again, which is a tenth of the time to the first screen.
    """

    async def on_event(self, event: Event) -> None:
        """Let a screen that comes to the front keep its styles."""
        if isinstance(event, ScreenResume):
            event.refresh_styles = False
        await super().on_event(event)
