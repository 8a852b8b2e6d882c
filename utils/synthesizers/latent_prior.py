"""The aggregated posterior of a variational autoencoder, as a Gaussian mixture for each stratum."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

DRAWS = 2_000
ROWS_PER_PARAMETER = 4
KIND = "full"


def fit(means, log_variances, strata, components, rng):
    parts = [_fit(means[strata == s], log_variances[strata == s], components, rng) for s in range(strata.max() + 1) if (strata == s).any()]
    shares = [(strata == s).mean() for s in np.unique(strata)]
    return {
        "strata": np.concatenate([np.full(len(p.weights_), s, np.int32) for s, p in zip(np.unique(strata), parts)]),
        "weights": np.concatenate([share * p.weights_ for share, p in zip(shares, parts)]),
        "means": np.concatenate([p.means_ for p in parts]),
        "roots": np.concatenate([np.linalg.cholesky(p.covariances_) if KIND == "full" else np.array([np.diag(np.sqrt(c)) for c in p.covariances_]) for p in parts]),
    }


def _fit(means, log_variances, components, rng):
    repeats = -(-DRAWS // len(means))
    means, deviations = np.repeat(means, repeats, axis=0), np.repeat(np.exp(log_variances / 2), repeats, axis=0)
    points = means + deviations * rng.standard_normal(means.shape)
    most = max(1, min(components, len(means) // repeats // (ROWS_PER_PARAMETER * means.shape[1] * (means.shape[1] + 3) // 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(most, covariance_type=KIND, reg_covar=1e-4, max_iter=50, random_state=int(rng.integers(2**31))).fit(points)


def only(prior, stratum):
    rows = prior["strata"] == stratum
    if not rows.any():
        raise ValueError
    return {name: value[rows] for name, value in prior.items()}


def draw(prior, n, rng):
    counts = rng.multinomial(n, prior["weights"] / prior["weights"].sum())
    points = np.concatenate([mean + rng.standard_normal((count, len(mean))) @ root.T
        for count, mean, root in zip(counts, prior["means"], prior["roots"])])
    order = rng.permutation(n)
    return points[order].astype(np.float32), np.repeat(prior["strata"], counts)[order]
