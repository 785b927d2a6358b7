"""Reads the value that follows a /command; one that cannot be used is answered with those that can."""

import math
from collections.abc import Callable
from typing import Any, Literal

Read = Callable[[object, str], Any]
"""Makes a setting of a word, given the settings so far; raises BadValue."""
_ON_OFF = {"on": True, "off": False}
NoveltyWish = bool | Literal["auto"]
"""Whether to say how much of a text was copied from the training text; auto leaves it out where that is large."""


class BadValue(ValueError):
    """A command's value cannot be used; the message says which can."""


def whole(least: int, most: int, *, off: Any = BadValue) -> Read:
    """Reads a whole number; `off` gives another value where there is one."""

    def read(_: object, value: str) -> Any:
        if value == "off" and off is not BadValue:
            return off
        if not value.isascii() or not value.isdigit() or not least <= int(value[:20]) <= most:
            raise BadValue(
                f"give a whole number from {least} to {most:,}" + (", or off" if off is not BadValue else "")
            )
        return int(value)

    return read


def number(most: float, *, zero: bool = False, off: bool = True) -> Read:
    """Reads a number above 0, or from 0 on; off gives None."""

    def read(_: object, value: str) -> float | None:
        if off and value == "off":
            return None
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if not (0 < found <= most or (zero and found == 0)):
            least = "a number from 0" if zero else "a number above 0"
            raise BadValue(f"give {least}, at most {most:g}" + (", or off" if off else ""))
        return found

    return read


def one_of(*choices: str) -> Read:
    """Reads one of these words."""

    def read(_: object, value: str) -> str:
        if value not in choices:
            raise BadValue(f"give {' or '.join(choices)}")
        return value

    return read


def on_or_off(_: object, value: str) -> bool:
    """Reads on or off."""
    if value not in _ON_OFF:
        raise BadValue("give on or off")
    return _ON_OFF[value]


def novelty(settings: object, value: str) -> NoveltyWish:
    """Reads on, off or auto."""
    if value == "auto":
        return "auto"
    if value not in _ON_OFF:
        raise BadValue("give on, off, or auto: off where the training text is large")
    return _ON_OFF[value]


def texts(option: str) -> Read:
    """Adds one text to those that are there; off forgets them. \\n is a line end, and "..." keeps spaces."""

    def read(settings: object, value: str) -> tuple[str, ...] | None:
        if value == "off":
            return None
        text = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        text = text.replace("\\n", "\n").replace("\\t", "\t")
        if not text:
            raise BadValue("give a text, or off")
        return tuple(dict.fromkeys([*(getattr(settings, option) or ()), text]))

    return read


def checkpoint(settings: object, value: str) -> str:
    """Reads best, last or a step."""
    if value in ("best", "last"):
        return value
    try:
        return str(whole(0, 10**12)(settings, value))
    except BadValue:
        raise BadValue("give best, last or the step of a checkpoint; /ckpt alone lists them") from None
