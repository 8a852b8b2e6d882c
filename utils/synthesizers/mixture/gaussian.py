"""Gaussian mixtures given the category: the rows fall into groups, and each gets a mixture.

A group is one combination of categories together with the state of each number: missing, at a
spike (a value that far more rows share than its neighbours do, such as 0 minutes), or free. The
free numbers of a group follow one mixture; BIC (Schwarz 1978) chooses how many components it has
and whether it lives on the plain or the log scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from scipy.special import logsumexp, ndtr

from utils.encoding import grid_step
from utils.encoding.groups import ROWS_PER_COMPONENT, Groups
from utils.encoding.spikes import find_spikes
from utils.saving import savable
from utils.schema import Schema
from utils.synthesizers.gaussians import condition_gaussians, draw_gaussians, fit_gaussians
from utils.synthesizers.given import log_step

PRIOR_ROWS = 4
MOST_TRIES = 50
REGULARISATION = 1e-3
MISSING, FREE = -1, 0
ANY_CODE, ANY = -2, np.inf  # a category and a number that the condition leaves open


@savable
@dataclass
class Mixture:
    """The mixture of f numbers, on the plain or the log scale, standardised.

    low, high, offset, centre, scale : float64 (f,).  log : bool (f,).  weights : float64 (k,).
    means : (k, f).  covariances : (k, f, f).  bic : in the units of the table.
    """

    low: Annotated[np.ndarray, "float f"]
    high: Annotated[np.ndarray, "float f"]
    offset: Annotated[np.ndarray, "float f"]
    log: Annotated[np.ndarray, "bool f"]
    centre: Annotated[np.ndarray, "float f"]
    scale: Annotated[np.ndarray, "float f"]
    weights: Annotated[np.ndarray, "share k"]
    means: Annotated[np.ndarray, "float k f"]
    covariances: Annotated[np.ndarray, "float k f f"]
    bic: float

    @classmethod
    def fit(cls, values, steps, spread, most_components: int, rng) -> Mixture:
        """Fit to values, float64 (n, f) without NaN.

        steps : grid step of each column, 0 if continuous; numbers on a grid are blurred by half a
        step, so that a density exists.  spread : standard deviation of each column within a group,
        pooled over all of them. Where a group has too few rows for a mixture, its variance is drawn
        towards it as if that came from PRIOR_ROWS rows more (Smyth 2004, section 4).
        """
        low, high = values.min(axis=0) - steps / 2, values.max(axis=0) + steps / 2
        blurred = values + (rng.random(values.shape) - 0.5) * steps
        own = values.std(axis=0)
        offset = np.where(steps > 0, steps, 0.1 * own) + _least(own)
        if len(values) < ROWS_PER_COMPONENT:
            n, f, pooled = *values.shape, spread**2 + steps**2 / 12  # the blur's own variance
            squares = n * blurred.var(axis=0) + PRIOR_ROWS * pooled
            around = blurred.mean(axis=0), np.sqrt(squares / (n - 1 + PRIOR_ROWS)) + _least(spread)
            one = np.ones(1), np.zeros((1, f)), np.eye(f)[None]
            return cls(low, high, offset, np.zeros(f, dtype=bool), *around, *one, np.inf)
        seed = int(rng.integers(2**31))
        fits = []
        for log in (False, True):
            scale = low, high, offset, np.full(len(steps), log)
            fits.append(cls._fit_on_scale(blurred, scale, most_components, seed))
        return min(fits, key=lambda fitted: fitted.bic)

    @classmethod
    def _fit_on_scale(cls, blurred, scale, most_components, seed) -> Mixture:
        """The mixture with the lowest BIC on that scale."""
        bent = _bend(blurred, *scale)
        centre, spread = bent.mean(axis=0), bent.std(axis=0)
        spread = np.maximum(spread, _least(spread))
        points = (bent - centre) / spread
        most = max(1, min(most_components, len(points) // ROWS_PER_COMPONENT))
        fits = [fit_gaussians(points, k, seed, REGULARISATION) for k in range(1, most + 1)]
        best = min(fits, key=lambda fitted: fitted.bic(points))
        # the logarithm of |d table / d points|
        stretch = len(points) * np.log(spread).sum() + (bent * scale[-1]).sum()
        parts = best.weights_, best.means_, best.covariances_
        return cls(*scale, centre, spread, *parts, float(best.bic(points) + 2 * stretch))

    def to_points(self, values: np.ndarray) -> np.ndarray:
        """Values of the table on the mixture's own scale."""
        bent = _bend(values, self.low, self.high, self.offset, self.log)
        return (bent - self.centre) / self.scale

    def to_values(self, points: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`to_points`."""
        bent = points * self.scale + self.centre
        with np.errstate(over="ignore"):
            return np.where(self.log, np.exp(bent) - self.offset + self.low, bent)

    def condition(self, known: np.ndarray, values: np.ndarray) -> tuple[float, Mixture]:
        """Log-density of the known values in the units of the table, and the mixture given them.

        known : bool (f,).  values : float64 (f,), used where known.
        """
        point = self.to_points(values)
        if not known.any():
            return 0.0, self
        density, weights, means, covariances = condition_gaussians(
            self.weights, self.means, self.covariances, known, point
        )
        distance = np.maximum(values - self.low + self.offset, 1e-300)
        slope = np.where(self.log, 1 / distance, 1.0) / self.scale
        density += float(np.log(slope[known]).sum())
        if np.isinf(self.bic):  # the narrow range of a few rows cuts off much of the bell
            low, high = ndtr(self.to_points(np.array([self.low, self.high])))
            density -= float(np.log(np.maximum(high - low, 1e-300))[known].sum())
        return density, replace(self, weights=weights, means=means, covariances=covariances)

    def draw(self, n: int, known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """n rows (n, f) from low to high: draws outside are drawn again, the last few clipped."""
        result, waiting = np.empty((n, len(self.low))), np.arange(n)
        for _ in range(MOST_TRIES):
            points, _ = draw_gaussians(
                self.weights, self.means, self.covariances, len(waiting), rng
            )
            result[waiting] = self.to_values(points)
            inside = (result[waiting] >= self.low) & (result[waiting] <= self.high)
            waiting = waiting[~(inside | known).all(axis=1)]
            if not len(waiting):
                break
        return np.clip(result, self.low, self.high)


def _least(deviation) -> np.ndarray:
    """A length above 0 that is next to nothing beside a standard deviation, whatever its unit."""
    return np.where(deviation > 0, np.minimum(1e-9, 1e-6 * deviation), 1e-9)


def _bend(values, low, high, offset, log) -> np.ndarray:
    """The plain scale, or the log of the distance from the lower end."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(log, np.log(values - low + offset), values)


@savable
@dataclass
class Group:
    """Rows that share their categories and the state of each number.

    codes : int32 (categories,).  share : of all rows.  state : int8 (m,), MISSING, FREE or the
    number of a spike.  fixed : float64 (m,), the value at a spike, else NaN.  spikes : the spikes
    of each number in these categories.  mixture : of the free numbers, None if there are none.
    """

    codes: Annotated[np.ndarray, "int _"]
    share: float
    state: Annotated[np.ndarray, "int m"]
    fixed: Annotated[np.ndarray, "cell m"]
    spikes: list[Annotated[np.ndarray, "float _"]]
    mixture: Mixture | None

    def fits(self, categories: int, numbers: int) -> bool:
        """Whether the group tells so many categories and numbers, each in one way."""
        told = len(self.mixture.low) if self.mixture else 0
        sizes = len(self.codes), len(self.state), len(self.spikes), told
        at_spike = np.array_equal(self.state > FREE, ~np.isnan(self.fixed))
        return at_spike and sizes == (categories, numbers, numbers, self.free.sum())

    @property
    def free(self) -> np.ndarray:
        """Which numbers the mixture tells, bool (m,)."""
        return self.state == FREE

    def condition(self, codes, wanted, log_steps) -> tuple[int, float, Group]:
        """How many given cells the group cannot have, its log-probability together with the other
        ones, and the group given these.

        codes : the given code of each category, ANY_CODE.  wanted : float64 (m,), the given
        numbers, NaN for missing, ANY.  log_steps : what share of a density a given number takes.
        """
        asked, free = ~np.isinf(wanted), self.free
        at_spike = np.array([v in spikes for v, spikes in zip(wanted, self.spikes)], dtype=bool)
        possible = np.where(free, ~(np.isnan(wanted) | at_spike), _same(self.fixed, wanted))
        if self.mixture is not None:
            possible[free] &= (wanted[free] >= self.mixture.low) & (
                wanted[free] <= self.mixture.high
            )
        misses = ((codes != ANY_CODE) & (codes != self.codes)).sum() + (asked & ~possible).sum()
        if self.mixture is None:
            return misses, np.log(self.share), self
        known = asked & possible & free
        density, changed = self.mixture.condition(known[free], wanted[free])
        chance = min(density + log_steps[known].sum(), 0.0)
        return misses, np.log(self.share) + chance, replace(self, mixture=changed)

    def draw(self, n: int, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Numbers of n rows, float64 (n, m)."""
        values = np.tile(self.fixed, (n, 1))
        if self.mixture is not None and n:
            values[:, self.free] = self.mixture.draw(n, ~np.isinf(wanted[self.free]), rng)
        return np.where(np.isinf(wanted), values, wanted)


def _same(first, second) -> np.ndarray:
    return (first == second) | (np.isnan(first) & np.isnan(second))


@savable
@dataclass
class GaussianGroups:
    """A whole table as groups with Gaussian mixtures; names of its categories and numbers."""

    categories: list[str]
    numbers: list[str]
    groups: list[Group]

    @classmethod
    def fit(cls, columns: dict, schema: Schema, components: int, rng) -> GaussianGroups:
        """Read the columns of :meth:`Synthesizer._fit`; ``components`` at most for a group."""
        categories = [column.name for column in schema.columns if column.discrete]
        numbers = [column.name for column in schema.columns if not column.discrete]
        rows = len(columns[schema.names[0]])
        codes, values = _matrix(columns, categories, rows), _matrix(columns, numbers, rows)
        steps = np.array([grid_step(schema[name]) for name in numbers])
        groups, found = [], []
        for combination, members in Groups.fit(codes).rows(codes):
            spikes = [find_spikes(column) for column in values[members].T]
            state = states(values[members], spikes)
            for one_state, chosen in Groups.fit(state).rows(state):
                fixed = [spikes[j][k - 1] if k > 0 else np.nan for j, k in enumerate(one_state)]
                fixed, share = np.array(fixed, dtype=float), len(chosen) / rows
                groups.append(Group(combination, share, one_state, fixed, spikes, None))
                found.append(values[members][chosen][:, one_state == FREE])
        spread = _pooled_spread(groups, found)
        for group, members in zip(groups, found):
            free = group.free
            if free.any():
                own = members, steps[free], spread[free]
                group.mixture = Mixture.fit(*own, components, rng)
        return cls(categories, numbers, groups)

    def fits(self, schema: Schema) -> bool:
        """Whether every column is told in every group."""
        names, counts = [*self.categories, *self.numbers], (len(self.categories), len(self.numbers))
        discrete = [column.name for column in schema.columns if column.discrete]
        whole = self.categories == discrete and sorted(names) == sorted(schema.names)
        return whole and all(group.fits(*counts) for group in self.groups)

    def sample(self, n: int, given: dict, schema: Schema, rng: np.random.Generator) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them.

        Where no group can have all given cells, those that can have most of them stand in.
        """
        codes = np.array([given.get(name, ANY_CODE) for name in self.categories])
        wanted = np.array([given.get(name, ANY) for name in self.numbers])
        log_steps = np.array([log_step(schema[name], given.get(name, 0)) for name in self.numbers])
        parts = [group.condition(codes, wanted, log_steps) for group in self.groups]
        misses, weights, groups = zip(*parts)
        weights = np.where(np.array(misses) == min(misses), weights, -np.inf)
        shares = np.exp(weights - logsumexp(weights))
        counts = rng.multinomial(n, shares / shares.sum())
        drawn = [group.draw(count, wanted, rng) for group, count in zip(groups, counts)]
        values, order = np.vstack(drawn), rng.permutation(n)
        of_groups = [np.where(codes == ANY_CODE, group.codes, codes) for group in groups]
        codes = np.repeat(of_groups, counts, axis=0).astype(np.int32)
        return {name: codes[order, j] for j, name in enumerate(self.categories)} | {
            name: values[order, j] for j, name in enumerate(self.numbers)
        }


def _pooled_spread(groups: list[Group], found: list[np.ndarray]) -> np.ndarray:
    """Standard deviation (m,) of each number within the groups, over all that tell it."""
    squares, degrees = np.zeros((2, len(groups[0].state)))
    for group, values in zip(groups, found):
        squares[group.free] += len(values) * values.var(axis=0)
        degrees[group.free] += len(values) - 1
    return np.sqrt(squares / np.maximum(degrees, 1))


def _matrix(columns: dict, names: list[str], rows: int) -> np.ndarray:
    """Some columns side by side, (rows, names)."""
    return np.column_stack([columns[name] for name in names]) if names else np.zeros((rows, 0))


def states(values: np.ndarray, spikes: list[np.ndarray]) -> np.ndarray:
    """State of each entry of a matrix (n, m): -1 missing, 0 free, k at its column's k-th spike."""
    result = np.zeros(values.shape, dtype=np.int8)
    for column, found in enumerate(spikes):
        for number, value in enumerate(found, start=1):
            result[values[:, column] == value, column] = number
    result[np.isnan(values)] = MISSING
    return result
