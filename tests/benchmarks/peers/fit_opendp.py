"""``python -m tests.benchmarks.peers.fit_opendp FOLDER``: a private fit of OpenDP."""

from __future__ import annotations

import warnings
from importlib import metadata

import numpy as np
import opendp.prelude as dp
import pandas as pd
import polars as pl

from tests.benchmarks.process import serve

LIBRARIES = ("opendp", "mbi", "numpy", "polars")
BINS = 16  # over the known range; the library asks for cuts and has no default


class Peer:
    """A contingency table of OpenDP, by the algorithm asked for at its defaults.

    It is told the rho that (epsilon, delta) allow. All known limits are cuts, because a bin that is
    open at one end is drawn as a bin of width one; what falls outside is moved to the limit. Its
    noise has no seed.
    """

    epochs = None

    def __init__(self, request: dict, train: pd.DataFrame):
        dp.enable_features("contrib")
        self._seed, self._rho, self._ranges = request["seed"], request["rho"], request["ranges"]
        self._keys = request["categories"]
        self._cuts = {name: cuts(*limits) for name, limits in self._ranges.items()}
        self._algorithm = getattr(dp.mbi, request["method"])()
        self._types = train.dtypes
        self.versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)

    def fit(self, table: pd.DataFrame) -> None:
        """Count with noise, and estimate."""
        context = dp.Context.compositor(
            data=pl.from_pandas(table).lazy(),
            privacy_unit=dp.unit_of(contributions=1),
            privacy_loss=dp.loss_of(rho=self._rho),
        )
        query = context.query(rho=self._rho).select(*table.columns)
        self._table = query.contingency_table(
            keys=self._keys, cuts=self._cuts, algorithm=self._algorithm
        ).release()

    def sample(self, n: int) -> pd.DataFrame:
        """Rows, as OpenDP draws them, numbers within their limits."""
        np.random.seed(self._seed)
        rows = self._table.synthesize(n).to_pandas()[list(self._types.index)]
        limited = {name: rows[name].clip(*limits) for name, limits in self._ranges.items()}
        return rows.assign(**limited).astype(self._types)


def cuts(low: int, high: int) -> list[int]:
    """Upper ends of bins of whole numbers, chosen without the rows: each bin is wider than the one
    before by the same factor, as suits counts, and the first is empty."""
    widening = np.geomspace(1, high - low + 2, BINS + 1)
    return np.unique(widening.round().astype(int) + low - 2).tolist()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(Peer)
