"""``python -m tests.benchmarks.fit_course FOLDER``: one fit of a generator of the course."""

from __future__ import annotations

from importlib import import_module, metadata

import pandas as pd

from tests.benchmarks.process import serve
from tests.benchmarks.source import modules_behind
from utils.session import start_lesson
from utils.synthesizers import SYNTHESIZERS
from utils.tables import adult_schema, flights_schema, screentime_schema

LIBRARIES = ("numpy", "pandas", "scikit-learn")
NEURAL_LIBRARIES = ("tensorflow", "keras")
# table of the race: what its columns are, learned from the rows to fit
SCHEMAS = {"screen time": screentime_schema, "Adult": adult_schema, "flights": flights_schema}


class CourseMethod:
    """A generator of the course at its defaults, but for the seed and the epochs asked for."""

    def __init__(self, request: dict, train: pd.DataFrame):
        method, epochs = SYNTHESIZERS[request["method"]], request["epochs"]
        self._schema = SCHEMAS[request["table"]](train)
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
        """Passes over the table that were made: fewer than allowed when training stopped early."""
        if not hasattr(self._model, "history_"):
            return None
        history = self._model.history
        epochs = self._model.epochs or self._model.passes
        return round(epochs * history.steps / max(history.total_steps, 1), 2)


if __name__ == "__main__":
    start_lesson()
    serve(CourseMethod)
