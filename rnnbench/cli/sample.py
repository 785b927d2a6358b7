"""sample: what a trained model makes of a prompt: a text that goes on, filled blanks, or answers."""

import json as json_module
import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnbench.cli import output
from rnnbench.cli.field_options import sampling_options, with_options
from rnnbench.cli.origins import Origin, Shown, origin_of, steps_of
from rnnbench.errors import UsageError
from rnnbench.runs.asking import (
    Sampling,
    Unknown,
    asking,
    read_sampling,
    refuse_beside_beam,
    refuse_others,
    refuse_unknown,
)
from rnnbench.runs.store import Run, RunStore
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

if TYPE_CHECKING:
    from rnnbench.engine.loading import LoadedModel

_FILLINGS = 5
_PROMPT = "Text to continue; cloze: text with _ for each missing token; seq2seq: a line to answer, else lines of stdin."
_FROM_CORPUS = "Begin at a random place of the training text: a few tokens of it are read and not shown."
_CHECKPOINT = "best, last or a step; again for texts side by side. A run keeps its last checkpoints and its best."
_BEAM = "Look for the likeliest text, keeping so many on the way. --count gives the best of them."

Count = Annotated[
    int | None, typer.Option(min=1, max=10_000, help="Samples, with consecutive seeds; fillings; answers.")
]
Seed = Annotated[int | None, typer.Option(min=0, max=2**62, help="Repeats a sample; else drawn.")]
Beam = Annotated[int | None, typer.Option(min=1, max=1000, help=_BEAM)]
Penalty = Annotated[
    float | None, typer.Option(min=0, max=10, help="A beam ranks by log p / tokens ** this. [default: 1]")
]
LikeSource = Annotated[bool, typer.Option("--like-source", help="seq2seq: answer with as many tokens as the line has.")]
FromCorpus = Annotated[bool, typer.Option("--from-corpus", help=_FROM_CORPUS)]
OfUnknown = Annotated[
    Unknown, typer.Option(help="Symbols that the vocabulary lacks: read as <unk> and named, or an error.")
]
Checkpoints = Annotated[list[str] | None, typer.Option("--checkpoint", help=f"{_CHECKPOINT} [default: best]")]
Beside = Annotated[
    list[str] | None, typer.Option("--beside", metavar="RUN", help="Another run, side by side; again for more.")
]
Echo = Annotated[bool, typer.Option("--echo", help="Write the prompt before the text.")]
Novel = Annotated[bool, typer.Option("--novelty", help="Say how much of it was copied from the training text.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for each sample, filling or answer.")]
Serve = Annotated[bool, typer.Option("--serve", help="Answer JSON lines on stdin until it closes.")]


@dataclass(frozen=True)
class Asked:
    """What a model is asked, as far as it does not depend on the model. Without a beam texts are drawn."""

    prompt: str | None
    choices: Sampling
    seed: int
    count: int | None = None
    beam: int | None = None
    length_penalty: float = 1.0
    like_source: bool = False
    from_corpus: bool = False
    echo: bool = False
    novelty: bool = False


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sample)


@with_options(sampling_options(), after="prompt")
def sample(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)],
    prompt: Annotated[str | None, typer.Option(help=_PROMPT)] = None,
    count: Count = None,
    seed: Seed = None,
    beam: Beam = None,
    length_penalty: Penalty = None,
    like_source: LikeSource = False,
    from_corpus: FromCorpus = False,
    unknown: OfUnknown = "replace",
    checkpoint: Checkpoints = None,
    beside: Beside = None,
    echo: Echo = False,
    novelty: Novel = False,
    json: AsJson = False,
    serve: Serve = False,
    **options: Any,
) -> None:
    """Ask a trained model: only its text on stdout, remarks on stderr."""
    runs = [RunStore(context.obj).find(name) for name in dict.fromkeys([run, *(beside or ())])]
    task = _task_of(runs)
    _check_options(task, _given(context))
    choices = read_sampling({name: value for name, value in options.items() if value not in (None, [])})
    given = None if prompt is None else prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if serve:
        from rnnbench.cli import serve as server

        server.serve(context.obj, runs[0])
        return
    _check_prompt(task, given, from_corpus=from_corpus)
    first = secrets.randbelow(2**31) if seed is None else seed
    penalty = 1.0 if length_penalty is None else length_penalty
    asked = Asked(given, choices, first, count, beam, penalty, like_source, from_corpus, echo, novelty)
    origins = _origins(runs, checkpoint or ["best"])
    for origin in origins:
        ask(context.obj, asked, Shown(origin, json, len(origins) > 1, unknown))


def ask(workspace: Workspace, asked: Asked, shown: Shown) -> None:
    """What one checkpoint makes of it."""
    from rnnbench.engine.loading import open_model

    if shown.headed and not shown.as_json:
        output.data(shown.origin.heading())
    ask_model(workspace, open_model(shown.origin.run, str(shown.origin.step)), asked, shown)


def ask_model(workspace: Workspace, model: "LoadedModel", asked: Asked, shown: Shown) -> None:
    """What an opened model makes of it."""
    if model.task == "cloze":
        _fill(model, asked, shown)
    elif model.task == "seq2seq":
        from rnnbench.cli import answers

        wanted = answers.Wanted(asked.count or 1, asked.beam or 1, asked.like_source, asked.length_penalty)
        answers.answer(model, asked.prompt, wanted, shown)
    else:
        from rnnbench.cli import continuing

        continuing.write(workspace, model, asked, shown)
    if sys.stdout is not None:
        sys.stdout.flush()


def _task_of(runs: Sequence[Run]) -> str:
    """The task of runs that are asked the same. Raises UsageError where it differs."""
    tasks = [run.config().model.task for run in runs]
    for run, task in zip(runs, tasks, strict=True):
        if task != tasks[0]:
            raise UsageError(
                f"run {run.name} is a {task} run, and {runs[0].name} a {tasks[0]} run: not the same question"
            )
    return tasks[0]


def _origins(runs: Sequence[Run], which: Sequence[str]) -> list[Origin]:
    """The checkpoints to ask, none of them twice; says which there are where several are compared."""
    found = list(dict.fromkeys(origin_of(run, name) for run in runs for name in which))
    for run in runs if len(which) > 1 or len(runs) > 1 else []:
        output.say(f"run {run.name} keeps the checkpoints of steps {', '.join(map(str, steps_of(run)))}")
    return found


def _given(context: typer.Context) -> list[str]:
    """The options that were written on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]


def _check_options(task: str, given: Sequence[str]) -> None:
    """Refuse what means nothing, to the task or beside other options."""
    refuse_others(task, given, prefix="--")
    if task == "language_model" and "beam" in given:
        refuse_beside_beam(given)
    elif task == "language_model" and "length_penalty" in given:
        raise UsageError("--length-penalty ranks what a beam finds", "give --beam N too")
    if "serve" in given and "beside" in given:
        raise UsageError("--serve answers for one run", "leave out --beside")


def _check_prompt(task: str, prompt: str | None, *, from_corpus: bool) -> None:
    """Refuse what the task cannot be asked, before torch is loaded for it."""
    if from_corpus and prompt:
        raise UsageError("--from-corpus begins in the training text, and a prompt elsewhere", "give one of them")
    if task == "cloze" and "_" not in (prompt or ""):
        hint = f"write _ for each missing token, as in {asking(task).example}"
        raise UsageError("there is no blank to fill in the prompt" if prompt else "a cloze run fills blanks", hint)
    if task == "seq2seq" and prompt is None and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(
            "a seq2seq run answers lines, and none is given", f"give {asking(task).example}, or pipe lines into it"
        )


def check_unknown(model: "LoadedModel", prompt: str, wish: Unknown) -> None:
    """Name what the vocabulary lacks; raise UsageError where it should be refused."""
    refuse_unknown(model.unknown(prompt), wish)
    warn_of_unknown(model, prompt)


def warn_of_unknown(model: "LoadedModel", prompt: str) -> None:
    """Name what the vocabulary lacks."""
    if unknown := model.unknown(prompt):
        output.say(f"warning: not in the vocabulary, read as unknown: {' '.join(map(repr, unknown[:20]))}")


# -- blanks --------------------------------------------------------------------------------------------------------


def _fill(model: "LoadedModel", asked: Asked, shown: Shown) -> None:
    """The best fillings, one on a line: text, tab, probability in a pipe; a line end in a text is a picture there."""
    from rnnbench.engine.bidirectional import ClozeModel
    from rnnbench.engine.filling import fill

    assert isinstance(model.network, ClozeModel)
    prompt = model.read(asked.prompt or "")
    check_unknown(model, prompt, shown.unknown)
    if not (shown.as_json or shown.headed):
        output.say(f"checkpoint of step {model.step}")
    for filling in fill(model.network, model.vocabulary, prompt, count=asked.count or _FILLINGS):
        if shown.as_json:
            record = {"schema_version": output.SCHEMA_VERSION, "prompt": prompt, **asdict(filling)}
            output.data(json_module.dumps({**record, **shown.origin.record()}, ensure_ascii=False))
        elif output.is_terminal():
            output.data(f"{filling.probability * 100:5.1f}%  {visible(filling.text)}")
        else:
            output.data(f"{visible(filling.text)}\t{filling.probability:.6g}")
