"""Level lines: in which row each lies, which of them are seen, and how they are named."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnnbench.tui.widgets.legend import Brevity, Piece, rule_text
from rnnbench.tui.widgets.parts import Look, Rule
from rnnbench.tui.widgets.scale import Scale

_NAME_AND_FIGURE = Brevity(decimals=False)


@dataclass(frozen=True)
class RulesIn:
    """The places of rules in a list of them: `rows` those in each row, the last of which is drawn for all; `above` and
    `below` those beyond the ends of the axis. One that has no value is nowhere."""

    rows: dict[int, list[int]]
    above: tuple[int, ...] = ()
    below: tuple[int, ...] = ()


def rules_in(rules: Sequence[Rule], scale: Scale, row_of: Callable[[float], int]) -> RulesIn:
    """Where the rules are on an axis."""
    rows: dict[int, list[int]] = {}
    known = [(index, rule.value) for index, rule in enumerate(rules) if 0 < rule.value < math.inf]
    for index, value in known:
        if scale.low <= value <= scale.high:
            rows.setdefault(row_of(value), []).append(index)
    above = tuple(index for index, value in known if value > scale.high)
    return RulesIn(rows, above, tuple(index for index, value in known if value < scale.low))


def all_seen(rules: Sequence[Rule]) -> RulesIn:
    """Each in a row of its own: before there is an axis, they are all named."""
    return RulesIn({index: [index] for index in range(len(rules))})


def seen_rules(rules: Sequence[Rule], placed: RulesIn, look: Look, brief: Brevity) -> list[Piece]:
    """Every line that is seen, in the order of the rules; those that share a row share its sign: ┄ 5-gram 9, uniform
    9.1."""
    pieces = []
    for indices in sorted(placed.rows.values()):
        first, *others = (rule_text(rules[index], "", brief) for index in indices)
        text = ", ".join([f"{look.rule_mark(indices[-1])} {first}", *others])
        pieces.append((text, rules[indices[-1]].style))
    return pieces


def unseen_rules(rules: Sequence[Rule], placed: RulesIn, look: Look) -> list[Piece]:
    """Those beyond an end of the axis, with an arrow to that end in place of their sign: uniform 74 ↑."""
    up, down = ("^", "v") if look.ascii else ("↑", "↓")
    beyond = sorted([*((index, up) for index in placed.above), *((index, down) for index in placed.below)])
    return [(f"{rule_text(rules[index], '', _NAME_AND_FIGURE)} {arrow}", rules[index].style) for index, arrow in beyond]
