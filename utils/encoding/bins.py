"""A number as bins of about equal mass, and a value drawn within a bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from utils.saving import savable


@savable
@dataclass
class QuantileBins:
    """A numeric column as bins of about equal mass, and a value drawn within the bin.

    A value with the mass of a whole bin (a spike, such as a capital gain of 0) gets a bin of its
    own, and a column with few distinct values gets one bin for each. Inside a wide bin, values are
    drawn between ``knots`` quantiles by linear interpolation, so that the bins hold a few numbers
    and not the training rows.
    """

    lower: Annotated[np.ndarray, "float k"]
    knots: Annotated[np.ndarray, "float k _"]

    @classmethod
    def fit(cls, values: np.ndarray, most_bins: int = 64, knots: int = 9) -> QuantileBins:
        """Make bins of float64 values (n,) without NaN.

        most_bins : about how many. A wide bin that a spike cuts in two counts once, so there may be
        as many more as there are spikes.  ValueError for less than one.
        """
        if most_bins < 1:
            raise ValueError(f"most_bins must be a whole number of 1 or more, not {most_bins!r}.")
        distinct, counts = np.unique(values, return_counts=True)
        starts = _bin_starts(counts, most_bins)
        first = np.append(0, np.cumsum(counts))[starts]
        last = np.append(first[1:], len(values)) - 1
        positions = first[:, None] + np.rint(
            np.linspace(0, 1, knots) * (last - first)[:, None]
        ).astype(int)
        return cls(distinct[starts], np.sort(values)[positions])

    def __len__(self) -> int:
        return len(self.lower)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Bin numbers, int32 (n,), -1 where NaN; values below the first bin fall into it."""
        codes = np.searchsorted(self.lower, values, side="right").astype(np.int32) - 1
        return np.where(np.isnan(values), -1, codes.clip(min=0)).astype(np.int32)

    def draw(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A value within each bin, float64 (n,); NaN where the code is -1."""
        place = rng.random(len(codes)) * (self.knots.shape[1] - 1)
        left = place.astype(int)
        low, high = self.knots[codes, left], self.knots[codes, left + 1]
        return np.where(codes < 0, np.nan, low + (place - left) * (high - low))


def _bin_starts(counts: np.ndarray, most_bins: int) -> np.ndarray:
    """Positions among the distinct values at which a bin begins."""
    if len(counts) <= most_bins:
        return np.arange(len(counts))
    spike = counts >= counts.sum() / most_bins
    rest = np.where(spike, 0, counts)
    share = max(most_bins - int(spike.sum()), 1) / max(rest.sum(), 1)
    group = ((np.cumsum(rest) - rest) * share).astype(int)
    begins = np.append(True, (np.diff(group) > 0) | spike[1:] | spike[:-1])
    return np.flatnonzero(begins)
