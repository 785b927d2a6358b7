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
from rnnbench.runs.slashes import Reply, SampleRequest, help_text, read_line
from rnnbench.tui import actions
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.prompt import PromptInput, placeholder
from rnnbench.tui.panes.settings_line import SettingsLine
from rnnbench.tui.panes.voices import Speaker, Voice, Voices, told_of_doing
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.screens.help import HelpScreen
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
            yield Paragraph(id="together-said")
            yield SettingsLine(id="together-settings")
            yield PromptInput(self._workspace, placeholder(self._settings.task))
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
            prompt.value = ""
            return
        if any(voice.busy for voice in self._voices) and not line.startswith("/"):
            self._show_settings(tr("still writing; Esc stops it"))
            return
        prompt.remember(line)
        prompt.value = ""
        reply = read_line(line, self._settings, _COMMANDS)
        self._settings = reply.settings
        self._show_settings(reply.message if reply.wrong else "")
        self._obey(reply)

    def _obey(self, reply: Reply) -> None:
        if reply.prompt is not None:
            for voice in self._voices:
                voice.ask(replace(self._settings, prompt=reply.prompt))
        elif reply.action == "clear":
            for voice in self._voices:
                voice.transcript.clear()
        elif reply.action == "help":
            self.app.push_screen(HelpScreen((actions.TOGETHER,), help_text(self._settings.task, _ABOUT_COMMANDS)))

    @on(Voice.Moved)
    def _voice_moved(self, event: Voice.Moved) -> None:
        event.stop()
        self._show_doing()

    def _show_doing(self) -> None:
        line = self.query_one("#together-settings", SettingsLine)
        line.tell([tr("{count} compared", count=len(self._runs))], told_of_doing(self._voices), self._settings)

    def _show_settings(self, said: str = "") -> None:
        """The settings, and above them what there is to say of the line that was entered."""
        line = self.query_one("#together-said", Paragraph)
        line.show(Content(visible(said)))
        line.display = bool(said)
        self._show_doing()

    def action_leave(self) -> None:
        """Stop the writing; when there is none, go back."""
        writing = [voice for voice in self._voices if voice.busy]
        for voice in writing:
            voice.cancel()
        if not writing:
            self.dismiss(None)
