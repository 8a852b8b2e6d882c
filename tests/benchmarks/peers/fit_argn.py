"""``python -m tests.benchmarks.peers.fit_argn FOLDER``: one fit of MOSTLY AI's TabularARGN."""

from __future__ import annotations

import warnings
from importlib import metadata

import pandas as pd
import torch
from mostlyai.engine import TabularARGN

from tests.benchmarks.process import serve

LIBRARIES = ("mostlyai-engine", "torch", "numpy", "pandas")
MINUTES = 10


class Peer:
    """An autoregressive network at its defaults (at most 100 epochs, it stops on held-out rows),
    but for its time, here at most :data:`MINUTES`.

    Its protection of rare values stays on, but they are replaced by other values of the column, not
    by a word of its own, which no table holds.
    """

    epochs = None

    def __init__(self, request: dict, train: pd.DataFrame):
        torch.set_num_threads(request["threads"])
        self._model = TabularARGN(
            max_training_time=MINUTES, device="cpu", random_state=request["seed"]
        )
        self._types = train.dtypes
        self.versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)

    def fit(self, table: pd.DataFrame) -> None:
        """Fit, encoding included."""
        self._model.fit(table)

    def sample(self, n: int) -> pd.DataFrame:
        """Rows with the types of the training table; integers with gaps become numbers."""
        rows = self._model.sample(n, rare_category_replacement_method="SAMPLE")
        for name, kind in self._types.items():
            gaps = kind.kind in "iu" and rows[name].isna().any()
            rows[name] = rows[name].astype("float64" if gaps else kind)
        return rows


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(Peer)
