"""``python -m tests.benchmarks.fit_course FOLDER``: one fit of a generator of the course, or the
control."""

from __future__ import annotations

from importlib import import_module, metadata

import pandas as pd

from tests.benchmarks.control import Control
from tests.benchmarks.process import serve
from tests.benchmarks.source import modules_behind
from tests.benchmarks.tables import TABLES
from utils.results import CONTROL
from utils.session import start_lesson
from utils.synthesizers import SYNTHESIZERS

LIBRARIES = ("numpy", "pandas", "scikit-learn")
NEURAL_LIBRARIES = ("tensorflow", "keras")
METHODS = SYNTHESIZERS | {CONTROL: Control}


class CourseMethod:
    """A generator of the course at its defaults, but for the seed and the epochs asked for."""

    def __init__(self, request: dict, train: pd.DataFrame):
        method, epochs = METHODS[request["method"]], request["epochs"]
        self._schema, self._rows = TABLES[request["table"]].schema(train), len(train)
        self._model = method(
            random_state=request["seed"], **({} if epochs is None else {"epochs": epochs})
        )
        neural = "utils.training" in modules_behind(method.__module__)
        if neural:
            import_module("keras")  # seconds to fit are not seconds to load TensorFlow
        libraries = LIBRARIES + (NEURAL_LIBRARIES if neural else ())
        self.versions = ", ".join(f"{name} {metadata.version(name)}" for name in libraries)

    def fit(self, table: pd.DataFrame) -> None:
        """Fit with the schema of the table that the request names."""
        self._model.fit(table, schema=self._schema)

    def sample(self, n: int) -> pd.DataFrame:
        """Rows, as the generator draws them."""
        return self._model.sample(n)

    @property
    def epochs(self) -> float | None:
        """Rows that training saw, in passes over the table: ``epochs`` may be None or stop
        early."""
        if not hasattr(self._model, "history_"):
            return None
        batch = min(self._model.batch_size, self._rows)
        return round(self._model.history.steps * batch / self._rows, 2)


if __name__ == "__main__":
    start_lesson()
    serve(CourseMethod)
