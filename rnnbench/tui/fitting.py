"""What is left out first where a line is too short: the middle of a name, the last of some parts; no half words."""

from collections.abc import Sequence

from rnnbench.tui.cells import cell_len, wrap

GAP = "  "
_INDENT = 4  # cells, where a column leaves too little room beside it
_LEAST = 20  # cells beside a column that can be read


def middle_cut(name: str, width: int) -> str:
    """A name in at most `width` cells, its beginning and its end: runs often differ only in their last letters."""
    if cell_len(name) <= width:
        return name
    head, tail = name[:width], name[-width:]
    while cell_len(head) + cell_len(tail) > width - 1 and (head or tail):
        if cell_len(head) >= cell_len(tail):
            head = head[:-1]
        else:
            tail = tail[1:]
    return f"{head}…{tail}" if width > 0 else ""


def as_many(parts: Sequence[str], width: int, gap: str = GAP) -> list[str]:
    """The parts that have room side by side, the first ones before the others; always the first."""
    taken: list[str] = []
    for part in parts:
        if not taken or cell_len(gap.join([*taken, part])) <= width:
            taken.append(part)
    return taken


def hanging(text: str, width: int, column: int) -> list[str]:
    """Lines of at most `width` cells. What stands from `column` on in an indented line stays right of it; where that
    leaves no room to read, it goes on below, a little indented."""
    lines: list[str] = []
    for line in text.split("\n"):
        indent = column if width - column >= _LEAST else _INDENT
        if not line.startswith(GAP) or cell_len(line) <= width:
            lines += wrap(line, width)
        elif indent == column:
            lines += _beside(line[:column], wrap(line[column:], width - column), column)
        else:
            lines += wrap(line[:column].rstrip(), width)
            lines += [" " * indent + each for each in wrap(line[column:].strip(), max(width - indent, 2))]
    return lines


def _beside(label: str, lines: Sequence[str], column: int) -> list[str]:
    """A label with lines to its right."""
    return [(label if place == 0 else " " * column) + line for place, line in enumerate(lines)]
