"""Numbers as normal scores: a place on a bell curve, without the accidents of the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr, ndtri

from utils.encoding.groups import ROWS_PER_GROUP, rows_of
from utils.encoding.spikes import find_piles
from utils.saving import savable

GRID = np.linspace(-4.0, 4.0, 257)
KNOTS = 8
TINY = 1e-9
END = 3.5  # the score beyond which a pile at an end of the values lies


@savable
@dataclass
class NormalScores:
    """A number as the place z that it has on a bell curve, read off a smooth quantile function.

    Exact normal scores (Conover 1999, section 5.10) repeat the accidents of the training rows: a
    value that nobody happened to have never comes back. Here q(z) goes through few points, each a
    local linear average of the quantiles around it (Cleveland 1979), joined by a monotone cubic
    (Fritsch and Carlson 1980). What is not normal after it is left for a network to learn. A pile
    (a value that many rows share) owns the part of the curve that its share of the rows is.

    values : float64 (257,), q at z = -4 .. 4, rising, of the rows on no pile.  step : grid of the
    values, 0 if continuous.  piles : float64 (p,), rising.  shares : float64 (p,), of the curve.
    apart : bool (p,), the piles that have one score, beyond the bell of the others.
    """

    values: Annotated[np.ndarray, "float 257"]
    step: float
    piles: Annotated[np.ndarray, "float p"]
    shares: Annotated[np.ndarray, "share p"]
    apart: Annotated[np.ndarray, "bool p"]

    @classmethod
    def fit(
        cls, values: np.ndarray, step: float = 0.0, piles: bool = False, apart: Sequence[float] = ()
    ) -> NormalScores:
        """Read float64 values (n,) without NaN, n >= 1; equal ones spread over their grid step.

        piles : whether to look for piles; a network that tells them by tokens needs none here.
        apart : values, such as 0 minutes, whose pile at an end gets one score, beyond the bell of
        the others. That it comes with 0 openings can be learned of a score that means nothing else;
        how many rows have it, is then to be learned as well.
        """
        found = find_piles(values) if piles else values[:0]
        at_end = np.isin(found, [values.min(), values.max()]) & np.isin(found, list(apart))
        counted = np.array([np.mean(values == pile) for pile in found])
        shares = np.where(at_end, ndtr(-END), counted)
        free = values[~np.isin(values, found)]
        if len(free):
            curve = _smooth_quantiles(free, step)
        else:  # nothing lies between the piles
            curve = np.quantile(values, ndtr(GRID), method="inverted_cdf")
        return cls(curve, step, found, shares, at_end)

    def _pile_starts(self) -> tuple[np.ndarray, float]:
        """Share of the curve below each pile, float64 (p,), and of the rows on no pile."""
        free = max(1 - self.shares.sum(), TINY)
        scores = np.interp(self.piles, self.values, GRID, right=np.inf)
        below = np.where(self.piles <= self.values[0], 0, ndtr(scores) * free)
        return below + np.cumsum(self.shares) - self.shares, free

    def transform(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Scores, float32 (n,); ``rng`` picks the place within a step of the grid, or on a pile.

        So a value that stands in several rows is spread over its step (dequantisation; Theis, van
        den Oord and Bethge 2016).
        """
        place = rng.random(len(values))
        scores = self._middle_scores(values + (place - 0.5) * self.step)
        if len(self.piles):
            starts, free = self._pile_starts()
            number = np.searchsorted(self.piles, values)
            share = ndtr(scores) * free + np.append(0, np.cumsum(self.shares))[number]
            number = np.minimum(number, len(self.piles) - 1)
            inside = np.where(self.apart[number], 0.5, place)
            on_pile = starts[number] + self.shares[number] * inside
            share = np.where(self.piles[number] == values, on_pile, share)
            scores = ndtri(share.clip(TINY, 1 - TINY))
        return scores.astype(np.float32)

    def _middle_scores(self, values: np.ndarray) -> np.ndarray:
        """Scores of values on no pile, as if there were none, float64 (n,).

        Of a stretch of scores with one value, such as those above the score at which the curve
        comes to the largest value, it is the one nearest the middle of the bell. Values more than
        half a step beyond all have the outermost ones.
        """
        inside = values.clip(*self.values[[0, -1]])
        near = np.abs(values - inside) <= self.step / 2
        places, curve = self._places(np.where(near, inside, values)), self._places(self.values)
        lowest = np.interp(-places, -curve[::-1], GRID[::-1])
        return np.clip(0.0, lowest, np.interp(places, curve, GRID))

    def _places(self, values: np.ndarray) -> np.ndarray:
        """How far values lie between the smallest, 0, and the largest, 1: tiny numbers, too."""
        low, high = self.values[[0, -1]]
        return (values - low) / ((high - low) or 1.0)

    def shares_around(self, values: np.ndarray, reach: float) -> np.ndarray:
        """Share of the curve below ``reach`` before each value, and up to ``reach`` behind it.

        float64 (n, 2); a pile lies all between the two of its value. These are shares of the rows,
        too, but for a pile that stands apart.
        """
        free, below = self._pile_starts()[1], np.append(0, np.cumsum(self.shares))
        curve = self._places(self.values)
        around = [self._places(values + side * reach) for side in (-1, 1)]
        ends = [ndtr(np.interp(places, curve, GRID)) * free for places in around]
        passed = [below[np.searchsorted(self.piles, values, side)] for side in ("left", "right")]
        return np.column_stack(ends) + np.column_stack(passed)

    def inverse(self, scores: np.ndarray) -> np.ndarray:
        """Values, float64 (n,), within the range of the fitted ones and half a step around it."""
        scores = scores.astype(np.float64)
        if not len(self.piles):
            return np.interp(scores, GRID, self.values)
        (starts, free), share = self._pile_starts(), ndtr(scores)
        number = np.searchsorted(starts, share, side="right") - 1
        passed = np.append(0, np.cumsum(self.shares))[number + 1]
        on_pile = (number >= 0) & (share < starts[number] + self.shares[number])
        between = ndtri(((share - passed) / free).clip(TINY, 1 - TINY))
        return np.where(on_pile, self.piles[number], np.interp(between, GRID, self.values))


def _smooth_quantiles(values: np.ndarray, step: float) -> np.ndarray:
    """The quantile function at the grid of scores, float64 (257,)."""
    rows = np.sort(values)
    first, counts = np.searchsorted(rows, rows), np.searchsorted(rows, rows, "right")
    counts = counts - first
    rows = rows + step * ((np.arange(len(rows)) - first + 0.5) / counts - 0.5)
    low, span = rows[0], (rows[-1] - rows[0]) or 1.0
    scores = ndtri((np.arange(len(rows)) + 0.5) / len(rows))
    reach = ndtri(1 - 0.25 / len(rows))
    places = np.linspace(-reach, reach, KNOTS)
    quantiles = np.maximum.accumulate(_local_lines(scores, (rows - low) / span, places))
    curve = PchipInterpolator(places, quantiles)
    inner = np.clip(GRID, -reach, reach)
    slopes = np.where(GRID < 0, curve(-reach, 1), curve(reach, 1))
    smooth = curve(inner) + slopes * (GRID - inner)
    return low + span * np.clip(smooth, 0, 1)


def _local_lines(x: np.ndarray, y: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Value at each place of the straight line fitted to the points around it, (places,)."""
    width = (places[1] - places[0]) / 3
    distance = -0.5 * ((x - places[:, None]) / width) ** 2
    weights = np.exp(distance - distance.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    mean_x, mean_y = weights @ x, weights @ y
    spread = np.maximum(weights @ x**2 - mean_x**2, 0) + 1e-9
    slopes = (weights @ (x * y) - mean_x * mean_y) / spread
    return mean_y + slopes * (places - mean_x)


@savable
@dataclass
class GroupedScores:
    """Normal scores taken within each group of rows, such as the rows of one app.

    What is left after it is how a row stands among its own kind, which is nearly normal in every
    group; that one app is used for hours and another for minutes is no longer for a network to
    learn.

    pooled : NormalScores of all rows, used for groups of fewer than 10 rows and unknown ones.
    within : {number of the group: NormalScores}.
    """

    pooled: NormalScores
    within: dict[int, NormalScores]

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        groups: np.ndarray,
        step: float = 0.0,
        piles: bool = False,
        ends_apart: bool = False,
        fewest: int = ROWS_PER_GROUP,
    ) -> GroupedScores:
        """Read float64 values (n,) without NaN in the groups (n,), numbered from 0.

        step, piles : as :meth:`NormalScores.fit`.  ends_apart : whether piles at the smallest and
        the largest of all values have scores of their own, the same in every group.  fewest : rows
        of a group with its own scores.
        """
        apart = (values.min(), values.max()) if ends_apart and len(values) else ()
        within = {
            number: NormalScores.fit(values[rows], step, piles, apart)
            for number, rows in enumerate(rows_of(groups, int(groups.max(initial=-1)) + 1))
            if len(rows) >= fewest
        }
        return cls(NormalScores.fit(values, step, piles, apart), within)

    def transform(
        self, values: np.ndarray, groups: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Scores, float32 (n,), about standard normal in every group of its own."""
        scores = np.empty(len(values), dtype=np.float32)
        for of_group, rows in self._parts(groups):
            scores[rows] = of_group.transform(values[rows], rng)
        return scores

    def inverse(self, scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Values, float64 (n,)."""
        values = np.empty(len(scores))
        for of_group, rows in self._parts(groups):
            values[rows] = of_group.inverse(scores[rows])
        return values

    def shares_around(self, values: np.ndarray, groups: np.ndarray, reach: float) -> np.ndarray:
        """As :meth:`NormalScores.shares_around`, within the group; float64 (n, 2)."""
        shares = np.empty((len(values), 2))
        for of_group, rows in self._parts(groups):
            shares[rows] = of_group.shares_around(values[rows], reach)
        return shares

    def _parts(self, groups):
        """(NormalScores, row numbers) for each group that occurs."""
        numbers, places = np.unique(groups, return_inverse=True)
        return [
            (self.within.get(int(number), self.pooled), rows)
            for number, rows in zip(numbers, rows_of(places, len(numbers)))
        ]
