"""Where the rows of a table lie in latent space: a Gaussian mixture for each stratum.

A variational autoencoder is trained towards N(0, I), but the clouds of its training rows never fill
that evenly: points drawn from the gaps decode to rows that do not exist. The mixture follows the
clouds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from utils.saving import savable
from utils.synthesizers.gaussians import draw_gaussians, fit_gaussians

DRAWS = 2_000
STEPS = 50
REGULARISATION = 1e-4


@savable
@dataclass
class LatentPrior:
    """The components of all strata, one after the other.

    strata : int32 (k,).  weights : float64 (k,), of sum 1.  means : (k, latent).  covariances : (k,
    latent, latent).
    """

    strata: Annotated[np.ndarray, "int k"]
    weights: Annotated[np.ndarray, "share k"]
    means: Annotated[np.ndarray, "float k m"]
    covariances: Annotated[np.ndarray, "float k m m"]

    @classmethod
    def fit(cls, means, log_variances, strata, components: int, rng) -> LatentPrior:
        """Fit mixtures to points drawn from the rows' clouds.

        means, log_variances : float32 (n, latent).  strata : int32 (n,).  components : the most a
        stratum gets; each needs as many rows as it has parameters.
        """
        parts = []
        for stratum in np.unique(strata):
            rows = strata == stratum
            deviations = np.exp(log_variances[rows] / 2)
            found = _fit_stratum(means[rows], deviations, components, rng)
            weights = rows.mean() * found.weights_
            number = np.full(len(weights), stratum, np.int32)
            parts.append((number, weights, found.means_, found.covariances_))
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts)))

    def of_stratum(self, stratum: int) -> LatentPrior:
        """The components of one stratum."""
        rows = self.strata == stratum
        parts = self.strata, self.weights, self.means, self.covariances
        return LatentPrior(*(values[rows] for values in parts))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Points float32 (n, latent) and their strata int32 (n,), in random order."""
        points, component = draw_gaussians(self.weights, self.means, self.covariances, n, rng)
        return points.astype(np.float32), self.strata[component]


def _fit_stratum(means, deviations, components, rng):
    repeats = -(-DRAWS // len(means))
    noise = rng.standard_normal((repeats * len(means), means.shape[1]))
    points = np.tile(means, (repeats, 1)) + np.tile(deviations, (repeats, 1)) * noise
    parameters = means.shape[1] * (means.shape[1] + 3) // 2
    count = max(1, min(components, len(means) // parameters))
    return fit_gaussians(points, count, int(rng.integers(2**31)), REGULARISATION, STEPS)
