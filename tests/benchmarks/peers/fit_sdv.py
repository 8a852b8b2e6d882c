"""``python -m tests.benchmarks.peers.fit_sdv FOLDER``: one fit of a synthesizer of SDV."""

from __future__ import annotations

import warnings
from importlib import metadata

import numpy as np
import pandas as pd
import sdv.single_table
import torch
from sdv.metadata import Metadata

from tests.benchmarks.process import serve

LIBRARIES = ("sdv", "ctgan", "rdt", "copulas", "torch", "numpy", "pandas")
TABLE = "table"
KINDS = {
    "number": "numerical",
    "integer": "numerical",
    "category": "categorical",
    "boolean": "boolean",
}


class Peer:
    """A single-table synthesizer of SDV at its defaults, but for the epochs asked for.

    SDV has no seed: fitting draws from the global generators, which are seeded here, and each
    fitted model would sample one and the same stream, so its own state is seeded too.
    """

    def __init__(self, request: dict, train: pd.DataFrame):
        np.random.seed(request["seed"])
        torch.manual_seed(request["seed"])
        torch.set_num_threads(request["threads"])
        kinds = {name: {"sdtype": KINDS[kind]} for name, kind in request["kinds"].items()}
        self._seed, epochs = request["seed"], request["epochs"]
        self._model = getattr(sdv.single_table, f"{request['method']}Synthesizer")(
            Metadata.load_from_dict({"tables": {TABLE: {"columns": kinds}}, "relationships": []}),
            **({} if epochs is None else {"epochs": epochs}),
        )
        self.epochs = self._model.get_parameters().get("epochs")
        self.versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)

    def fit(self, table: pd.DataFrame) -> None:
        """Fit, preprocessing included."""
        self._model.fit({TABLE: table})
        self._model._set_random_state(self._seed)

    def sample(self, n: int) -> pd.DataFrame:
        """Rows, as SDV draws them."""
        return self._model.sample(n)[TABLE]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(Peer)
