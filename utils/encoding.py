"""From a mixed table to numbers and back: codes for categories, floats for numbers and dates, one float32 matrix."""
from __future__ import annotations

import numpy as np
import pandas as pd

from utils.schema import Column, Schema, TableError

NANOSECONDS = {"D": 86_400_000_000_000, "s": 1_000_000_000, "ns": 1}


def to_float(values: pd.Series, column: Column) -> np.ndarray:
    """Numbers, integers and dates as float64 (n,); missing is NaN; dates count units of their resolution since 1970."""
    if column.kind != "date":
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    dates = values if values.dt.tz is None else values.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = dates.astype("datetime64[ns]").to_numpy().astype(np.int64) / NANOSECONDS[column.resolution]
    return np.where(values.isna().to_numpy(), np.nan, ticks)


def float_range(column: Column) -> tuple[float, float]:
    """The closed range of a numeric or date column on the scale of :func:`to_float`; (nan, nan) if all is missing."""
    if column.minimum is None:
        return np.nan, np.nan
    if column.kind == "date":
        low, high = (pd.Timestamp(limit).value / NANOSECONDS[column.resolution]
                     for limit in (column.minimum, column.maximum))
        return low, high
    return float(column.minimum), float(column.maximum)


def grid_step(column: Column) -> float:
    """Distance between neighbouring values: 1 for integers and dates, 10**-decimals for numbers, 0 if continuous."""
    if column.kind in ("integer", "date"):
        return 1.0
    return 0.0 if column.decimals is None else 10.0 ** -column.decimals


def from_float(values: np.ndarray, column: Column):
    """The inverse of :func:`to_float`: clipped to the column's range, rounded to its grid, in its dtype.

    Returns a numpy or pandas array of length n.
    """
    values = np.asarray(values, dtype=np.float64)
    absent = np.isnan(values)
    if column.minimum is None:
        absent, values = np.ones(len(values), dtype=bool), np.zeros(len(values))
    else:
        values = np.clip(np.where(absent, 0.0, values), *float_range(column))
    if column.kind == "date":
        return _dates(values, absent, column)
    if column.kind == "number":
        rounded = values if column.decimals is None else np.round(values, column.decimals)
        return _with_missing(rounded, absent, column.dtype)
    whole = np.clip(np.rint(values).astype(np.int64), column.minimum or 0, column.maximum or 0) \
        if abs(float_range(column)[1]) < 2 ** 62 else np.rint(values).astype(column.dtype.lower())
    return _with_missing(whole, absent, column.dtype)


def _with_missing(values, absent, dtype):
    if not absent.any():
        return pd.array(values, dtype=dtype) if _is_extension(dtype) else values.astype(dtype)
    if _is_extension(dtype):
        return pd.array(np.where(absent, None, values.astype(object)), dtype=dtype)
    return np.where(absent, np.nan, values).astype(dtype)


def _is_extension(dtype: str) -> bool:
    return pd.api.types.is_extension_array_dtype(pd.api.types.pandas_dtype(dtype))


def _dates(values, absent, column):
    ticks = np.rint(values).astype(np.int64) * NANOSECONDS[column.resolution]
    stamps = np.where(absent, np.int64(np.iinfo(np.int64).min), ticks).astype("datetime64[ns]")
    if not _is_extension(column.dtype):
        return stamps.astype(column.dtype)
    return pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert(pd.api.types.pandas_dtype(column.dtype).tz).array


def to_codes(values: pd.Series, column: Column) -> np.ndarray:
    """Categories and booleans as positions in ``column.categories``, int32 (n,); -1 where missing or unknown."""
    if column.kind == "boolean":
        codes = values.map({False: 0, True: 1}).astype("Float64").to_numpy(dtype=np.float64, na_value=-1)
        return codes.astype(np.int32)
    return pd.Index(list(column.categories), dtype=object).get_indexer(values.astype(object)).astype(np.int32)


def from_codes(codes: np.ndarray, column: Column):
    """The inverse of :func:`to_codes`, in the column's dtype; a numpy or pandas array of length n."""
    if column.dtype == "category":
        return pd.Categorical.from_codes(codes, categories=list(column.categories), ordered=column.ordered)
    pool = np.empty(len(column.categories) + 1, dtype=object)
    pool[:-1] = column.categories
    pool[-1] = pd.NA if _is_extension(column.dtype) else np.nan  # code -1 picks the last entry
    values = pool[codes]
    return pd.array(values, dtype=column.dtype) if _is_extension(column.dtype) else values.astype(column.dtype)


class TableEncoder:
    """A mixed table as a float32 matrix with entries in [0, 1], and back.

    Numbers, integers and dates are scaled by the schema's range to one column each; a category or boolean
    gets one column a value (one-hot); a column with missing values gets one more that says so (a missing
    number stands at 0.5, its neutral middle).
    """

    def __init__(self, schema: Schema):
        self.schema = schema
        self.names = [name for column in schema.columns for name in self._block_names(column)]

    @staticmethod
    def _block_names(column: Column) -> list[str]:
        names = [f"{column.name}={value}" for value in column.categories] if column.discrete else [column.name]
        return names + ([f"{column.name} is missing"] if column.missing else [])

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """float32 (rows, len(self.names)) in [0, 1]."""
        missing_columns = [name for name in self.schema.names if name not in table.columns]
        if missing_columns:
            raise TableError(f"The table lacks the column {missing_columns[0]!r}, which the encoder was made for.")
        return np.hstack([self._encode(table[column.name], column) for column in self.schema.columns])

    def _encode(self, values: pd.Series, column: Column) -> np.ndarray:
        width = len(self._block_names(column))
        block = np.zeros((len(values), width), dtype=np.float32)
        if column.discrete:
            codes = to_codes(values, column)
            known = np.flatnonzero(codes >= 0)
            block[known, codes[known]] = 1
        else:
            low, high = float_range(column)
            scaled = (to_float(values, column) - low) / ((high - low) or 1.0)
            block[:, 0] = np.where(np.isnan(scaled), 0.5, scaled)
        if column.missing:
            block[:, -1] = values.isna().to_numpy()
        return block

    def inverse_transform(self, matrix: np.ndarray) -> pd.DataFrame:
        """The table that a matrix of this encoder stands for: the largest entry of a one-hot block wins."""
        if matrix.ndim != 2 or matrix.shape[1] != len(self.names):
            raise TableError(f"Expected a matrix with {len(self.names)} columns, got shape {matrix.shape}.")
        columns, start = {}, 0
        for column in self.schema.columns:
            width = len(self._block_names(column))
            columns[column.name] = self._decode(np.asarray(matrix[:, start:start + width], np.float64), column)
            start += width
        return pd.DataFrame(columns)

    @staticmethod
    def _decode(block: np.ndarray, column: Column):
        if column.discrete:
            codes = block.argmax(axis=1) if block.shape[1] else np.full(len(block), -1)
            return from_codes(np.where(codes == len(column.categories), -1, codes), column)
        low, high = float_range(column)
        values = low + block[:, 0] * (high - low)
        return from_float(np.where(block[:, -1] > 0.5, np.nan, values) if column.missing else values, column)
