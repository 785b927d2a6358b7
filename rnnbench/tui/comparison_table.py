"""Runs side by side as lines: a line for each with its figures, then a line for each setting that differs."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from rnnbench.runs import comparing
from rnnbench.runs.comparing import UNKNOWN, Compared, Row
from rnnbench.tui.cells import cell_len, cut
from rnnbench.tui.fitting import middle_cut
from rnnbench.tui.widgets.drawing import sample
from rnnbench.tui.widgets.shifted_table import Laid
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
_SAMPLE_CELLS = 5
_NAME_CELLS, _SETTING_CELLS = 40, 40  # where there is room for them
_SHAPES = ((2, _SAMPLE_CELLS, 12), (1, _SAMPLE_CELLS, 12), (1, 3, 6))
"""Cells between columns, cells of a piece of curve, and what a long name is cut to at least: from wide to narrow."""
_VALUE_CELLS = (_SETTING_CELLS, 24, 16, 12, 8)
_SCROLLED = (1, 3, 12)
"""The shape where the last columns have to be scrolled to in any case."""
_LABEL_CELLS = 20  # of a setting, where it is cut
_ARROWS_CELLS = 3
_BEFORE, _BEYOND = "◂", "▸"


@dataclass(frozen=True)
class _Line:
    """The texts of a line and the style of each."""

    texts: tuple[str, ...]
    styles: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """Lines whose columns stand below one another, `gap` cells between them, the first `words` of them flush left."""

    lines: list[_Line]
    words: int
    gap: int

    @property
    def widths(self) -> list[int]:
        """Columns as wide as what is in them."""
        return [max(map(cell_len, texts)) for texts in zip(*(line.texts for line in self.lines), strict=True)]

    @property
    def width(self) -> int:
        """Cells from end to end."""
        return sum(self.widths) + self.gap * (len(self.widths) - 1)


def table(runs: Sequence[Compared], settings: Sequence[Row], room: int, shift: int = 0, *, ascii: bool = False) -> Laid:
    """The whole table in `room` cells, safe to show. A run's line begins with its sign and a piece of its curve: it is
    the legend. Names and settings are cut where the figures need the room; of columns that have none at all, `shift`
    are left out after the first."""
    parts = [_figures(runs, room, ascii=ascii)]
    parts += [_settings(settings, room)] if settings else []
    lines = [_shifted(part, room, shift) for part in parts]
    if not settings and len(runs) > 1:
        lines.append([Content.styled(tr("The runs have the same settings."), "dim")])
    content = Content("\n").join(line for part in lines for line in (Content(""), *part))
    return Laid(content[1:], max(_most_shifted(part, room) for part in parts))


def sign(index: int) -> str:
    """What a run is called on the chart and in the table."""
    return str(index + 1)


def _figures(runs: Sequence[Compared], room: int, *, ascii: bool) -> _Part:
    """A line for each run; in the widest shape that there is room for."""
    longest = max((cell_len(visible(run.name)) for run in runs), default=0)
    for gap, sample_cells, least in _SHAPES:
        part = _Part(_run_lines(runs, sample_cells, 0, ascii=ascii), _WORDS, gap)
        spare = room - part.width + min(part.widths[0] - cell_len(sign(0)) - sample_cells - 2, 0)
        if spare >= min(longest, least):
            break
    else:
        gap, sample_cells, spare = _SCROLLED
    return _Part(_run_lines(runs, sample_cells, min(spare, _NAME_CELLS), ascii=ascii), _WORDS, gap)


def _run_lines(runs: Sequence[Compared], sample_cells: int, name_cells: int, *, ascii: bool) -> list[_Line]:
    rows = [
        _texts(run, f"{sign(index)} {sample(index, sample_cells, ascii=ascii)} ", name_cells)
        for index, run in enumerate(runs)
    ]
    kept = [
        column for column, head in enumerate(_HEADS) if head in _ALWAYS or any(row[column] != UNKNOWN for row in rows)
    ]
    heads = tuple(tr(_HEADS[column]) for column in kept)
    lines = [_Line(heads, ("dim",) * len(heads))]
    for index, row in enumerate(rows):
        lines.append(_Line(tuple(row[column] for column in kept), (STYLES[index], *("",) * (len(kept) - 1))))
    return lines


def _texts(run: Compared, before: str, name_cells: int) -> tuple[str, ...]:
    """One run in the order of _HEADS, with something before its name."""
    best = comparing.score_texts(run.best, run.task)
    return (
        before + middle_cut(visible(run.name), name_cells),
        tr(run.state),
        best.perplexity,
        best.pseudo_perplexity,
        best.bits_per_character,
        best.step,
        comparing.whole(run.parameters),
        comparing.whole(run.tokens_per_second),
    )


def _settings(settings: Sequence[Row], room: int) -> _Part:
    """A column for each run, under its sign; labels and values are cut as much as they must be."""
    longest = max(cell_len(row.label) for row in settings)
    for label_cells, gap in ((longest, 2), (_LABEL_CELLS, 2), (_LABEL_CELLS, 1)):
        for cells in _VALUE_CELLS:
            part = _Part(_setting_lines(settings, label_cells, cells), len(settings[0].texts) + 1, gap)
            if part.width <= room:
                return part
    return part


def _setting_lines(settings: Sequence[Row], label_cells: int, cells: int) -> list[_Line]:
    count = len(settings[0].texts)
    head = cut(tr("settings that differ"), max(label_cells, _LABEL_CELLS))
    lines = [_Line((head, *map(sign, range(count))), ("dim", *STYLES[:count]))]
    for row in settings:
        values = tuple(_shortened(visible(text), cells) for text in row.texts)
        lines.append(_Line((_its_end(row.label, label_cells), *values), ("",) * (count + 1)))
    return lines


def _shortened(text: str, cells: int) -> str:
    """A value in few cells; of a path its end, in which it differs. A number is never cut: it would be another."""
    if text.replace(".", "").replace("-", "").isalnum() and text[-1:].isdigit() and len(text) <= _LABEL_CELLS:
        return text
    return _its_end(text, cells) if "/" in text else cut(text, cells)


def _its_end(text: str, cells: int) -> str:
    return cut(text[::-1], cells)[::-1]


def _most_shifted(part: _Part, room: int) -> int:
    """How many columns after the first are left out until the last one can be seen."""
    if part.width <= room:
        return 0
    first, *later = part.widths
    left = room - _ARROWS_CELLS - first
    for count, width in enumerate(reversed(later)):
        left -= width + part.gap
        if left < 0:
            return min(len(later) - count, len(later) - 1)
    return 0


def _shifted(part: _Part, room: int, shift: int) -> list[Content]:
    """The lines, with those columns that there is room for; arrows in the first line where there are others."""
    widths = part.widths
    shift = min(shift, _most_shifted(part, room))
    left = room - (_ARROWS_CELLS if part.width > room else 0) - widths[0]
    shown = [0]
    for column in range(1 + shift, len(widths)):
        left -= widths[column] + part.gap
        if left < 0 and len(shown) > 1:
            break
        shown.append(column)
    arrows = (_BEFORE if shift else "") + (_BEYOND if shown[-1] < len(widths) - 1 else "")
    lines = [_line(part, line, shown, widths) for line in part.lines]
    return [lines[0] + Content.styled(f" {arrows}", "bold"), *lines[1:]] if arrows else lines


def _line(part: _Part, line: _Line, shown: Sequence[int], widths: Sequence[int]) -> Content:
    return Content(" " * part.gap).join(
        Content.styled(_placed(line.texts[column], widths[column], left=column < part.words), line.styles[column])
        for column in shown
    )


def _placed(text: str, width: int, *, left: bool) -> str:
    blank = " " * (width - cell_len(text))
    return text + blank if left else blank + text
