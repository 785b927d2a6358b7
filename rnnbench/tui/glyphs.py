"""The signs that the interface draws with, and what stands for them where only ASCII can be shown.

Widgets write the signs they mean. A terminal without a font for them gets every line through AsciiSigns, so frames,
arrows and scroll bars of Textual are covered as well, and no widget has to know. Each sign is as wide as what stands
for it. Letters and punctuation pass, in whatever script: a Chinese text stays one.
"""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_STANDS_FOR = {
    "-": "─━╌┄┈╴╶╸╺═┅┉╍▃",
    "|": "│┃╎┆┊╵╷╹╻║‖▏▎▍▌▐▕▊▋▉",
    "+": "▅┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬",
    "*": "▆●•◆◉✓✔",
    "o": "○◯◇",
    "x": "✗✘✕×",
    "#": "■█▓▮",
    "%": "▇",
    "=": "▄▒",
    ".": "▂",
    "_": "▁␣",
    " ": "▔▀░°",
    "<": "←◀◂◄",
    ">": "→▶▸►",
    "^": "↑▲▴",
    "v": "↓▼▾",
    "$": "↵",  # as vi lists the end of a line
    "~": "…",
    "2": "²",
    ":": "·",
    "/ ": "🔎",  # of Textual's palette; two cells wide
}
ASCII_SIGNS = str.maketrans({sign: letter for letter, signs in _STANDS_FOR.items() for sign in signs})
_BRAILLE = range(0x2800, 0x2900)
ASCII_SIGNS |= {dots: "." if dots > _BRAILLE.start else " " for dots in _BRAILLE}


def in_ascii(text: str) -> str:
    """The text with every sign of a drawing replaced; as wide as before."""
    return text if text.isascii() else text.translate(ASCII_SIGNS)


class AsciiSigns(LineFilter):
    """Draws what is painted with ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments of a line, their signs replaced."""
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]
