"""What the four panes have in common: a number, a name, a frame, and a way to be entered by keyboard."""

from collections.abc import Iterator
from typing import ClassVar, Self

from textual.containers import Vertical
from textual.content import Content
from textual.dom import DOMNode
from textual.events import Blur
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from rnnbench.tui import actions
from rnnbench.tui.terms import place_title
from rnnbench.tui.words import tr


class Said(Message):
    """A pane has something to say in the status line."""

    def __init__(self, text: str, *, error: bool = False) -> None:
        super().__init__()
        self.text = text
        self.error = error


class Pane(Vertical):
    """One of the four panes. It takes the focus itself only between leaving a text field and the next key."""

    NAME: ClassVar[str] = ""
    ABOUT: ClassVar[str] = ""

    def __init__(self) -> None:
        self._edges_alone = False
        super().__init__(id=self.NAME, classes="pane")
        self.border_title = f"{self.number} {self.title}"

    @property
    def number(self) -> int:
        """Its key."""
        return actions.PANES.index(self.NAME) + 1

    @property
    def title(self) -> str:
        """Its name on the frame and on the tab."""
        return place_title(self.NAME)

    def about(self) -> str:
        """What it is for."""
        return tr(self.ABOUT)

    def show_active(self, active: bool) -> None:
        """Show by its upper and lower edge whether the pane is the active one.

        Nothing in the pane is styled by that, and to style all its fields anew and to paint them takes longer than a
        key may.
        """
        if self.has_class("-active") != active:
            self.set_class(active, "-active", update=False)
            self._edges_alone = True
            try:
                self.app.stylesheet.update_nodes([self])
                self._show_title()
            finally:
                self._edges_alone = False

    def _show_title(self) -> None:
        """A style of the text: one of the style sheet for titles makes Textual paint all that is in the pane."""
        active = "bold reverse" if self.app.native_ansi_color else "bold $text-primary"
        title = f"{self.number} {self.title}"
        self.border_title = Content.styled(title, active) if self.has_class("-active") else Content(title)

    def on_mount(self) -> None:
        """Have the title drawn as the theme asks for."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._show_title())

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """As ever; but where only the edges have another style, only they are painted."""
        if self._edges_alone and not regions and not layout:
            regions = tuple(self._edges())
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _edges(self) -> Iterator[Region]:
        """The first row and the last, seen from the content."""
        size, (left, top) = self.outer_size, self.content_offset
        return (Region(-left, y - top, size.width, 1) for y in (0, size.height - 1))

    def entry(self) -> Widget:
        """The widget that has the focus when the pane is entered."""
        raise NotImplementedError

    def enter(self) -> None:
        """Give the pane the focus."""
        self.entry().focus()

    def hold_focus(self) -> None:
        """Take the focus out of a text field, so that single keys are actions again."""
        self.can_focus = True
        self.focus()

    def on_blur(self, event: Blur) -> None:
        """Stay out of the way of tab."""
        self.can_focus = False


def pane_of(widget: DOMNode | None) -> Pane | None:
    """The pane that a widget is in."""
    if widget is None:
        return None
    return next((node for node in widget.ancestors_with_self if isinstance(node, Pane)), None)
