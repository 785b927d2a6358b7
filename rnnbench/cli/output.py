"""stdout is data, stderr is narration; both pass the one gate when a terminal reads them."""

import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from rnnbench.visible import visible

SCHEMA_VERSION = 1


@dataclass
class Settings:
    """What the options that every command has were set to."""

    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    debug: bool = False


SETTINGS = Settings()
"""Set once by the main callback, before any command runs."""


def data(text: str) -> None:
    """A line of data on stdout."""
    sys.stdout.write(text + "\n")


def json_data(record: dict[str, Any]) -> None:
    """A JSON answer on stdout, with its schema version."""
    data(json.dumps({"schema_version": SCHEMA_VERSION, **record}, ensure_ascii=False, indent=1, allow_nan=False))


def say(text: str) -> None:
    """A line of narration on stderr, unless --quiet."""
    if not SETTINGS.quiet:
        sys.stderr.write(visible(text, keep_newlines=True) + "\n")


def complain(text: str) -> None:
    """An error on stderr, always."""
    sys.stderr.write(visible(text, keep_newlines=True) + "\n")


def is_terminal() -> bool:
    """Whether a person is looking at stdout."""
    return sys.stdout.isatty()


def colours() -> bool:
    """Whether colours are wanted."""
    return not SETTINGS.no_color and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def table(header: list[str], rows: list[list[str]]) -> None:
    """Aligned columns on stdout, by terminal cells; on a terminal the last column is cut at its edge."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD if is_terminal() else None, pad_edge=False, show_edge=False)
    for name in header:
        grid.add_column(Text(name), no_wrap=True, overflow="ellipsis")
    for row in rows:
        grid.add_row(*(Text(visible(cell)) for cell in row))
    width = None if is_terminal() else 10_000
    Console(no_color=not colours(), width=width, highlight=False, soft_wrap=not is_terminal()).print(grid)
