"""Numbers as scores on a smooth scale: about normal, without the accidents of the training rows."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtri

from utils.portable import portable
from utils.synthesizers.normal_scores import ROWS_PER_GROUP, GroupedScores

GRID = np.linspace(-4.0, 4.0, 257)


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
