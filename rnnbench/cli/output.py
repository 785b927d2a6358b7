"""stdout is data, stderr is narration; both pass the one gate when a terminal reads them."""

import contextlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Any

from rnnbench.visible import visible

SCHEMA_VERSION = 1


@dataclass
class Settings:
    """What the options that every command has were set to; and whether a program reads the answer, which has settings
    where a person has options."""

    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    debug: bool = False
    for_program: bool = False


SETTINGS = Settings()
"""Set once by the main callback, before any command runs."""


def data(text: str) -> None:
    """A line of data on stdout."""
    if sys.stdout is not None:  # it was closed by whoever started us
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
    return sys.stdout is not None and sys.stdout.isatty()


def forget_stdout() -> None:
    """Send what is still written to stdout nowhere: its reader has gone."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # none, or one that is no file
        descriptor = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def colours() -> bool:
    """Whether colours are wanted."""
    return not SETTINGS.no_color and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def table(header: list[str], rows: list[list[str]]) -> None:
    """Aligned columns on stdout, by terminal cells; what does not fit a terminal's width is cut at its right edge."""
    from rich.cells import cell_len, set_cell_size

    shown = [[visible(cell) for cell in row] for row in [header, *rows]]
    widths = [max(cell_len(row[column]) for row in shown) for column in range(len(header))]
    edge = shutil.get_terminal_size().columns if is_terminal() else None
    for row in shown:
        line = "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if edge is not None and cell_len(line) > edge:
            line = set_cell_size(line, edge - 1) + "…"
        data(line)
