"""Looks into a run's model in a child process, our own `inspect --json`; the newest question ends the one before."""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

from pydantic import TypeAdapter, ValidationError
from textual.message import Message

from rnnbench.runs import jobs
from rnnbench.tui.messages import Target, post
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

SURPRISAL, UNIT, UNITS, GATES = "surprisal", "unit", "units", "gates"
_UNIT = re.compile(r"(\d+):(\d+)(:c)?", re.ASCII)
_REMARKS = ("note:", "warning:")


@dataclass(frozen=True)
class Question:
    """What is to be found out about a text: one of the words above; `unit` names the unit that UNIT asks for."""

    what: str
    text: str
    unit: str = ""

    def words(self, path: str) -> list[str]:
        """The options that ask it, of a file that holds the text."""
        named = ["--unit", self.unit] if self.unit else []
        return ["--json", "--what", self.what, *named, "--file", path]


@dataclass(frozen=True)
class Alternative:
    """A token that the model expected, and how much."""

    text: str
    probability: float


@dataclass(frozen=True)
class Token:
    """A token of the text. Its surprisal is in nats; the likeliest token of the vocabulary has rank 1."""

    text: str
    surprisal_nats: float
    rank: int
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class Reading:
    """A text as the model reads it; `checkpoint` is the step of the weights."""

    checkpoint: int
    perplexity: float | None
    bits_per_character: float | None
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class ActiveToken:
    """A token, and how active a unit is once it was read."""

    text: str
    activation: float


@dataclass(frozen=True)
class Activity:
    """One hidden unit along a text."""

    unit: str
    tokens: tuple[ActiveToken, ...]

    @property
    def values(self) -> list[float]:
        """The activations alone."""
        return [token.activation for token in self.tokens]


@dataclass(frozen=True)
class Follower:
    """A unit that follows a property: `searched_r` chose it, `r` is that of the half that had no part in the choice."""

    unit: str
    r: float
    searched_r: float


@dataclass(frozen=True)
class Followed:
    """A property of the text, and the units that follow it best."""

    property: str
    meaning: str
    mean: float
    units: tuple[Follower, ...]


@dataclass(frozen=True)
class Search:
    """What the units follow."""

    properties: tuple[Followed, ...]


@dataclass(frozen=True)
class GateUse:
    """A gate of a layer: its mean, and the shares of its values below 0.1 and above 0.9."""

    layer: int
    gate: str
    mean: float
    closed: float
    open: float


@dataclass(frozen=True)
class Gates:
    """Every gate over a text."""

    gates: tuple[GateUse, ...]


Answer = Reading | Activity | Search | Gates
_READERS: dict[str, TypeAdapter[Any]] = {
    SURPRISAL: TypeAdapter(Reading),
    UNIT: TypeAdapter(Activity),
    UNITS: TypeAdapter(Search),
    GATES: TypeAdapter(Gates),
}


@dataclass
class Inspected(Message):
    """A question is dealt with: its answer, or what went wrong. `remarks` is what the program warned of.

    Whatever the answer quotes of the text or the vocabulary is untrusted; the problem and the remarks are harmless.
    """

    question: Question
    answer: Answer | None
    problem: str = ""
    remarks: str = ""


class Inspector:
    """Answers questions about one run, each in a process of its own. A question that was dropped gets no answer."""

    def __init__(self, target: Target, workspace: Workspace, run_name: str) -> None:
        self._target = target
        self._command = [*jobs.PROGRAM, "--workspace", str(workspace.root), "inspect", run_name]
        self._asked: _Asked | None = None

    def ask(self, question: Question) -> None:
        """Drop what was asked before, and find this out. Never waits; an Inspected follows."""
        self.cancel()
        self._asked = _Asked(self._target, self._command, question)

    def cancel(self) -> None:
        """End the process, if there is one; no message follows."""
        if self._asked is not None:
            self._asked.drop()
            self._asked = None


class _Asked:
    """One process, and the thread that waits for it."""

    def __init__(self, target: Target, command: Sequence[str], question: Question) -> None:
        self._target, self._command, self._question = target, command, question
        self._lock = Lock()
        self._dropped = False
        self._process: subprocess.Popen[bytes] | None = None
        Thread(target=self._live, name="inspector", daemon=True).start()

    def drop(self) -> None:
        with self._lock:
            self._dropped = True
            if self._process is not None:
                self._process.kill()

    def _live(self) -> None:
        try:
            found = self._find_out()
        except OSError as error:
            found = Inspected(
                self._question, None, visible(tr("the text could not be looked at: {problem}", problem=error))
            )
        if not self._dropped:
            post(self._target, found)

    def _find_out(self) -> Inspected:
        # A file, because a text of any length and with any character has to get there.
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(self._question.text.encode("utf-8", "replace"))
            file.flush()
            if (process := self._spawn(self._question.words(file.name))) is None:
                return Inspected(self._question, None)
            output, complaint = process.communicate()
        return _inspected(self._question, output, complaint.decode("utf-8", "replace"))

    def _spawn(self, words: list[str]) -> "subprocess.Popen[bytes] | None":
        """The process; none when the question was dropped before it could begin."""
        with self._lock:
            if not self._dropped:
                self._process = subprocess.Popen(
                    [*self._command, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # a Ctrl+C of the terminal is ours to handle
                )
            return self._process


def _inspected(question: Question, output: bytes, complaint: str) -> Inspected:
    try:
        answer: Answer = _READERS[question.what].validate_json(output)
    except ValidationError:
        return Inspected(question, None, visible(_problem(complaint)))
    remarks = [line for line in complaint.splitlines() if line.startswith(_REMARKS)]
    return Inspected(question, answer, remarks=visible(" ".join(remarks)))


def _problem(complaint: str) -> str:
    """What the program ended with; the narration before it is left out."""
    lines = complaint.strip().splitlines()
    start = next((place for place, line in enumerate(lines) if line.startswith("rnnbench: ")), len(lines) - 1)
    found = " ".join(line.strip() for line in lines[max(start, 0) :])
    return found.removeprefix("rnnbench: ") or tr("the program ended without an answer")


def beside(unit: str, by: int, hidden: int) -> str:
    """The name of the unit that many places further in its layer; its memory where that was named."""
    match = _UNIT.fullmatch(unit)
    if match is None:
        return "1:1"
    layer, number, memory = match.groups()
    return f"{layer}:{(int(number) - 1 + by) % hidden + 1}{memory or ''}"
