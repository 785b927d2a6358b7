"""How the answers of an inspection are shown: the legend, the token under the cursor, the rows of the tables."""

import math
from collections.abc import Iterable, Iterator

from rich.text import Text
from textual.content import Content
from textual.widgets import DataTable

from rnnbench.runs import ramp
from rnnbench.runs.figures import figure
from rnnbench.runs.ramp import Scale
from rnnbench.tui import actions, inspector
from rnnbench.tui.cells import cell_len, cut, padded, wrap
from rnnbench.tui.fitting import GAP, as_many, middle_cut
from rnnbench.tui.inspector import Activity, Alternative, Followed, Follower, Gates, Reading, Search, Token
from rnnbench.tui.widgets.coloured_text import Coloured
from rnnbench.tui.words import later, tr
from rnnbench.visible import LINE_END, visible

TEXT, UNITS, GATES = "text", "units", "gates"
BITS = Scale(0.0, 1.0)
UNIT_COLUMNS = (later("property"), later("unit"), "r", later("searched r"))
GATE_COLUMNS = (later("layer"), later("gate"), later("mean"), later("below 0.1"), later("above 0.9"))
BUSY = {
    inspector.SURPRISAL: later("reading the text ...  ({key[leave_inspect]} stops it)"),
    inspector.UNIT: later("following the unit ...  ({key[leave_inspect]} stops it)"),
    inspector.UNITS: later("looking for units that follow something ...  ({key[leave_inspect]} stops it)"),
    inspector.GATES: later("measuring the gates ...  ({key[leave_inspect]} stops it)"),
}
_BLOCKS = " ▏▎▍▌▋▊▉█"
_APART = "   "
_BAR = 40  # cells, at most
_LONGEST_NAME = 24  # cells of a run in the title
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


def title(name: str, view: str, activity: Activity | None, reading: Reading | None, width: int) -> Content:
    """The run, the views with the one that is seen marked, and as many figures of the text as there is room for."""
    head = tr("Inspect {name}", name=middle_cut(visible(name), _LONGEST_NAME))
    captions = {view: tr(actions.by_id(f"view_{view}").title) for view in (TEXT, UNITS, GATES)}
    if activity is not None:
        captions[TEXT] = tr("Unit {unit}", unit=visible(activity.unit))
    views = [(f" {caption} ", "reverse bold" if each == view else "") for each, caption in captions.items()]
    shown = Content.assemble((head, "bold"), GAP, *views, GAP)
    figures = GAP.join(as_many(_figures_of(reading), width - shown.cell_length))
    return shown + Content(figures) if shown.cell_length + cell_len(figures) <= width else shown


def guide() -> Content:
    """What can be done where nothing was read yet."""
    lines = [
        tr("A text in colours: each token by how little the model expected it."),
        tr("{key[edit_text]} type or paste a text, enter reads it;  {key[edit_file]} read a file"),
        tr("{key[take_excerpt]} read an excerpt of the validation text, each time the next"),
        tr("{key[view_units]} units that follow something;  {key[view_gates]} the gates;  {key[leave_inspect]} back"),
    ]
    return Content("\n".join(lines))


def _figures_of(reading: Reading | None) -> list[str]:
    """The text in figures, the most important first."""
    if reading is None:
        return []
    found = []
    if reading.bits_per_character is not None:
        found.append(tr("{n} bits/character", n=f"{reading.bits_per_character:.3f}"))
    if reading.perplexity is not None:
        found.append(tr("perplexity {n}", n=figure(reading.perplexity)))
    return [*found, tr("step {n}", n=f"{reading.checkpoint:,}"), tr("{n} tokens", n=f"{len(reading.tokens):,}")]


def detail(reading: Reading, place: int, activity: Activity | None, width: int) -> Content:
    """The token under the cursor, and what the model expected instead."""
    if not 0 <= place < len(reading.tokens):
        return Content("")
    token = reading.tokens[place]
    bars = [_bar(alternative, token, width) for alternative in token.alternatives]
    return Content("\n").join([_figures(reading, place, activity, width - 2), *bars])


def _figures(reading: Reading, place: int, activity: Activity | None, width: int) -> Content:
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
    name = quoted(token.text)
    shown = as_many(parts, width - cell_len(name + _APART), _APART)
    return Content(_APART).join([Content.styled(name, "bold $text-primary"), *map(Content, shown)])


def _bar(alternative: Alternative, token: Token, width: int) -> Content:
    room = max(min(_BAR, width - _NAME - 11), 1)
    eighths = round(max(min(alternative.probability, 1.0), 0.0) * room * 8)
    bar = "█" * (eighths // 8) + (_BLOCKS[eighths % 8] if eighths % 8 else "")
    name = padded(quoted(alternative.text), _NAME)
    style = "bold $text-primary" if alternative.text == token.text else ""
    return Content.assemble("  ", (name, style), f"{alternative.probability:7.4f} ", (bar, "$primary"))


def quoted(text: str) -> str:
    """A token of a table: harmless, and blanks can be seen; a line end as in the text."""
    shown = visible(text.replace("\n", LINE_END))
    return cut(f"'{shown}'", 3 * _NAME)


def fill_table(table: "DataTable[Text]", columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    """The widths are given: those that a table finds by itself may come after it was drawn."""
    lines = [tuple(map(tr, columns)), *rows]
    table.clear(columns=True)
    for place, (label, *cells) in enumerate(zip(*lines, strict=True)):
        width = max(map(cell_len, (label, *cells)))
        table.add_column(Text(label, justify="right" if place > 1 else "left"), width=width)
    for line in lines[1:]:
        table.add_row(*(Text(cell, justify="right" if place > 1 else "left") for place, cell in enumerate(line)))


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


def unit_detail(search: Search, row: int, width: int, *, in_file: bool) -> Content:
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
    gone = absent(search)
    never = tr("nothing can follow, for it never changes: {properties}", properties=gone) if gone else ""
    return Content("\n".join(line for said in (meaning, judged, never) if said for line in wrap(said, width)))


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
            f"{use.closed:.1%}",
            f"{use.open:.1%}",
        )
