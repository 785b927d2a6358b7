"""Where the focus can go by a letter, and which letters lead there."""

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from textual.css.query import NoMatches
from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget


@dataclass(frozen=True)
class Spot:
    """A place on the screen, in cells from its top left corner, and how to get there."""

    at: Offset
    go: Callable[[], object]


def focusable_spots(screen: Screen[str | None]) -> Iterator[Spot]:
    """Everything on a screen that can have the focus and that can be seen, in the order of tab."""
    for widget in screen.focus_chain:
        seen = _seen_corner(screen, widget)
        if seen is not None:
            yield Spot(seen, partial(screen.set_focus, widget))


def _seen_corner(screen: Screen[str | None], widget: Widget) -> Offset | None:
    """The top left corner of what can be seen of a widget; None when nothing can."""
    try:
        seen = screen.find_widget(widget).visible_region
    except NoMatches:
        return None
    return seen.offset if seen.area else None


def labels(count: int) -> list[str]:
    """That many labels: a to z, or, for more, the last letters of the alphabet each before another one; no label is
    the beginning of another. At most 26 * 26."""
    letters = string.ascii_lowercase
    count = min(count, len(letters) ** 2)
    first = next(used for used in range(len(letters) + 1) if len(letters) - used + used * len(letters) >= count)
    singles = letters[: len(letters) - first]
    pairs = [one + other for one in letters[len(letters) - first :] for other in letters]
    return [*singles, *pairs][:count]
