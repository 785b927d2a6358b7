"""How the workbench looks: its theme, shown, changed and remembered, and the signs it draws with."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from textual.app import App
from textual.command import CommandPalette
from textual.filter import ANSIToTruecolor, LineFilter

from rnnbench.errors import RnnbenchError
from rnnbench.tui.background import in_background
from rnnbench.tui.glyphs import AsciiSigns
from rnnbench.tui.keys import ActionKeys
from rnnbench.tui.memory import note, write_down
from rnnbench.tui.preferences import PLAIN, Preferences
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.themes import InReverse, WithoutColour, counterpart, suitable, themes
from rnnbench.tui.words import tr, use_language


class Looks(ActionKeys[int]):
    """An application that looks as the user prefers."""

    def __init__(self, preferences: Preferences) -> None:
        use_language(preferences.language)  # first: what is wrong with the keys is told in it
        super().__init__(preferences.keys)
        self.preferences = preferences
        self._signs = [AsciiSigns()] if preferences.ascii else []
        self.set_class(preferences.slow_link, "-slow")
        for theme in themes():
            self.register_theme(theme)
        self.show_theme(preferences.theme or suitable(self.console.color_system))
        self.stylesheet.set_variables(self.get_css_variables())
        self._styled = self.theme

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every painted line goes through. Textual's own answer to NO_COLOR, which is to paint in greys, is not
        among it: here a theme decides."""
        if not self.native_ansi_color:
            theirs = [item for item in super().get_line_filters() if isinstance(item, ANSIToTruecolor)]
            return [*theirs, *self._signs]
        return [InReverse(), *([WithoutColour()] if self.no_color else []), *self._signs]

    def action_command_palette(self) -> None:
        """Open the palette, in the user's language."""
        app: App[Any] = self
        if not CommandPalette.is_open(app):
            self.push_screen(CommandPalette(placeholder=tr("Find an action by name"), id="--command-palette"))

    def show_theme(self, name: str) -> None:
        """Take these colours, or none."""
        self.no_color = name == PLAIN
        self.theme = name

    def refresh_css(self, animate: bool = True) -> None:
        """Style everything anew when the theme is another one. Textual asks for it at the start too, when everything
        has its colours already."""
        if self.theme != self._styled:
            self._styled = self.theme
            super().refresh_css(animate)

    def choose_theme(self, name: str) -> None:
        """Take these colours and remember them."""
        self.show_theme(name)
        note(theme=name)
        in_background(self, write_down, lambda _: None, self._not_remembered)

    def _not_remembered(self, error: RnnbenchError) -> None:
        if isinstance(self.screen, PlaceScreen):
            self.screen.fail(error)

    def tell_problem(self) -> None:
        """Say what was wrong with the settings, in one line; nothing where nothing was."""
        problems = [*self.preferences.problems, *self.key_map.problems]
        if problems and isinstance(self.screen, PlaceScreen):
            more = tr("{problem} (and {count} more: rnnbench doctor)", problem=problems[0], count=len(problems) - 1)
            self.screen.warn(more if len(problems) > 1 else problems[0])

    def action_toggle_theme(self) -> None:
        """Dark or light."""
        other = counterpart(self.theme)
        if other is not None:
            self.choose_theme(other)
        elif isinstance(self.screen, PlaceScreen):
            said = tr("this theme is as dark or light as the terminal; {key[choose_theme]} lists the others")
            self.screen.nothing(said)

    def action_choose_theme(self) -> None:
        """The list of themes; it shows each as it is passed."""
        from rnnbench.tui.screens.themes import ThemesScreen

        before = self.theme
        self.push_screen(ThemesScreen(before, self.show_theme), partial(self._theme_chosen, before))

    def _theme_chosen(self, before: str, name: str | None) -> None:
        if name is None:
            self.show_theme(before)
        else:
            self.choose_theme(name)
