"""How far a long reading is, as lines on stderr for a program that waits for the answer."""

import json
import sys
import time

SECONDS = 0.25  # between two lines


class ToldProgress:
    """A report that writes `{"phase": ..., "share": 0.34}` now and then; a phase begun again says so."""

    def __init__(self) -> None:
        self._next = 0.0
        self._last = ("", 0)
        self._again = ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """So much is done, in bytes or in whatever the phase counts."""
        last_phase, last_done = self._last
        if phase != last_phase:
            self._again = ""
        elif done < last_done:
            self._again = " again"
        self._last = (phase, done)
        if (now := time.monotonic()) >= self._next:
            self._next = now + SECONDS
            line = {"phase": phase + self._again, "share": round(min(done / max(total, 1), 1.0), 3)}
            sys.stderr.write(json.dumps(line) + "\n")
            sys.stderr.flush()
