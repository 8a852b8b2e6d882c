"""One column as numbers and back: codes for categories, floats for numbers and dates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.schema import Column

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


def to_array(values: pd.Series, column: Column) -> np.ndarray:
    """int32 codes for a discrete column, float64 for any other."""
    return to_codes(values, column) if column.discrete else to_float(values, column)


def from_array(values: np.ndarray, column: Column):
    """The inverse of :func:`to_array`: a numpy or pandas array in the column's dtype."""
    return from_codes(values, column) if column.discrete else from_float(values, column)
