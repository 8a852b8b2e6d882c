"""A whole table as one float32 matrix with entries in [0, 1], and back."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.dtypes import is_missing
from utils.encoding.columns import from_codes, from_float, to_codes, to_float
from utils.schema import Column, Schema, TableError, check_frame


def refuse_absent(table: pd.DataFrame, schema: Schema) -> None:
    """TableError for what is no table, or the first column of the schema that it lacks."""
    check_frame(table)
    absent = [name for name in schema.names if name not in table.columns]
    if absent:
        raise TableError(
            f"The table lacks the column {absent[0]!r}. Pass all of: {', '.join(schema.names)}."
        )


class TableEncoder:
    """A mixed table as a float32 matrix with entries in [0, 1], and back.

    Numbers, integers and dates are scaled by the range of the fitted table to one column each; a
    category or boolean gets one column a value (one-hot); a column with missing values gets one
    more that says so (a missing number stands at 0.5, its neutral middle). float32 has 24 bits:
    what is finer than a 16-millionth of the range does not come back.
    """

    def __init__(self, schema: Schema):
        self.schema = schema
        self.names = [name for column in schema.columns for name in self._block_names(column)]
        self.ranges_: dict[str, tuple[float, float]] | None = None

    def fit(self, table: pd.DataFrame) -> TableEncoder:
        """Learn the range of each number and date; a column that is all missing gets 0 to 1."""
        refuse_absent(table, self.schema)
        self.ranges_ = {
            column.name: _range_of(to_float(table[column.name], column))
            for column in self.schema.columns
            if not column.discrete
        }
        return self

    def _check_fitted(self) -> None:
        if self.ranges_ is None:
            raise TableError(
                "This encoder knows no ranges yet. Fit it first: TableEncoder(schema).fit(table)."
            )

    @staticmethod
    def _block_names(column: Column) -> list[str]:
        names = (
            [f"{column.name}={value}" for value in column.categories]
            if column.discrete
            else [column.name]
        )
        return names + ([f"{column.name} is missing"] if column.missing else [])

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """float32 (rows, len(self.names)); in [0, 1] for values within the fitted range.

        Raises TableError for a column that is lacking, a category that the schema does not know, or
        a missing value where it knows none.
        """
        self._check_fitted()
        refuse_absent(table, self.schema)
        return np.hstack(
            [self._encode(table[column.name], column) for column in self.schema.columns]
        )

    def _encode(self, values: pd.Series, column: Column) -> np.ndarray:
        width = len(self._block_names(column))
        block = np.zeros((len(values), width), dtype=np.float32)
        missing = is_missing(values)
        if not column.missing:
            _refuse(missing, values, column, "the value is missing")
        if column.discrete:
            codes = to_codes(values, column)
            unknown = (codes < 0) & ~missing
            _refuse(unknown, values, column, "the value is none of the categories of the schema")
            known = np.flatnonzero(~missing)
            block[known, codes[known]] = 1
        else:
            low, high = self.ranges_[column.name]
            scaled = (to_float(values, column) - low) / ((high - low) or 1.0)
            block[:, 0] = np.where(np.isnan(scaled), 0.5, scaled)
        if column.missing:
            block[:, -1] = missing
        return block

    def inverse_transform(self, matrix: np.ndarray) -> pd.DataFrame:
        """The table that a matrix of this encoder stands for: the largest entry of a one-hot block
        wins."""
        self._check_fitted()
        matrix = np.asarray(matrix)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.names):
            raise TableError(
                f"Expected a matrix with {len(self.names)} columns, got shape {matrix.shape}."
            )
        columns, start = {}, 0
        for column in self.schema.columns:
            width = len(self._block_names(column))
            columns[column.name] = self._decode(
                np.asarray(matrix[:, start : start + width], np.float64), column
            )
            start += width
        return pd.DataFrame(columns)

    def _decode(self, block: np.ndarray, column: Column):
        if column.discrete:
            codes = block.argmax(axis=1) if block.shape[1] else np.full(len(block), -1)
            return from_codes(np.where(codes == len(column.categories), -1, codes), column)
        low, high = self.ranges_[column.name]
        values = low + block[:, 0] * (high - low)
        return from_float(
            np.where(block[:, -1] > 0.5, np.nan, values) if column.missing else values, column
        )


def _refuse(rows: np.ndarray, values: pd.Series, column: Column, problem: str) -> None:
    """TableError for the first of these rows (bool (n,)), if there is any."""
    if rows.any():
        raise TableError(
            f"Column {column.name!r}, row {values.index[rows][0]}: {problem}. Correct it or drop "
            "the row."
        )


def _range_of(values: np.ndarray) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
