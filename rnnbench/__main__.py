"""`python -m rnnbench`, and the rnnbench command."""

import gc

gc.disable()  # what is imported stays: looking through it for garbage took a fifth of the time until a command begins

from rnnbench.cli.app import main  # noqa: E402

if __name__ == "__main__":
    main()
