"""A text coloured by surprisal or by a hidden unit: on a terminal, as TSV in a pipe, as JSON, as a picture."""

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnbench import storage
from rnnbench.cli import colour, output, pictures
from rnnbench.cli.colour import Glyphs, Piece
from rnnbench.runs import ramp
from rnnbench.runs.figures import figure
from rnnbench.runs.ramp import Combine, Scale
from rnnbench.text import tokenizers
from rnnbench.visible import visible

if TYPE_CHECKING:
    from rnnbench.cli.inspect import Subject, Wanted
    from rnnbench.engine.surprisal import Surprisals
    from rnnbench.metrics import Score

_PICTURE_WIDTH = 100  # cells
_DRAWN = 100_000  # tokens: a picture of more is for nobody's eyes
_CONTEXT = 24  # characters on each side of a surprising place
BITS = Scale(0.0, 1.0)


@dataclass(frozen=True)
class Colouring:
    """Numbers for the pieces of a text, what their levels mean, and how those of parts become that of the whole."""

    pieces: Sequence[Piece]
    scale: Scale
    combine: Combine
    legend: str

    def lines(self, width: int) -> list[list[Glyphs]]:
        """The text, laid out."""
        return list(colour.lay_out(self.pieces, self.scale, width=width, combine=self.combine))


def surprisal(subject: "Subject", wanted: "Wanted") -> None:
    """How much each token surprises, and where most."""
    from rnnbench.engine.surprisal import surprisals

    found = surprisals(subject.network, subject.cut.ids_N, top=wanted.top, begin=subject.begin)
    score = found.score(subject.cut)
    bits = (found.nats_N / math.log(2)).tolist()
    pieces = [Piece(text, value) for text, value in zip(subject.cut.pieces, bits, strict=True)]
    _draw(Colouring(pieces, BITS, ramp.add, "surprisal in bits, 9 for all from 9 on"), subject, wanted)
    if wanted.as_json:
        tokens = (_token_record(subject, found, place) for place in range(len(subject.cut)))
        _json_with_tokens(_surprisal_record(subject, found, score, wanted.top), tokens)
        return
    if output.is_terminal():
        _places(subject, found, wanted.top)
    else:
        _tsv(subject, found)
    output.say(_summary(found, score))


def unit(subject: "Subject", wanted: "Wanted") -> None:
    """One hidden unit along the text."""
    from rnnbench.engine.unit_names import read_unit
    from rnnbench.engine.units import activation

    named = read_unit(wanted.unit, subject.model.config.model)
    values = activation(subject.network, subject.cut.ids_N, named).tolist()
    pieces = [Piece(text, value) for text, value in zip(subject.cut.pieces, values, strict=True)]
    scale = Scale.over(values)
    legend = f"unit {named}: 0 is {min(values):.3f}, 9 is {max(values):.3f}"
    _draw(Colouring(pieces, scale, ramp.later, legend), subject, wanted)
    if wanted.as_json:
        tokens = ({"text": plain(piece.text), "activation": piece.value} for piece in pieces)
        _json_with_tokens({**head(subject), "what": "unit", "unit": str(named)}, tokens)
    elif not output.is_terminal():
        tsv(["position", "token", "activation"])
        for position, piece in enumerate(pieces):
            tsv([str(position), visible(piece.text), f"{piece.value:.6g}"])


# -- the forms of an answer -----------------------------------------------------------------------------------------


def head(subject: "Subject") -> dict[str, Any]:
    """What every JSON answer begins with."""
    return {"run": subject.name, "checkpoint": subject.model.step}


def _json_with_tokens(record: dict[str, Any], tokens: Iterator[dict[str, Any]]) -> None:
    """One JSON answer, its tokens written as they come: as objects together they would fill gigabytes."""
    begun = json.dumps({"schema_version": output.SCHEMA_VERSION, **record}, ensure_ascii=False, allow_nan=False)
    output.data(f'{begun[:-1]}, "tokens": [')
    for place, each in enumerate(tokens):
        output.data(("," if place else "") + json.dumps(each, ensure_ascii=False, allow_nan=False))
    output.data("]}")


def tsv(cells: list[str]) -> None:
    """A line of a table in a pipe; the cells hold no tab and no line end, they went through the gate."""
    output.data("\t".join(cells))


def plain(text: str) -> str:
    """Text that can be written as UTF-8."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def token(subject: "Subject", number: int) -> str:
    """A token of the vocabulary as text."""
    vocabulary = subject.model.vocabulary
    return tokenizers.shown(vocabulary.tokenizer, vocabulary.tokens[number])


def quoted(text: str) -> str:
    """A token as it stands in a table, so that blanks can be seen."""
    return f"'{visible(text)}'"


def _draw(colouring: Colouring, subject: "Subject", wanted: "Wanted") -> None:
    """The text on the terminal, and the pictures that were asked for."""
    caption = f"{subject.name}, step {subject.model.step}: {colouring.legend}"
    drawn = replace(colouring, pieces=colouring.pieces[:_DRAWN])
    for path, writer in ((wanted.html, pictures.html), (wanted.svg, pictures.svg)):
        if path is not None:
            _write(path, writer(drawn.lines(_PICTURE_WIDTH), caption))
            if len(subject.cut) > _DRAWN:
                output.say(f"note: it shows the first {_DRAWN:,} tokens")
    if wanted.as_json or not output.is_terminal():
        return
    for line in colouring.lines(max(shutil.get_terminal_size().columns, 8)):
        for row in (colour.coloured(line),) if output.colours() else colour.with_digits(line):
            output.data(row)
    output.data(f"{_key()}  {colouring.legend}")


def _key() -> str:
    """The levels, each in its colour."""
    levels = [Glyphs(f" {level} ", 3, level) for level in range(ramp.LEVELS)]
    return colour.coloured(levels) if output.colours() else "0 to 9:"


def _write(path: Path, data: bytes) -> None:
    storage.write_file(path, data)
    output.say(f"wrote {path}")


def _summary(found: "Surprisals", score: "Score") -> str:
    bits = score.bits_per_character
    characters = "bits per character withheld: a token is unknown" if bits is None else f"{bits:.3f} bits/character"
    return (
        f"{score.tokens_scored:,} tokens, log-probability {-found.total_nats:.2f} nats, "
        f"perplexity {figure(score.perplexity)}, {characters}; the first token predicted from {found.first_given}"
    )


def _places(subject: "Subject", found: "Surprisals", count: int) -> None:
    """A table of the most surprising places, each in its context."""
    rows = []
    for place in found.most_surprising(count):
        before, after = subject.cut.around(place, _CONTEXT)
        expected = [token(subject, number) for number in found.best_NK[place].tolist()[:3]]
        piece = subject.cut.pieces[place]
        bits, rank = f"{found.nats_N[place] / math.log(2):.1f}", f"{found.ranks_N[place]:,}"
        likelier = " ".join(quoted(text) for text in expected)
        rows.append([bits, rank, quoted(piece), likelier, f"{before}▸{piece}◂{after}"])
    output.data("")
    output.table(["bits", "rank", "token", "expected", "where"], rows)


def _tsv(subject: "Subject", found: "Surprisals") -> None:
    tsv(["position", "token", "surprisal_nats", "rank", "expected", "expected_nats"])
    for place, piece in enumerate(subject.cut.pieces):
        best = visible(token(subject, int(found.best_NK[place, 0])))
        figures = [f"{found.nats_N[place]:.6g}", str(found.ranks_N[place]), best, f"{found.best_nats_NK[place, 0]:.6g}"]
        tsv([str(place), visible(piece), *figures])


def _surprisal_record(subject: "Subject", found: "Surprisals", score: "Score", top: int) -> dict[str, Any]:
    return {
        **head(subject),
        "what": "surprisal",
        "first_given": found.first_given,
        "tokens_scored": score.tokens_scored,
        "characters": score.characters,
        "unknown_tokens": score.unknown_tokens,
        "log_probability_nats": -found.total_nats,
        "perplexity": score.perplexity if math.isfinite(score.perplexity) else None,
        "bits_per_character": score.bits_per_character,
        "most_surprising": found.most_surprising(top),
    }


def _token_record(subject: "Subject", found: "Surprisals", place: int) -> dict[str, Any]:
    best = zip(found.best_NK[place].tolist(), found.best_nats_NK[place].tolist(), strict=True)
    return {
        "text": plain(subject.cut.pieces[place]),
        "surprisal_nats": float(found.nats_N[place]),
        "rank": int(found.ranks_N[place]),
        "alternatives": [
            {"text": plain(token(subject, number)), "probability": math.exp(-nats)} for number, nats in best
        ],
    }
