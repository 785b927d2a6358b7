"""The generate pane: talk to the open run."""

import contextlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from rnnbench.errors import RnnbenchError
from rnnbench.runs.asking import asking
from rnnbench.runs.slashes import Reply, SampleRequest, describe, help_text, read_line, save_text
from rnnbench.runs.store import Run
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
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
from rnnbench.tui.panes.clipboard import copy_through_tmux
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.panes.pane import Pane
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.tui.panes.transcript import NOTE, WRONG, Transcript
from rnnbench.tui.sampler import Sampler
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_OTHER_TASKS = (
    "A cloze run fills blanks written as _; a seq2seq run answers a line. /help tells what the open run knows."
)


def _placeholder(task: str) -> str:
    return f"{asking(task).placeholder}, or /help"


class PromptInput(LineInput):
    """The line being entered, with what was entered before on up and down."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(-1)", "Earlier", show=False),
        Binding("down", "recall(1)", "Later", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(placeholder=_placeholder("language_model"), id="prompt")
        self.select_on_focus = False
        self._history: list[str] = []
        self._place = 0
        self._draft = ""

    def remember(self, line: str) -> None:
        """Keep a line that was entered."""
        if not self._history or self._history[-1] != line:
            self._history.append(line)
        self._place, self._draft = len(self._history), ""

    def action_recall(self, by: int) -> None:
        """Show an earlier or later line; the one being written is kept at the end."""
        if self._place == len(self._history):
            self._draft = self.value
        self._place = min(max(self._place + by, 0), len(self._history))
        self.value = self._draft if self._place == len(self._history) else self._history[self._place]
        self.cursor_position = len(self.value)


class GeneratePane(Pane):
    """A conversation with the open run."""

    NAME = actions.GENERATE
    ABOUT = f"Talk to the open run, while it trains or afterwards.\n{help_text('language_model')}\n{_OTHER_TASKS}"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.GENERATE)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._run: Run | None = None
        self._sampler: Sampler | None = None
        self._settings = SampleRequest("")
        self._request: int | None = None
        self._begun: SampleBegun | None = None
        self._sample = ""
        self._answered = False

    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Paragraph(id="generate-settings")
        yield PromptInput()

    def on_mount(self) -> None:
        self._transcript.add("What is entered below, the open run writes on from. /help lists the commands.", NOTE)
        self._show_settings()

    def entry(self) -> Widget:
        return self.query_one(PromptInput)

    @property
    def _transcript(self) -> Transcript:
        return self.query_one(Transcript)

    def attach(self, run: Run | None) -> None:
        """Talk to another run; its sampler starts with the first prompt."""
        if self._request is not None:
            self._transcript.add("left unfinished: another run was opened", NOTE)
        self._close_sampler()
        self._run = run
        if run is not None:
            self._sampler = Sampler(self, self._workspace, run.name)
        self._show_settings()

    def take_task(self, task: str) -> None:
        """What the open run can be asked is known."""
        if task != self._settings.task:
            self._settings = replace(self._settings, task=task)
            self.query_one(PromptInput).placeholder = _placeholder(task)
            self._transcript.add(f"the open run {asking(task).does}; /help lists the commands", NOTE)
        self._show_settings()

    def on_unmount(self) -> None:
        self._close_sampler()

    def _close_sampler(self) -> None:
        if self._sampler is not None:
            self._sampler.close()
        self._sampler, self._request, self._begun = None, None, None

    def _show_settings(self, doing: str = "") -> None:
        name = visible(self._run.name) if self._run else "no run is open"
        line = Content.assemble(
            (name, "bold"), "  ", (describe(self._settings), "dim"), (f"  {doing}", "$text-warning")
        )
        self.query_one("#generate-settings", Paragraph).show(line)

    # Asking

    @on(Input.Submitted, "#prompt")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        prompt, line = self.query_one(PromptInput), event.value
        if not line.strip():
            return
        if self._request is not None and not line.startswith("/"):
            self._transcript.add("still writing; Esc stops it", NOTE)
            return
        prompt.remember(line)
        prompt.value = ""
        self._obey(line, read_line(line, self._settings))

    def _obey(self, line: str, reply: Reply) -> None:
        self._settings = reply.settings
        self._show_settings()
        if reply.prompt is not None:
            self._ask(reply.prompt)
        elif reply.action:
            getattr(self, f"_do_{reply.action}")()
        elif reply.wrong:
            self._transcript.add(reply.message, WRONG)
        else:
            self._transcript.add(f"{line.strip()}:  {reply.message}", NOTE)

    def _ask(self, prompt: str) -> None:
        if self._run is None or self._sampler is None:
            self._transcript.add("no run is open: start one (s) or open one (r)", WRONG)
        elif not _has_checkpoint(self._run):
            self._transcript.add(f"run {self._run.name} has no checkpoint yet; try again when one is saved", WRONG)
        else:
            self._sample, self._answered = prompt, False
            self._transcript.begin(prompt)
            self._request = self._sampler.ask(replace(self._settings, prompt=prompt))
            self._show_settings("asking ...")

    def action_cancel(self) -> None:
        """Stop the writing; when there is none, leave the field."""
        if self._request is not None and self._sampler is not None:
            self._sampler.cancel()
        else:
            self.hold_focus()

    # Answers

    def _is_current(self, request_id: int | None) -> bool:
        return self._request is not None and request_id in (None, self._request)

    @on(SamplerReady)
    def _ready(self, event: SamplerReady) -> None:
        event.stop()

    @on(SampleBegun)
    def _sample_begun(self, event: SampleBegun) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._begun = event
            self._show_settings("writing, Esc stops")

    @on(TokensArrived)
    def _tokens_arrived(self, event: TokensArrived) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._sample += event.text
            self._transcript.extend(event.text)

    @on(FillingArrived)
    def _filling_arrived(self, event: FillingArrived) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._take_answer(event.text, f"{event.probability * 100:5.1f} %  {event.text}")

    @on(AnswerArrived)
    def _answer_arrived(self, event: AnswerArrived) -> None:
        event.stop()
        if self._is_current(event.request_id):
            beside = f"  ({event.log_probability_nats:.2f} nats)" if (self._settings.count or 1) > 1 else ""
            self._take_answer(event.text, f"-> {event.text}{beside}")

    def _take_answer(self, text: str, line: str) -> None:
        """Show an answer on a line of its own; the first, which is the best, is what can be copied and saved."""
        self._sample, self._answered = (self._sample if self._answered else text), True
        self._transcript.extend(f"\n{line}")

    @on(AnswersEnded)
    def _answers_ended(self, event: AnswersEnded) -> None:
        event.stop()
        if self._is_current(event.request_id):
            what = "stopped" if event.cancelled else f"{event.seconds:.2f} s"
            self._transcript.add("  ".join([what, *_origin(self._begun)]), NOTE)
            self._finish()

    @on(SampleEnded)
    def _sample_ended(self, event: SampleEnded) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._transcript.add(_figures(event, self._begun), NOTE)
            self._finish()

    @on(SamplerFailed)
    def _sampler_failed(self, event: SamplerFailed) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._transcript.add(event.message, WRONG)
            self._finish()

    def _finish(self) -> None:
        self._request, self._begun = None, None
        self._show_settings()

    # Commands

    def _do_help(self) -> None:
        self._transcript.add(help_text(self._settings.task), NOTE)

    def _do_clear(self) -> None:
        self._transcript.clear()

    def _do_copy(self) -> None:
        if not self._sample:
            self._transcript.add("nothing has been written yet", WRONG)
            return
        text = self._sample
        in_background(self, partial(copy_through_tmux, text), partial(self._copied, text), self._failed)

    def _copied(self, text: str, through_tmux: bool) -> None:
        if not through_tmux:
            self.app.copy_to_clipboard(text)
        way = "through tmux" if through_tmux else "by the terminal's OSC 52, where it allows that"
        self._transcript.add(f"{len(text):,} characters copied {way}", NOTE)

    def _do_save(self) -> None:
        if not self._sample or self._run is None:
            self._transcript.add("nothing has been written yet", WRONG)
            return
        folder = self._run.folder / "samples"
        in_background(self, partial(save_text, folder, self._sample), self._saved, self._failed)

    def _saved(self, path: Path) -> None:
        self._transcript.add(f"saved as {path}", NOTE)

    def _failed(self, error: RnnbenchError) -> None:
        self._transcript.add(str(error), WRONG)


def _has_checkpoint(run: Run) -> bool:
    with contextlib.suppress(OSError):
        return any(run.checkpoints.iterdir())
    return False


def _figures(ended: SampleEnded, begun: SampleBegun | None) -> str:
    parts = ["stopped"] if ended.cancelled else []
    parts += [f"{ended.tokens:,} tokens", f"{ended.tokens_per_second:,.0f} tokens/s"]
    if ended.tokens:
        parts.append(f"{ended.log_probability_nats / ended.tokens:.3f} nats/token")
    return "  ".join([*parts, *_origin(begun)])


def _origin(begun: SampleBegun | None) -> list[str]:
    """Where an answer came from, and what of the prompt was not known."""
    if begun is None:
        return []
    seed = [] if begun.seed is None else [f"seed {begun.seed}"]
    unknown = ["not in the vocabulary: " + " ".join(begun.unknown)] if begun.unknown else []
    return [*seed, f"step {begun.step:,}", *unknown]
