"""What an action of the workbench is, and where it can belong."""

from collections.abc import Iterable
from dataclasses import dataclass

from textual.keys import REPLACED_KEYS, key_to_character

from rnnbench.runs.store import CRASHED, FAILED, STOPPED

WORKBENCH, RUNS, COMPARE, INSPECT = "workbench", "runs", "compare", "inspect"
MACHINE, QUEUE = "machine", "queue"
SCREENS = (WORKBENCH, RUNS, COMPARE, INSPECT, MACHINE, QUEUE)
CORPORA, MODEL, TRAINING, GENERATE = "corpora", "model", "training", "generate"
PANES = (CORPORA, MODEL, TRAINING, GENERATE)
CONFIRM, COMMAND, HELP, SETTINGS, SAMPLES = "confirm", "command", "help", "settings", "samples"
TOGETHER, THEMES, CHOICES = "together", "themes", "choices"
JUMP = "jump"
CATALOGUE, FILES, LOAD, FIELDS = "catalogue", "files", "load", "fields"
ENTRY, EXPORT = "entry", "export"
BESIDE = "beside"
DIALOGS = (
    *(CONFIRM, COMMAND, HELP, SETTINGS, SAMPLES, TOGETHER, THEMES, JUMP, CATALOGUE, FILES, LOAD, FIELDS),
    *(ENTRY, EXPORT, BESIDE, CHOICES),
)
PLACES = (*SCREENS, *PANES, *DIALOGS)
BROKEN_OFF = (STOPPED, FAILED, CRASHED)
FOOTER, BUILT_IN, IN_FIELD, WRITES = "footer", "built in", "in a field", "writes"


@dataclass(frozen=True)
class Action:
    """Something the user can do. `where` are the screens, panes and dialogs it belongs to, `call` what runs it,
    `states` those of the run in which it makes sense; none means always. Two actions that never make sense at the
    same time may share a key.

    A `built_in` action is done by the widget that has the focus; it is listed here to be documented. An `in_field`
    action can be called while a text field has the focus. One that `writes` starts, steers, changes or deletes
    something; a read-only workbench refuses it.
    """

    id: str
    keys: tuple[str, ...]
    title: str
    help: str
    where: tuple[str, ...]
    footer: bool
    built_in: bool
    in_field: bool
    call: str
    states: tuple[str, ...] = ()
    writes: bool = False

    def applies(self, state: str) -> bool:
        """Whether it makes sense with a run in that state."""
        return not self.states or state in self.states

    @property
    def key_text(self) -> str:
        """The keys it has by itself, as a person reads them."""
        return key_names(self.keys)


_KEY_NAMES = {"escape": "esc", "left": "←", "right": "→", "up": "↑", "down": "↓"}
_KEY_NAMES |= {f"f{number}": f"F{number}" for number in range(1, 13)}


def key_names(keys: Iterable[str]) -> str:
    """Keys as a person reads them: ? for question_mark, ^p for ctrl+p."""
    return " ".join(_key_name(key) for key in keys)


def _key_name(key: str) -> str:
    modifiers, plus, last = key.rpartition("+")
    sign = key_to_character(REPLACED_KEYS.get(last, last)) or ""
    name = _KEY_NAMES.get(last) or (sign if sign.isprintable() and sign.strip() else last)
    return f"^{name}" if modifiers == "ctrl" and len(name) == 1 else f"{modifiers}{plus}{name}"


def act(id: str, keys: str, title: str, help: str, *marks: str, call: str = "", states: tuple[str, ...] = ()) -> Action:
    """An action; the marks are its places and what is special about it."""
    where = tuple(mark for mark in marks if mark in PLACES)
    return Action(
        id,
        tuple(keys.split()),
        title,
        help,
        where,
        FOOTER in marks,
        BUILT_IN in marks,
        IN_FIELD in marks,
        call or id,
        states,
        WRITES in marks,
    )
