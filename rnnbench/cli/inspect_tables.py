"""Tables of what is inside a model: units that follow a property, gates, the next token, texts compared."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rnnbench.cli import output
from rnnbench.cli.inspect_text import head, plain, quoted, token, tsv
from rnnbench.visible import visible

if TYPE_CHECKING:
    from rnnbench.cli.inspect import Subject, Wanted
    from rnnbench.engine.loading import LoadedModel
    from rnnbench.engine.models import LanguageModel
    from rnnbench.text.properties import Property

_HEARD = 60  # characters of a compared text that are shown


def units(subject: "Subject", properties: "Sequence[Property]", wanted: "Wanted") -> None:
    """For each property the units that follow it best: chosen on one half of the text, judged on the other."""
    from rnnbench.engine.units import search

    found = search(subject.network, subject.cut, properties, top=wanted.top)
    if wanted.as_json:
        records = [
            {
                "property": each.name,
                "meaning": each.meaning,
                "mean": each.mean,
                "units": [{"unit": str(f.unit), "r": f.r, "searched_r": f.searched_r} for f in each.followers],
            }
            for each in found
        ]
        output.json_data({**head(subject), "what": "units", "properties": records})
        return
    rows = [
        [each.name, f"{each.mean:.4g}", str(follower.unit), f"{follower.r:+.3f}", f"{follower.searched_r:+.3f}"]
        for each in found
        for follower in each.followers
    ]
    _table(["property", "mean", "unit", "r", "searched_r"], rows)
    absent = [each.name for each in found if not each.followers]
    if absent:
        output.say(f"the same throughout a half of the text, so nothing can follow it: {', '.join(absent)}")
    output.say(
        "units were chosen by searched_r, on the first half of the text; r is that of the second half, which had no "
        "part in the choice"
    )


def gates(subject: "Subject", wanted: "Wanted") -> None:
    """The gates of each layer over the text."""
    from rnnbench.engine.gates import measure

    found = measure(subject.network, subject.cut.ids_N)
    if wanted.as_json:
        output.json_data({**head(subject), "what": "gates", "gates": [asdict(use) for use in found]})
        return
    rows = [
        [str(use.layer), use.gate, f"{use.mean:.3f}", f"{use.closed * 100:.1f}%", f"{use.open * 100:.1f}%"]
        for use in found
    ]
    _table(["layer", "gate", "mean", "below 0.1", "above 0.9"], rows)


def next_token(subject: "Subject", wanted: "Wanted") -> None:
    """What the model expects after the text, or after some tokens of it."""
    from rnnbench.engine.surprisal import next_tokens

    found = next_tokens(subject.network, subject.cut.ids_N[: wanted.at].tolist(), top=wanted.top, begin=subject.begin)
    chances = list(zip((token(subject, number) for number in found.ids), found.probabilities, strict=True))
    if wanted.as_json:
        alternatives = [{"text": plain(text), "probability": probability} for text, probability in chances]
        record = {"what": "next", "entropy_nats": found.entropy_nats, "alternatives": alternatives}
        output.json_data({**head(subject), **record})
        return
    quote = quoted if output.is_terminal() else visible
    _table(["token", "probability"], [[quote(text), f"{probability:.6g}"] for text, probability in chances])
    output.say(
        f"entropy {found.entropy_nats:.3f} nats, as of {math.exp(found.entropy_nats):.1f} equally probable tokens"
    )


def compare(name: str, model: "LoadedModel", network: "LanguageModel", texts: list[str], wanted: "Wanted") -> None:
    """Which of several texts is the most probable, in all and per character."""
    from rnnbench.engine import surprisal

    found = surprisal.compare(network, model.vocabulary, texts)
    if wanted.as_json:
        records = [
            {
                "text": plain(each.text),
                "log_probability_nats": -each.nats,
                "log_probability_per_character": -each.nats_per_character,
                "tokens": each.tokens,
                "unknown_tokens": each.unknown,
            }
            for each in found
        ]
        output.json_data({"run": name, "checkpoint": model.step, "what": "compare", "texts": records})
        return
    rows = [
        [f"{-each.nats:.3f}", f"{-each.nats_per_character:.4f}", str(each.tokens), visible(each.text, limit=_HEARD)]
        for each in sorted(found, key=lambda each: each.nats)
    ]
    _table(["log_probability_nats", "per_character", "tokens", "text"], rows)
    if any(each.unknown for each in found):
        output.say("a token that is unknown counts as <unk>, which says nothing of how probable its spelling is")


def _table(header: list[str], rows: list[list[str]]) -> None:
    """Aligned on a terminal, TSV in a pipe."""
    if output.is_terminal():
        output.table(header, rows)
        return
    for cells in (header, *rows):
        tsv(cells)
