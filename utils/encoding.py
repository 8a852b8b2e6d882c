"""Mixed tables to numbers and back: codes for categories, floats for numbers and dates, a float32
matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.portable import portable
from utils.schema import Column, Schema, TableError

NANOSECONDS = {"D": 86_400_000_000_000, "s": 1_000_000_000, "us": 1_000, "ns": 1}


def to_float(values: pd.Series, column: Column) -> np.ndarray:
    """Numbers and dates as float64 (n,); NaN if missing; dates count their resolution since
    1970."""
    if column.kind != "date":
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    dates = values if values.dt.tz is None else values.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = (
        dates.astype("datetime64[ns]").to_numpy().astype(np.int64) / NANOSECONDS[column.resolution]
    )
    return np.where(values.isna().to_numpy(), np.nan, ticks)


def float_range(column: Column) -> tuple[float, float]:
    """The range of a number or date on the scale of :func:`to_float`; (nan, nan) if all is
    missing."""
    if column.minimum is None:
        return np.nan, np.nan
    if column.kind == "date":
        low, high = (
            pd.Timestamp(limit).value / NANOSECONDS[column.resolution]
            for limit in (column.minimum, column.maximum)
        )
        return low, high
    return float(column.minimum), float(column.maximum)


def grid_step(column: Column) -> float:
    """Distance between values: 1 for integers and dates, 10**-decimals for numbers, 0 if
    continuous."""
    if column.kind in ("integer", "date"):
        return 1.0
    return 0.0 if column.decimals is None else 10.0**-column.decimals


def from_float(values: np.ndarray, column: Column):
    """The inverse of :func:`to_float`: clipped to the column's range, rounded to its grid, in its
    dtype.

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
    return _with_missing(
        _whole(values, column.minimum or 0, column.maximum or 0), absent, column.dtype
    )


def _whole(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """Floats as whole numbers from low to high, also where float64 cannot hold these limits
    exactly."""
    inside = (values > float(low)) & (values < float(high))
    whole = np.rint(np.where(inside, values, 0.0)).astype(
        np.uint64 if high > np.iinfo(np.int64).max else np.int64
    )
    low, high = whole.dtype.type(low), whole.dtype.type(high)
    return np.where(inside, whole, np.where(values >= float(high), high, low))


def _with_missing(values, absent, dtype):
    if not absent.any():
        return pd.array(values, dtype=dtype) if _is_extension(dtype) else values.astype(dtype)
    if _is_extension(dtype):
        return pd.array(np.where(absent, None, values.astype(object)), dtype=dtype)
    return np.where(absent, np.nan, values).astype(dtype)


def _is_extension(dtype: str) -> bool:
    return pd.api.types.is_extension_array_dtype(pd.api.types.pandas_dtype(dtype))


def _dates(values, absent, column):
    unit = NANOSECONDS[column.resolution]
    low, high = (
        pd.Timestamp(limit or 0).value // unit for limit in (column.minimum, column.maximum)
    )
    ticks = _whole(values, low, high) * unit
    stamps = np.where(absent, np.int64(np.iinfo(np.int64).min), ticks).astype("datetime64[ns]")
    if not _is_extension(column.dtype):
        return stamps.astype(column.dtype)
    return (
        pd.DatetimeIndex(stamps)
        .tz_localize("UTC")
        .tz_convert(pd.api.types.pandas_dtype(column.dtype).tz)
        .array
    )


def to_codes(values: pd.Series, column: Column) -> np.ndarray:
    """Positions of the values in ``column.categories``, int32 (n,); -1 where missing or unknown."""
    if column.kind == "boolean":
        codes = (
            values.map({False: 0, True: 1})
            .astype("Float64")
            .to_numpy(dtype=np.float64, na_value=-1)
        )
        return codes.astype(np.int32)
    return (
        pd.Index(list(column.categories), dtype=object)
        .get_indexer(values.astype(object))
        .astype(np.int32)
    )


def from_codes(codes: np.ndarray, column: Column):
    """The inverse of :func:`to_codes`, in the column's dtype; a numpy or pandas array of length
    n."""
    if column.dtype == "category":
        levels = pd.Index(column.levels or column.categories, dtype=object)
        places = np.append(
            levels.get_indexer(pd.Index(column.categories, dtype=object)), -1
        )  # code -1 takes the last
        return pd.Categorical.from_codes(
            places[codes], categories=levels.infer_objects(), ordered=column.ordered
        )
    pool = np.empty(len(column.categories) + 1, dtype=object)
    pool[:-1] = column.categories
    pool[-1] = pd.NA if _is_extension(column.dtype) else np.nan  # code -1 picks the last entry
    values = pool[codes]
    return (
        pd.array(values, dtype=column.dtype)
        if _is_extension(column.dtype)
        else values.astype(column.dtype)
    )


class TableEncoder:
    """A mixed table as a float32 matrix with entries in [0, 1], and back.

    Numbers, integers and dates are scaled by the schema's range to one column each; a category or
    boolean gets one column a value (one-hot); a column with missing values gets one more that says
    so (a missing number stands at 0.5, its neutral middle).
    """

    def __init__(self, schema: Schema):
        self.schema = schema
        self.names = [name for column in schema.columns for name in self._block_names(column)]

    @staticmethod
    def _block_names(column: Column) -> list[str]:
        names = (
            [f"{column.name}={value}" for value in column.categories]
            if column.discrete
            else [column.name]
        )
        return names + ([f"{column.name} is missing"] if column.missing else [])

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """float32 (rows, len(self.names)) in [0, 1]."""
        missing_columns = [name for name in self.schema.names if name not in table.columns]
        if missing_columns:
            raise TableError(
                f"The table lacks the column {missing_columns[0]!r}, which the encoder was made for."
            )
        return np.hstack(
            [self._encode(table[column.name], column) for column in self.schema.columns]
        )

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
        """The table that a matrix of this encoder stands for: the largest entry of a one-hot block
        wins."""
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

    @staticmethod
    def _decode(block: np.ndarray, column: Column):
        if column.discrete:
            codes = block.argmax(axis=1) if block.shape[1] else np.full(len(block), -1)
            return from_codes(np.where(codes == len(column.categories), -1, codes), column)
        low, high = float_range(column)
        values = low + block[:, 0] * (high - low)
        return from_float(
            np.where(block[:, -1] > 0.5, np.nan, values) if column.missing else values, column
        )


@portable
class QuantileBins:
    """A numeric column as bins of about equal mass, and a value drawn within the bin.

    A value with the mass of a whole bin (a spike, such as a capital gain of 0) gets a bin of its
    own, and a column with few distinct values gets one bin for each. Inside a wide bin, values are
    drawn between ``knots`` quantiles by linear interpolation, so that the bins hold a few numbers
    and not the training rows.
    """

    def __init__(self, lower: np.ndarray, knots: np.ndarray):
        self.lower, self.knots = lower, knots

    @classmethod
    def fit(cls, values: np.ndarray, most_bins: int = 64, knots: int = 9) -> QuantileBins:
        """Make bins of float64 values (n,) without NaN."""
        distinct, counts = np.unique(values, return_counts=True)
        starts = _bin_starts(counts, most_bins)
        first = np.append(0, np.cumsum(counts))[starts]
        last = np.append(first[1:], len(values)) - 1
        positions = first[:, None] + np.rint(
            np.linspace(0, 1, knots) * (last - first)[:, None]
        ).astype(int)
        return cls(distinct[starts], np.sort(values)[positions])

    def __len__(self) -> int:
        return len(self.lower)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Bin numbers, int32 (n,), -1 where NaN; values below the first bin fall into it."""
        codes = np.searchsorted(self.lower, values, side="right").astype(np.int32) - 1
        return np.where(np.isnan(values), -1, codes.clip(min=0)).astype(np.int32)

    def draw(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A value within each bin, float64 (n,); NaN where the code is -1."""
        place = rng.random(len(codes)) * (self.knots.shape[1] - 1)
        left = place.astype(int)
        low, high = self.knots[codes, left], self.knots[codes, left + 1]
        return np.where(codes < 0, np.nan, low + (place - left) * (high - low))

    def to_dict(self) -> dict:
        """The arrays, for saving."""
        return {"lower": self.lower, "knots": self.knots}

    @classmethod
    def from_dict(cls, data: dict) -> QuantileBins:
        """The inverse of :meth:`to_dict`."""
        return cls(data["lower"], data["knots"])


def _bin_starts(counts: np.ndarray, most_bins: int) -> np.ndarray:
    """Positions among the distinct values at which a bin begins."""
    if len(counts) <= most_bins:
        return np.arange(len(counts))
    spike = counts >= counts.sum() / most_bins
    rest = np.where(spike, 0, counts)
    share = max(most_bins - int(spike.sum()), 1) / max(rest.sum(), 1)
    group = ((np.cumsum(rest) - rest) * share).astype(int)
    begins = np.append(True, (np.diff(group) > 0) | spike[1:] | spike[:-1])
    return np.flatnonzero(begins)
