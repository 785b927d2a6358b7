"""The language of the generate pane: a line is a prompt, or a /command that changes a setting."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rnnbench.tui.sampler import SampleRequest

HELP = """\
Text is a prompt: the model writes on from it. A prompt that begins with / is written with //.
  /temp 0.8            daring: near 0 always the likeliest symbol, above 1 wilder
  /topk 40             choose among the 40 likeliest symbols; 0 for all
  /len 200             how many symbols to write
  /seed 7   /seed off  the same seed writes the same text
  /greedy on           always the likeliest symbol
  /ckpt best|last|600  which checkpoint writes
  /copy  /save         the last text, to the clipboard or into the run's folder
  /clear  /help        Esc stops the writing, up and down recall what was entered"""

ACTIONS = ("copy", "save", "clear", "help")
_ON_OFF = {"on": True, "off": False}
_LONGEST = 100_000


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
    if name not in _SETTERS:
        return Reply(settings, f"unknown command /{name}; /help lists them", wrong=True)
    return _set(name, value.strip(), settings)


def _set(name: str, value: str, settings: SampleRequest) -> Reply:
    if not value:
        return Reply(settings, describe(settings))
    try:
        changed = _SETTERS[name](settings, value)
    except BadValue as error:
        return Reply(settings, f"/{name} {value}: {error}", wrong=True)
    return Reply(changed, describe(changed))


def describe(settings: SampleRequest) -> str:
    """The settings in one line."""
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


def _greedy(settings: SampleRequest, value: str) -> SampleRequest:
    if value not in _ON_OFF:
        raise BadValue("give on or off")
    return replace(settings, greedy=_ON_OFF[value])


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
    "ckpt": _checkpoint,
}
