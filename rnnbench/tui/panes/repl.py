"""The language of the generate pane: a line is a prompt, or a /command that changes a setting."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rnnbench.runs.asking import asking
from rnnbench.tui.sampler import SampleRequest

_ABOUT = {
    "language_model": "Text is a prompt: the model writes on from it.",
    "cloze": "Text with a _ for each missing token: the model fills them, and says how probable each filling is.",
    "seq2seq": "A line is answered.",
}
_SLASHES = "A prompt that begins with / is written with //."
_SETTINGS = {
    "temp": ("temperature", "/temp 0.8            daring: near 0 always the likeliest symbol, above 1 wilder"),
    "topk": ("top_k", "/topk 40             choose among the 40 likeliest symbols; 0 for all"),
    "len": ("length", "/len 200             how many symbols to write"),
    "seed": ("seed", "/seed 7   /seed off  the same seed writes the same text"),
    "greedy": ("greedy", "/greedy on           always the likeliest symbol"),
    "count": ("count", "/count 5             how many fillings or answers to show"),
    "beam": ("beam", "/beam 4              answers kept while the best is looked for"),
    "like": ("like_source", "/like on             answer with as many symbols as the line has"),
    "ckpt": ("checkpoint", "/ckpt best|last|600  which checkpoint is asked"),
}
"""The commands that change a setting: the name it has in a request, and a line of help."""
_OTHERS = """\
  /copy  /save         the last text, to the clipboard or into the run's folder
  /clear  /help        Esc stops the writing, up and down recall what was entered"""


def help_text(task: str) -> str:
    """The language, as far as it means something to a run of the task."""
    lines = [f"  {line}" for option, line in _SETTINGS.values() if _fits(option, task)]
    return "\n".join([f"{_ABOUT[task]} {_SLASHES}", *lines, _OTHERS])


def _fits(option: str, task: str) -> bool:
    """Whether a request to a run of the task may hold an option; a language model is asked for one text at a time."""
    if task == "language_model" and option == "count":
        return False
    return option == "checkpoint" or option in asking(task).options


ACTIONS = ("copy", "save", "clear", "help")
_ON_OFF = {"on": True, "off": False}
_LONGEST = 100_000
_MOST = 1000


class BadValue(ValueError):
    """A command's value cannot be used; the message says which can."""


@dataclass(frozen=True)
class Reply:
    """What a line asks for: one of ACTIONS, a request for text, or a change of settings; and what to say about it."""

    settings: SampleRequest
    message: str = ""
    wrong: bool = False
    action: str = ""
    prompt: str | None = None


def read_line(line: str, settings: SampleRequest) -> Reply:
    """Understand one line."""
    if not line.startswith("/") or line.startswith("//"):
        prompt = line.removeprefix("/") if line.startswith("//") else line
        return Reply(settings, prompt=prompt)
    name, _, value = line[1:].strip().partition(" ")
    if name in ACTIONS and not value.strip():
        return Reply(settings, action=name)
    if name == "fill" and settings.task == "cloze":
        return Reply(settings, prompt=value)
    if name not in _SETTERS:
        return Reply(settings, f"unknown command /{name}; /help lists them", wrong=True)
    if not _fits(_SETTINGS[name][0], settings.task):
        return Reply(settings, _means_nothing(name, settings.task), wrong=True)
    return _set(name, value.strip(), settings)


def _means_nothing(name: str, task: str) -> str:
    return f"/{name} means nothing to a {task} run, which {asking(task).does}; /help lists what does"


def _set(name: str, value: str, settings: SampleRequest) -> Reply:
    if not value:
        return Reply(settings, describe(settings))
    try:
        changed = _SETTERS[name](settings, value)
    except BadValue as error:
        return Reply(settings, f"/{name} {value}: {error}", wrong=True)
    return Reply(changed, describe(changed))


def describe(settings: SampleRequest) -> str:
    """The settings in one line, as far as they mean something to the task."""
    if settings.task == "cloze":
        return f"count {settings.count or 'free'}  ckpt {settings.checkpoint}"
    if settings.task == "seq2seq":
        like = "  as long as the line" if settings.like_source else ""
        return f"beam {settings.beam}  count {settings.count or 1}{like}  ckpt {settings.checkpoint}"
    seed = "free" if settings.seed is None else settings.seed
    how = "greedy" if settings.greedy else f"temp {settings.temperature:g}  topk {settings.top_k or 'off'}"
    return f"{how}  len {settings.length}  seed {seed}  ckpt {settings.checkpoint}"


def _whole(value: str, least: int, most: int) -> int:
    if not value.isascii() or not value.isdigit() or not least <= int(value[:12]) <= most:
        raise BadValue(f"give a whole number from {least} to {most:,}")
    return int(value)


def _temperature(settings: SampleRequest, value: str) -> SampleRequest:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number <= 100:
        raise BadValue("give a number above 0, at most 100")
    return replace(settings, temperature=number, greedy=False)


def _top_k(settings: SampleRequest, value: str) -> SampleRequest:
    return replace(settings, top_k=0 if value == "off" else _whole(value, 0, 1 << 20))


def _length(settings: SampleRequest, value: str) -> SampleRequest:
    return replace(settings, length=_whole(value, 1, _LONGEST))


def _seed(settings: SampleRequest, value: str) -> SampleRequest:
    return replace(settings, seed=None if value == "off" else _whole(value, 0, 2**31 - 1))


def _count(settings: SampleRequest, value: str) -> SampleRequest:
    return replace(settings, count=_whole(value, 1, _MOST))


def _beam(settings: SampleRequest, value: str) -> SampleRequest:
    return replace(settings, beam=_whole(value, 1, _MOST))


def _like(settings: SampleRequest, value: str) -> SampleRequest:
    return replace(settings, like_source=_on_or_off(value))


def _on_or_off(value: str) -> bool:
    if value not in _ON_OFF:
        raise BadValue("give on or off")
    return _ON_OFF[value]


def _greedy(settings: SampleRequest, value: str) -> SampleRequest:
    return replace(settings, greedy=_on_or_off(value))


def _checkpoint(settings: SampleRequest, value: str) -> SampleRequest:
    if value not in ("best", "last"):
        _step(value)
    return replace(settings, checkpoint=value)


def _step(value: str) -> int:
    try:
        return _whole(value, 0, 10**12)
    except BadValue:
        raise BadValue("give best, last or the step of a checkpoint") from None


_SETTERS: dict[str, Callable[[SampleRequest, str], SampleRequest]] = {
    "temp": _temperature,
    "topk": _top_k,
    "len": _length,
    "seed": _seed,
    "greedy": _greedy,
    "count": _count,
    "beam": _beam,
    "like": _like,
    "ckpt": _checkpoint,
}
