"""What can go wrong, said to a person, with the exit code that scripts see.

RnnbenchError            1   the work failed
├── DivergedError        1   a loss or gradient is not finite
├── ProcessLostError     1   another process that trains the same run has gone
├── UsageError           2   an option, a name or a configuration is wrong
├── UnavailableError     3   try again later: lock held, no such device, memory or disk full
└── BadDataError         4   a corpus or a checkpoint cannot be used
    ├── CorpusError
    └── CheckpointError
Stopped                  -   not an error: the run was asked to stop, saved, and left (130, 143, 129)
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    BAD_DATA = 4
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class RnnbenchError(Exception):
    """A failure with a message for a person: what failed, what was kept, and (hint) what to do next."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class DivergedError(RnnbenchError):
    """A loss or a gradient is not finite any more; the weights of before were kept."""


class ProcessLostError(RnnbenchError):
    """Another of the processes that train a run together has gone, or does not answer."""


class UsageError(RnnbenchError):
    """The request itself is wrong: an option, a run name, a configuration field."""

    exit_code = ExitCode.USAGE


class UnavailableError(RnnbenchError):
    """The request is right but cannot be met now: a lock is held, a device is missing, space has run out."""

    exit_code = ExitCode.UNAVAILABLE


class BadDataError(RnnbenchError):
    """A file that should hold data does not."""

    exit_code = ExitCode.BAD_DATA


class CorpusError(BadDataError):
    """A text cannot be read, or is too short for what is asked of it."""


class CheckpointError(BadDataError):
    """A checkpoint is missing, damaged, or belongs to something else."""


class Stopped(Exception):
    """Work was left early because a signal or a request asked for it."""

    def __init__(self, exit_code: ExitCode = ExitCode.TERMINATED) -> None:
        super().__init__(f"stopped ({exit_code.name.lower()})")
        self.exit_code = exit_code
