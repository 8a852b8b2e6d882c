"""Where the rows of a table lie in latent space: a Gaussian mixture for each stratum.

A variational autoencoder is trained towards N(0, I), but the clouds of its training rows never fill
that evenly: points drawn from the gaps decode to rows that do not exist. The mixture follows the
clouds.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

DRAWS = 2_000
ROWS_PER_PARAMETER = 1
STEPS = 50
REGULARISATION = 1e-4


def fit(
    means: np.ndarray,
    log_variances: np.ndarray,
    strata: np.ndarray,
    components: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Fit mixtures to points drawn from the rows' clouds.

    means, log_variances : float32 (n, latent).  strata : int32 (n,).  components : the most a
    stratum gets; each needs as many rows as it has parameters.

    Returns {"strata": int32 (k,), "weights": (k,) of sum 1, "means": (k, latent), "roots": (k,
    latent, latent)}, all components of all strata; a root times its transpose is a covariance.
    """
    parts = []
    for stratum in np.unique(strata):
        rows = strata == stratum
        mixture = _fit(means[rows], np.exp(log_variances[rows] / 2), components, rng)
        parts.append(
            {
                "strata": np.full(len(mixture.weights_), stratum, np.int32),
                "weights": rows.mean() * mixture.weights_,
                "means": mixture.means_,
                "roots": np.linalg.cholesky(mixture.covariances_),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _fit(means, deviations, components, rng):
    repeats = -(-DRAWS // len(means))
    noise = rng.standard_normal((repeats * len(means), means.shape[1]))
    points = np.tile(means, (repeats, 1)) + np.tile(deviations, (repeats, 1)) * noise
    parameters = means.shape[1] * (means.shape[1] + 3) // 2
    count = max(1, min(components, len(means) // (ROWS_PER_PARAMETER * parameters)))
    seed = int(rng.integers(2**31))
    with warnings.catch_warnings():  # the last percent of likelihood is not worth more steps
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(
            count, reg_covar=REGULARISATION, max_iter=STEPS, random_state=seed
        ).fit(points)


def of_stratum(prior: dict[str, np.ndarray], stratum: int | None) -> dict[str, np.ndarray]:
    """The components of one stratum; all of them for None. ValueError for a stratum without
    rows."""
    rows = np.ones(len(prior["strata"]), bool) if stratum is None else prior["strata"] == stratum
    if not rows.any():
        raise ValueError(
            "No training row had the given value of the target. Ask for one that occurs."
        )
    return {name: values[rows] for name, values in prior.items()}


def draw(
    prior: dict[str, np.ndarray], n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 (n, latent) and their strata int32 (n,), in random order."""
    counts = rng.multinomial(n, prior["weights"] / prior["weights"].sum())
    parts = [
        mean + rng.standard_normal((count, len(mean)), dtype=np.float32) @ root.T.astype(np.float32)
        for count, mean, root in zip(counts, prior["means"].astype(np.float32), prior["roots"])
    ]
    order = rng.permutation(n)
    return np.concatenate(parts)[order], np.repeat(prior["strata"], counts)[order]
