"""Gaussian copula: the distribution of every column, and one correlation matrix for how they
move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from utils.saving import expect, savable
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.draws import resample
from utils.synthesizers.given import candidates

MOST_AXES, AXES_IN_ALL = 64, 1_000  # one-hot columns for one column, and for the whole table
EDGE = 1e-10
NARROW = 1e-3  # half the width, in shares of the rows, of what counts as one value of a continuum
RIDGE = 1e-4


class CopulaSynthesizer(Synthesizer):
    """Gaussian copula for mixed columns, fitted by Gibbs sampling of the scores behind the ranks.

    The method follows Hoff 2007 ("Extending the rank likelihood for semiparametric copula
    estimation"). A standard normal score stands behind every column. A value says only between
    which two limits its score lies (limits that come from the column's own distribution), so ties,
    categories and missing values need no special care. The correlation matrix is the mean over
    ``sweeps`` Gibbs sweeps of the scores within their limits, after ``sweeps`` more are thrown
    away. Categories are put in order along the main axis of the other columns.

    ranks_within_groups : whether a number that a category tells (such as the minutes of an app) is
    told by its rank among the rows of its category; False is the plain copula of the whole table.

    A margin keeps each distinct value with its share where there are at most ``values`` of them,
    else as many quantiles with straight lines between. Needs memory of rows x columns x 16 bytes.
    """

    method = "copula"
    ends_apart = False  # how many rows of a group have it is counted, not learned
    margins_: dict[str, Margin]
    correlation_: Annotated[np.ndarray, "float d d"]

    def __init__(
        self,
        sweeps: int = 20,
        values: int = 512,
        ranks_within_groups: bool = True,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.sweeps, self.values = sweeps, values
        self.ranks_within_groups = ranks_within_groups

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("sweeps", "values")

    def _fit(self, columns, rng):
        self.margins_, limits = {}, []
        order = _category_order(columns, self.schema_)
        for name, values in columns.items():
            self.margins_[name], low, high = _fit_margin(values, order.get(name), self.values)
            limits.append((low, high))
        self.correlation_ = _rank_likelihood(
            np.array([low for low, _ in limits]).T,
            np.array([high for _, high in limits]).T,
            self.sweeps,
            rng,
        )

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("margins_", list(self.margins_) == self.schema_.names)
        expect("correlation_", len(self.correlation_) == len(self.margins_))
        for name, margin in self.margins_.items():
            unmarked = np.where(np.isneginf(margin.values), np.nan, margin.values)
            cells = margin.values if self.schema_[name].discrete else unmarked
            expect("margins_", len(cells) > 0 and self._holds(name, cells))
            expect("margins_", len(margin.upper) in (0, len(cells)) and 0 <= margin.missing < 1)

    def _sample(self, n, given, rng):
        names = self.schema_.names
        scores = self._conditional(n, given, rng)
        drawn = {
            name: _quantile(self.margins_[name], ndtr(scores[:, j])) for j, name in enumerate(names)
        }
        drawn |= {name: np.full(n, value) for name, value in given.items()}
        return {
            name: values.astype(np.int32) if self.schema_[name].discrete else values
            for name, values in drawn.items()
        }

    def _conditional(self, n, given, rng) -> np.ndarray:
        """Scores of n rows under the condition: the asked columns one by one within their limits,
        each candidate weighted by the probability of the limits (Geweke, Hajivassiliou and Keane;
        then resampled), then the rest.
        """
        names = self.schema_.names
        asked = [names.index(name) for name in given]
        order = asked + [j for j in range(len(names)) if j not in asked]
        factor = np.linalg.cholesky(self.correlation_[np.ix_(order, order)])
        rows = candidates(n) if given else n
        noise, log_weights = rng.standard_normal((rows, len(names))), np.zeros(rows)
        for k, (name, value) in enumerate(given.items()):
            low, high = _limits(self.margins_[name], value)
            shift = noise[:, :k] @ factor[k, :k]
            bottom, top = (ndtr((ndtri(edge) - shift) / factor[k, k]) for edge in (low, high))
            log_weights += np.log(np.maximum(top - bottom, 1e-300))
            noise[:, k] = ndtri(
                np.clip(bottom + rng.random(len(noise)) * (top - bottom), EDGE, 1 - EDGE)
            )
        keep = resample(log_weights, n, rng) if given else slice(None)
        scores = np.empty((n, len(names)))
        scores[:, order] = noise[keep] @ factor.T
        return scores


@savable
@dataclass
class Margin:
    """The distribution of a column: its values with shares, or quantiles of a continuum.

    values : codes or floats (k,), minus infinity for a missing number, with ``upper`` (k,), the
    share of rows up to each; or k quantiles at even steps, ``upper`` (0,) and the share of missing.
    """

    values: Annotated[np.ndarray, "cell _"]
    upper: Annotated[np.ndarray, "share _"]
    missing: float


def _category_order(columns, schema) -> dict[str, np.ndarray]:
    """The codes of each discrete column (-1 for missing) in order along the table's first principal
    axis.

    A copula knows only "more" and "less", so names need a direction; the axis on which the rows
    differ most gives one.
    """
    most = min(MOST_AXES, AXES_IN_ALL // len(schema.columns))
    features = np.hstack(
        [_standardised(columns[column.name], column.discrete, most) for column in schema.columns]
    )
    covariances = np.cov(features.T, bias=True).reshape(features.shape[1], -1)
    axis = np.linalg.eigh(covariances)[1][:, -1]
    place = features @ axis
    order = {}
    for name in (column.name for column in schema.columns if column.discrete):
        codes, positions = np.unique(columns[name], return_inverse=True)
        means = np.bincount(positions, weights=place) / np.bincount(positions)
        order[name] = codes[np.argsort(means, kind="stable")]
    return order


def _standardised(values, discrete, most) -> np.ndarray:
    """Ranks of a number, or one column a category (none if over ``most``), with mean 0 and variance
    1."""
    if discrete:
        codes, positions = np.unique(values, return_inverse=True)
        block = np.eye(len(codes))[positions] if len(codes) <= most else np.zeros((len(values), 1))
    else:
        block = rankdata(np.where(np.isnan(values), -np.inf, values))[:, None]
    return (block - block.mean(axis=0)) / np.maximum(block.std(axis=0), 1e-9)


def _fit_margin(values, order, most):
    """The margin of a column, and for every row the limits between which its uniform score lies.

    Missing numbers count as the lowest value of all.
    """
    if order is not None:
        ranks = np.argsort(order, kind="stable")[np.searchsorted(np.sort(order), values)]
        distinct, counts = order, np.bincount(ranks, minlength=len(order))
    else:
        distinct, ranks, counts = np.unique(
            np.where(np.isnan(values), -np.inf, values), return_inverse=True, return_counts=True
        )
    upper = np.cumsum(counts) / len(values)
    lower = upper - counts / len(values)
    margin = Margin(distinct, upper, 0.0)
    if order is None and len(distinct) > most:
        present = values[~np.isnan(values)]
        quantiles = np.quantile(present, np.linspace(0, 1, most + 1))
        margin = Margin(quantiles, np.array([]), 1 - len(present) / len(values))
    return margin, lower[ranks], upper[ranks]


def _quantile(margin, uniform):
    """The inverse distribution function of a margin: codes or floats, NaN where missing."""
    if len(margin.upper):
        place = np.searchsorted(margin.upper, uniform).clip(max=len(margin.values) - 1)
        values = margin.values[place]
        return np.where(np.isneginf(values), np.nan, values) if values.dtype.kind == "f" else values
    share = (uniform - margin.missing) / (1 - margin.missing)
    values = np.interp(share, np.linspace(0, 1, len(margin.values)), margin.values)
    return np.where(share < 0, np.nan, values)


def _limits(margin, value) -> tuple[float, float]:
    """The uniform scores between which a value lies: the same, where the values are a continuum."""
    if len(margin.upper):
        wanted = -np.inf if np.isnan(value) else value
        match = np.flatnonzero(margin.values == wanted)
        place = match[0] if len(match) else np.searchsorted(margin.values, wanted)
        place = min(place, len(margin.values) - 1)
        return (margin.upper[place - 1] if place else 0.0), margin.upper[place]
    if np.isnan(value):
        return 0.0, margin.missing
    # a value that many rows share stands at several quantiles, and owns all that lies between
    quantiles = np.linspace(0, 1, len(margin.values))
    first, last = (np.searchsorted(margin.values, value, side) for side in ("left", "right"))
    middle = np.interp(value, margin.values, quantiles)
    ends = [quantiles[first], quantiles[last - 1]] if last > first else [middle, middle]
    low, high = (margin.missing + (1 - margin.missing) * end for end in ends)
    return max(low - NARROW, margin.missing), min(high + NARROW, 1.0)


def _rank_likelihood(low, high, sweeps, rng) -> np.ndarray:
    """Correlations (d, d) of normal scores known only to lie between limits (n, d), by Gibbs
    sampling."""
    low, high = ndtri(low), ndtri(high)
    scores = ndtri(ndtr(low) + rng.random(low.shape) * (ndtr(high) - ndtr(low)))
    kept = []
    for sweep in range(2 * sweeps):
        correlation = _correlation(scores)
        for j in range(scores.shape[1] if scores.shape[1] > 1 else 0):
            others = np.delete(np.arange(scores.shape[1]), j)
            slope = np.linalg.solve(correlation[np.ix_(others, others)], correlation[others, j])
            mean = scores[:, others] @ slope
            deviation = np.sqrt(max(1 - slope @ correlation[others, j], RIDGE))
            bottom, top = (
                ndtr((low[:, j] - mean) / deviation),
                ndtr((high[:, j] - mean) / deviation),
            )
            uniform = np.clip(bottom + rng.random(len(mean)) * (top - bottom), EDGE, 1 - EDGE)
            scores[:, j] = np.clip(mean + deviation * ndtri(uniform), low[:, j], high[:, j])
        if sweep >= sweeps:
            kept.append(_correlation(scores))
    return np.mean(kept, axis=0)


def _correlation(scores) -> np.ndarray:
    """Correlations (d, d), a little towards independence, so that the matrix can always be
    inverted."""
    centred = scores - scores.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0) + EDGE)
    return (centred / scale).T @ (centred / scale) / len(scores) * (1 - RIDGE) + RIDGE * np.eye(
        scores.shape[1]
    )
