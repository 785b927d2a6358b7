"""sample: what a trained model makes of a prompt: a text that goes on, filled blanks, or answers."""

import json as json_module
import secrets
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnbench.cli import output
from rnnbench.cli.field_options import sampling_options, with_options
from rnnbench.errors import UsageError
from rnnbench.runs.asking import asking, read_sampling, refuse_others
from rnnbench.runs.store import RunStore
from rnnbench.visible import visible

if TYPE_CHECKING:
    from rnnbench.engine.loading import LoadedModel

_FILLINGS = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sample)


@with_options(sampling_options(), after="prompt")
def sample(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)],
    prompt: Annotated[
        str | None,
        typer.Option(
            help="Text to continue; cloze: text with _ for each missing token; seq2seq: a line to answer, else each "
            "line of standard input."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Samples, with consecutive seeds; fillings; answers.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**62, help="Repeats a sample; else drawn.")] = None,
    beam: Annotated[
        int | None, typer.Option(min=1, max=1000, help="seq2seq: answers kept while looking for the best.")
    ] = None,
    like_source: Annotated[
        bool, typer.Option("--like-source", help="seq2seq: answer with as many tokens as the line has.")
    ] = False,
    checkpoint: Annotated[str, typer.Option(help="best, last or a step.")] = "best",
    echo: Annotated[bool, typer.Option("--echo", help="Write the prompt before the text.")] = False,
    novelty: Annotated[
        bool, typer.Option("--novelty", help="Say how much of it was copied from the training text.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object for each sample, filling or answer.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Answer JSON lines on stdin until it closes.")] = False,
    **options: Any,
) -> None:
    """Ask a trained model: only its text on stdout, remarks on stderr."""
    found = RunStore(context.obj).find(run)
    task = found.config().model.task
    refuse_others(task, _given(context), prefix="--")
    choices = read_sampling({name: value for name, value in options.items() if value not in (None, [])})
    given = None if prompt is None else prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if serve:
        from rnnbench.cli import serve as server

        server.serve(found)
        return
    _check_prompt(task, given)
    from rnnbench.engine.loading import open_model

    model = open_model(found, checkpoint)
    if task == "cloze":
        _fill(model, given or "", count or _FILLINGS, as_json=json)
    elif task == "seq2seq":
        from rnnbench.cli import answers

        answers.answer(model, given, answers.Wanted(count or 1, beam or 1, like_source), as_json=json)
    else:
        from rnnbench.cli import continuing

        first = secrets.randbelow(2**31) if seed is None else seed
        wanted = continuing.Wanted(choices, tuple(range(first, first + (count or 1))), echo=echo)
        meter = continuing.meter(context.obj, found, model) if novelty else None
        continuing.write(model, given or "", wanted, meter, as_json=json)


def _given(context: typer.Context) -> list[str]:
    """The options that were written on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]


def _check_prompt(task: str, prompt: str | None) -> None:
    """Refuse what the task cannot be asked, before torch is loaded for it."""
    if task == "cloze" and "_" not in (prompt or ""):
        hint = f"write _ for each missing token, as in {asking(task).example}"
        raise UsageError("there is no blank to fill in the prompt" if prompt else "a cloze run fills blanks", hint)
    if task == "seq2seq" and prompt is None and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(
            "a seq2seq run answers lines, and none is given", f"give {asking(task).example}, or pipe lines into it"
        )


def warn_of_unknown(model: "LoadedModel", prompt: str) -> None:
    """Name what the vocabulary lacks."""
    if unknown := model.unknown(prompt):
        output.say(f"warning: not in the vocabulary, read as unknown: {' '.join(map(repr, unknown[:20]))}")


# -- blanks --------------------------------------------------------------------------------------------------------


def _fill(model: "LoadedModel", prompt: str, count: int, *, as_json: bool) -> None:
    """The best fillings, one on a line: text, tab, probability in a pipe; a line end in a text is a picture there."""
    from rnnbench.engine.bidirectional import ClozeModel
    from rnnbench.engine.filling import fill

    assert isinstance(model.network, ClozeModel)
    prompt = model.read(prompt)
    warn_of_unknown(model, prompt)
    if not as_json:
        output.say(f"checkpoint of step {model.step}")
    for filling in fill(model.network, model.vocabulary, prompt, count=count):
        if as_json:
            record = {"schema_version": output.SCHEMA_VERSION, "prompt": prompt, **asdict(filling)}
            output.data(json_module.dumps({**record, "checkpoint": model.step}, ensure_ascii=False))
        elif output.is_terminal():
            output.data(f"{filling.probability * 100:5.1f} %  {visible(filling.text)}")
        else:
            output.data(f"{visible(filling.text)}\t{filling.probability:.6g}")
