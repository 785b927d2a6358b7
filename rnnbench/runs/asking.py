"""What a trained model of each task can be asked, and with which options: the same for both faces."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rnnbench.errors import UsageError


class Sampling(BaseModel):
    """How a language model chooses what it writes, and where it ends; engine/sampling.py says what each means."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    length: int = Field(200, ge=0, le=10_000_000, description="Tokens to write.")
    temperature: float = Field(0.8, gt=0, le=1000, description="Below 1 safer, above 1 wilder.")
    top_k: int = Field(0, ge=0, description="Choose among the k most probable; 0 for all.")
    top_p: float = Field(1.0, gt=0, le=1, description="Choose among the fewest that reach this share together.")
    min_p: float = Field(0.0, ge=0, le=1, description="Leave out what is less than this times as probable as the best.")
    typical_p: float = Field(1.0, gt=0, le=1, description="The same share, of those nearest to the expected surprise.")
    repetition_penalty: float = Field(1.0, gt=0, le=10, description="Above 1: what was there before is less likely.")
    no_repeat_ngram: int = Field(0, ge=0, le=64, description="No sequence of so many tokens is written twice.")
    greedy: bool = Field(False, description="Always the most probable token.")
    banned: tuple[str, ...] = Field((), description="A token that is never written; may be repeated.")
    forced: str = Field("", description="What the text must begin with.")
    stop: tuple[str, ...] = Field((), description="End before this text; may be repeated.")
    in_characters: bool = Field(False, description="The length counts characters, not tokens.")
    whole_lines: bool = Field(False, description="End at the first line end after the length.")


Unknown = Literal["replace", "refuse"]
"""What becomes of tokens of a prompt that the vocabulary lacks: they are read as <unk> and named, or an error."""

_WITH_BEAM = ("length", "stop", "banned")


def read_sampling(values: dict[str, object]) -> Sampling:
    """The choices, checked. Raises UsageError that names the wrong one as the command line writes it."""
    try:
        return Sampling.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        hint = "--greedy takes the most probable token" if name == "temperature" else ""
        raise UsageError(f"--{name.replace('_', '-')} {first['input']}: {first['msg']}", hint) from None


@dataclass(frozen=True)
class Asking:
    """What a model does with a prompt: in a sentence, in the placeholder of an empty field, and by which options.

    `options` are the names of the sampling requests; the prompt and the checkpoint are always among them.
    """

    does: str
    placeholder: str
    example: str
    options: tuple[str, ...]


_BY_TASK = {
    "language_model": Asking(
        "continues a text",
        "text to write on from",
        '--prompt "It was "',
        (
            *Sampling.model_fields,
            "seed",
            "count",
            "beam",
            "length_penalty",
            "unknown",
            "from_corpus",
            "echo",
            "novelty",
        ),
    ),
    "cloze": Asking(
        "fills blanks written as _",
        "text with a blank _ for each missing token",
        '--prompt "The c_ock struck."',
        ("count", "unknown"),
    ),
    "seq2seq": Asking(
        "answers a line",
        "a line to be answered",
        '--prompt "a line"',
        ("count", "beam", "length_penalty", "like_source", "unknown"),
    ),
}


def asking(task: str) -> Asking:
    """What a model of the task can be asked."""
    return _BY_TASK[task]


def refuse_others(task: str, given: Iterable[str], *, prefix: str = "") -> None:
    """Raise UsageError that names each given option which means nothing to the task, and those which do.

    `prefix` is what stands before an option's name where the user writes it: -- on a command line.
    """
    known = asking(task).options
    wrong = [name for name in given if name not in known and any(name in other.options for other in _BY_TASK.values())]
    if wrong:
        names, fitting = (", ".join(_written(name, prefix) for name in group) for group in (wrong, known))
        raise UsageError(
            f"{names} {'mean' if len(wrong) > 1 else 'means'} nothing to a {task} run, which {asking(task).does}",
            f"it knows {fitting}",
        )


def refuse_beside_beam(given: Iterable[str]) -> None:
    """Raise UsageError that names the choices of drawing that were given: a beam draws nothing."""
    wrong = [name for name in given if name in Sampling.model_fields and name not in _WITH_BEAM]
    if wrong:
        names = ", ".join(_written(name, "--") for name in wrong)
        raise UsageError(
            f"{names} {'mean' if len(wrong) > 1 else 'means'} nothing beside --beam, which takes the likeliest text",
            f"it knows {', '.join(_written(name, '--') for name in (*_WITH_BEAM, 'length_penalty', 'count'))}",
        )


def refuse_unknown(tokens: Sequence[str], wish: Unknown) -> None:
    """Raise UsageError that names tokens of a prompt that the vocabulary lacks, where they should not be replaced."""
    if tokens and wish == "refuse":
        named = " ".join(map(repr, tokens[:20])) + (" ..." if len(tokens) > 20 else "")
        raise UsageError(f"not in the vocabulary: {named}", "leave it out; with `unknown replace` it is read as <unk>")


def _written(name: str, prefix: str) -> str:
    flag = {"banned": "ban", "forced": "force"}.get(name, name).replace("_", "-")
    return f"{prefix}{flag}" if prefix else name
