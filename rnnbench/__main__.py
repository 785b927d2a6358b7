"""`python -m rnnbench`, and the rnnbench command."""

from rnnbench.cli.app import main

if __name__ == "__main__":
    main()
