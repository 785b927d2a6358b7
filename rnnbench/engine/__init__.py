"""The mathematics: the only package that imports torch. It yields events and never prints."""

import os

# Read when torch is loaded, so it stands before any import of it. OpenMP's threads wait for each other by spinning.
# Beside one other busy process the default made 2 steps in the time in which this made about 60; alone it costs a tenth
# (docs/benchmarks.md). Who has the machine alone can set GOMP_SPINCOUNT or OMP_WAIT_POLICY=ACTIVE.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
