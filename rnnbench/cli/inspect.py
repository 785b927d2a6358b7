"""inspect: what a trained model makes of a text: its surprise, its hidden units, its gates, what it expects next."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rnnbench.cli import output
from rnnbench.cli.sample import warn_of_unknown
from rnnbench.errors import UsageError
from rnnbench.runs.store import Run, RunStore

if TYPE_CHECKING:
    from rnnbench.engine.loading import LoadedModel
    from rnnbench.engine.models import LanguageModel
    from rnnbench.text.cutting import CutText

LONGEST = 1_000_000  # characters: patterns and drawings are no work for more
_FEW = 1000  # tokens

What = Literal["surprisal", "units", "unit", "gates", "next"]


@dataclass(frozen=True)
class Wanted:
    """How an answer is given. `at`: tokens of the text after which the next one is asked for; none: after all."""

    top: int
    at: int | None = None
    unit: str = ""
    as_json: bool = False
    html: Path | None = None
    svg: Path | None = None


@dataclass(frozen=True)
class Subject:
    """A run's model, opened, and a text as it reads it."""

    name: str
    model: "LoadedModel"
    network: "LanguageModel"
    cut: "CutText"

    @property
    def begin(self) -> int | None:
        """The token that begins a text, where the vocabulary has one."""
        from rnnbench.engine.surprisal import begin_id

        return begin_id(self.model.vocabulary)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(inspect)


def inspect(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)],
    text: Annotated[
        list[str] | None, typer.Option(help="The text; given more than once, which of them is most probable.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file with the text.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best, last or a step.")] = "best",
    what: Annotated[
        What | None,
        typer.Option(
            help="surprisal of each token; units that follow a property of the text; one unit; gates; the next token.",
            show_default="surprisal",
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="The unit LAYER:NUMBER, counted from 1; LAYER:NUMBER:c for its memory.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="units: also find those that are active inside the matches of this expression.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=100, help="How many places, alternatives or units.")] = 5,
    at: Annotated[int | None, typer.Option(min=0, help="next: after so many tokens of the text; else all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the coloured text as a web page.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the coloured text as a drawing.")] = None,
) -> None:
    """Look inside a trained language model: a text coloured by surprisal or by a hidden unit, and tables."""
    chosen = what or ("unit" if unit else "units" if pattern is not None else "surprisal")
    _refuse(chosen, unit=unit, pattern=pattern, at=at, pictures=html is not None or svg is not None)
    from rnnbench.text import properties

    compiled = None if pattern is None else properties.read_pattern(_given(pattern))
    texts = _read(text, file)
    found = RunStore(context.obj).find(run)
    _check_run(found, unit)
    empty = UsageError("there is no text to look at", "give --text or --file with at least one character")
    if not all(texts) and chosen != "next":
        raise empty
    wanted = Wanted(top, at, unit or "", json, html, svg)
    if len(texts) > 1:
        _compare(found, checkpoint, texts, chosen, wanted)
        return
    subject = _open(found, checkpoint, texts[0], wanted)
    if not len(subject.cut) and chosen != "next":  # line ends only, in a run that strips lines
        raise empty
    if chosen == "units":
        _warn(subject, endless=pattern is not None and properties.may_take_for_ever(pattern))
    _answer(chosen, subject, compiled, wanted)


def _answer(chosen: str, subject: Subject, pattern: re.Pattern[str] | None, wanted: Wanted) -> None:
    from rnnbench.cli import inspect_tables, inspect_text
    from rnnbench.text import properties

    if chosen == "units":
        inspect_tables.units(subject, properties.find_all(subject.cut.text, pattern), wanted)
    elif chosen == "gates":
        inspect_tables.gates(subject, wanted)
    elif chosen == "next":
        inspect_tables.next_token(subject, wanted)
    elif chosen == "unit":
        inspect_text.unit(subject, wanted)
    else:
        inspect_text.surprisal(subject, wanted)


def _check_run(run: Run, unit: str | None) -> None:
    """Refuse a run that is no language model, and a unit that it does not have, before torch is loaded."""
    from rnnbench.engine.unit_names import read_unit

    model = run.config().model
    if model.task != "language_model":
        raise UsageError(f"run {run.name} is a {model.task} run", "inspect looks into language models only")
    if unit is not None:
        read_unit(unit, model)


def _refuse(chosen: str, *, unit: str | None, pattern: str | None, at: int | None, pictures: bool) -> None:
    """Refuse options that mean nothing to what is asked for."""
    if chosen == "unit" and not unit:
        raise UsageError("which unit?", "--unit 1:17 names one; --what units finds those that follow something")
    given = {"unit": unit is not None, "units": pattern is not None, "next": at is not None}
    names = {"unit": "--unit", "units": "--pattern", "next": "--at"}
    for owner, name in names.items():
        if given[owner] and chosen != owner:
            raise UsageError(f"{name} means nothing to --what {chosen}", f"it belongs to --what {owner}")
    if pictures and chosen not in ("surprisal", "unit"):
        raise UsageError(f"--what {chosen} colours no text", "--html and --svg draw --what surprisal and --what unit")


def _given(text: str) -> str:
    """Text of the command line; bytes that are no UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _read(text: list[str] | None, file: Path | None) -> list[str]:
    """The texts. Raises UsageError where there is none, or two sources; CorpusError for a file that is no text."""
    if bool(text) == (file is not None):
        raise UsageError("give the text with --text, or a file that holds it with --file, and not both")
    from rnnbench.text import sources

    texts = [_given(each) for each in text or []] if file is None else [sources.preview(file, LONGEST + 1)]
    if any(len(each) > LONGEST for each in texts):
        output.say(f"note: the text is long, only its first {LONGEST:,} characters are looked at")
    return [each[:LONGEST] for each in texts]


def _load(run: Run, checkpoint: str, texts: list[str]) -> tuple["LoadedModel", "LanguageModel", list[str]]:
    """The model of a run, and texts as it was given its own."""
    from rnnbench.engine.loading import open_model
    from rnnbench.engine.models import LanguageModel

    model = open_model(run, checkpoint)
    assert isinstance(model.network, LanguageModel)
    return model, model.network, [_as_read(model, text) for text in texts]


def _as_read(model: "LoadedModel", text: str) -> str:
    """Lines are joined where the run joined those of its corpus; a text without line ends keeps its blanks."""
    from rnnbench.text import normalization

    if model.config.text.strip_lines and "\n" in text:
        return "".join(normalization.normalize([text], model.config.text))
    return model.read(text)


def _open(run: Run, checkpoint: str, text: str, wanted: Wanted) -> Subject:
    from rnnbench.text.cutting import CutText

    model, network, (read,) = _load(run, checkpoint, [text])
    cut = CutText.of(model.vocabulary, read)
    if wanted.at is not None and wanted.at > len(cut):
        raise UsageError(f"--at {wanted.at}: the text has {len(cut)} tokens")
    output.say(f"checkpoint of step {model.step}")
    warn_of_unknown(model, read)
    return Subject(run.name, model, network, cut)


def _compare(run: Run, checkpoint: str, texts: list[str], chosen: str, wanted: Wanted) -> None:
    if chosen != "surprisal" or wanted.html or wanted.svg:
        raise UsageError(f"{len(texts)} texts can only be compared by how probable they are", "give one --text")
    from rnnbench.cli import inspect_tables

    model, network, read = _load(run, checkpoint, texts)
    output.say(f"checkpoint of step {model.step}")
    for text in read:
        warn_of_unknown(model, text)
    inspect_tables.compare(run.name, model, network, read, wanted)


def _warn(subject: Subject, *, endless: bool) -> None:
    if len(subject.cut) < _FEW:
        output.say(f"warning: {len(subject.cut)} tokens are few: take a longer text, or chance looks like a finding")
    if endless:
        output.say("warning: the pattern repeats what is repeated, which can take for ever; Ctrl-C ends it")
