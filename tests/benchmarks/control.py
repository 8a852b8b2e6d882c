"""The control that stands beside every network on screen time: counting, and no learning."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from utils.schema import Schema

SHRINKAGE = 10  # rows that the correlations of the whole table weigh beside those of an app


class Control:
    """Numbers of a table whose target is a category: what twenty lines reach without any model.

    Within each group, counts on a log scale have smooth margins (quantiles with a normal kernel of
    the rule-of-thumb width, Silverman 1986, shrunk so that the spread stays), and normal scores
    with one correlation matrix, shrunk towards that of all rows. Groups come in their shares.
    """

    def __init__(self, random_state: int = 0):
        self.random_state = random_state

    def fit(self, table: pd.DataFrame, schema: Schema) -> Control:
        """Count."""
        self._table, self._group = table, schema.target
        self._numbers = [name for name in schema.names if name != schema.target]
        rng = np.random.default_rng(self.random_state)
        groups = {
            name: rows[self._numbers].to_numpy(np.float64)
            for name, rows in table.groupby(schema.target)
        }
        self._logs = {name: np.sort(np.log1p(rows), axis=0) for name, rows in groups.items()}
        scores = {name: _normal_scores(rows, rng) for name, rows in groups.items()}
        pooled = np.corrcoef(np.vstack(list(scores.values())).T)
        self._correlations = {
            name: (len(rows) * np.corrcoef(rows.T) + SHRINKAGE * pooled) / (len(rows) + SHRINKAGE)
            for name, rows in scores.items()
        }
        return self

    def sample(self, n: int) -> pd.DataFrame:
        """n rows."""
        rng = np.random.default_rng([self.random_state, n])
        groups = rng.choice(self._table[self._group].to_numpy(), n)
        numbers = np.empty((n, len(self._numbers)))
        for name, logs in self._logs.items():
            chosen = groups == name
            scores = rng.multivariate_normal(
                np.zeros(len(self._numbers)), self._correlations[name], chosen.sum()
            )
            numbers[chosen] = np.column_stack(
                [_smooth(*column, rng) for column in zip(logs.T, ndtr(scores).T)]
            )
        drawn = pd.DataFrame(np.rint(np.expm1(numbers)).clip(0), columns=self._numbers)
        return drawn.assign(**{self._group: groups})[list(self._table)].astype(self._table.dtypes)


def _normal_scores(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ranks in each column as normal quantiles; ties fall by chance."""
    ranks = rankdata(rows + rng.random(rows.shape) - 0.5, axis=0)
    return ndtri((ranks - 0.5) / len(rows))


def _smooth(values: np.ndarray, chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Quantiles of sorted values at these chances, with a kernel around them."""
    quantiles = np.interp(chances * len(values) - 0.5, np.arange(len(values)), values)
    spread, (low, high) = values.std(ddof=1), np.quantile(values, [0.25, 0.75])
    width = 0.9 * min(spread, (high - low) / 1.34 or spread) * len(values) ** -0.2
    moved = quantiles + width * rng.standard_normal(len(chances)) - values.mean()
    return values.mean() + moved / np.sqrt(1 + (width / (values.std() or 1.0)) ** 2)
