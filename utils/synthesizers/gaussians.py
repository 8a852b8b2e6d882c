"""Gaussian mixtures: fitted by expectation-maximisation, drawn from, conditioned."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture


def fit_gaussians(
    points: np.ndarray, components: int, seed: int, regularisation: float, steps: int = 100
) -> GaussianMixture:
    """scikit-learn's mixture of full Gaussians, fitted to points (n, m).

    Silent where EM has not converged after so many steps: the last percent of the likelihood is
    not worth more of them, and a bad start loses the comparison with other numbers of components.
    """
    model = GaussianMixture(components, reg_covar=regularisation, max_iter=steps, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(points)


def draw_gaussians(
    weights: np.ndarray,
    means: np.ndarray,
    covariances: np.ndarray,
    n: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """n points, float64 (n, m), and the component of each, int64 (n,), in random order.

    weights : (k,) of sum 1.  means : (k, m).  covariances : (k, m, m), possibly singular.
    """
    component = np.repeat(np.arange(len(weights)), rng.multinomial(n, weights / weights.sum()))
    noise, points = rng.standard_normal((n, means.shape[1])), np.empty((n, means.shape[1]))
    for k in np.unique(component):
        rows = component == k
        points[rows] = means[k] + noise[rows] @ _root(covariances[k]).T
    order = rng.permutation(n)
    return points[order], component[order]


def _root(covariance: np.ndarray) -> np.ndarray:
    """A matrix whose product with its transpose is the covariance, also where it is singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0))


def condition_gaussians(
    weights: np.ndarray,
    means: np.ndarray,
    covariances: np.ndarray,
    known: np.ndarray,
    point: np.ndarray,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Log-density of the known coordinates, and the mixture given them.

    known : bool (m,).  point : float64 (m,), used where known. By the conditional Gaussian of each
    component (Bishop 2006, section 2.3.1); what comes back has zero variance where known.
    """
    means, covariances, density = means.copy(), covariances.copy(), np.log(weights)
    for k in range(len(density)):
        within = covariances[k][np.ix_(known, known)]
        gain = np.linalg.solve(within, covariances[k][known]).T
        gap = point[known] - means[k][known]
        scatter = gap @ np.linalg.solve(within, gap) + np.linalg.slogdet(2 * np.pi * within)[1]
        density[k] -= 0.5 * scatter
        means[k] = means[k] + gain @ gap
        covariances[k] = covariances[k] - gain @ covariances[k][known]
    total = logsumexp(density)
    return float(total), np.exp(density - total), means, covariances
