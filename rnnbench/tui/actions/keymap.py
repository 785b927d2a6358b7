"""Which keys the actions have: those of the registry, and in their place those that the user chose.

A choice that cannot be is told in a sentence, and the action keeps the keys it has.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, REPLACED_KEYS, Keys, key_to_character

from rnnbench.tui.actions.kinds import PLACES, Action, key_names
from rnnbench.tui.actions.registry import ACTIONS, actions_for, by_id
from rnnbench.tui.words import tr, use_keys
from rnnbench.visible import visible

_MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta")
_NAMED = {key.value for key in Keys} | set(REPLACED_KEYS) | {f"f{number}" for number in range(1, 25)}
_SAME = {"?": "question_mark", "esc": "escape", "ctrl+m": "enter", "ctrl+i": "tab", "return": "enter"}
_LONGEST = 60


@dataclass(frozen=True)
class KeyMap:
    """The keys of every action. `chosen` are those of the user, by the id of the action; `problems` tell in words
    which of the user's choices were not taken. `map[id]` is the first key of the action of that id, as a person reads
    it."""

    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def __getitem__(self, id: str) -> str:
        return key_names(self.keys(by_id(id))[:1])

    def keys(self, action: Action) -> tuple[str, ...]:
        """The keys that do the action now."""
        return self.chosen.get(action.id, action.keys)

    def text(self, action: Action) -> str:
        """Those keys as a person reads them."""
        return key_names(self.keys(action))

    def gives_way(self, call: str, state: str, places: tuple[str, ...]) -> bool:
        """Whether another action on the same key makes sense in the places with a run in that state, and this does
        not."""
        here = list(actions_for(*places))
        mine = [action for action in here if action.call == call and not action.applies(state)]
        rivals = [action for action in here if action.states and action.applies(state)]
        return any(set(self.keys(action)) & set(self.keys(rival)) for action in mine for rival in rivals)

    def for_bindings(self) -> dict[str, str]:
        """The map that Textual's `App.set_keymap` takes: keys with commas between them, by the id of the binding.

        Textual takes a key away from every binding that had it when one of them gets another, so those that shared a
        key with a changed action are named as well, and so on.
        """
        moved = set(self.chosen)
        while moved:
            touched = {key for id in moved for key in (*by_id(id).keys, *self.keys(by_id(id)))}
            more = {action.id for action in ACTIONS if not action.built_in and touched & set(action.keys)}
            if more <= moved:
                break
            moved |= more
        return {id: ",".join(self.keys(by_id(id))) for id in sorted(moved)}


DEFAULT_KEYS = KeyMap()
use_keys(DEFAULT_KEYS)


def key_map_of(node: DOMNode) -> KeyMap:
    """The keys of the workbench that a widget is in; the registry's in any other app."""
    found = getattr(node.app, "key_map", DEFAULT_KEYS)
    return found if isinstance(found, KeyMap) else DEFAULT_KEYS


def read_key_map(wanted: Mapping[str, str]) -> KeyMap:
    """The user's keys by the id of the action, such as {"save": "ctrl+s f5"}, as far as they can be."""
    chosen: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for id, text in wanted.items():
        problem = _fault(id, text)
        if problem:
            problems.append(problem)
        else:
            chosen[id] = tuple(dict.fromkeys(key for key in map(parse_key, text.split()) if key))
    while clash := next(_clashes(KeyMap(chosen)), None):
        place, key, kept, given_up = clash
        del chosen[given_up.id]
        problems.append(
            tr(
                "[keys] {id}: {key} is already {other} in {place}; the key stays {default}",
                id=given_up.id,
                key=key_names([key]),
                other=kept.id,
                place=place,
                default=given_up.key_text,
            )
        )
    return KeyMap(chosen, tuple(problems))


def _fault(id: str, text: str) -> str:
    """What is wrong with a choice by itself; empty when nothing is."""
    shown, action = visible(id, limit=_LONGEST), next((action for action in ACTIONS if action.id == id), None)
    if action is None:
        return tr("[keys] {id}: there is no such action; `rnnbench config keys` lists them", id=shown)
    if action.built_in:
        return tr("[keys] {id}: its keys belong to what has the focus and cannot be changed", id=shown)
    wrong = next((key for key in text.split() if parse_key(key) is None), None)
    if wrong is None and text.split():
        return ""
    return tr(
        "[keys] {id}: {key} is not a key; write it like t, ?, f5, ctrl+t; the key stays {default}",
        id=shown,
        key=repr(visible(wrong or text, limit=_LONGEST)),
        default=action.key_text,
    )


def parse_key(text: str) -> str | None:
    """The name that Textual has for a key written by a person, such as t, ?, f5, ctrl+t; None when there is none."""
    text = _SAME.get(text.lower() if len(text) > 1 else text, text)
    *modifiers, last = text.split("+") if len(text) > 1 else [text]
    name = _name_of(last)
    if name is None or any(part.lower() not in _MODIFIERS for part in modifiers):
        return None
    if not modifiers:
        return name
    joined = "+".join([*(part.lower() for part in modifiers), name.lower()])
    return _SAME.get(joined, joined)


def _name_of(text: str) -> str | None:
    """The name of a key without modifiers."""
    if len(text) == 1:
        return _character_name(text) if text.isprintable() and not text.isspace() else None
    lower = text.lower()
    if lower in _NAMED:
        return lower
    return lower if re.fullmatch(r"[a-z_]+", lower) and key_to_character(lower) else None


def _character_name(character: str) -> str | None:
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return character if character.isalnum() else KEY_NAME_REPLACEMENTS.get(name, name) or None


def _clashes(keys: KeyMap) -> Iterator[tuple[str, str, Action, Action]]:
    """Two actions of one place on one key that can both make sense: the place, the key, the one that keeps it, and the
    one whose choice has to be given up."""
    for place in PLACES:
        for one, other in combinations(actions_for(place), 2):
            shared = set(keys.keys(one)) & set(keys.keys(other))
            if shared and not apart(one, other):
                if other.id in keys.chosen:
                    yield place, min(shared), one, other
                elif one.id in keys.chosen:
                    yield place, min(shared), other, one


def apart(one: Action, other: Action) -> bool:
    """Whether two actions never make sense at the same time, or each is done only by the widget that has the focus."""
    if one.built_in and other.built_in:
        return True
    return bool(one.states and other.states) and not set(one.states) & set(other.states)
