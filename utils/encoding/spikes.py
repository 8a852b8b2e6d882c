"""Values that many rows share: spikes, and piles at the ends of a column."""

from __future__ import annotations

import numpy as np

SPIKE_SHARE, SPIKE_RATIO = 0.05, 3.0
FEWEST_ON_PILE = 3  # one row in twenty is 5 % of them, and no pile
FEW_VALUES = 16


def _shared(values: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    """Distinct values, rising; their counts; and which at least this share of the rows with a value
    hold."""
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return distinct, counts, counts >= share * counts.sum()


def shared_values(values: np.ndarray, share: float) -> np.ndarray:
    """Values that at least this share of the rows with a value hold, rising."""
    distinct, _, shared = _shared(values, share)
    return distinct[shared]


def find_spikes(values: np.ndarray) -> np.ndarray:
    """Values that 5 % of the rows with a value hold, and 3 times as many as hold any of the 4
    nearest distinct values."""
    distinct, counts, shared = _shared(values, SPIKE_SHARE)
    padded = np.pad(counts, 2)
    neighbours = np.max([padded[:-4], padded[1:-3], padded[3:-1], padded[4:]], axis=0, initial=0)
    return distinct[shared & (counts > SPIKE_RATIO * neighbours) & (counts > 1)]


def find_piles(values: np.ndarray) -> np.ndarray:
    """Spikes, and the smallest and the largest value where 5 % of the rows, three at least, have
    it."""
    distinct, counts, shared = _shared(values, SPIKE_SHARE)
    shared &= counts >= FEWEST_ON_PILE
    ends = np.intersect1d(distinct[shared], [values.min(), values.max()])
    return np.union1d(find_spikes(values), ends)


def is_smooth(values: np.ndarray) -> bool:
    """Whether a number is told better by its rank than by tokens.

    Tokens are for few values, for spikes, and for values that come again and again and leave most
    of the range between them empty, such as distances between airports.
    """
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if len(distinct) <= FEW_VALUES or len(find_spikes(known)):
        return False
    with np.errstate(over="ignore"):  # there may be more than a float holds
        places = (distinct[-1] - distinct[0]) / np.diff(distinct).min() + 1
    return len(known) <= FEW_VALUES * len(distinct) or len(distinct) >= places / 2
