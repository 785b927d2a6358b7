"""A run being written: its lock is held, and every event goes to its log before anyone sees it."""

from collections.abc import Iterator

from rnnbench.errors import RnnbenchError, Stopped
from rnnbench.runs.events import Event, RunFinished, RunStarted
from rnnbench.runs.log import EventWriter
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.store import Run


def record(run: Run, events: Iterator[Event]) -> Iterator[Event]:
    """Pass the events on, each written first. What goes wrong is written as the last event, then raised.

    Nothing of the generator runs before the lock is held. Raises UnavailableError when another process has it.
    """
    with run.locked():
        progress = run.progress()  # of the steps before, when the run is resumed
        log = EventWriter(run.events_file)
        started = False
        try:
            for event in events:
                started = started or isinstance(event, RunStarted)
                progress.apply(event)
                yield log.append(event)
        except Stopped as stopped:
            yield log.append(_end("stopped", progress, f"before training began ({stopped})" if not started else ""))
            raise
        except (RnnbenchError, MemoryError) as error:
            yield log.append(_end("failed", progress, str(error)))
            raise
        finally:
            log.close()


def _end(reason: str, progress: RunProgress, message: str) -> RunFinished:
    return RunFinished(reason=reason, step=progress.step, elapsed_seconds=progress.elapsed_seconds, message=message)
