"""Pearson's correlation of many columns with many others, in one pass over blocks and in double precision."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_CONSTANT = 1e-6  # a smaller standard deviation is what float32 leaves of a column that does not move


class Correlator:
    """r between U columns x and P columns y. With a y of zeros and ones r is the point-biserial correlation.

    r = (sum xy - sum x sum y / n) / sqrt((sum x^2 - (sum x)^2 / n) (sum y^2 - (sum y)^2 / n)). Each column is first
    shifted by its first value, so that a large mean with little movement loses no digits.
    """

    def __init__(self, columns: int, others: int) -> None:
        self.rows = 0
        self._first_x, self._first_y = np.zeros(columns), np.zeros(others)
        self._x, self._xx = np.zeros(columns), np.zeros(columns)
        self._y, self._yy = np.zeros(others), np.zeros(others)
        self._xy = np.zeros((columns, others))

    def add(self, x_NU: Numbers, y_NP: Numbers) -> None:
        """Count some rows."""
        if not len(x_NU):
            return
        if not self.rows:
            self._first_x, self._first_y = x_NU[0].copy(), y_NP[0].copy()
        x_NU, y_NP = x_NU - self._first_x, y_NP - self._first_y
        self.rows += len(x_NU)
        self._x += x_NU.sum(0)
        self._y += y_NP.sum(0)
        self._xx += np.square(x_NU).sum(0)
        self._yy += np.square(y_NP).sum(0)
        self._xy += x_NU.T @ y_NP

    @property
    def mean_of_others(self) -> Numbers:
        """The mean (P,) of each y."""
        return np.asarray(self._first_y + self._y / max(self.rows, 1))

    def r(self) -> Numbers:
        """r (U, P); not a number where either column is constant."""
        rows = max(self.rows, 1)
        spread_x = _spread(self._xx / rows - np.square(self._x / rows))
        spread_y = _spread(self._yy / rows - np.square(self._y / rows))
        together = self._xy / rows - np.outer(self._x, self._y) / rows**2
        return np.asarray(np.clip(together / np.outer(spread_x, spread_y), -1.0, 1.0))


def _spread(variance: Numbers) -> Numbers:
    """Standard deviations; not a number for a constant."""
    spread = np.sqrt(np.maximum(variance, 0.0))
    return np.where(spread > _CONSTANT, spread, np.nan)
