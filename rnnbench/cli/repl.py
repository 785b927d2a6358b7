"""repl: talking to a model line by line, without the full screen."""

import secrets
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from rnnbench.cli import output, prompting
from rnnbench.cli.origins import Origin, Shown, origin_of
from rnnbench.cli.prompting import Entry
from rnnbench.cli.sample import Asked, ask_model, check_unknown
from rnnbench.errors import ExitCode, RnnbenchError
from rnnbench.runs.asking import Sampling, asking
from rnnbench.runs.slashes import Reply, SampleRequest, describe, help_text, read_line, save_text
from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace

if TYPE_CHECKING:
    from rnnbench.engine.loading import LoadedModel

_ACTIONS = ("save", "help", "quit", "exit")
_OTHERS = """\
  /save  /help         keeps the last text in the run's folder; shows this
  /quit                leaves, as Ctrl-D does, and Ctrl-C at the prompt; while a text is written Ctrl-C stops that
  A line that ends in \\ goes on in the next; lines between \"\"\" and \"\"\" are one prompt, empty if need be."""
HISTORY = ".prompts"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(repl)


def repl(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)],
    checkpoint: Annotated[str, typer.Option(help="best, last or a step; /ckpt changes it.")] = "best",
) -> None:
    """Talk to a trained model line by line; /help lists the commands. Prompts may come from a pipe."""
    found = RunStore(context.obj).find(run)
    talk = Talk(context.obj, found, checkpoint)
    if talk.interactive:
        output.say(f"{run} is a {talk.settings.task} run: it {asking(talk.settings.task).does}. /help, Ctrl-D leaves")
    read = prompting.make_reader(context.obj.runs / HISTORY)
    while True:
        try:
            entry = prompting.read_entry(read)
        except EOFError:
            break
        except KeyboardInterrupt:
            output.say("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        if not talk.obey(entry):
            return
    if talk.interactive:
        output.say("")
    elif talk.failed:
        raise typer.Exit(ExitCode.FAILED)


class Talk:
    """One conversation: its settings, the model that is asked, and the last text."""

    def __init__(self, workspace: Workspace, run: Run, checkpoint: str) -> None:
        self.interactive = prompting.is_interactive()
        self.settings = SampleRequest("", task=run.config().model.task, checkpoint=checkpoint)
        self.failed = False
        self._workspace, self._run = workspace, run
        self._loaded: tuple[Origin, LoadedModel] | None = None
        self._text = ""

    def obey(self, entry: Entry) -> bool:
        """Do what was entered; whether the conversation goes on. What cannot be done is told, and ends nothing."""
        if not entry.block and not entry.text.strip():
            return True
        reply = Reply(self.settings, prompt=entry.text) if entry.block else self._read(entry.text)
        self.settings = reply.settings
        try:
            if reply.prompt is not None:
                self._ask(reply.prompt)
            elif reply.action in ("quit", "exit"):
                return False
            elif reply.action:
                self._act(reply.action)
            else:
                (self._complain if reply.wrong else output.say)(reply.message)
        except RnnbenchError as error:
            self._complain(str(error))
        return True

    def _read(self, line: str) -> Reply:
        return read_line(line, self.settings, _ACTIONS)

    def _complain(self, message: str) -> None:
        self.failed = True
        output.complain(f"rnnbench: {message}")

    def _act(self, action: str) -> None:
        if action == "help":
            output.say(help_text(self.settings.task, _OTHERS))
            output.say(f"now: {describe(self.settings)}")
        elif not self._text:
            self._complain("nothing has been written yet")
        else:
            output.say(f"saved as {save_text(self._run.folder / 'samples', self._text)}")

    def _ask(self, prompt: str) -> None:
        """Ask the model; Ctrl-C ends the answer, and the program where prompts come from a pipe."""
        try:
            origin, model = self._model()
            if model.task == "language_model":
                self._continue(model, prompt)
            else:
                self._answer(model, origin, prompt)
        except KeyboardInterrupt:
            if not self.interactive:
                raise
            sys.stdout.flush()
            output.say("stopped")

    def _model(self) -> tuple[Origin, "LoadedModel"]:
        """The model of the wished checkpoint; `best` and `last` move while a run goes on, so they are looked up."""
        from rnnbench.engine.loading import open_model

        origin = origin_of(self._run, self.settings.checkpoint)
        if self._loaded is None or self._loaded[0] != origin:
            self._loaded = origin, open_model(self._run, str(origin.step))
        return self._loaded

    def _asked(self, prompt: str) -> Asked:
        record = self.settings.record()
        choices = Sampling(**{name: value for name, value in record.items() if name in Sampling.model_fields})
        seed = secrets.randbelow(2**31) if self.settings.seed is None else self.settings.seed
        penalty = 1.0 if self.settings.length_penalty is None else self.settings.length_penalty
        beam = self.settings.beam if (self.settings.beam or 1) > 1 else None
        return Asked(prompt, choices, seed, self.settings.count, beam, penalty, self.settings.like_source)

    def _answer(self, model: "LoadedModel", origin: Origin, prompt: str) -> None:
        """Fillings, or answers."""
        prompt = prompt if model.task == "cloze" else " ".join(prompt.split("\n"))
        ask_model(
            self._workspace,
            model,
            self._asked(prompt),
            Shown(origin, headed=True, unknown=self.settings.unknown or "replace"),
        )

    def _continue(self, model: "LoadedModel", prompt: str) -> None:
        """The text as it comes, and its figures."""
        from rnnbench.cli import continuing

        asked, prompt = self._asked(prompt), model.read(prompt)
        check_unknown(model, prompt, self.settings.unknown or "replace")
        self._text, began, nats, total = prompt, time.perf_counter(), 0.0, 0
        continuing.emit(prompt if output.is_terminal() else "")
        try:
            for text, tokens, own_nats in continuing.pieces(model, prompt, asked):
                continuing.emit(text)
                self._text, total, nats = self._text + text, total + tokens, nats + own_nats
        finally:
            continuing.emit("\n")
        seconds = max(time.perf_counter() - began, 1e-9)
        how = "" if asked.beam else f"  seed {asked.seed}"
        per_token = f"  {nats / total:.3f} nats/token" if total else ""
        if self.interactive:
            output.say(f"{total:,} tokens  {total / seconds:,.0f} tokens/s{per_token}{how}  step {model.step:,}")
