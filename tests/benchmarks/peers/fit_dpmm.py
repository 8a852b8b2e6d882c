"""``python -m tests.benchmarks.peers.fit_dpmm FOLDER``: a private fit of a synthesizer of dpmm."""

from __future__ import annotations

import warnings
from importlib import metadata

import pandas as pd
from dpmm import pipelines

from tests.benchmarks.process import serve

LIBRARIES = ("dpmm", "opendp", "numpy", "pandas")
FOR_BINS = 0.1  # of epsilon; the library's default, but it would come on top of the budget
MISSING = "(missing)"


class Peer:
    """A pipeline of dpmm at its defaults: bins of numbers by a private tree over the known range,
    rare categories put together, the rest by the method asked for.

    A missing category is one category more. The library's own way, a column of its own for gaps,
    fills these with a cell of another row, which no budget pays for. Its noise has no seed.
    """

    epochs = None

    def __init__(self, request: dict, train: pd.DataFrame):
        self._seed, self._categories = request["seed"], request["categories"]
        gaps = {name: [MISSING] if train[name].isna().any() else [] for name in self._categories}
        self._domain = {
            name: {"lower": low, "upper": high} for name, (low, high) in request["ranges"].items()
        } | {
            name: {"categories": [*known, *gaps[name]]} for name, known in self._categories.items()
        }
        self._model = getattr(pipelines, f"{request['method']}Pipeline")(
            epsilon=request["epsilon"] - FOR_BINS,
            delta=request["delta"],
            proc_epsilon=FOR_BINS,
            n_jobs=request["threads"],
        )
        self.versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)

    def fit(self, table: pd.DataFrame) -> None:
        """Fit, bins included."""
        filled = table.fillna(dict.fromkeys(self._categories, MISSING))
        self._model.fit(filled, domain=self._domain, random_state=self._seed)

    def sample(self, n: int) -> pd.DataFrame:
        """Rows, as dpmm draws them."""
        rows = self._model.generate(n_records=n, random_state=self._seed)
        names = list(self._categories)
        return rows.assign(**rows[names].replace(MISSING, None))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(Peer)
