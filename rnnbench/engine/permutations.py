"""A permutation of any size that is computed place by place instead of being stored."""

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6  # four look random already (Luby and Rackoff 1988); halves of a few bits mix less in each
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # of SplitMix64 (Steele et al. 2014)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def permuted(places: NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """What stands at these places, each below `count`, of a permutation of range(count) drawn from `random`.

    A Feistel network permutes the smallest range of 4^k numbers that holds `count`; what falls outside goes round
    again (cycle walking, Black and Rogaway 2002), less than four times on average.
    """
    bits = max((count - 1).bit_length() + 1, 2) // 2  # of each half
    keys = random.integers(1 << 63, size=_ROUNDS, dtype=np.uint64)
    found = _shuffle(places.astype(np.uint64), bits, keys)
    while (outside := found >= count).any():
        found[outside] = _shuffle(found[outside], bits, keys)
    return found.astype(np.int64)


def _shuffle(numbers: NDArray[np.uint64], bits: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A one-to-one map of the numbers below 4^bits onto themselves."""
    mask, half = np.uint64((1 << bits) - 1), np.uint64(bits)
    left, right = numbers >> half, numbers & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right + key) & mask)
    return (left << half) | right


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers that look random, the same for the same argument; arithmetic modulo 2^64."""
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        numbers = (numbers ^ (numbers >> shift)) * multiplier
    return numbers ^ (numbers >> _SHIFTS[-1])
