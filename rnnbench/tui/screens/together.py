"""One prompt and one seed for several runs, their answers side by side."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Input, Static

from rnnbench.runs.comparing import Compared
from rnnbench.runs.slashes import SampleRequest, describe, help_text, read_line
from rnnbench.tui import actions, comparison_table
from rnnbench.tui.messages import (
    AnswerArrived,
    AnswersEnded,
    FillingArrived,
    SampleBegun,
    SampleEnded,
    SamplerFailed,
    SamplerReady,
    TokensArrived,
)
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.generate import PromptInput
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.transcript import NOTE, WRONG, Transcript
from rnnbench.tui.sampler import Sampler
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_NARROWEST = 38  # cells for an answer beside another
_SEED, _LENGTH = 1, 120
_COMMANDS = ("clear", "help")
_ABOUT_COMMANDS = "  /clear  /help        to every run alike; Esc stops the writing"
_LANGUAGE_MODEL = "language_model"


class Voice(Vertical):
    """What one run makes of the prompts. Its sampling process starts with the first."""

    def __init__(self, workspace: Workspace, run: Compared, index: int) -> None:
        super().__init__(classes="voice")
        self._of_task = run.task or _LANGUAGE_MODEL
        self._title = Content.assemble((comparison_table.sign(index), comparison_table.STYLES[index]), " ", run.name)
        self._sampler = Sampler(self, workspace, run.name)
        self._request: int | None = None
        self._begun: SampleBegun | None = None

    def compose(self) -> ComposeResult:
        yield Static(self._title, classes="voice-title", markup=False)
        yield Transcript()

    def on_unmount(self) -> None:
        self._sampler.close()

    @property
    def transcript(self) -> Transcript:
        """All that was said."""
        return self.query_one(Transcript)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._request is not None

    def ask(self, request: SampleRequest) -> None:
        """Answer a prompt, as far as the settings mean something to the run's task."""
        self.transcript.begin(request.prompt)
        self._request = self._sampler.ask(replace(request, task=self._of_task))

    def cancel(self) -> None:
        """Stop the writing."""
        self._sampler.cancel()

    @on(SamplerReady)
    def _ready(self, event: SamplerReady) -> None:
        event.stop()

    @on(SampleBegun)
    def _sample_begun(self, event: SampleBegun) -> None:
        event.stop()
        self._begun = event

    @on(TokensArrived)
    def _tokens_arrived(self, event: TokensArrived) -> None:
        event.stop()
        self.transcript.extend(event.text)

    @on(FillingArrived)
    def _filling_arrived(self, event: FillingArrived) -> None:
        event.stop()
        self.transcript.extend(f"\n{event.probability * 100:5.1f} %  {event.text}")

    @on(AnswerArrived)
    def _answer_arrived(self, event: AnswerArrived) -> None:
        event.stop()
        self.transcript.extend(f"\n-> {event.text}")

    @on(AnswersEnded)
    def _answers_ended(self, event: AnswersEnded) -> None:
        event.stop()
        self._finish("stopped" if event.cancelled else f"{event.seconds:.2f} s")

    @on(SampleEnded)
    def _sample_ended(self, event: SampleEnded) -> None:
        event.stop()
        mean = f"  {event.log_probability_nats / event.tokens:.3f} nats/token" if event.tokens else ""
        self._finish(f"{'stopped  ' if event.cancelled else ''}{event.tokens:,} tokens{mean}")

    @on(SamplerFailed)
    def _sampler_failed(self, event: SamplerFailed) -> None:
        event.stop()
        self._request, self._begun = None, None
        self.transcript.add(event.message, WRONG)

    def _finish(self, figures: str) -> None:
        parts = [figures]
        if self._begun is not None:
            parts.append(f"step {self._begun.step:,}")
            parts += ["not in the vocabulary: " + " ".join(self._begun.unknown)] if self._begun.unknown else []
        self._request, self._begun = None, None
        self.transcript.add("  ".join(parts), NOTE)


class TogetherScreen(DialogScreen[None]):
    """A field for prompts and /commands, and a column for each run; as many rows of columns as the width asks for."""

    PLACE = actions.TOGETHER
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.TOGETHER)

    def __init__(self, workspace: Workspace, runs: Sequence[Compared]) -> None:
        super().__init__()
        self._workspace = workspace
        self._runs = tuple(runs)
        task = self._runs[0].task or _LANGUAGE_MODEL
        self._settings = SampleRequest("", length=_LENGTH, seed=_SEED, task=task)

    def compose(self) -> ComposeResult:
        with Vertical(id="together"):
            with Container(id="voices"):
                for index, run in enumerate(self._runs):
                    yield Voice(self._workspace, run, index)
            yield Paragraph(Content(""), id="together-settings")
            yield PromptInput()
        yield KeyLine()

    def on_mount(self) -> None:
        super().on_mount()
        self._show_settings()
        self.query_one(PromptInput).focus()

    def on_resize(self, event: Resize) -> None:
        """As many columns as can be read."""
        columns = min(len(self._runs), max(event.size.width // _NARROWEST, 1))
        self.query_one("#voices").styles.grid_size_columns = columns

    @property
    def _voices(self) -> list[Voice]:
        return list(self.query(Voice))

    @on(Input.Submitted, "#prompt")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        prompt, line = self.query_one(PromptInput), event.value
        if not line.strip():
            return
        if any(voice.busy for voice in self._voices) and not line.startswith("/"):
            self._show_settings("still writing; Esc stops it")
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
