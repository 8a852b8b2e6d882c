"""How often guesses hit, against a control group that the generator never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

LEVEL = 0.95


@dataclass(frozen=True)
class Rate:
    """So many hits in so many guesses; ValueError where there is no guess."""

    hits: int
    guesses: int

    def __post_init__(self):
        if not 0 <= self.hits <= self.guesses or self.guesses < 1:
            raise ValueError(
                f"{self.hits} hits in {self.guesses} guesses are no rate: it needs a guess, and no "
                "more hits than guesses."
            )

    @property
    def value(self) -> float:
        """Hits a guess, 0 to 1."""
        return self.hits / self.guesses

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Confidence interval by the score of Wilson (1927)."""
        found = binomtest(int(self.hits), int(self.guesses)).proportion_ci(level, method="wilson")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class Risk:
    """What guesses about rows in training hit beyond the same guesses about other rows.

    main : guesses about training rows.  control : guesses about rows outside training.

    ``anonymeter`` 1.1 pulls both shares to one half (the middle of Wilson's interval), propagates
    their errors and cuts the risk at 0 and 1; here the shares are plain and the risk is not cut.
    """

    main: Rate
    control: Rate

    @property
    def value(self) -> float:
        """(main - control) / (1 - control): of what luck and common knowledge leave open, the share
        that the synthetic table gives away (Giomi et al. 2023). 0: nothing; below 0:
        the control was hit more; NaN: every guess about the control hits."""
        missed = 1 - self.control.value
        return (self.main.value - self.control.value) / missed if missed else np.nan

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Confidence interval of the value, from those of the two rates: it is one less a ratio of
        misses (Donner and Zou 2012, section 2.2); NaN where the value is."""
        if np.isnan(self.value):
            return np.nan, np.nan
        missed, others_missed = 1 - self.main.value, 1 - self.control.value
        hit_low, hit_high = self.main.interval(level)
        others_hit_low, others_hit_high = self.control.interval(level)
        least = _ratio_end(missed, 1 - hit_high, others_missed, 1 - others_hit_low, -1)
        most = _ratio_end(missed, 1 - hit_low, others_missed, 1 - others_hit_high, 1)
        return 1 - most, 1 - least


def _ratio_end(share, end, other, other_end, sign) -> float:
    """One end of the interval of share / other, from one end of each (sign -1: the lower one)."""
    scale = other_end * (2 * other - other_end)
    product, offset = share * other, end * (2 * share - end)
    if scale == 0:  # the limit; on the upper side the other share may be 0, so there is no bound
        return np.inf if sign > 0 else offset / (2 * product) if product else 0.0
    inside = product**2 - offset * scale
    return (share * other + sign * np.sqrt(max(inside, 0.0))) / scale
