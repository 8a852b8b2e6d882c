"""Numbers as normal scores: spikes, whole numbers and heavy tails become one bell curve, and come
back."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr, ndtri

from utils.saving import portable

INSIDE = (
    0.005  # scores keep this share of a step away from its ends, so that float32 cannot cross them
)
ROWS_PER_GROUP = 30
GRID = np.linspace(-4.0, 4.0, 257)


@portable
class NormalScores:
    """The distribution function of one column, read upwards (to scores) and downwards (to values).

    A number becomes its share of smaller values u, and u the value z of a standard normal that has
    the same share below it (the normal score; Conover 1999, section 5.10). A value that stands in
    several rows owns a step of the distribution function and is spread uniformly over it
    (dequantisation; Theis, van den Oord and Bethge 2016), so scores have no spikes, and every score
    within the step leads back to the value exactly. If there are more distinct values than knots,
    those between knots come back within half a step of the grid, or, in a continuum, within the
    resolution of a float32 score.

    values : float64 (k,), rising knots.  below, upto : float64 (k,), share of rows below each knot,
    and up to and with it; between two knots the shares run straight.  step : grid of the values, 0
    if continuous.
    """

    def __init__(self, values: np.ndarray, below: np.ndarray, upto: np.ndarray, step: float):
        self.values, self.below, self.upto, self.step = values, below, upto, step

    @classmethod
    def fit(cls, values: np.ndarray, step: float = 0.0, most: int = 256) -> NormalScores:
        """Read the distribution of float64 values (n,) without NaN, n >= 1.

        step : :func:`utils.encoding.grid_step` of the column.  most : about so many knots are kept;
        all distinct values if there are no more, else the frequent ones and quantiles.
        """
        distinct, counts = np.unique(values, return_counts=True)
        total = np.cumsum(counts)
        knots = np.arange(len(distinct))
        if len(distinct) > most:
            quantiles = np.searchsorted(total, np.linspace(1, len(values), most // 2))
            knots = np.union1d(quantiles, np.flatnonzero(counts > len(values) / most))
        return cls(
            distinct[knots], (total - counts)[knots] / len(values), total[knots] / len(values), step
        )

    def transform(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Scores, float32 (n,), about standard normal; ``rng`` picks the place within a step."""
        noise = INSIDE + (1 - 2 * INSIDE) * rng.random(len(values))
        place = np.searchsorted(self.values, values, side="right").clip(1, len(self.values)) - 1
        after = np.minimum(place + 1, len(self.values) - 1)
        start = self.values[place] + self.step / 2
        width = self.values[after] - self.values[place] - self.step
        way = (values + (noise - 0.5) * self.step - start) / np.where(width > 0, width, np.inf)
        between = self.upto[place] + (self.below[after] - self.upto[place]).clip(0) * way.clip(0, 1)
        within = self.below[place] + (self.upto[place] - self.below[place]) * noise
        at_knot = (values <= self.values[place]) | (place == after)
        return ndtri(np.where(at_knot, within, between).clip(1e-9, 1 - 1e-9)).astype(np.float32)

    def inverse(self, scores: np.ndarray) -> np.ndarray:
        """Values, float64 (n,), within the range of the fitted ones; ``from_float`` rounds those
        between knots."""
        half = np.minimum(np.diff(self.values) / 2, self.step / 2)
        ends = np.column_stack([self.values, self.values, self.values, self.values])
        ends[:-1, 2] += half
        ends[:-1, 3] = self.values[1:] - half
        shares = np.column_stack([self.below, self.upto, self.upto, np.append(self.below[1:], 1.0)])
        return np.interp(ndtr(scores.astype(np.float64)), shares.ravel(), ends.ravel())

    def to_dict(self) -> dict:
        """The arrays, for saving."""
        return vars(self)

    @classmethod
    def from_dict(cls, data: dict) -> NormalScores:
        """The inverse of :meth:`to_dict`."""
        return cls(**data)


@portable
class GroupedScores:
    """Normal scores taken within each group of rows, such as the rows of one app.

    What is left after it is how a row stands among its own kind, which is nearly normal in every
    group; that one app is used for hours and another for minutes is no longer for a network to
    learn.

    pooled : NormalScores of all rows, also used for groups of fewer than 30.  own : {group:
        NormalScores}.
    """

    def __init__(self, pooled: NormalScores, own: dict[int, NormalScores]):
        self.pooled, self.own = pooled, own

    @classmethod
    def fit(
        cls, values: np.ndarray, groups: np.ndarray, step: float = 0.0, most: int = 256
    ) -> GroupedScores:
        """Read float64 values (n,) without NaN in integer groups (n,); the rest as
        :meth:`NormalScores.fit`."""
        names, counts = np.unique(groups, return_counts=True)
        own = {
            int(name): NormalScores.fit(values[groups == name], step, most)
            for name in names[counts >= ROWS_PER_GROUP]
        }
        return cls(NormalScores.fit(values, step, most), own)

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

    def _parts(self, groups):
        """(NormalScores, row numbers) for each group that occurs."""
        order = np.argsort(groups, kind="stable")
        names, starts = np.unique(groups[order], return_index=True)
        return [
            (self.own.get(int(name), self.pooled), rows)
            for name, rows in zip(names, np.split(order, starts[1:]))
        ]

    def to_dict(self) -> dict:
        """The parts, for saving."""
        return vars(self)

    @classmethod
    def from_dict(cls, data: dict) -> GroupedScores:
        """The inverse of :meth:`to_dict`."""
        return cls(**data)


@portable
class SmoothScores:
    """A number as the place z that it has on a bell curve, read off a smooth quantile function
    q(z).

    Exact normal scores repeat the accidents of the training rows: a value that nobody happened to
    have never comes back. Here q goes through few points, each a local linear average of the
    quantiles around it (Cleveland 1979), joined by a monotone cubic (Fritsch and Carlson 1980).
    What is not normal after it is left for a network to learn.

    values : float64 (257,), q at z = -4 .. 4, rising.  step : grid of the values, 0 if continuous.
    """

    def __init__(self, values: np.ndarray, step: float):
        self.values, self.step = values, step

    @classmethod
    def fit(cls, values: np.ndarray, step: float = 0.0, knots: int = 8) -> SmoothScores:
        """Read float64 values (n,) without NaN, n >= 1; equal values spread over their step of the
        grid."""
        rows = np.sort(values)
        first, counts = np.searchsorted(rows, rows), np.searchsorted(rows, rows, "right")
        counts = counts - first
        rows = rows + step * ((np.arange(len(rows)) - first + 0.5) / counts - 0.5)
        low, span = rows[0], (rows[-1] - rows[0]) or 1.0
        scores = ndtri((np.arange(len(rows)) + 0.5) / len(rows))
        reach = ndtri(1 - 0.25 / len(rows))
        places = np.linspace(-reach, reach, knots)
        quantiles = np.maximum.accumulate(_local_lines(scores, (rows - low) / span, places))
        curve = PchipInterpolator(places, quantiles)
        inner = np.clip(GRID, -reach, reach)
        slopes = np.where(GRID < 0, curve(-reach, 1), curve(reach, 1))
        smooth = curve(inner) + slopes * (GRID - inner)
        return cls(low + span * np.clip(smooth, 0, 1), step)

    def transform(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Scores, float32 (n,); ``rng`` picks the place within a step."""
        spread = values + (rng.random(len(values)) - 0.5) * self.step
        low, span = (
            self.values[0],
            (self.values[-1] - self.values[0]) or 1.0,
        )  # keeps tiny numbers apart
        return np.interp((spread - low) / span, (self.values - low) / span, GRID).astype(np.float32)

    def inverse(self, scores: np.ndarray) -> np.ndarray:
        """Values, float64 (n,), within the range of the fitted ones and half a step around it."""
        return np.interp(scores.astype(np.float64), GRID, self.values)

    def to_dict(self) -> dict:
        """The parts, for saving."""
        return vars(self)

    @classmethod
    def from_dict(cls, data: dict) -> SmoothScores:
        """The inverse of :meth:`to_dict`."""
        return cls(**data)


def grouped(values: np.ndarray, groups: np.ndarray, step: float = 0.0) -> GroupedScores:
    """Smooth scores within each group of 30 rows or more, float64 (n,) and int (n,); pooled for the
    rest."""
    names, counts = np.unique(groups, return_counts=True)
    crowds = {int(name): values[groups == name] for name in names[counts >= ROWS_PER_GROUP]}
    own = {name: SmoothScores.fit(crowd, step) for name, crowd in crowds.items()}
    return GroupedScores(SmoothScores.fit(values, step), own)


def _local_lines(x: np.ndarray, y: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Value at each place of the straight line fitted to the points around it, float64
    (places,)."""
    width = (places[1] - places[0]) / 3
    distance = -0.5 * ((x - places[:, None]) / width) ** 2
    weights = np.exp(distance - distance.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    mean_x, mean_y = weights @ x, weights @ y
    spread = np.maximum(weights @ x**2 - mean_x**2, 0) + 1e-9
    slopes = (weights @ (x * y) - mean_x * mean_y) / spread
    return mean_y + slopes * (places - mean_x)
