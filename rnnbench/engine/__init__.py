"""The mathematics: the only package that imports torch. It yields events and never prints."""

import os

# Read when torch is loaded, so it stands before any import of it. OpenMP's threads wait for each other by spinning and
# starve beside another program that wants a core. In 6 s, two threads made 5 and 28 steps beside one busy process with
# the default of 300,000 turns, 41 and 53 with these; alone 361 and 352 (docs/benchmarks.md). Who has the machine alone
# can set GOMP_SPINCOUNT, or OMP_WAIT_POLICY=ACTIVE.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
