"""Gaussian mixtures given the category: the table falls into cells, and each cell gets a mixture of
its own.

A cell is one combination of categories together with the state of each number: missing, at a spike
(a value that far more rows share than its neighbours do, such as 0 minutes), or free. The free
numbers of a cell follow one mixture; BIC (Schwarz 1978) chooses how many components it has and
whether it lives on the plain or the log scale.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

SMALLEST_FIT = 12
MOST_TRIES = 50
REGULARISATION = 1e-3
MISSING, FREE = -1, 0


def states(values: np.ndarray, spikes: list[np.ndarray]) -> np.ndarray:
    """State of each entry of a matrix (n, m): -1 missing, 0 free, k at the k-th spike of its
    column; int8."""
    result = np.zeros(values.shape, dtype=np.int8)
    for column, found in enumerate(spikes):
        for number, value in enumerate(found, start=1):
            result[values[:, column] == value, column] = number
    result[np.isnan(values)] = MISSING
    return result


def fit_cell(
    values: np.ndarray,
    steps: np.ndarray,
    spread: np.ndarray,
    most_components: int,
    rng: np.random.Generator,
) -> dict:
    """Fit one mixture to the free numbers of a cell.

    values : float64 (n, m) without NaN.  steps : grid step of each column, 0 if continuous; numbers
    on a grid are blurred by half a step, so that a density exists.  spread : standard deviation of
    each column in the whole table, the scale used where the cell has too few rows for one of its
    own.
    """
    low, high = values.min(axis=0) - steps / 2, values.max(axis=0) + steps / 2
    blurred = values + (rng.random(values.shape) - 0.5) * steps
    offset = np.where(steps > 0, steps, 0.1 * values.std(axis=0)) + 1e-9
    cell = {"low": low, "high": high, "offset": offset}
    if len(values) < SMALLEST_FIT:
        scale = np.maximum(0.1 * spread, 1e-9)
        return cell | {
            "log": np.zeros(len(steps), dtype=bool),
            "centre": blurred.mean(axis=0),
            "scale": scale,
            "weights": np.ones(1),
            "means": np.zeros((1, len(steps))),
            "covariances": np.eye(len(steps))[None],
        }
    seed = int(rng.integers(2**31))
    cells = [
        _fit_mixture(blurred, cell | {"log": np.full(len(steps), log)}, most_components, seed)
        for log in (False, True)
    ]
    return min(cells, key=lambda fitted: fitted["bic"])


def _fit_mixture(blurred, cell, most_components, seed) -> dict:
    """The mixture with the lowest BIC on the cell's scale, and that BIC in the units of the
    table."""
    bent = bend(blurred, cell)
    centre, scale = bent.mean(axis=0), np.maximum(bent.std(axis=0), 1e-9)
    points = (bent - centre) / scale
    candidates = []
    with (
        warnings.catch_warnings()
    ):  # a start that has not converged simply loses the comparison by BIC
        warnings.simplefilter("ignore", ConvergenceWarning)
        for components in range(1, max(1, min(most_components, len(points) // SMALLEST_FIT)) + 1):
            model = GaussianMixture(components, reg_covar=REGULARISATION, random_state=seed)
            candidates.append(model.fit(points))
    best = min(candidates, key=lambda model: model.bic(points))
    stretch = (
        len(points) * np.log(scale).sum() + (bent * cell["log"]).sum()
    )  # log of |d table / d points|
    return cell | {
        "centre": centre,
        "scale": scale,
        "weights": best.weights_,
        "means": best.means_,
        "covariances": best.covariances_,
        "bic": best.bic(points) + 2 * stretch,
    }


def bend(values: np.ndarray, cell: dict) -> np.ndarray:
    """The plain scale, or the log of the distance from the cell's lower end, as the cell says."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(cell["log"], np.log(values - cell["low"] + cell["offset"]), values)


def unbend(values: np.ndarray, cell: dict) -> np.ndarray:
    """The inverse of :func:`bend`."""
    with np.errstate(over="ignore"):
        return np.where(cell["log"], np.exp(values) - cell["offset"] + cell["low"], values)


def condition(cell: dict, known: np.ndarray, values: np.ndarray) -> tuple[float, dict]:
    """The mixture of the unknown columns given the known ones, and the log-density of what is
    known.

    known : bool (m,).  values : float64 (m,), used where known. By the conditional Gaussian of each
    component (Bishop 2006, section 2.3.1). The cell that comes back has zero variance in the known
    columns.
    """
    point = (bend(values, cell) - cell["centre"]) / cell["scale"]
    if not known.any():
        return 0.0, cell
    if not np.isfinite(point[known]).all():
        return -np.inf, cell
    means, covariances, density = (
        cell["means"].copy(),
        cell["covariances"].copy(),
        np.log(cell["weights"]),
    )
    for k in range(len(density)):
        within = covariances[k][np.ix_(known, known)]
        gain = np.linalg.solve(within, covariances[k][known]).T
        gap = point[known] - means[k][known]
        density[k] += -0.5 * (
            gap @ np.linalg.solve(within, gap) + np.linalg.slogdet(2 * np.pi * within)[1]
        )
        means[k] = means[k] + gain @ gap
        covariances[k] = covariances[k] - gain @ covariances[k][known]
    total = logsumexp(density)
    slope = (
        np.where(cell["log"], 1 / np.maximum(values - cell["low"] + cell["offset"], 1e-300), 1.0)
        / cell["scale"]
    )
    changed = cell | {
        "weights": np.exp(density - total),
        "means": means,
        "covariances": covariances,
    }
    return total + float(np.log(slope[known]).sum()), changed


def draw(cell: dict, n: int, known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """n rows (n, m) from the cell's mixture inside the range of the cell; draws outside are drawn
    again."""
    factors = [_root(covariance) for covariance in cell["covariances"]]
    result, waiting = np.empty((n, len(cell["low"]))), np.arange(n)
    for _ in range(MOST_TRIES):
        result[waiting] = unbend(_normal(cell, factors, len(waiting), rng), cell)
        inside = (result[waiting] >= cell["low"]) & (result[waiting] <= cell["high"])
        waiting = waiting[~(inside | known).all(axis=1)]
        if not len(waiting):
            break
    return result  # the few rows still outside after many tries are clipped by the schema


def _normal(cell, factors, n, rng):
    component = np.repeat(
        np.arange(len(factors)), rng.multinomial(n, cell["weights"] / cell["weights"].sum())
    )
    noise, points = rng.standard_normal((n, len(cell["low"]))), np.empty((n, len(cell["low"])))
    for k, factor in enumerate(factors):
        rows = component == k
        points[rows] = cell["means"][k] + noise[rows] @ factor.T
    return rng.permutation(points) * cell["scale"] + cell["centre"]


def _root(covariance):
    """A matrix whose product with its transpose is the covariance, also where it is singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0))
