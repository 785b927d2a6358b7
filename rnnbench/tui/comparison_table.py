"""Runs side by side as lines: a line for each with its figures, then a line for each setting that differs."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from rnnbench.runs import comparing
from rnnbench.runs.comparing import UNKNOWN, Compared, Row
from rnnbench.tui.cells import cell_len, cut
from rnnbench.tui.widgets.drawing import sample
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible

STYLES = ("$text-primary", "$text-warning", "$text-success", "$text-error", "#b070d8", "#20a0a0")
"""A colour for each run; the last two are of no theme and can be seen on dark and on light."""
_HEADS = (
    *(later("run"), later("state"), later("perplexity"), later("pseudo-ppl"), later("bits/char"), later("best at")),
    *(later("parameters"), later("tokens/s")),
)
_ALWAYS = ("run", "state", "perplexity", "bits/char", "best at")
_WORDS = 2  # columns at the left that hold words; numbers stand at the right of theirs
_NAME_CELLS, _SETTING_CELLS = 24, 24
_SAMPLE_CELLS = 5
_GAP = "  "


@dataclass(frozen=True)
class _Line:
    """The texts of a line and the style of each."""

    texts: tuple[str, ...]
    styles: tuple[str, ...]


def table(runs: Sequence[Compared], settings: Sequence[Row]) -> Content:
    """The whole table, safe to show. A run's line begins with its sign and a piece of its curve: it is the legend."""
    lines = _aligned(_figures(runs), _WORDS)
    if settings:
        lines += [Content(""), *_aligned(_settings(settings), len(settings[0].texts) + 1)]
    elif len(runs) > 1:
        lines += [Content(""), Content.styled(tr("The runs have the same settings."), "dim")]
    return Content("\n").join(lines)


def sign(index: int) -> str:
    """What a run is called on the chart and in the table."""
    return str(index + 1)


def _figures(runs: Sequence[Compared]) -> list[_Line]:
    rows = [_texts(index, run) for index, run in enumerate(runs)]
    kept = [
        column for column, head in enumerate(_HEADS) if head in _ALWAYS or any(row[column] != UNKNOWN for row in rows)
    ]
    heads = tuple(tr(_HEADS[column]) for column in kept)
    lines = [_Line(heads, ("dim",) * len(heads))]
    for index, row in enumerate(rows):
        lines.append(_Line(tuple(row[column] for column in kept), (STYLES[index], *("",) * (len(kept) - 1))))
    return lines


def _texts(index: int, run: Compared) -> tuple[str, ...]:
    """One run in the order of _HEADS."""
    best = comparing.score_texts(run.best, run.task)
    return (
        f"{sign(index)} {sample(index, _SAMPLE_CELLS)} {cut(visible(run.name), _NAME_CELLS)}",
        tr(run.state),
        best.perplexity,
        best.pseudo_perplexity,
        best.bits_per_character,
        best.step,
        comparing.whole(run.parameters),
        comparing.whole(run.tokens_per_second),
    )


def _settings(settings: Sequence[Row]) -> list[_Line]:
    """A column for each run, under its sign."""
    count = len(settings[0].texts)
    lines = [_Line((tr("settings that differ"), *map(sign, range(count))), ("dim", *STYLES[:count]))]
    for row in settings:
        values = tuple(_shortened(visible(text)) for text in row.texts)
        lines.append(_Line((row.label, *values), ("",) * (count + 1)))
    return lines


def _shortened(text: str) -> str:
    """A value in few cells; of a path its end, in which it differs."""
    return cut(text[::-1], _SETTING_CELLS)[::-1] if "/" in text else cut(text, _SETTING_CELLS)


def _aligned(lines: Sequence[_Line], words: int) -> list[Content]:
    """Columns as wide as what is in them, the first `words` of them flush left."""
    widths = [max(map(cell_len, texts)) for texts in zip(*(line.texts for line in lines), strict=True)]
    return [
        Content(_GAP).join(
            Content.styled(_placed(text, width, left=column < words), style)
            for column, (text, width, style) in enumerate(zip(line.texts, widths, line.styles, strict=True))
        )
        for line in lines
    ]


def _placed(text: str, width: int, *, left: bool) -> str:
    blank = " " * (width - cell_len(text))
    return text + blank if left else blank + text
