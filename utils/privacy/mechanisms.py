"""The only two ways in which a private fit looks at the rows: noisy counts and a noisy choice."""

from __future__ import annotations

import numpy as np

from utils.privacy.accounting import Budget, Ledger, noise_of_rho

ROUNDING = 1e-9
NOISE = 2  # a seed's stream for noise; 1 is that for sampling


def noise_stream(random_state: int | None) -> np.random.Generator:
    """The generator of a fit's noise: no number that is drawn elsewhere tells of it. Its state
    comes from the operating system, or, for study, from a seed."""
    return np.random.default_rng(None if random_state is None else [NOISE, random_state])


class Mechanisms:
    """Answers about the rows, and a ledger of what each has cost.

    Neighbours differ by one row more (add or remove one). Without a budget every answer is exact
    and nothing is noted: the same method without noise.

    rng : of the noise alone, see :func:`noise_stream`.
    """

    def __init__(self, budget: Budget | None, rng: np.random.Generator):
        self.ledger = None if budget is None else Ledger(budget.rho)
        self._rng = rng

    @property
    def rho(self) -> float:
        """The whole budget of zero-concentrated differential privacy; infinite without one."""
        return np.inf if self.ledger is None else self.ledger.rho

    @property
    def left(self) -> float:
        """What of it may still be spent."""
        return np.inf if self.ledger is None else self.ledger.left

    @property
    def spent(self) -> dict[str, float]:
        """What was looked at -> rho that it cost; empty without a budget."""
        spent: dict[str, float] = {}
        for what, rho in self.ledger.entries if self.ledger else []:
            spent[what] = spent.get(what, 0.0) + rho
        return spent

    def count(self, what: str, counts: np.ndarray, rho: float) -> np.ndarray:
        """Counts of rows with Gaussian noise, float64 in their shape.

        counts : of cells of which every row is in one, so one row more moves them by a Euclidean
        distance of 1; the noise of rho then has the standard deviation :func:`noise_of` (rho) (Bun
        and Steinke 2016, proposition 1.6).
        """
        if self.ledger is None:
            return counts.astype(np.float64)
        self.ledger.spend(what, rho)
        return counts + noise_of(rho) * self._rng.standard_normal(counts.shape)

    def choose(self, what: str, scores: np.ndarray, sensitivity: float, rho: float) -> int:
        """The position of a high score: the exponential mechanism by its Gumbel noise.

        sensitivity : the most by which one row more moves any score.  Epsilon-private with
        epsilon = sqrt(8 rho), which costs rho (Cesar and Rogers 2021).  Without a budget the first
        of the highest.
        """
        if self.ledger is None:
            return int(np.argmax(scores))
        self.ledger.spend(what, rho)
        weight = np.sqrt(8 * rho) / (2 * sensitivity)
        return int(np.argmax(weight * scores + self._rng.gumbel(size=len(scores))))


def noise_of(rho: float) -> float:
    """Standard deviation of the noise on a count that costs rho; 0 for infinitely much."""
    return 0.0 if np.isinf(rho) else noise_of_rho(rho)


def onto_total(counts: np.ndarray, total: float) -> np.ndarray:
    """The nearest counts (k,) of 0 or more with this sum: noise below 0 goes, what is left shrinks.

    Euclidean projection onto a simplex (Duchi and others 2008, figure 1).
    """
    if (counts >= 0).all() and abs(counts.sum() - total) <= ROUNDING * max(total, 1.0):
        return counts
    falling = np.sort(counts)[::-1]
    excess = (np.cumsum(falling) - total) / np.arange(1, len(counts) + 1)
    place = np.flatnonzero(falling > excess)
    threshold = excess[place[-1]] if len(place) else excess[-1]
    return np.maximum(counts - threshold, 0.0)
