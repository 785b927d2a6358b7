"""Dialogs that list things to pick one of: typing searches the list, up and down move, enter picks."""

from collections.abc import Sequence
from typing import TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible

Result = TypeVar("Result")


class PickScreen(DialogScreen[Result]):
    """A dialog with a field and a list below it. The field keeps the focus."""

    def title_text(self) -> str:
        """What stands on the frame."""
        raise NotImplementedError

    def placeholder(self) -> str:
        """What stands in the empty field."""
        raise NotImplementedError

    def searched(self, text: str) -> None:
        """Something else is in the field: list what fits, with `show_lines`."""
        raise NotImplementedError

    def nothing_text(self) -> str:
        """What stands in the list when nothing fits; nothing while there is nothing typed."""
        return tr("nothing fits what is typed") if self.typed else ""

    def pointed_at(self, index: int) -> None:
        """The cursor is on another line."""

    def picked(self, index: int) -> None:
        """Enter was pressed on a line."""
        raise NotImplementedError

    def field(self) -> LineInput:
        """The field."""
        return LineInput(placeholder=self.placeholder(), id="pick-filter", classes="pick-filter")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog picker") as box:
            box.border_title = self.title_text()
            yield self.field()
            options = OptionList(id="pick-list", classes="pick-list", markup=False, compact=True)
            options.can_focus = False
            yield options
            about, problem = Paragraph(id="pick-about"), Paragraph(id="pick-problem")
            about.add_class("pick-about")
            problem.add_class("pick-problem")
            yield about
            yield problem
        yield KeyLine()

    def on_mount(self) -> None:
        """Show the keys, and everything that can be picked."""
        super().on_mount()
        self.query_one("#pick-filter", Input).focus()
        self.searched("")

    @property
    def typed(self) -> str:
        """What is in the field."""
        return self.query_one("#pick-filter", Input).value

    @property
    def lines_width(self) -> int:
        """Cells of a line of the list; a scroll bar may come."""
        return max(self.query_one(OptionList).size.width - 2, 20)

    def show_lines(self, lines: Sequence[Content], cursor: int = 0) -> None:
        """List these instead, with the cursor on one of them."""
        options = self.query_one(OptionList)
        with self.prevent(OptionList.OptionHighlighted):
            options.clear_options()
            options.add_options([Option(line) for line in lines])
            if not lines and (reason := self.nothing_text()):
                options.add_option(Option(Content.styled(reason, "dim"), disabled=True))
            options.highlighted = min(cursor, len(lines) - 1) if lines else None
        if lines:
            self.pointed_at(min(cursor, len(lines) - 1))
        else:
            self.tell(Content(""))

    def tell(self, content: Content) -> None:
        """Say something about the line under the cursor."""
        self.query_one("#pick-about", Paragraph).show(content)

    def complain(self, message: str) -> None:
        """Say what is wrong, or that nothing is."""
        self.query_one("#pick-problem", Paragraph).show(Content(visible(message, keep_newlines=True)))

    def action_move(self, by: int) -> None:
        """Up and down the list, not beyond its ends."""
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            now = options.highlighted or 0
            options.highlighted = min(max(now + by, 0), options.option_count - 1)

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self.complain("")
        self.searched(event.value)

    @on(OptionList.OptionHighlighted)
    def _pointed(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.pointed_at(event.option_index)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.picked(event.option_index)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        index = self.query_one(OptionList).highlighted
        self.picked(-1 if index is None else index)


def matches(query: str, *texts: str) -> bool:
    """Whether every word of the query is found in one of the texts, in whatever case."""
    folded = "\n".join(texts).casefold()
    return all(word in folded for word in query.casefold().split())
