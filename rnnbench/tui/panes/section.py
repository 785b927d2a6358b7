"""The title of a section of the form that can be folded."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


class SectionTitle(Widget, can_focus=True):
    """A line that opens and folds what follows it. Whoever laid it out makes, shows and hides that."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "open_or_fold", "Open or fold", show=False)]

    class Toggled(Message):
        """The section was opened or folded."""

        def __init__(self, title: "SectionTitle") -> None:
            super().__init__()
            self.title = title

    def __init__(self, section: str, text: str) -> None:
        super().__init__(id=f"more-{section}")
        self.section = section
        self.text = text
        self.folded = True

    def render(self) -> Content:
        """An arrow that tells whether it is folded, and the title."""
        return Content(f"{'▶' if self.folded else '▼'} {self.text}")

    def show(self, text: str) -> None:
        """Show another title."""
        if text != self.text:
            self.text = text
            self.refresh(layout=True)

    def action_open_or_fold(self) -> None:
        """Open what is folded, fold what is open."""
        self.folded = not self.folded
        self.refresh()
        self.post_message(self.Toggled(self))

    def on_click(self) -> None:
        """As enter does."""
        self.action_open_or_fold()
