"""The form as the command that does the same, and as a TOML file."""

import os
import shlex
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from rnnbench import config as configuration
from rnnbench import storage
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError
from rnnbench.runs import jobs
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.clipboard import copy
from rnnbench.tui.panes.path_input import PathInput, absolute
from rnnbench.tui.screens.confirm import ConfirmScreen
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace


def command_line(config: RunConfig, name: str) -> str:
    """The exact line for a shell."""
    return shlex.join(["rnnbench", *jobs.train_command(config, name)])


class CommandScreen(DialogScreen[None]):
    """Shows the command; saves the TOML."""

    PLACE = actions.COMMAND
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.COMMAND)

    def __init__(self, workspace: Workspace, config: RunConfig, name: str) -> None:
        super().__init__()
        self._workspace = workspace
        self._config = config
        self._run_name = name

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = tr("This form as a command")
            yield Static(visible(command_line(self._config, self._run_name)), id="command-line", markup=False)
            where = tr("in the workspace {folder}", folder=visible(str(self._workspace.root)))
            yield Static(Content.styled(where, "dim"), markup=False)
            yield Static(tr("Save the whole configuration as TOML:"), classes="answers", markup=False)
            yield PathInput(f"{self._run_name}.toml", id="toml-path")
            yield Static("", id="toml-message", markup=False)
        yield KeyLine()

    def action_copy_command(self) -> None:
        """The command into the clipboard."""
        copy(self, command_line(self._config, self._run_name), self._tell)

    @on(Input.Changed, "#toml-path")
    def _typed(self, event: Input.Changed) -> None:
        """What was said of another path is not true of this one."""
        event.stop()
        self.query_one("#toml-message", Static).update("")

    @on(Input.Submitted, "#toml-path")
    def _save(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            return
        if reason := actions.refusal(self):
            self._failed(RnnbenchError(reason))
            return
        path = absolute(event.value)
        if os.path.lexists(path):
            question, consequence = tr("{path} exists. Replace it?", path=path), tr("What it holds now will be lost.")
            self.app.push_screen(ConfirmScreen(question, consequence), partial(self._answered, path))
        else:
            self._write(path)

    def _answered(self, path: Path, replace: bool | None) -> None:
        if replace:
            self._write(path)

    def _write(self, path: Path) -> None:
        data = configuration.to_toml(self._config).encode()
        in_background(self, partial(storage.write_file, path, data), lambda _: self._saved(path), self._failed)

    def _saved(self, path: Path) -> None:
        self._tell(tr("saved {path}", path=path))

    def _tell(self, message: str) -> None:
        self.query_one("#toml-message", Static).update(Content.styled(visible(message), "$text-success"))

    def _failed(self, error: RnnbenchError) -> None:
        self.query_one("#toml-message", Static).update(Content.styled(visible(str(error)), "$text-error"))
