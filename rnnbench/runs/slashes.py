"""The language of talking to a model, line by line: a line is a prompt, or a /command that changes a setting."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from rnnbench import storage
from rnnbench.runs.asking import Unknown, asking

_ABOUT = {
    "language_model": "Text is a prompt: the model writes on from it.",
    "cloze": "Text with a _ for each missing token: the model fills them, and says how probable each filling is.",
    "seq2seq": "A line is answered.",
}
_SLASHES = "A prompt that begins with / is written with //."
_WORKBENCH = """\
  /copy  /save         the last text, to the clipboard or into the run's folder
  /clear  /help        Esc stops the writing, up and down recall what was entered"""
ACTIONS = ("copy", "save", "clear", "help")
_ON_OFF = {"on": True, "off": False}
_LONGEST = 100_000
_MOST = 1000


class BadValue(ValueError):
    """A command's value cannot be used; the message says which can."""


@dataclass(frozen=True)
class SampleRequest:
    """What to write: after which prompt, how long, how daring. Without a seed the process draws one.

    Only what means something to the `task` of the run is sent, and nothing that is None.
    """

    prompt: str
    length: int = 200
    temperature: float = 0.8
    top_k: int = 0
    greedy: bool = False
    seed: int | None = None
    checkpoint: str = "best"
    count: int | None = None
    beam: int | None = None
    like_source: bool = False
    task: str = "language_model"
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram: int | None = None
    length_penalty: float | None = None
    stop: tuple[str, ...] | None = None
    banned: tuple[str, ...] | None = None
    unknown: Unknown | None = None

    def record(self) -> dict[str, Any]:
        """The request as it is sent."""
        sent = ("prompt", "checkpoint", *asking(self.task).options)
        return {key: value for key, value in asdict(self).items() if key in sent and value is not None}


@dataclass(frozen=True)
class Reply:
    """What a line asks for: an action, a request for text, or a change of settings; and what to say about it."""

    settings: SampleRequest
    message: str = ""
    wrong: bool = False
    action: str = ""
    prompt: str | None = None


def read_line(line: str, settings: SampleRequest, actions: Sequence[str] = ACTIONS) -> Reply:
    """Understand one line, where these actions are possible."""
    if not line.startswith("/") or line.startswith("//"):
        prompt = line.removeprefix("/") if line.startswith("//") else line
        return Reply(settings, prompt=prompt)
    name, _, value = line[1:].strip().partition(" ")
    if name in actions and not value.strip():
        return Reply(settings, action=name)
    if name == "fill" and settings.task == "cloze":
        return Reply(settings, prompt=value)
    if name not in _COMMANDS:
        return Reply(settings, f"unknown command /{name}; /help lists them", wrong=True)
    if not _fits(_COMMANDS[name].option, settings.task):
        return Reply(settings, _means_nothing(name, settings.task), wrong=True)
    return _set(name, value.strip(), settings)


def save_text(folder: Path, text: str) -> Path:
    """Keep a text as a file of its own in a folder; where it is. Raises RnnbenchError when it cannot be written."""
    storage.make_folder(folder)
    path = next(path for number in count(1) if not (path := folder / f"sample-{number}.txt").exists())
    storage.write_file(path, text.encode("utf-8", "replace") + b"\n")
    return path


def help_text(task: str, others: str = _WORKBENCH) -> str:
    """The language, as far as it means something to a run of the task; `others` are the lines of the actions."""
    lines = [f"  {command.about}" for command in _COMMANDS.values() if _fits(command.option, task)]
    return "\n".join([f"{_ABOUT[task]} {_SLASHES}", *lines, others])


def describe(settings: SampleRequest) -> str:
    """The settings in one line, as far as they mean something to the task."""
    refuse = "  unknown refuse" if settings.unknown == "refuse" else ""
    if settings.task == "cloze":
        return f"count {settings.count or 'free'}  ckpt {settings.checkpoint}{refuse}"
    if settings.task == "seq2seq":
        like = "  as long as the line" if settings.like_source else ""
        width = f"beam {settings.beam or 1}  count {settings.count or 1}{like}"
        return f"{width}{_described(settings, ('penalty',))}  ckpt {settings.checkpoint}{refuse}"
    if (settings.beam or 1) > 1:
        how = f"beam {settings.beam}{_described(settings, ('penalty', 'stop', 'ban'))}  len {settings.length}"
        return f"{how}  ckpt {settings.checkpoint}{refuse}"
    seed = "free" if settings.seed is None else settings.seed
    how = "greedy" if settings.greedy else f"temp {settings.temperature:g}  topk {settings.top_k or 'off'}"
    how += _described(settings, ("topp", "minp", "typical", "rep", "ngram", "stop", "ban"))
    return f"{how}  len {settings.length}  seed {seed}  ckpt {settings.checkpoint}{refuse}"


def _described(settings: SampleRequest, names: Sequence[str]) -> str:
    """Those of the settings that are not off."""
    values = [(name, getattr(settings, _COMMANDS[name].option)) for name in names]
    return "".join(f"  {name} {_shown(value)}" for name, value in values if value is not None)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(repr(text) for text in value)
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _fits(option: str, task: str) -> bool:
    """Whether a request to a run of the task may hold an option; a language model is asked for one text at a time."""
    if task == "language_model" and option == "count":
        return False
    return option == "checkpoint" or option in asking(task).options


def _means_nothing(name: str, task: str) -> str:
    return f"/{name} means nothing to a {task} run, which {asking(task).does}; /help lists what does"


def _set(name: str, value: str, settings: SampleRequest) -> Reply:
    if not value:
        return Reply(settings, describe(settings))
    command = _COMMANDS[name]
    try:
        changed = replace(settings, **{command.option: command.read(settings, value)})
    except BadValue as error:
        return Reply(settings, f"/{name} {value}: {error}", wrong=True)
    if name == "temp":
        changed = replace(changed, greedy=False)
    return Reply(changed, describe(changed))


# -- values --------------------------------------------------------------------------------------------------------

_Read = Callable[[SampleRequest, str], Any]


def _whole(least: int, most: int, *, off: Any = BadValue) -> _Read:
    """Reads a whole number; `off` gives another value where there is one."""

    def read(_: SampleRequest, value: str) -> Any:
        if value == "off" and off is not BadValue:
            return off
        if not value.isascii() or not value.isdigit() or not least <= int(value[:20]) <= most:
            raise BadValue(
                f"give a whole number from {least} to {most:,}" + (", or off" if off is not BadValue else "")
            )
        return int(value)

    return read


def _number(most: float, *, zero: bool = False, off: bool = True) -> _Read:
    """Reads a number above 0, or from 0 on; off gives None."""

    def read(_: SampleRequest, value: str) -> float | None:
        if off and value == "off":
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (0 < number <= most or (zero and number == 0)):
            least = "a number from 0" if zero else "a number above 0"
            raise BadValue(f"give {least}, at most {most:g}" + (", or off" if off else ""))
        return number

    return read


def _one_of(*choices: str) -> _Read:
    def read(_: SampleRequest, value: str) -> str:
        if value not in choices:
            raise BadValue(f"give {' or '.join(choices)}")
        return value

    return read


def _on_or_off(_: SampleRequest, value: str) -> bool:
    if value not in _ON_OFF:
        raise BadValue("give on or off")
    return _ON_OFF[value]


def _texts(option: str) -> _Read:
    """Adds one text to those that are there; off forgets them. \\n is a line end, and "..." keeps spaces."""

    def read(settings: SampleRequest, value: str) -> tuple[str, ...] | None:
        if value == "off":
            return None
        text = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        text = text.replace("\\n", "\n").replace("\\t", "\t")
        if not text:
            raise BadValue("give a text, or off")
        return tuple(dict.fromkeys([*(getattr(settings, option) or ()), text]))

    return read


def _checkpoint(settings: SampleRequest, value: str) -> str:
    if value in ("best", "last"):
        return value
    try:
        return str(_whole(0, 10**12)(settings, value))
    except BadValue:
        raise BadValue("give best, last or the step of a checkpoint") from None


@dataclass(frozen=True)
class _Command:
    """A command that changes a setting: the name it has in a request, a line of help, and how its value is read."""

    option: str
    about: str
    read: _Read


_COMMANDS = {
    "temp": _Command(
        "temperature",
        "/temp 0.8            daring: near 0 always the likeliest symbol, above 1 wilder",
        _number(100, off=False),
    ),
    "topk": _Command(
        "top_k", "/topk 40             choose among the 40 likeliest symbols; 0 for all", _whole(0, 1 << 20, off=0)
    ),
    "topp": _Command(
        "top_p", "/topp 0.9            choose among the fewest that reach this share together", _number(1)
    ),
    "minp": _Command(
        "min_p",
        "/minp 0.05           leave out what is less than this times as likely as the best",
        _number(1, zero=True),
    ),
    "typical": _Command(
        "typical_p", "/typical 0.9         the share, of those nearest to the expected surprise", _number(1)
    ),
    "rep": _Command("repetition_penalty", "/rep 1.2             above 1: what was there is less likely", _number(10)),
    "ngram": _Command(
        "no_repeat_ngram", "/ngram 4             no sequence of so many symbols twice", _whole(0, 64, off=None)
    ),
    "len": _Command("length", "/len 200             how many symbols to write", _whole(1, _LONGEST)),
    "stop": _Command(
        "stop", '/stop "\\n\\n"         end before this text; again for more, off for none', _texts("stop")
    ),
    "ban": _Command("banned", "/ban x               a symbol that is never written; off for none", _texts("banned")),
    "seed": _Command("seed", "/seed 7   /seed off  the same seed writes the same text", _whole(0, 2**31 - 1, off=None)),
    "greedy": _Command("greedy", "/greedy on           always the likeliest symbol", _on_or_off),
    "count": _Command("count", "/count 5             how many fillings or answers to show", _whole(1, _MOST)),
    "beam": _Command(
        "beam", "/beam 4              look for the likeliest text, keeping 4 on the way; 1 for none", _whole(1, _MOST)
    ),
    "penalty": _Command(
        "length_penalty", "/penalty 0.7         a beam ranks by log p / length ** 0.7", _number(10, zero=True)
    ),
    "like": _Command("like_source", "/like on             answer with as many symbols as the line has", _on_or_off),
    "unknown": _Command(
        "unknown",
        "/unknown refuse      a prompt with unknown symbols is an error; replace reads them as <unk>",
        _one_of("replace", "refuse"),
    ),
    "ckpt": _Command("checkpoint", "/ckpt best|last|600  which checkpoint is asked", _checkpoint),
}
