"""A run being written: its lock is held, and every event goes to its log before anyone sees it."""

from collections.abc import Iterator

from rnnbench.errors import RnnbenchError, Stopped
from rnnbench.runs.events import Event, RunFinished, RunStarted, StepDone
from rnnbench.runs.log import EventWriter
from rnnbench.runs.store import Run


def record(run: Run, events: Iterator[Event]) -> Iterator[Event]:
    """Pass the events on, each written first. What goes wrong is written as the last event, then raised.

    Nothing of the generator runs before the lock is held. Raises UnavailableError when another process has it.
    """
    with run.locked():
        log = EventWriter(run.events_file)
        last = StepDone(
            step=0, epoch=0, loss_nats=0, losses_nats=(), learning_rate=0, gradient_norm=0, tokens_per_second=0,
            elapsed_seconds=0,
        )  # fmt: skip
        started = False
        try:
            for event in events:
                started = started or isinstance(event, RunStarted)
                last = event if isinstance(event, StepDone) else last
                yield log.append(event)
        except Stopped as stopped:
            yield log.append(_end("stopped", last, f"before training began ({stopped})" if not started else ""))
            raise
        except (RnnbenchError, MemoryError) as error:
            yield log.append(_end("failed", last, str(error)))
            raise
        finally:
            log.close()


def _end(reason: str, last: StepDone, message: str) -> RunFinished:
    return RunFinished(reason=reason, step=last.step, elapsed_seconds=last.elapsed_seconds, message=message)
