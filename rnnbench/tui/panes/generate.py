"""The generate pane: talk to the open run, to another one, or to several of them at once."""

import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs.asking import asking
from rnnbench.runs.kept import kept_text
from rnnbench.runs.sides import Side, read_sides
from rnnbench.runs.slashes import HELP_COLUMN, Reply, SampleRequest, help_text, read_line, save_text
from rnnbench.runs.store import Run, RunStore
from rnnbench.tui import actions
from rnnbench.tui.actions.refusing import refusal
from rnnbench.tui.background import in_background
from rnnbench.tui.panes import clipboard
from rnnbench.tui.panes.pane import Pane, Said
from rnnbench.tui.panes.prompt import PromptInput, placeholder
from rnnbench.tui.panes.settings_line import SettingsLine
from rnnbench.tui.panes.transcript import NOTE, WRONG
from rnnbench.tui.panes.voices import Speaker, Voice, Voices, told_of_doing
from rnnbench.tui.words import later, tr
from rnnbench.workspace import Workspace

_OTHER_TASKS = later(
    "A cloze run fills blanks written as _; a seq2seq run answers a line. /help tells what the open run knows."
)
_LANGUAGE_MODEL, _OFF = "language_model", "off"
_NOT_WHILE_WRITING = ("run", "compare")


class GeneratePane(Pane):
    """A conversation with the open run."""

    NAME = actions.GENERATE
    ABOUT = "Talk to the open run, while it trains or afterwards."
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.GENERATE)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._open: Run | None = None
        self._open_task = _LANGUAGE_MODEL
        self._other: Speaker | None = None
        self._settings = SampleRequest("", novelty="auto")
        self._voice = Voice(workspace)
        self._voices: Voices | None = None
        self._turn = 0  # of choosing who is asked; of two that are looked for the one chosen last counts

    def compose(self) -> ComposeResult:
        yield self._voice
        yield SettingsLine(id="generate-settings")
        yield PromptInput(self._workspace, placeholder(_LANGUAGE_MODEL))

    def on_mount(self) -> None:
        self._say(tr("What is entered below, the open run writes on from. /help lists the commands."))
        self._show_settings()

    def about(self) -> str:
        """With the commands, whose words are those of the program without a screen."""
        return "\n".join([tr(self.ABOUT), help_text(_LANGUAGE_MODEL), tr(_OTHER_TASKS)])

    def entry(self) -> Widget:
        return self.query_one(PromptInput)

    # Who is asked

    def attach(self, run: Run | None) -> None:
        """Talk to another run from now on; its sampler starts with the first prompt. What is being typed stays."""
        self._turn += 1
        if self._busy:
            self._say(tr("left unfinished: another run was opened"))
        self._end_comparison()
        self._open, self._other = run, None
        self._speak()

    def take_task(self, task: str) -> None:
        """What the open run can be asked is known."""
        if task != self._open_task:
            self._open_task = task
            if self._other is None:
                self._say(tr("the open run {does}; /help lists the commands", does=tr(asking(task).does)))
                self._speak()
        self._show_settings()

    def _speak(self) -> None:
        """Let the one voice speak for whom it has to."""
        self._voice.speak_for(self._present)
        self._know_task(self._present.task if self._present else self._open_task)

    def _know_task(self, task: str) -> None:
        self._settings = replace(self._settings, task=task)
        self.query_one(PromptInput).placeholder = placeholder(task)
        self._show_settings()

    @property
    def _present(self) -> Speaker | None:
        """Who is talked to when nobody is compared."""
        if self._other is not None or self._open is None:
            return self._other
        return Speaker(self._open.name, self._open_task)

    @property
    def _speaking(self) -> list[Voice]:
        """Those who answer the next prompt."""
        return self._voices.all if self._voices is not None else [self._voice]

    @property
    def _busy(self) -> bool:
        return any(voice.busy for voice in self._speaking)

    # What is shown

    def _say(self, text: str, kind: str = NOTE) -> None:
        """Into the transcript; in a comparison into the status line: the room is that of the texts."""
        if self._voices is None:
            self._voice.transcript.add(text, kind)
        else:
            self.post_message(Said(text, error=kind == WRONG))

    def _failed(self, error: RnnbenchError) -> None:
        self._say(str(error), WRONG)

    @on(Voice.Moved)
    def _voice_moved(self, event: Voice.Moved) -> None:
        event.stop()
        self._show_settings()

    def _show_settings(self) -> None:
        doing = told_of_doing(self._speaking)
        self.query_one("#generate-settings", SettingsLine).tell(self._who(), doing, self._settings)

    def _who(self) -> list[str]:
        """Who is asked, in more words and in fewer."""
        if self._voices is not None:
            return [tr("{count} compared", count=len(self._voices.speakers))]
        if self._other is not None and self._open is not None:
            both = tr("{name} (open: {open})", name=self._other.run, open=self._open.name)
            return [both, self._other.run]
        return [self._present.run if self._present is not None else tr("no run is open")]

    # Asking

    @on(Input.Submitted, "#prompt")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        line = event.value
        if not line.strip():
            event.input.value = ""
            self._say(tr("nothing was entered: type {hint}", hint=placeholder(self._settings.task)))
            return
        reply = read_line(line, self._settings)
        if self._busy and (reply.prompt is not None or reply.action in _NOT_WHILE_WRITING):
            self._say(tr("still writing; Esc stops it"))
        elif self._obey(line, reply):
            prompt = self.query_one(PromptInput)
            prompt.remember(line)
            prompt.value = ""

    def _obey(self, line: str, reply: Reply) -> bool:
        """Do what was entered; False where it should stay in the field."""
        for voice in self._speaking:
            voice.transcript.follow()
        self._settings = reply.settings
        self._show_settings()
        if reply.prompt is not None:
            return self._ask(reply.prompt)
        if reply.action:
            getattr(self, f"_do_{reply.action}")(reply.words)
        elif reply.wrong:
            self._say(reply.message, WRONG)
        elif self._voices is None:
            self._say(f"{line.strip()}:  {reply.message}")
        return True

    def _ask(self, prompt: str) -> bool:
        """Ask everybody who is to be asked; False where nobody can answer yet."""
        if (reason := self._cannot_ask()) is not None:
            self._say(reason, WRONG)
            return False
        self._turn += 1  # whoever is still being looked for was chosen before this
        request = replace(self._settings, prompt=prompt)
        if self._voices is not None and request.seed is None:
            request = replace(request, seed=secrets.randbelow(2**31))  # the same numbers for all
        for voice in self._speaking:
            voice.ask(request)
        return True

    def _cannot_ask(self) -> str | None:
        names = [voice.speaker.run for voice in self._speaking if voice.speaker is not None]
        if not names:
            return tr("no run is open: start one ({key[start]}) or open one ({key[show_runs]})")
        without = [name for name in names if not _has_checkpoint(RunStore(self._workspace).run(name))]
        if not without:
            return None
        return tr(
            "run {name} has no checkpoint yet; what was entered stays below: try again when one is saved",
            name=without[0],
        )

    def action_cancel(self) -> None:
        """Stop the writing; when there is none, leave the field."""
        busy = [voice for voice in self._speaking if voice.busy]
        for voice in busy:
            voice.cancel()
        if not busy:
            self.hold_focus()

    # Commands

    def _do_help(self, _: str) -> None:
        if self._voices is not None:
            self.call_later(self.run_action, "screen.show_help")
        else:
            self._voice.transcript.add_table(help_text(self._settings.task), HELP_COLUMN)

    def _do_clear(self, _: str) -> None:
        for voice in self._speaking:
            voice.transcript.clear()

    def _do_ckpt(self, _: str) -> None:
        if (present := self._present) is None:
            self._say(tr("no run is open"), WRONG)
        else:
            run = RunStore(self._workspace).run(present.run)
            in_background(self, partial(kept_text, run), self._say, self._failed)

    def _do_run(self, name: str) -> None:
        if name and (self._open is None or name != self._open.name):
            self._find([Side(name)], self._talk_to_other)
        else:
            self._turn += 1
            self._talk_to(None)

    def _find(self, sides: Sequence[Side], found: Callable[[list[Speaker]], object]) -> None:
        """Go on with what those sides can be asked, unless somebody else was chosen or asked by then."""
        self._turn += 1
        turn = self._turn

        def if_still(then: Callable[..., object], outcome: object) -> object:
            return then(outcome) if turn == self._turn else None

        work = partial(_speakers, self._workspace, sides)
        in_background(self, work, partial(if_still, found), partial(if_still, self._failed))

    def _talk_to_other(self, found: Sequence[Speaker]) -> None:
        self._talk_to(found[0])

    def _talk_to(self, other: Speaker | None) -> None:
        self._end_comparison()
        self._other = other
        self._speak()
        if (present := self._present) is None:
            self._say(tr("no run is open"), WRONG)
        else:
            self._say(
                tr("{name} is asked from now on: it {does}", name=present.run, does=tr(asking(present.task).does))
            )

    def _do_compare(self, words: str) -> None:
        if words == _OFF:
            self._turn += 1
            self._end_comparison()
            self._speak()
        elif words or self._voices is None:
            self._begin_comparison(words)
        else:
            self._say(tr("/compare off ends it"))

    def _begin_comparison(self, words: str) -> None:
        try:
            sides = read_sides(words, self._present.run if self._present else None)
        except UsageError as error:
            self._failed(error)
        else:
            self._find(sides, self._compare)

    async def _compare(self, speakers: Sequence[Speaker]) -> None:
        self._end_comparison()
        voices = Voices(self._workspace, speakers)
        await self.mount(voices, before="#generate-settings")
        self._voices, self._voice.display = voices, False
        self._know_task(speakers[0].task)

    def _end_comparison(self) -> None:
        if self._voices is not None:
            self._voices.remove()
            self._voices, self._voice.display = None, True

    def _written(self) -> str:
        """The last text; those of all that are compared, each under its name."""
        voices = [voice for voice in self._speaking if voice.text]
        if self._voices is None:
            return voices[0].text if voices else ""
        return "\n\n".join(f"== {voice.wrote.label if voice.wrote else ''}\n{voice.text}" for voice in voices)

    def _do_copy(self, _: str) -> None:
        if text := self._written():
            clipboard.copy(self, text, self._say)
        else:
            self._say(tr("nothing has been written yet"), WRONG)

    def _do_save(self, _: str) -> None:
        text, wrote = self._written(), next((voice.wrote for voice in self._speaking if voice.text), None)
        if reason := refusal(self):
            self._say(reason, WRONG)
        elif not text or wrote is None:
            self._say(tr("nothing has been written yet"), WRONG)
        else:
            in_background(self, partial(_save, self._workspace, wrote.run, text), self._saved, self._failed)

    def _saved(self, path: Path) -> None:
        self._say(tr("saved as {path}", path=path))


def _speakers(workspace: Workspace, sides: Sequence[Side]) -> list[Speaker]:
    """Those sides, with what they can be asked. Raises RnnbenchError for a run that is not there."""
    store = RunStore(workspace)
    return [Speaker(side.run, store.find(side.run).config().model.task, side.checkpoint) for side in sides]


def _save(workspace: Workspace, name: str, text: str) -> Path:
    """Keep a text with the run that wrote it; where it is. Raises RnnbenchError for a run that has gone."""
    return save_text(RunStore(workspace).find(name).folder / "samples", text)


def _has_checkpoint(run: Run) -> bool:
    with contextlib.suppress(OSError):
        return any(run.checkpoints.iterdir())
    return False
