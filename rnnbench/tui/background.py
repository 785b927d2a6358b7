"""Work that takes time, on a daemon thread: the screen never waits for it, and neither does leaving."""

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import TypeVar

from textual.message_pump import MessagePump

from rnnbench.errors import RnnbenchError

T = TypeVar("T")


def in_background(
    pump: MessagePump,
    work: Callable[[], T],
    done: Callable[[T], object],
    failed: Callable[[RnnbenchError], object],
) -> None:
    """Do `work` elsewhere and call `done` or `failed` with its outcome in the message loop of `pump`.

    A bug in `work` is raised in that loop too, where it is seen, instead of being lost with the thread.
    """

    def run() -> None:
        pump.call_later(_outcome(work, done, failed))

    Thread(target=run, name="background", daemon=True).start()


def _outcome(
    work: Callable[[], T], done: Callable[[T], object], failed: Callable[[RnnbenchError], object]
) -> Callable[[], object]:
    try:
        return partial(done, work())
    except RnnbenchError as error:
        return partial(failed, error)
    except OSError as error:
        return partial(failed, RnnbenchError(str(error)))
    except Exception as error:
        return partial(raise_again, error)


def raise_again(error: Exception) -> None:
    """Raise a bug that was caught on a thread, where the interface will show it."""
    raise error
