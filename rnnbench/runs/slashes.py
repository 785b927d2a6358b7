"""The language of talking to a model, line by line: a line is a prompt, or a /command that changes a setting."""

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from rnnbench import storage
from rnnbench.runs import slash_values as values
from rnnbench.runs.asking import Unknown, asking
from rnnbench.runs.slash_values import BadValue, NoveltyWish, Read

_ABOUT = {
    "language_model": "Text is a prompt: the model writes on from it.",
    "cloze": "Text with a _ for each missing token: the model fills them, and says how probable each filling is.",
    "seq2seq": "A line is answered.",
}
HELP_COLUMN = 23  # where the meaning of a command begins in a line of help
_SLASHES = "A prompt that begins with / is written with //."
_WORKBENCH = """\
  /ckpt                lists the checkpoints that are there
  /run NAME            talks to another run; /run alone goes back to the open one
  /compare RUN ...     prompts go to this run and the others; best, last and steps are checkpoints, also as RUN@best
  /compare off         ends that
  /copy  /save         the last text, to the clipboard or into the run's folder
  /clear  /help        Esc stops the writing, up and down recall what was entered"""
ACTIONS = ("copy", "save", "clear", "help", "run", "compare", "ckpt")
_WITH_VALUE = ("run", "compare")
_WITHOUT = {"greedy": "on", "like": "on"}
"""What a command means that is written without a value; others tell the settings then."""
_FILL = "fill"
_FILL_ABOUT = "/fill 我有__剑       fills each _, as a prompt does"
_LONGEST = 100_000
_MOST = 1000
_NAMED = 40  # characters of what is no command that are said again


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
    novelty: NoveltyWish | None = None

    def record(self) -> dict[str, Any]:
        """The request as it is sent."""
        sent = ("prompt", "checkpoint", *asking(self.task).options)
        return {key: value for key, value in asdict(self).items() if key in sent and value is not None}


@dataclass(frozen=True)
class Reply:
    """What a line asks for: an action and its words, a request for text, or a change of settings; and what to say."""

    settings: SampleRequest
    message: str = ""
    wrong: bool = False
    action: str = ""
    words: str = ""
    prompt: str | None = None


def read_line(line: str, settings: SampleRequest, actions: Sequence[str] = ACTIONS) -> Reply:
    """Understand one line, where these actions are possible."""
    if not line.startswith("/") or line.startswith("//"):
        prompt = line.removeprefix("/") if line.startswith("//") else line
        return Reply(settings, prompt=prompt)
    name, _, value = line[1:].strip().partition(" ")
    value = value.strip()
    if name in actions and (not value or name in _WITH_VALUE):
        return Reply(settings, action=name, words=value)
    if name == _FILL:
        return _fill(value, settings)
    if name not in _COMMANDS:
        return Reply(settings, f"unknown command /{name[:_NAMED]}{_nearest(name, settings, actions)}", wrong=True)
    if not _fits(_COMMANDS[name].option, settings.task):
        return Reply(settings, _means_nothing(name, settings.task), wrong=True)
    return _set(name, value, settings)


def _fill(text: str, settings: SampleRequest) -> Reply:
    """A text with blanks, for those that can fill them."""
    if settings.task != "cloze":
        return Reply(settings, f"{_means_nothing(_FILL, settings.task)}; only a cloze run fills blanks", wrong=True)
    if "_" not in text:
        return Reply(settings, "/fill: give a text with a _ for each missing token", wrong=True)
    return Reply(settings, prompt=text)


def _nearest(name: str, settings: SampleRequest, actions: Sequence[str]) -> str:
    """The command that was probably meant."""
    fitting = [known for known, command in _COMMANDS.items() if _fits(command.option, settings.task)]
    close = difflib.get_close_matches(name.lower()[:_NAMED], [*actions, _FILL, *fitting], n=1)
    return f": did you mean /{close[0]}? /help lists them" if close else "; /help lists them"


def save_text(folder: Path, text: str) -> Path:
    """Keep a text as a file of its own in a folder; where it is. Raises RnnbenchError when it cannot be written."""
    storage.make_folder(folder)
    path = next(path for number in count(1) if not (path := folder / f"sample-{number}.txt").exists())
    storage.write_file(path, text.encode("utf-8", "replace") + b"\n")
    return path


def help_text(task: str, others: str = _WORKBENCH) -> str:
    """The language, as far as it means something to a run of the task; `others` are the lines of the actions."""
    lines = [f"  {_FILL_ABOUT}"] if task == "cloze" else []
    lines += [f"  {command.about}" for command in _COMMANDS.values() if _fits(command.option, task)]
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
    if isinstance(settings.novelty, bool):
        refuse += f"  novelty {'on' if settings.novelty else 'off'}"
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
    value = value or _WITHOUT.get(name, "")
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


# -- commands -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Command:
    """A command that changes a setting: the name it has in a request, a line of help, and how its value is read."""

    option: str
    about: str
    read: Read


_COMMANDS = {
    "temp": _Command(
        "temperature",
        "/temp 0.8            daring: near 0 always the likeliest symbol, above 1 wilder",
        values.number(100, off=False),
    ),
    "topk": _Command(
        "top_k",
        "/topk 40             choose among the 40 likeliest symbols; 0 for all",
        values.whole(0, 1 << 20, off=0),
    ),
    "topp": _Command(
        "top_p", "/topp 0.9            choose among the fewest that reach this share together", values.number(1)
    ),
    "minp": _Command(
        "min_p",
        "/minp 0.05           leave out what is less than this times as likely as the best",
        values.number(1, zero=True),
    ),
    "typical": _Command(
        "typical_p", "/typical 0.9         the share, of those nearest to the expected surprise", values.number(1)
    ),
    "rep": _Command(
        "repetition_penalty", "/rep 1.2             above 1: what was there is less likely", values.number(10)
    ),
    "ngram": _Command(
        "no_repeat_ngram", "/ngram 4             no sequence of so many symbols twice", values.whole(0, 64, off=None)
    ),
    "len": _Command("length", "/len 200             how many symbols to write", values.whole(1, _LONGEST)),
    "stop": _Command(
        "stop", '/stop "\\n\\n"         end before this text; again for more, off for none', values.texts("stop")
    ),
    "ban": _Command(
        "banned", "/ban x               a symbol that is never written; off for none", values.texts("banned")
    ),
    "seed": _Command(
        "seed", "/seed 7   /seed off  the same seed writes the same text", values.whole(0, 2**31 - 1, off=None)
    ),
    "greedy": _Command("greedy", "/greedy   /greedy off always the likeliest symbol", values.on_or_off),
    "count": _Command("count", "/count 5             how many fillings or answers to show", values.whole(1, _MOST)),
    "beam": _Command(
        "beam",
        "/beam 4              look for the likeliest text, keeping 4 on the way; 1 for none",
        values.whole(1, _MOST),
    ),
    "penalty": _Command(
        "length_penalty", "/penalty 0.7         a beam ranks by log p / length ** 0.7", values.number(10, zero=True)
    ),
    "like": _Command(
        "like_source", "/like on             answer with as many symbols as the line has", values.on_or_off
    ),
    "unknown": _Command(
        "unknown",
        "/unknown refuse      a prompt with unknown symbols is an error; replace reads them as <unk>",
        values.one_of("replace", "refuse"),
    ),
    "novelty": _Command(
        "novelty", "/novelty on          tell how much of a text was copied from the training text; off", values.novelty
    ),
    "ckpt": _Command("checkpoint", "/ckpt best|last|600  which checkpoint is asked", values.checkpoint),
}
