"""`python -m rnnbench`, and the rnnbench command."""

import gc
import sys

gc.disable()  # what is imported stays: looking through it for garbage took a fifth of the time until a command begins


def main() -> None:
    """Run the command line. Where there is nothing on it and a person looks, the workbench opens without it: to load
    every command takes a tenth of the time to the first screen."""
    if sys.argv[1:] or not _is_at_a_terminal():
        from rnnbench.cli.app import main as run_commands

        run_commands()
    else:
        _open_workbench()


def _is_at_a_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _open_workbench() -> None:
    from rnnbench.tui.app import run_workbench
    from rnnbench.workspace import Workspace

    try:
        code = run_workbench(Workspace.choose())
    except BaseException as error:  # whatever it is, it ends as it does for every command
        from rnnbench.cli.app import end_by

        end_by(error)
    else:
        sys.exit(code)


if __name__ == "__main__":
    main()
