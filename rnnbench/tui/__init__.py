"""The full-screen workbench: panes around runs, without a line of mathematics."""

import os

os.environ.setdefault("TEXTUAL_FPS", "120")  # how long a key may wait to be painted: 8 ms at most, by default it is 17
