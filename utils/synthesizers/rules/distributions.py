"""Named distributions for hand-written rules: categories, counts, amounts, dates, given earlier
columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy import stats

from utils.expressions import columns_of, evaluate
from utils.saving import savable
from utils.schema import EXACT
from utils.synthesizers.draws import draw_from_tables


@savable
@dataclass(frozen=True)
class Distribution:
    """One named distribution; made by the functions below, such as ``poisson(3)``.

    kind : a key of :data:`KINDS`.  parameters : numbers, or expressions over columns drawn earlier
    ("0.2 * Usage"). minimum, maximum : the distribution is cut off there (not clipped: no heap at
    the edge).
    decimals : digits kept; 0 makes whole numbers, None keeps all.  missing : share of empty cells.
    """

    kind: str
    parameters: dict = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    missing: float = 0.0

    def __post_init__(self):
        if not isinstance(self.missing, Real) or not 0 <= self.missing <= 1:
            raise ValueError(f"missing must be a share from 0 to 1, not {self.missing!r}.")
        for name, kind in (("minimum", Real), ("maximum", Real), ("decimals", Integral)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, kind) and value == value):
                what = "whole number" if kind is Integral else "number"
                raise ValueError(f"{name} must be a {what} or None, not {value!r}.")


KINDS = {
    "normal": lambda mean, deviation: stats.norm(mean, deviation),
    "lognormal": lambda median, sigma: stats.lognorm(sigma, scale=median),
    "gamma": lambda mean, shape: stats.gamma(shape, scale=np.asarray(mean) / shape),
    "uniform": lambda low, high: stats.uniform(low, np.asarray(high) - low),
    "poisson": lambda mean: stats.poisson(mean),
    "negative_binomial": lambda mean, shape: stats.nbinom(
        shape, shape / (shape + np.asarray(mean))
    ),
}
COUNTS = ("poisson", "negative_binomial")


def choice(shares: dict, missing: float = 0.0) -> Distribution:
    """A category; shares maps each value to its weight."""
    weights = list(shares.values()) if isinstance(shares, dict) else []
    numbers = all(isinstance(weight, Real) and 0 <= weight < np.inf for weight in weights)
    if not (numbers and sum(weights) > 0):
        raise ValueError(
            f"choice needs values with weights of 0 or more, at least one above 0; got {shares!r}."
        )
    return Distribution("choice", {"values": list(shares), "weights": weights}, missing=missing)


def by(column: str, distributions: dict) -> Distribution:
    """Another distribution for each value of a category drawn earlier; None is a missing one."""
    members = list(distributions.values()) if isinstance(distributions, dict) else [distributions]
    if not all(isinstance(member, Distribution) for member in members):
        raise ValueError(
            f"by({column!r}, ...) must map values to a Distribution each, not {distributions!r}."
        )
    parameters = {"column": column, "values": list(distributions), "distributions": members}
    return Distribution("by", parameters)


def normal(mean, deviation, minimum=None, maximum=None, decimals=None, missing=0.0) -> Distribution:
    """The bell curve, by mean and standard deviation."""
    return Distribution(
        "normal", {"mean": mean, "deviation": deviation}, minimum, maximum, decimals, missing
    )


def lognormal(
    median, sigma, minimum=None, maximum=None, decimals=None, missing=0.0
) -> Distribution:
    """Positive, skewed to the right: the logarithm is normal with standard deviation sigma."""
    return Distribution(
        "lognormal", {"median": median, "sigma": sigma}, minimum, maximum, decimals, missing
    )


def gamma(mean, shape, minimum=None, maximum=None, decimals=None, missing=0.0) -> Distribution:
    """Positive; shape 1 is the exponential distribution, larger is steadier."""
    return Distribution(
        "gamma", {"mean": mean, "shape": shape}, minimum, maximum, decimals, missing
    )


def uniform(low, high, decimals=None, missing=0.0) -> Distribution:
    """Every value from low to high alike; with decimals=0 whole numbers, both ends included."""
    half = _half_step(decimals)
    limits = [None if isinstance(limit, str) else limit for limit in (low, high)]
    first = f"({low}) - {half}" if isinstance(low, str) else low - half
    last = f"({high}) + {half}" if isinstance(high, str) else high + half
    return Distribution("uniform", {"low": first, "high": last}, *limits, decimals, missing)


def poisson(mean, minimum=None, maximum=None, missing=0.0) -> Distribution:
    """Counts of independent events."""
    return Distribution("poisson", {"mean": mean}, minimum, maximum, 0, missing)


def negative_binomial(mean, shape, minimum=None, maximum=None, missing=0.0) -> Distribution:
    """Counts with more spread than Poisson's: variance mean + mean**2 / shape."""
    return Distribution(
        "negative_binomial", {"mean": mean, "shape": shape}, minimum, maximum, 0, missing
    )


def dates(first: str, last: str, step: str = "D", missing: float = 0.0) -> Distribution:
    """A day between two days, both included, such as ``dates("2024-01-01", "2024-12-31")``.

    step : "D" for days, or the unit of times, such as "min", which are counted from the first one.
    """
    ends = [
        pd.Timestamp(end).normalize() if step == "D" else pd.Timestamp(end) for end in (first, last)
    ]
    if not ends[0] <= ends[1]:
        raise ValueError(
            f"dates needs a first day that is not after the last; got {first} and {last}."
        )
    parameters = {"first": ends[0].isoformat(), "last": ends[1].isoformat(), "step": step}
    return Distribution("dates", parameters, missing=missing)


def columns_needed(distribution: Distribution) -> set[str]:
    """Names of the columns that the distribution looks at; they must be drawn before."""
    if distribution.kind == "by":
        members = distribution.parameters["distributions"]
        return {distribution.parameters["column"]}.union(*map(columns_needed, members))
    parameters = distribution.parameters.values() if distribution.kind in KINDS else []
    return set().union(*(columns_of(value) for value in parameters if isinstance(value, str)))


def parts_of(distribution: Distribution) -> list[Distribution]:
    """The distribution itself, or all those between which a :func:`by` chooses."""
    if distribution.kind != "by":
        return [distribution]
    return [
        part for member in distribution.parameters["distributions"] for part in parts_of(member)
    ]


def _half_step(decimals) -> float:
    """What rounding to so many digits may add or take away."""
    return 0.0 if decimals is None else 0.5 * 10.0**-decimals


def _limits(distribution) -> tuple[float, float]:
    """The smallest and the largest value; of rounded ones, those within the cut."""
    low = -np.inf if distribution.minimum is None else distribution.minimum
    high = np.inf if distribution.maximum is None else distribution.maximum
    if distribution.decimals is not None:
        step = 2 * _half_step(distribution.decimals)
        first, last = np.round(low, distribution.decimals), np.round(high, distribution.decimals)
        low = first + step if first < low - step / 100 else low
        high = last - step if last > high + step / 100 else high
    return low, high


def _numbers(distribution, table):
    """The scipy distribution for every row, with the limits of its uniform score.

    Values that will be rounded are cut off half a step further out, so that the ends keep their
    whole share.
    """
    parameters = {
        name: evaluate(value, table) if isinstance(value, str) else value
        for name, value in distribution.parameters.items()
    }
    frozen = KINDS[distribution.kind](**parameters)
    below, above = (
        (1, 0) if distribution.kind in COUNTS else [_half_step(distribution.decimals)] * 2
    )
    low, high = _limits(distribution)
    return (
        frozen,
        0.0 if np.isneginf(low) else frozen.cdf(low - below),
        1.0 if np.isposinf(high) else frozen.cdf(high + above),
    )


def values_for(distribution, table, rng):
    """One value for each row of the table so far."""
    n = len(table)
    if distribution.kind == "by":
        return _values_by(distribution, table, rng)
    if distribution.kind == "choice":
        values = _choice(distribution, n, rng)
    elif distribution.kind == "dates":
        first, step, count = _calendar(distribution)
        values = pd.Series(first + pd.to_timedelta(step * rng.integers(count, size=n)))
    elif distribution.kind in KINDS:
        values = pd.Series(_truncated(distribution, table, n, rng))
    else:
        raise ValueError(
            f"There is no distribution {distribution.kind!r}. "
            f"Known: choice, by, dates, {', '.join(KINDS)}."
        )
    return values.mask(rng.random(n) < distribution.missing) if distribution.missing else values


def _calendar(distribution) -> tuple[pd.Timestamp, pd.Timedelta, int]:
    """The first day or time of :func:`dates`, the step between them, and how many there are."""
    first, last = (pd.Timestamp(distribution.parameters[end]) for end in ("first", "last"))
    step = pd.Timedelta(1, distribution.parameters["step"])
    return first, step, (last - first) // step + 1


def _choice(distribution, n, rng) -> pd.Series:
    values, weights = (
        distribution.parameters["values"],
        np.array(distribution.parameters["weights"], dtype=float),
    )
    pool = np.empty(len(values), dtype=object)
    pool[:] = values
    codes = draw_from_tables(weights[None, :], np.zeros(n, dtype=np.int64), rng)
    return pd.Series(pool[codes], dtype=object).infer_objects()


def _truncated(distribution, table, n, rng) -> np.ndarray:
    """By the inverse distribution function between the limits, so that a cut leaves no heap."""
    frozen, low, high = _numbers(distribution, table)
    values = np.broadcast_to(frozen.ppf(low + rng.random(n) * (high - low)), n)
    if distribution.decimals is not None:
        values = np.round(values, distribution.decimals)
    limits = _limits(distribution)
    values = np.clip(values, *limits)
    if not np.isfinite(values).all():
        raise ValueError(
            f"No {distribution.kind} number from {limits[0]} to {limits[1]} could be drawn with "
            f"the parameters {distribution.parameters}. See that the limits hold some of its "
            "probability, and that no parameter is missing or negative in any row."
        )
    whole = (
        distribution.decimals == 0
        and not distribution.missing
        and np.abs(values).max(initial=0) < EXACT
    )
    return values.astype(np.int64) if whole else values


def _values_by(distribution, table, rng):
    parameters, groups = distribution.parameters, table[distribution.parameters["column"]]
    branches = list(_branches(distribution, table))
    known = np.logical_or.reduce([np.zeros(len(table), bool), *(rows for rows, _ in branches)])
    if not known.all():
        raise ValueError(
            f"by({parameters['column']!r}, ...) has no distribution for "
            f"{groups[~known].iloc[0]!r}. It has: {', '.join(map(str, parameters['values']))}."
        )
    pieces = [
        pd.Series(
            np.asarray(values_for(part, table[rows].reset_index(drop=True), rng)),
            index=table.index[rows],
        )
        for rows, part in branches
    ]
    return (
        pd.concat([piece for piece in pieces if len(piece)]).sort_index(kind="stable")
        if len(table)
        else pieces[0]
    )


def _branches(distribution, table):
    """The rows (n,) of each value of a :func:`by`, with their distribution."""
    groups = table[distribution.parameters["column"]]
    for value, part in zip(
        distribution.parameters["values"], distribution.parameters["distributions"]
    ):
        rows = groups.isna() if pd.isna(value) else groups == value
        yield rows.to_numpy(dtype=bool), part


def log_probability(distribution, value, table, step: float = 0.0) -> np.ndarray:
    """Log of the probability (n,) that the cell of each row holds the value, given the columns
    before it; -inf where it cannot.

    value : as :func:`values_for` draws it; dates without a zone (a time of day counts as its day).
    step : the grid to which the column rounds what is drawn; 0 if it does not round.

    A missing cell has the share ``missing``. A number that is rounded has the mass of all that is
    rounded to it, within the cut. One that is not has its density times the gap to the next float,
    so that it weighs next to nothing beside the same number with a mass of its own.
    """
    if distribution.kind == "by":
        result = np.full(len(table), -np.inf)
        for rows, part in _branches(distribution, table):
            result[rows] = log_probability(part, value, table[rows], step)
        return result
    with np.errstate(divide="ignore", invalid="ignore"):
        if distribution.kind == "choice":
            mass = np.log(_share(distribution, value))
        elif pd.isna(value):
            mass = -np.inf
        elif distribution.kind == "dates":
            first, step, count = _calendar(distribution)
            mass = -np.log(count) if 0 <= (pd.Timestamp(value) - first) // step < count else -np.inf
        else:
            mass = _log_mass(distribution, value, table, step)
        present = np.log1p(-distribution.missing) + mass
        result = np.logaddexp(np.log(distribution.missing), present) if pd.isna(value) else present
    return np.broadcast_to(np.where(np.isnan(result), -np.inf, result), len(table))


def _share(distribution, value) -> float:
    """Share of a value, or of all missing ones, among those of a :func:`choice`."""
    values, weights = distribution.parameters["values"], distribution.parameters["weights"]
    if isinstance(value, pd.Timestamp):
        values = [pd.Timestamp(item).tz_localize(None) for item in values]
    equal = [
        pd.isna(item) if pd.isna(value) else not pd.isna(item) and item == value for item in values
    ]
    return np.dot(equal, weights) / np.sum(weights)


def _log_mass(distribution, value, table, step):
    """Log-probability of a number under a distribution of :data:`KINDS`, in each row or in all."""
    frozen, low, high = _numbers(distribution, table)
    own, (first, last) = _half_step(distribution.decimals), _limits(distribution)
    half = max(own, step / 2)
    first, last = max(value - half, first - own), min(value + half, last + own)
    on_grid = not own or np.isclose(np.round(value, distribution.decimals), value, rtol=1e-12)
    if first > last or not on_grid:
        return -np.inf
    if not half:
        mass = frozen.logpdf(value) + np.log(np.spacing(np.abs(value)))
    elif distribution.kind in COUNTS:
        mass = frozen.logpmf(value)
    else:  # in the upper half from above, because the distribution function ends in 0.999...
        from_below = frozen.cdf(last) - frozen.cdf(first)
        from_above = frozen.sf(first) - frozen.sf(last)
        mass = np.log(np.where(frozen.cdf(first) < 0.5, from_below, from_above))
        far_out = frozen.logpdf(value) + np.log(last - first)  # too little for a difference
        mass = np.where(np.isneginf(mass), far_out, mass)
    return np.where(high > low, np.minimum(mass - np.log(high - low), 0), -np.inf)
