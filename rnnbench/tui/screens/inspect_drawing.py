"""How the answers of an inspection are shown: the legend, the token under the cursor, the rows of the tables."""

import math
from collections.abc import Iterator

from textual.content import Content

from rnnbench.runs import ramp
from rnnbench.runs.figures import figure
from rnnbench.runs.ramp import Scale
from rnnbench.tui.cells import cut, padded
from rnnbench.tui.inspector import Activity, Alternative, Followed, Follower, Gates, Reading, Search, Token
from rnnbench.tui.widgets.coloured_text import Coloured
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible

BITS = Scale(0.0, 1.0)
UNIT_COLUMNS = (later("property"), later("unit"), "r", later("searched r"))
GATE_COLUMNS = (later("layer"), later("gate"), later("mean"), later("below 0.1"), later("above 0.9"))
_BLOCKS = " ▏▎▍▌▋▊▉█"
_BAR = 40  # cells, at most
_NAME = 16  # cells of a token in the list of alternatives


def by_surprisal(reading: Reading) -> Coloured:
    """A level for each bit of surprisal."""
    bits = [token.surprisal_nats / math.log(2) for token in reading.tokens]
    return Coloured([token.text for token in reading.tokens], bits, BITS, ramp.add)


def by_activity(activity: Activity) -> Coloured:
    """The levels spread over what the unit does in this text."""
    return Coloured([token.text for token in activity.tokens], activity.values, Scale.over(activity.values), ramp.later)


def legend(activity: Activity | None, *, digits: bool) -> Content:
    """What the levels mean."""
    if activity is None:
        meaning = tr("surprisal in bits; 9 is all from 9 on")
    else:
        values = activity.values or [0.0]
        low, high = f"{min(values):.3f}", f"{max(values):.3f}"
        meaning = tr("unit {unit}: 0 is {low}, 9 is {high}", unit=activity.unit, low=low, high=high)
    if digits:
        return Content(tr("the digit below a token: {meaning}", meaning=meaning))
    levels = [(f" {level} ", _style(level)) for level in range(ramp.LEVELS)]
    return Content.assemble(*levels, f"  {meaning}")


def _style(level: int) -> str:
    ink, paper = (ramp.rgb(code) for code in (ramp.ink(level), ramp.RAMP[level]))
    return f"rgb({','.join(map(str, ink))}) on rgb({','.join(map(str, paper))})"


def summary(reading: Reading | None) -> str:
    """The text in figures."""
    if reading is None:
        return ""
    found = []
    if reading.bits_per_character is not None:
        found.append(tr("{n} bits/character", n=f"{reading.bits_per_character:.3f}"))
    if reading.perplexity is not None:
        found.append(tr("perplexity {n}", n=figure(reading.perplexity)))
    counts = [tr("{n} tokens", n=f"{len(reading.tokens):,}"), tr("step {n}", n=f"{reading.checkpoint:,}")]
    return "  ".join([*found, *counts])


def detail(reading: Reading, place: int, activity: Activity | None, width: int) -> Content:
    """The token under the cursor, and what the model expected instead."""
    if not 0 <= place < len(reading.tokens):
        return Content("")
    token = reading.tokens[place]
    bars = [_bar(alternative, token, width) for alternative in token.alternatives]
    return Content("\n").join([_figures(reading, place, activity), *bars])


def _figures(reading: Reading, place: int, activity: Activity | None) -> Content:
    token = reading.tokens[place]
    parts = []
    if activity is not None and place < len(activity.tokens):
        value = f"{activity.tokens[place].activation:+.3f}"
        parts.append(tr("unit {unit} {value}", unit=activity.unit, value=value))
    parts += [
        tr("surprisal {n} bits", n=f"{token.surprisal_nats / math.log(2):.2f}"),
        tr("rank {n}", n=f"{token.rank:,}"),
        tr("probability {n}", n=f"{math.exp(-token.surprisal_nats):.3g}"),
        tr("token {n}", n=f"{place + 1:,}"),
    ]
    return Content("   ").join([Content.styled(quoted(token.text), "bold $text-primary"), *map(Content, parts)])


def _bar(alternative: Alternative, token: Token, width: int) -> Content:
    room = max(min(_BAR, width - _NAME - 11), 1)
    eighths = round(max(min(alternative.probability, 1.0), 0.0) * room * 8)
    bar = "█" * (eighths // 8) + (_BLOCKS[eighths % 8] if eighths % 8 else "")
    name = padded(quoted(alternative.text), _NAME)
    style = "bold $text-primary" if alternative.text == token.text else ""
    return Content.assemble("  ", (name, style), f"{alternative.probability:7.4f} ", (bar, "$primary"))


def quoted(text: str) -> str:
    """A token of a table: harmless, and blanks can be seen."""
    return cut(f"'{visible(text)}'", 3 * _NAME)


def found_units(search: Search) -> list[tuple[Followed, Follower]]:
    """What each row of the table of units tells of."""
    return [(each, follower) for each in search.properties for follower in each.units]


def unit_rows(search: Search) -> Iterator[tuple[str, ...]]:
    """The table of units; a property is named once."""
    before = None
    for each, follower in found_units(search):
        name = "" if each is before else visible(tr(each.property))
        yield name, visible(follower.unit), f"{follower.r:+.3f}", f"{follower.searched_r:+.3f}"
        before = each


def unit_detail(search: Search, row: int, *, in_file: bool) -> Content:
    """What the property of a row means, and in which text its units were found."""
    found = found_units(search)
    if 0 <= row < len(found):
        meaning = f"{visible(tr(found[row][0].property))}: {visible(tr(found[row][0].meaning))}"
    else:
        meaning = tr("nothing was found")
    if in_file:
        judged = tr("searched r chose them, on one half of the file; r: the other half")
    else:
        judged = tr("searched r chose them, on one half of the validation text; r: the other half")
    return Content(f"{meaning}\n{judged}")


def absent(search: Search) -> str:
    """The properties that no unit can follow in this text."""
    return ", ".join(visible(tr(each.property)) for each in search.properties if not each.units)


def gate_rows(gates: Gates) -> Iterator[tuple[str, ...]]:
    """The table of gates."""
    for use in gates.gates:
        yield (
            str(use.layer),
            visible(tr(use.gate)),
            f"{use.mean:.3f}",
            f"{use.closed * 100:.1f} %",
            f"{use.open * 100:.1f} %",
        )
