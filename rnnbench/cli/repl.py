"""repl: talking to a model line by line, without the full screen."""

import secrets
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from rnnbench.cli import output, prompting
from rnnbench.cli.origins import Origin, Shown, origin_of
from rnnbench.cli.prompting import Entry
from rnnbench.cli.sample import Asked, ask_model, check_unknown
from rnnbench.errors import ExitCode, RnnbenchError
from rnnbench.metrics import perplexity
from rnnbench.runs.asking import Sampling, asking
from rnnbench.runs.figures import figure
from rnnbench.runs.history import history_file
from rnnbench.runs.kept import kept_text
from rnnbench.runs.sides import Side, labels, read_sides
from rnnbench.runs.slashes import Reply, SampleRequest, describe, help_text, read_line, save_text
from rnnbench.runs.store import Run, RunStore
from rnnbench.workspace import Workspace

if TYPE_CHECKING:
    from rnnbench.cli.copying import CopyMeter
    from rnnbench.engine.loading import LoadedModel

_ACTIONS = ("save", "help", "run", "compare", "ckpt", "quit", "exit")
_OFF = "off"
_OTHERS = """\
  /ckpt                lists the checkpoints that are there
  /run NAME            talks to another run; /run alone goes back to the first
  /compare RUN ...     asks this run and the others; best, last and steps are checkpoints, also as RUN@best; off
  /save  /help         keeps the last text in the run's folder; shows this
  /quit                leaves, as Ctrl-D does, and Ctrl-C at the prompt; while a text is written Ctrl-C stops that
  A line that ends in \\ goes on in the next; lines between \"\"\" and \"\"\" are one prompt, empty if need be."""


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
    read = prompting.make_reader(history_file(context.obj))
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
    """One conversation: its settings, the models that are asked, and the last text."""

    def __init__(self, workspace: Workspace, run: Run, checkpoint: str) -> None:
        self.interactive = prompting.is_interactive()
        self.settings = SampleRequest(
            "", task=run.config().model.task, checkpoint=checkpoint, novelty="auto" if self.interactive else None
        )
        self.failed = False
        self._workspace, self._first, self._run = workspace, run, run
        self._sides: tuple[Side, ...] = ()
        self._loaded: dict[Origin, LoadedModel] = {}
        self._meters: dict[str, CopyMeter] = {}
        self._texts: list[str] = []

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
                self._act(reply.action, reply.words)
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

    # Commands

    def _act(self, action: str, words: str) -> None:
        if action == "help":
            output.say(help_text(self.settings.task, _OTHERS))
            output.say(f"now: {describe(self.settings)}")
        elif action == "run":
            self._talk_to(words)
        elif action == "compare":
            self._compare(words)
        elif action == "ckpt":
            output.say(kept_text(self._run))
        elif not self._texts:
            self._complain("nothing has been written yet")
        else:
            path = save_text(self._run.folder / "samples", "\n\n".join(self._texts))
            output.say(f"saved as {path}")

    def _talk_to(self, name: str) -> None:
        """Another run; the first where none is named."""
        run = RunStore(self._workspace).find(name) if name else self._first
        task = run.config().model.task
        self._run, self._sides, self.settings = run, (), replace(self.settings, task=task)
        output.say(f"{run.name} is a {task} run: it {asking(task).does}")

    def _compare(self, words: str) -> None:
        """Several that answer what is asked from now on; off ends it, and without a word they are told."""
        if words == _OFF:
            self._sides = ()
        elif words:
            sides = read_sides(words, self._run.name)
            for side in sides:
                RunStore(self._workspace).find(side.run).config()
            self._sides = sides
        told = f"prompts go to {labels(self._sides)}" if self._sides else f"prompts go to {self._run.name}"
        output.say(f"{told}; /compare off ends it" if self._sides else told)

    # Asking

    def _ask(self, prompt: str) -> None:
        """Ask whoever is to be asked; Ctrl-C ends the answer, and the program where prompts come from a pipe."""
        seed = secrets.randbelow(2**31) if self.settings.seed is None else self.settings.seed
        self._texts = []
        try:
            for side in self._sides or (Side(self._run.name),):
                self._ask_one(side, prompt, seed)
        except KeyboardInterrupt:
            if not self.interactive:
                raise
            sys.stdout.flush()
            output.say("stopped")

    def _ask_one(self, side: Side, prompt: str, seed: int) -> None:
        run = RunStore(self._workspace).find(side.run)
        origin, model = self._model(run, side.checkpoint or self.settings.checkpoint)
        if self._sides:
            output.data(origin.heading())
        if model.task == "language_model":
            self._continue(run, model, prompt, seed)
        else:
            self._answer(model, origin, prompt, seed)

    def _model(self, run: Run, checkpoint: str) -> tuple[Origin, "LoadedModel"]:
        """The model of the wished checkpoint; `best` and `last` move while a run goes on, so they are looked up."""
        from rnnbench.engine.loading import open_model

        origin = origin_of(run, checkpoint)
        model = self._loaded.pop(origin, None) or open_model(run, str(origin.step))
        self._loaded[origin] = model  # the last asked is the last thrown out
        for old in list(self._loaded)[: -max(len(self._sides), 1)]:
            del self._loaded[old]
        return origin, model

    def _asked(self, task: str, prompt: str, seed: int) -> Asked:
        record = replace(self.settings, task=task).record()
        choices = Sampling(**{name: value for name, value in record.items() if name in Sampling.model_fields})
        penalty = 1.0 if self.settings.length_penalty is None else self.settings.length_penalty
        beam = self.settings.beam if (self.settings.beam or 1) > 1 else None
        return Asked(prompt, choices, seed, self.settings.count, beam, penalty, self.settings.like_source)

    def _answer(self, model: "LoadedModel", origin: Origin, prompt: str, seed: int) -> None:
        """Fillings, or answers."""
        prompt = prompt if model.task == "cloze" else " ".join(prompt.split("\n"))
        ask_model(
            self._workspace,
            model,
            self._asked(model.task, prompt, seed),
            Shown(origin, headed=True, unknown=self.settings.unknown or "replace"),
        )

    def _continue(self, run: Run, model: "LoadedModel", prompt: str, seed: int) -> None:
        """The text as it comes, and its figures."""
        from rnnbench.cli import continuing

        asked, prompt = self._asked(model.task, prompt, seed), model.read(prompt)
        check_unknown(model, prompt, self.settings.unknown or "replace")
        text, began, nats, total = prompt, time.perf_counter(), 0.0, 0
        continuing.emit(prompt if output.is_terminal() else "")
        try:
            for piece, tokens, own_nats in continuing.pieces(model, prompt, asked):
                continuing.emit(piece)
                text, total, nats = text + piece, total + tokens, nats + own_nats
        finally:
            continuing.emit("\n")
            self._texts.append(text)
        seconds = max(time.perf_counter() - began, 1e-9)
        if self.interactive:
            how = "" if asked.beam else f"  seed {asked.seed}"
            output.say(f"{_figures(total, seconds, nats)}{how}  step {model.step:,}")
        self._tell_novelty(run, model, text.removeprefix(prompt))

    def _tell_novelty(self, run: Run, model: "LoadedModel", text: str) -> None:
        """How much of it was copied, where that is wished; one that was asked for and cannot be had is an error."""
        from rnnbench.cli.copying import CopyMeter

        meter = self._meters.setdefault(run.name, CopyMeter(self._workspace, run))
        wish = self.settings.novelty or False
        if not text or not meter.wanted(wish):
            return
        try:
            output.say(meter.measure(model, model.vocabulary.encode(text), lambda: None).describe())
        except RnnbenchError:
            if wish is True:
                raise


def _figures(tokens: int, seconds: float, nats: float) -> str:
    """Speed, log-probability and perplexity of a text under the model that wrote it."""
    line = f"{tokens:,} tokens  {tokens / seconds:,.0f} tokens/s"
    if not tokens:
        return line
    mean = nats / tokens
    return f"{line}  {nats:.1f} nats  {mean:.3f} nats/token  perplexity {figure(perplexity(-mean))}"
