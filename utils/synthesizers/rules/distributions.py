"""Named distributions for hand-written rules: categories, counts, amounts, dates, given earlier
columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from utils.expressions import evaluate
from utils.saving import savable
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
EXACT = 2**53  # float64 holds every whole number up to here


def choice(shares: dict, missing: float = 0.0) -> Distribution:
    """A category; shares maps each value to its weight."""
    if not shares or min(shares.values()) < 0 or not sum(shares.values()) > 0:
        raise ValueError(
            f"choice needs values with weights of 0 or more, at least one above 0; got {shares!r}."
        )
    return Distribution(
        "choice", {"values": list(shares), "weights": list(shares.values())}, missing=missing
    )


def by(column: str, distributions: dict) -> Distribution:
    """Another distribution for each value of a category drawn earlier."""
    return Distribution(
        "by",
        {
            "column": column,
            "values": list(distributions),
            "distributions": list(distributions.values()),
        },
    )


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


def dates(first: str, last: str) -> Distribution:
    """A day between two days, both included, such as ``dates("2024-01-01", "2024-12-31")``."""
    days = pd.date_range(first, last, freq="D", normalize=True)
    if not len(days):
        raise ValueError(
            f"dates needs a first day that is not after the last; got {first} and {last}."
        )
    return Distribution("dates", {"first": days[0].isoformat(), "last": days[-1].isoformat()})


def depends(distribution: Distribution) -> bool:
    """Whether the distribution looks at columns drawn before."""
    return distribution.kind == "by" or (
        distribution.kind in KINDS
        and any(isinstance(value, str) for value in distribution.parameters.values())
    )


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
    low = 0.0 if distribution.minimum is None else frozen.cdf(distribution.minimum - below)
    high = 1.0 if distribution.maximum is None else frozen.cdf(distribution.maximum + above)
    return frozen, low, high


def values_for(distribution, table, rng):
    """One value for each row of the table so far."""
    n = len(table)
    if distribution.kind == "by":
        return _values_by(distribution, table, rng)
    if distribution.kind == "choice":
        values = _choice(distribution, n, rng)
    elif distribution.kind == "dates":
        days = pd.date_range(
            distribution.parameters["first"], distribution.parameters["last"], freq="D"
        )
        values = pd.Series(days.to_numpy()[rng.integers(len(days), size=n)])
    elif distribution.kind in KINDS:
        values = pd.Series(_truncated(distribution, table, n, rng))
    else:
        raise ValueError(
            f"There is no distribution {distribution.kind!r}. Known: choice, by, dates, {', '.join(KINDS)}."
        )
    return values.mask(rng.random(n) < distribution.missing) if distribution.missing else values


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
    limits = (
        -np.inf if distribution.minimum is None else distribution.minimum,
        np.inf if distribution.maximum is None else distribution.maximum,
    )
    values = np.clip(values, *limits)
    if not np.isfinite(values).all():
        raise ValueError(
            f"No {distribution.kind} number from {limits[0]} to {limits[1]} could be drawn with the "
            f"parameters {distribution.parameters}. See that the limits hold some of its probability, "
            "and that no parameter is missing or negative in any row."
        )
    whole = (
        distribution.decimals == 0
        and not distribution.missing
        and np.abs(values).max(initial=0) < EXACT
    )
    return values.astype(np.int64) if whole else values


def _values_by(distribution, table, rng):
    parameters, groups = distribution.parameters, table[distribution.parameters["column"]]
    unknown = ~groups.isin(parameters["values"])
    if unknown.any():
        raise ValueError(
            f"by({parameters['column']!r}, ...) has no distribution for {groups[unknown].iloc[0]!r}. "
            f"It has: {', '.join(map(str, parameters['values']))}."
        )
    pieces = []
    for value, part in zip(parameters["values"], parameters["distributions"]):
        rows = table[groups == value]
        pieces.append(
            pd.Series(
                np.asarray(values_for(part, rows.reset_index(drop=True), rng)), index=rows.index
            )
        )
    return (
        pd.concat([piece for piece in pieces if len(piece)]).sort_index(kind="stable")
        if len(table)
        else pieces[0]
    )


def log_probability(distribution, value, table) -> np.ndarray:
    """Log-probability (or density) of a value in each row, given the columns before."""
    if distribution.kind == "by":
        return _log_probability_by(distribution, value, table)
    if pd.isna(value) or distribution.kind == "choice":
        values, weights = (distribution.parameters.get(key, []) for key in ("values", "weights"))
        share = (
            distribution.missing
            if pd.isna(value)
            else dict(zip(values, weights)).get(value, 0) / sum(weights)
        )
        return np.full(len(table), np.log(max(share, 1e-300)))
    if distribution.kind == "dates":
        return np.zeros(len(table))
    frozen, low, high = _numbers(distribution, table)
    log_density = frozen.logpmf(value) if distribution.kind in COUNTS else frozen.logpdf(value)
    return np.broadcast_to(log_density - np.log(np.maximum(high - low, 1e-300)), len(table))


def _log_probability_by(distribution, value, table):
    result, groups = np.full(len(table), -np.inf), table[distribution.parameters["column"]]
    for group, part in zip(
        distribution.parameters["values"], distribution.parameters["distributions"]
    ):
        rows = (groups == group).to_numpy()
        result[rows] = log_probability(part, value, table[rows])
    return result
