"""A whole table as codes: one small whole number a cell, for networks that see every column as
categories."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from utils.encoding.bins import QuantileBins
from utils.encoding.columns import array_dtype, is_absent
from utils.encoding.groups import ROWS_PER_BIN
from utils.encoding.spikes import FEW_VALUES
from utils.saving import savable
from utils.schema import Column, Schema


def count_of_bins(rows: int, most: int) -> int:
    """Bins of a number in a table of so many rows: one for 12 rows, but never below 16.

    So a column of 16 values keeps each, however few the rows.  most : to stay below in any case.
    """
    return min(most, max(rows // ROWS_PER_BIN, FEW_VALUES))


def spans(sizes: Collection[int]) -> list[slice]:
    """Where blocks of such sizes lie when they stand side by side."""
    ends = np.cumsum(sizes, dtype=int).tolist()
    return [slice(end - int(size), end) for end, size in zip(ends, sizes)]


@savable
@dataclass
class TableCodes:
    """Every column as codes 0 .. size - 1: categories as they are, numbers in quantile bins.

    A column with missing values has one code more, its last, for these. A column with nothing but
    missing values has size 1.

    names : the columns in order.  sizes : int (d,), codes of each column.  missing : bool (d,).
    bins : QuantileBins of each column of numbers that has any.
    """

    names: list[str]
    sizes: Annotated[np.ndarray, "int d"]
    missing: Annotated[np.ndarray, "bool d"]
    bins: dict[str, QuantileBins]

    @classmethod
    def fit(cls, columns: dict[str, np.ndarray], schema: Schema, most_bins: int = 64) -> TableCodes:
        """Make codes for the columns of :meth:`Synthesizer._fit` (int32 codes with -1, float64 with
        NaN), with at most ``most_bins`` for a number."""
        bins = {
            column.name: QuantileBins.fit(known, most_bins)
            for column in schema.columns
            if not column.discrete
            and len(known := columns[column.name][~np.isnan(columns[column.name])])
        }
        values = np.array([_values(column, bins) for column in schema.columns], dtype=int)
        missing = [bool(is_absent(columns[name]).any()) for name in schema.names]
        missing = np.array(missing, dtype=bool) | (values == 0)
        return cls(schema.names, values + missing, missing, bins)

    def fits(self, schema: Schema) -> bool:
        """Whether these are codes of just the columns of the schema; those of a file may not be."""
        values = np.array([_values(column, self.bins) for column in schema.columns], dtype=int)
        as_counted = np.array_equal(self.sizes, values + self.missing)
        return self.names == schema.names and as_counted and bool((self.sizes > 0).all())

    @property
    def spans(self) -> list[slice]:
        """Where each column's codes lie when those of all columns stand side by side."""
        return spans(self.sizes)

    def encode(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Codes, int32 (n, d); ValueError for a missing value in a column that had none in fit."""
        nothing = np.zeros((len(next(iter(columns.values()))), 0), np.int32)
        return np.column_stack(
            [nothing, *(self._encode(name, columns[name]) for name in self.names)]
        )

    def encode_given(self, given: dict) -> dict[int, int]:
        """Conditions as {position of the column: code}."""
        return {
            self.names.index(name): int(self._encode(name, np.array([value]))[0])
            for name, value in given.items()
        }

    def _encode(self, name, values):
        place = self.names.index(name)
        if values.dtype.kind == "f":
            values = (
                self.bins[name].encode(values) if name in self.bins else np.full(len(values), -1)
            )
        absent = values < 0
        if absent.any() and not self.missing[place]:
            raise ValueError(
                f"Column {name!r} had no missing values in training, so none can be encoded."
            )
        return np.where(absent, self.sizes[place] - 1, values).astype(np.int32)

    def decode(
        self, codes: np.ndarray, schema: Schema, given: dict, rng: np.random.Generator
    ) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them, with the given values exactly."""
        return {
            column.name: self._decode(column, codes[:, place], self.missing[place], given, rng)
            for place, column in enumerate(schema.columns)
        }

    def _decode(self, column: Column, codes, missing, given, rng):
        if column.name in given:
            return np.full(len(codes), given[column.name], dtype=array_dtype(column))
        if missing:
            codes = np.where(codes == self.sizes[self.names.index(column.name)] - 1, -1, codes)
        if column.discrete:
            return codes.astype(np.int32)
        bins = self.bins.get(column.name)
        return np.full(len(codes), np.nan) if bins is None else bins.draw(codes, rng)


def _values(column: Column, bins: dict) -> int:
    return len(column.categories) if column.discrete else len(bins.get(column.name, ()))
