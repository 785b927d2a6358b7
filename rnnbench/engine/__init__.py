"""The mathematics: the only package that imports torch. It yields events and never prints."""

import os

# Read when torch is loaded, so it stands before any import of it. Threads that wait for each other by spinning starve
# as soon as another program wants a core: beside one busy process, two spinning threads made 2 steps in the time in
# which two sleeping ones made 78. Who has the machine alone can set OMP_WAIT_POLICY=ACTIVE.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
