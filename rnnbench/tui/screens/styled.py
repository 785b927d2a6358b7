"""What every screen of ours does otherwise than Textual's: it styles and paints less, and closes once."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.events import Event, ScreenResume
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

Result = TypeVar("Result")


class StyledScreen(Screen[Result]):
    """Its widgets have their styles from when they were mounted: that it comes to the front changes none of them.
    Textual would style all of them again, which takes 20 ms of the first screen.

    That the focus moves is seen on the two widgets that it leaves and reaches, which paint themselves. Textual would
    paint the screen, and send all of it.
    """

    _dismissed = False
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close this screen, with its answer: a result that comes late closes no other screen, and none twice."""
        if self._dismissed or self not in self.app.screen_stack:
            return AwaitComplete()
        self._dismissed = True
        while self.app.screen is not self:
            Screen.dismiss(self.app.screen)  # such as the palette, without an answer
        return super().dismiss(result)

    async def on_event(self, event: Event) -> None:
        """Let a screen that comes to the front keep its styles."""
        if isinstance(event, ScreenResume):
            event.refresh_styles = False
        await super().on_event(event)
