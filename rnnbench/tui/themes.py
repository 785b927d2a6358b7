"""The colours of the workbench: dark and light, the same for colour-blind eyes, the terminal's own, and none.

The safe pair begins with the palette of Okabe and Ito, "Color Universal Design" (2008), whose colours are told apart
with and without red-green blindness; each is moved to the nearest of 256 that keeps this and can be read. States have a
sign and a word in every theme.
"""

from dataclasses import dataclass, replace
from typing import Any

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from rnnbench.tui.preferences import DARK, LIGHT, PLAIN, SAFE_DARK, SAFE_LIGHT, TERMINAL

_ROLES = ("primary", "secondary", "warning", "error", "success", "accent")


@dataclass(frozen=True)
class Palette:
    """The colours of a theme: of text by role, of what lies below it from the back to the front."""

    primary: str
    secondary: str
    warning: str
    error: str
    success: str
    accent: str
    foreground: str
    background: str
    surface: str
    panel: str
    cursor: str

    def theme(self, name: str, *, dark: bool) -> Theme:
        """The theme. Text has these colours as they are, not mixed with white or black as Textual would."""
        roles = {role: getattr(self, role) for role in _ROLES}
        texts = {f"text-{role}": colour for role, colour in roles.items()}
        return Theme(
            name,
            **roles,
            foreground=self.foreground,
            background=self.background,
            surface=self.surface,
            panel=self.panel,
            dark=dark,
            variables=texts | self._cursors() | {"text-disabled": "auto 58%"},
        )

    def _cursors(self) -> dict[str, str]:
        """A cursor is a quiet grey: what it lies on keeps its own colours, and has to be read on it."""
        return {
            "block-cursor-background": self.cursor,
            "block-cursor-foreground": self.foreground,
            "block-cursor-blurred-background": self.panel,
        }


# Every colour is one of the palette of 256, so that a terminal without more shows the same.
_DARK = Palette(
    primary="#5fafff",
    secondary="#87afd7",
    warning="#ffaf5f",
    error="#ff8787",
    success="#87d787",
    accent="#ffaf5f",
    foreground="#e4e4e4",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    cursor="#3a3a3a",
)
_LIGHT = Palette(
    primary="#005faf",
    secondary="#5f5f87",
    warning="#875f00",
    error="#af0000",
    success="#005f00",
    accent="#8700af",
    foreground="#1c1c1c",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    cursor="#d0d0d0",
)
_SAFE_DARK = replace(
    _DARK,
    primary="#5fafff",
    secondary="#ffd7ff",
    warning="#ffff5f",
    error="#ff8700",
    success="#00af87",
    accent="#ffff5f",
)
_SAFE_LIGHT = replace(
    _LIGHT,
    primary="#005faf",
    secondary="#5f00d7",
    warning="#875f00",
    error="#5f0000",
    success="#005f5f",
    accent="#5f00d7",
)


def _terminal() -> Theme:
    """The sixteen colours of the terminal on its own background, so it is dark or light as the terminal is."""
    return Theme(
        TERMINAL,
        primary="ansi_magenta",  # of the usual sixteen the one that is read on black as well as on white
        secondary="ansi_cyan",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        accent="ansi_magenta",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        ansi=True,
        variables=_ANSI_VARIABLES,
    )


_MARK, _MARKED = "ansi_white", "ansi_black"  # never painted: InReverse takes them for reverse
_ANSI_VARIABLES = {
    "ansi-foreground": "ansi_default",
    "ansi-background": "ansi_default",
    "block-cursor-foreground": _MARKED,
    "block-cursor-background": _MARK,
    "block-cursor-blurred-text-style": "bold",
    "input-selection-background": _MARK,
    "input-selection-foreground": _MARKED,
    "screen-selection-background": _MARK,
    "screen-selection-foreground": _MARKED,
    "scrollbar": "ansi_bright_black",
    "scrollbar-hover": "ansi_bright_black",
    "scrollbar-active": "ansi_bright_black",
    "scrollbar-background": "ansi_default",
    "scrollbar-background-hover": "ansi_default",
    "scrollbar-background-active": "ansi_default",
    "border-blurred": "ansi_default",
}


def _plain() -> Theme:
    """No colour at all: what colours say elsewhere is said by reverse, bold and underlined text."""
    colours: dict[str, Any] = dict.fromkeys([*_ROLES, "foreground", "background", "surface", "panel"], "ansi_default")
    return Theme(PLAIN, **colours, ansi=True, variables=_ANSI_VARIABLES)


def themes() -> list[Theme]:
    """Every theme, in the order of THEME_NAMES."""
    return [
        _DARK.theme(DARK, dark=True),
        _LIGHT.theme(LIGHT, dark=False),
        _SAFE_DARK.theme(SAFE_DARK, dark=True),
        _SAFE_LIGHT.theme(SAFE_LIGHT, dark=False),
        _terminal(),
        _plain(),
    ]


_DEFAULT = RichColor.default()
_NO_COLOURS = Style.from_color(_DEFAULT, _DEFAULT)
_REVERSED = _NO_COLOURS + Style(reverse=True, dim=False)


class InReverse(LineFilter):
    """Draws in reverse what has one of the sixteen colours behind it: no pair of them can be read on every terminal,
    and Textual does not pass `text-style: reverse` on to lists and fields."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments of a line, those with a background in reverse."""
        return [Segment(text, _turned(style) if style else None, control) for text, style, control in segments]


def _turned(style: Style) -> Style:
    behind = style.bgcolor
    return style if behind is None or behind.is_default or not behind.is_system_defined else style + _REVERSED


class WithoutColour(LineFilter):
    """Takes every colour away and leaves reverse, bold and underlined text."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments of a line without colours."""
        return [Segment(text, style + _NO_COLOURS if style else None, control) for text, style, control in segments]


_COUNTERPARTS = {DARK: LIGHT, LIGHT: DARK, SAFE_DARK: SAFE_LIGHT, SAFE_LIGHT: SAFE_DARK}


def counterpart(name: str) -> str | None:
    """The light theme of a dark one and the other way round; None for those that are as the terminal is."""
    return _COUNTERPARTS.get(name)


def suitable(color_system: str | None) -> str:
    """The theme for a terminal with so many colours: rich's "truecolor", "256", "standard", or None for none."""
    if color_system is None:
        return PLAIN
    return TERMINAL if color_system == "standard" else DARK
