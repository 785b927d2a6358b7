"""The help screen: what a place is for, and every key that does something there."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from rnnbench.tui import actions
from rnnbench.tui.cells import padded
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.screens.dialog import DialogScreen

_TITLES = {
    actions.WORKBENCH: "Everywhere on the workbench",
    actions.RUNS: "In the list of runs",
    actions.INSPECT: "Inside a model",
}


class HelpScreen(DialogScreen[None]):
    """Made from the registry, so it cannot miss an action."""

    PLACE = actions.HELP
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.HELP)

    def __init__(self, places: tuple[str, ...], about: str) -> None:
        super().__init__()
        self._places = places
        self._about = about

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="help") as box:
            box.border_title = "Help"
            yield Static(Content("\n").join(self._lines()), markup=False)
        yield KeyLine()

    def _lines(self) -> list[Content]:
        lines = [Content(line) for line in self._about.splitlines()]
        for place in self._places:
            title = _TITLES.get(place, f"In {place.capitalize()}")
            lines += [Content(""), Content.styled(title, "bold $text-primary")]
            lines += [_line(action) for action in actions.actions_for(place)]
        return lines


def _line(action: actions.Action) -> Content:
    return Content.assemble(
        (padded(action.key_text, 12), "bold $text-accent"), f"{padded(action.title, 14)} ", (action.help, "dim")
    )
