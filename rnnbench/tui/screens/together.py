"""One prompt and one seed for several runs, their answers side by side."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from rnnbench.runs.comparing import Compared
from rnnbench.runs.slashes import SampleRequest, describe, help_text, read_line
from rnnbench.tui import actions
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.prompt import PromptInput
from rnnbench.tui.panes.transcript import NOTE
from rnnbench.tui.panes.voices import Speaker, Voice, Voices
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_SEED, _LENGTH = 1, 120
_COMMANDS = ("clear", "help")
_ABOUT_COMMANDS = "  /clear  /help        to every run alike; Esc stops the writing"
_LANGUAGE_MODEL = "language_model"


class TogetherScreen(DialogScreen[None]):
    """A field for prompts and /commands, and a column for each run; as many rows of columns as the width asks for."""

    PLACE = actions.TOGETHER
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.TOGETHER)

    def __init__(self, workspace: Workspace, runs: Sequence[Compared]) -> None:
        super().__init__()
        self._workspace = workspace
        self._runs = tuple(runs)
        task = self._runs[0].task or _LANGUAGE_MODEL
        self._settings = SampleRequest("", length=_LENGTH, seed=_SEED, task=task, novelty="auto")

    def compose(self) -> ComposeResult:
        with Vertical(id="together"):
            yield Voices(self._workspace, [Speaker(run.name, run.task or _LANGUAGE_MODEL) for run in self._runs])
            yield Paragraph(Content(""), id="together-settings")
            yield PromptInput(self._workspace)
        yield KeyLine()

    def on_mount(self) -> None:
        super().on_mount()
        self._show_settings()
        self.query_one(PromptInput).focus()

    @property
    def _voices(self) -> list[Voice]:
        return self.query_one(Voices).all

    @on(Input.Submitted, "#prompt")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        prompt, line = self.query_one(PromptInput), event.value
        if not line.strip():
            return
        if any(voice.busy for voice in self._voices) and not line.startswith("/"):
            self._show_settings(tr("still writing; Esc stops it"))
            return
        prompt.remember(line)
        prompt.value = ""
        reply = read_line(line, self._settings, _COMMANDS)
        self._settings = reply.settings
        self._show_settings(reply.message)
        if reply.prompt is not None:
            for voice in self._voices:
                voice.ask(replace(self._settings, prompt=reply.prompt))
        elif reply.action == "clear":
            for voice in self._voices:
                voice.transcript.clear()
        elif reply.action == "help":
            self._voices[0].transcript.add(help_text(self._settings.task, _ABOUT_COMMANDS), NOTE)

    def _show_settings(self, said: str = "") -> None:
        line = Content.assemble((describe(self._settings), "dim"), (f"  {visible(said)}", "$text-warning"))
        self.query_one("#together-settings", Paragraph).show(line)

    def action_leave(self) -> None:
        """Stop the writing; when there is none, go back."""
        writing = [voice for voice in self._voices if voice.busy]
        for voice in writing:
            voice.cancel()
        if not writing:
            self.dismiss(None)
