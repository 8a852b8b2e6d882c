"""What the metrics share: tables as numbers that mean the same on both sides, and one boosted
judge."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from utils.encoding import to_float
from utils.schema import Column, Schema, TableError

MOST_CATEGORIES = 255  # what histogram boosting can hold in one categorical feature


def check_tables(schema: Schema, **tables: pd.DataFrame) -> None:
    """Raise TableError when a table is empty or lacks a column of the schema; the message names the
    table."""
    for role, table in tables.items():
        if not isinstance(table, pd.DataFrame):
            raise TableError(
                f"The {role} table is a {type(table).__name__}, not a pandas DataFrame."
            )
        if len(table) == 0:
            raise TableError(
                f"The {role} table has no rows, so nothing can be scored. Pass one or more."
            )
        lacking = [name for name in schema.names if name not in table.columns]
        if lacking:
            raise TableError(
                f"The {role} table lacks the column {lacking[0]!r}. Sample all columns of the "
                "schema, or score fewer with schema.select([...])."
            )


def as_floats(values: pd.Series, column: Column) -> np.ndarray:
    """A number, integer or date column as float64 (n,), NaN if missing; TableError for other or
    infinite values."""
    try:
        floats = to_float(values, column)
    except (AttributeError, TypeError, ValueError):
        raise TableError(
            f"Column {column.name!r} should hold {column.kind} values but holds {values.dtype}. "
            "Convert it first, for instance with pd.to_numeric or pd.to_datetime."
        ) from None
    if np.isinf(floats).any():
        raise TableError(
            f"Column {column.name!r} holds an infinite value in row "
            f"{values.index[np.isinf(floats)][0]}. Replace it by a number or leave the cell empty."
        )
    return floats


def shared_codes(parts: list[pd.Series], most: int | None = None) -> list[np.ndarray]:
    """Give equal values equal codes across several columns.

    Returns one int64 array (n,) a part: 0, 1, ... for values, -1 for missing. With ``most``, values
    beyond the most frequent ``most - 1`` share one last code.
    """
    together = np.concatenate([part.to_numpy(dtype=object) for part in parts])
    codes, values = pd.factorize(together)
    if most is not None and len(values) > most:
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        rank = np.empty(len(values), dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(values))
        codes = np.where(codes >= 0, np.minimum(rank[codes], most - 1), -1)
    return np.split(codes.astype(np.int64), np.cumsum([len(part) for part in parts])[:-1])


def feature_matrices(
    tables: list[pd.DataFrame], schema: Schema
) -> tuple[list[np.ndarray], list[bool]]:
    """The tables as float64 matrices (rows, columns) for boosted trees, and which columns are
    categories.

    Dates become numbers, categories become codes shared by all tables, missing stays NaN.
    """
    blocks = [
        _feature(column, [table[column.name] for table in tables]) for column in schema.columns
    ]
    matrices = [np.column_stack([block[part] for block in blocks]) for part in range(len(tables))]
    return matrices, [column.discrete for column in schema.columns]


def _feature(column: Column, parts: list[pd.Series]) -> list[np.ndarray]:
    if not column.discrete:
        return [as_floats(part, column) for part in parts]
    return [np.where(codes < 0, np.nan, codes) for codes in shared_codes(parts, MOST_CATEGORIES)]


def boosted_trees(
    task: str,
    categorical: list[bool],
    random_state: int,
    rounds: int = 100,
    early_stopping: bool | str = False,
):
    """Histogram gradient boosting with scikit-learn's defaults (100 rounds, rate 0.1).

    task : "classify" or "regress".  categorical : which features are categories.
    early_stopping : off, because scikit-learn's "auto" switches it on above 10,000 rows only and
    then fails on a class with a single row; a test of two equally large tables can use "auto".
    """
    model = HistGradientBoostingClassifier if task == "classify" else HistGradientBoostingRegressor
    return model(
        max_iter=rounds,
        early_stopping=early_stopping,
        categorical_features=categorical,
        random_state=random_state,
    )


def one_thread(function):
    """Decorator: OpenMP may use one thread. Two that compete for a busy core wait for each other at
    every node of every tree; the same scores then took more than ten times as long.
    """
    return threadpool_limits.wrap(limits=1, user_api="openmp")(function)
