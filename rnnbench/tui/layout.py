"""How the screen is shared between the panes: what the user made of it with keys, as numbers."""

import contextlib
import re
from dataclasses import dataclass, replace

from rnnbench.tui.actions import CORPORA, GENERATE, MODEL, TRAINING

STEP, LEAST, MOST = 5, 15, 85
"""Per cent: what one key moves, and what is left to a pane at least and taken by it at most."""

LEFT, RIGHT = (CORPORA, MODEL), (TRAINING, GENERATE)
"""The two columns, each from top to bottom."""

_TEXT = re.compile(r"(-|\d{1,2}) (-|\d{1,2}) (-|\d{1,2})")
_AT_FIRST = (40, 45, 60)


@dataclass(frozen=True)
class Layout:
    """Per cent of the width for the left column, and of the height for the upper pane of each column. None where the
    user never chose: the style sheet says it then."""

    left: int | None = None
    upper_left: int | None = None
    upper_right: int | None = None

    def wider(self, pane: str, steps: int) -> "Layout":
        """The column of that pane so many steps wider."""
        now = self.left if self.left is not None else _AT_FIRST[0]
        return replace(self, left=_bounded(now + (STEP if pane in LEFT else -STEP) * steps))

    def taller(self, pane: str, steps: int) -> "Layout":
        """That pane so many steps taller."""
        by = (STEP if pane in (LEFT[0], RIGHT[0]) else -STEP) * steps
        if pane in LEFT:
            now = self.upper_left if self.upper_left is not None else _AT_FIRST[1]
            return replace(self, upper_left=_bounded(now + by))
        now = self.upper_right if self.upper_right is not None else _AT_FIRST[2]
        return replace(self, upper_right=_bounded(now + by))

    def as_text(self) -> str:
        """The layout as it is remembered."""
        return " ".join(
            "-" if value is None else str(value) for value in (self.left, self.upper_left, self.upper_right)
        )


def layout_from(text: str) -> Layout:
    """The layout that was remembered; that of the style sheet when nothing was, or nothing that makes sense."""
    with contextlib.suppress(ValueError):
        if match := _TEXT.fullmatch(text):
            left, upper_left, upper_right = (None if part == "-" else _bounded(int(part)) for part in match.groups())
            return Layout(left, upper_left, upper_right)
    return Layout()


def _bounded(percent: int) -> int:
    return min(max(percent, LEAST), MOST)
