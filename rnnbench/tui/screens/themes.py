"""The choice of a theme: the screen below shows each as the cursor passes it."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rnnbench.tui import actions
from rnnbench.tui.cells import padded
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.preferences import DARK, LIGHT, PLAIN, SAFE_DARK, SAFE_LIGHT, TERMINAL, THEME_NAMES
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.words import tr


class ThemesScreen(DialogScreen[str]):
    """Closes with the name of the theme that was chosen, or with None."""

    PLACE = actions.THEMES
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.THEMES)

    def __init__(self, present: str, preview: Callable[[str], object]) -> None:
        super().__init__()
        self._present = present
        self._preview = preview

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="themes") as box:
            box.border_title = tr("Theme")
            says = _descriptions()
            options = [Option(Content(f"{padded(name, 12)}{says[name]}"), id=name) for name in THEME_NAMES]
            yield OptionList(*options, id="theme-list", compact=True, markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        super().on_mount()
        names = self.query_one(OptionList)
        names.highlighted = THEME_NAMES.index(self._present) if self._present in THEME_NAMES else 0
        names.focus()

    @on(OptionList.OptionHighlighted)
    def _passed(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_id is not None and event.option_id != self.app.theme:
            self._preview(event.option_id)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)


def _descriptions() -> dict[str, str]:
    return {
        DARK: tr("light text on black"),
        LIGHT: tr("dark text on white"),
        SAFE_DARK: tr("dark, in colours that colour-blind eyes tell apart"),
        SAFE_LIGHT: tr("light, in colours that colour-blind eyes tell apart"),
        TERMINAL: tr("the sixteen colours and the background of the terminal"),
        PLAIN: tr("no colours: bold, underlined and reversed text"),
    }
