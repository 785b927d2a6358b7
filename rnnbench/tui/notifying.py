"""Says when a run has ended: the runs of a workspace are watched in the background, and the user is told by name.

Watching costs a look at the lock of each run that is known to be training, every few seconds. A log is read only when
its run has ended. Nothing is sent to the terminal while nothing ends.
"""

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from textual.message import Message

from rnnbench import storage
from rnnbench.runs.figures import figure, perplexity_name
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.skimming import skim
from rnnbench.runs.store import CRASHED, FAILED, FINISHED, TRAINED, Run, RunStore
from rnnbench.tui.messages import Target, post
from rnnbench.tui.words import tr
from rnnbench.visible import visible

LOOK_SECONDS = 3.0
SEARCH_SECONDS = 15.0
_SHARE = 0.001  # of the time that the search for runs started elsewhere may take
_LONGEST = 200


@dataclass
class RunEnded(Message):
    """A run that was seen training is not any more."""

    run_name: str
    state: str
    words: str


@dataclass
class SeenTraining(Message):
    """A run that is shown somewhere is training."""

    run: Run


def outcome(state: str, progress: RunProgress) -> str:
    """How a run ended, in words: the narration of its last event, and what it reached."""
    best = progress.best
    name = tr(perplexity_name(progress.task))
    reached = (
        tr("best {name} {value} at step {step}", name=name, value=figure(best.score.perplexity), step=f"{best.step:,}")
        if best
        else ""
    )
    ended = progress.finished
    if progress.diverged_at is not None:
        return tr("diverged at step {step}", step=f"{progress.diverged_at:,}")
    if state == CRASHED or ended is None:
        return tr("crashed: the trainer ended without saying why")
    if state == FAILED:
        return tr("failed at step {step}: {message}", step=f"{ended.step:,}", message=visible(ended.message))
    does = tr("finished") if state == FINISHED else tr("stopped at step {step}", step=f"{ended.step:,}")
    return f"{does}: {reached}" if reached else does


class RunWatch:
    """Watches every run of a workspace that trains, on a daemon thread; posts RunEnded to `target`."""

    def __init__(self, target: Target, store: RunStore, look_seconds: float = LOOK_SECONDS) -> None:
        self._target = target
        self._store = store
        self._seconds = look_seconds
        self._training: dict[str, Run] = {}
        self._seen: deque[Run] = deque()
        self._search_at = 0.0
        self._folder_changed = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="run watch", daemon=True)

    def see(self, run: Run) -> None:
        """Know of a run that is training; called by the interface."""
        self._seen.append(run)

    def start(self) -> None:
        """Begin to watch; call it once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, without waiting."""
        self._stopping.set()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(Exception):  # a folder that cannot be read now may be later
                self._look()
            self._stopping.wait(self._seconds)

    def _look(self) -> None:
        while self._seen:
            run = self._seen.popleft()
            self._training[run.name] = run
        for run in [run for run in self._training.values() if not storage.lock_is_held(run.lock_file)]:
            del self._training[run.name]
            with contextlib.suppress(Exception):  # a log of nonsense keeps no other run from being told of
                self._tell(run)
        changed = self._store.folder.stat().st_mtime_ns if self._store.folder.exists() else 0
        if changed != self._folder_changed or time.monotonic() >= self._search_at:
            self._folder_changed = changed  # a run was made
            self._search()

    def _search(self) -> None:
        """Find runs that were started elsewhere. The more runs there are, the rarer the search."""
        began = time.monotonic()
        self._training |= {run.name: run for run in self._store.runs() if storage.lock_is_held(run.lock_file)}
        took = time.monotonic() - began
        self._search_at = began + max(min(SEARCH_SECONDS, self._seconds * 5), took / _SHARE)

    def _tell(self, run: Run) -> None:
        if not run.folder.exists():
            return
        progress = skim(run.events_file)
        state = run.state(progress)
        if state in TRAINED:  # somebody goes on with it already
            self._training[run.name] = run
        elif not self._stopping.is_set():
            post(self._target, RunEnded(run.name, state, outcome(state, progress)))


# What reaches the terminal


def terminal_signal(name: str, words: str, environment: Mapping[str, str]) -> str:
    """What to send to the terminal so that it tells its user, even from another window: the bell and, where that is
    known to do no harm, a notification: OSC 9 (iTerm2, kitty, WezTerm, Windows Terminal) or OSC 777 (VTE, rxvt, foot).

    Inside tmux it goes in tmux's envelope, which tmux drops unless its allow-passthrough is on.
    """
    bell, term = "\a", environment.get("TERM", "")
    if term in ("", "linux", "dumb") or (term.startswith("screen") and not environment.get("TMUX")):
        return bell
    title, text = _plain(f"rnnbench: {name}").replace(";", ","), _plain(words)
    if environment.get("VTE_VERSION") or term.startswith(("rxvt", "foot")):
        escape = f"\x1b]777;notify;{title};{text}\x1b\\"
    else:
        escape = f"\x1b]9;{title}: {text}\x1b\\"
    return bell + (_in_tmux(escape) if environment.get("TMUX") else escape)


def _plain(text: str) -> str:
    """The text without anything that a terminal could obey."""
    return "".join(character for character in visible(text, limit=_LONGEST) if character.isprintable())


def _in_tmux(escape: str) -> str:
    doubled = escape.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def present_signal(name: str, words: str) -> str:
    """The same for the terminal that this process has."""
    return terminal_signal(name, words, os.environ)
